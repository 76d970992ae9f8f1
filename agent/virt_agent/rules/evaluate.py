"""Runs the rules over a case: findings, and a state for every rule that applies."""

from __future__ import annotations

from time import gmtime, strftime

from virt_collectors.record import Record, replace

from ..selection import Selection
from .form import INFO, NOT_SAMPLED, OFF, OK, SEVERITIES, UNKNOWN, Case, Finding, Hit, Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_EVERYTHING = Selection()
_LOUDEST_FIRST = {severity: -rank for rank, severity in enumerate(SEVERITIES)}


class Judgement(Record):
    """Findings, loudest first; states by code; `suspects` are hits that a second reading must confirm.

    `blind` are the vital rules that could not be judged, `refused` those that live on what only root may read, by that.
    """

    findings: tuple[Finding, ...]
    states: dict[str, str]
    suspects: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    refused: dict[str, tuple[str, ...]] = {}


def evaluate(
    rules: Sequence[Rule],
    case: Case,
    broken: Collection[str] = (),
    selection: Selection = _EVERYTHING,
    confirming: bool = False,
) -> Judgement:
    """Findings and states. `broken` names the collectors that failed or hang.

    With `confirming`, what must be confirmed counts only where `case.before` has it too.
    """
    case = replace(case, settings=selection.settings)
    today = _day(case.now)
    findings: list[Finding] = []
    states: dict[str, str] = {}
    suspects: list[str] = []
    for rule in rules:
        if not (selection.everything or selection.judges(rule.code, today)):
            states[rule.code] = OFF
            continue
        state, hits = _judge(rule, case, broken, confirming)
        if state is None:
            continue
        if hits:
            hits = _as_chosen(rule, hits, selection, today)
            state = max((hit.severity or rule.severity for hit in hits), key=SEVERITIES.index, default=OK)
        if state == NOT_SAMPLED and not rule.compare:
            suspects.append(rule.code)
        states[rule.code] = state
        findings += [_finding(rule, hit) for hit in hits]
    found = {finding.code for finding in findings}
    findings = [f if f.same_cause_as in found else replace(f, same_cause_as=None) for f in findings]
    findings.sort(key=lambda finding: (_LOUDEST_FIRST[finding.severity], finding.same_cause_as is not None))
    unknown = [rule for rule in rules if states.get(rule.code) == UNKNOWN]
    refused: dict[str, tuple[str, ...]] = {}
    for rule in unknown:
        if rule.privilege:
            refused[rule.privilege] = (*refused.get(rule.privilege, ()), rule.code)
    blind = tuple(rule.code for rule in unknown if rule.vital)
    return Judgement(tuple(findings), states, tuple(suspects), blind, refused)


def _judge(rule: Rule, case: Case, broken: Collection[str], confirming: bool) -> tuple[str | None, list[Hit]]:
    if not rule.applies(case.now):
        return (UNKNOWN, []) if _cannot_tell(rule, case.now, broken) else (None, [])
    if rule.compare and case.before is None and case.first is None:
        return (UNKNOWN if rule.privilege and rule.unsure and rule.unsure(case.now) else NOT_SAMPLED), []
    hits = list(rule.check(case))
    if hits and rule.confirm and confirming:
        if case.before is None:
            return NOT_SAMPLED, []
        earlier = {hit.subject for hit in rule.check(Case(case.before, first=case.first))}
        hits = [hit for hit in hits if hit.subject in earlier]
    if not hits:
        return (UNKNOWN if _cannot_tell(rule, case.now, broken) else OK), []
    return OK, hits


def _day(reading: Reading) -> str:
    """The reading's date, as "2026-11-21"; "" where its clock is unknown."""
    clock = reading.facts.clock
    if clock is None or clock.time is None:
        return ""
    return strftime("%Y-%m-%d", gmtime(clock.time))


def _as_chosen(rule: Rule, hits: list[Hit], selection: Selection, today: str) -> list[Hit]:
    """The hits but those that are switched off, with the severity that the user chose."""
    if not selection.overrides:
        return hits
    chosen = []
    for hit in hits:
        override = selection.override(rule.code, hit.subject, today)
        if override is None:
            chosen.append(hit)
        elif override.severity:
            chosen.append(replace(hit, severity=override.severity))
    return chosen


def _cannot_tell(rule: Rule, reading: Reading, broken: Collection[str]) -> bool:
    """A collector that the rule needs brought nothing, or what it needs of one is missing: silence is not health."""
    if reading.verdict.hypervisor == "none":
        return False
    if broken and any(name in broken and getattr(reading.facts, name) is None for name in rule.needs):
        return True
    return rule.unsure is not None and rule.unsure(reading)


def _finding(rule: Rule, hit: Hit) -> Finding:
    return Finding(
        code=rule.code,
        name=rule.name,
        kind=rule.kind,
        severity=hit.severity or rule.severity,
        subject=hit.subject,
        summary=hit.summary,
        evidence=hit.saw,
        means=rule.means,
        remedy=rule.remedy if hit.remedy is None else hit.remedy,
        since=hit.since,
        same_cause_as=hit.same_cause_as,
        source=rule.source,
    )


def counts_for_status(finding: Finding) -> bool:
    """Faults and events decide the status, and not where they are mere information."""
    return finding.kind in ("fault", "event") and finding.severity != INFO
