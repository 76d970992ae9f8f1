"""The report for a person: a first line for machines and hurry, findings, the guest, its devices.

ASCII, at most 80 columns, no "|" (monitoring systems cut there). States are always words; colour
only comes on top.
"""

from __future__ import annotations

import time

from virt_collectors.collect import ABSENT, FAILED, STUCK
from virt_collectors.record import Record

from ..instance_types import name_of
from ..report import Report
from ..rules import topics
from ..rules.form import INFO, NOT_SAMPLED, UNKNOWN, Finding, Reading
from . import tables, words
from .ascii import WIDTH, clean, duration, wrap

_COLOURS = {"OK": "32", "WARNING": "33", "CRITICAL": "31", "UNKNOWN": "35", "INFO": "36"}


_ASLEEP_SECONDS = 0.05
_NO_METADATA = {
    "disabled": "switched off for this instance (HTTP 403). That is a policy, not a fault.",
    "unreachable": "its address cannot be reached: no route, or a local firewall. No driver is at fault.",
    "hop_limit_suspected": "it takes connections and its answers do not come back: the hop limit is too small for a"
    " container (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2).",
    "throttled": "too busy to answer (HTTP 429 or 503): something on this instance asks it too often.",
    "refused": "it takes no token, not even a new one (HTTP 401).",
    "broken": "what answers at its address breaks off or is no HTTP.",
    "not_ec2": "what answers at its address is not EC2's service: a proxy, or another cloud.",
    "bad_request": "it does not understand the request for a token (HTTP 400); please report it.",
}


class Style(Record):
    """How much is told, and how; `public` to those who may not see what names this guest, nor raw evidence."""

    verbosity: int = 0
    quiet: bool = False
    colour: bool = False
    nagios: bool = False
    public: bool = False


def render(report: Report, style: Style, differences: list[str] | tuple[str, ...] = ()) -> str:
    """The text of --check."""
    if style.public:
        from . import public

        report = public.without_identifiers(report)
    first = headline(report, differences)
    if style.nagios:
        from . import perfdata

        first += " | " + perfdata.render(report)
    if style.quiet:
        return first + "\n"
    lines = [first, ""]
    explained: set[tuple[str, ...]] = set()
    for finding in told(report, style):
        lines += _finding(finding, explained)
    if lines[-1]:
        lines.append("")
    lines += [*_guest(report, style), "", *tables.devices(report, style.verbosity), ""]
    if report.changes:
        from . import changes

        lines += [*changes.lines(report, style.verbosity), ""]
    lines += _closing(report, style)
    text = "\n".join(lines) + "\n"
    return coloured(text) if style.colour else text


def headline(report: Report, differences: list[str] | tuple[str, ...] = ()) -> str:
    """The first line, whole: status and what it is for."""
    status = "CRITICAL" if differences else report.status.upper()
    start = f"VIRT-AGENT {status}: "
    return start + clean(_reason(report, differences), WIDTH - len(start))


def _reason(report: Report, differences: list[str] | tuple[str, ...]) -> str:
    if differences:
        return "not as expected: " + "; ".join(differences)
    loud = [finding for finding in report.findings if finding.severity != INFO]
    what = words.headline(report.reading)
    if loud:
        named = list(dict.fromkeys(finding.code for finding in loud))
        codes = ", ".join(named[:4]) + (", ..." if len(named) > 4 else "")
        worst = [finding for finding in loud if finding.severity == loud[0].severity and not finding.same_cause_as]
        more = f" and {len(worst) - 1} more" if len(worst) > 1 and len(named) == 1 else ""
        room = WIDTH - len("VIRT-AGENT CRITICAL: ") - len(f"{more} ({codes})")
        return f"{clean(loud[0].summary, max(room, 20))}{more} ({codes})"
    if report.status == "unknown":
        broken = [o.name for o in report.outcomes if o.outcome in (FAILED, STUCK)]
        return f"{_unsure(report, broken)}; {what}"
    if report.reading.verdict.hypervisor == "none":
        return f"{what}; nothing for this tool to judge"
    return f"{what}, nothing wrong"


def _unsure(report: Report, broken: list[str]) -> str:
    if broken:
        return f"could not read {', '.join(broken)}"
    if report.selection.strict and report.not_checked:
        return f"not checked, needs root for {report.not_checked[0].needs}"
    return "not all could be told"


def told(report: Report, style: Style) -> list[Finding]:
    """The findings to show: information only with -v."""
    return [finding for finding in report.findings if finding.severity != INFO or style.verbosity]


