"""V01 to V12 fire on a guest that has the illness, and are silent on the same guest without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from tests import corpus, ebs_page
from tests.ebs_page import Fields
from virt_agent.observe import reading_of
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import Case, Reading
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.nvme import NvmeController
from virt_collectors.record import replace

Plant = Callable[[MemoryTree], None]
NITRO, KVM = "D20-ec2-c5large", "qemu-q35-virtio"
ROOT = "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0"
STORE = "sys/devices/pci0000:00/0000:00:1f.0/nvme/nvme1"
VDA = "sys/devices/pci0000:00/0000:00:04.0/virtio2"
NIC = "sys/devices/pci0000:00/0000:00:03.0/virtio1"
NOON = 1795176000.0  # 2026-11-20 12:00 UTC


def write(path: str, content: bytes | str) -> Plant:
    """A file as bytes, a link as text."""
    return lambda tree: tree.add(path, content)


def both(*plants: Plant) -> Plant:
    def plant(tree: MemoryTree) -> None:
        for each in plants:
            each(tree)

    return plant


MOUNTED = both(
    write("proc/self/mountinfo", b"22 1 259:0 / / rw,relatime - ext4 /dev/nvme0n1p1 rw\n"),
    write("sys/dev/block/259:0", "../../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"),
    write("sys/class/block/nvme0n1", "../../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"),
    write("sys/module/nvme_core/parameters/max_retries", b"5\n"),
    write("etc/fstab", b"UUID=0b1c / ext4 defaults 0 1\n"),
)
INSTANCE_STORE = both(
    write(f"{STORE}/model", b"Amazon EC2 NVMe Instance Storage\n"),
    write(f"{STORE}/serial", b"AWS1\n"),
    write(f"{STORE}/state", b"live\n"),
    write(f"{STORE}/nvme1n1/size", b"8\n"),
    write(f"{STORE}/nvme1n1/device", "../../nvme1"),
    write(f"{STORE}/nvme1n1/queue/io_timeout", b"90000\n"),
    write("sys/class/nvme/nvme1", f"../../{STORE.removeprefix('sys/')}"),
    write("sys/block/nvme1n1", f"../{STORE.removeprefix('sys/')}/nvme1n1"),
)


def mapping(*devices: str) -> Plant:
    """The metadata service's block-device-mapping: ami, root, ebs1 and on."""

    def plant(tree: MemoryTree) -> None:
        answer = json.loads(tree.content("virt-agent/imds.json", 1 << 20))
        names = ["ami", "root", *(f"ebs{number}" for number in range(1, len(devices)))]
        above = "/latest/meta-data/block-device-mapping/"
        bodies = {above: "\n".join(names)} | {above + n: d for n, d in zip(names, (devices[0], *devices), strict=True)}
        answer["responses"].update({path: {"status": 200, "body": body} for path, body in bodies.items()})
        tree.add("virt-agent/imds.json", json.dumps(answer).encode())

    return plant


def statistics(time: float, fields: Fields = ebs_page.EMPTY, name: str = "nvme0") -> Plant:
    return both(write(f"virt-agent/nvme/{name}.d0", ebs_page.page(fields)), at(time))


def at(time: float) -> Plant:
    import datetime

    stamp = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat()
    return write("virt-agent/meta.json", json.dumps({"schema": 1, "time": stamp}).encode())


def reading(plant: Plant = lambda _tree: None, name: str = NITRO, monotonic: float | None = None) -> Reading:
    copy = corpus.copy(name)
    both(MOUNTED if name == NITRO else lambda _tree: None, plant)(copy)
    return replace(reading_of(corpus.facts(SnapshotHost(copy))), monotonic=monotonic)


def over(*plants: Plant, seconds: float = 60.0, patient: bool = True) -> Case:
    """Readings so far apart."""
    found = [reading(plant, monotonic=1000.0 + number * seconds) for number, plant in enumerate(plants)]
    before = found[-2] if len(found) > 1 else None
    return Case(found[-1], before=before, first=found[0], history=tuple(found[:-1]), patient=patient)


def counted(time: float, fields: Fields) -> Case:
    """A minute before noon with empty counters, and noon."""
    return over(statistics(NOON - time), statistics(NOON, fields), seconds=time)


def once(plant: Plant, name: str = NITRO) -> Case:
    return Case(reading(plant, name))


def settled(name: str, plant: Plant) -> Case:
    """The same in a reading before."""
    now = reading(plant, name, 1002.0)
    return Case(now, before=replace(now, monotonic=1000.0), history=(replace(now, monotonic=1000.0),))


