"""Disks and network cards as the rules see them: with their kind, their xenbus state and their use.

What a device is depends on the verdict: ata_piix is the real controller of an old laptop and an
emulated one in a guest. An HVM guest's CD drive is a vbd that blkfront declines
(drivers/block/xen-blkfront.c, blkfront_probe): it stays without driver and is healthy. It stands at the place of
an sr device; where the kernel has no driver for that one, it is what blkfront, bound to other disks, did not take
on the second channel of the IDE controller, where toolstacks put CD drives (hdc, hdd, xvdd). Where the kernel has
that driver and shows no CD drive at all, what stands there is a disk without driver.
"""

from __future__ import annotations

from virt_collectors.block import BlockDevice
from virt_collectors.drivers import BUILTIN, LOADED
from virt_collectors.facts import Facts
from virt_collectors.network import NetworkDevice
from virt_collectors.record import Record
from virt_collectors.xenbus import disk_number

# Controllers that hypervisors emulate: QEMU's IDE, AHCI and SCSI, VMware's LSI Logic.
EMULATED_DISKS = frozenset({"ata_piix", "ata_generic", "ahci", "sym53c8xx", "mptspi", "mptsas", "pata_acpi", "piix"})
EMULATED_NICS = frozenset({"8139cp", "8139too", "e1000", "e1000e", "rtl8139", "pcnet32", "ne2k-pci", "tulip"})
PARAVIRTUAL = frozenset(
    {"xen-blkfront", "xen-netfront", "xen-netback", "hv_storvsc", "hv_netvsc", "vmw_pvscsi", "vmxnet3"}
)
# Who puts his number into the subsystem of what he emulates, and of what a board carries: QEMU, Xen, VMware,
# VirtualBox, Parallels; Intel's and none stand on QEMU's e1000e and VirtualBox's controllers as on real ones.
_OF_EMULATORS = frozenset({0x1AF4, 0x5853, 0x15AD, 0x80EE, 0x1AB8, 0x8086, 0x0000})
_CD_PLACES = (2, 3)
# block/genhd names: not disks whose data or speed would be at stake
REMOVABLE = ("sr", "fd", "scd")


class Frontend(Record):
    """A xenbus frontend: `device` is the disk or interface above it, `kind` disk, nic, cdrom or other."""

    name: str
    kind: str
    state: str | None
    driver: str | None
    device: str | None


def frontends(facts: Facts, mode: str | None) -> tuple[Frontend, ...]:
    """All frontends on xenbus."""
    if facts.xenbus is None:
        return ()
    above = {disk.xenbus: disk.name for disk in facts.block_devices or () if disk.xenbus}
    above |= {nic.xenbus: nic.name for nic in (facts.network.devices if facts.network else ()) if nic.xenbus}
    drives = _cd_drives(facts) if mode in ("hvm", "pvhvm") else frozenset()
    bound = any(device.type == "vbd" and device.driver for device in facts.xenbus.frontends)
    declines = mode in ("hvm", "pvhvm") and bound and not _would_show_cd_drives(facts)
    found = []
    for device in facts.xenbus.frontends:
        kind = {"vbd": "disk", "vif": "nic"}.get(device.type, "other")
        if kind == "disk" and not device.driver:
            place = vbd_place(device.name)
            if place in drives or (declines and place in _CD_PLACES and place not in _emulated_places(facts)):
                kind = "cdrom"
        found.append(Frontend(device.name, kind, device.state, device.driver, above.get(device.name)))
    return tuple(found)


def vbd_place(name: str) -> int | None:
    """The place on the emulated IDE controller that a vbd stands for: 0 to 3 for hda to hdd or xvda to xvdd.

    Numbers by docs/man/xen-vbd-interface.7: hda 768, hdb 832, hdc 5632, hdd 5696; xvda 51712 and on by 16.
    """
    number = disk_number(name)
    if number is None:
        return None
    ide = {768: 0, 832: 1, 5632: 2, 5696: 3}
    if number in ide:
        return ide[number]
    return (number - 51712) // 16 if 51712 <= number < 51712 + 64 else None


def ide_place(device: BlockDevice) -> int | None:
    """The same place by sysfs: ".../ata2/host1/target1:0:1/..." is channel 2, second drive: 3."""
    parts = (device.path or "").split("/")
    channel = next((part[3:] for part in parts if part.startswith("ata") and part[3:].isdecimal()), None)
    target = next((part.split(":") for part in parts if part.startswith("target")), [])
    if channel is None or len(target) < 3 or not target[2].isdecimal():
        return None
    return (int(channel[:9]) - 1) * 2 + int(target[2][:9])


def _emulated_places(facts: Facts) -> frozenset[int | None]:
    disks = [device for device in facts.block_devices or () if device.driver in EMULATED_DISKS]
    return frozenset(ide_place(device) for device in disks if is_disk(device))


def _cd_drives(facts: Facts) -> frozenset[int]:
    drives = [device for device in facts.block_devices or () if device.name.startswith("sr")]
    return frozenset(place for place in map(ide_place, drives) if place is not None)


def _would_show_cd_drives(facts: Facts) -> bool:
    """A kernel with the drivers of CD drives that shows none has none."""
    drivers = [facts.drivers.of(name) for name in ("ata_piix", "sr_mod")] if facts.drivers else []
    shown = any(device.name.startswith("sr") for device in facts.block_devices or ())
    return bool(drivers) and not shown and all(presence in (BUILTIN, LOADED) for presence in drivers)


def is_disk(device: BlockDevice) -> bool:
    """Not a CD-ROM and not a floppy drive."""
    return not device.name.startswith(REMOVABLE)


def block_kind(device: BlockDevice, virtual: bool) -> str:
    """pv, nvme, virtio, emulated or native; a CD-ROM or floppy drive is never `emulated`."""
    may_be_emulated = virtual and is_disk(device) and not _passed_through(device)
    return _kind(device.driver, may_be_emulated, EMULATED_DISKS, device.name.startswith("nvme"))


def network_kind(device: NetworkDevice, virtual: bool) -> str:
    """pv, virtio, emulated or native (ENA and ixgbevf are native: a function passed through)."""
    return _kind(device.driver, virtual and not _passed_through(device), EMULATED_NICS, False)


def _passed_through(device: BlockDevice | NetworkDevice) -> bool:
    """A real controller that the host lent out: its subsystem is that of a maker of boards."""
    return device.subsystem_vendor is not None and device.subsystem_vendor not in _OF_EMULATORS


def _kind(driver: str | None, virtual: bool, emulated: frozenset[str], nvme: bool) -> str:
    if driver in PARAVIRTUAL:
        return "pv"
    if nvme:
        return "nvme"
    if (driver or "").startswith("virtio"):
        return "virtio"
    return "emulated" if virtual and driver in emulated else "native"


def mounts_by_disk(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Mount points by the disk they lie on, the root first, each once."""
    found: dict[str, set[str]] = {}
    for mount in facts.mounts or ():
        for disk in mount.disks:
            found.setdefault(disk, set()).add(mount.point)
    return {disk: tuple(sorted(points, key=lambda point: (point != "/", point))) for disk, points in found.items()}


def root_disks(facts: Facts) -> frozenset[str]:
    """The disks that carry "/"."""
    return frozenset(disk for mount in facts.mounts or () if mount.point == "/" for disk in mount.disks)
