"""The processors as the kernel lists them, /proc/cpuinfo (arch/x86/kernel/cpu/proc.c).

The flag `hypervisor` (CPUID.1:ECX bit 31 as the kernel saw it) is in every Xen guest of today,
PV and dom0 too, but not on xenlinux or RHEL 5 kernels, and never on Arm. `vmx` (VT-x) and `svm`
(AMD-V) say that virtual machines can run in here, not that nothing is below. `vme` is missing
in PV guests. /sys/devices/system/cpu/vulnerabilities/meltdown (since 4.15) says whether the kernel isolates its page
tables; a PV guest cannot, and says so.
"""

from __future__ import annotations

from .record import Record, replace
from .source import Source, whole

PATH = "proc/cpuinfo"
MELTDOWN = "sys/devices/system/cpu/vulnerabilities/meltdown"


class Cpu(Record):
    """The first processor, and how many there are. `flags` is None where the kernel lists none."""

    processors: int
    vendor: str | None = None
    model_name: str | None = None
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    flags: frozenset[str] | None = None
    form: str | None = None  # "x86" or "arm64", by the lines it has
    kvm_device: bool = False
    meltdown: str | None = None

    @property
    def hardware_virtualization(self) -> str | None:
        """`vmx` for VT-x, `svm` for AMD-V."""
        return next((flag for flag in ("vmx", "svm") if flag in (self.flags or ())), None)


def read_cpu(source: Source) -> Cpu | None:
    """/proc/cpuinfo, and whether KVM's device is there."""
    content = source.raw(PATH)
    if content is None:
        return None
    cpu = parse_cpuinfo(content.decode("utf-8", "replace"))
    if cpu is None:
        source.malformed(PATH, "lists no processor")
        return None
    return replace(cpu, kvm_device=source.exists("dev/kvm"), meltdown=source.text(MELTDOWN) or None)


def parse_cpuinfo(text: str) -> Cpu | None:
    """The facts in the text; None where it lists no processor."""
    count = sum(1 for line in text.splitlines() if line.startswith("processor"))
    first = _first_processor(text)
    if not count or not first:
        return None
    listed = first.get("flags", first.get("Features"))
    return Cpu(
        processors=count,
        vendor=first.get("vendor_id") or None,
        model_name=first.get("model name") or first.get("Processor") or None,
        family=whole(first.get("cpu family", "")),
        model=whole(first.get("model", "")),
        stepping=whole(first.get("stepping", "")),
        flags=None if listed is None or "flags" not in first else frozenset(listed.split()),
        form="x86" if "flags" in first else "arm64" if "CPU implementer" in first or listed else None,
    )


def _first_processor(text: str) -> dict[str, str]:
    """The "key : value" lines up to the first blank one."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
        elif found:
            break
    return found
