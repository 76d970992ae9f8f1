"""The rules on the kernel log: each finds its line on a guest, and forgets what is old, healed or gone."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests import corpus
from tests.test_rules import patient
from virt_agent.observe import reading_of
from virt_agent.rules import registry
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import ADVICE, CRITICAL, INFO, WARNING, Case, Finding, Reading
from virt_agent.rules.kernel_log.history import HOURS, disk_gone, disk_of
from virt_agent.selection import Selection
from virt_collectors.block import BlockDevice
from virt_collectors.clock import Clock
from virt_collectors.ethtool import DriverReport
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.kernel_log import parse_log
from virt_collectors.kernel_patterns import of
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount
from virt_collectors.record import replace

NOW = 1_763_606_590.0  # 2025-11-20 02:43:10 UTC
UPTIME = 50_000.0
AT = UPTIME - 600  # when the lines of the tests were printed: ten minutes ago
RULES = {rule.code: rule for rule in registry.RULES if rule.needs == ("kernel_log",)}
XEN, EC2, VIRTIO, SRIOV, DOM0 = "pvhvm", "D20-ec2-c5large", "qemu-q35-virtio", "D09-ec2-i2-hvm", "dom0"
GB = 1 << 30


def line(message: str, *more: str, at: float = AT) -> str:
    """Lines of the log, a second apart."""
    return "".join(f"[{at + number:12.6f}] {each}\n" for number, each in enumerate((message, *more)))


def guest(
    name: str, text: str | None, uptime: float | None = UPTIME, current: str | None = None, **facts: Any
) -> Reading:
    """A machine with that kernel log, up for half a day; on Xen its disks are mounted and its card has the route."""
    recorded = name in corpus.GUESTS and name != DOM0
    known = corpus.facts(SnapshotHost(patient(name)) if recorded else corpus.host(name))
    old = known.clock
    time = Clock(current or (old.current if old else None) or "tsc", old.available if old else (), uptime, NOW)
    log = None if text is None else parse_log(text)
    return reading_of(
        replace(known, **{"clock": time, "kernel_log": log, "ethtool": ENA if name == EC2 else None, **facts})
    )


def judged(reading: Reading, **settings: float) -> Judgement:
    chosen = Selection(settings={f"kernel_log.{name}": value for name, value in settings.items()})
    return evaluate(tuple(RULES.values()), Case(reading), selection=chosen)


def finding(reading: Reading, code: str, **settings: float) -> Finding | None:
    return next((each for each in judged(reading, **settings).findings if each.code == code), None)


def causes(reading: Reading) -> dict[str, str | None]:
    """What findings of the log have in common with those of all rules."""
    found = evaluate(registry.RULES, Case(reading)).findings
    return {each.code: each.same_cause_as for each in found if each.code[0] == "L"}


ENA = (DriverReport("ens5", "ena", bus_info="0000:00:05.0"),)


def xenbus(state: str, name: str = "vbd-51728", driver: str | None = "vbd") -> dict[str, Any]:
    """The facts of a guest in which one frontend is in that state."""
    known = corpus.facts(SnapshotHost(patient("pv"))).xenbus
    assert known
    changed = (replace(each, state=state, driver=driver) if each.name == name else each for each in known.frontends)
    return {"xenbus": replace(known, frontends=tuple(changed))}


def nvme(state: str) -> dict[str, Any]:
    """The facts of an EC2 guest whose controller is in that state, mounted."""
    known = corpus.facts(corpus.host(EC2))
    assert known.nvme
    assert known.block_devices
    return {
        "nvme": tuple(replace(each, state=state) for each in known.nvme),
        "block_devices": tuple(replace(each, state=state) for each in known.block_devices),
        "mounts": (Mount("/", "/dev/nvme0n1p1", "ext4", False, "nvme0n1p1", ("nvme0n1",)),),
    }


def halted(word: str | None) -> dict[str, Any]:
    """The facts of a guest whose root file system says that of itself."""
    return {"mounts": (Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",), word),)}


def virtio(driver: str | None) -> dict[str, Any]:
    known = corpus.facts(corpus.host(VIRTIO)).virtio
    assert known
    return {"virtio": tuple(replace(each, driver=driver) if each.name == "virtio1" else each for each in known)}


NETFRONT_OLD = "xen_netfront: backend does not support copying receive path"
RESET = "ena 0000:00:05.0: Device reset completed successfully"
MEMORY = Memory(GB, balloon_target_bytes=GB, balloon_current_bytes=GB)
SHORT = {"memory": replace(MEMORY, balloon_current_bytes=GB // 2)}


class Ill(NamedTuple):
    """A machine, what its log says, the facts beside it, and what is found; and how the same one is when it is well."""

    name: str
    text: str
    subject: str
    severity: str
    facts: dict[str, Any] = {}
    well: str | None = None  # its log; None for one that says nothing
    well_facts: dict[str, Any] | None = None  # None for the same


def _sample(code: str, name: str, subject: str, severity: str, at: int = 0, well: str | None = None) -> Ill:
    return Ill(name, line(of(code).samples[at]), subject, severity, well=well)


def _ena(code: str, severity: str = WARNING, well: str | None = RESET) -> Ill:
    """Well where the reset that follows succeeded."""
    message = of(code).samples[0]
    return Ill(EC2, line(message), "ens5", severity, well=line(message, well) if well else None)


ILLNESSES: dict[str, Ill] = {
    "L01": _sample("L01", XEN, "xvdb", CRITICAL),
    "L02": _sample("L02", XEN, "xvdb", CRITICAL),
    "L03": Ill(XEN, line("blkfront: xvda: flush diskcache: enabled; persistent grants: disabled; indirect descriptors:"
                         " enabled; bounce buffer: enabled"), "xvda", INFO, well=line(*of("L03").samples)),
    "L04": Ill(XEN, line(*["blkfront: xvda: flush op failed"] * 3), "xvda", WARNING),
    "L05": _sample("L05", XEN, "blkfront", WARNING),
    "L06": Ill("pv", line(of("L06").samples[0]), "xvdb", CRITICAL, xenbus("Closing"), line(of("L06").samples[0]), {}),
    "L07": _sample("L07", XEN, "eth0", CRITICAL),
    "L08": _sample("L08", XEN, "eth0", WARNING),
    "L09": _sample("L09", XEN, "xen-netfront", WARNING),
    "L10": Ill("pv", line(NETFRONT_OLD), "vif-0", WARNING, xenbus("InitWait", "vif-0", "vif"), line(NETFRONT_OLD), {}),
    "L11": Ill("pv", line(of("L11").samples[0]), "xvdb", CRITICAL, xenbus("Initialised"), line(of("L11").samples[0]), {}),
    "L12": _sample("L12", XEN, "vfb-0", INFO),
    "L13": Ill("pv", line(of("L13").samples[0]), "vif-0", INFO, xenbus("Initialising", "vif-0", None),
               line(of("L13").samples[0]), {}),
    "L14": _sample("L14", XEN, "boot", INFO),
    "L15": _sample("L15", XEN, "grant table", WARNING),
    "L16": _sample("L16", XEN, "grant table", WARNING),
    "L17": Ill(XEN, line(of("L17").samples[0]), "balloon", WARNING, SHORT, line(of("L17").samples[0]), {"memory": MEMORY}),
    "L18": _sample("L18", XEN, "balloon", WARNING),
    "L19": Ill(XEN, line(of("L19").samples[0]), "balloon", WARNING, SHORT, line(of("L19").samples[0]), {"memory": MEMORY}),
    "L20": Ill("hvm-nopv", line(of("L20").samples[0]), "platform device", WARNING),
    "L21": Ill("hvm-nopv", line(of("L21").samples[0]), "eth0", INFO),
    "L22": _sample("L22", XEN, "clock", INFO),
    "L23": Ill(XEN, line(of("L23").samples[0]), "tsc", WARNING, {"clock": Clock("hpet", (), UPTIME, NOW)}),
    "L24": Ill(XEN, line(of("L24").samples[0]), "tsc", WARNING, {"clock": Clock("acpi_pm", (), UPTIME, NOW)}),
    "L25": Ill(XEN, line(of("L25").samples[0]), "xen", INFO, well=line(of("L25").samples[0], at=1.0)),
    "L26": _ena("L26"),
    "L27": _ena("L27"),
    "L28": Ill(EC2, line(RESET, RESET, RESET), "ens5", WARNING, well=line(RESET, RESET)),
    "L29": _ena("L29", CRITICAL),
    "L30": _ena("L30"),
    "L31": _ena("L31"),
    "L32": _ena("L32"),
    "L33": Ill(EC2, line(*[of("L33").samples[0]] * 3), "ens5", WARNING, well=line(of("L33").samples[0], RESET)),
    "L34": _ena("L34"),
    "L35": _ena("L35"),
    "L36": _ena("L36", well=None),
    "L37": Ill(EC2, line(*[of("L37").samples[0]] * 3), "ens5", WARNING, well=line(of("L37").samples[0], RESET)),
    "L38": _ena("L38", INFO, well=None),
    "L39": _sample("L39", EC2, "nvme0", WARNING),
    "L40": Ill(EC2, line(of("L40").samples[0]), "nvme0", CRITICAL, nvme("dead"), line(of("L40").samples[0]), nvme("live")),
    "L41": Ill(EC2, line("nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10"), "nvme0", CRITICAL,
               nvme("dead"), line("nvme nvme0: controller is down; will reset: CSTS=0x3"), nvme("live")),
    "L42": Ill(EC2, line("nvme nvme0: Disabling device after reset failure: -19"), "nvme0", CRITICAL, nvme("dead"),
               line("nvme nvme0: IO queues lost", "nvme nvme0: 2/0/0 default/read/poll queues"), nvme("resetting")),
    "L43": Ill(EC2, line(of("L43").samples[1]), "nvme0n1", WARNING),
    "L44": _sample("L44", XEN, "eth0", WARNING),
    "L45": Ill(XEN, line("Buffer I/O error on dev xvdb, logical block 7, lost async page write"), "xvdb", CRITICAL),
    "L46": _sample("L46", XEN, "xvdb", CRITICAL),
    "L47": Ill(XEN, line("EXT4-fs (xvda): Remounting filesystem read-only"), "xvda", CRITICAL, halted("ro"),
               line("EXT4-fs (xvda): Remounting filesystem read-only"), halted(None)),
    "L48": Ill(XEN, line("EXT4-fs error (device xvda): ext4_lookup:1706: inode #131077: comm ls: x"), "xvda", CRITICAL,
               well=line("EXT4-fs error (device xvda): x", "EXT4-fs (xvda): mounted filesystem with ordered data mode.")),
    "L49": _sample("L49", XEN, "jbd2/xvdb-8[923]", WARNING),
    "L50": _sample("L50", XEN, "CPU 1", WARNING),
    "L51": _sample("L51", XEN, "irq4", INFO),
    "L52": _sample("L52", SRIOV, "eth0", WARNING, at=1),
    "L53": _sample("L53", VIRTIO, "eth0", WARNING),
    "L54": Ill(VIRTIO, line(of("L54").samples[0]), "virtio1", WARNING, virtio(None), line(of("L54").samples[0]), {}),
    "L55": _sample("L55", XEN, "event channels", CRITICAL),
}  # fmt: skip


def sick(code: str) -> Case:
    """A guest with the illness."""
    ill = ILLNESSES[code]
    return Case(guest(ill.name, ill.text, **ill.facts))


def healthy(code: str) -> Case:
    """The same kind of guest without it."""
    ill = ILLNESSES[code]
    return Case(guest(ill.name, ill.well or "", **(ill.facts if ill.well_facts is None else ill.well_facts)))


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_finds_its_line(code: str) -> None:
    ill = ILLNESSES[code]
    judgement = evaluate(tuple(RULES.values()), sick(code))
    found = {each.code: each for each in judgement.findings}
    assert set(found) == {code}, "and none but that"
    assert (found[code].subject, found[code].severity) == (ill.subject, ill.severity)
    assert judgement.states[code] == ill.severity
    assert found[code].since == ("last 02:33:10 UTC" if ill.text.count("\n") == 1 else "last 02:33:12 UTC")
    assert found[code].evidence[0].startswith(f"kernel log: [{AT + ill.text.count(chr(10)) - 1:.6f}] ")
    for text in (found[code].summary, *found[code].evidence, *found[code].remedy):
        assert text.isascii()
        assert "|" not in text
        assert "SUBJECT" not in text
        assert "DEVICE" not in text
    assert len(found[code].summary) <= 100


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_is_silent_on_a_healthy_guest(code: str) -> None:
    judgement = evaluate(tuple(RULES.values()), healthy(code))
    assert judgement.states[code] == "ok"
    assert code not in {each.code for each in judgement.findings}


@pytest.mark.parametrize("code", ILLNESSES)
def test_what_is_a_day_old_is_history(code: str) -> None:
    ill = ILLNESSES[code]
    later = {
        **ill.facts,
        **({"clock": replace(ill.facts["clock"], uptime_seconds=AT + 86_401)} if "clock" in ill.facts else {}),
    }
    reading = guest(ill.name, ill.text, uptime=AT + 86_402, **later)
    assert judged(reading, hours=24).states[code] == "ok" or ill.text.count("\n") > 1
    assert judged(reading, hours=20).states[code] == "ok"
    assert judged(reading, hours=48).states[code] == ill.severity


def test_every_line_has_its_rule() -> None:
    assert set(ILLNESSES) == set(RULES) == {f"L{number:02d}" for number in range(1, 56)}
    assert all(HOURS in rule.settings and rule.privilege == "kernel log" for rule in RULES.values())
    assert all(rule.avoid.endswith(".") for rule in RULES.values())
    assert all(rule.severity == INFO for rule in RULES.values() if rule.kind == ADVICE)
    assert {code for code, rule in RULES.items() if rule.severity == CRITICAL} == {
        *("L01", "L02", "L07", "L29", "L42", "L45", "L46", "L47", "L48", "L55"),
    }  # fmt: skip


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_an_unreadable_log_makes_no_rule_ok(name: str) -> None:
    reading = guest(name, None)
    states = judged(reading).states
    assert set(states.values()) <= {"unknown"}
    assert set(states) == set(judged(guest(name, "")).states), "and none that does not apply unknown"


@pytest.mark.parametrize("name", ["D27-ec2-i3metal", "D106-xen-host-booted-without-xen", "D76-gce-metal"])
def test_on_bare_metal_no_rule_applies(name: str) -> None:
    everything = line(*[pattern.samples[0] for pattern in map(of, ILLNESSES)])
    assert judged(guest(name, everything)).states == {}


@pytest.mark.parametrize("name", ["pv", "pvh", "pvhvm", "dom0", "dom0-pvh", "nitro-like", "qemu-q35-virtio"])
def test_a_recorded_healthy_guest_is_healthy(name: str) -> None:
    judgement = evaluate(tuple(RULES.values()), Case(reading_of(corpus.facts(corpus.host(name)))))
    assert [each.code for each in judgement.findings if each.severity != INFO] == []
    assert len(judgement.states) <= 40


def test_a_journal_stands_in_for_the_ring() -> None:
    journal = parse_log(line("xvdb disabled for further use"))
    found = finding(guest(XEN, None, kernel_journal=journal), "L02")
    assert found
    assert found.severity == CRITICAL


# when


def test_time_asleep_does_not_age_a_line() -> None:
    """Uptime counts a suspend, the kernel's stamps do not: two days of sleep, and the line is an hour old."""
    text = line("xvdb disabled for further use", at=1000.0)
    clock = Clock("xen", (), uptime_seconds=4600.0 + 172_800, time=NOW, suspended_seconds=172_800.0)
    found = finding(guest(XEN, text, clock=clock), "L02")
    assert found
    assert found.since == "last 01:43:10 UTC"


