"""Suspends, restores and migrations."""

from __future__ import annotations

from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_guest_resumes_total",
        "counter",
        (),
        "Times that the guest was suspended and resumed, restored or migrated since the agent started; daemon only.",
    ),
    Definition(
        "virt_guest_suspended_seconds_total",
        "counter",
        (),
        "Time since boot in which the guest slept (CLOCK_BOOTTIME minus CLOCK_MONOTONIC).",
    ),
)


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    """Nothing where the clocks cannot be compared."""
    clock = report.reading.facts.clock
    if watched:
        yield "virt_guest_resumes_total", (), watched.resumes
    if clock and clock.suspended_seconds is not None:
        yield "virt_guest_suspended_seconds_total", (), clock.suspended_seconds
