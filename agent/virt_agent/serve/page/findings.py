"""What is wrong, what it means and what to do; then what could be better and is no fault."""

from __future__ import annotations

from ...report import Report
from ...rules import registry, runbook
from ...rules.form import INFO, Finding
from .badges import badge
from .markup import Html, foreign, join, tag
from .markup import facts as listed

_ALL_HINTS = "by ", tag("code", "virt-agent --check -v"), " on this machine"  # the text at /check has no hints
SHOWN = 60  # of each kind; a thousand disks that die at once are one illness


class Told:
    """What stands on the page already: a second finding of a rule does not repeat it."""

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def fresh(self, *key: object) -> bool:
        """True for the first time."""
        known = key in self._seen
        self._seen.add(key)
        return not known


def section(report: Report) -> Html:
    """The findings; their numbers are those that the picture leads to."""
    loud = [finding for finding in report.findings if finding.severity != INFO]
    hints = [finding for finding in report.findings if finding.severity == INFO]
    told = Told()
    parts = [_article(number, finding, told) for number, finding in enumerate(loud[:SHOWN], 1)]
    return tag(
        "section",
        tag("h2", f"Findings ({len(loud)})" if loud else "Findings", id="h-findings"),
        *(parts or [tag("p", "None." if report.status != "unknown" else "None, but not all could be told.")]),
        _more(len(loud), "in ", tag("a", "the text", href="/check")),
        _hints(hints, told),
        aria_labelledby="h-findings",
        id="findings",
    )


def place(number: int) -> str:
    """Where the finding of that number is told."""
    return f"#finding-{number}" if number <= SHOWN else "#findings"


def _more(count: int, *where: str) -> Html:
    return tag("p", f"and {count - SHOWN} more, ", *where) if count > SHOWN else join(())


def _article(number: int, finding: Finding, told: Told) -> Html:
    heading = tag("h3", badge(finding.severity), *_named(finding), class_="head", id=f"finding-{number}")
    return tag("article", heading, _body(finding, told), class_=finding.severity, aria_labelledby=f"finding-{number}")


def _hints(hints: list[Finding], told: Told) -> Html:
    if not hints:
        return join(())
    title = f"{len(hints)} hint{'s' * (len(hints) != 1)}, no fault{'s' * (len(hints) != 1)}: what could be better"
    return tag(
        "details",
        tag("summary", title),
        *(_hint(finding, told) for finding in hints[:SHOWN]),
        _more(len(hints), *_ALL_HINTS),
    )


def _hint(finding: Finding, told: Told) -> Html:
    return tag("div", tag("h3", badge("info"), *_named(finding), class_="head"), _body(finding, told), class_="hint")


def _named(finding: Finding) -> tuple[Html, Html]:
    name = tag("span", f"{finding.code} {finding.name}")
    return name, tag("span", foreign(finding.subject, 80), class_="name")


def _body(finding: Finding, told: Told) -> Html:
    if finding.same_cause_as:
        return tag("p", "Same cause as ", foreign(finding.same_cause_as), ": ", foreign(finding.summary))
    entries: list[tuple[str, str]] = [("What", foreign(finding.summary, 300))]
    if finding.evidence:  # a public report has none
        entries.append(("Saw", foreign("; ".join(finding.evidence), 800)))
    if finding.since:
        entries.append(("Since", foreign(finding.since)))
    if told.fresh(finding.code):
        entries.append(("Means", foreign(finding.means, 800)))
    if told.fresh(finding.code, finding.remedy):
        entries.append(("Do", tag("ol", *(tag("li", foreign(step, 600)) for step in finding.remedy))))
    if told.fresh(finding.code, "runbook"):
        entries += _runbook(finding.code)
    return listed(entries)


def _runbook(code: str) -> list[tuple[str, str]]:
    """What the rule itself says beside that."""
    rule = registry.find(code)
    more = tag("code", f"virt-agent --explain {code}")
    return [("Do not", runbook.avoid(rule)), ("Who", runbook.owner(rule)), ("More", more)] if rule else [("More", more)]