VOLUMES = ("xvda", "sdf")
V12_ROOT = both(
    write("proc/self/mountinfo", b"22 1 254:0 / / rw - ext4 /dev/vda rw\n"),
    write("sys/dev/block/254:0", f"../../{VDA.removeprefix('sys/')}/block/vda"),
    write("sys/class/block/vda", f"../../{VDA.removeprefix('sys/')}/block/vda"),
)

# code: the sick guest, the healthy one, the subject, the severity
ILLNESSES: dict[str, tuple[Callable[[], Case], Callable[[], Case], str, str]] = {
    "V01": (lambda: settled(NITRO, write(f"{ROOT}/state", b"dead\n")), lambda: settled(NITRO, at(NOON)), "nvme0", "critical"),
    "V02": (lambda: once(write(f"{ROOT}/nvme0n1/queue/io_timeout", b"30000\n")), lambda: once(at(NOON)), "nvme0n1", "warning"),
    "V03": (lambda: once(both(INSTANCE_STORE, write(f"{STORE}/nvme1n1/queue/io_timeout", b"4294966296\n"))),
            lambda: once(INSTANCE_STORE), "nvme1n1", "info"),
    "V04": (lambda: once(write("sys/module/nvme_core/parameters/max_retries", b"2\n")), lambda: once(at(NOON)), "nvme_core",
            "info"),
    "V05": (lambda: counted(60, Fields(read_ops=100, read_time=1_500_000)), lambda: counted(60, Fields(read_ops=100, read_time=90_000)),
            "nvme0n1", "info"),
    "V06": (lambda: counted(60, Fields(volume_throughput=30_000_000)), lambda: counted(60, Fields(volume_throughput=2_900_000)),
            "nvme0n1", "info"),
    "V07": (lambda: counted(60, Fields(instance_iops=60_000_000)), lambda: counted(60, Fields(volume_iops=60_000_000)),
            "nvme0n1", "info"),
    "V08": (lambda: over(*(statistics(NOON + s, Fields(queue=65)) for s in (0, 30, 60)), seconds=30),
            lambda: over(*(statistics(NOON + s, Fields(queue=q)) for s, q in ((0, 65), (30, 64), (60, 65))), seconds=30),
            "nvme0n1", "info"),
    "V09": (lambda: once(write("virt-agent/nvme/nvme0.d0", bytes(4096))), lambda: once(statistics(NOON)), "nvme0", "info"),
    "V10": (lambda: settled(NITRO, mapping(*VOLUMES)), lambda: settled(NITRO, mapping("xvda")), "EBS volumes", "info"),
    "V11": (lambda: once(both(INSTANCE_STORE, write("etc/fstab", b"/dev/nvme1n1 /srv ext4 defaults 0 2\n"))),
            lambda: once(INSTANCE_STORE), "/srv", "warning"),
    "V12": (lambda: settled(KVM, both(V12_ROOT, write(f"{VDA}/status", b"0x0000004f\n"))), lambda: settled(KVM, V12_ROOT), "vda",
            "critical"),
}  # fmt: skip


def sick(code: str) -> Case:
    return ILLNESSES[code][0]()


def healthy(code: str) -> Case:
    return ILLNESSES[code][1]()


def judged(case: Case, confirming: bool = False) -> Judgement:
    mine = [rule for rule in rules.RULES if rule.code in ILLNESSES]
    return evaluate(mine, case, confirming=confirming)


def hits(case: Case, code: str) -> list[tuple[str, str]]:
    return [(finding.subject, finding.severity) for finding in judged(case).findings if finding.code == code]


@pytest.mark.parametrize("code", ILLNESSES)
def test_the_illness_is_found(code: str) -> None:
    found = judged(sick(code), confirming=True)
    _, _, subject, severity = ILLNESSES[code]
    assert [(f.subject, f.severity) for f in found.findings if f.code == code] == [(subject, severity)]
    assert found.states[code] == severity
    (finding,) = (f for f in found.findings if f.code == code)
    assert finding.evidence
    assert finding.remedy
    for text in (finding.summary, *finding.evidence, *finding.remedy):
        assert text.isascii()
        assert "|" not in text


@pytest.mark.parametrize("code", ILLNESSES)
def test_the_healthy_guest_is_well(code: str) -> None:
    assert judged(healthy(code), confirming=True).states[code] == "ok"


