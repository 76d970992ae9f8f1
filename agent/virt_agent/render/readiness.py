"""--readiness for a person and as JSON: the answer in one line, what stands in the way, the kernels, what is fine.

ASCII, at most 80 columns, no "|", as all texts here; every word of the machine's own is cleaned first.
"""

from __future__ import annotations

from virt_collectors.collect import FAILED, STUCK, Outcome
from virt_collectors.record import plain

from ..readiness.form import (
    BLOCKER,
    EXIT_CODES,
    HVM,
    INFO,
    NITRO,
    OK,
    READY,
    REBOOT,
    UNKNOWN,
    WARNING,
    KernelState,
    NextBoot,
    Readiness,
    Result,
)
from ..rules.form import Reading
from . import words
from .ascii import WIDTH, clean, table, wrap
from .text import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = 1
__all__ = ("SCHEMA", "Style", "document", "headline", "text")

_ASKED = {
    REBOOT: "will this guest come up again after its next reboot",
    HVM: "would this disk boot as an HVM guest",
    NITRO: "would this guest come up again on Nitro",
}
_TOLD = (BLOCKER, WARNING, UNKNOWN)
_HEADINGS = ("KERNEL", "NEXT", "IMAGE", "INITRAMFS", "ROOT DRIVER", "NIC DRIVER")
_RELEASE = 28  # columns; longer ones are cut, so that the table fits
_COLOURS = {READY: "32", UNKNOWN: "35", BLOCKER: "31", WARNING: "33"}
_INDENT = " " * 12


def text(found: Readiness, reading: Reading, outcomes: tuple[Outcome, ...], style: Style) -> str:
    """The whole text; with --quiet its first line."""
    lines = [headline(found)]
    if not style.quiet:
        lines.append("")
        explained: set[str] = set()
        for result in found.results:
            if result.state in _TOLD and (result.decides or result.state != UNKNOWN):
                lines += _finding(result, explained)
        lines += [*([""] if explained else []), *_machine(found, reading), "", *_kernels(found.kernels), ""]
        lines += [*_notes(found), *_outside(found), *_closing(found, outcomes, style)]
    made = "\n".join(lines) + "\n"
    return _coloured(made, found.answer) if style.colour else made


def headline(found: Readiness) -> str:
    """The first line: the answer, and the gravest reason with its code."""
    start = f"VIRT-AGENT {found.answer.upper()}: "
    if found.answer == READY:
        return start + clean(found.reason, WIDTH - len(start))
    first = found.results[0]
    code = f" ({first.code})"
    return start + clean(first.summary, WIDTH - len(start) - len(code)) + code


def _finding(result: Result, explained: set[str]) -> list[str]:
    """What was seen, what it means, what to do; a second one of the same check does not repeat what is the same."""
    stops = "   stops the boot" if result.stops_boot else ""
    head = f"{result.state.upper():<9} {result.code} {result.name}   {clean(result.subject, 60)}{stops}"
    lines = wrap(head, " " * 10, "")
    lines += wrap(clean("; ".join((result.summary, *result.evidence)), 600), " " * 10, "  Saw     ")
    if result.code not in explained:
        lines += wrap(clean(result.means, 400), " " * 10, "  Means   ")
    steps = "\n".join(result.remedy)
    if steps not in explained:
        for number, step in enumerate(result.remedy, 1):
            begin = "  Do      " if number == 1 else " " * 10
            lines += wrap(clean(step, 400), " " * 13, f"{begin}{number}. ")
    explained |= {result.code, steps}
    return lines


def _machine(found: Readiness, reading: Reading) -> list[str]:
    system = reading.facts.system
    name = clean(system.hostname, 64) + ": " if system and system.hostname else ""
    runs = f", runs {clean(system.kernel, 40)}" if system and system.kernel else ""
    without = f", as if {', '.join(found.without)} were gone" if found.without else ""
    entries = [
        ("Asked", f"{_ASKED[found.target]}{without}"),
        ("Guest", f"{name}{words.headline(reading)}{runs}"),
        ("Next", _next(found.next_boot)),
        ("Needs", _needs(found)),
    ]
    return [line for heading, told in entries for line in wrap(clean(told, 400), _INDENT, f"  {heading:<9} ")]


def _next(boot: NextBoot) -> str:
    if boot.entry is None or boot.menu is None:
        return f"not known: {boot.why}"
    root = boot.boot.value("root") if boot.boot else None
    initramfs = f", initramfs /{boot.entry.initramfs}" if boot.entry.initramfs else ", no initramfs"
    return f"/{boot.entry.kernel} by /{boot.menu.path}, root={root or '(none)'}{initramfs}"


