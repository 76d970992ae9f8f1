"""The kernel log: lines on the hypervisor, on devices and on faults, with two lines around each.

What programs write into it goes, for it may be anything; so do lines of the audit system and of firewalls.
"""

from __future__ import annotations

import re

from ..host.kmsg import LOST
from ..kernel_patterns import PATTERNS
from .cmdline import CommandLine
from .identifiers import Scrubber

_AROUND = 2

# What the verdict looks at, and the lines that explain what the rules on the kernel log look at.
LINES = (
    *("xen", "hypervisor", "kernel on ", "paravirt", "unplug", "grant", "balloon", "dom0", "domu", "vbd", "vif "),
    *("blkfront", "netfront", "backend", "nvme", "ixgbevf", "virtio", "e1000", "8139", "ata_piix", "pf still in reset"),
    *("elastic network adapter", "tx unit hang", "keep alive watchdog", "tx completions", "admin cmd", "msix", "msi-x"),
    *("clocksource", "timekeeping", "sched_clock", "kvm-clock", "hpet", "acpi_pm", "linux version", "command line:"),
    *("dmi:", "smbios", "machine model", "hyper-v", "vmware", "detected virtualization", "netdev watchdog"),
    *(
        "i/o error",
        "ext4-fs",
        "xfs (",
        "btrfs",
        "remounting filesystem",
        "critical medium error",
        "too much work for irq",
    ),
    *("blocked for more than", "soft lockup", "hard lockup", "rcu: info", "self-detected stall", "kernel bug", "bug:"),
    *("out of memory", "oom-kill", "killed process", "kernel panic", "oops", "timed out", "timeout", "op failed"),
    *("disabled for further use", "illegal number of responses", "incorrect id", "link is not ready", "link is up"),
    *("link is down", "llq", "number of responses", "mce:", "hardware error", "call trace"),
)
_RULES = {LOST.decode(), *(literal for pattern in PATTERNS for literal in pattern.literals)}
_KEPT = re.compile(
    "|".join([*map(re.escape, (*LINES, *sorted(_RULES))), r"\bena\b", r"\btsc\b", r"\bkvm\b"]), re.IGNORECASE
)

_STAMP = r"(?:<\d+>)?(?:\[[ \d.]+\] ?)?"
_NEVER = re.compile(
    rf"{_STAMP}(?:[\w@.:/()-]{{1,64}}\[\d+\]: (?!Detected virtualization)"  # a program's line, "systemd[1]: …"
    r"|audit:|audit\(|type=\d+ audit|Unknown kernel command line|Run /| ? with (?:arguments|environment)|\s+\S+$)"
)
_SAID_OF_HYPERVISOR = ("ypervisor detected", "ernel on ", "Xen version", "pci_unplug", "Detected virtualization")
_BUILDER = re.compile(r"\([^()\s@]{1,64}@[^()\s]{1,128}\)")


def kernel_log(scrubber: Scrubber, command_line: CommandLine, text: str) -> str:
    """The lines that matter."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    kept = [line for line in _chosen(lines) if not _NEVER.match(line) and " OUT=" not in line]  # netfilter
    scrubber.names.drop("kernel log lines", len(lines) - len(kept))
    return "".join(redact_line(scrubber, command_line, line) + "\n" for line in kept)


def _chosen(lines: list[str]) -> list[str]:
    chosen: set[int] = set()
    for at, line in enumerate(lines):
        if _KEPT.search(line):
            chosen.update(range(max(at - _AROUND, 0), min(at + _AROUND + 1, len(lines))))
    return [lines[at] for at in sorted(chosen)]


def redact_line(scrubber: Scrubber, command_line: CommandLine, line: str) -> str:
    """One line. Those that the verdict reads keep their words, whatever the host is called."""
    before, marker, parameters = line.partition("ommand line: ")
    if marker:
        return f"{before}{marker}{command_line.line(parameters)}"
    if any(said in line for said in _SAID_OF_HYPERVISOR):
        return scrubber.forms(line)
    return scrubber.text(_BUILDER.sub("(builder@host)", line))
