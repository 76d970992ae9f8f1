"""--rules and --explain: what is checked, why, and what to do."""

from __future__ import annotations

import sys

from virt_collectors.record import plain

from .. import rules
from ..options import Options, UsageError
from ..render.ascii import wrap
from ..rules.form import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def list_rules(options: Options) -> int:
    """A line for each rule, or all of them as JSON."""
    if options.get("json"):
        _write_json([as_document(rule) for rule in rules.RULES])
        return 0
    for rule in rules.RULES:
        lines = wrap(rule.title, " " * 21, f"{rule.code:<5}{rule.kind:<7}{rule.severity:<9}")
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.write(f"{len(rules.RULES)} rules; virt-agent --explain CODE tells more of one\n")
    return 0


def explain(options: Options) -> int:
    """One rule, whole."""
    code = options.get("explain")
    rule = rules.find(code)
    if rule is None:
        raise UsageError(f"--explain: {code!r} is no rule; did you mean {rules.nearest(code)}? --rules lists them")
    if options.get("json"):
        _write_json(as_document(rule))
    else:
        sys.stdout.write("\n".join(explanation(rule)) + "\n")
    return 0


def explanation(rule: Rule) -> list[str]:
    """The rule in paragraphs of 80 columns."""
    lines = [f"{rule.code} {rule.name}: {rule.kind}, {rule.severity}", ""]
    when = "two readings 2 s apart must agree" if rule.confirm else "needs an earlier reading" if rule.compare else ""
    paragraphs = [("What", rule.title), ("Means", rule.means), ("When", when)]
    paragraphs += [("Do", step) for step in rule.remedy]
    paragraphs += [("Needs", "collectors " + ", ".join(rule.needs)), ("Source", rule.source)]
    for heading, text in paragraphs:
        if text:
            lines += wrap(text, " " * 10, f"  {heading:<7} ")
    return lines


def as_document(rule: Rule) -> dict[str, Any]:
    """The rule's texts for a program."""
    document: dict[str, Any] = plain(rule)
    return {key: value for key, value in document.items() if not callable(value)}


def _write_json(document: object) -> None:
    import json

    sys.stdout.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
