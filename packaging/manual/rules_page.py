"""virt-agent-rules(7), made from the registry of rules: what --explain says of each."""

from __future__ import annotations

import origin
from roff import Page, bold, marked, plain

from virt_agent import __version__
from virt_agent.rules import runbook
from virt_agent.rules.form import Rule
from virt_agent.rules.registry import RULES

# By the first letter of the code.
TITLES = {
    "P": "Platform",
    "X": "Xen's bus and its devices",
    "B": "Disks",
    "V": "NVMe, EBS and virtio disks",
    "N": "Network cards",
    "E": "ENA",
    "C": "The clock",
    "M": "Processor time and memory",
    "I": "What the metadata service announces",
    "G": "Guest tools",
    "L": "Lines of the kernel log",
}

DESCRIPTION = """
What `virt-agent` checks. `virt-agent --explain` {CODE} prints one of these, `virt-agent --rules` lists them. A code or
a name goes with `--only` and `--ignore`, and names a table of `virt-agent.toml`(5) that switches the rule off, changes
its severity or a threshold.

A rule is a `fault` (broken), an `event` (announced, with a deadline), a `limit` (what was bought is used up) or
`advice` (works, could be better). Only faults and events of severity warning and critical decide the status. Critical
means: data at risk, or a disk or network card in use is dead.

A line of the kernel log counts for 24 hours, unless it is healed before.
"""


def page() -> Page:
    """The whole page."""
    made = Page("virt-agent-rules", 7, "what virt-agent checks, and what to do", origin.date(), __version__)
    made.heading("DESCRIPTION")
    made.prose(DESCRIPTION)
    for letter, title in TITLES.items():
        made.heading(f"{title} ({letter})".upper())
        for rule in RULES:
            if rule.code[0] == letter:
                _rule(made, rule)
    made.heading("SEE ALSO")
    made.paragraph(marked("`virt-agent`(1), `virt-agent.toml`(5), `virt-agent-metrics`(7)"))
    return made


def _rule(made: Page, rule: Rule) -> None:
    made.subheading(f"{rule.code} {rule.name} ({rule.kind}, {rule.severity})")
    made.paragraph(plain(f"{rule.title[0].upper()}{rule.title[1:]}. {rule.means}"))
    when = runbook.when(rule)
    if when:
        made.term(bold("When"), plain(f"{when[0].upper()}{when[1:]}."))
    made.term(bold("Do"))
    made.steps(rule.remedy)
    made.term(bold("Avoid"), plain(runbook.avoid(rule)))
    made.term(bold("Owner"), plain(runbook.owner(rule)))
    for line in runbook.thresholds(rule):
        made.term(bold("Setting"), plain(line))
    made.term(bold("Source"), plain(f"{rule.source}."))