def _finding(finding: Finding, explained: set[tuple[str, ...]]) -> list[str]:
    """What was seen, what it means and what to do; a second finding of a rule does not repeat what is the same."""
    head = f"{finding.severity.upper():<9} {finding.code} {finding.name}   {clean(finding.subject, 60)}"
    if finding.same_cause_as:
        return wrap(f"{head}   same cause as {finding.same_cause_as}", " " * 10, "")[:2]
    lines = wrap(head, " " * 10, "")[:2]
    if finding.evidence:  # a public report has none
        lines += wrap(clean("; ".join(finding.evidence), 600), " " * 10, "  Saw     ")
    if finding.since:
        lines.append(f"  Since   {finding.since}")
    if (finding.code,) not in explained:
        lines += wrap(clean(finding.means, 600), " " * 10, "  Means   ")
    if (finding.code, *finding.remedy) not in explained:
        for number, step in enumerate(finding.remedy, 1):
            head = "  Do      " if number == 1 else " " * 10
            lines += wrap(clean(step, 400), " " * 13, f"{head}{number}. ")
    if (finding.code,) not in explained:
        lines.append(f"  More    virt-agent --explain {finding.code}")
    explained |= {(finding.code,), (finding.code, *finding.remedy)}
    return lines


def _guest(report: Report, style: Style) -> list[str]:
    if style.public:
        from . import public

        return _entries(public.entries(report.reading))
    lines = _identity_lines(_identity(report)) + _entries(all_entries(report, style))
    return lines + (_evidence(report) if style.verbosity else [])


def _entries(entries: list[tuple[str, str | None]]) -> list[str]:
    found = [wrap(clean(text, 400), " " * 12, f"  {heading:<9} ") for heading, text in entries if text]
    return [line for lines in found for line in lines]


def all_entries(report: Report, style: Style) -> list[tuple[str, str | None]]:
    reading = report.reading
    entries = [("Type", words.kind_of(reading)), ("Below", words.below(reading)), ("Cloud", words.cloud(reading))]
    entries += words.layers(reading)
    if reading.verdict.can_host_vms:
        entries.append(("Hosts", "can run virtual machines: hardware virtualization on, /dev/kvm present"))
    entries += [("Sure", words.sure(reading)), *(("Against", conflict) for conflict in reading.verdict.conflicts)]
    entries += [("Metadata", _metadata(report)), ("By type", _by_type(reading) if style.verbosity else None)]
    return [*entries, ("Moved", _moved(report))]


def _by_type(reading: Reading) -> str | None:
    """What the list of instance types says, to be held against the guest's own signs and the metadata's words."""
    from .instance_type import listed

    return listed(name_of(reading.facts)) if reading.on_ec2 else None


