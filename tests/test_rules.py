"""Each rule fires on a machine that has the illness, with the right subject, and is silent on healthy ones."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests import corpus
from virt_agent import report
from virt_agent.observe import reading_of
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import FAULT, INFO, SEVERITIES, WARNING, Case, Reading, Rule
from virt_agent.rules.host_side import ask_host
from virt_agent.selection import Selection
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.record import replace

MOUNTINFO = b"""22 1 202:0 / / rw,relatime - ext4 /dev/xvda rw
23 22 202:16 / /srv rw,relatime - ext4 /dev/xvdb rw
"""
ROUTE = b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nlo\t1\t0\t1\t0\t0\t0\tF\neth0\t00000000\t1\t0003\t0\t0\t0\t00000000\n"

Plant = Callable[[MemoryTree], None]


def patient(name: str, plant: Plant | None = None) -> MemoryTree:
    """A copy of a machine with mounts and a default route, and with an illness."""
    copy = corpus.copy(name)
    copy.add("proc/self/mountinfo", MOUNTINFO)
    copy.add("proc/net/route", ROUTE)
    if plant:
        plant(copy)
    return copy


def reading(tree: MemoryTree) -> Reading:
    return reading_of(corpus.facts(SnapshotHost(tree)))


def judgement(tree: MemoryTree) -> Judgement:
    return evaluate(rules.RULES, Case(reading(tree)))


def write(path: str, content: bytes) -> Plant:
    return lambda tree: tree.add(path, content)


def remove(*paths: str) -> Plant:
    def plant(tree: MemoryTree) -> None:
        for path in paths:
            folder, _, name = path.rpartition("/")
            del tree._entries[path]
            tree._children[folder].discard(name)

    return plant


def both(*plants: Plant) -> Plant:
    def plant(tree: MemoryTree) -> None:
        for each in plants:
            each(tree)

    return plant


CMDLINE = "proc/cmdline"
CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
VIF = "sys/devices/vif-0"
BUILTIN, DEP = "lib/modules/6.1.0-56-amd64/modules.builtin", "lib/modules/6.1.0-56-amd64/modules.dep"
E1000 = both(
    lambda tree: tree.add("sys/devices/pci0000:00/0000:00:05.0/driver", "../../../bus/pci/drivers/e1000"),
    lambda tree: tree.add("sys/devices/pci0000:00/0000:00:05.0/subsystem", "../../../bus/pci"),
    write("sys/devices/pci0000:00/0000:00:05.0/net/eth1/operstate", b"up\n"),
    write("sys/devices/pci0000:00/0000:00:05.0/net/eth1/address", b"00:16:3e:00:00:03\n"),
    lambda tree: tree.add("sys/devices/pci0000:00/0000:00:05.0/net/eth1/device", "../../../0000:00:05.0"),
    lambda tree: tree.add("sys/class/net/eth1", "../../devices/pci0000:00/0000:00:05.0/net/eth1"),
)
IDE = "sys/devices/pci0000:00/0000:00:01.1/ata1/host0/target0:0:0/0:0:0:0/block/sda"
TWIN = both(
    lambda tree: tree.add("sys/block/sda", "../" + IDE.removeprefix("sys/")),
    lambda tree: tree.add("sys/class/block/sda", "../../" + IDE.removeprefix("sys/")),
    write(f"{IDE}/size", b"36168\n"),
    lambda tree: tree.add("sys/devices/vbd-768/block/xvda/size", b"36168\n"),
)

GONE = both(
    write("proc/self/mountinfo", MOUNTINFO + b"28 23 202:32 / /srv/data rw,relatime - ext4 /dev/xvdc rw\n"),
    lambda tree: tree.add("sys/dev/block/202:0", "../../devices/vbd-51712/block/xvda"),
    lambda tree: tree.add("sys/dev/block/202:16", "../../devices/vbd-51728/block/xvdb"),
)

# code, machine, illness, subject, severity
ILL: tuple[tuple[str, str, Plant, str, str], ...] = (
    ("X02", "pv", write("sys/devices/vbd-51728/state", b"Closed\n"), "xvdb", "critical"),
    ("X16", "pvhvm", write(f"{VIF}/state", b"Closing\n"), "eth0", "critical"),
    ("X03", "pvh", both(write(f"{VIF}/state", b"Initialised\n"), write("proc/uptime", b"90.00 3.00\n")), "eth0", "critical"),
    ("X04", "pvh", remove(f"{VIF}/driver"), "vif-0", "warning"),
    ("X04", "pvhvm-nonet", both(), "vif-0", "warning"),
    ("X05", "pvhvm", write(CMDLINE, b"root=/dev/xvda xen_emul_unplug=never\n"), "kernel command line", "warning"),
    ("X05", "hvm-nopv", both(), "kernel command line", "warning"),
    ("X06", "pvhvm", remove("sys/devices/pci0000:00/0000:00:02.0/driver"), "PCI 5853:0001", "warning"),
    ("X06", "D56-hvm-no-platform-device", both(), "PCI 5853:0001", "warning"),
    ("X13", "pv", both(remove("sys/devices/vbd-51728/driver"), write(DEP, b""), write("proc/modules", b"x 1 0 - Live 0x0\n")),
     "xen-blkfront", "warning"),
    ("X14", "pvhvm-nonet", both(), "xen-netfront", "info"),
    ("B02", "hvm-nopv", write("proc/self/mountinfo", b"22 1 8:0 / / rw - ext4 /dev/sda rw\n"), "sda", "warning"),
    ("B02", "qemu-pc-emulated", write("proc/self/mountinfo", b"22 1 8:0 / / rw - ext4 /dev/sda rw\n"), "sda", "info"),
    ("B11", "pvhvm", TWIN, "xvda and sda", "critical"),
    ("B13", "pv", GONE, "xvdc", "critical"),
    ("B14", "pvhvm", write("etc/fstab", b"/dev/xvda1 / ext4 errors=remount-ro 0 1\n"), "/dev/xvda1", "info"),
    ("N02", "hvm-nopv", both(), "eth0", "warning"),
    ("N02", "qemu-pc-emulated", both(), "eth0", "info"),
    ("N03", "pvhvm", write("sys/devices/vif-0/net/eth0/carrier", b"0\n"), "eth0", "critical"),
    ("N03", "qemu-q35-virtio", write("sys/devices/pci0000:00/0000:00:03.0/virtio1/net/eth0/operstate", b"down\n"), "eth0",
     "critical"),
    ("N13", "pvhvm", E1000, "eth0 and eth1", "warning"),
    ("C02", "pvhvm", write(CLOCK, b"acpi_pm\n"), "clock", "warning"),
    ("P01", "pv", both(), "guest mode", "info"),
    ("P09", "D16-docker-on-ec2-xen", both(), "docker", "info"),
)  # fmt: skip


@pytest.mark.parametrize(("code", "name", "plant", "subject", "severity"), ILL, ids=[f"{i[0]}-{i[1]}" for i in ILL])
def test_rule_finds_its_illness(code: str, name: str, plant: Plant, subject: str, severity: str) -> None:
    judged = judgement(patient(name, plant))
    found = {(finding.code, finding.subject): finding for finding in judged.findings}
    assert (code, subject) in found, sorted(found)
    assert found[code, subject].severity == severity == judged.states[code]
    assert found[code, subject].evidence
    assert found[code, subject].remedy


@pytest.mark.parametrize("name", ["pv", "pvh", "pvhvm", "dom0"])
def test_healthy_guests_have_no_finding_but_advice(name: str) -> None:
    judged = judgement(patient(name))
    assert [f.code for f in judged.findings if f.severity != INFO] == []
    assert set(judged.states.values()) <= {"ok", "info", "not_sampled"}
    assert judged.states


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_machines_have_the_findings_of_their_answer(name: str) -> None:
    if name in corpus.CASES:
        wanted = {"D56-hvm-no-platform-device": {"X04", "X06"}}.get(name, set())
        allowed = wanted
    else:
        wanted = set(corpus.findings(name)["want"])
        allowed = wanted | set(corpus.findings(name)["allow"])
    judged = evaluate(rules.RULES, Case(reading_of(corpus.facts(corpus.host(name)))))
    loud = {finding.code for finding in judged.findings if finding.severity != INFO}
    assert wanted <= loud <= allowed


def test_a_cd_drive_that_blkfront_declines_is_healthy() -> None:
    """XCP-ng: the CD drive is xvdd, vbd 51760, and the emulated one at the same place is sr0."""
    drive = "sys/devices/pci0000:00/0000:00:01.1/ata2/host1/target1:0:1/1:0:1:0/block/sr0"

    def plant(tree: MemoryTree) -> None:
        tree.add("sys/bus/xen/devices/vbd-51760", "../../../devices/vbd-51760")
        tree.add("sys/devices/vbd-51760/state", b"Initialising\n")
        tree.add("sys/block/sr0", "../" + drive.removeprefix("sys/"))
        tree.add(f"{drive}/size", b"2097151\n")

    now = reading(patient("D40-xcpng-pvhvm", plant))
    assert [f.kind for f in now.frontends if f.name == "vbd-51760"] == ["cdrom"]
    assert now.verdict.pv_drivers == "all"
    judged = evaluate(rules.RULES, Case(now))
    assert [f.code for f in judged.findings if f.severity != INFO] == []


@pytest.mark.parametrize(("number", "state"), [(51760, "ok"), (51952, "warning")])
def test_what_a_bound_blkfront_leaves_at_a_place_of_the_ide_controller_is_a_cd_drive(number: int, state: str) -> None:
    """No sr_mod, so no sr0: xvdd is the drive's place, xvdp is none of the controller's four."""

    def plant(tree: MemoryTree) -> None:
        tree.add(f"sys/bus/xen/devices/vbd-{number}", f"../../../devices/vbd-{number}")
        tree.add(f"sys/devices/vbd-{number}/state", b"Initialising\n")

    assert judgement(patient("D40-xcpng-pvhvm", plant)).states["X04"] == state


def test_a_vbd_without_driver_is_a_disk_where_no_other_is_bound() -> None:
    assert judgement(patient("D56-hvm-no-platform-device")).states["X04"] == "warning"


def test_twins_with_one_address_are_judged_on_xen_alone() -> None:
    """Azure's accelerated networking: hv_netvsc and its VF share a MAC by design."""
    assert "N13" in judgement(patient("pvhvm")).states
    assert "N13" not in judgement(patient("D77-azure-gen2", E1000)).states


