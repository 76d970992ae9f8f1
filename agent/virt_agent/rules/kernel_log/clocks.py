"""L23 to L25: what the kernel says of its clocks."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import ADVICE, HOST, INFO, WARNING, Case, Reading
from .history import events
from .line import Line, Verdict, rule
from .uses import inside

_GOOD = ("xen", "kvm-clock", "hyperv_clocksource")
_SLOW = ("hpet", "acpi_pm", "jiffies", "refined-jiffies")  # C02 tells of these
_BOOT_SECONDS = 600
_SOURCE = "kernel/time/clocksource.c"


def _has_clock(reading: Reading) -> bool:
    return inside(reading) and reading.facts.clock is not None and reading.facts.clock.current is not None


def _rejected(case: Case, event: LogEvent) -> Verdict | None:
    """A guest that now reads a PV clock lost nothing; one that went on with the same clock lost nothing either."""
    now = case.now.facts.clock.current if case.now.facts.clock else None
    if now is None or now == event.subject:
        return None
    return Verdict(INFO if now.startswith(_GOOD) else WARNING, cause="C02" if now in _SLOW else None)


def _late(case: Case, event: LogEvent) -> Verdict | None:
    """While it boots a kernel tries one clock after the other. Only the latest switch counts."""
    others = [each.last_seconds for each in events(case.now, "L25") if each.last_seconds is not None]
    if event.last_seconds is None or event.last_seconds < max(*others, _BOOT_SECONDS):
        return None
    return Verdict()


_AVOID = "Do not force tsc on the kernel command line: where it is unstable, time jumps."

RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L23",
            "clock-skewed",
            "the kernel found a clock to run at another rate than its watchdog",
            "clock SUBJECT was marked unstable",
            _has_clock,
            "Two clocks disagreed: the host was busy, or moved the guest to another CPU or machine. The kernel reads"
            " the time elsewhere from then on, which may be slow.",
            (
                "What is it now? cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
                "Compare the time of the line with live migrations and steal on the host.",
                "Prefer the hypervisor's clock: clocksource=kvm-clock or clocksource=xen on the kernel command line.",
            ),
            _AVOID,
            f"{_SOURCE}, clocksource_watchdog",
            _rejected,
        ),
        Line(
            "L24",
            "clock-read-late",
            "the kernel gave a clock up, for reading it took too long",
            "clock SUBJECT was given up after slow readings",
            _has_clock,
            "The watchdog's readings lay too far apart: mostly a virtual CPU that was not run in between.",
            (
                "Was the CPU taken away? Steal is in the eighth figure: head -1 /proc/stat",
                "What is the clock now? cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            _AVOID,
            f"{_SOURCE}, cs_watchdog_read (since 5.13)",
            _rejected,
        ),
        Line(
            "L25",
            "clock-switched-late",
            "the kernel switched to another clock long after the boot",
            "the kernel switched to clock SUBJECT",
            _has_clock,
            "Somebody asked for it, or the clock before was found unstable.",
            ("See why: sudo journalctl -k -g clocksource",),
            _AVOID,
            f"{_SOURCE}, timekeeping_notify",
            _late,
            ADVICE,
            INFO,
            HOST,
        ),
    )
)
