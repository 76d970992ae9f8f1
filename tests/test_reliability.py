"""The bench of promises: how it tells a broken one, and what it writes. The promises themselves are no quick test."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.reliability import __main__ as bench
from tests.reliability import page
from tests.reliability.daemon import samples
from tests.reliability.promise import AREAS, Bench, Broken, CannotRun, Promise, hold

MARKS = "".join(f"# {area}\n<!-- table {area} -->\nold\n<!-- end -->\n" for area in AREAS)


def promise(
    run: Callable[[Bench], str], done: str = "a wire is cut", area: str = "faults", long: bool = False
) -> Promise:
    return Promise(area, done, "it goes on", run, long)


def kept(_bench: Bench) -> str:
    return "it | went\non"


def broken(_bench: Bench) -> str:
    raise Broken("it stopped")


def impossible(_bench: Bench) -> str:
    raise CannotRun("no wire")


def wrong(_bench: Bench) -> str:
    raise KeyError("wire")


@pytest.mark.parametrize(
    ("runs", "words", "code"),
    [
        ((kept, kept), [], 0),
        ((kept, broken, kept), [], 1),
        ((kept, impossible), [], 2),
        ((kept, impossible), ["--allow-missing"], 0),
        ((impossible, broken), ["--allow-missing"], 1),
        ((wrong, kept), [], 1),
        ((kept,), ["--only", "hostility"], 1),
    ],
)
def test_the_exit_code_tells_what_was_kept(
    monkeypatch: pytest.MonkeyPatch, runs: tuple[Callable[[Bench], str], ...], words: list[str], code: int
) -> None:
    monkeypatch.setattr(bench, "promises", lambda _only: [promise(run) for run in runs])
    assert bench.main(words) == code


def test_a_broken_one_is_tried_once_more_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries: list[int] = []

    def slow_at_first(_bench: Bench) -> str:
        tries.append(len(tries))
        if len(tries) % 2:
            raise Broken("slow")
        return "in time"

    monkeypatch.setattr(bench, "promises", lambda _only=(): [promise(slow_at_first, "slow"), promise(kept, "well")])
    assert bench.main([]) == 1
    tries.clear()
    assert bench.main(["--again"]) == 0
    assert len(tries) == 2
    assert "once more, alone:\n" in capsys.readouterr().out
    monkeypatch.setattr(bench, "promises", lambda _only=(): [promise(broken)])
    assert bench.main(["--again"]) == 1


def test_each_line_says_what_was_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "promises", lambda _only: [promise(kept), promise(broken), promise(wrong)])
    bench.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("kept ")
    assert lines[0].endswith("faults: a wire is cut: it / went on")
    assert lines[1].startswith("BROKEN ")
    assert lines[1].endswith(": it stopped")
    assert "KeyError('wire')" in lines[2]
    assert lines[3] == "1 kept, 2 broken, 0 not run"


def test_promises_have_a_fresh_directory_each() -> None:
    seen: list[pathlib.Path] = []

    def run(bench: Bench) -> str:
        assert not list(bench.scratch.iterdir())
        (bench.scratch / "file").touch()
        seen.append(bench.scratch)
        return ""

    for _ in range(2):
        assert bench.attempt(promise(run), long=False).state == bench.KEPT
    assert seen[0] != seen[1]
    assert not any(place.exists() for place in seen)


@pytest.mark.parametrize(
    ("only", "long", "names"),
    [
        ((), False, ["cut", "flood"]),
        ((), True, ["cut", "flood", "soak"]),
        (("load",), True, ["soak"]),
        (("load",), False, []),
        (("FLO", "cut"), False, ["cut", "flood"]),
    ],
)
def test_they_are_chosen_by_area_or_words_and_long_ones_when_asked_for(
    only: tuple[str, ...], long: bool, names: list[str]
) -> None:
    known = [promise(kept, "cut"), promise(kept, "flood", "hostility"), promise(kept, "soak", "load", long=True)]
    assert [one.done for one in bench.chosen(known, only, long)] == names


def test_tables_are_written_between_their_marks_and_what_was_not_tried_stays(tmp_path: pathlib.Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(MARKS)
    known = [promise(kept, "cut"), promise(kept, "pulled | out"), promise(kept, "flood", "hostility")]
    page.write({"cut": page.Kept("went on", "2026-01-01")}, known, document)
    page.write({"pulled / out": page.Kept("stood", "2026-02-02")}, known[:2], document)
    text = document.read_text()
    assert "| cut | it goes on | went on | 2026-01-01 |" in text
    assert "| pulled / out | it goes on | stood | 2026-02-02 |" in text
    assert f"| flood | it goes on | {page.NEVER} |  |" in text
    assert text.count("<!-- end -->") == len(AREAS)
    assert "# load\n<!-- table load -->\nold\n<!-- end -->\n" in text


def test_a_document_without_marks_is_not_written(tmp_path: pathlib.Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# nothing\n")
    with pytest.raises(ValueError, match="lacks <!-- table faults -->"):
        page.write({}, [promise(kept)], document)
    assert document.read_text() == "# nothing\n"


def test_the_page_has_a_row_for_every_promise_and_what_was_seen() -> None:
    rows = page.rows_of(page.DOCUMENT.read_text())
    missing = [one.done for one in bench.promises() if page.cell(one.done) not in rows]
    assert not missing, "python -m tests.reliability --long --write, with --only and words of these"


def test_promises_are_told_apart_by_what_is_done() -> None:
    named = [page.cell(one.done) for one in bench.promises()]
    assert len(named) == len(set(named))
    assert {one.area for one in bench.promises()} <= set(AREAS)


def test_samples_are_told_by_name_and_labels() -> None:
    text = '# HELP a b\na 1.0\nb{name="x y",other="1 2"} 2e3\n'
    assert samples(text) == {"a": 1.0, 'b{name="x y",other="1 2"}': 2000.0}


def test_what_does_not_hold_is_broken() -> None:
    hold(True, "fine")
    with pytest.raises(Broken, match="not fine"):
        hold(False, "not fine")
