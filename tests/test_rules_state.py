"""The rules on a guest's state: each fires on a guest with the illness and is silent on one of its kind without."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests import corpus
from tests.machines import present
from virt_agent.observe import reading_of
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import SEVERITIES, Case, Reading
from virt_collectors.block import BlockDevice
from virt_collectors.clock import Clock
from virt_collectors.configuration import Configuration, FstabEntry
from virt_collectors.facts import Facts
from virt_collectors.guest_tools import QEMU_PORT, GuestTools
from virt_collectors.imds_events import ScheduledEvent, SpotAction
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount
from virt_collectors.record import replace
from virt_collectors.xenbus import XenDevice

GIB, MIB = 1 << 30, 1 << 20
T2, NITRO, OLD_T2, XCPNG = (
    "D07-ec2-t2micro-xen-on-nitro",
    "D20-ec2-c5large",
    "D06-ec2-t2micro-realxen-builtin",
    "D40-xcpng-pvhvm",
)
Change = Callable[[Facts], Facts]


@functools.cache
def _facts(name: str) -> Facts:
    return corpus.facts(corpus.host(name))


def guest(name: str, *changes: Change, at: float | None = None) -> Reading:
    """A machine of the corpus with changed facts; `at` is its monotonic clock, on a live machine."""
    facts = _facts(name)
    for change in changes:
        facts = change(facts)
    if at is not None:
        facts = replace(facts, system=replace(present(facts.system), live=True))
    return replace(reading_of(facts), monotonic=at)


def judged(case: Case, **options: Any) -> Judgement:
    return evaluate(rules.RULES, case, **options)


def _set(field: str, **changes: Any) -> Change:
    """Changed fields of one fact."""
    return lambda facts: replace(facts, **{field: replace(getattr(facts, field), **changes)})


def fact(**values: Any) -> Change:
    return lambda facts: replace(facts, **values)


def imds(**changes: Any) -> Change:
    return _set("imds", **changes)


def xvdb(**changes: Any) -> Change:
    """The second disk of the lab's guests."""
    return disk("xvdb", **changes)


def disk(name: str, **changes: Any) -> Change:
    def change(facts: Facts) -> Facts:
        assert any(each.name == name for each in facts.block_devices or ()), [d.name for d in facts.block_devices or ()]
        return replace(
            facts,
            block_devices=tuple(
                replace(each, **changes) if each.name == name else each for each in facts.block_devices or ()
            ),
        )

    return change


def frontend(name: str, **changes: Any) -> Change:
    def change(facts: Facts) -> Facts:
        assert facts.xenbus
        known = {device.name: device for device in facts.xenbus.frontends}
        known[name] = replace(known.get(name, XenDevice(name, name.partition("-")[0])), **changes)
        return replace(facts, xenbus=replace(facts.xenbus, frontends=tuple(known.values())))

    return change


def mounted(*mounts: Mount) -> Change:
    return fact(mounts=mounts)


def fstab(*entries: FstabEntry) -> Change:
    return fact(configuration=Configuration(fstab=entries))


ROOT = Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",))
SRV = Mount("/srv", "/dev/xvdb", "ext4", False, "xvdb", ("xvdb",))
USED = mounted(ROOT, SRV)


class Ill(NamedTuple):
    sick: Callable[[], Case]
    healthy: Callable[[], Case]
    subject: str
    severity: str


def _one(name: str, sick: tuple[Change, ...], well: tuple[Change, ...], subject: str, severity: str) -> Ill:
    """One reading is enough."""
    return Ill(lambda: Case(guest(name, *sick)), lambda: Case(guest(name, *well)), subject, severity)


def _two(name: str, before: Change, sick: Change, well: Change, subject: str, severity: str, seconds: float) -> Ill:
    """An earlier reading is compared with, in the daemon."""

    def case(now: Change) -> Case:
        older = guest(name, before, at=1000.0)
        return Case(guest(name, now, at=1000.0 + seconds), older, older, (older,), patient=True)

    return Ill(lambda: case(sick), lambda: case(well), subject, severity)


def _stalled(completed: int, in_flight: int = 14) -> Change:
    def change(facts: Facts) -> Facts:
        return _set("memory", io_some_percent=97.0)(xvdb(in_flight=in_flight, completed=completed)(USED(facts)))

    return change


def _events(events: int, spurious: int, delayed: int = 0) -> Change:
    return frontend("vif-0", events=events, spurious_events=spurious, eoi_delayed_jiffies=delayed)


def _balloon(target: int, current: int) -> Change:
    return _set("memory", balloon_target_bytes=target * MIB, balloon_current_bytes=current * MIB)


