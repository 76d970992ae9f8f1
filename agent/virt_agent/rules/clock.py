"""C: the clocksource."""

from __future__ import annotations

from .form import FAULT, WARNING, Case, Hit, Reading, Rule

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

RULES = (
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
        compare=True,
    ),
)
