"""Which drivers the next boot needs, and what each installed kernel has of them.

A driver of the root disk must be built in or in the initramfs; a network card's may wait for the root file system, for
udev loads it from /lib/modules. Which drivers: the platform says so (EC2 user guide: ENA and NVMe on Nitro), for a
reboot the devices that are here.
"""

from __future__ import annotations

from virt_collectors.block import BlockDevice
from virt_collectors.facts import Facts
from virt_collectors.kernels import BUILTIN, DRIVERS, MISSING, MODULE, InstalledKernel
from virt_collectors.mounts import Mount
from virt_collectors.record import replace

from .. import devices
from ..rules.form import Reading
from .form import FROM_PV, HVM, NITRO, TO_PV, Needs, NextBoot

INITRAMFS, LEFT_OUT, NOT_KNOWN = "initramfs", "left out", "not known"
# From good to bad, where one word must stand for several drivers.
_WORSE = (BUILTIN, INITRAMFS, MODULE, NOT_KNOWN, LEFT_OUT, MISSING)
_FILE_SYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs")  # each is its driver's name too
_MAPPED = ("dm-", "mapper/")
# Ends what is told of an initramfs that the menu loads and nobody read.
OF_THE_MENU = "which was not read for this kernel"
_PLATFORMS = {
    NITRO: (("nvme",), ("ena",)),
    HVM: (("xen-blkfront",), ("xen-netfront",)),
    TO_PV: (("xen-blkfront",), ("xen-netfront",)),
    FROM_PV: (("ata_piix", "sd_mod"), ()),
}


def find_needs(reading: Reading, target: str, moving: bool, shift: str | None) -> Needs:
    """Of the platform that comes, else of the devices that are here; and of what the root file system lies on."""
    facts = reading.facts
    platform = _PLATFORMS.get(target if moving else shift or "")
    disks, network = platform or (_disk_drivers(facts), _network_drivers(facts))
    above, unjudged = _above_the_disk(facts)
    others = [name for name in disks if name not in DRIVERS]
    if others:
        unjudged = f"the root disk's driver {', '.join(others)} is not among those that are judged"
    return Needs((*disks, *above) if disks else (), network, unjudged)


def root_disks(facts: Facts) -> list[BlockDevice]:
    """Those that carry "/"."""
    names = devices.root_disks(facts)
    return [disk for disk in facts.block_devices or () if disk.name in names]


def _disk_drivers(facts: Facts) -> tuple[str, ...]:
    """Of the disks that carry "/"; none where one of them cannot be told."""
    found: list[str] = []
    for disk in root_disks(facts):
        if disk.driver is None:
            return ()
        found.append(disk.driver)
        found += ["sd_mod"] if disk.name.startswith("sd") else []
        found += ["virtio_pci"] if disk.driver.startswith("virtio") and "/pci" in (disk.path or "") else []
    return tuple(dict.fromkeys(found))


def _network_drivers(facts: Facts) -> tuple[str, ...]:
    """Of the cards with the default route, else of all."""
    cards = [card for card in (facts.network.devices if facts.network else ()) if card.driver]
    first = [card for card in cards if card.default_route] or cards
    return tuple(dict.fromkeys(str(card.driver) for card in first))


def root_mount(facts: Facts) -> Mount | None:
    """The uppermost on "/"."""
    return next((mount for mount in reversed(facts.mounts or ()) if mount.point == "/"), None)


def _above_the_disk(facts: Facts) -> tuple[tuple[str, ...], str | None]:
    """The drivers of the root's file system and of what lies between it and the disk; what is not judged, in words."""
    device, kind = _root_device(facts)
    if kind is None:
        return (), "the type of the root file system is not known"
    between = ("dm_mod",) if device.startswith(_MAPPED) else ()
    if kind not in _FILE_SYSTEMS:
        return between, f"the root file system is {kind}, whose driver is not judged"
    return (*between, kind), _not_judged_between(facts, device)


def _not_judged_between(facts: Facts, device: str) -> str | None:
    """An array's level and a cipher are no facts; whether a mapping lies on the array that its disk has is none either."""
    arrays = any(holder.startswith("md") for disk in root_disks(facts) for holder in disk.holders)
    if device.startswith("md") or (arrays and device.startswith(_MAPPED)):
        return "the root lies on an md array, whose level is not judged"
    mount = root_mount(facts)
    name = (mount.source if mount else f"/dev/{device}").rpartition("/dev/mapper/")[2]
    if device.startswith(_MAPPED) and ("crypt" in name or name.startswith("luks-")):
        return "the root is encrypted, and what opens it is not judged"
    return None


def _root_device(facts: Facts) -> tuple[str, str | None]:
    """Device and type of "/": as mounted, else as fstab says of a disk that is mounted elsewhere."""
    mount = root_mount(facts)
    if mount:
        return mount.device or "", mount.type
    entries = (facts.configuration.fstab or ()) if facts.configuration else ()
    entry = next((entry for entry in entries if entry.point == "/"), None)
    if entry is None or entry.type == "auto":
        return "", None
    return entry.source.removeprefix("/dev/"), entry.type


def has(kernel: InstalledKernel, driver: str) -> str:
    """BUILTIN, INITRAMFS, LEFT_OUT of the initramfs, MISSING or NOT_KNOWN: whether it is there for the root disk."""
    if driver in (kernel.in_initramfs or ()):
        return INITRAMFS
    found = kernel.drivers.get(driver)
    if found is None:
        return NOT_KNOWN
    if found != MODULE:
        return found
    return NOT_KNOWN if kernel.initramfs and kernel.in_initramfs is None else LEFT_OUT


def has_anywhere(kernel: InstalledKernel, driver: str) -> str:
    """BUILTIN, MODULE, MISSING or NOT_KNOWN: whether it can be loaded once the root is mounted."""
    return kernel.drivers.get(driver, NOT_KNOWN)


def worst(words: list[str]) -> str:
    """One word for several drivers; NOT_KNOWN for none."""
    return max(words, key=_WORSE.index, default=NOT_KNOWN)


def with_its_initramfs(next_boot: NextBoot, kernel: InstalledKernel) -> InstalledKernel:
    """The kernel as the menu boots it: what lies in an initramfs that is not loaded does not count.

    An entry may name none although there is one, or another; entries of other kernels are taken to load theirs.
    """
    entry = next_boot.entry
    if entry is None or next_boot.kernel != kernel:
        return kernel
    if entry.initramfs is None:
        return replace(kernel, initramfs=None, in_initramfs=None, initramfs_problem=None)
    if _file_name(entry.initramfs) == _file_name(kernel.initramfs or ""):
        return kernel
    problem = f"the menu loads /{entry.initramfs}, {OF_THE_MENU}"
    return replace(kernel, initramfs=entry.initramfs, in_initramfs=None, initramfs_problem=problem)


def loads_another(kernel: InstalledKernel) -> bool:
    """Of a kernel as the menu boots it: its initramfs is not the one that was read."""
    return (kernel.initramfs_problem or "").endswith(OF_THE_MENU)


def _file_name(path: str) -> str:
    """The menu may write the path from /boot's own file system."""
    return path.rpartition("/")[2]
