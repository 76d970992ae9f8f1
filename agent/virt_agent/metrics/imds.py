"""The metadata service: whether it answers, what asking it cost, and what it announces."""

from __future__ import annotations

from virt_collectors.imds import OK

from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition("virt_imds_up", "gauge", (), "1 where the metadata service answers; no series where it is not asked."),
    Definition(
        "virt_imds_requests_total",
        "counter",
        ("status",),
        "Requests to the metadata service since the agent started, by HTTP status, timeout or error.",
    ),
    Definition(
        "virt_imds_last_answer_timestamp_seconds",
        "gauge",
        (),
        "When the metadata service was last asked and answered; what changes there is asked for each minute.",
    ),
    Definition(
        "virt_scheduled_event_not_before_timestamp_seconds",
        "gauge",
        ("event",),
        "When a maintenance of that kind begins at the earliest, as EC2 announces it; completed and canceled ones are"
        " left out.",
    ),
    Definition(
        "virt_spot_action_timestamp_seconds",
        "gauge",
        ("action",),
        "When EC2 takes this spot instance back; no series before it says so.",
    ),
    Definition(
        "virt_rebalance_recommendation_timestamp_seconds",
        "gauge",
        (),
        "When EC2 told that this spot instance runs a raised risk; no series before it does.",
    ),
)


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    """Nothing where the service was not asked."""
    imds = report.reading.facts.imds
    for status, count in sorted(watched.imds_requests.items() if watched else ()):
        yield "virt_imds_requests_total", (status,), count
    if imds is None:
        return
    yield "virt_imds_up", (), imds.state == OK
    if imds.asked is not None:
        yield "virt_imds_last_answer_timestamp_seconds", (), imds.asked
    begins: dict[str, float] = {}
    for event in imds.maintenance:
        if event.state == "active" and event.not_before is not None:
            begins[event.code] = min(event.not_before, begins.get(event.code, event.not_before))
    for code, begin in begins.items():
        yield "virt_scheduled_event_not_before_timestamp_seconds", (code,), begin
    if imds.spot_action and imds.spot_action.time is not None:
        yield "virt_spot_action_timestamp_seconds", (imds.spot_action.action,), imds.spot_action.time
    if imds.rebalance_time is not None:
        yield "virt_rebalance_recommendation_timestamp_seconds", (), imds.rebalance_time
