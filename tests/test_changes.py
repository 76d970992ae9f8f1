"""What changed from one report to the next, for the log and for the reports that follow: each state when it begins and
when it ends, and nothing in between."""

from __future__ import annotations

import logging

import pytest

from tests import corpus
from virt_agent import observe
from virt_agent.render.ascii import clean
from virt_agent.report import Change, Report, Resumes
from virt_agent.rules.form import Finding
from virt_agent.selection import Selection
from virt_agent.serve.changes import LINES, REMEMBERED, Changes
from virt_agent.serve.chronicle import KEPT
from virt_collectors.collect import FAILED, OK, STUCK
from virt_collectors.imds import Imds
from virt_collectors.record import replace

Told = list[tuple[int, str, dict[str, object]]]


def healthy() -> Report:
    return replace(observe.observe(corpus.host("pvhvm"), Selection()), findings=())


def finding(code: str, subject: str, severity: str) -> Finding:
    return Finding(code, "a-name", "fault", severity, subject, f"{subject} is ill", (), "", (), None, None, "")


def told(changes: Changes, report: Report) -> Told:
    return [
        (each.level, each.sentence, {key: value for key, value in each.logged.items() if value is not None})
        for each in changes.news(report)
    ]


def remembered(changes: Changes, report: Report) -> list[tuple[str, str, str]]:
    return [(change.severity, change.text, change.detail) for change in changes.tell(report)]


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


def test_the_first_look_is_no_change() -> None:
    ill = replace(healthy(), status="critical", findings=(finding("X02", "xvda", "critical"),))
    changes = Changes()
    assert remembered(changes, ill) == []
    assert remembered(changes, ill) == []
    assert [text for _, text, _ in remembered(changes, healthy())] == [
        "status critical -> ok",
        "X02 a-name on xvda gone, was critical",
    ]


def test_what_people_are_told() -> None:
    changes, report = Changes(), healthy()
    remembered(changes, report)
    ill = replace(report, status="warning", findings=(finding("X02", "xvda", "warning"),))
    told = [
        ("warning", "status ok -> warning", ""),
        ("warning", "X02 a-name on xvda came, warning", "xvda is ill"),
    ]
    assert remembered(changes, ill) == told
    worse = replace(ill, findings=(finding("X02", "xvda", "critical"),))
    told = [("critical", "X02 a-name on xvda warning -> critical", "xvda is ill"), *told]
    assert remembered(changes, worse) == told
    first, *rest = report.outcomes
    stuck = replace(worse, outcomes=(replace(first, outcome=STUCK, reason="a read hangs"), *rest))
    told = [("warning", f"collector {first.name} ok -> stuck", "a read hangs"), *told]
    assert remembered(changes, stuck) == told
    told = [("ok", f"collector {first.name} stuck -> ok", ""), *told]
    assert remembered(changes, worse) == told
    moved = replace(worse, resumes=Resumes(1, "domain 7 became 8"))
    told = [("info", "the guest was suspended, restored or moved", "domain 7 became 8"), *told]
    assert remembered(changes, moved) == told


@pytest.mark.parametrize("state", ["unknown", "not_sampled"])
def test_what_cannot_be_judged_has_not_gone(state: str) -> None:
    """A collector that hangs, or a guest just resumed, whose findings must be confirmed again."""
    changes, report = Changes(), healthy()
    ill = replace(report, findings=(finding("X02", "xvda", "warning"),))
    remembered(changes, ill)
    blind = replace(report, states={**report.states, "X02": state})
    for shown in (blind, blind, ill):
        assert remembered(changes, shown) == []
    assert [text for _, text, _ in remembered(changes, report)] == ["X02 a-name on xvda gone, was warning"]


def test_a_rule_that_was_switched_off_has_not_healed() -> None:
    changes, report = Changes(), healthy()
    remembered(changes, replace(report, findings=(finding("X02", "xvda", "warning"),)))
    assert remembered(changes, replace(report, states={**report.states, "X02": "off"})) == [
        ("info", "X02 a-name on xvda is no longer judged, was warning", "")
    ]


def test_the_verdict_and_the_clocksource() -> None:
    changes, report = Changes(), healthy()
    remembered(changes, report)
    reading = report.reading
    clock = reading.facts.clock
    assert clock is not None
    verdict = replace(reading.verdict, guest_mode="hvm", pv_drivers=None)
    moved = replace(reading, verdict=verdict, facts=replace(reading.facts, clock=replace(clock, current="hpet")))
    assert remembered(changes, replace(report, reading=moved)) == [
        ("info", "verdict guest_mode pvhvm -> hvm, pv_drivers all -> not told", ""),
        ("info", "clocksource xen -> hpet", ""),
    ]
    unread = replace(moved, facts=replace(moved.facts, clock=None))
    assert len(remembered(changes, replace(report, reading=unread))) == 2, (
        "a clock that is not read is none that changed"
    )
    assert len(remembered(changes, replace(report, reading=moved))) == 2


def test_what_goes_to_and_fro_is_one_change() -> None:
    now = [1000.0]
    changes, report = Changes(lambda: now[0]), healthy()
    ill = replace(report, status="warning", findings=(finding("X02", "xvda", "warning"),))
    for number in range(25):
        changes.tell(ill if number % 2 else report)
        now[0] += 15
    assert changes.chronicle.changes == (
        Change("1970-01-01 00:16:55 UTC", "status warning -> ok", "ok", 24, last="1970-01-01 00:22:40 UTC"),
        Change("1970-01-01 00:16:55 UTC", "X02 a-name on xvda gone, was warning", "ok", 24, last="1970-01-01 00:22:40 UTC"),
    )  # fmt: skip


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


def test_a_flood_leaves_some_of_what_was_before() -> None:
    changes, report = Changes(), healthy()
    changes.tell(report)
    changes.tell(replace(report, status="unknown"))
    many = tuple(finding("X02", f"xvd{number}", "critical") for number in range(1000))
    found = changes.tell(replace(report, status="critical", findings=many))
    assert [change.text for change in found[: REMEMBERED + 2 : REMEMBERED]] == [
        "status unknown -> critical",
        f"{1001 - REMEMBERED} more changes at the same time",
    ]
    assert found[-1].text == "status ok -> unknown"
    for each in range(KEPT):
        found = changes.tell(replace(report, status=f"status {each}"))
    assert len(found) == KEPT


def test_hostile_names_stay_in_their_line() -> None:
    changes, report = Changes(), healthy()
    changes.tell(report)
    name = "a\nb|c\x1b[31m\u202e" * 100
    (change,) = changes.tell(replace(report, findings=(finding("X02", name, "warning"),)))
    for text in (change.text, change.detail):
        assert text == clean(text, 200)
        assert len(text) == 200
