"""Whether this guest comes up again, as the daemon last found (`--readiness`)."""

from __future__ import annotations

from ..readiness.form import READY, UNKNOWN
from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_readiness",
        "gauge",
        ("target",),
        "Whether this guest comes up again after a reboot, as HVM, on Nitro: 1 ready, 0 not, -1 unknown. Looked at each"
        " day and when /boot changes; no series where the target makes no sense.",
    ),
)


def samples(_report: Report, watched: Watched | None) -> Iterator[Sample]:
    """Nothing outside the daemon: a look takes longer than a scrape may."""
    for target, told in sorted(watched.readiness.items() if watched else ()):
        yield "virt_readiness", (target,), 1 if told == READY else -1 if told == UNKNOWN else 0
