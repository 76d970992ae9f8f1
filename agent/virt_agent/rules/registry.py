"""All rules, each a pure function from a case to hits.

A rule's text, severity and remedy stand beside its condition, in the module of its topic. The
registry drives the daemon, --rules, --explain, the metrics and the documents.
"""

from __future__ import annotations

from . import topics
from .form import Rule

RULES: tuple[Rule, ...] = topics.load(topics.MODULES)


def find(code: str) -> Rule | None:
    """The rule with that code or name; the reference's "X-02" is X02."""
    wanted = code.replace("-", "").upper()
    return next((rule for rule in RULES if rule.code == wanted or rule.name == code.lower()), None)


def nearest(code: str) -> str:
    """The code that a mistyped one most likely means."""
    from difflib import get_close_matches

    names = [name for rule in RULES for name in (rule.code, rule.name)]
    close = get_close_matches(code.upper(), names, 1, 0.3) or get_close_matches(code.lower(), names, 1, 0.3)
    return close[0] if close else RULES[0].code
