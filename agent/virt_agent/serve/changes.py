"""What changed from one report to the next, for the log: a state is told when it begins and when it ends."""

from __future__ import annotations

import logging

from virt_collectors.collect import FAILED, STUCK

from ..report import OK, Report
from ..rules.form import CRITICAL, INFO, WARNING, Finding
from .logs import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Line = tuple[int, str, dict[str, Any]]

log = logging.getLogger("virt-agent")

LINES = 40  # of one report; a thousand disks that vanish at once are no thousand news
_LEVELS = {CRITICAL: logging.ERROR, WARNING: logging.WARNING, INFO: logging.INFO, OK: logging.INFO}


class Changes:
    """Remembers what was told last."""

    def __init__(self) -> None:
        self._status: str | None = None
        self._findings: dict[tuple[str, str], Finding] = {}
        self._broken: dict[str, str] = {}
        self._metadata: str | None = None
        self._resumes = 0

    def tell(self, report: Report) -> None:
        """Log what is new in this report."""
        lines = list(self.lines(report))
        for level, sentence, extra in lines[:LINES]:
            log.log(level, sentence, extra=extra)
        if len(lines) > LINES:
            log.warning("more changed at once than is told here", extra=event(more=len(lines) - LINES))

    def lines(self, report: Report) -> Iterator[Line]:
        """Level, sentence and fields."""
        yield from self._of_resumes(report)
        yield from self._of_status(report)
        yield from self._of_findings(report)
        yield from self._of_collectors(report)
        yield from self._of_metadata(report)

    def _of_resumes(self, report: Report) -> Iterator[Line]:
        if report.resumes and report.resumes.count > self._resumes:
            self._resumes = report.resumes.count
            yield logging.INFO, "the guest was suspended, restored or moved", event(saw=report.resumes.last)

    def _of_status(self, report: Report) -> Iterator[Line]:
        before, self._status = self._status, report.status
        if before != report.status:
            level = _LEVELS.get(report.status, logging.WARNING)
            yield level, "the status changed", event(status=report.status, before=before)

    def _of_findings(self, report: Report) -> Iterator[Line]:
        before, now = self._findings, {(one.code, one.subject): one for one in report.findings}
        self._findings = now
        for key, finding in now.items():
            if key not in before or before[key].severity != finding.severity:
                level = _LEVELS.get(finding.severity, logging.WARNING)
                yield level, "a finding came", event(**_named(finding), summary=finding.summary)
        for key, finding in before.items():
            if key not in now:
                yield logging.INFO, "a finding went", event(**_named(finding))

    def _of_collectors(self, report: Report) -> Iterator[Line]:
        before = self._broken
        now = {one.name: one.outcome for one in report.outcomes if one.outcome in (FAILED, STUCK)}
        self._broken = now
        for one in report.outcomes:
            if one.name in now and before.get(one.name) != one.outcome:
                told = event(collector=one.name, outcome=one.outcome, reason=one.reason)
                yield logging.WARNING, "a collector brought nothing", told
        for name in before:
            if name not in now:
                yield logging.INFO, "a collector works again", event(collector=name)

    def _of_metadata(self, report: Report) -> Iterator[Line]:
        imds = report.reading.facts.imds
        before, self._metadata = self._metadata, imds.state if imds else None
        if before != self._metadata:
            level = logging.INFO if self._metadata in (None, "ok") else logging.WARNING
            yield level, "the metadata service's state changed", event(state=self._metadata or "none", before=before)


def _named(finding: Finding) -> dict[str, str]:
    return {"code": finding.code, "subject": finding.subject, "severity": finding.severity}
