"""A seeded sample of what `python3 -m tests.fuzz` does at length: damaged guests, told and survived."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.damage import DAMAGES, ERRORS, Case, Damage, cases, damaged, named
from tests.fuzz.subject import Subject, lay_out

SEED = 20261120
SINGLES, SETS, UNREAD = 120, 25, 30


@pytest.fixture(scope="module", params=["pvhvm", "nitro-like", "generated"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return lay_out(request.param, tmp_path_factory.mktemp("fuzz") / request.param)


def complaints(subject: Subject, chosen: list[Case]) -> list[str]:
    with damaged(subject.root, chosen, SEED):
        found = list(subject.complaints(chosen))
    return [f"{', '.join(map(str, chosen))}: {complaint}" for complaint in found]


def test_a_whole_guest_gives_no_complaint(subject: Subject) -> None:
    assert list(subject.complaints([])) == []
    assert [complaint for output in subject.outputs() for complaint in output.complaints()] == []


def test_damage_to_one_file_is_told_by_its_readers_alone(subject: Subject) -> None:
    sample = Random(SEED).sample(cases(subject.readers), SINGLES)
    assert [complaint for case in sample for complaint in complaints(subject, [case])] == []


def test_damage_to_many_files_costs_no_other_facts(subject: Subject) -> None:
    chance = Random(SEED)
    every = cases(subject.readers)
    sets = [chance.sample(every, chance.randrange(2, 30)) for _ in range(SETS)]
    assert [complaint for chosen in sets for complaint in complaints(subject, chosen)] == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damage_to_all_files_that_nobody_reads_changes_nothing(subject: Subject, damage: Damage) -> None:
    paths = Random(SEED).sample(subject.unread, min(len(subject.unread), UNREAD))
    assert complaints(subject, [Case(path, damage) for path in paths]) == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_the_command_prints_and_ends_with_every_file_damaged(subject: Subject, damage: Damage) -> None:
    chosen = [case for case in cases(subject.readers) if case.damage is damage and case.path != ERRORS]
    with damaged(subject.root, chosen, SEED):
        assert [complaint for output in subject.outputs() for complaint in output.complaints()] == []


def test_a_damaged_guest_is_whole_again_afterwards(subject: Subject) -> None:
    before = {file: file.read_bytes() for file in subject.root.rglob("*") if file.is_file()}
    with damaged(subject.root, Random(SEED).sample(cases(subject.readers), 40), SEED):
        pass
    assert {file: file.read_bytes() for file in subject.root.rglob("*") if file.is_file()} == before


# The judge itself: what it must complain about.


def test_a_damage_that_nobody_tells_is_complained_about(subject: Subject) -> None:
    chosen = [named("directory:proc/cpuinfo")]
    assert list(subject.complaints(chosen)) == ["no collector failed because of it, not cpu, processor"]


def test_facts_that_differ_without_a_damaged_file_are_complained_about(subject: Subject) -> None:
    with damaged(subject.root, [named("emptied:proc/cpuinfo")], SEED):
        assert "cpu differs, though it looks at none of the damaged files" in subject.complaints([])
