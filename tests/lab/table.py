"""The run's table: on the screen as it comes, and as docs/lab.md in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from .results import Outcome

HEAD = ("guest", "made", "expected", "agent", "systemd-detect-virt", "virt-what", "lscpu", "")
TOOLS = ("systemd-detect-virt", "virt-what", "lscpu")
KINDS = ("hypervisor", "guest_mode", "role", "pv_drivers")
CLOUD_WORDS = {"aws": ("amazon", "aws")}
LEGEND = (
    "*wrong*: the tool does not name the hypervisor that is there. *vague*: it says the same of "
    "another guest of this table that is of another kind (mode, role, or PV drivers in use)."
)


def write(outcomes: Sequence[Outcome], seconds: float, versions: Iterable[str], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(page(outcomes, seconds, versions)) + "\n")


def page(outcomes: Sequence[Outcome], seconds: float, versions: Iterable[str]) -> list[str]:
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return [
        "# The lab's last run",
        "",
        "Written by `python3 -m tests.lab`; do not edit. The expected words are what the lab "
        "itself configured; the other columns were read inside the guest.",
        "",
        f"{made}, {len(outcomes)} guests in {seconds / 60:.0f} minutes, with:",
        "",
        *(f"- {version}" for version in versions),
        "",
        *table(outcomes),
        "",
        LEGEND,
        "",
        *mismatches(outcomes),
    ]


def table(outcomes: Sequence[Outcome]) -> list[str]:
    rows = [row(outcome, outcomes) for outcome in outcomes]
    return [_line(HEAD), _line(("---",) * len(HEAD)), *(_line(cells) for cells in rows)]


def row(outcome: Outcome, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    guest = outcome.guest
    tools = (f"{said(outcome, tool)}{weakness(tool, outcome, outcomes)}" for tool in TOOLS)
    return (guest.name, guest.made, outcome.expected, outcome.agent, *tools, mark(outcome))


def weakness(tool: str, outcome: Outcome, outcomes: Sequence[Outcome]) -> str:
    if not outcome.tools:
        return ""
    words = said(outcome, tool)
    if not any(name in words.lower() for name in names(outcome)):
        return " *wrong*"
    alike = {kind(other) for other in outcomes if other.tools and said(other, tool) == words}
    return " *vague*" if len(alike) > 1 else ""


def names(outcome: Outcome) -> list[str]:
    truth = outcome.guest.truth.verdict
    right = truth.get("hypervisor")
    own = right if isinstance(right, tuple) else (right,)
    return [*filter(None, own), *CLOUD_WORDS.get(str(truth.get("cloud")), ())]


def kind(outcome: Outcome) -> tuple[str, ...]:
    return tuple(str(outcome.guest.truth.verdict.get(key)) for key in KINDS)


def said(outcome: Outcome, tool: str) -> str:
    return outcome.tools.get(tool, "")


def mark(outcome: Outcome) -> str:
    if outcome.trouble:
        return "lab failed"
    return "WRONG" if outcome.mismatches else "ok"


def mismatches(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        f"- **{outcome.guest.name}**: {sentence}"
        for outcome in outcomes
        for sentence in (*outcome.mismatches, *filter(None, [outcome.trouble]))
    ]
    return ["## Where it went wrong", "", *lines] if lines else []


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
