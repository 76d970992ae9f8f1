"""What would be lost with a device, in words; None where nothing is known to use it."""

from __future__ import annotations

from .form import Reading


def of_disk(reading: Reading, name: str) -> str | None:
    """A mount, swap, a mapping or array built on it, or requests in flight."""
    points = reading.mounts.get(name, ())
    if points:
        return "mounted on " + ", ".join(points[:3])
    disk = next((disk for disk in reading.facts.block_devices or () if disk.name == name), None)
    if disk is not None and disk.holders:
        return "held by " + ", ".join(disk.holders[:3])
    return "not mounted, but in use" if disk is not None and disk.in_flight else None


def of_nic(reading: Reading, name: str) -> str | None:
    """The default route, or that it is up."""
    nics = reading.facts.network.devices if reading.facts.network else ()
    nic = next((nic for nic in nics if nic.name == name), None)
    if nic is None or not (nic.default_route or nic.operstate == "up"):
        return None
    return "carries the default route" if nic.default_route else "its interface is up"