def test_every_rule_has_its_illness() -> None:
    assert {rule.code for rule in rules.RULES if rule.code[0] == "V"} == set(ILLNESSES)


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_no_machine_of_the_corpus_is_told_anything_loud(name: str) -> None:
    case = Case(reading_of(corpus.facts(corpus.host(name))))
    assert [f.summary for f in judged(case).findings if f.severity != "info"] == []


# V01


def states(*words: str, seconds: float = 6.0, patient: bool = True, mounts: bool = True) -> Case:
    nowhere = write("proc/self/mountinfo", b"")
    plants = [both(write(f"{ROOT}/state", f"{word}\n".encode()), *([] if mounts else [nowhere])) for word in words]
    return over(*plants, seconds=seconds, patient=patient)


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        (["live", "live", "resetting"], "warning"),
        (["live", "resetting", "resetting"], "warning"),
        (["resetting", "resetting", "resetting"], "critical"),
        (["resetting", "live", "resetting"], "warning"),
        (["resetting", "connecting", "resetting"], "critical"),
        (["live", "live", "dead"], "critical"),
        (["deleting (no IO)"], "critical"),
        (["new"], "warning"),
    ],
)
def test_a_reset_counts_as_dead_only_after_ten_seconds(words: Sequence[str], severity: str) -> None:
    assert hits(states(*words), "V01") == [("nvme0", severity)]


def test_check_with_its_second_reading_after_2_s_calls_no_reset_dead() -> None:
    case = states("resetting", "resetting", seconds=2.0, patient=False)
    assert hits(case, "V01") == [("nvme0", "warning")]


def test_the_ten_seconds_are_a_setting() -> None:
    case = replace(states("resetting", "resetting"), settings={"V01.reset_seconds": 5.0})
    (rule,) = (rule for rule in rules.RULES if rule.code == "V01")
    assert [hit.severity for hit in rule.check(case)] == ["critical"]


def test_a_dead_controller_that_nothing_uses_is_a_warning() -> None:
    assert hits(states("dead", mounts=False), "V01") == [("nvme0", "warning")]


def test_a_dead_controllers_disk_is_gone_while_it_is_mounted() -> None:
    now = reading(write(f"{ROOT}/state", b"dead\n"))
    (controller,) = now.facts.nvme or ()
    (mount,) = now.facts.mounts or ()
    facts = replace(now.facts, nvme=(replace(controller, disks=()),), block_devices=(),
                    mounts=(replace(mount, device=None, disks=()),))  # fmt: skip
    found = judged(Case(reading_of(facts))).findings
    assert [(f.code, f.severity) for f in found] == [("V01", "critical")]
    assert "mounted on /" in found[0].evidence[1]


@pytest.mark.parametrize(("field", "value"), [("transport", "tcp"), ("type", "discovery"), ("type", "admin")])
def test_fabrics_and_controllers_without_disks_are_not_judged(field: str, value: str) -> None:
    now = reading(write(f"{ROOT}/state", b"connecting\n"))
    (controller,) = now.facts.nvme or ()
    alone = Case(reading_of(replace(now.facts, nvme=(replace(controller, **{field: value}),))))
    assert "V01" not in judged(alone).states


def test_a_blip_is_no_finding_and_a_suspicion_is_confirmed() -> None:
    blip = judged(states("live", "dead"), confirming=True)
    assert blip.states["V01"] == "ok"
    alone = judged(states("dead"), confirming=True)
    assert (alone.states["V01"], alone.suspects) == ("not_sampled", ("V01",))


def test_a_state_that_could_not_be_read_is_not_healthy() -> None:
    now = reading(write("virt-agent/errors.json", json.dumps({f"{ROOT}/state": "EIO"}).encode()))
    found = judged(Case(now))
    assert found.states["V01"] == "unknown"
    assert found.blind == ("V01",)


def test_bare_metal_of_ec2_is_judged_and_a_laptop_is_not() -> None:
    metal = Case(reading(name="D27-ec2-i3metal"))
    assert judged(metal).states["V01"] == "ok"
    laptop = replace(metal.now, verdict=replace(metal.now.verdict, cloud=None))
    assert "V01" not in judged(Case(laptop)).states


# statistics


def test_rates_are_not_judged_by_one_reading() -> None:
    found = judged(once(statistics(NOON, Fields(volume_iops=10**9, queue=999))))
    assert {found.states[code] for code in ("V05", "V06", "V07", "V08")} == {"not_sampled"}