def _identity_lines(parts: list[str]) -> list[str]:
    """One line, or as many as long names need."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= WIDTH:
            lines[-1] += f"   {part}"
        else:
            lines.append(f"  {part}")
    return lines


def _identity(report: Report) -> list[str]:
    facts = report.reading.facts
    system, clock = facts.system, facts.clock
    parts = [clean(system.hostname, 64)] if system and system.hostname else []
    if clock and clock.time is not None:
        parts.append(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(clock.time)))
    if clock and clock.uptime_seconds is not None:
        parts.append(f"up {duration(clock.uptime_seconds)}")
    if system and system.kernel:
        parts.append(clean(system.kernel, 40))
    return parts


def _metadata(report: Report) -> str | None:
    imds = report.reading.facts.imds
    if imds is None:
        return None
    if imds.state in _NO_METADATA:
        unknown = "" if imds.instance_id else " Not known without it: zone, image, scheduled maintenance."
        return _NO_METADATA[imds.state] + unknown
    answered = f"IMDSv2 answered, {imds.requests} requests"
    if imds.state != "ok":
        answered = f"gives no more answers ({clean(imds.state)}), {imds.requests} came"
    system = report.reading.facts.system
    if system and system.live and report.resumes is None:  # the daemon asked long ago
        spent = next((outcome.seconds for outcome in report.outcomes if outcome.name == "imds"), 0.0)
        answered += f" in {spent * 1000:.0f} ms"
    return f"{answered}, system {imds.system or 'not told'}, profile {imds.profile or 'not told'}"


def _moved(report: Report) -> str | None:
    """Suspends, restores and migrations; a single look sees only that the kernel slept."""
    clock = report.reading.facts.clock
    slept = (clock.suspended_seconds or 0.0) if clock else 0.0
    since_boot = f"slept {duration(slept)} since boot" if slept >= _ASLEEP_SECONDS else ""
    if report.resumes is None:
        return f"{since_boot}: suspended, restored or migrated" if since_boot else None
    count = report.resumes.count
    told = f"{count} resume{'s' * (count != 1)} or migration{'s' * (count != 1)} seen since the agent started"
    return ", ".join(
        [
            told,
            *([f"last: {report.resumes.last}"] if report.resumes.last else []),
            *([since_boot] if since_boot else []),
        ]
    )


def _evidence(report: Report) -> list[str]:
    lines = ["", "  SIGNS (what was looked at, what it said, what it argues for)"]
    for sign in report.reading.verdict.evidence:
        value = f"not readable ({sign.error})" if sign.error else f"{clean(sign.value or '(empty)', 60)}"
        says = ", ".join(f"{key} {clean(word, 40)}" for key, word in sign.argues_for.items()) or "nothing"
        lines += wrap(f"{sign.weight:<9}{clean(sign.source, 70)}: {value} -> {says}", " " * 13, "  ")
    return lines


def _closing(report: Report, style: Style) -> list[str]:
    lines = wrap(counts_in_words(report, style), " " * 12, "  Checked   ")
    for outcome in report.outcomes:
        if outcome.outcome in (FAILED, STUCK):
            text = f"{outcome.name} {outcome.outcome}: {clean(outcome.reason or '', 240)}"
            lines += wrap(text, " " * 12, "  Unread    ")
    if report.not_checked:
        lines += wrap(clean(not_checked_in_words(report), 400), " " * 12, "  Not read  ")
    if not report.selection.everything:
        from . import chosen

        for heading, said in (("Chosen", chosen.options(report)), ("Changed", chosen.configuration(report))):
            lines += wrap(clean(said, 1000), " " * 12, f"  {heading:<9} ") if said else []
    hints = [finding for finding in report.findings if finding.severity == INFO]
    if hints and not style.verbosity:
        named = ", ".join(f"{finding.code} {finding.name}" for finding in hints[:4])
        more = "" if len(hints) < 5 else f" and {len(hints) - 4} more"
        word = "1 hint, no fault" if len(hints) == 1 else f"{len(hints)} hints, no faults"
        lines += wrap(f"{word} ({named}{more}): -v", " " * 12, "  Hints     ")
    return lines


def not_checked_in_words(report: Report) -> str:
    """All that root would see more, and the one command."""
    things = [
        f"{entry.needs} ({_rules(len(entry.codes))})" if entry.codes else entry.needs for entry in report.not_checked
    ]
    return f"{', '.join(things)}, need{'s' * (len(things) == 1)} root: {report.not_checked[0].command}"


def _rules(count: int) -> str:
    return f"{count} rule{'s' * (count != 1)}"


def counts_in_words(report: Report, style: Style) -> str:
    unread = {code for entry in report.not_checked for code in entry.codes}
    states = [state for code, state in report.states.items() if code not in unread]
    hints = "hint" if states.count(INFO) == 1 else "hints"
    named = (("ok", "ok"), ("critical", "critical"), ("warning", "warning"), (INFO, hints), (UNKNOWN, "unsure"))
    parts = [f"{states.count(state)} {word}" for state, word in named if state in states or word in ("ok", "unsure")]
    if states.count(NOT_SAMPLED) and style.verbosity:
        count = states.count(NOT_SAMPLED)
        parts.append(f"{count} need{'s' * (count == 1)} a second reading (--sample 2)")
    apart = f"; two readings {report.sampled_seconds:.0f} s apart" if report.sampled_seconds else ""
    missing = topics.COUNT - len(report.states)
    rest = f"; {_rules(missing)} do{'es' * (missing == 1)} not apply here" if missing else ""
    asked = next((outcome.outcome for outcome in report.outcomes if outcome.name == "imds"), ABSENT) != ABSENT
    packets = "" if asked or report.reading.facts.imds else " No packet sent."
    return ", ".join(parts) + rest + apart + "." + packets


def coloured(text: str) -> str:
    """Status words at the beginning of lines in colour; ill devices in red."""
    return "\n".join(_coloured_line(line) for line in text.split("\n"))


def _coloured_line(line: str) -> str:
    if line.startswith("! "):
        return f"\033[31m{line}\033[0m"
    for word, code in _COLOURS.items():
        for start in (f"VIRT-AGENT {word}:", f"{word} "):
            if line.startswith(start):
                return f"\033[1;{code}m{start}\033[0m{line[len(start) :]}"
    return line
