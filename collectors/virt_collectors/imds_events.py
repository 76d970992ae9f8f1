"""What the metadata service announces: maintenance, the end of a spot instance, a rebalance.

Maintenance comes as a JSON list, empty where nothing is planned; its dates are those of mail ("21 Jan 2019 09:00:43
GMT"), the others ISO 8601 ("2017-09-18T08:22:00Z"); both forms are taken everywhere (EC2 user guide, "Scheduled
events", "Spot Instance interruption notices", "EC2 instance rebalance recommendations").
"""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEXT_LIMIT = 256
_EVENTS_LIMIT = 100
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ScheduledEvent(Record):
    """One event of the maintenance list; times in seconds since 1970, None where none is given or readable.

    `code`: instance-stop, instance-retirement, instance-reboot, system-reboot, system-maintenance. `state`: active,
    completed, canceled.
    """

    code: str
    state: str
    not_before: float | None = None
    not_after: float | None = None
    description: str | None = None
    event_id: str | None = None


class SpotAction(Record):
    """What becomes of a spot instance, `terminate`, `stop` or `hibernate`, and when."""

    action: str
    time: float | None = None


def parse_maintenance(body: str) -> tuple[ScheduledEvent, ...] | None:
    """The events of events/maintenance/scheduled; None where the answer has not its form."""
    found = load(body)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return None
    return tuple(_event(item) for item in found[:_EVENTS_LIMIT])


def _event(item: dict[str, Any]) -> ScheduledEvent:
    return ScheduledEvent(
        code=_text(item.get("Code")) or "unknown",
        state=(_text(item.get("State")) or "active").lower(),
        not_before=parse_time(item.get("NotBefore")),
        not_after=parse_time(item.get("NotAfter")),
        description=_text(item.get("Description")),
        event_id=_text(item.get("EventId")),
    )


def parse_spot_action(body: str) -> SpotAction | None:
    """spot/instance-action; None where the answer has not its form."""
    found = load(body)
    action = _text(found.get("action")) if isinstance(found, dict) else None
    return SpotAction(action, parse_time(found.get("time"))) if action else None


def parse_notice(body: str) -> float | None:
    """The time in events/recommendations/rebalance."""
    found = load(body)
    return parse_time(found.get("noticeTime")) if isinstance(found, dict) else None


def load(body: str) -> Any:
    """The JSON value of an answer; None where it is none."""
    import json

    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str | None:
    """A line of printable text."""
    if not isinstance(value, str):
        return None
    clean = "".join(character for character in value if character.isprintable())
    return clean.strip()[:_TEXT_LIMIT] or None


def parse_time(value: object) -> float | None:
    """Seconds since 1970 of an ISO 8601 time or of a mail's date; None where the text is neither. No zone is UTC."""
    if not isinstance(value, str) or len(value) > 64 or not value.isascii():
        return None
    from datetime import datetime, timezone

    text = value.strip()
    try:
        if "T" in text and text[:4].isdecimal():
            found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        else:
            found = datetime(*_mail_date(text), tzinfo=timezone.utc)
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _mail_date(text: str) -> tuple[int, int, int, int, int, int]:
    """Year to second of "Mon, 21 Jan 2019 09:00:43 GMT", the day of the week optional (RFC 5322; always GMT here)."""
    words = text.rpartition(",")[2].split()
    if len(words) != 5 or words[4] not in ("GMT", "UTC", "+0000") or words[1] not in _MONTHS:
        raise ValueError(text)
    hour, minute, second = words[3].split(":")
    return int(words[2]), _MONTHS.index(words[1]) + 1, int(words[0]), int(hour), int(minute), int(second)
