"""What the rules found."""

from __future__ import annotations

from ..report import Report
from ..rules.registry import RULES
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_rule_state",
        "gauge",
        ("code", "name"),
        "A rule's state: -1 unknown or not sampled, 0 ok, 1 info, 2 warning, 3 critical. No series where it does not apply.",
    ),
    Definition("virt_rules", "gauge", ("outcome",), "Rules that apply here, by outcome."),
)

_RULE_STATES = {"unknown": -1, "not_sampled": -1, "ok": 0, "info": 1, "warning": 2, "critical": 3}
_OUTCOMES = ("ok", "info", "warning", "critical", "unknown", "not_sampled", "off")


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
    for rule in RULES:
        state = report.states.get(rule.code)
        if state in _RULE_STATES:
            yield "virt_rule_state", (rule.code, rule.name), _RULE_STATES[state]
    states = list(report.states.values())
    for outcome in _OUTCOMES:
        yield "virt_rules", (outcome,), states.count(outcome)
