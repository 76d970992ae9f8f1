"""PCI functions and the driver bound to each: /sys/bus/pci/devices, else /proc/bus/pci/devices.

A function without driver counts: an ENA adapter (1d0f:ec20) that no driver took is why a guest
is slow. 5853:0001 is Xen's platform device, in every HVM guest unless xen_platform_pci=0.
"""

from __future__ import annotations

from .record import Record
from .source import Source, whole

SYSFS, PROCFS = "sys/bus/pci/devices", "proc/bus/pci/devices"
XEN_PLATFORM = (0x5853, 0x0001)


class PciDevice(Record):
    """One PCI function; `class_code` is None where only procfs was readable."""

    address: str
    vendor: int
    device: int
    class_code: int | None = None
    driver: str | None = None


def read_pci(source: Source) -> tuple[PciDevice, ...] | None:
    """All functions; None on a machine without PCI."""
    names = source.names(SYSFS)
    if names:
        known = {device.address: device for device in (source.before.pci or () if source.before else ())}
        found = [_read_device(source, name, known.get(name)) for name in names]
        return tuple(device for device in found if device)
    return tuple(parse_proc(source.lines(PROCFS) or [])) or None


def _read_device(source: Source, name: str, known: PciDevice | None) -> PciDevice | None:
    """A function that was there before with the same driver is the same."""
    above = f"{SYSFS}/{name}"
    driver = source.link_name(f"{above}/driver")
    if known and known.driver == driver:
        return known
    vendor, device = (source.number(f"{above}/{file}", base=16) for file in ("vendor", "device"))
    if vendor is None or device is None:
        return None
    kind = source.number(f"{above}/class", base=16)
    return PciDevice(name, vendor, device, kind, driver)


def parse_proc(lines: list[str]) -> list[PciDevice]:
    """drivers/pci/proc.c: bus and devfn, vendor and device, IRQ, 7 bases, 7 sizes, driver; tab-separated hex."""
    found = []
    for line in lines:
        fields = line.split("\t")
        place, identity = whole(fields[0].strip(), 16), whole(fields[1].strip(), 16) if len(fields) > 1 else None
        if place is None or identity is None or not (0 <= place <= 0xFFFF and 0 <= identity <= 0xFFFFFFFF):
            continue
        address = f"0000:{place >> 8:02x}:{place >> 3 & 31:02x}.{place & 7}"
        driver = fields[17].strip() if len(fields) > 17 else ""
        found.append(PciDevice(address, identity >> 16, identity & 0xFFFF, None, driver or None))
    return found