def _cpu(total: float, steal: float) -> Change:
    return fact(memory=Memory(cpu_seconds=total, steal_seconds=steal))


def _clock(current: str, **changes: Any) -> Change:
    return fact(clock=Clock(current, ("xen", "kvm-clock", "tsc"), 9000.0, 1.7e9, **changes))


def _steady_tsc(facts: Facts) -> Facts:
    assert facts.cpu
    flags = (facts.cpu.flags or frozenset()) | {"constant_tsc", "nonstop_tsc"}
    return replace(facts, cpu=replace(facts.cpu, flags=flags))


def _serials(first: str, second: str) -> Change:
    disks = tuple(
        BlockDevice(name, "virtio_blk", "virtio", size_bytes=GIB, serial=serial)
        for name, serial in (("vda", first), ("vdb", second))
    )
    mounts = (
        Mount("/", "/dev/vda", "ext4", False, "vda", ("vda",)),
        Mount("/b", "/dev/vdb", "xfs", False, "vdb", ("vdb",)),
    )
    return fact(block_devices=disks, mounts=mounts)


def _tools(running: tuple[str, ...], installed: tuple[str, ...] = (), visible: bool = True) -> Change:
    return fact(guest_tools=GuestTools(running, (), visible), configuration=Configuration(installed_tools=installed))


NOTHING: tuple[Change, ...] = ()
EVENT = ScheduledEvent("system-reboot", "active", 1.7e9 + 7200, 1.7e9 + 9000, None, "instance-event-0d59937288b749b32")
VOLUME = (
    imds(block_devices={"root": "sda1", "ebs1": "sdf"}),
    fstab(FstabEntry("/dev/xvdf", "/data", "ext4", ("defaults",))),
)

ILLNESSES: dict[str, Ill] = {
    "P02": _one(T2, (imds(profile="default-paravirtual"),), NOTHING, "profile", "warning"),
    "P03": _one(T2, (imds(kernel_id="aki-5c21674b"),), NOTHING, "kernel-id", "warning"),
    "P04": _one(T2, (imds(instance_type="c5.large"),), NOTHING, "c5.large", "warning"),
    "P05": _one(T2, (fact(hypervisor=None, xenbus=None),), NOTHING, "system", "warning"),
    "P06": _one(T2, (imds(instance_type="t99.mega"),), NOTHING, "t99.mega", "info"),
    "P07": Ill(lambda: Case(guest(T2)), lambda: Case(guest(NITRO)), "t2.micro", "info"),
    "P08": _one("pv", (_set("hypervisor", uuid="00000000-0000-0000-0000-000000000000"),), NOTHING, "uuid", "info"),
    "X07": _two("pv", _events(1000, 5), _events(2000, 105, 40), _events(2000, 105), "vif-0", "warning", 60),
    "X08": _one(
        "pvhvm",
        (frontend("vkbd-0", state="InitWait", driver="vkbd"),),
        (frontend("vkbd-0", state="Connected", driver="vkbd"),),
        "vkbd-0",
        "info",
    ),
    "X09": Ill(lambda: Case(guest(OLD_T2)), lambda: Case(guest(T2)), "host", "info"),
    "X10": _one("pv", (_set("hypervisor", uuid="ec2f5c70-6dfc-83a7-f5ec-ef7b97aea4c9"),), NOTHING, "uuid", "info"),
    "X11": _two("pv", _balloon(4096, 2048), _balloon(4096, 2048), _balloon(4096, 4090), "balloon", "warning", 601),
    "X15": _one(
        "pv",
        (_set("cpu", meltdown="Unknown (XEN PV detected, hypervisor mitigation required)"),),
        (_set("cpu", meltdown="Not affected"),),
        "meltdown",
        "info",
    ),
    "X16": _one("pvhvm", (frontend("vif-0", state="Closed"),), NOTHING, "eth0", "critical"),
    "B03": _one("pv", (mounted(ROOT, replace(SRV, halted="emergency_ro")),), (USED,), "/srv", "critical"),
    "B04": _one("pv", (USED, xvdb(read_only=True)), (USED,), "xvdb", "warning"),
    "B05": _one(T2, VOLUME, (imds(block_devices={"root": "sda1", "ebs1": "xvda"}),), "sdf", "warning"),
    "B07": _two("pv", _stalled(500), _stalled(500), _stalled(501), "xvdb", "critical", 31),
    "B08": _one("pv", (xvdb(scheduler="bfq"),), (xvdb(scheduler="mq-deadline"),), "xvdb", "info"),
    "B10": _one(
        "pv",
        (USED, xvdb(size_bytes=20 * GIB, partitioned_bytes=8 * GIB)),
        (USED, xvdb(size_bytes=20 * GIB, partitioned_bytes=20 * GIB - MIB)),
        "xvdb",
        "info",
    ),
    "B12": _one("qemu-q35-virtio", (_serials("a1", "a1"),), (_serials("a1", "a2"),), "vda and vdb", "warning"),
    "C01": _one("pvhvm", (_clock("xen"), _steady_tsc), (_clock("xen"), _set("cpu", flags=frozenset())), "clock", "info"),
    "C04": _one("pvhvm", (_clock("xen", read_seconds=8e-7),), (_clock("xen", read_seconds=5e-8),), "clock", "info"),
    "C05": _one(
        NITRO,
        (_clock("kvm-clock"),),
        (fact(clock=Clock("kvm-clock", ("kvm-clock", "acpi_pm"))),),
        "clock",
        "info",
    ),
    "M01": _two("pvhvm", _cpu(1000, 10), _cpu(1600, 110), _cpu(1600, 11), "cpu", "info", 301),
    "M02": _two(T2, _cpu(1000, 10), _cpu(1600, 110), _cpu(1600, 11), "cpu", "info", 601),
    "I01": _one(T2, (imds(maintenance=(EVENT,)),), (imds(maintenance=(replace(EVENT, state="completed"),)),), "system-reboot", "warning"),
    "I02": _one(T2, (imds(spot_action=SpotAction("terminate", 1.7e9)),), NOTHING, "spot", "warning"),
    "I03": _one(T2, (imds(rebalance_time=1.7e9),), NOTHING, "rebalance", "warning"),
    "I04": _one(T2, (imds(state="disabled", system=None, domain=None),), NOTHING, "imds", "info"),
    "I06": _one(T2, (imds(autoscaling_state="Terminated"),), (imds(autoscaling_state="InService"),), "auto scaling", "info"),
    "G01": _one(XCPNG, (_tools((), ("xe-daemon",)),), (_tools(("xe-daemon",), ("xe-daemon",)),), "xe-daemon", "warning"),
    "G02": _one(XCPNG, (_tools(("xe-daemon", "xen-guest-agent")),), (_tools(("xe-daemon",)),), "xe-daemon and xen-guest-agent", "warning"),
}  # fmt: skip