def test_a_closed_disk_that_nothing_uses_is_a_warning() -> None:
    plant = both(write("sys/devices/vbd-51728/state", b"Closed\n"),
                 write("proc/self/mountinfo", b"22 1 202:0 / / rw - ext4 /dev/xvda rw\n"))  # fmt: skip
    found = [f for f in judgement(patient("pv", plant)).findings if f.code == "X02"]
    assert [(f.subject, f.severity) for f in found] == [("xvdb", WARNING)]


def test_handshake_counts_only_after_thirty_seconds() -> None:
    plant = both(write(f"{VIF}/state", b"InitWait\n"), write("proc/uptime", b"12.00 3.00\n"))
    assert judgement(patient("pvh", plant)).states["X03"] == "ok"


@pytest.mark.parametrize("code", ["X02", "X03", "X04", "B11", "N03", "N13"])
def test_a_state_of_one_reading_must_be_confirmed_on_a_live_machine(code: str) -> None:
    _, name, plant, subject, _ = next(case for case in ILL if case[0] == code)
    ill, healthy = reading(patient(name, plant)), reading(patient(name.replace("-nonet", "")))
    alone = evaluate(rules.RULES, Case(ill), confirming=True)
    assert code in alone.suspects
    assert alone.states[code] == "not_sampled"
    blip = evaluate(rules.RULES, Case(ill, before=healthy), confirming=True)
    confirmed = evaluate(rules.RULES, Case(ill, before=ill), confirming=True)
    assert subject in {f.subject for f in confirmed.findings if f.code == code}
    assert code not in {f.code for f in blip.findings}
    assert blip.states[code] == "ok"


