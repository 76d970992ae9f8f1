"""What the log tells from one report to the next: each state when it begins and when it ends, and nothing in between."""

from __future__ import annotations

import logging

from tests import corpus
from virt_agent import observe
from virt_agent.report import Report, Resumes
from virt_agent.rules.form import Finding
from virt_agent.selection import Selection
from virt_agent.serve.changes import LINES, Changes
from virt_collectors.collect import FAILED, OK, STUCK
from virt_collectors.imds import Imds
from virt_collectors.record import replace

Told = list[tuple[int, str, dict[str, object]]]


def healthy() -> Report:
    return replace(observe.observe(corpus.host("pvhvm"), Selection()), findings=())


def finding(code: str, subject: str, severity: str) -> Finding:
    return Finding(code, "a-name", "fault", severity, subject, f"{subject} is ill", (), "", (), None, None, "")


def told(changes: Changes, report: Report) -> Told:
    return [(level, sentence, extra["fields"]) for level, sentence, extra in changes.lines(report)]


def test_the_first_report_tells_its_status_and_the_same_again_nothing() -> None:
    changes, report = Changes(), healthy()
    assert told(changes, report) == [(logging.INFO, "the status changed", {"status": "ok"})]
    assert told(changes, report) == []


def test_a_finding_comes_becomes_worse_and_goes() -> None:
    changes, report = Changes(), healthy()
    told(changes, report)
    ill = replace(report, status="warning", findings=(finding("X02", "xvda", "warning"),))
    named = {"code": "X02", "subject": "xvda", "severity": "warning"}
    assert told(changes, ill) == [
        (logging.WARNING, "the status changed", {"status": "warning", "before": "ok"}),
        (logging.WARNING, "a finding came", {**named, "summary": "xvda is ill"}),
    ]
    assert told(changes, ill) == []
    worse = replace(ill, findings=(finding("X02", "xvda", "critical"), finding("B02", "sda", "info")))
    assert [(level, fields["code"]) for level, _, fields in told(changes, worse)] == [
        (logging.ERROR, "X02"),
        (logging.INFO, "B02"),
    ]
    gone = told(changes, report)
    assert [(level, sentence) for level, sentence, _ in gone] == [
        (logging.INFO, "the status changed"),
        (logging.INFO, "a finding went"),
        (logging.INFO, "a finding went"),
    ]


def test_collectors_that_fail_hang_and_recover() -> None:
    changes, report = Changes(), healthy()
    told(changes, report)

    def ended(outcome: str, reason: str | None) -> Report:
        first, *rest = report.outcomes
        return replace(report, outcomes=(replace(first, outcome=outcome, reason=reason), *rest))

    name = report.outcomes[0].name
    failed = told(changes, ended(FAILED, "/proc/x: EIO"))
    assert failed == [
        (
            logging.WARNING,
            "a collector brought nothing",
            {"collector": name, "outcome": FAILED, "reason": "/proc/x: EIO"},
        )
    ]
    assert told(changes, ended(FAILED, "/proc/y: EIO")) == []
    assert told(changes, ended(STUCK, "for 2.0 s"))[0][2]["outcome"] == STUCK
    assert told(changes, ended(STUCK, "for 4.0 s")) == [], "a reason that counts on is no news"
    assert told(changes, ended(OK, None)) == [(logging.INFO, "a collector works again", {"collector": name})]


def test_the_metadata_service_and_resumes() -> None:
    changes, report = Changes(), healthy()
    told(changes, report)

    def asked(state: str) -> Report:
        return replace(report, reading=replace(report.reading, facts=replace(report.reading.facts, imds=Imds(state))))

    assert told(changes, asked("ok"))[0][2] == {"state": "ok"}
    assert told(changes, asked("slow")) == [
        (logging.WARNING, "the metadata service's state changed", {"state": "slow", "before": "ok"})
    ]
    assert told(changes, asked("slow")) == []
    resumed = replace(asked("slow"), resumes=Resumes(1, "slept 3.0 s"))
    assert told(changes, resumed) == [
        (logging.INFO, "the guest was suspended, restored or moved", {"saw": "slept 3.0 s"})
    ]
    assert told(changes, resumed) == []


def test_a_flood_is_cut_and_counted() -> None:
    records: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    log, handler = logging.getLogger("virt-agent"), Keeping()
    log.addHandler(handler)
    try:
        many = tuple(finding("X02", f"xvd{number}", "critical") for number in range(1000))
        Changes().tell(replace(healthy(), status="critical", findings=many))
    finally:
        log.removeHandler(handler)
    assert len(records) == LINES + 1
    assert records[-1].__dict__["fields"] == {"more": 1001 - LINES}
