"""The Xen balloon."""

from __future__ import annotations

from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_xen_balloon_target_bytes",
        "gauge",
        (),
        "Memory that the host asks this guest to have (xen_memory0/target_kb).",
    ),
    Definition(
        "virt_xen_balloon_current_bytes",
        "gauge",
        (),
        "Memory that this guest has after ballooning (xen_memory0/info/current_kb).",
    ),
)


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
    memory = report.reading.facts.memory
    if memory and memory.balloon_target_bytes is not None:
        yield "virt_xen_balloon_target_bytes", (), memory.balloon_target_bytes
    if memory and memory.balloon_current_bytes is not None:
        yield "virt_xen_balloon_current_bytes", (), memory.balloon_current_bytes