@pytest.mark.parametrize(
    ("clock", "since"),
    [
        (Clock("xen", (), UPTIME, NOW), "last 02:33:10 UTC"),
        (Clock("xen", (), AT + 80_000, NOW), "last 2025-11-19 04:29:50 UTC"),
        (Clock("xen", (), UPTIME, None), "last 10 min ago"),
        (Clock("xen", (), AT + 10_800, None), "last 3 h ago"),
        (Clock("xen", (), AT + 5, None), "last 5 s ago"),
        (Clock("xen", (), AT - 5, None), "last 0 s ago"),
        (Clock("xen", (), None, NOW), None),
        (None, None),
    ],
)
def test_since_when(clock: Clock | None, since: str | None) -> None:
    found = finding(guest(XEN, line("xvdb disabled for further use"), clock=clock), "L02")
    assert found, "what cannot be dated counts as recent"
    assert found.since == since


def test_a_line_without_a_stamp_counts_as_recent() -> None:
    assert finding(guest(XEN, "[Thu Nov 20 03:12:44 2025] xvdb disabled for further use\n"), "L02")


def test_resets_are_counted_by_the_day() -> None:
    """Three in a month are few, three in a day are many."""
    month = "".join(line(RESET, at=day * 864_000.0) for day in range(1, 4))
    assert judged(guest(EC2, month, uptime=2_593_000.0)).states["L28"] == "ok"
    day = "".join(line(RESET, at=2_592_000.0 + hour * 3600) for hour in range(3))
    assert judged(guest(EC2, day, uptime=2_600_000.0)).states["L28"] == WARNING


