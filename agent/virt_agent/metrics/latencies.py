"""Latencies of EBS volumes and instance store disks, where --collector.nvme_latencies asks for them."""

from __future__ import annotations

from ..report import Report
from .definition import SUM, Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from virt_collectors.nvme_pages import LatencyBin

_NAME = "virt_ebs_io_latency_seconds"
METRICS = (
    Definition(
        _NAME,
        "histogram",
        ("device", "operation", "le"),
        "Time that requests took, by the volume's own histogram (log page 0xD0); only with --collector.nvme_latencies.",
    ),
)


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
    """Cumulative counts by the bins' upper ends, and the time of all requests."""
    for volume in report.reading.facts.nvme_latencies or ():
        yield from _histogram((volume.disk, "read"), volume.reads, volume.read_seconds)
        yield from _histogram((volume.disk, "write"), volume.writes, volume.write_seconds)


def _histogram(labels: tuple[str, str], bins: tuple[LatencyBin, ...], seconds: float) -> Iterator[Sample]:
    total, highest = 0, -1.0
    for each in bins:
        total += each.count
        if each.upper_seconds <= highest:
            continue  # a device that counts so is not to be believed further
        highest = each.upper_seconds
        yield _NAME, (*labels, repr(each.upper_seconds)), total
    yield _NAME, (*labels, "+Inf"), total
    yield _NAME, (*labels, SUM), seconds