@pytest.mark.parametrize("path", ["proc/net/route", "proc/net/ipv6_route"])
def test_a_route_that_cannot_be_read_is_no_health(path: str) -> None:
    tree = patient("pvhvm", write("proc/net/route", b""))
    assert "N03" not in judgement(tree).states
    tree.add("virt-agent/errors.json", json.dumps({path: "EACCES"}).encode())
    judged = judgement(tree)
    assert judged.states["N03"] == "unknown"
    assert "N03" in judged.blind


def test_remedies_can_be_pasted_into_any_shell() -> None:
    steps = [step for rule in rules.RULES for step in rule.remedy]
    assert any("--query '" in step for step in steps)
    assert not [step for step in steps if "--query " in step and "--query '" not in step], "zsh takes [] for a pattern"
    assert not [step for step in steps if "grep -c . /sys" in step], "counts lines of a file of one line"


def test_a_worse_clocksource_needs_an_earlier_reading() -> None:
    settled = write("proc/uptime", b"900.00 3.00\n")
    xen, tsc, hpet = (
        reading(patient("pvhvm", both(settled, write(CLOCK, name)))) for name in (b"xen\n", b"tsc\n", b"hpet\n")
    )
    assert evaluate(rules.RULES, Case(hpet)).states["C03"] == "not_sampled"
    assert evaluate(rules.RULES, Case(xen, first=xen, before=xen)).states["C03"] == "ok"
    assert evaluate(rules.RULES, Case(hpet, before=hpet, first=xen)).states["C03"] == "warning"
    assert evaluate(rules.RULES, Case(xen, before=xen, first=tsc)).states["C03"] == "warning"
    assert evaluate(rules.RULES, Case(tsc, before=hpet, first=hpet)).states["C03"] == "ok", "our own remedy"
    booting = reading(patient("pvhvm", both(write("proc/uptime", b"20.00 3.00\n"), write(CLOCK, b"tsc-early\n"))))
    assert evaluate(rules.RULES, Case(hpet, before=hpet, first=booting)).states["C03"] == "ok"