# healed


@pytest.mark.parametrize("code", ["L26", "L27", "L29", "L30", "L31", "L32", "L34", "L35"])
def test_a_reset_heals_what_was_before_it_on_the_same_card(code: str) -> None:
    message = of(code).samples[0]
    other = RESET.replace("00:05.0", "00:06.0")
    again = "ena 0000:00:05.0: Elastic Network Adapter (ENA) found at mem febf4000, mac addr 02:00:00:00:00:01"
    assert judged(guest(EC2, line(message, RESET))).states[code] == "ok"
    assert judged(guest(EC2, line(message, again))).states[code] == "ok"
    assert judged(guest(EC2, line(RESET, message))).states[code] != "ok"
    assert judged(guest(EC2, line(message, other))).states[code] != "ok"


def test_the_admin_queue_of_an_old_driver_is_healed_too() -> None:
    old = "ena: The ena device doesn't send any completion for the admin cmd 11 status 1"
    assert judged(guest(EC2, line(old, RESET))).states["L31"] == "ok"


def test_an_ena_reset_heals_no_other_card() -> None:
    """The watchdog of a virtio card has its own end."""
    stalled = "NETDEV WATCHDOG: eth0 (virtio_net): transmit queue 0 timed out"
    assert judged(guest(VIRTIO, line(stalled, RESET))).states["L44"] == WARNING
    assert (
        judged(guest(EC2, line("NETDEV WATCHDOG: ens5 (ena): transmit queue 0 timed out", RESET))).states["L44"] == "ok"
    )


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        (("EXT4-fs error (device xvdb): x",), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): re-mounted. Opts: (null)"), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvda): mounted filesystem with ordered data mode."), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): warning: mounting fs with errors, running e2fsck is recommended",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): warning: mounting fs with errors, running e2fsck is recommended",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode.",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), "ok"),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), "ok"),
    ],
)  # fmt: skip
def test_a_damaged_file_system_is_healed_by_a_mount_without_a_warning(messages: tuple[str, ...], state: str) -> None:
    assert judged(guest(XEN, line(*messages))).states["L48"] == state