def sick(code: str) -> Case:
    """A guest with the illness."""
    return ILLNESSES[code].sick()


def healthy(code: str) -> Case:
    """A guest of the same kind without it."""
    return ILLNESSES[code].healthy()


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_finds_its_illness(code: str) -> None:
    found = judged(sick(code))
    finding = next((each for each in found.findings if each.code == code), None)
    assert finding is not None, found.findings
    assert (finding.subject, finding.severity) == (ILLNESSES[code].subject, ILLNESSES[code].severity)
    assert found.states[code] == finding.severity
    assert finding.evidence
    assert finding.remedy
    for text in (finding.summary, *finding.evidence, *finding.remedy):
        assert text.isascii()
        assert "|" not in text
    assert len(finding.summary) <= 110


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_is_silent_on_a_healthy_guest(code: str) -> None:
    found = judged(healthy(code))
    assert found.states[code] == "ok"
    assert code not in {each.code for each in found.findings}


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_is_confirmed_on_a_live_machine(code: str) -> None:
    """With the same illness in the reading before, the evaluation of a live machine finds it too."""
    case, rule = sick(code), rules.find(code)
    assert rule
    if case.before is None:
        case = replace(case, before=case.now, first=case.now)
    state = judged(case, confirming=True).states[code]
    assert SEVERITIES.index(state) == SEVERITIES.index(ILLNESSES[code].severity)


@pytest.mark.parametrize("code", [code for code in ILLNESSES if getattr(rules.find(code), "compare", False)])
def test_what_compares_needs_an_earlier_reading(code: str) -> None:
    assert judged(Case(sick(code).now)).states[code] == "not_sampled"


@pytest.mark.parametrize("code", ILLNESSES)
def test_none_of_them_is_judged_on_bare_metal(code: str) -> None:
    facts = _facts("D76-gce-metal")
    assert code not in judged(Case(reading_of(replace(facts, mounts=(ROOT,))))).states


