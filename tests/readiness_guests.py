"""Guests for the tests of readiness: machines of the corpus with the facts that only --readiness reads, made directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests import corpus
from tests.machines import present
from virt_agent import readiness
from virt_agent.observe import reading_of
from virt_agent.readiness.form import Readiness, Result
from virt_agent.rules.form import Reading
from virt_collectors.block import BlockDevice
from virt_collectors.boot import Boot
from virt_collectors.boot_loader import BootEntry, BootLoader, Menu
from virt_collectors.configuration import Configuration, FstabEntry
from virt_collectors.device_names import DeviceNames, Netplan
from virt_collectors.facts import Facts
from virt_collectors.host import Space
from virt_collectors.imds import Imds
from virt_collectors.kernels import BUILTIN, DRIVERS, MODULE, InstalledKernel
from virt_collectors.mounts import Mount
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.record import replace
from virt_collectors.system import System

Change = Callable[[Facts], Facts]
GIB, MIB = 1 << 30, 1 << 20
RELEASE, OLDER = "6.8.0-1069-aws", "6.8.0-1024-aws"
MAC = "02:77:00:37:20:93"
ROOT_UUID, DATA_UUID = "1b2c", "9f8e"
XEN, NITRO, PV, KVM = "xen", "nitro", "pv", "kvm"
CASES = {
    XEN: "D07-ec2-t2micro-xen-on-nitro",
    NITRO: "D20-ec2-c5large",
    PV: "D01-ec2-m1small-pv",
    KVM: "qemu-q35-virtio",
}
_DISKS = {
    XEN: ("xvda", "xvda1", "xen-blkfront", "xen", "xen-netfront", "eth0"),
    NITRO: ("nvme0n1", "nvme0n1p1", "nvme", "pci", "ena", "ens5"),
    PV: ("xvda", "xvda1", "xen-blkfront", "xen", "xen-netfront", "eth0"),
    KVM: ("vda", "vda1", "virtio_blk", "virtio", "virtio_net", "ens3"),
}
_MODULES = ("ena", "ixgbevf", "e1000", "e1000e", "8139cp", "xfs", "btrfs", "raid1")


def kernel(release: str = RELEASE, modules: tuple[str, ...] = (), **changes: Any) -> InstalledKernel:
    """A whole kernel as Ubuntu's -aws ones are: network cards as modules, disks built in but those named."""
    drivers = {name: MODULE if name in (*_MODULES, *modules) else BUILTIN for name in DRIVERS}
    whole = InstalledKernel(
        release, f"boot/vmlinuz-{release}", True, f"boot/initrd.img-{release}", (*modules, "xfs", "btrfs", "raid1"), None, drivers
    )  # fmt: skip
    return replace(whole, **changes)


def without_driver(given: InstalledKernel, driver: str, presence: str) -> InstalledKernel:
    """The kernel with another presence of one driver, and without it in the initramfs."""
    inside = tuple(name for name in given.in_initramfs or () if name != driver)
    return replace(given, drivers={**given.drivers, driver: presence}, in_initramfs=inside)


def entry(release: str = RELEASE, line: str = f"root=UUID={ROOT_UUID} ro console=tty1 console=ttyS0") -> BootEntry:
    return BootEntry(
        f"Ubuntu, with Linux {release}", f"boot/vmlinuz-{release}", f"boot/initrd.img-{release}", tuple(line.split())
    )


def grub(*entries: BootEntry, default: int | None = 0, why: str | None = None) -> Menu:
    listed = entries or (entry(), entry(OLDER))
    return Menu("boot/grub/grub.cfg", listed, None if default is None else listed[default], why)


def menu_lst(*entries: BootEntry) -> Menu:
    listed = entries or (entry(line=f"root=UUID={ROOT_UUID} console=hvc0"),)
    return Menu("boot/grub/menu.lst", listed, listed[0])


def mac_plan(mac: str = MAC) -> Netplan:
    return Netplan("etc/netplan/50-cloud-init.yaml", "eth0", mac, "eth0")


def names(root: str, **changes: Any) -> DeviceNames:
    links = {f"by-uuid/{ROOT_UUID}": root, f"by-uuid/{DATA_UUID}": "xvdf", "by-label/cloudimg rootfs": root, "by-partuuid/aa-01": root}  # fmt: skip
    return replace(DeviceNames(netplan=(mac_plan(),), disk_links=links), **changes)


def fstab_entry(source: str, point: str, options: str = "defaults", kind: str = "ext4") -> FstabEntry:
    return FstabEntry(source, point, kind, tuple(options.split(",")))


def facts(kind: str) -> Facts:
    """A guest that is ready for its next reboot, whatever the platform."""
    disk, part, driver, bus, card, name = _DISKS[kind]
    found = corpus.facts(corpus.host(CASES[kind]))
    model, path = None, None
    if kind == NITRO:
        model = "Amazon Elastic Block Store"
    if kind == KVM:
        path = "sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda"
    return replace(
        found,
        system=System("guest", RELEASE, "x86_64", True),
        block_devices=(
            BlockDevice(disk, driver, bus, path=path, size_bytes=8 * GIB, model=model, partitioned_bytes=8 * GIB),
        ),
        mounts=(Mount("/", f"/dev/{part}", "ext4", False, part, (disk,)),),
        network=Network((NetworkDevice(name, card, bus, address=MAC, default_route=True),), name),
        boot=Boot(entry().parameters),
        configuration=Configuration(fstab=(fstab_entry(f"UUID={ROOT_UUID}", "/"),)),
        kernels=(kernel(), kernel(OLDER)),
        boot_loader=BootLoader(grub(), menu_lst() if kind == PV else None, "most"),
        device_names=names(part),
        space={"/": Space(8 * GIB, 5 * GIB), "/boot": Space(8 * GIB, 5 * GIB)},
        unreadable={},
    )


def guest(kind: str, *changes: Change) -> Reading:
    """The healthy guest with changes."""
    found = facts(kind)
    for change in changes:
        found = change(found)
    return reading_of(found)


def fact(**values: Any) -> Change:
    """Other facts in place of these."""
    return lambda found: replace(found, **values)


def part_of(field: str, **values: Any) -> Change:
    """Other fields of one fact."""
    return lambda found: replace(found, **{field: replace(present(getattr(found, field)), **values)})


def boots(release: str = RELEASE, line: str | None = None) -> Change:
    """GRUB's default, by its release and its command line."""
    chosen = entry(release) if line is None else entry(release, line)
    others = tuple(entry(each) for each in (RELEASE, OLDER) if each != release)
    return lambda found: replace(found, boot_loader=replace(present(found.boot_loader), grub=grub(chosen, *others)))


def mounting(*entries: FstabEntry) -> Change:
    return part_of("configuration", fstab=entries)


def imds(**values: Any) -> Change:
    """What the metadata service says."""
    return lambda found: replace(found, imds=replace(found.imds or Imds("ok"), **values))


def told(found: Readiness, code: str) -> list[Result]:
    """What one check said."""
    return [result for result in found.results if result.code == code]


def ask(kind: str, target: str, *changes: Change, without: tuple[str, ...] = ()) -> Readiness:
    return readiness.answer(guest(kind, *changes), target, without)