def test_a_file_system_that_was_mounted_writable_again_is_well() -> None:
    stopped, again = "EXT4-fs (xvdb): Remounting filesystem read-only", "EXT4-fs (xvdb): re-mounted. Opts: (null)"
    unknown = {"mounts": None}
    assert judged(guest(XEN, line(stopped), **unknown)).states["L47"] == CRITICAL
    assert judged(guest(XEN, line(stopped, again), **unknown)).states["L47"] == "ok"


def test_a_disk_that_is_gone_is_history() -> None:
    for code, message in (
        ("L02", "xvdq disabled for further use"),
        ("L45", "Buffer I/O error on dev xvdq1, logical block 7"),
        ("L46", "I/O error, dev xvdq, sector 8"),
        ("L48", "EXT4-fs error (device xvdq1): x"),
    ):
        assert judged(guest(XEN, line(message))).states[code] == "ok"


def _holding(*holders: str) -> dict[str, Any]:
    """The second disk carries those."""
    known = corpus.facts(SnapshotHost(patient(XEN))).block_devices or ()
    return {"block_devices": tuple(replace(each, holders=holders) if each.name == "xvdb" else each for each in known)}


def _mounted(device: str, *disks: str) -> dict[str, Any]:
    return {"mounts": (Mount("/data", f"/dev/{device}", "ext4", False, device, disks),)}


