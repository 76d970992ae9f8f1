"""C: the clocksource."""

from __future__ import annotations

from ..form import ADVICE, FAULT, HOST, INFO, WARNING, YOU, Case, Hit, Reading, Rule, Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTLED_SECONDS = 120
_SLOW = ("hpet", "acpi_pm", "jiffies", "refined-jiffies")


def _guest_with_clock(reading: Reading) -> bool:
    clock = reading.facts.clock
    return reading.verdict.hypervisor not in ("none", "unknown") and clock is not None and clock.current is not None


def _check_slow(case: Case) -> Iterator[Hit]:
    clock = case.now.facts.clock
    if clock is not None and clock.current in _SLOW:
        others = [name for name in clock.available if name not in _SLOW]
        offered = f"; also available: {', '.join(others)}" if others else ""
        yield Hit(
            "clock",
            f"the clock is read from {clock.current}, at a VM exit each",
            (f"current_clocksource = {clock.current}{offered}",),
            remedy=_remedy(others),
        )


def _remedy(others: list[str]) -> tuple[str, ...]:
    """Only a clocksource that is offered can be tried."""
    why = "See why a better one was rejected: sudo journalctl -k -g clocksource"
    if not others:
        return (why, "None is offered here: ask the host for a stable TSC or a paravirtual clock.")
    return (
        why,
        f"Try one that is available, until the next boot: sudo tee {_ROOT}/current_clocksource <<< {others[0]}",
        f"If it holds: clocksource={others[0]} on the kernel command line.",
    )


def _check_changed(case: Case) -> Iterator[Hit]:
    """Only a change for the worse, and not while the kernel still chooses, in its first two minutes."""
    earlier = case.first or case.before
    before, now = earlier.facts.clock if earlier else None, case.now.facts.clock
    if before is None or now is None or before.current is None or now.current is None:
        return
    settled = before.uptime_seconds is None or before.uptime_seconds > _SETTLED_SECONDS
    if settled and _cost(now.current) > _cost(before.current):
        yield Hit(
            "clock",
            f"the clocksource fell back from {before.current} to {now.current}",
            (f"current_clocksource was {before.current}, is {now.current}",),
        )


def _cost(name: str) -> int:
    """Tsc and Arm's counter are read inside the guest, PV clocks mostly so, the others by a VM exit."""
    return 2 if name in _SLOW else 0 if name.startswith(("tsc", "arch_sys_counter")) else 1


_ROOT = "/sys/devices/system/clocksource/clocksource0"
_NANOSECONDS = Setting("C04", "nanoseconds", 500, "ns", "that one reading of the clock may take", 1, 1e9)


def _reads(reading: Reading, current: str) -> bool:
    """This clocksource is read, and the guest could tell whether tsc would do."""
    clock = reading.facts.clock
    return reading.virtual and clock is not None and clock.current == current


def _cost_of_reading(case: Case) -> tuple[str, ...]:
    seconds = case.now.facts.clock.read_seconds if case.now.facts.clock else None
    return () if seconds is None else (f"one reading takes {seconds * 1e9:.0f} ns",)


def _tsc_would_do(reading: Reading) -> bool:
    """Offered, and the processor says that it neither changes its rate nor stops."""
    clock, cpu = reading.facts.clock, reading.facts.cpu
    flags = (cpu.flags if cpu else None) or frozenset()
    return clock is not None and "tsc" in clock.available and {"constant_tsc", "nonstop_tsc"} <= flags


def _check_xen_clock(case: Case) -> Iterator[Hit]:
    if _tsc_would_do(case.now):
        yield Hit(
            "clock",
            "the clock is read from xen, tsc is available",
            ("current_clocksource = xen; available: tsc; CPU flags constant_tsc, nonstop_tsc", *_cost_of_reading(case)),
        )


def _check_kvm_clock(case: Case) -> Iterator[Hit]:
    clock = case.now.facts.clock
    if clock is not None and "tsc" in clock.available:
        yield Hit(
            "clock",
            "the clock is read from kvm-clock, tsc is available",
            ("current_clocksource = kvm-clock; available: tsc", *_cost_of_reading(case)),
        )


def _measured(reading: Reading) -> bool:
    clock = reading.facts.clock
    return reading.virtual and clock is not None and clock.read_seconds is not None


