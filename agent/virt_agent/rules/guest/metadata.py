"""I: what the metadata service announces."""

from __future__ import annotations

from time import gmtime, strftime

from virt_collectors.imds_events import ScheduledEvent

from ..form import ADVICE, CLOUD, EVENT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import GUEST, ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OVER = ("completed", "canceled", "cancelled")
_STOPS = ("instance-stop", "instance-retirement")


def _answers(reading: Reading) -> bool:
    """Or announced something before it fell silent: that still holds."""
    imds = reading.facts.imds
    if not reading.on_ec2 or imds is None:
        return False
    return imds.state == "ok" or bool(imds.maintenance or imds.spot_action or imds.rebalance_time is not None)


def _when(seconds: float | None) -> str:
    """A time in words, "at an unknown time" where it is none that a calendar has."""
    try:
        return "at an unknown time" if seconds is None else strftime("%Y-%m-%d %H:%M UTC", gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"


def _left(reading: Reading, deadline: float | None) -> str:
    """How long until a deadline, as in ", in 3 h"; "" where the clock or the deadline is unknown."""
    now = reading.facts.clock.time if reading.facts.clock else None
    if now is None or deadline is None:
        return ""
    seconds = deadline - now
    if seconds < 0:
        return ", due"
    return f", in {seconds / 60:.0f} min" if seconds < 5400 else f", in {seconds / 3600:.0f} h"


def _check_maintenance(case: Case) -> Iterator[Hit]:
    for event in case.now.facts.imds.maintenance if case.now.facts.imds else ():
        if event.state in _OVER:
            continue
        until = "" if event.not_after is None else f", not after {_when(event.not_after)}"
        named = f" ({event.event_id})" if event.event_id else ""
        yield Hit(
            event.code,
            f"AWS will do {event.code} {_when(event.not_before)}{_left(case.now, event.not_before)}",
            (f"events/maintenance/scheduled{named}: {event.state}, not before {_when(event.not_before)}{until}",),
            remedy=_maintenance_remedy(case.now, event),
        )


def _maintenance_remedy(reading: Reading, event: ScheduledEvent) -> tuple[str, ...]:
    look = f"See it whole: {ask_host(reading, GUEST)}"
    if event.code in _STOPS:
        return (
            look,
            "Stop and start the instance yourself, in time: it comes up on another host. Root on EBS only;"
            " copy what lies on instance store first.",
        )
    if event.code == "instance-reboot":
        return (look, "Reboot it yourself before, from EC2 (aws ec2 reboot-instances) or in here.")
    return (
        look,
        "A stop and start moves the instance to a host without this event; a reboot in here does not count for it.",
        "Or ask for another time: aws ec2 modify-instance-event-start-time",
    )


def _check_spot(case: Case) -> Iterator[Hit]:
    imds = case.now.facts.imds
    action = imds.spot_action if imds else None
    if action is not None:
        yield Hit(
            "spot",
            f"EC2 takes this spot instance back: {action.action} {_when(action.time)}{_left(case.now, action.time)}",
            (f"spot/instance-action: {action.action}, {_when(action.time)}",),
        )


def _check_rebalance(case: Case) -> Iterator[Hit]:
    imds = case.now.facts.imds
    if imds is not None and imds.rebalance_time is not None:
        taken = "I02" if imds.spot_action is not None else None
        yield Hit(
            "rebalance",
            "EC2 recommends to replace this spot instance",
            (f"events/recommendations/rebalance: noticed {_when(imds.rebalance_time)}",),
            same_cause_as=taken,
        )


def _was_asked(reading: Reading) -> bool:
    return reading.on_ec2 and reading.facts.imds is not None


def _check_disabled(case: Case) -> Iterator[Hit]:
    imds = case.now.facts.imds
    if imds is not None and imds.state == "disabled":
        yield Hit("imds", "the metadata service is switched off for this instance", ("every path answers 403",))


def _has_lifecycle(reading: Reading) -> bool:
    return _answers(reading) and reading.facts.imds is not None and reading.facts.imds.autoscaling_state is not None


def _check_lifecycle(case: Case) -> Iterator[Hit]:
    imds = case.now.facts.imds
    state = imds.autoscaling_state if imds else None
    if state and state != "InService":
        yield Hit(
            "auto scaling",
            f"Auto Scaling wants this instance {state}",
            (f"autoscaling/target-lifecycle-state = {state}",),
        )


RULES = (
    Rule(
        code="I01",
        name="scheduled-maintenance",
        kind=EVENT,
        severity=WARNING,
        title="AWS has scheduled maintenance for this instance",
        needs=("imds",),
        applies=_answers,
        check=_check_maintenance,
        means="At that time AWS stops, retires or reboots the instance or its host, whether or not this guest is ready.",
        remedy=(
            "See it whole: aws ec2 describe-instance-status --include-all-instances --instance-ids INSTANCE-ID",
            "Do it yourself before, at a time that you choose: a stop and start moves the instance to another host.",
            "Or ask for another time: aws ec2 modify-instance-event-start-time",
        ),
        source="EC2 user guide, Scheduled events for your instances",
        owner=CLOUD,
        avoid="Do not stop an instance whose data lies on instance store before it is copied: it is lost.",
    ),
    Rule(
        code="I02",
        name="spot-interruption",
        kind=EVENT,
        severity=WARNING,
        title="EC2 takes this spot instance back",
        needs=("imds",),
        applies=_answers,
        check=_check_spot,
        means="Two minutes after the notice the instance is terminated, stopped or hibernated (hibernation begins at once).",
        remedy=("Drain it now: take it out of its load balancer, finish or hand over its work, save its state.",),
        source="EC2 user guide, Spot Instance interruption notices",
        owner=YOU,
        avoid="Do not start new work on it.",
    ),
    Rule(
        code="I03",
        name="rebalance-recommendation",
        kind=EVENT,
        severity=WARNING,
        title="EC2 recommends to replace this spot instance",
        needs=("imds",),
        applies=_answers,
        check=_check_rebalance,
        means="The instance is more likely than usual to be taken back soon, perhaps before the two minutes' notice.",
        remedy=(
            "Start its replacement now.",
            "Then drain this one: take it out of its load balancer.",
        ),
        source="EC2 user guide, EC2 instance rebalance recommendations",
        owner=YOU,
    ),
    Rule(
        code="I04",
        name="metadata-switched-off",
        kind=ADVICE,
        severity=INFO,
        title="the metadata service is switched off",
        needs=(),
        applies=_was_asked,
        check=_check_disabled,
        means="That is a policy, not a fault. Zone, image, and scheduled maintenance cannot be known in here.",
        remedy=(
            "If it is not meant: aws ec2 modify-instance-metadata-options --http-endpoint enabled --http-tokens required",
        ),
        source="EC2 user guide, Configure the instance metadata options",
        owner=YOU,
    ),
    Rule(
        code="I06",
        name="leaving-auto-scaling-group",
        kind=EVENT,
        severity=INFO,
        title="Auto Scaling takes this instance out of service",
        needs=("imds",),
        applies=_has_lifecycle,
        check=_check_lifecycle,
        means="The group has decided that this instance is to be terminated, detached, or kept warm.",
        remedy=("Let its lifecycle hook finish: drain it, save its state, complete the hook.",),
        source="EC2 Auto Scaling user guide, Retrieve the target lifecycle state through instance metadata",
        owner=YOU,
    ),
)
