"""A rule as a runbook: what to do in the first five minutes, what not to do, who owns it."""

from __future__ import annotations

from .form import ADVICE, CLOUD, EVENT, FAULT, HOST, LIMIT, YOU, Rule

_AVOID = {
    FAULT: "Do not restart anything before what is seen now is kept: virt-agent --snapshot FILE.tar.gz",
    EVENT: "Do not wait for the deadline: a stop that you choose is gentler than one that is chosen for you.",
    LIMIT: "Do not treat it as a fault: nothing is broken, what was bought is used up.",
    ADVICE: "Do not change a running machine for this alone.",
}
_OWNERS = {
    YOU: "You: it can be mended inside this guest, or by who configures it.",
    HOST: "The host: whoever runs the hypervisor; on a rented guest that is the cloud.",
    CLOUD: "The cloud: open a case with the instance id and a snapshot.",
}


def avoid(rule: Rule) -> str:
    """What not to do; what holds for every rule of its kind where it says nothing of its own."""
    return rule.avoid or _AVOID[rule.kind]


def owner(rule: Rule) -> str:
    """Who can mend it, in a sentence."""
    return _OWNERS[rule.owner]


def when(rule: Rule) -> str:
    """What a rule needs beside one reading; "" where that is enough."""
    parts = ["two readings 2 s apart must agree" if rule.confirm else ""]
    parts.append("compares with an earlier reading" if rule.compare else "")
    parts.append(f"needs root, for the {rule.privilege}" if rule.privilege else "")
    return "; ".join(part for part in parts if part)


def thresholds(rule: Rule) -> list[str]:
    """The settings, each in a line: the key in the configuration, its default, what it means."""
    tables = {
        setting.code: "kernel_log" if setting.code == "kernel_log" else f"rules.{rule.code}"
        for setting in rule.settings
    }
    return [
        f"[{tables[setting.code]}] {setting.name} = {setting.default:g} ({setting.unit}): {setting.help}"
        for setting in rule.settings
    ]
