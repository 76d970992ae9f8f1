"""The virtio bus, /sys/bus/virtio/devices (drivers/virtio/virtio.c), all world-readable.

`status` is the device status field of the virtio specification 2.1: 0xf is a healthy modern
device, 0x7 a healthy legacy one; 0x40 needs reset, 0x80 failed. `features` shows what driver and device
agreed on as "0110…", bit 0 first, 64 of them or, on newer kernels, 128.
"""

from __future__ import annotations

from .record import Record, replace
from .source import Source

ROOT = "sys/bus/virtio/devices"
NETWORK, BLOCK, SCSI = 1, 2, 8
_AT_REST = (4, 5)  # randomness and the balloon: what they do when they fail hurts nobody at once
DRIVER_OK, NEEDS_RESET, FAILED = 0x04, 0x40, 0x80
# <linux/virtio_config.h>, <linux/virtio_blk.h>, <linux/virtio_net.h>
_OF_ALL = {32: "VERSION_1", 33: "ACCESS_PLATFORM", 34: "RING_PACKED", 40: "RING_RESET"}
_OF_TYPE = {
    BLOCK: {5: "RO", 9: "FLUSH", 12: "MQ", 13: "DISCARD"},
    NETWORK: {5: "MAC", 16: "STATUS", 17: "CTRL_VQ", 22: "MQ", 62: "STANDBY"},
}


class VirtioDevice(Record):
    """One device; `type` is the virtio device id (1 network, 2 block, 8 SCSI host).

    `disks` and `interfaces` are those directly on it, `queues` the hardware queues that they use.
    """

    name: str
    type: int | None = None
    driver: str | None = None
    status: int | None = None
    features: tuple[str, ...] | None = None
    disks: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    queues: int | None = None

    @property
    def works(self) -> bool:
        """Driver and device are at work, and neither gave up."""
        return self.status is not None and self.status & (DRIVER_OK | NEEDS_RESET | FAILED) == DRIVER_OK


def read_virtio(source: Source) -> tuple[VirtioDevice, ...] | None:
    """All devices; None where the bus has none."""
    known = {device.name: device for device in (source.before.virtio or () if source.before else ())}
    return tuple(_read_device(source, name, known.get(name)) for name in source.names(ROOT)) or None


def _read_device(source: Source, name: str, known: VirtioDevice | None) -> VirtioDevice:
    """Of a device that was there before with the same driver, what moves: reading `status` is an exit to the host."""
    above = f"{ROOT}/{name}"
    driver = source.link_name(f"{above}/driver")
    if known and known.driver == driver and known.type in _AT_REST and known.works:
        return known
    kind = source.number(f"{above}/device", base=16)
    disks = tuple(source.names(f"{above}/block")) if kind == BLOCK else ()
    interfaces = tuple(source.names(f"{above}/net")) if kind == NETWORK else ()
    if known and (known.driver, known.type, known.disks, known.interfaces) == (driver, kind, disks, interfaces):
        return replace(known, status=source.number(f"{above}/status", base=16))
    queues = [entry for disk in disks for entry in source.names(f"{above}/block/{disk}/mq")]
    for interface in interfaces:
        queues += [entry for entry in source.names(f"{above}/net/{interface}/queues") if entry.startswith("rx-")]
    return VirtioDevice(
        name,
        kind,
        driver,
        source.number(f"{above}/status", base=16),
        _features(source, f"{above}/features", kind),
        disks,
        interfaces,
        len(queues) or None,
    )


def _features(source: Source, path: str, kind: int | None) -> tuple[str, ...] | None:
    text = source.text(path)
    if text is None:
        return None
    found = parse_features(text, kind)
    if found is None:
        source.malformed(path, f"{text[:20]!r} is not a row of 0 and 1")
    return found


def parse_features(text: str, kind: int | None) -> tuple[str, ...] | None:
    """The names of the bits that are set, as far as they are told apart here; None where the text is no row of bits."""
    if not text or set(text) - {"0", "1"}:
        return None
    names = {**_OF_ALL, **_OF_TYPE.get(kind or 0, {})}
    return tuple(names[bit] for bit in sorted(names) if text[bit : bit + 1] == "1")
