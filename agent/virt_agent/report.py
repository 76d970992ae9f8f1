"""All that is told of a machine at one moment; every output format is made from this and nothing else."""

from __future__ import annotations

from virt_collectors.collect import FAILED, STUCK, Outcome
from virt_collectors.record import Record

from .rules.evaluate import Judgement, counts_for_status
from .rules.form import CRITICAL, UNKNOWN, Finding, Reading
from .selection import Selection

OK, WARNING = "ok", "warning"
EXIT_CODES = {OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3}

_NEEDS_ROOT = (
    ("sys/firmware/dmi/", "SMBIOS VM bit"),
    ("sys/class/dmi/id/", "firmware serial numbers"),
)


class NotChecked(Record):
    """What a privilege would show, and the command that has it."""

    codes: tuple[str, ...]
    needs: str
    command: str


class Resumes(Record):
    """How often the guest was suspended, restored or moved since the daemon started, and what showed it last."""

    count: int = 0
    last: str | None = None


class Change(Record):
    """A state that became another while the daemon watched, or one that went to and fro `times` since `time`.

    `severity` is that of what is now: critical, warning, info, unknown, or ok where something is well again. `text`
    may be shown to anybody once names are hidden; `public` is a text that has none, where they may be forgotten by the
    time it is shown. `detail` is raw evidence. `last` is when it happened last, None where that was once. Times as "2026-11-21 17:02:11 UTC".
    """

    time: str
    text: str
    severity: str
    times: int = 1
    detail: str = ""
    last: str | None = None
    public: str | None = None


class Report(Record):
    """One machine at one moment. `resumes` is None but in the daemon, which alone has `changes`, newest first."""

    reading: Reading
    status: str
    findings: tuple[Finding, ...]
    states: dict[str, str]
    not_checked: tuple[NotChecked, ...]
    outcomes: tuple[Outcome, ...]
    selection: Selection = Selection()
    sampled_seconds: float | None = None  # between two readings, where two were taken
    resumes: Resumes | None = None
    changes: tuple[Change, ...] = ()


def make(
    reading: Reading,
    judgement: Judgement,
    outcomes: tuple[Outcome, ...],
    selection: Selection,
    sampled_seconds: float | None = None,
) -> Report:
    """The report on a reading."""
    unread = not_checked(reading, judgement)
    status = status_of(reading, judgement)
    if status == OK and selection.strict and unread:
        status = UNKNOWN
    return Report(reading, status, judgement.findings, judgement.states, unread, outcomes, selection, sampled_seconds)


def status_of(reading: Reading, judgement: Judgement) -> str:
    """Critical, else warning, else unknown, else ok."""
    counted = {finding.severity for finding in judgement.findings if counts_for_status(finding)}
    for severity in (CRITICAL, WARNING):
        if severity in counted:
            return severity
    if reading.verdict.hypervisor == UNKNOWN or judgement.blind:
        return UNKNOWN
    return OK


def broken(outcomes: tuple[Outcome, ...]) -> frozenset[str]:
    """The collectors that failed or hang, by name."""
    return frozenset(outcome.name for outcome in outcomes if outcome.outcome in (FAILED, STUCK))


def not_checked(reading: Reading, judgement: Judgement) -> tuple[NotChecked, ...]:
    """What was refused for want of a privilege: first what rules live on, with their codes."""
    facts = reading.facts
    if facts.system is None or facts.system.privileged:
        return ()
    denied = [path for path, code in facts.unreadable.items() if code in ("EACCES", "EPERM")]
    things = dict(judgement.refused)
    things |= {thing: () for prefix, thing in _NEEDS_ROOT if any(path.startswith(prefix) for path in denied)}
    return tuple(NotChecked(found, thing, "sudo virt-agent --check") for thing, found in things.items())
