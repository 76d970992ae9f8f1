"""What changed from one report to the next: told to the log, and kept for the reports that follow.

A state is told when it begins and when it ends. The first report tells the log how things stand, and is no change.
What a rule cannot judge now, for a collector hangs or the guest was just resumed, has neither come nor gone.
"""

from __future__ import annotations

import logging
import time

from virt_collectors.collect import FAILED, STUCK
from virt_collectors.record import Record

from ..report import OK, Change, Report
from ..rules.form import CRITICAL, INFO, NOT_SAMPLED, OFF, UNKNOWN, WARNING, Finding
from .chronicle import Chronicle
from .device_states import CHANGED, DeviceStates
from .logs import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    T = TypeVar("T")
    Key = tuple[str, str]  # code and subject

log = logging.getLogger("virt-agent")

LINES = 40  # in the log of one report; a thousand disks that vanish at once are no thousand news
REMEMBERED = 20  # of one report, so that it leaves some of what was before
_LEVELS = {CRITICAL: logging.ERROR, WARNING: logging.WARNING, INFO: logging.INFO, OK: logging.INFO}
_VERDICT = ("hypervisor", "guest_mode", "role", "pv_drivers", "cloud", "ec2_system", "confidence")
_NOT_TOLD = "not told"  # "none" is an answer
_NONE = "none"


class News(Record):
    """One state that changed: a sentence and fields for the log (`logged`), a text and a detail for people (see `Change`).

    `about` is what it is a state of, in words that stay the same; `public` the text without a name in it.
    """

    about: tuple[str, ...]
    severity: str
    sentence: str
    logged: dict[str, Any]
    text: str
    detail: str = ""
    public: str | None = None

    @property
    def level(self) -> int:
        """The log's."""
        return _LEVELS.get(self.severity, logging.WARNING)