def _check_cost(case: Case) -> Iterator[Hit]:
    clock = case.now.facts.clock
    nanoseconds = (clock.read_seconds or 0.0) * 1e9 if clock else 0.0
    if clock is not None and nanoseconds > case.value(_NANOSECONDS):
        cause = (
            "C02" if clock.current in _SLOW else "C01" if _reads(case.now, "xen") and _tsc_would_do(case.now) else None
        )
        yield Hit(
            "clock",
            f"one reading of the clock takes {nanoseconds:.0f} ns",
            (f"clock_gettime(CLOCK_MONOTONIC): {nanoseconds:.0f} ns; current_clocksource = {clock.current}",),
            same_cause_as=cause,
        )


_TRY_TSC = (
    f"Try it until the next boot: sudo tee {_ROOT}/current_clocksource <<< tsc",
    "If nothing complains for some days: clocksource=tsc on the kernel command line.",
)

RULES = (
    Rule(
        code="C01",
        name="xen-clocksource",
        kind=ADVICE,
        severity=INFO,
        title="the Xen clock is read where tsc would do",
        needs=("clock", "cpu"),
        applies=lambda reading: reading.xen_guest and _reads(reading, "xen"),
        check=_check_xen_clock,
        means="Works. Where the kernel cannot read the Xen clock without a system call, programs that ask the time often"
        " lose CPU; tsc is read in a few nanoseconds. AWS used the Xen clock by default for years.",
        remedy=_TRY_TSC,
        source="arch/x86/xen/time.c, ratings; arch/x86/entry/vdso/vma.c",
        owner=YOU,
        avoid="Do not switch where guests are migrated between hosts of different clock rates: time would run wrong.",
    ),
    Rule(
        code="C02",
        name="slow-clocksource",
        kind=FAULT,
        severity=WARNING,
        title="the clock is read from emulated hardware",
        needs=("clock",),
        applies=_guest_with_clock,
        check=_check_slow,
        means="Programs that ask the time often (databases, tracing, anything with timestamps) spend their CPU on exits"
        " to the host.",
        remedy=("See why a better one was rejected: sudo journalctl -k -g clocksource",),
        source="kernel/time/clocksource.c, ratings; arch/x86/kernel/hpet.c, drivers/clocksource/acpi_pm.c",
        owner=YOU,
        avoid="Do not force tsc where the kernel marked it unstable: time would jump.",
    ),
    Rule(
        code="C03",
        name="clocksource-changed",
        kind=FAULT,
        severity=WARNING,
        title="the clocksource got worse while the agent ran",
        needs=("clock",),
        applies=_guest_with_clock,
        check=_check_changed,
        means="The kernel found its clock unstable and fell back to a slower one, or somebody switched it.",
        remedy=(
            "See why: sudo journalctl -k -g clocksource",
            "Compare the times of a live migration and of high steal.",
        ),
        source="kernel/time/clocksource.c, clocksource_watchdog",
        owner=HOST,
        avoid="Do not switch back before the reason is known.",
        compare=True,
    ),
    Rule(
        code="C04",
        name="clock-read-slow",
        kind=ADVICE,
        severity=INFO,
        title="reading the clock takes long",
        needs=("clock",),
        applies=_measured,
        check=_check_cost,
        means="A reading that needs a system call or a VM exit costs ten to a hundred times one that does not. Under"
        " emulation and in nested guests this is normal.",
        remedy=("See which clocksources there are: grep . /sys/devices/system/clocksource/clocksource0/*",),
        source="vdso(7); measured by the agent, best of three times 100 readings",
        owner=YOU,
        settings=(_NANOSECONDS,),
    ),
    Rule(
        code="C05",
        name="kvm-clock-on-nitro",
        kind=ADVICE,
        severity=INFO,
        title="kvm-clock is read on Nitro where tsc would do",
        needs=("clock",),
        applies=lambda reading: reading.on_ec2 and _reads(reading, "kvm-clock"),
        check=_check_kvm_clock,
        means="Works, and costs a little more for each reading than tsc, which Nitro keeps stable.",
        remedy=_TRY_TSC,
        source="kernel/kvmclock.c, rating 299 with a stable TSC; EC2 user guide, clock source",
        owner=YOU,
    ),
)
