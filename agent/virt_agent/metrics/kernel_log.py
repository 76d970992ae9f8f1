"""What the kernel log said, by the codes of the rules that apply here."""

from __future__ import annotations

from ..report import Report
from ..rules.form import ADVICE, Reading
from ..rules.kernel_log.history import age_seconds, log_of
from ..rules.registry import RULES
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_RULES = tuple(rule for rule in RULES if rule.needs == ("kernel_log",))
_ADVICE = frozenset(rule.code for rule in _RULES if rule.kind == ADVICE)

METRICS = (
    Definition(
        "virt_kernel_log_events_total",
        "counter",
        ("code",),
        "Lines of the kernel log seen since the agent started, by the code of their rule, for each fault that applies;"
        " only where the daemon follows the log.",
    ),
    Definition(
        "virt_kernel_log_last_event_timestamp_seconds",
        "gauge",
        ("code",),
        "When the kernel last printed such a line, also before the agent started; no series where it never did.",
    ),
    Definition(
        "virt_kernel_log_lost_records_total",
        "counter",
        (),
        "Records that the kernel overwrote before the daemon read them.",
    ),
)


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    """One reading alone counts nothing: a counter that stays 0 would look like health."""
    reading = report.reading
    log, codes = log_of(reading), [rule.code for rule in _RULES if rule.applies(reading)]
    if log is None:
        return
    counted, last = dict.fromkeys(codes, 0), dict[str, float]()
    for event in log.events:
        if event.code in counted:
            counted[event.code] += event.since_start
            if event.last_seconds is not None:
                last[event.code] = max(event.last_seconds, last.get(event.code, 0.0))
    if log.followed and watched is not None:
        for code in codes:
            if code in _ADVICE:
                continue
            yield "virt_kernel_log_events_total", (code,), counted[code]
        yield "virt_kernel_log_lost_records_total", (), log.lost
    for code, stamp in last.items():
        printed = _wall_time(reading, stamp)
        if printed is not None:
            yield "virt_kernel_log_last_event_timestamp_seconds", (code,), printed


def _wall_time(reading: Reading, stamp: float) -> int | None:
    """Whole seconds since 1970, the same in each reading: by the time of boot, which stands still unlike the clocks.

    The kernel's stamps leave out the time in which it slept.
    """
    clock, memory = reading.facts.clock, reading.facts.memory
    if memory is not None and memory.boot_time_seconds is not None:
        slept = round(clock.suspended_seconds or 0.0) if clock else 0
        return memory.boot_time_seconds + slept + int(stamp)
    passed = age_seconds(reading, stamp)
    return None if clock is None or clock.time is None or passed is None else round(clock.time - passed)
