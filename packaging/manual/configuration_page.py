"""virt-agent.toml(5), made from the rules' settings, the collectors and the options that have a key."""

from __future__ import annotations

import origin
import web_prose as web
from command_page import sentence
from roff import Page, bold, italic, marked, plain

from virt_agent import __version__
from virt_agent.config import DEFAULT, shared_settings
from virt_agent.option_table import OPTIONS
from virt_agent.rules.form import SEVERITIES, Setting
from virt_agent.rules.registry import RULES
from virt_collectors.collect import COLLECTORS

DESCRIPTION = """
The configuration of `virt-agent`(1), in TOML (https://toml.io/). It need not exist; `--config.file` names another one.
The package installs it with comments alone, each key with its default.

What is not known is an error, which names the file, the key and the nearest right one. `virt-agent --check-config`
looks for such errors, in this file and in the web configuration. What a configuration switches off is told in every report.
"""

EXAMPLE = """
[rules.P01]                   # by code or by name
enabled = false
reason = "rebuilt as HVM in spring"
until = 2027-03-31

[rules.B02.subjects.sda]      # for one disk only
severity = "info"
reason = "the installer's disk, nobody reads it"

[rules.E07]
samples = 4

[kernel_log]
hours = 48

[collectors]
ethtool = false
"""

RULE_KEYS = {
    "enabled": "`false` switches the rule off; a `reason` is needed.",
    "severity": f"Another severity: {', '.join(SEVERITIES[:-1])} or {SEVERITIES[-1]}; a `reason` is needed.",
    "reason": "Why, for whoever reads the report later.",
    "until": "The last day on which this holds, as 2027-03-31 (UTC). From the day after the rule is judged as ever.",
    "subjects": "A table of tables: the keys above for one subject alone, as `[rules.B02.subjects.sda]`. The subject "
    "is the word that the report has behind the rule's name.",
}

OPTIONS_KEYS = """
`check.color` is `color` in the table `[check]`. The command line and the environment count more; `virt-agent`(1) has
both. Each is shown with its default.
"""

_BOUNDLESS = Setting.defaults["most"]

RULES_TABLE = """
{CODE} is a rule's code or name; `virt-agent-rules`(7) has them all.
"""

TAKEN = """
At the start, and by the daemon on SIGHUP (`systemctl reload virt-agent`). Where the changed file has an error, the
daemon keeps what it had, the log says why, and `virt_agent_config_last_reload_successful` is 0. Addresses, the limit of
requests and what concerns the metadata service take a restart; the log names what changed of these.
"""


def page() -> Page:
    """The whole page."""
    made = Page("virt-agent.toml", 5, "the configuration of virt-agent", origin.date(), __version__)
    made.heading("SYNOPSIS")
    made.paragraph(italic(DEFAULT))
    made.heading("DESCRIPTION")
    made.prose(DESCRIPTION)
    made.heading("EXAMPLE")
    made.example(EXAMPLE)
    for part in (_options, _rules, _thresholds, _collectors, _taken, _web):
        part(made)
    made.heading("SEE ALSO")
    made.paragraph(marked("`virt-agent`(1), `virt-agent-rules`(7)"))
    return made


def _options(made: Page) -> None:
    """The keys that are options too, by their tables."""
    made.heading("OPTIONS OF THE COMMAND")
    made.prose(OPTIONS_KEYS)
    for option in OPTIONS:
        if option.key:
            head = f"{bold(option.key)} = {plain(toml(option.default))}"
            made.term(head, f"{sentence(option.help)} {marked(f'As `--{option.name}`.')}")


def toml(value: object) -> str:
    """A default as the file would have it."""
    import json

    return json.dumps(value)  # TOML writes strings, lists, numbers, true and false the same way


def _rules(made: Page) -> None:
    made.heading("[RULES.CODE]")
    made.prose(RULES_TABLE)
    for key, text in RULE_KEYS.items():
        made.term(bold(key), marked(text))


def _thresholds(made: Page) -> None:
    made.heading("THRESHOLDS")
    made.prose("Each is a number. Those of the kernel log hold for all its rules.")
    for setting in shared_settings().values():
        _setting(made, setting.code, setting)
    for rule in RULES:
        for setting in rule.settings:
            if setting.code == rule.code:
                _setting(made, f"rules.{rule.code}", setting)


def _setting(made: Page, table: str, setting: Setting) -> None:
    default = number(setting.default)
    bound = "or more" if setting.most >= _BOUNDLESS else f"to {number(setting.most)}"
    body = f"{default} {setting.unit}: {setting.help}. It may be {number(setting.least)} {bound}."
    made.term(f"{bold(f'[{table}] {setting.name}')} = {plain(default)}", plain(body))


def number(value: float) -> str:
    """Without an exponent, and without a fraction of 0."""
    return f"{value:.0f}" if value == int(value) else f"{value:g}"


def _collectors(made: Page) -> None:
    made.heading("[COLLECTORS]")
    made.prose('`true` runs a collector that is off by default, `false` keeps one from running, `"auto"` says nothing.')
    for title, optional in (("On by default", False), ("Off by default", True)):
        names = ", ".join(each.name for each in COLLECTORS if each.optional is optional)
        made.term(title, plain(names))


def _taken(made: Page) -> None:
    made.heading("WHEN IT IS READ")
    made.prose(TAKEN)


def _web(made: Page) -> None:
    made.heading("THE WEB CONFIGURATION")
    made.prose(web.ABOUT)
    made.example(web.EXAMPLE)
    for table, text in web.TABLES.items():
        made.term(bold(table), marked(text))
    made.subheading("tls_server_config")
    for keys, text in web.TLS.items():
        made.term(", ".join(bold(key) for key in keys), marked(text))
    made.subheading("http_server_config.headers")
    made.paragraph(plain(f"{', '.join(web.HEADERS)}."))
