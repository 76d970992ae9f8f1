"""The last state changes, from any thread: bounded, in order, and what goes to and fro as one."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from virt_agent.render import changes as rendering
from virt_agent.report import Change
from virt_agent.serve.chronicle import FOLD_SECONDS, KEPT, Chronicle

DISK = ("device", "xvda")


class Clock:
    """Seconds since 1970."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def texts(chronicle: Chronicle) -> list[str]:
    return [change.text for change in chronicle.changes]


def test_steps_on_one_way_stand_for_themselves() -> None:
    chronicle = Chronicle(Clock())
    for step in ("Connected -> Closing", "Closing -> Closed", "Closed -> Initialising"):
        chronicle.note(DISK, "info", step)
    assert texts(chronicle) == ["Closed -> Initialising", "Closing -> Closed", "Connected -> Closing"]


def test_the_same_again_is_folded_and_stands_where_it_happened_last() -> None:
    clock = Clock()
    chronicle = Chronicle(clock)
    for text in ("up -> down", "down -> up", "up -> down"):
        clock.now += 60
        chronicle.note(DISK, "info", text)
        chronicle.note(("status",), "ok", f"other at {clock.now:.0f}")
    assert texts(chronicle) == ["other at 180", "up -> down", "other at 120", "other at 60"]
    assert chronicle.changes[1] == Change(
        "1970-01-01 00:01:00 UTC", "up -> down", "info", 3, last="1970-01-01 00:03:00 UTC"
    )
    assert rendering.in_words(chronicle.changes[1]) == "up -> down, 3 times since, last 00:03:00 UTC"


def test_what_comes_again_much_later_is_another_event() -> None:
    clock = Clock()
    chronicle = Chronicle(clock)
    for pause in (0, FOLD_SECONDS, FOLD_SECONDS + 1):
        clock.now += pause
        chronicle.note(DISK, "info", "up -> down")
    assert [(change.times, change.time[11:19]) for change in chronicle.changes] == [(1, "02:00:01"), (2, "00:00:00")]


def test_other_states_are_not_folded_together() -> None:
    chronicle = Chronicle(Clock())
    for name in ("xvda", "xvdb", "xvda"):
        chronicle.note(("device", name), "info", "gone")
    assert [change.times for change in chronicle.changes] == [2, 1]


NOTES = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["up", "down", "odd"]), st.floats(0, 2000))


@given(st.lists(NOTES, max_size=150))
def test_nothing_is_lost_but_the_oldest(notes: list[tuple[str, str, float]]) -> None:
    clock = Clock()
    chronicle = Chronicle(clock)
    for about, text, pause in notes:
        clock.now += pause
        chronicle.note((about,), "info", f"{about} {text}")
    found = chronicle.changes
    assert len(found) <= KEPT
    latest = [change.last or change.time for change in found]
    assert latest == sorted(latest, reverse=True)
    counted = sum(change.times for change in found)
    assert counted == len(notes) if len(found) < KEPT else counted <= len(notes)
    assert all((change.times > 1) is (change.last is not None) for change in found)
    if notes:
        assert found[0].text == f"{notes[-1][0]} {notes[-1][1]}"


@given(st.text(), st.text())
def test_texts_are_of_one_line_and_bounded(text: str, detail: str) -> None:
    chronicle = Chronicle(Clock())
    chronicle.note((text,), "info", text * 300, detail * 300)
    (change,) = chronicle.changes
    for each in (change.text, change.detail):
        assert each.isascii()
        assert each == "" or each.isprintable()
        assert "|" not in each
        assert len(each) <= 200


def test_notes_of_many_threads_are_all_kept() -> None:
    chronicle = Chronicle()

    def note(name: str) -> None:
        for _ in range(200):
            chronicle.note((name,), "info", name)

    threads = [threading.Thread(target=note, args=(f"thread {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((change.text, change.times) for change in chronicle.changes) == [
        (f"thread {number}", 200) for number in range(8)
    ]


def test_a_clock_set_back_by_years_folds_nothing() -> None:
    clock = Clock()
    clock.now = 1.9e9
    chronicle = Chronicle(clock)
    chronicle.note(DISK, "info", "up -> down")
    clock.now = 1.76e9
    chronicle.note(DISK, "info", "up -> down")
    assert [change.times for change in chronicle.changes] == [1, 1]
