"""Compare what the agent said in a guest with the truth, and what others said there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import hot
from .shapes import Guest, Truth, Word

# Exit codes of --check follow the status; every other mode only has to print.
STATUS_EXIT = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
PRINTING = ("json", "json-unprivileged", "detect", "metrics", "snapshot", "snapshot-full", "privileged", "json-helped")
JUDGED = ("warning", "critical")
WORDS_SHOWN = ("hypervisor", "guest_mode", "role", "cloud", "ec2_system", "pv_drivers")


class Outcome(NamedTuple):
    """One guest's row of the table."""

    guest: Guest
    expected: str
    agent: str
    tools: dict[str, str]
    mismatches: tuple[str, ...]  # the agent's fault
    trouble: str = ""  # the lab's fault: no boot, no results
    versions: str = ""


def judge(guest: Guest, folder: Path) -> Outcome:
    report = _document(folder / "report.json")
    return Outcome(
        guest,
        expected_words(guest.truth),
        agent_words(report),
        json.loads((folder / "tools.json").read_text()),
        tuple(disagreements(guest.truth, report, folder)),
        versions=_versions(report),
    )


def failed(guest: Guest, trouble: str) -> Outcome:
    return Outcome(guest, expected_words(guest.truth), "", {}, (), trouble)


def disagreements(truth: Truth, report: dict[str, Any], folder: Path) -> Iterator[str]:
    if not report:
        yield "--json printed no document"
        return
    yield from verdict_disagreements(truth, report.get("verdict", {}), "")
    unprivileged = _document(folder / "report-unprivileged.json")
    yield from verdict_disagreements(truth, unprivileged.get("verdict", {}), " (as nobody)")
    helped = _document(folder / "report-helped.json")
    yield from verdict_disagreements(truth, helped.get("verdict", {}), " (as nobody with the helper)")
    yield from nvme_answers(folder)
    yield from finding_disagreements(truth, report)
    if truth.status and report.get("status") not in truth.status:
        yield f"status is {report.get('status')}, not {' or '.join(truth.status)}"
    yield from collector_failures(report)
    yield from command_failures(report, folder)
    if (folder / "watched.json").exists():
        yield from hot.judge(folder)


def verdict_disagreements(truth: Truth, verdict: dict[str, Any], whom: str) -> Iterator[str]:
    for key, right in truth.verdict.items():
        said = _at(verdict, key)
        if said not in (right if isinstance(right, tuple) else (right,)):
            yield f"{key}{whom} is {said}, not {_word(right)}"
    if truth.has_conflicts is not None and bool(verdict.get("conflicts")) != truth.has_conflicts:
        yield f"conflicts{whom}: {verdict.get('conflicts')}"


def finding_disagreements(truth: Truth, report: dict[str, Any]) -> Iterator[str]:
    findings = report.get("findings", [])
    judged = {f["code"] for f in findings if f["severity"] in JUDGED}
    for code in sorted(set(truth.want) - judged):
        yield f"{code} is missing"
    for finding in findings:
        code = finding["code"]
        if code in judged and code not in (*truth.want, *truth.allow):
            yield f"false alarm {code} {finding.get('subject')}: {finding.get('summary')}"


def collector_failures(report: dict[str, Any]) -> Iterator[str]:
    for collector in report.get("collectors", []):
        if collector["outcome"] == "failed":
            yield f"collector {collector['name']} {collector['outcome']}: {collector['reason']}"


def command_failures(report: dict[str, Any], folder: Path) -> Iterator[str]:
    commands = json.loads((folder / "commands.json").read_text())
    for name in PRINTING:
        if code := commands[name]["exit"]:
            yield f"{name} exited with {code}: {_last_line(folder / f'{name}.err')}"
    right = STATUS_EXIT.get(report.get("status", ""))
    for name in ("check", "check-verbose"):
        if commands[name]["exit"] != right:
            yield f"{name} exited with {commands[name]['exit']}, status {report.get('status')}"
    yield from daemon_failures(commands["serve"])
    for file in (*folder.glob("*.err"), folder / "serve.log"):
        if "Traceback" in file.read_text(errors="replace"):
            yield f"traceback in {file.name}: {_last_line(file)}"


def nvme_answers(folder: Path) -> Iterator[str]:
    """QEMU's controllers know no log page 0xD0, must say so, and must live on."""
    for line in (folder / "nvme-log.txt").read_text().splitlines():
        if not line.endswith("refused EOPNOTSUPP live"):
            yield f"log page of an NVMe controller: {line}"


def daemon_failures(served: dict[str, Any]) -> Iterator[str]:
    for page, answer in served["answers"].items():
        if answer != "200":
            yield f"daemon's page {page}: {answer}"
    if served["exit"] != 0:
        yield f"daemon ended with {served['exit']} after SIGTERM"


def expected_words(truth: Truth) -> str:
    words = [_word(truth.verdict[key]) for key in WORDS_SHOWN if truth.verdict.get(key)]
    return " ".join([*words, *truth.want])


def agent_words(report: dict[str, Any]) -> str:
    verdict = report.get("verdict", {})
    words = [str(verdict[key]) for key in WORDS_SHOWN if verdict.get(key)]
    codes = {f["code"] for f in report.get("findings", []) if f["severity"] in JUDGED}
    return " ".join([*words, *sorted(codes)])


def _versions(report: dict[str, Any]) -> str:
    return str(report.get("host", {}).get("kernel", ""))


def _document(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except ValueError:
        return {}
    return found


def _at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for key in path.split("."):
        value = (value or {}).get(key)
    return value


def _word(right: Word) -> str:
    if isinstance(right, tuple):
        return " or ".join(_word(each) for each in right)
    return right or "null"


def _last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").strip().splitlines() if file.exists() else []
    return lines[-1] if lines else ""
