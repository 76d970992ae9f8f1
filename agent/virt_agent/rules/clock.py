"""C: the clocksource."""

from __future__ import annotations

from .form import FAULT, WARNING, Case, Hit, Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
            f"the clock is read from {clock.current}, a VM exit for each reading",
            (f"current_clocksource = {clock.current}{offered}",),
        )


def _check_changed(case: Case) -> Iterator[Hit]:
    earlier = case.first or case.before
    was = earlier.facts.clock.current if earlier and earlier.facts.clock else None
    now = case.now.facts.clock.current if case.now.facts.clock else None
    if was and now and was != now:
        yield Hit(
            "clock",
            f"the clocksource changed from {was} to {now} while the agent ran",
            (f"current_clocksource was {was}, is {now}",),
        )


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
        remedy=(
            "See why a better one was rejected: sudo journalctl -k -g clocksource",
            f"Try one that is available, until the next boot: sudo tee {_ROOT}/current_clocksource <<< tsc",
            "If it holds: clocksource= on the kernel command line.",
        ),
        source="kernel/time/clocksource.c, ratings; arch/x86/kernel/hpet.c, drivers/clocksource/acpi_pm.c",
    ),
    Rule(
        code="C03",
        name="clocksource-changed",
        kind=FAULT,
        severity=WARNING,
        title="the clocksource changed while the agent ran",
        needs=("clock",),
        applies=_guest_with_clock,
        check=_check_changed,
        means="The kernel found its clock unstable and fell back to another, or somebody switched it.",
        remedy=(
            "See why: sudo journalctl -k -g clocksource",
            "Compare the times of a live migration and of high steal.",
        ),
        source="kernel/time/clocksource.c, clocksource_watchdog",
        compare=True,
    ),
)
