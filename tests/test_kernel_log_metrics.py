"""The metrics of the kernel log: counters of a daemon that follows it, and when each thing was last said."""

from __future__ import annotations

from tests.logged_guests import NOW, guest
from virt_agent import report
from virt_agent.metrics import kernel_log
from virt_agent.metrics.definition import Watched
from virt_agent.rules.evaluate import Judgement
from virt_agent.rules.form import Reading
from virt_agent.selection import Selection
from virt_collectors.kernel_log import as_news, merge, parse_log
from virt_collectors.memory import Memory
from virt_collectors.record import replace

TEXT = "[   10.000000] xvdb disabled for further use\n"


def samples(reading: Reading, watched: Watched | None) -> dict[tuple[str, ...], float]:
    made = report.make(reading, Judgement((), {}), (), Selection())
    return {(name, *labels): value for name, labels, value in kernel_log.samples(made, watched)}


def followed(text: str, news: str = "") -> Reading:
    reading = guest("pvhvm", text)
    log = merge(replace(parse_log(text), followed=True), as_news(parse_log(news)))
    return replace(reading, facts=replace(reading.facts, kernel_log=log))


def test_a_daemon_counts_what_comes_after_its_start() -> None:
    found = samples(followed(TEXT, TEXT + TEXT), Watched())
    assert found["virt_kernel_log_events_total", "L02"] == 2
    assert found["virt_kernel_log_events_total", "L46"] == 0, "present before the first one"
    assert found["virt_kernel_log_lost_records_total",] == 0


def test_rules_that_do_not_apply_have_no_series() -> None:
    codes = {key[1] for key in samples(followed(TEXT), Watched()) if key[0] == "virt_kernel_log_events_total"}
    assert "L01" in codes
    assert not codes & {"L26", "L39", "L52", "L53"}
    assert len(codes) <= 40


def test_without_a_daemon_nothing_is_counted() -> None:
    found = samples(followed(TEXT), None)
    assert {key[0] for key in found} == {"virt_kernel_log_last_event_timestamp_seconds"}
    assert {key[0] for key in samples(guest("pvhvm", TEXT), Watched())} == {
        "virt_kernel_log_last_event_timestamp_seconds"
    }


def test_the_time_of_the_last_line_is_told_of_the_ring_too() -> None:
    reading = guest("pvhvm", TEXT, uptime=3610.0, memory=None)
    assert samples(reading, None) == {("virt_kernel_log_last_event_timestamp_seconds", "L02"): NOW - 3600}


def test_the_time_of_the_last_line_stands_still_between_readings() -> None:
    found: set[float] = set()
    for at in range(10):  # the two clocks are read at different moments: the wall clock trails by a second
        booted = Memory(boot_time_seconds=int(NOW) - 3610)
        reading = guest("pvhvm", TEXT, uptime=3610.0 + at, memory=booted)
        assert reading.facts.clock
        clock = replace(reading.facts.clock, time=NOW + at * 1.1, suspended_seconds=300.0 + at * 1e-6)
        found.update(samples(replace(reading, facts=replace(reading.facts, clock=clock)), None).values())
    assert found == {NOW - 3600 + 300}


def test_without_any_clock_there_is_no_time_of_the_last_line() -> None:
    reading = guest("pvhvm", TEXT, memory=Memory())
    assert samples(replace(reading, facts=replace(reading.facts, clock=None)), None) == {}


def test_a_log_that_cannot_be_read_has_no_series() -> None:
    reading = guest("pvhvm", TEXT)
    assert samples(replace(reading, facts=replace(reading.facts, kernel_log=None)), Watched()) == {}
