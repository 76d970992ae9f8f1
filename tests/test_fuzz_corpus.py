"""Every input that fuzzing left behind, and some that differ from these at random, keep their targets' promises."""

from __future__ import annotations

import pathlib

import pytest

from tests.fuzz import coverage, kept
from tests.fuzz.form import PART, joined, parts
from tests.fuzz.targets import TARGETS

SEED = 20261121
CHANGED = 12  # of each target; `python3 -m tests.fuzz --coverage` runs millions


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_and_what_is_near_it_keeps_the_promise(name: str) -> None:
    inputs = list(coverage.quick(TARGETS[name], CHANGED, SEED))
    assert inputs
    for content in inputs:
        TARGETS[name].run(content)


def test_every_target_is_named_once_and_says_what_it_promises() -> None:
    assert [target.name for target in TARGETS.values()] == list(TARGETS)
    assert all(target.promise and name.isidentifier() for name, target in TARGETS.items())


def test_the_corpus_is_of_targets_that_are_there_and_stays_small() -> None:
    folders = [path.name for path in kept.CORPUS.iterdir()] if kept.CORPUS.is_dir() else []
    assert set(folders) <= set(TARGETS)
    for name in folders:
        found = kept.kept(name)
        assert len(found) <= kept.MOST_FILES
        assert all(path.stat().st_size <= kept.MOST_BYTES for path in found)


def test_parts_are_taken_apart_as_they_were_joined() -> None:
    assert parts(joined(b"a", b"", b"c"), 3) == [b"a", b"", b"c"]
    assert parts(joined(b"a", b"b"), 3) == [b"a", b"b", b""]
    assert parts(joined(b"a", b"b", b"c"), 2) == [b"a", b"b" + PART + b"c"]


def test_some_of_what_is_found_is_kept_small_and_large(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CORPUS", tmp_path)
    assert kept.keep("a", [b"x" * size for size in (5000, *range(1, 33))]) == kept.MOST_FILES
    assert [path.stat().st_size for path in kept.kept("a")] == list(range(1, 33, 4))
    assert kept.keep("a", [b"new"]) == 0
    assert kept.keep("b", [b"new", b"new"]) == 1