@pytest.mark.parametrize(
    ("device", "facts", "state"),
    [
        ("dm-5", {}, "ok"),
        ("md127", {}, "ok"),
        ("bcache0", {}, "ok"),
        ("dm-1", _holding("dm-10"), "ok"),
        ("dm-5", _holding("dm-5"), CRITICAL),
        ("md127p1", _holding("md127"), CRITICAL),
        ("dm-5", _mounted("dm-5", "rbd0"), CRITICAL),
        ("dm-5", {"block_devices": None}, None),
        ("zd16", {}, WARNING),
        ("rbd0", {}, WARNING),
        ("drbd1", {}, WARNING),
        ("rbd0", _mounted("rbd0p1", "rbd0"), CRITICAL),
        ("zd16", _mounted("zd16", "zd16"), CRITICAL),
        ("zd16", {"mounts": None}, CRITICAL),
        ("xvdb1p1", {}, "ok"),
    ],
)
def test_what_lies_on_disks_is_there_while_a_disk_or_a_mount_names_it(
    device: str, facts: dict[str, Any], state: str | None
) -> None:
    """An LVM snapshot that ran full and was removed is history."""
    reading = guest(XEN, line(f"Buffer I/O error on dev {device}, logical block 7, lost async page write"), **facts)
    assert judged(reading).states.get("L45") == state


