"""The metrics of the metadata service."""

from __future__ import annotations

import json

from tests import corpus
from tests.test_collectors_state import ANSWERS
from virt_agent import metrics, observe, report
from virt_agent.metrics.definition import Watched
from virt_agent.rules.evaluate import Judgement
from virt_agent.selection import Selection
from virt_collectors.host.snapshot import SnapshotHost

EC2 = "D20-ec2-c5large"


def exposition(answers: dict[str, str] | None, watched: Watched | None = None, state: str = "ok") -> str:
    tree = corpus.copy(EC2)
    responses = {path: {"status": 200, "body": body} for path, body in (answers or {}).items()}
    tree.add("virt-agent/imds.json", json.dumps({"state": state, "responses": responses}).encode())
    tree.add("virt-agent/meta.json", json.dumps({"schema": 1, "time": "2026-11-20T03:12:09Z"}).encode())
    reading = observe.reading_of(corpus.facts(SnapshotHost(tree)))
    made = report.make(reading, Judgement((), {}), (), Selection())
    return metrics.render(made, watched).decode()


def test_what_is_announced_has_its_time() -> None:
    text = exposition(ANSWERS)
    assert 'virt_scheduled_event_not_before_timestamp_seconds{event="system-reboot"} 1.548061243e+09' in text
    assert 'virt_spot_action_timestamp_seconds{action="terminate"} 1.50572292e+09' in text
    assert "virt_rebalance_recommendation_timestamp_seconds 1.60378692e+09" in text
    assert "virt_imds_up 1.0" in text
    assert "virt_imds_last_answer_timestamp_seconds 1.795144329e+09" in text


def test_of_two_events_of_a_kind_the_earlier_counts_and_what_is_over_does_not() -> None:
    path = "/latest/meta-data/events/maintenance/scheduled"
    events = [
        {"Code": "instance-stop", "State": "active", "NotBefore": f"2{day} Jan 2019 09:00:43 GMT"} for day in (3, 1)
    ]
    over = {"Code": "system-reboot", "State": "completed", "NotBefore": "21 Jan 2019 09:00:43 GMT"}
    text = exposition({path: json.dumps([*events, over])})
    assert 'virt_scheduled_event_not_before_timestamp_seconds{event="instance-stop"} 1.548061243e+09' in text
    assert "system-reboot" not in text


def test_requests_are_counted_by_status() -> None:
    text = exposition({}, Watched(imds_requests={"200": 19, "timeout": 2}))
    assert 'virt_imds_requests_total{status="200"} 19.0' in text
    assert 'virt_imds_requests_total{status="timeout"} 2.0' in text


def test_a_service_that_is_silent_is_down_and_one_that_is_not_asked_has_no_series() -> None:
    assert "virt_imds_up 0.0" in exposition(None, state="unreachable")
    reading = observe.reading_of(corpus.facts(corpus.host("pvhvm")))
    assert b"virt_imds" not in metrics.render(report.make(reading, Judgement((), {}), (), Selection()))
