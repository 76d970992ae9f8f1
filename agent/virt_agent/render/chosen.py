"""What the user has judged otherwise than the rules would by themselves, in words; empty where he chose nothing."""

from __future__ import annotations

import time

from ..report import Report
from ..rules.form import OFF


def options(report: Report) -> str:
    """By --only and --ignore."""
    parts = []
    if report.selection.only:
        parts.append(f"only {', '.join(report.selection.only)}")
    if report.selection.ignored:
        parts.append(f"ignored {', '.join(report.selection.ignored)}")
    off = list(report.states.values()).count(OFF)
    return f"{'; '.join(parts)} (by option): {off} rules not judged" if parts else ""


def configuration(report: Report) -> str:
    """By the configuration, and what of it is over."""
    clock = report.reading.facts.clock
    today = time.strftime("%Y-%m-%d", time.gmtime(clock.time)) if clock and clock.time is not None else ""
    parts = []
    for each in report.selection.overrides:
        where = f" for {each.subject}" if each.subject else ""
        until = f", until {each.until}" if each.until else ""
        what = f"is {each.severity}" if each.severity else "is off"
        if not each.in_force(today):
            what, until = "is judged again", f", was changed until {each.until}"
        parts.append(f"{each.code}{where} {what} ({each.reason}{until})")
    return f"by configuration: {'; '.join(parts)}" if parts else ""
