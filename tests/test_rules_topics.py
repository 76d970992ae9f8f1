"""Leaving a topic out changes nothing: what is not loaded would have had nothing to say."""

from __future__ import annotations

import pytest

from tests import corpus
from tests.test_rules_complete import PAIRS
from virt_agent.observe import reading_of
from virt_agent.rules import registry, topics
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import Case


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_machines(name: str) -> None:
    case = Case(reading_of(corpus.facts(corpus.host(name))))
    assert evaluate(topics.relevant(case.now, ()), case) == evaluate(registry.RULES, case)


@pytest.mark.parametrize("code", sorted(PAIRS))
def test_illnesses(code: str) -> None:
    for case in (PAIRS[code].sick(code), PAIRS[code].healthy(code)):
        assert evaluate(topics.relevant(case.now, ()), case) == evaluate(registry.RULES, case)


def test_all_are_counted() -> None:
    assert len(registry.RULES) == topics.COUNT


def test_a_guest_loads_less_than_all() -> None:
    case = Case(reading_of(corpus.facts(corpus.host("qemu-q35-virtio"))))
    codes = {rule.code for rule in topics.relevant(case.now, ())}
    assert "X02" not in codes
    assert "V12" in codes


def test_where_a_collector_broke_nothing_is_left_out() -> None:
    case = Case(reading_of(corpus.facts(corpus.host("qemu-q35-virtio"))))
    assert topics.relevant(case.now, {"xenbus"}) == registry.RULES
