"""The virtio bus, /sys/bus/virtio/devices (drivers/virtio/virtio.c), all world-readable.

`status` is the device status field of the virtio specification 2.1: 0xf is a healthy modern
device, 0x7 a healthy legacy one; 0x40 needs reset, 0x80 failed.
"""

from __future__ import annotations

from .record import Record
from .source import Source

ROOT = "sys/bus/virtio/devices"


class VirtioDevice(Record):
    """One device; `type` is the virtio device id (1 network, 2 block, 8 SCSI host)."""

    name: str
    type: int | None = None
    driver: str | None = None
    status: int | None = None


def read_virtio(source: Source) -> tuple[VirtioDevice, ...] | None:
    """All devices; None where the bus has none."""
    found = [
        VirtioDevice(
            name,
            source.number(f"{ROOT}/{name}/device", base=16),
            source.link_name(f"{ROOT}/{name}/driver"),
            source.number(f"{ROOT}/{name}/status", base=16),
        )
        for name in source.names(ROOT)
    ]
    return tuple(found) or None
