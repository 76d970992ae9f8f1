"""What the daemon remembers: earlier readings for rates, and that the guest was away between two of them."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from virt_agent.observe import reading_of
from virt_agent.rules.form import Case, Reading, Setting, growth
from virt_agent.selection import Selection
from virt_agent.serve.history import SECONDS, History
from virt_agent.serve.resumes import why_resumed
from virt_agent.serve.watch import Watch
from virt_collectors.errors import refusal
from virt_collectors.facts import Facts
from virt_collectors.host import Registers
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.record import replace

EMPTY = reading_of(Facts())


def at(seconds: float) -> Reading:
    return replace(EMPTY, monotonic=seconds)


def remembered(*times: float) -> History:
    history = History()
    for moment in times:
        history.keep(at(moment))
    return history


@pytest.mark.parametrize("interval", [0.2, 1.0, 15.0, 60.0])
def test_a_day_of_scrapes_takes_bounded_room_and_spans_what_rules_ask_for(interval: float) -> None:
    history = History()
    for number in range(int(3 * SECONDS / interval)):
        history.keep(at(number * interval))
        assert len(history.readings) <= 24
    now = at(number * interval)
    case = Case(now, history=history.readings, patient=True)
    for seconds in (30, 60, 300, 600):
        back = case.back(seconds)
        assert back is not None
        assert seconds <= case.age(back) <= seconds * 1.5 + 60


def test_a_long_gap_leaves_nothing_to_compare_with() -> None:
    assert [reading.monotonic for reading in remembered(0, 10, 5000).readings] == [5000]


@given(st.lists(st.floats(0, 100), max_size=60))
def test_readings_stay_in_order_and_apart(gaps: list[float]) -> None:
    times = [reading.monotonic or 0.0 for reading in remembered(*itertools.accumulate(gaps)).readings]
    assert all(later - earlier >= 10 for earlier, later in itertools.pairwise(times))


def test_a_case_looks_back() -> None:
    case = Case(at(100), history=tuple(at(moment) for moment in (10, 40, 70, 95)), patient=True)
    assert case.back(30) == at(70)
    assert case.back(90) == at(10)
    assert case.back(91) is None, "the daemon waits"
    assert replace(case, patient=False).back(91) == at(10), "no more will come"
    assert case.within(30) == at(70)
    assert case.within(1) is None
    assert case.steps(2) == ((at(70), at(95)), (at(95), at(100)))
    assert Case(at(5)).steps(3) == ()
    assert Case(EMPTY).age(at(4)) == 0.0, "a snapshot has no clock in common"


def test_often() -> None:
    def grew(older: Reading, newer: Reading) -> bool:
        return (newer.monotonic or 0) - (older.monotonic or 0) > 10

    case = Case(at(100), history=tuple(at(moment) for moment in (10, 40, 70, 95)), patient=True)
    assert case.often(3, 5, grew)
    assert not case.often(4, 5, grew)
    assert not Case(at(100)).often(1, 5, grew), "no step, no growth"
    two = Case(at(100), history=(at(50),))
    assert two.often(3, 5, grew), "the only step there will be"
    assert not replace(two, patient=True).often(3, 5, grew), "in the daemon more will come"


def test_a_setting_has_its_default_until_it_is_configured() -> None:
    setting = Setting("E07", "samples", 3, "of 5", "how many")
    assert Case(EMPTY).value(setting) == 3
    assert Case(EMPTY, settings={"E07.samples": 4.0}).value(setting) == 4


@pytest.mark.parametrize(
    ("older", "newer", "by"), [(3, 5, 2), (5, 5, 0), (5, 2, 2), (None, 5, 0), (5, None, 0), (None, None, 0)]
)
def test_a_counter_that_fell_began_anew(older: int | None, newer: int | None, by: int) -> None:
    assert growth(older, newer) == by


class Sleeper(SnapshotHost):
    """A live guest that can be suspended, and restored as another domain."""

    live = True

    def __init__(self, name: str) -> None:
        super().__init__(corpus.tree(name))
        self.slept, self.domid, self.opened = 0.0, 7, 0

    def suspended(self) -> float | None:
        return self.slept

    def attribute(self, path: str) -> bytes:
        self.opened += path == "sys/class/dmi/id/sys_vendor"
        return super().attribute(path)

    def cpuid(self, leaf: int) -> Registers:
        found = super().cpuid(leaf)
        return replace(found, ecx=self.domid) if leaf == 0x40000004 else found


def watched(host: Sleeper) -> Watch:
    ticks = itertools.count(1000.0, 15.0)
    return Watch(host, Selection(), (), (), clock=lambda: next(ticks))


@pytest.mark.parametrize(
    ("slept", "domid", "why"), [(3.4, 7, "slept 3.4 s"), (0.0, 8, "domain 7 became 8"), (0.06, 8, "slept 0.1 s")]
)
def test_a_resume_is_counted_and_everything_is_read_again(slept: float, domid: int, why: str) -> None:
    host = Sleeper("pvhvm")
    watch = watched(host)
    for _ in range(3):
        report, figures = watch.look()
    assert (figures.resumes, report.resumes and report.resumes.count, host.opened) == (0, 0, 1)
    assert len(watch._history.readings) >= 2
    host.slept, host.domid = slept, domid
    report, figures = watch.look()
    assert figures.resumes == 1
    assert report.resumes is not None
    assert report.resumes.last is not None
    assert report.resumes.last.startswith(why)
    assert host.opened == 2, "what is read once was read again"
    assert len(watch._history.readings) == 1, "nothing of before is compared with now"
    report, figures = watch.look()
    assert figures.resumes == 1


class Talker(Sleeper):
    """A live guest whose kernel says something between two looks."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.said = "[    1.000000] Linux version 6.1\n"
        self.waits: float = 0.0

    def kernel_log(self) -> str:
        said, self.said = self.said, ""
        time.sleep(self.waits)
        return said