@pytest.mark.parametrize(
    ("name", "disk"),
    [
        ("nvme0n1", "nvme0n1"),
        ("nvme0n1p2", "nvme0n1"),
        ("nvme0c0n1", "nvme0n1"),
        ("nvme0c1n1", "nvme0n1"),
        ("nvme0n10", None),
        ("nvme0n1p", None),
        ("nvme0c0n10", None),
        ("nvme1c0n1", None),
        ("sda1", "sda"),
        ("sdap1", None),
        ("sdaa1", None),
        ("md1", "sda"),
        ("md12", None),
    ],
)
def test_the_disk_of_a_name(name: str, disk: str | None) -> None:
    disks = (BlockDevice("nvme0n1", "nvme", "pci"), BlockDevice("sda", "ahci", "pci", holders=("md1",)))
    reading = guest(EC2, "", block_devices=disks)
    assert getattr(disk_of(reading, name), "name", None) == disk
    assert disk_gone(reading, name) == (disk is None)


def test_a_card_or_controller_that_is_gone_is_history() -> None:
    assert judged(guest(XEN, line("net eth7: Disabled for further use"))).states["L07"] == "ok"
    assert judged(guest(EC2, line("nvme nvme7: controller is down; will reset: CSTS=0x3"))).states["L41"] == "ok"
    assert judged(guest(EC2, line("nvme nvme7: I/O 1 QID 2 timeout, aborting"))).states["L39"] == "ok"


# how loud, and why


