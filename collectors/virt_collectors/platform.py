"""Hypervisors that are neither told by CPUID nor by DMI: IBM's, on POWER and on Z.

/proc/sysinfo of a Z machine (arch/s390/kernel/sysinfo.c) has "VM00 Control Program: z/VM    7.2.0" or
"KVM/Linux"; a POWER logical partition has `ibm,partition-name` in its device tree, and QEMU's pseries
machine, which has it too, shows the `qemu,graphic-width` of its firmware (systemd, detect_vm_device_tree).
"""

from __future__ import annotations

from .record import Record
from .source import Source

_CONTROL_PROGRAMS = (("z/VM", "zvm"), ("KVM", "kvm"))


class Platform(Record):
    """The hypervisor by name, what said so, and where."""

    hypervisor: str
    says: str
    path: str


def read_platform(source: Source) -> Platform | None:
    """None on all other platforms."""
    path = "proc/sysinfo"
    program = parse_sysinfo(source.lines(path) or [])
    if program:
        word = next((word for start, word in _CONTROL_PROGRAMS if program.startswith(start)), None)
        return Platform(word, program, path) if word else None
    path = "proc/device-tree/ibm,partition-name"
    if source.exists(path) and not source.exists("proc/device-tree/chosen/qemu,graphic-width"):
        return Platform("powervm", source.text(path) or "", path)
    return None


def parse_sysinfo(lines: list[str]) -> str | None:
    """The control program of the outermost virtual machine level; None in an LPAR."""
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.strip() == "VM00 Control Program":
            return " ".join(value.split())
    return None