def test_what_has_one_cause_says_so() -> None:
    judged = judgement(patient("hvm-nopv"))
    causes = {finding.code: finding.same_cause_as for finding in judged.findings}
    assert causes["N02"] == "X05"
    assert causes["X05"] is None
    assert judged.findings[0].code == "X05"


def test_a_collector_that_brought_nothing_makes_its_rules_unknown_and_not_ok() -> None:
    now = reading(patient("pvhvm"))
    blind = reading_of(replace(now.facts, xenbus=None))
    judged = evaluate(rules.RULES, Case(blind), broken=("xenbus",))
    assert {judged.states[code] for code in ("X02", "X03", "X04", "B11", "N13")} == {"unknown"}
    assert judged.states["C02"] == "ok"
    assert report.status_of(now, judged) == "unknown"


def test_one_bad_attribute_makes_no_other_rule_unknown() -> None:
    """A collector may fail for one attribute and still bring its facts."""
    now = reading(patient("pvhvm"))
    judged = evaluate(rules.RULES, Case(now), broken=("xenbus", "network", "block_devices", "boot", "container"))
    assert "unknown" not in judged.states.values()
    assert report.status_of(now, judged) == "ok"


def test_advice_that_cannot_be_judged_does_not_make_the_status_unknown() -> None:
    now = reading(patient("pvhvm"))
    blind = reading_of(replace(now.facts, container=None, boot=None, drivers=None))
    judged = evaluate(rules.RULES, Case(blind), broken=("container", "boot", "drivers"))
    assert judged.states["P09"] == "unknown"
    assert report.status_of(blind, judged) == "ok"


def test_a_state_that_could_not_be_read_is_unknown_and_no_closed_disk() -> None:
    ill = reading(patient("pv", write("sys/devices/vbd-51728/state", b"garbage\n")))
    judged = evaluate(rules.RULES, Case(ill), broken=("xenbus",))
    assert judged.states["X02"] == judged.states["X03"] == "unknown"
    assert report.status_of(ill, judged) == "unknown"


