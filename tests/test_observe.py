"""One reading or two: what time must confirm on a live machine, and what a run's deadline leaves."""

from __future__ import annotations

import threading

import pytest

from tests.test_rules import patient, write
from virt_agent import observe
from virt_agent.render import text
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree

STATE = "sys/devices/vbd-51728/state"


class Live(SnapshotHost):
    """A machine of this moment: live, and its second disk's state may change between two readings."""

    live = True

    def __init__(self, tree: MemoryTree, *states: bytes) -> None:
        super().__init__(tree)
        self.states = list(states)

    def attribute(self, path: str) -> bytes:
        if path.endswith("vbd-51728/state"):
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return super().attribute(path)


def look(host: SnapshotHost, sample: float | None = None) -> tuple[Report, list[str]]:
    told: list[str] = []
    return observe.observe(host, Selection(), sample=sample, tell=told.append), told


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings if finding.severity != "info"]


def test_a_suspicion_is_confirmed_by_a_second_reading_and_said() -> None:
    report, told = look(Live(patient("pv"), b"Closed\n"))
    assert codes(report) == ["X02"]
    assert report.sampled_seconds == observe.CONFIRM_SECONDS
    assert told == ["X02 suspected; reading again in 2 s to be sure"]
    assert "two readings 2 s apart" in " ".join(text.render(report, text.Style()).split())
    assert report.states["C03"] == "ok"


def test_a_state_that_lasts_one_reading_is_no_finding() -> None:
    report, _ = look(Live(patient("pv"), b"Closed\n", b"Connected\n"))
    assert codes(report) == []
    assert report.status == "ok"


def test_a_healthy_machine_is_read_once() -> None:
    report, told = look(Live(patient("pv"), b"Connected\n"))
    assert (report.sampled_seconds, told, codes(report)) == (None, [], [])


def test_sample_0_never_waits_and_counts_what_it_sees() -> None:
    report, told = look(Live(patient("pv"), b"Closed\n"), sample=0.0)
    assert (report.sampled_seconds, told) == (None, [])
    assert codes(report) == ["X02"]


def test_sample_always_takes_two() -> None:
    report, _ = look(Live(patient("pv"), b"Connected\n"), sample=0.01)
    assert report.sampled_seconds == 0.01


def test_a_replay_counts_as_it_stands() -> None:
    report, told = look(SnapshotHost(patient("pv", write(STATE, b"Closed\n"))))
    assert (codes(report), told, report.sampled_seconds) == (["X02"], [], None)


def test_requests_in_flight_without_completion_are_told() -> None:
    plant = write("sys/devices/vbd-51728/block/xvdb/inflight", b"       9        5\n")
    report, _ = look(Live(patient("pv", plant), b"Closed\n"), sample=0.01)
    assert any(
        "14 requests in flight, none finished between two readings" in line for line in report.findings[0].evidence
    )


@pytest.mark.parametrize("stalled", ["proc/net/route", "proc/stat"])
def test_a_read_that_never_returns_costs_its_collector_alone(stalled: str) -> None:
    release = threading.Event()

    class Hanging(Live):
        def file(self, path: str, limit: int = 1 << 22) -> bytes:
            if path == stalled:
                release.wait(60.0)
            return super().file(path, limit)

    try:
        report, _ = look(Hanging(patient("pv"), b"Connected\n"), sample=0.0)
    finally:
        release.set()
    stuck = {"proc/net/route": "network", "proc/stat": "memory"}[stalled]
    assert [outcome.name for outcome in report.outcomes if outcome.outcome == "stuck"] == [stuck]
    assert report.reading.verdict.guest_mode == "pv"
    assert f"{stuck} stuck" in text.render(report, text.Style())
    assert report.status == ("unknown" if stuck == "network" else "ok")
