"""The arithmetic of the load and soak tests."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reliability import load, load_clients, load_guest, load_soak
from tests.reliability.daemon import Cost
from tests.reliability.load_clients import Answered
from tests.reliability.load_soak import Point
from tests.reliability.promise import Broken
from virt_collectors.host.kmsg import Reader
from virt_collectors.kernel_log import parse_log

MEGABYTE = 1 << 20


def points(rise: float, count: int = 100, noise: int = 0) -> list[Point]:
    """A megabyte more or less at each second measurement, and `rise` bytes with each scrape."""
    return [
        Point(at * 50, at * 1.0, Cost(30 * MEGABYTE + round(rise * at * 50) + noise * (at % 2), 9, 8, 0.1 * at))
        for at in range(count)
    ]


@pytest.mark.parametrize(("clients", "rate", "seconds"), [(8, 200, 20), (3, 7, 5), (1, 10, 1)])
def test_all_clients_together_ask_evenly(clients: int, rate: int, seconds: int) -> None:
    every = sorted(due for number in range(clients) for due in load_clients.dues(rate, seconds, clients, number))
    assert every == [at / rate for at in range(rate * seconds)]


def test_growth_is_that_of_the_line_and_not_of_the_ends() -> None:
    assert load_soak.growth(points(0.0, noise=MEGABYTE)).megabytes == pytest.approx(0.0, abs=0.1)
    assert load_soak.growth(points(100.0)).megabytes == pytest.approx(4950 * 100 / MEGABYTE)
    assert load_soak.growth(points(100.0)).threads == 0


def test_the_first_tenth_is_not_counted() -> None:
    assert load_soak.counted(points(0.0))[0].scrapes == 500


def test_a_long_run_counts_from_when_the_history_is_full() -> None:
    assert load_soak.counted(points(0.0), 40.0)[0].seconds == 40.0
    assert load_soak.counted(points(0.0), 80.0)[0].seconds == 10.0  # 99 s in all are no long run


def answered(count: int, fault: str = "") -> list[Answered]:
    return [Answered(0.0, 0.005, fault)] * count


@pytest.mark.parametrize(
    ("rise", "found"),
    [(1000.0, answered(10)), (0.0, [*answered(10), *answered(1, "status 500")]), (0.0, [Answered(0.0, 0.9)] * 10)],
)
def test_growth_errors_and_slow_answers_break_the_promise(rise: float, found: list[Answered]) -> None:
    assert "0 errors" in load_soak.judged(answered(10), points(1.0), 1.0)
    with pytest.raises(Broken):
        load_soak.judged(found, points(rise), 1.0)


def test_the_age_of_an_answer_counts_from_the_next_value(tmp_path: pathlib.Path) -> None:
    moving = load.Moving(tmp_path / "file")
    moving.step()
    assert (tmp_path / "file").read_text() == "1\n"
    moving.written[:] = [10.0, 20.0, 30.0]
    assert [moving.at(moment) for moment in (10.0, 19.9, 20.0, 99.0)] == [0, 0, 1, 2]
    assert moving.age(0, 25.0) == 5.0
    assert moving.age(1, 25.0) == 0.0  # it was the one that stood there
    assert moving.age(2, 99.0) == 0.0


@given(st.integers(0, 1 << 40))
def test_the_number_is_read_from_the_exposition(value: int) -> None:
    body = f"# TYPE x gauge\nvirt_xen_balloon_target_bytes {float(value * 1024)!r}\nother 1\n".encode()
    assert load.number(body) == value
    assert load.number(b"# EOF\n") == -1


def test_the_kernels_records_are_those_of_the_device() -> None:
    waiting = [load_guest.record(number, 100.0 + number) for number in range(10)]
    log = parse_log(Reader(lambda: waiting.pop(0) if waiting else b"").news())
    assert log.lines == 10
    assert [(event.code, event.count) for event in log.events] == [("L46", 2)]