class Changes:
    """Remembers what was told last."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.chronicle = Chronicle(clock)
        self._begun = False
        self._status: str | None = None
        self._findings: dict[Key, Finding] = {}
        self._shown: dict[Key, str] = {}  # their subjects for strangers, hidden while what names them was known
        self._read: frozenset[str] = frozenset()
        self._broken: dict[str, str] = {}
        self._metadata: str | None = None
        self._resumes = 0
        self._verdict: dict[str, str] = {}
        self._clocksource: str | None = None
        self._devices = DeviceStates()

    def tell(self, report: Report) -> tuple[Change, ...]:
        """Log what is new in this report; all changes that are remembered, newest first."""
        news = list(self.news(report))
        for each in news[:LINES]:
            log.log(each.level, each.sentence, extra=event(**each.logged))
        if len(news) > LINES:
            log.warning("more changed at once than is told here", extra=event(more=len(news) - LINES))
        if self._begun:
            self._remember(news)
        self._begun = True
        return self.chronicle.changes

    def _remember(self, news: list[News]) -> None:
        """The first news are the weightiest, and so the newest."""
        more = len(news) - REMEMBERED
        if more > 0:
            self.chronicle.note(("more",), INFO, f"{more} more changes at the same time")
        for each in reversed(news[:REMEMBERED]):
            self.chronicle.note(each.about, each.severity, each.text, each.detail, each.public)

    def news(self, report: Report) -> Iterator[News]:
        """All that is new, the weightiest first."""
        yield from self._of_resumes(report)
        yield from self._of_status(report)
        yield from self._of_findings(report)
        yield from self._of_verdict(report)
        yield from self._of_collectors(report)
        yield from self._of_metadata(report)
        yield from self._of_clocksource(report)
        yield from self._of_devices(report)

    def _of_resumes(self, report: Report) -> Iterator[News]:
        if report.resumes and report.resumes.count > self._resumes:
            self._resumes = report.resumes.count
            sentence, saw = "the guest was suspended, restored or moved", report.resumes.last
            yield News(("resumes", str(self._resumes)), INFO, sentence, {"saw": saw}, sentence, saw or "")

    def _of_status(self, report: Report) -> Iterator[News]:
        before, self._status = self._status, report.status
        if before != report.status:
            told = {"status": report.status, "before": before}
            text = f"status {before} -> {report.status}"
            yield News(("status",), report.status, "the status changed", told, text)

    def _of_findings(self, report: Report) -> Iterator[News]:
        now = {(one.code, one.subject): one for one in report.findings}
        before, self._findings = self._findings, unjudged(self._findings, report) | now
        shown = self._shown | _hidden(now.keys() - self._shown.keys(), report)
        self._shown = {key: shown[key] for key in self._findings}
        fewer = self._collector_left(report)
        for key, finding in now.items():
            yield from _came(before.get(key), finding, shown[key])
        for key, finding in before.items():
            if key not in self._findings:
                off = report.states.get(finding.code, OFF if fewer else OK) == OFF
                yield _went(finding, shown[key], off)

    def _collector_left(self, report: Report) -> bool:
        """Whether one was switched off since the last report: what it was needed for is silent now, not well."""
        before, self._read = self._read, frozenset(one.name for one in report.outcomes)
        return bool(before - self._read)

    def _of_verdict(self, report: Report) -> Iterator[News]:
        verdict = report.reading.verdict
        now = {name: getattr(verdict, name) or _NOT_TOLD for name in _VERDICT}
        before, self._verdict = self._verdict or now, now
        how = ", ".join(f"{name} {before[name]} -> {now[name]}" for name in _VERDICT if before[name] != now[name])
        if how:
            yield News(("verdict",), INFO, "the verdict changed", {"change": how}, f"verdict {how}")

    def _of_collectors(self, report: Report) -> Iterator[News]:
        before = self._broken
        now = {one.name: one.outcome for one in report.outcomes if one.outcome in (FAILED, STUCK)}
        self._broken = now
        for one in report.outcomes:
            if one.name in now and before.get(one.name) != one.outcome:
                told = {"collector": one.name, "outcome": one.outcome, "reason": one.reason}
                text = f"collector {one.name} {before.get(one.name, OK)} -> {one.outcome}"
                about = ("collector", one.name)
                yield News(about, WARNING, "a collector brought nothing", told, text, one.reason or "")
        for name, outcome in before.items():
            if name not in now:
                text = f"collector {name} {outcome} -> {OK}"
                yield News(("collector", name), OK, "a collector works again", {"collector": name}, text)

    def _of_metadata(self, report: Report) -> Iterator[News]:
        imds = report.reading.facts.imds
        before, self._metadata = self._metadata, imds.state if imds else None
        if before != self._metadata:
            severity = OK if self._metadata in (None, OK) else WARNING
            told = {"state": self._metadata or _NONE, "before": before}
            text = f"metadata service {before or _NONE} -> {self._metadata or _NONE}"
            yield News(("metadata",), severity, "the metadata service's state changed", told, text)

    def _of_clocksource(self, report: Report) -> Iterator[News]:
        clock = report.reading.facts.clock
        now = clock.current if clock else None
        before, self._clocksource = self._clocksource, now or self._clocksource
        if before and now and before != now:
            told = {"clocksource": now, "before": before}
            yield News(("clocksource",), INFO, "the clocksource changed", told, f"clocksource {before} -> {now}")

    def _of_devices(self, report: Report) -> Iterator[News]:
        for each in self._devices.changes(report):
            told = {"device": each.label, "happened": each.happened, "how": each.how or None}
            how = f"{each.happened}: {each.how}" if each.how else each.happened
            text = f"{each.label} {each.how if each.happened == CHANGED else how}"
            yield News(("device", each.topic, each.name), INFO, f"a device {each.happened}", told, text)


def unjudged(known: dict[Key, T], report: Report) -> dict[Key, T]:
    """What is known of findings on which this report cannot say whether they still are."""
    return {key: each for key, each in known.items() if report.states.get(key[0]) in (UNKNOWN, NOT_SAMPLED)}


def _hidden(keys: set[Key], report: Report) -> dict[Key, str]:
    """Subjects for strangers. A mount point that is mounted no more is none that could be found and hidden later."""
    if not keys:
        return {}
    from ..render.public import Hiding

    hide = Hiding(report.reading.facts)
    return {key: hide.text(key[1]) for key in keys}


def _came(before: Finding | None, finding: Finding, shown: str) -> Iterator[News]:
    told = _named(finding)
    if before is None:
        how, told = f"came, {finding.severity}", {**told, "summary": finding.summary}
        yield _news(finding, shown, how, finding.severity, "a finding came", told, finding.summary)
    elif before.severity != finding.severity:
        how, told = f"{before.severity} -> {finding.severity}", {**told, "before": before.severity}
        yield _news(finding, shown, how, finding.severity, "a finding changed", told, finding.summary)


def _went(finding: Finding, shown: str, off: bool) -> News:
    how = f"{'is no longer judged' if off else 'gone'}, was {finding.severity}"
    return _news(finding, shown, how, INFO if off else OK, "a finding went", _named(finding))


def _news(
    finding: Finding, shown: str, how: str, severity: str, sentence: str, told: dict[str, str], detail: str = ""
) -> News:
    about, what = ("finding", finding.code, finding.subject), f"{finding.code} {finding.name} on"
    public = None if shown == finding.subject else f"{what} {shown} {how}"
    return News(about, severity, sentence, told, f"{what} {finding.subject} {how}", detail, public)


def _named(finding: Finding) -> dict[str, str]:
    return {"code": finding.code, "subject": finding.subject, "severity": finding.severity}
