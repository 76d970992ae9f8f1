"""Documents that are made from the code are as the code makes them."""

from __future__ import annotations

import pytest

from tests import documents, schema
from virt_agent.rules import runbook
from virt_agent.rules.registry import RULES

MADE = {
    "docs/metrics.md": documents.metrics,
    "docs/rules.md": documents.rules,
    "docs/configuration.md": documents.configuration,
    schema.PATH: schema.made,
}


@pytest.mark.parametrize("path", MADE)
def test_it_is_what_the_code_makes(path: str) -> None:
    documents.hold(path, MADE[path]())


def test_every_rule_is_a_runbook() -> None:
    for rule in RULES:
        assert rule.title, rule.code
        assert rule.means, rule.code
        assert rule.remedy, rule.code
        assert rule.source, rule.code
        assert runbook.avoid(rule), rule.code
        assert runbook.owner(rule), rule.code
        for text in (rule.title, rule.means, *rule.remedy, rule.avoid, rule.source):
            assert text.isascii(), (rule.code, text)
            assert "|" not in text, (rule.code, text)


def test_codes_and_names_are_unique_and_well_formed() -> None:
    codes, names = [rule.code for rule in RULES], [rule.name for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert len(set(names)) == len(names)
    assert all(len(code) == 3 and code[0].isupper() and code[1:].isdecimal() for code in codes)
    assert all(name == name.lower() and " " not in name for name in names)