def test_a_disk_that_nothing_uses_is_a_warning() -> None:
    mounts: dict[str, Any] = {"mounts": (Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",)),)}
    found = finding(guest(XEN, line("I/O error, dev xvdb, sector 8"), **mounts), "L46")
    assert found
    assert found.severity == WARNING
    assert "nothing is known to use it" in found.evidence


def test_a_file_system_in_a_file_is_a_warning() -> None:
    found = finding(guest(XEN, line("EXT4-fs error (device loop0): trigger_test_error:129: comm bash: test")), "L48")
    assert found
    assert found.severity == WARNING


def test_a_mounted_mapping_of_no_known_disk_is_critical() -> None:
    found = finding(guest(XEN, line("EXT4-fs error (device dm-3): x"), **_mounted("dm-3", "nbd0")), "L48")
    assert found
    assert found.severity == CRITICAL
    assert found.evidence[1:] == ("mounted on /data",)


def test_a_card_that_nothing_uses_is_a_warning() -> None:
    known = corpus.facts(corpus.host(EC2)).network
    assert known
    idle: dict[str, Any] = {
        "network": replace(known, devices=tuple(replace(nic, operstate="down") for nic in known.devices))
    }
    found = finding(guest(EC2, line(of("L29").samples[0]), **idle), "L29")
    assert found
    assert found.severity == WARNING


def test_a_closed_disk_is_the_cause_of_its_errors_and_of_hung_tasks() -> None:
    text = line(
        "Buffer I/O error on dev xvdb, logical block 7", "INFO: task postgres:2211 blocked for more than 120 seconds."
    )
    assert causes(guest("pv", text, **xenbus("Closed"))) == {"L45": "X02", "L49": "X02"}
    assert {each.same_cause_as for each in judged(guest("pv", text)).findings} == {None}


def test_a_card_without_driver_is_told_by_x04() -> None:
    assert causes(sick("L13").now) == {"L13": "X04"}


def test_an_empty_cd_drive_is_no_device_without_driver() -> None:
    reading = reading_of(corpus.facts(corpus.host("pvhvm-cdrom-iso")))
    assert "cdrom" in {frontend.kind for frontend in reading.frontends}
    assert judged(reading).states["L13"] == "ok"


@pytest.mark.parametrize(("clock", "state"), [("xen", INFO), ("kvm-clock", INFO), ("hpet", WARNING), ("tsc", "ok")])
def test_a_rejected_clock_matters_by_what_came_for_it(clock: str, state: str) -> None:
    reading = guest(XEN, line(of("L23").samples[0]), current=clock)
    assert judged(reading).states["L23"] == state
    assert causes(reading).get("L23") == ("C02" if clock == "hpet" else None)


def test_only_the_latest_switch_of_the_clock_is_told() -> None:
    text = line("clocksource: Switched to clocksource hpet", "clocksource: Switched to clocksource xen")
    assert [each.subject for each in judged(guest(XEN, text)).findings] == ["xen"]


def test_pvh_has_no_platform_device_to_refuse_it() -> None:
    """Kernels before 5.9 print it in every PVH guest."""
    assert "L20" not in judged(guest("pvh", line(of("L20").samples[0]))).states
    assert judged(guest(XEN, line(of("L20").samples[0]))).states["L20"] == "ok", "all PV drivers are there"


def test_hung_tasks_are_one_finding() -> None:
    tasks = [f"INFO: task postgres:{2211 + n} blocked for more than 120 seconds." for n in range(5)]
    (found,) = judged(guest(XEN, line(*tasks))).findings
    assert (found.code, found.subject) == ("L49", "postgres[2215], 4 more")
    assert found.summary == "task postgres[2215], 4 more hung (5 lines)"
    assert found.since == "last 02:33:14 UTC"


def test_many_disks_are_one_finding_and_few_are_one_each() -> None:
    errors = [f"I/O error, dev xvdb{n}, sector 8" for n in range(1, 10)]
    (found,) = judged(guest(XEN, line(*errors))).findings
    assert found.subject == "xvdb9, 8 more"
    assert len(judged(guest(XEN, line(*errors[:4]))).findings) == 4


def test_a_foreign_line_is_told_in_ascii_without_a_bar() -> None:
    (found,) = judged(guest(XEN, line("EXT4-fs error (device xvda): a|b caf\xe9 \x1b[31m"))).findings
    assert found.evidence[0].isascii()
    assert "|" not in found.evidence[0]


def test_the_remedy_speaks_the_hosts_dialect() -> None:
    found = finding(guest(EC2, line("nvme nvme0: I/O 1 QID 2 timeout, aborting")), "L39")
    assert found
    assert "aws ec2 describe-volumes" in found.remedy[-1]
    nic = finding(guest(XEN, line("net eth0: Disabled for further use")), "L07")
    assert nic
    assert "xl network-list" in nic.remedy[-1]
    assert nic.remedy[0].endswith("what comes over eth0 does not reach the guest.")
