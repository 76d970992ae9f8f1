"""The flattened device tree, /proc/device-tree: Arm and POWER. EC2's arm64 instances use ACPI and have none.

Properties are lists of NUL-ended strings (Devicetree Specification, 2.2.4). Xen on Arm says
"xen,xen-4.17" in hypervisor/compatible (docs/misc/arm/device-tree/guest.txt).
"""

from __future__ import annotations

from .record import Record
from .source import Source

ROOT = "proc/device-tree"


class DeviceTree(Record):
    """The compatible lists of the machine and of its hypervisor node."""

    compatible: tuple[str, ...] = ()
    hypervisor: tuple[str, ...] = ()
    model: str | None = None


def read_device_tree(source: Source) -> DeviceTree | None:
    """None where the machine has no device tree."""
    if not source.exists(ROOT):
        return None
    return DeviceTree(
        compatible=parse_strings(source.raw(f"{ROOT}/compatible") or b""),
        hypervisor=parse_strings(source.raw(f"{ROOT}/hypervisor/compatible") or b""),
        model=source.text(f"{ROOT}/model") or None,
    )


def parse_strings(value: bytes) -> tuple[str, ...]:
    """The strings of a property."""
    return tuple(part.decode("utf-8", "replace").strip() for part in value.split(b"\0") if part.strip())
