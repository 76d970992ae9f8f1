"""Where a rule on the kernel log has a meaning, and how much a line on a device is worth."""

from __future__ import annotations

from virt_collectors.kernel_events import OTHERS, LogEvent
from virt_collectors.network import NetworkDevice

from ... import devices
from .. import usage
from ..form import CRITICAL, WARNING, Case, Reading
from .history import dead_frontend, disk_gone, disk_of, interface, mount_points, nic_gone
from .line import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def inside(reading: Reading) -> bool:
    """In a guest, or in the domain that manages Xen."""
    return reading.verdict.role in ("guest", "dom0")


def on_xen(reading: Reading) -> bool:
    """Inside, with Xen below."""
    return inside(reading) and reading.verdict.hypervisor == "xen"


def hvm(reading: Reading) -> bool:
    """A Xen guest with emulated devices beside the PV ones; a PVH guest has none."""
    return reading.xen_guest and reading.verdict.guest_mode in ("hvm", "pvhvm")


def with_disk(driver: str) -> Callable[[Reading], bool]:
    """A disk is served by that driver."""
    return lambda reading: inside(reading) and any(d.driver == driver for d in reading.facts.block_devices or ())


def with_nic(driver: str) -> Callable[[Reading], bool]:
    """A network card is served by that driver."""
    return lambda reading: inside(reading) and any(nic.driver == driver for nic in _nics(reading))


def with_frontend(*kinds: str) -> Callable[[Reading], bool]:
    """A device of the kinds is on xenbus."""
    return lambda reading: reading.xen_guest and any(f.kind in kinds for f in reading.frontends)


def with_disks(reading: Reading) -> bool:
    """Any disk."""
    return inside(reading) and any(devices.is_disk(disk) for disk in reading.facts.block_devices or ())


def with_nics(reading: Reading) -> bool:
    """Any network card."""
    return inside(reading) and bool(_nics(reading))


def _nics(reading: Reading) -> tuple[NetworkDevice, ...]:
    return reading.facts.network.devices if reading.facts.network else ()


def on_disk(case: Case, event: LogEvent) -> Verdict | None:
    """Critical where the disk is in use; nothing where it is gone.

    Of what is no disk (zd16, rbd0, drbd1, nbd0) nothing tells that it is still there but a mount.
    """
    reading = case.now
    if disk_gone(reading, event.subject):
        return None
    if event.subject.startswith("loop"):
        return Verdict(WARNING, use="a file of this guest, no disk of the host")
    disk = disk_of(reading, event.subject)
    points = mount_points(reading, event.subject)
    mounted = "mounted on " + ", ".join(points[:3]) if points else None
    use = usage.of_disk(reading, disk.name) if disk else mounted
    unknown = event.subject == OTHERS or None in (reading.facts.mounts, reading.facts.block_devices)
    cause = "X02" if disk and dead_frontend(reading, disk.name) else None
    known = use or (None if unknown else "nothing is known to use it")
    return Verdict(CRITICAL if use or unknown else WARNING, cause=cause, use=known)


def on_dead_nic(case: Case, event: LogEvent) -> Verdict | None:
    """For a card that has stopped: critical where it is in use; nothing where it is gone."""
    name = interface(case.now, event)
    if nic_gone(case.now, name):
        return None
    use = usage.of_nic(case.now, name)
    return Verdict(CRITICAL if use else WARNING, name, use=use)


def on_nic(case: Case, event: LogEvent) -> Verdict | None:
    """The rule's own severity; nothing where the card is gone."""
    name = interface(case.now, event)
    return None if nic_gone(case.now, name) else Verdict(subject=name, use=usage.of_nic(case.now, name))
