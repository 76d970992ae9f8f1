"""What of the kernel log counts now: lines not too old, not healed since, of devices that are still there.

A line's stamp is on the kernel's clock, which stands still while the guest is suspended; uptime does not. Where
the uptime is not known, or a line has no stamp, it counts as recent.
"""

from __future__ import annotations

import time

from virt_collectors.block import BlockDevice, is_nvme_path
from virt_collectors.kernel_events import OTHERS, LogEvent
from virt_collectors.kernel_log import KernelLog
from virt_collectors.kernel_patterns import of

from ..form import Case, Reading, Setting

HOURS = Setting(
    "kernel_log", "hours", 24, "h", "for how long a line of the kernel log counts, unless it is healed before", 0.1
)
_DISKS = ("xvd", "sd", "vd", "hd", "nvme")
_BUILT = ("dm-", "md", "bcache")  # on disks, which name them among their holders


def log_of(reading: Reading) -> KernelLog | None:
    """The ring, else what a log daemon kept of it."""
    return reading.facts.kernel_log or reading.facts.kernel_journal


def events(reading: Reading, code: str) -> list[LogEvent]:
    """All of a kind, however old."""
    log = log_of(reading)
    return [event for event in log.events if event.code == code] if log else []


def counting(case: Case, code: str) -> list[LogEvent]:
    """Those of a kind that were neither too long ago nor healed since."""
    return [event for event in events(case.now, code) if recent(case, event) and not healed(case.now, event)]


def recent(case: Case, event: LogEvent) -> bool:
    """True within the hours that lines count."""
    passed = age_seconds(case.now, event.last_seconds)
    return passed is None or passed <= case.value(HOURS) * 3600


def within(case: Case, event: LogEvent) -> int:
    """How many of its lines were within those hours; only the last sixteen are known one by one."""
    if age_seconds(case.now, event.last_seconds) is None:
        return event.count
    ages = [age_seconds(case.now, seconds) or 0.0 for seconds in event.recent_seconds]
    return sum(passed <= case.value(HOURS) * 3600 for passed in ages)


def age_seconds(reading: Reading, stamp: float | None) -> float | None:
    """For how long the machine has run since the kernel's clock showed this; None where that cannot be told."""
    clock = reading.facts.clock
    if stamp is None or clock is None or clock.uptime_seconds is None:
        return None
    return max(clock.uptime_seconds - (clock.suspended_seconds or 0.0) - stamp, 0.0)


def since(reading: Reading, stamp: float | None) -> str | None:
    """When that was: "last 02:43:10 UTC", "last 3 h ago" where the wall clock is unknown."""
    passed = age_seconds(reading, stamp)
    if passed is None:
        return None
    now = reading.facts.clock.time if reading.facts.clock else None
    if now is None:
        return f"last {_ago(passed)} ago"
    form = "last %H:%M:%S UTC" if passed < 20 * 3600 else "last %Y-%m-%d %H:%M:%S UTC"
    return time.strftime(form, time.gmtime(now - passed))


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def healed(reading: Reading, event: LogEvent) -> bool:
    """True where a later line tells that the same device recovered.

    A file system that was mounted with its errors needs one mount more.
    """
    if event.last_seconds is None:
        return False
    needed = 2 if "mounting fs with errors" in event.message else 1
    for code in of(event.code).healed_by:
        for cure in events(reading, code):
            later = sum(seconds >= event.last_seconds for seconds in cure.recent_seconds)
            if later >= needed and _same_device(event, cure):
                return True
    return False


def _same_device(event: LogEvent, cure: LogEvent) -> bool:
    """ENA tells some things of the interface and some of the PCI function only."""
    if event.subject == cure.subject:
        return True
    if not cure.message.startswith("ena"):
        return False
    mine, its = pci_address(event.message), pci_address(cure.message)
    return (mine == its or not mine) and (event.message.startswith(("ena", "[ENA_COM")) or "(ena)" in event.message)


def pci_address(message: str) -> str:
    """The PCI function in "ena 0000:00:05.0 ens5: …"; "" where none is named."""
    word = (message.split(" ", 2)[1:2] or [""])[0].removesuffix(":")
    return word if word.count(":") == 2 and "." in word else ""


# devices


def interface(reading: Reading, event: LogEvent) -> str:
    """The network interface that a line is about, by its name of now; else what the line says."""
    address = pci_address(event.message)
    by_address = {report.bus_info: report.interface for report in reading.facts.ethtool or () if report.bus_info}
    if address in by_address:
        return by_address[address]
    nics = reading.facts.network.devices if reading.facts.network else ()
    return next((nic.name for nic in nics if nic.xenbus and nic.xenbus == event.subject), event.subject)


def nic_gone(reading: Reading, name: str) -> bool:
    """True where the line names an interface that is no more, or has another name by now."""
    network = reading.facts.network
    named = ":" not in name and name not in ("ena", "xen-netfront", OTHERS) and not name.startswith(("vif-", "virtio"))
    return named and network is not None and name not in {nic.name for nic in network.devices}


def disk_of(reading: Reading, name: str) -> BlockDevice | None:
    """The disk that a name is or lies on: "xvda1", "nvme1n1p1", "dm-0"; for "nvme0c0n1", a path to it, nvme0n1."""
    if is_nvme_path(name):
        controller, _, path = name.partition("c")
        name = f"{controller}n{path.partition('n')[2]}"
    disks = reading.facts.block_devices or ()
    return next((disk for disk in disks if any(_is_on(name, each) for each in (disk.name, *disk.holders))), None)


def _is_on(name: str, device: str) -> bool:
    """The device or its partition: xvda1, but nvme0n1p1 where the device's name ends in a digit (block/genhd.c)."""
    rest = name.removeprefix(device)
    if rest == name or not rest:
        return name == device
    if device[-1:].isdigit():
        return rest[0] == "p" and rest[1:].isdecimal()
    return rest.isdecimal()


def mount_points(reading: Reading, name: str) -> tuple[str, ...]:
    """Where a block device of any kind, or something on it, is mounted: "rbd0", "zd16", "dm-3"."""
    mounts = [m for m in reading.facts.mounts or () if name in (m.device, m.source.rpartition("/")[2], *m.disks)]
    return tuple(dict.fromkeys(mount.point for mount in mounts))


def disk_gone(reading: Reading, name: str) -> bool:
    """True where a disk of that name, or a mapping or array on any disk, is no longer there."""
    if reading.facts.block_devices is None or disk_of(reading, name) is not None:
        return False
    if name.startswith(_BUILT):
        return not mount_points(reading, name)  # it may lie on what is no disk of ours: rbd0, loop1
    return name.startswith(_DISKS)


def dead_frontend(reading: Reading, device: str) -> bool:
    """True where the host closed the frontend below a disk or interface, which X02 tells."""
    return any(
        frontend.device == device and frontend.driver and frontend.state in ("Closing", "Closed", "Unknown")
        for frontend in reading.frontends
    )
