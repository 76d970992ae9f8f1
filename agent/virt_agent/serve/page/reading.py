"""How the report came about: what was checked, what could not be, the collectors with their times, what changed."""

from __future__ import annotations

from virt_collectors.collect import COLLECTORS, FAILED, STUCK, Outcome

from ...render import chosen, text
from ...render.ascii import duration
from ...render.changes import in_words
from ...render.text import counts_in_words, not_checked_in_words
from ...report import Change, Report
from .badges import badge
from .markup import Html, foreign, tag
from .markup import facts as listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MOVING = frozenset(collector.name for collector in COLLECTORS if collector.changes)
_NOW_SECONDS = 1.0


def section(report: Report, ages: Mapping[str, float]) -> Html:
    """What was checked, and each collector."""
    broken = [outcome.name for outcome in report.outcomes if outcome.outcome in (FAILED, STUCK)]
    state = f"{len(broken)} of them brought nothing" if broken else "all of them fine"
    return tag(
        "section",
        tag("h2", "How this was read", id="h-read"),
        listed(_checked(report)),
        tag(
            "details",
            tag(
                "summary", f"{len(report.outcomes)} collectors, {state}: how each ended, how long it took, when it read"
            ),
            _table(report, ages),
            **({"open": "open"} if broken else {}),
        ),
        aria_labelledby="h-read",
        id="read",
    )


def _checked(report: Report) -> list[tuple[str, str]]:
    return [
        ("Checked", counts_in_words(report, text.Style())),
        ("Not read", foreign(not_checked_in_words(report), 400) if report.not_checked else ""),
        ("Chosen", foreign(chosen.options(report), 1000)),
        ("Changed", foreign(chosen.configuration(report), 1000)),
    ]


def _table(report: Report, ages: Mapping[str, float]) -> Html:
    headings = [tag("th", word, scope="col", class_=kind) for word, kind in _HEADINGS]
    rows = (_row(outcome, ages.get(outcome.name)) for outcome in report.outcomes)
    return tag("table", tag("thead", tag("tr", *headings)), tag("tbody", *rows))


_HEADINGS = (("Collector", ""), ("Ended", ""), ("Took", "number"), ("Read", ""))


def _row(outcome: Outcome, age: float | None) -> Html:
    ended = [outcome.outcome if outcome.outcome not in (FAILED, STUCK) else tag("strong", outcome.outcome)]
    if outcome.reason:
        ended.append(tag("span", foreign(outcome.reason, 240), class_="note"))
    return tag(
        "tr",
        tag("th", outcome.name, scope="row"),
        tag("td", *ended),
        tag("td", f"{outcome.seconds * 1000:.1f} ms", class_="number"),
        tag("td", _when(outcome, age)),
    )


def _when(outcome: Outcome, age: float | None) -> str:
    if age is None and outcome.outcome == STUCK:
        return "not yet"
    if age is not None and age >= _NOW_SECONDS:
        return f"{duration(age)} ago"
    return "now" if age is not None or outcome.name in _MOVING else "at the start"


def changes(report: Report) -> Html:
    """The states that changed while this daemon looked, newest first."""
    found = tag("ul", *map(_change, report.changes), class_="changes")
    body = found if report.changes else tag("p", "Nothing since this daemon began.")
    return tag("section", tag("h2", "What changed", id="h-changes"), body, aria_labelledby="h-changes", id="changes")


def _change(change: Change) -> Html:
    told = tag("span", badge(change.severity), " ", foreign(in_words(change), 600))
    return tag("li", tag("span", change.time, class_="quiet"), told)