@pytest.mark.parametrize("code", ["V05", "V06", "V07", "V08", "V09"])
def test_what_root_alone_may_read_is_unknown_and_never_ok(code: str) -> None:
    refused = write("virt-agent/errors.json", json.dumps({"virt-agent/nvme/nvme0.d0": "EACCES"}).encode())
    assert judged(over(refused, refused)).states[code] == "unknown"
    (rule,) = (rule for rule in rules.RULES if rule.code == code)
    assert rule.privilege == "NVMe statistics"


def test_a_page_that_the_helper_left_long_ago_judges_nothing() -> None:
    case = counted(60, ebs_page.EMPTY)
    (controller,) = case.now.facts.nvme or ()
    old = replace(controller, statistics_time=NOON - 301)
    stale = replace(case, now=replace(case.now, facts=replace(case.now.facts, nvme=(old,))))
    assert judged(case).states["V06"] == "ok"
    assert judged(stale).states["V06"] == "unknown"


def test_one_page_seen_twice_is_no_step() -> None:
    same = statistics(NOON, Fields(volume_iops=5))
    assert hits(over(same, same), "V06") == []


def test_counters_that_fell_began_anew() -> None:
    case = over(statistics(NOON - 60, Fields(volume_iops=10**9)), statistics(NOON, Fields(volume_iops=30_000_000)))
    assert hits(case, "V06") == [("nvme0n1", "info")]


def test_another_volume_at_the_same_place_is_no_step() -> None:
    other = both(statistics(NOON - 60), write(f"{ROOT}/serial", b"vol0ffff\n"))
    assert hits(over(other, statistics(NOON, Fields(volume_iops=30_000_000))), "V06") == []


def test_few_requests_make_no_mean() -> None:
    assert hits(counted(60, Fields(read_ops=49, read_time=49_000_000)), "V05") == []
    assert hits(counted(60, Fields(read_ops=50, read_time=50_000_000)), "V05") == [("nvme0n1", "info")]


def test_a_long_queue_must_last_a_minute() -> None:
    queue = [statistics(NOON + second, Fields(queue=100)) for second in (0, 30)]
    assert hits(over(*queue, seconds=30), "V08") == []
    assert hits(over(*queue, seconds=30, patient=False), "V08") == [("nvme0n1", "info")]


def test_an_instance_store_disks_limits_are_its_own() -> None:
    magic = ebs_page.INSTANCE_STORE_MAGIC
    pages = [statistics(NOON - 60, Fields(magic), "nvme1"),
             statistics(NOON, Fields(magic, instance_iops=9_000_000, volume_iops=9_000_000), "nvme1")]  # fmt: skip
    found = judged(over(*(both(INSTANCE_STORE, page) for page in pages))).findings
    assert [(f.code, f.subject) for f in found] == [("V07", "nvme1n1")]
    assert found[0].summary == "instance store disk nvme1n1's limit was used up: IOPS 15% of the time"


def test_limits_and_advice_are_info_and_decide_no_status() -> None:
    for rule in rules.RULES:
        if rule.code in ("V03", "V04", "V05", "V06", "V07", "V08", "V09", "V10"):
            assert rule.severity == "info"


# settings and configuration


def test_ebs_with_ubuntus_endless_timeout_is_well() -> None:
    """nvme_core.io_timeout=4294967295 reads 4294966296 in the queue, where the u32 wraps."""
    assert hits(once(write(f"{ROOT}/nvme0n1/queue/io_timeout", b"4294966296\n")), "V02") == []


def test_a_single_controller_keeps_its_name() -> None:
    plant = write("etc/fstab", b"/dev/nvme0n1p1 / ext4 defaults 0 1\n")
    assert hits(once(plant), "V11") == [("/", "info")]


@pytest.mark.parametrize(
    "source", ["UUID=1-2", "LABEL=nvme", "/dev/xvdf", "/dev/disk/by-id/nvme-Amazon_vol0", "#/dev/nvme1n1"]
)
def test_stable_names_in_fstab_are_well(source: str) -> None:
    plant = both(INSTANCE_STORE, write("etc/fstab", f"{source} /srv ext4 defaults 0 2\n".encode()))
    assert hits(once(plant), "V11") == []


def test_the_root_counts_once_though_it_is_mapped_as_ami_and_root() -> None:
    assert hits(once(mapping("/dev/xvda")), "V10") == []
    (finding,) = (f for f in judged(once(mapping("/dev/xvda", "sdf", "sdg"))).findings if f.code == "V10")
    assert finding.summary == "3 EBS volumes were mapped at the last start, 1 are here"


EBS2 = both(
    INSTANCE_STORE,
    write(f"{STORE}/model", b"Amazon Elastic Block Store\n"),
    write(f"{STORE}/serial", b"vol02\n"),
)