ERROR = "[   90.000000] I/O error, dev xvdb, sector 8 op 0x1:(WRITE) flags 0x0 phys_seg 1 prio class 2\n"


def events(facts: Facts) -> list[str]:
    return [event.code for event in (facts.kernel_log.events if facts.kernel_log else ())]


def test_what_the_kernel_said_on_the_way_is_kept() -> None:
    """The look that finds the guest resumed has read the log already."""
    host = Talker("pvhvm")
    watch = watched(host)
    watch.look()
    host.slept, host.said = 3.4, ERROR
    assert events(watch.look()[0].reading.facts) == ["L46"]
    assert events(watch.look()[0].reading.facts) == ["L46"]


def test_a_log_that_came_late_is_kept() -> None:
    host = Talker("pvhvm")
    watch = watched(host)
    watch.look()
    watch._runner._limit = 0.05
    host.said, host.waits = ERROR, 0.5
    outcomes = {outcome.name: outcome.outcome for outcome in watch.look()[0].outcomes}
    assert outcomes["kernel_log"] == "stuck"
    time.sleep(0.6)
    host.waits, watch._runner._limit = 0.0, 2.0
    assert events(watch.look()[0].reading.facts) == ["L46"]


class Journalled(Sleeper):
    """Who may not read the ring, but a journal."""

    asked = 0

    def kernel_log(self) -> str:
        raise refusal("dev/kmsg", "EPERM")

    def kernel_journal(self) -> str:
        self.asked += 1
        return ERROR


def test_a_journal_tells_what_was_and_not_what_is() -> None:
    host = Journalled("pvhvm")
    watch = watched(host)
    states = [watch.look()[0].states for _ in range(2)]
    assert [state["L45"] for state in states] == ["ok", "unknown"]
    assert states[0]["L46"] == states[1]["L46"] != "unknown", "what it told counts on"
    assert host.asked == 1


def test_a_daemon_of_the_first_hour_still_knows_the_clock_it_settled_on() -> None:
    class Booting(Sleeper):
        uptime, clocksource = 20.0, b"tsc\n"

        def attribute(self, path: str) -> bytes:
            if path == "proc/uptime":
                return f"{self.uptime} 1.0\n".encode()
            return self.clocksource if path.endswith("/current_clocksource") else super().attribute(path)

    host = Booting("pvhvm")
    watch = watched(host)
    for host.uptime in (20.0, 130.0, 5000.0):
        assert watch.look()[0].states["C03"] in ("ok", "not_sampled")
    host.clocksource = b"hpet\n"
    assert watch.look()[0].states["C03"] == "warning"


def test_less_than_that_is_no_sleep() -> None:
    clock = reading_of(corpus.facts(Sleeper("pvhvm")))
    host = Sleeper("pvhvm")
    host.slept = 0.01
    assert why_resumed(clock, reading_of(corpus.facts(host))) is None