def test_a_qemu_host_waits_for_its_agent() -> None:
    tools = GuestTools((), (QEMU_PORT,), True)
    missing = judged(Case(guest("qemu-q35-virtio", fact(guest_tools=tools, configuration=Configuration()))))
    assert missing.states["G01"] == "info"
    running = replace(tools, running=("qemu-guest-agent",))
    assert judged(Case(guest("qemu-q35-virtio", fact(guest_tools=running)))).states["G01"] == "ok"
    assert "G01" not in judged(Case(guest("qemu-q35-virtio"))).states, "no port, nobody waits"


def test_guest_tools_that_cannot_be_seen_are_unknown_and_no_finding() -> None:
    found = judged(Case(guest(XCPNG, _tools((), ("xe-daemon",), visible=False))))
    assert found.states["G01"] == "unknown"
    assert not found.blind


def test_two_hints_and_no_more_on_a_healthy_t2() -> None:
    found = judged(Case(guest(T2, _clock("xen", read_seconds=5e-8), _steady_tsc)))
    assert sorted(each.code for each in found.findings) == ["C01", "P07"]


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        (imds(maintenance=(replace(EVENT, not_before=None, not_after=1e30),)), "warning"),
        (imds(maintenance=(replace(EVENT, not_before=-1e30),)), "warning"),
        (imds(maintenance=(replace(EVENT, state="canceled"),)), "ok"),
    ],
)
def test_maintenance_at_odd_times(change: Change, severity: str) -> None:
    assert judged(Case(guest(T2, change))).states["I01"] == severity


def test_a_deadline_is_told_with_the_time_that_is_left() -> None:
    found = judged(Case(guest(T2, _clock("tsc"), imds(maintenance=(EVENT,)))))
    assert next(each for each in found.findings if each.code == "I01").summary.endswith("2023-11-15 00:13 UTC, in 2 h")


def _balloon_after(seconds: float, then: Change, now: Change) -> str:
    older = guest("pv", then, at=1000.0)
    return judged(Case(guest("pv", now, at=1000.0 + seconds), older, older, (older,), patient=True)).states["X11"]


@pytest.mark.parametrize(
    ("seconds", "then", "now", "state"),
    [
        (601, _balloon(4096, 2048), _balloon(4096, 2047), "warning"),
        (601, _balloon(2048, 4096), _balloon(2048, 4096), "warning"),
        (601, _balloon(4096, 2048), _balloon(4096, 2100), "ok"),
        (601, _balloon(2048, 2048), _balloon(4096, 2048), "ok"),
        (601, _balloon(4096, 4000), _balloon(4096, 4000), "ok"),
        (601, _balloon(512, 460), _balloon(512, 460), "ok"),
        (120, _balloon(4096, 2048), _balloon(4096, 2048), "ok"),
    ],
    ids=["too little", "too much", "comes nearer", "a new target", "within 5 %", "within 64 MiB", "too early"],
)
def test_the_balloon_over_time(seconds: float, then: Change, now: Change, state: str) -> None:
    assert _balloon_after(seconds, then, now) == state


@pytest.mark.parametrize(
    ("older", "newer", "state"),
    [
        ((1000, 5), (1900, 13, 9), "ok"),
        ((1000, 5), (100_000, 105, 9), "ok"),
        ((1000, 5, 9), (2000, 505, 9), "ok"),
        ((1000, 5), (50, 20, 9), "warning"),
    ],
    ids=["a handful", "less than 1 %", "not throttled: netfront's own", "counted anew"],
)
def test_some_spurious_events_are_usual(older: tuple[int, ...], newer: tuple[int, ...], state: str) -> None:
    before = guest("pv", _events(*older), at=0.0)
    assert (
        judged(Case(guest("pv", _events(*newer), at=60.0), before, before, (before,), patient=True)).states["X07"]
        == state
    )


@pytest.mark.parametrize(("name", "changes", "code", "said"), [
    (NITRO, {"profile": "default-paravirtual"}, "P02", "the guest runs as hvm"),
    (NITRO, {"instance_type": "m5.large"}, "P04", "the metadata service says m5.large, the firmware c5.large"),
    ("D01-ec2-m1small-pv", {"instance_type": "t2.micro"}, "P04", "takes no PV image"),
    ("D27-ec2-i3metal", {"instance_type": "c5.large"}, "P04", "c5.large is a Nitro type, this kernel runs on no hypervisor"),
])  # fmt: skip
def test_guest_metadata_and_list_of_types_are_held_against_each_other(
    name: str, changes: dict[str, Any], code: str, said: str
) -> None:
    found = judged(Case(guest(name, imds(**changes)))).findings
    assert said in " ".join(each.summary for each in found if each.code == code)
    assert [each.code for each in judged(Case(guest(name))).findings if each.code in ("P02", "P04")] == []