def named(**names: str) -> Plant:
    """The names under which EC2 attached the volumes, as their controllers tell them."""
    return write("virt-agent/nvme/names.json", json.dumps(names).encode())


def missing(*plants: Plant) -> list[tuple[str, str]]:
    case = settled(NITRO, both(*plants))
    return [(f.subject, f.summary) for f in judged(case).findings if f.code == "V10"]


def test_where_the_controllers_tell_their_names_the_missing_volume_is_named() -> None:
    told = [(device, f"EBS volume {device} was mapped at the last start and is not here") for device in ("sdf", "sdg")]
    assert missing(mapping("xvda", "sdf", "sdg"), named(nvme0="xvda")) == told
    assert missing(mapping("xvda", "sdf"), EBS2, named(nvme0="xvda", nvme1="sdf")) == []


def test_a_volume_that_came_does_not_stand_for_one_that_went() -> None:
    plants = (mapping("xvda", "sdf"), EBS2)
    assert [subject for subject, _ in missing(*plants, named(nvme0="xvda", nvme1="sdh"))] == ["sdf"]
    assert missing(*plants) == [], "by their number all are here"


@pytest.mark.parametrize("names", [{}, {"nvme0": "xvda"}, {"nvme0": "xvda", "nvme1": ""}])
def test_where_a_controller_tells_no_name_volumes_are_counted(names: dict[str, str]) -> None:
    counted = missing(mapping("xvda", "sdf", "sdg"), EBS2, named(**names))
    assert counted == [("EBS volumes", "3 EBS volumes were mapped at the last start, 2 are here")]


def test_the_root_is_never_missing_whatever_its_controller_calls_it() -> None:
    assert missing(mapping("sda1"), named(nvme0="nvme")) == []


def test_where_no_ebs_model_is_seen_none_can_be_missing() -> None:
    case = once(both(mapping(*VOLUMES), write(f"{ROOT}/model", b"QEMU NVMe Ctrl\n")))
    assert "V10" not in judged(case).states


# V12


@pytest.mark.parametrize(
    ("status", "severity"),
    [("0x8f", "critical"), ("0x4f", "critical"), ("0xcf", "critical"), ("0x3", "warning"), ("0x0", "warning"),
     ("0xf", None), ("0x7", None)],
)  # fmt: skip
def test_status_of_the_disk_that_carries_the_root(status: str, severity: str | None) -> None:
    case = once(both(V12_ROOT, write(f"{VDA}/status", f"{status}\n".encode())), KVM)
    assert hits(case, "V12") == ([("vda", severity)] if severity else [])


def test_a_disk_that_nothing_uses_is_a_warning() -> None:
    nowhere = write("proc/self/mountinfo", b"")
    assert hits(once(both(nowhere, write(f"{VDA}/status", b"0x4f\n")), KVM), "V12") == [("vda", "warning")]


def test_the_card_of_the_default_route_is_critical() -> None:
    route = (
        b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t1\t0003\t0\t0\t0\t00000000\n"
    )
    plant = both(write("proc/net/route", route), write(f"{NIC}/status", b"0x8f\n"))
    assert hits(once(plant, KVM), "V12") == [("eth0", "critical")]


def test_a_scsi_disk_is_found_below_its_host() -> None:
    plant = both(
        write("proc/self/mountinfo", b"22 1 8:0 / / rw - ext4 /dev/sda rw\n"),
        write("sys/dev/block/8:0", "../../devices/pci0000:00/0000:00:02.0/virtio0/host6/target6:0:0/6:0:0:0/block/sda"),
        write(
            "sys/class/block/sda", "../../devices/pci0000:00/0000:00:02.0/virtio0/host6/target6:0:0/6:0:0:0/block/sda"
        ),
        write("sys/devices/pci0000:00/0000:00:02.0/virtio0/status", b"0x4f\n"),
    )
    assert hits(once(plant, KVM), "V12") == [("sda", "critical")]


def test_a_device_without_driver_is_no_failure() -> None:
    """Nobody took it: a host may offer what this kernel has no use for."""
    now = reading(name=KVM)
    free = tuple(replace(device, driver=None, status=0) for device in now.facts.virtio or ())
    assert hits(Case(reading_of(replace(now.facts, virtio=free))), "V12") == []


def test_facts_of_a_controller_are_enough_for_the_rules() -> None:
    now = reading()
    facts = replace(now.facts, nvme=(NvmeController("nvme7"),))
    assert judged(Case(reading_of(facts))).findings == ()
