"""What changed while the daemon watched, in lines: the newest few, or all with -v."""

from __future__ import annotations

from ..report import Change, Report
from .ascii import clean, wrap

SHOWN = 5
_INDENT = " " * 27  # below the text that follows the time


def lines(report: Report, verbosity: int = 0) -> list[str]:
    """A heading and the changes; nothing where there are none."""
    told = report.changes if verbosity else report.changes[:SHOWN]
    found = ["  CHANGES seen since the agent started, newest first"] if told else []
    for change in told:
        found += wrap(in_words(change), _INDENT, f"  {clean(change.time, 23)}  ")
    left = len(report.changes) - len(told)
    return [*found, f"  and {left} more: the page at / shows them"] if left else found


def in_words(change: Change) -> str:
    """What changed, without its time: "disk xvdb state Connected -> Closed, 12 times since, last 17:02:11 UTC"."""
    often = f", {change.times} times since, last {_last(change)}" if change.times > 1 else ""
    detail = f": {change.detail}" if change.detail else ""
    return clean(f"{change.text}{often}{detail}", 600)


def _last(change: Change) -> str:
    """The time of day alone where the day is that of the first time."""
    day, _, rest = (change.last or "").partition(" ")
    return rest if change.time.startswith(f"{day} ") else f"{day} {rest}"