@pytest.mark.parametrize(
    "use",
    [
        write("proc/swaps", b"Filename Type Size Used Priority\n/dev/xvdb partition 1 0 -2\n"),
        both(write("sys/block/dm-0/dm/name", b"vg-lv\n"),
             lambda tree: tree.add("sys/class/block/dm-0/slaves/xvdb", "../../xvdb")),
    ],
    ids=["swap", "LVM"],
)  # fmt: skip
def test_a_closed_disk_that_carries_swap_or_a_mapping_is_critical(use: Plant) -> None:
    plant = both(write("sys/devices/vbd-51728/state", b"Closed\n"), use,
                 write("proc/self/mountinfo", b"22 1 202:0 / / rw - ext4 /dev/xvda rw\n"))  # fmt: skip
    found = [f for f in judgement(patient("pv", plant)).findings if f.code == "X02"]
    assert [(f.subject, f.severity) for f in found] == [("xvdb", "critical")]


@pytest.mark.parametrize(("name", "command"), [("pvhvm", "xl network-list 12"), ("D40-xcpng-pvhvm", "xe vif-list vm-uuid="),
                                               ("D07-ec2-t2micro-xen-on-nitro", "aws ec2 describe-network-interfaces"),
                                               ("qemu-q35-virtio", "virsh domiflist")])  # fmt: skip
def test_the_remedy_speaks_the_hosts_dialect(name: str, command: str) -> None:
    assert command in ask_host(reading(patient(name)), "nic")


def test_a_bare_tree_that_lists_no_numbers_of_disks_has_lost_none() -> None:
    plant = both(write("proc/self/mountinfo", b"22 1 202:1 / / rw - ext4 /dev/xvda1 rw\n"), write("sys/dev/block/x", b""),
                 remove("sys/dev/block/x"))  # fmt: skip
    assert "B13" not in {f.code for f in judgement(patient("pv", plant)).findings}


def test_ignored_rules_are_off_and_only_keeps_the_rest_off() -> None:
    case = Case(reading(patient("pvhvm-nonet")))
    assert evaluate(rules.RULES, case, selection=Selection(ignored=("X04",))).states["X04"] == "off"
    only = evaluate(rules.RULES, case, selection=Selection(only=("C02",)))
    assert {code for code, state in only.states.items() if state != "off"} == {"C02"}
    assert only.findings == ()


def test_a_stable_name_in_fstab_is_no_finding() -> None:
    lines = b"UUID=0a /srv ext4 defaults 0 2\nLABEL=x / ext4 defaults 0 1\n/dev/sr0 /cd iso9660 ro 0 0\n/dev/sdb /b ext4 noauto 0 0\n"
    assert judgement(patient("pvhvm", write("etc/fstab", lines))).states["B14"] == "ok"


def test_a_cause_that_is_not_told_is_none() -> None:
    case = Case(reading(patient("hvm-nopv")))
    causes = {f.code: f.same_cause_as for f in evaluate(rules.RULES, case).findings}
    assert causes["N02"] == "X05"
    alone = evaluate(rules.RULES, case, selection=Selection(ignored=("X05",)))
    assert {f.code: f.same_cause_as for f in alone.findings}["N02"] is None


def test_advice_and_information_decide_no_status() -> None:
    now = reading(patient("pv"))
    judged = evaluate(rules.RULES, Case(now))
    assert [(finding.code, finding.severity) for finding in judged.findings] == [("L23", INFO), ("P01", INFO)]
    assert report.status_of(now, judged) == "ok"


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: str(rule.code))
def test_rule_is_written_whole(rule: Rule) -> None:
    assert rule.code[0].isupper()
    assert rule.code[1:].isdecimal()
    assert rule.severity in SEVERITIES
    assert rule.kind != FAULT or rule.severity in SEVERITIES
    assert rule.means.endswith(".")
    assert rule.remedy
    assert rule.source
    for text in (rule.title, rule.means, *rule.remedy):
        assert text.isascii()
        assert "|" not in text


def test_codes_and_names_are_unique_and_found_by_either() -> None:
    codes, names = [rule.code for rule in rules.RULES], [rule.name for rule in rules.RULES]
    assert len(set(codes)) == len(codes)
    assert len(set(names)) == len(names)
    assert rules.find("x-02") is rules.find("xen-frontend-closed") is rules.find("X02")
    assert rules.nearest("X2") in codes
    assert rules.nearest("xen-frontend-close") == "xen-frontend-closed"
