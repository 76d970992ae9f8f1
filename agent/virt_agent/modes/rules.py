"""--rules and --explain: what is checked, why, and what to do."""

from __future__ import annotations

import sys

from virt_collectors.record import plain

from ..options import Options, UsageError
from ..render.ascii import wrap
from ..rules import registry as rules
from ..rules import runbook
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
    lines += _paragraph("What", rule.title) + _paragraph("Means", rule.means) + _paragraph("When", runbook.when(rule))
    lines += ["", "First five minutes"]
    for number, step in enumerate(rule.remedy, 1):
        lines += wrap(step, " " * 7, f"    {number}. ")
    lines += ["", "Do not", *wrap(runbook.avoid(rule), " " * 4, "    ")]
    lines += ["", "Who owns it", *wrap(runbook.owner(rule), " " * 4, "    "), ""]
    for line in runbook.thresholds(rule):
        lines += _paragraph("Set", line)
    return [*lines, *_paragraph("Needs", "collectors " + ", ".join(rule.needs)), *_paragraph("Source", rule.source)]


def _paragraph(heading: str, text: str) -> list[str]:
    return wrap(text, " " * 10, f"  {heading:<7} ") if text else []


def as_document(rule: Rule) -> dict[str, Any]:
    """The rule's texts for a program."""
    document: dict[str, Any] = plain(rule)
    told = {key: value for key, value in document.items() if not callable(value)}
    return {**told, "avoid": runbook.avoid(rule)}


def _write_json(document: object) -> None:
    import json

    sys.stdout.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