def _needs(found: Readiness) -> str:
    root, network = (", ".join(names) or "not known" for names in (found.needs.root, found.needs.network))
    return f"for the root disk {root}; for the network {network}"


def _kernels(kernels: tuple[KernelState, ...]) -> list[str]:
    if not kernels:
        return ["  no installed kernel was seen"]
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for each in kernels:
        mark = "next" if each.next else ""
        states = (each.image, each.initramfs, each.root_drivers, each.network_drivers)
        rows.append((clean(each.release, _RELEASE), mark, *states))
    return table(rows, "  ")


def _notes(found: Readiness) -> list[str]:
    """What is good to know, and what is not known and decides nothing."""
    lines = []
    for result in found.results:
        told = f"{result.code} {result.summary}"
        if result.state == INFO and not result.outside:
            lines += wrap(clean(told, 300), _INDENT, "  Note      ")
        elif result.state == UNKNOWN and not result.decides:
            asked = f": {result.remedy[0]}" if result.remedy else ""
            lines += wrap(clean(f"{told}{asked}", 300), _INDENT, "  Unknown   ")
    return lines


def _outside(found: Readiness) -> list[str]:
    """What the EC2 API alone knows, with the commands that ask it."""
    asked = [result for result in found.results if result.outside and result.state == INFO]
    lines = ["", "  Not known from inside; ask the EC2 API:"] if asked else []
    for result in asked:
        lines += wrap(clean(f"{result.code} {result.summary}", 300), " " * 6, "    ")
        for step in result.remedy:
            lines += wrap(clean(step, 400), " " * 10, " " * 8)
    return [*lines, ""] if asked else lines


def _closing(found: Readiness, outcomes: tuple[Outcome, ...], style: Style) -> list[str]:
    fine = [result for result in found.results if result.state == OK]
    counts = [(BLOCKER, "blocker"), (WARNING, "warning"), (UNKNOWN, "unknown")]
    counted = [(sum(result.state == state for result in found.results), word) for state, word in counts]
    parts = [f"{count} {word}{'s' * (count != 1)}" for count, word in counted if count]
    told = ", ".join([f"{len(fine)} fine", *parts]) + ("" if style.verbosity else "; -v lists what is fine")
    lines = wrap(told, _INDENT, "  Checked   ")
    for result in fine if style.verbosity else ():
        lines += wrap(clean(f"{result.code} {result.summary}", 300), _INDENT, "  Fine      ")
    for outcome in outcomes:
        if outcome.outcome in (FAILED, STUCK):
            why = f"{outcome.name} {outcome.outcome}: {clean(outcome.reason or '', 240)}"
            lines += wrap(why, _INDENT, "  Unread    ")
    return lines


def _coloured(made: str, answer: str) -> str:
    """Only the words of state, and on top of them."""
    first, newline, rest = made.partition("\n")
    word = f"VIRT-AGENT {answer.upper()}:"
    head = f"\033[1;{_COLOURS.get(answer, '31')}m{word}\033[0m{first[len(word) :]}"
    return head + newline + "\n".join(_coloured_line(line) for line in rest.split("\n"))


def _coloured_line(line: str) -> str:
    for state in _TOLD:
        word = state.upper()
        if line.startswith(f"{word} "):
            return f"\033[1;{_COLOURS[state]}m{word}\033[0m{line[len(word) :]}"
    return line


def document(found: Readiness, reading: Reading, outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    """The JSON document, schema 1: keys are only ever added."""
    system = reading.facts.system
    return {
        "schema": SCHEMA,
        "target": found.target,
        "without": list(found.without),
        "answer": found.answer,
        "exit_code": EXIT_CODES[found.answer],
        "reason": found.reason,
        "host": {"hostname": system.hostname if system else None, "kernel": system.kernel if system else None},
        "results": plain(found.results),
        "kernels": plain(found.kernels),
        "next_boot": _next_document(found.next_boot),
        "needs": plain(found.needs),
        "collectors": [plain(outcome) for outcome in outcomes if outcome.outcome in (FAILED, STUCK)],
    }


def _next_document(boot: NextBoot) -> dict[str, Any]:
    entry = boot.entry
    return {
        "menu": boot.menu.path if boot.menu else None,
        "title": entry.title if entry else None,
        "kernel": entry.kernel if entry else None,
        "initramfs": entry.initramfs if entry else None,
        "release": boot.kernel.release if boot.kernel else None,
        "parameters": list(boot.boot.parameters) if boot.boot else [],
        "why": boot.why,
    }
