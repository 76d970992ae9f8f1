"""Documents that are made from the code; `pytest --update` writes them anew."""

from __future__ import annotations

import os
import pathlib

from virt_agent.metrics import METRICS
from virt_agent.rules import runbook
from virt_agent.rules.form import Rule
from virt_agent.rules.registry import RULES

TOP = pathlib.Path(__file__).parent.parent
UPDATE = "VIRT_AGENT_UPDATE"


def metrics() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "`/metrics` of the daemon and `virt-agent --metrics`. Names are a promise: once released, a metric keeps",
        "its name and meaning. What node_exporter exports already (steal, clocksource, memory) is not here again.",
        "",
        "A guest with two disks and one network card has fewer than 200 series; beyond 2,000 the rest is counted in",
        "`virt_agent_series_dropped`. A rule that passes is exported too, so that an alert can be written on it.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "-"
        lines.append(f"| `{each.name}` | {each.type} | {labels} | {each.help} |")
    return "\n".join(lines) + "\n"


def rules() -> str:
    """docs/rules.md."""
    lines = [
        "# Rules",
        "",
        f"What virt-agent checks: {len(RULES)} rules, each with a runbook. `virt-agent --explain CODE` prints the same.",
        "",
        "A rule is a *fault* (broken), an *event* (announced, with a deadline), a *limit* (what was bought is used up) or",
        "*advice* (works, could be better). Only faults and events of severity warning and critical decide the status.",
        "*Critical* means: data at risk, or a disk or network card in use is dead.",
        "",
        "| code | name | kind | severity | what |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| [{rule.code}](#{rule.code.lower()}) | {rule.name} | {rule.kind} | {rule.severity} | {rule.title} |"
        for rule in RULES
    ]
    for rule in RULES:
        lines += _runbook(rule)
    return "\n".join(lines) + "\n"


def _runbook(rule: Rule) -> list[str]:
    when = runbook.when(rule)
    lines = [
        "",
        f"## {rule.code}",
        "",
        f"**{rule.name}** ({rule.kind}, {rule.severity}): {rule.title}.",
        "",
        rule.means,
    ]
    lines += ["", f"When: {when}."] if when else []
    lines += ["", "### First five minutes", ""]
    lines += [f"{number}. {_code(step)}" for number, step in enumerate(rule.remedy, 1)]
    lines += ["", "### Do not", "", _code(runbook.avoid(rule)), "", "### Who owns it", "", runbook.owner(rule)]
    lines += ["", *[f"- Setting: `{line}`" for line in runbook.thresholds(rule)]] if rule.settings else []
    return [*lines, "", f"Source: {rule.source}."]


def _code(text: str) -> str:
    """Underscores and angle brackets as they are."""
    return text.replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


def configuration() -> str:
    """docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        "`/etc/virt-agent/config.toml`, or another file with `--config.file`. It need not exist. A typo in a key is an",
        "error that names the nearest right one. What a configuration switches off is told in every report.",
        "A replay (`--root`) is judged by a configuration only where `--config.file` names one.",
        "",
        "```toml",
        "[rules.P01]                        # by code or by name",
        "enabled = false",
        'reason = "rebuilt as HVM in spring"  # always needed',
        "until = 2027-03-31                 # judged again from the day after (UTC)",
        "",
        "[rules.B02.subjects.sda]           # for one subject only",
        'severity = "info"                  # info, warning or critical',
        'reason = "the installer\'s disk"',
        "",
        "[collectors]",
        "ethtool = false                    # or true for one that is off by default",
        "```",
        "",
        "## Thresholds",
        "",
        "| table | key | default | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    rows = {}
    for rule in RULES:
        for setting in rule.settings:
            table = setting.code if setting.code == "kernel_log" else f"rules.{rule.code}"
            row = f"| `[{table}]` | `{setting.name}` | {setting.default:g} | {setting.unit} | {setting.help} |"
            rows[table, setting.name] = row
    return "\n".join([*lines, *[rows[key] for key in sorted(rows)]]) + "\n"


def hold(path: str, content: str) -> None:
    """The file is as the code makes it; with --update it is made so."""
    file = TOP / path
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert file.exists(), f"{path} is missing: run python -m pytest --update"
    assert file.read_text() == content, (
        f"{path} is not what the code makes: run python -m pytest --update, read the diff"
    )
