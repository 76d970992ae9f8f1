"""No rule without a guest that has its illness and a guest of the same kind that has not."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests import (
    test_rules,
    test_rules_ena,
    test_rules_kernel_log,
    test_rules_network,
    test_rules_nvme,
    test_rules_state,
)
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import ADVICE, CRITICAL, FAULT, INFO, LIMIT, SEVERITIES

TABLES: tuple[ModuleType, ...] = (
    test_rules_ena,
    test_rules_kernel_log,
    test_rules_network,
    test_rules_nvme,
    test_rules_state,
)
PAIRS = {code: module for module in TABLES for code in module.ILLNESSES}
ELSEWHERE = {case[0] for case in test_rules.ILL} | {"C03"}  # each with a test of its own there


def test_there_are_as_many_as_we_say() -> None:
    assert len(rules.RULES) >= 140


def test_every_rule_has_its_pair() -> None:
    assert {rule.code for rule in rules.RULES} == set(PAIRS) | ELSEWHERE


@pytest.mark.parametrize("code", sorted(PAIRS))
def test_it_fires_on_the_illness_and_is_silent_without(code: str) -> None:
    rule = next(rule for rule in rules.RULES if rule.code == code)
    ill = evaluate([rule], PAIRS[code].sick(code))
    assert [finding.code for finding in ill.findings], f"{code} does not fire on its illness"
    assert ill.states[code] in SEVERITIES
    for finding in ill.findings:
        assert finding.subject, code
        assert finding.evidence, code
        assert finding.remedy, code
        texts = (finding.subject, finding.summary, *finding.evidence, *finding.remedy)
        assert all(text.isascii() and "|" not in text for text in texts), (code, texts)
    well = evaluate([rule], PAIRS[code].healthy(code))
    assert not well.findings, f"{code} fires on a healthy guest"
    assert well.states.get(code) == "ok", f"{code} does not apply to its healthy guest, which proves nothing"


def test_what_is_no_fault_is_never_loud() -> None:
    for rule in rules.RULES:
        if rule.kind in (LIMIT, ADVICE):
            assert rule.severity == INFO, rule.code
        if rule.severity == CRITICAL:
            assert rule.kind == FAULT, rule.code
