"""Documents that are made from the code; `pytest --update` writes them anew."""

from __future__ import annotations

import json
import os
import pathlib
import textwrap
from collections.abc import Iterator

from virt_agent.metrics import METRICS
from virt_agent.rules import runbook
from virt_agent.rules.form import Rule, Setting
from virt_agent.rules.registry import RULES
from virt_agent.settings import SETTINGS, by_table
from virt_collectors.collect import COLLECTORS

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


_EXAMPLE = (
    "[rules.P01]                        # by code or by name",
    "enabled = false",
    'reason = "rebuilt as HVM in spring"  # always needed',
    "until = 2027-03-31                 # judged again from the day after (UTC)",
    "",
    "[rules.B02.subjects.sda]           # for one subject only",
    'severity = "info"                  # info, warning or critical',
    'reason = "the installer\'s disk"',
)


def configuration() -> str:
    """docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        "`/etc/virt-agent/config.toml`, or another file with `--config.file`. It need not exist. A typo in a key is an",
        "error that names the nearest right one. What a configuration switches off is told in every report.",
        "A replay (`--root`) is judged by a configuration only where `--config.file` names one.",
        "`virt-agent --check-config` reads it and says what is wrong; `systemctl reload virt-agent` (SIGHUP) has the",
        "daemon read it again. What is wrong then leaves the configuration before in force, and the log and the metric",
        "`virt_agent_config_last_reload_successful` tell of it.",
        "",
        "```toml",
        *_EXAMPLE,
        "",
        "[collectors]",
        'ethtool = false                    # true runs one that is off by default, "auto" says nothing',
        "```",
        "",
        "## Settings",
        "",
        "A flag counts more than a variable of the environment, that one more than the configuration, and that one more",
        "than the default. A setting that has no meaning in a mode is passed over there, unless it is a flag. A variable",
        "that is empty is as none; a list stands in a variable with blanks or commas between, a switch is `true` or `false`.",
        "",
        "| key | flag | variable | default | meaning |",
        "|---|---|---|---|---|",
        *_setting_rows(),
        "",
        "What changes of `[web]`, `[imds]` and `[privileged]` takes a restart; the log names it at a reload. The files that",
        "`web.config_file` names are looked at every few seconds, and taken when they changed.",
        "",
        "## Thresholds",
        "",
        "| table | key | default | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| `[{table}]` | `{name}` | {toml(setting.default)} | {setting.unit} | {setting.help} |"
        for (table, name), setting in thresholds().items()
    ]
    return "\n".join([*lines, *rows]) + "\n"


def thresholds() -> dict[tuple[str, str], Setting]:
    """The settings of rules, by table and key."""
    found = {}
    for rule in RULES:
        for setting in rule.settings:
            table = setting.code if setting.code == "kernel_log" else f"rules.{rule.code}"
            found[table, setting.name] = setting
    return dict(sorted(found.items()))


def _setting_rows() -> Iterator[str]:
    for option in SETTINGS:
        key = f"`{option.key}`" if option.key else "-"
        default = f"`{toml(option.default)}`" if option.key else "-"
        yield f"| {key} | `--{option.name}` | `{option.environment}` | {default} | {option.help} |"


def toml(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return json.dumps(value)


def packaged_configuration() -> str:
    """packaging/config.toml: comments alone, so that it costs no parser as long as nobody changes it."""
    lines = [
        "# virt-agent's configuration, in TOML. `virt-agent --check-config` says what is wrong with it,",
        "# `systemctl reload virt-agent` has the daemon take it.",
        "#",
        "# A line like #key = value shows a default. To change it, take away the # before it and before",
        "# the [table] above it. A flag or a variable (VIRT_AGENT_LOG_LEVEL) counts more than this file.",
        "#",
        "# A rule can be switched off, or be of another severity, with a reason that every report shows:",
        "#",
        *[f"#   {line}".rstrip() for line in _EXAMPLE],
    ]
    for table, options in by_table().items():
        lines += ["", f"#[{table}]"]
        for key, option in options.items():
            lines += [*_comment(option.help), f"#{key} = {toml(option.default)}"]
    lines += [
        "",
        '# What is read: true, false, or "auto" for what a mode needs (--json, --readiness).',
        "#[collectors]",
    ]
    lines += [f"#{one.name} = {toml('auto') if one.optional else 'true'}" for one in COLLECTORS]
    return "\n".join([*lines, *_threshold_lines()]) + "\n"


def _threshold_lines() -> Iterator[str]:
    titles, before = {rule.code: rule.title for rule in RULES}, ""
    for (table, name), setting in thresholds().items():
        if table != before:
            yield ""
            code = table.partition(".")[2]
            yield from _comment(f"{code}: {titles[code]}" if code else "Lines of the kernel log")
            yield f"#[{table}]"
        before = table
        yield from _comment(f"{setting.help} ({setting.unit})")
        yield f"#{name} = {toml(setting.default)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96)]


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
