"""Each readiness check finds the illness that it is for, on a guest that is otherwise ready, and is silent without it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests import documents
from tests.readiness_guests import (
    DATA_UUID,
    KVM,
    NITRO,
    OLDER,
    PV,
    RELEASE,
    ROOT_UUID,
    XEN,
    Change,
    ask,
    boots,
    entry,
    fact,
    fstab_entry,
    grub,
    imds,
    kernel,
    mac_plan,
    menu_lst,
    mounting,
    names,
    part_of,
    told,
    without_driver,
)
from virt_agent.readiness.checks import CHECKS
from virt_agent.readiness.form import BLOCKER, INFO, OK, TARGETS, UNKNOWN, WARNING, Check
from virt_collectors.block import BlockDevice
from virt_collectors.boot import Boot
from virt_collectors.boot_loader import BootEntry, BootLoader
from virt_collectors.device_names import NameUse, Netplan
from virt_collectors.facts import Facts
from virt_collectors.host import Space
from virt_collectors.kernels import MISSING, MODULE
from virt_collectors.mounts import Mount
from virt_collectors.network import Network
from virt_collectors.nvme import INSTANCE_STORE_MODEL
from virt_collectors.record import replace
from virt_collectors.system import System

GIB, MIB = 1 << 30, 1 << 20


class Ill(NamedTuple):
    """What a check must say of a healthy guest with a change; `well` is a change after which it says nothing bad."""

    code: str
    kind: str
    target: str
    sick: Change
    state: str
    says: str
    answer: str
    well: Change = lambda facts: facts


def installed(*kernels: object) -> Change:
    return fact(kernels=kernels)


def line(text: str) -> Change:
    return boots(line=text)


def grown_names(root: str = "xvda1", **changes: Any) -> Change:
    return fact(device_names=names(root, **changes))


def unlinked(**values: Any) -> Change:
    """No link below /dev/disk was seen."""
    return grown_names(disk_links={}, **values)


def mounted(point: str) -> Change:
    """Something lies there already, by whatever name it was found."""
    return lambda facts: replace(
        facts, mounts=(*(facts.mounts or ()), Mount(point, "/dev/dm-7", "ext4", False, "dm-7", ("xvda",)))
    )


CONSOLE = "console=ttyS0"
BY_ID = f"root=UUID={ROOT_UUID} {CONSOLE}"
SHORT = replace(kernel(), complete=False)
UNREAD = replace(kernel(), complete=None)
DAMAGED = replace(kernel(), in_initramfs=None, initramfs_problem="ends in the middle of lib; not written completely")
SECRET = replace(kernel(), in_initramfs=None, initramfs_problem="needs root")
BARE = replace(kernel(), initramfs=None, in_initramfs=None)
GENERIC = kernel(modules=("nvme", "virtio_blk"))
STORE = BlockDevice("nvme1n1", "nvme", "pci", model=INSTANCE_STORE_MODEL)


def both(*changes: Change) -> Change:
    def change(facts: Facts) -> Facts:
        for each in changes:
            facts = each(facts)
        return facts

    return change


def bare_entry(text: str = BY_ID, loads: str | None = None) -> Change:
    """An entry that loads no initramfs."""
    chosen = BootEntry("bare", f"boot/vmlinuz-{RELEASE}", loads, tuple(text.split()))
    return fact(boot_loader=BootLoader(grub(chosen), None, "most"))


def trying_without(text: str) -> Change:
    """An entry of Ubuntu's cloud images: without an initramfs first, and after a failure with it."""
    chosen = BootEntry("cloud", f"boot/vmlinuz-{RELEASE}", f"boot/initrd.img-{RELEASE}", tuple(text.split()), True)
    return fact(boot_loader=BootLoader(grub(chosen), None, "most"))


def on_mapping(name: str, kind: str = "ext4") -> Change:
    """The root lies on a mapping of that name."""
    return fact(mounts=(Mount("/", f"/dev/mapper/{name}", kind, False, "dm-0", ("xvda",)),))


ILL = (
    # the platform
    Ill("R-01", PV, "hvm", lambda f: f, BLOCKER, "cannot be changed to HVM", "not ready"),
    Ill("R-01", PV, "nitro", lambda f: f, BLOCKER, "PV guest", "not ready"),
    Ill("R-02", XEN, "nitro", fact(system=System("g", RELEASE, "i686")), BLOCKER, "i686", "not ready"),
    Ill("R-02", PV, "hvm", fact(system=System("g", RELEASE, "i686")), INFO, "i686", "not ready"),
    Ill("R-02", XEN, "nitro", fact(system=System("g", RELEASE, None)), UNKNOWN, "not known", "ready"),
    Ill("R-03", XEN, "nitro", imds(manifest_path="bucket/image.manifest.xml"), BLOCKER, "instance store", "not ready", imds(manifest_path="(unknown)")),
    Ill("R-03", XEN, "nitro", fact(imds=None), INFO, "not known without metadata", "ready", imds(manifest_path="(unknown)")),
    # drivers
    Ill("R-04", XEN, "nitro", installed(without_driver(kernel(), "ena", MISSING)), BLOCKER, "no ena", "not ready"),
    Ill("R-04", XEN, "nitro", installed(kernel(), without_driver(kernel(OLDER), "ena", MISSING)), WARNING, f"no ena for the network in {OLDER}", "ready"),
    Ill("R-04", XEN, "nitro", installed(kernel(drivers={})), UNKNOWN, "whether", "unknown"),
    Ill("R-04", NITRO, "reboot", installed(without_driver(kernel(), "ena", MISSING)), BLOCKER, "no ena", "not ready"),
    Ill("R-04", PV, "hvm", installed(without_driver(kernel(), "xen-netfront", MISSING)), BLOCKER, "xen-netfront", "not ready"),
    Ill("R-04", KVM, "reboot", fact(network=None), UNKNOWN, "not known", "unknown", fact(network=Network())),
    Ill("R-05", XEN, "nitro", installed(without_driver(GENERIC, "nvme", MODULE)), BLOCKER, "no nvme in the initramfs", "would not boot", installed(GENERIC)),
    Ill("R-05", XEN, "nitro", installed(without_driver(GENERIC, "nvme", MISSING)), BLOCKER, "no nvme for the root disk", "would not boot"),
    Ill("R-05", XEN, "nitro", installed(kernel(), without_driver(kernel(OLDER, ("nvme",)), "nvme", MODULE)), WARNING, OLDER, "ready"),
    Ill("R-05", XEN, "nitro", installed(kernel(drivers={})), UNKNOWN, "at boot is not known", "unknown"),
    Ill("R-05", XEN, "nitro", both(installed(GENERIC), fact(boot_loader=BootLoader(grub(), None, "dep"))), WARNING, "MODULES=dep", "ready"),
    Ill("R-05", KVM, "reboot", installed(without_driver(GENERIC, "virtio_blk", MODULE)), BLOCKER, "virtio_blk", "would not boot", installed(GENERIC)),
    Ill("R-05", KVM, "reboot", installed(without_driver(kernel(), "virtio_pci", MISSING)), BLOCKER, "virtio_pci", "would not boot"),
    Ill("R-05", KVM, "reboot", installed(without_driver(kernel(), "ext4", MODULE)), BLOCKER, "ext4", "would not boot"),
    Ill("R-05", KVM, "reboot", fact(block_devices=()), UNKNOWN, "which driver the root disk needs", "unknown"),
    Ill("R-05", KVM, "reboot", fact(mounts=(Mount("/", "tank", "zfs", False, "vda1", ("vda",)),)), UNKNOWN, "zfs", "unknown"),
    Ill("R-05", KVM, "reboot", fact(block_devices=(BlockDevice("vda", "hv_storvsc", "vmbus"),)), UNKNOWN, "hv_storvsc", "unknown"),
    Ill("R-05", XEN, "reboot", on_mapping("xvda3_crypt"), UNKNOWN, "encrypted", "unknown", on_mapping("vg-root")),
    Ill("R-05", XEN, "reboot", on_mapping("luks-1b2c"), UNKNOWN, "encrypted", "unknown"),
    Ill("R-05", KVM, "reboot", fact(mounts=(Mount("/", "/dev/md0", "ext4", False, "md0", ("vda",)),)), UNKNOWN, "md array, whose level", "unknown"),
    Ill("R-05", PV, "hvm", installed(without_driver(kernel(), "xen-blkfront", MISSING)), BLOCKER, "xen-blkfront", "would not boot"),
    # fstab
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/xvda1", "/")), BLOCKER, "no disk for / at the next boot: /dev/xvda1", "would not boot"),
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/sdf", "/data")), BLOCKER, "no disk for /data at the next boot: /dev/sdf", "would not boot"),
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/xvdf", "/data", "defaults,nofail")), WARNING, "/dev/xvdf", "ready"),
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/xvdb", "none", "sw", "swap")), WARNING, "/dev/xvdb", "ready"),
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/nvme1n1", "/data")), WARNING, "maybe another disk", "ready"),
    Ill("R-06", XEN, "nitro", both(mounting(fstab_entry("/dev/xvdf", "/data")), fact(os="Amazon Linux 2")), WARNING, "/dev/xvdf", "ready"),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry("UUID=gone", "/data")), BLOCKER, "UUID=gone", "would not boot"),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry("LABEL=gone", "/data", "nofail")), WARNING, "LABEL=gone", "ready"),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry("/dev/xvdz", "/data")), BLOCKER, "/dev/xvdz", "would not boot", mounting(fstab_entry("/dev/xvdz", "/d", "noauto"), fstab_entry("/dev/xvda1", "/"))),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry("/dev/mapper/vg-data", "/data")), UNKNOWN, "not known", "unknown", mounting(fstab_entry("/dev/mapper/vg-data", "/data", "nofail"))),
    Ill("R-06", NITRO, "reboot", mounting(fstab_entry("/dev/xvdg", "/data")), BLOCKER, "/dev/xvdg", "would not boot", both(mounting(fstab_entry("/dev/xvdg", "/data")), mounted("/data"))),
    Ill("R-06", NITRO, "reboot", both(mounting(fstab_entry("/dev/xvdg", "/data")), fact(os="Amazon Linux 2023")), WARNING, "/dev/xvdg", "ready"),
    Ill("R-06", XEN, "reboot", both(mounting(fstab_entry("/dev/vg/data", "/data"))), UNKNOWN, "not known", "unknown", both(mounting(fstab_entry("/dev/vg/data", "/data")), mounted("/data"))),
    Ill("R-06", XEN, "reboot", both(mounting(fstab_entry("UUID=gone", "/data")), mounted("/data")), BLOCKER, "UUID=gone", "would not boot"),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry(f"UUID={ROOT_UUID.upper()}", "/data")), BLOCKER, "UUID=1B2C", "would not boot", mounting(fstab_entry(f"UUID={ROOT_UUID}", "/data"))),
    Ill("R-06", XEN, "reboot", mounting(fstab_entry("/dev/cdrom", "/media")), UNKNOWN, "/dev/cdrom", "unknown", mounting(fstab_entry("/dev/cdrom", "/media", "nofail"))),
    Ill("R-06", XEN, "nitro", mounting(fstab_entry("/dev/disk/by-path/xen-vbd-51728-part1", "/data")), BLOCKER, "xen-vbd-51728", "would not boot"),
    Ill("R-06", XEN, "reboot", fact(configuration=None), UNKNOWN, "could not be read", "unknown"),
    Ill("R-06", XEN, "reboot", both(mounting(), part_of("configuration", fstab=None), fact(unreadable={"etc/fstab": "EACCES"})), UNKNOWN, "could not be read", "unknown"),
    # root=
    Ill("R-07", XEN, "nitro", line(f"root=/dev/xvda1 {CONSOLE}"), BLOCKER, "no disk for root=/dev/xvda1", "would not boot"),
    Ill("R-07", XEN, "nitro", line(f"root=/dev/nvme0n1p1 {CONSOLE}"), WARNING, "may be another disk", "ready"),
    Ill("R-07", XEN, "reboot", line("root=UUID=gone"), BLOCKER, "root=UUID=gone", "would not boot", line("root=PARTUUID=AA-01")),
    Ill("R-07", XEN, "reboot", line("root=/dev/sda1"), BLOCKER, "root=/dev/sda1", "would not boot", line("root=/dev/xvda1")),
    Ill("R-07", XEN, "reboot", line("ro quiet"), UNKNOWN, "no root=", "unknown"),
    Ill("R-07", XEN, "reboot", both(unlinked(), fact(boot=None)), UNKNOWN, "not known", "unknown", unlinked()),
    Ill("R-07", NITRO, "reboot", line("root=/dev/sda1"), BLOCKER, "no disk for root=/dev/sda1", "would not boot", both(line("root=/dev/sda1"), fact(boot=Boot(("root=/dev/sda1",))))),
    Ill("R-07", NITRO, "reboot", both(fact(boot=Boot(("root=LABEL=old",))), line("root=LABEL=old")), BLOCKER, "LABEL=old", "would not boot"),
    Ill("R-07", PV, "hvm", line(f"root=/dev/sda1 {CONSOLE}"), BLOCKER, "root=/dev/sda1", "would not boot", line(f"root=/dev/xvda1 {CONSOLE}")),
    # the network's names
    Ill("R-08", XEN, "nitro", grown_names(netplan=(Netplan("etc/netplan/01.yaml", "eth0"),)), BLOCKER, "name eth0", "not ready", both(grown_names(netplan=(Netplan("etc/netplan/01.yaml", "eth0"),)), line(f"{BY_ID} net.ifnames=0"))),
    Ill("R-08", XEN, "nitro", grown_names(netplan=(mac_plan(), Netplan("etc/netplan/02.yaml", "eth0"))), WARNING, "name eth0", "ready"),
    Ill("R-08", XEN, "nitro", grown_names(netplan=(mac_plan("02:00:00:00:00:01"),)), BLOCKER, "address 02:00", "not ready"),
    Ill("R-08", XEN, "nitro", grown_names(netplan=(Netplan("etc/netplan/01.yaml", "*", drivers=("vif",)),)), BLOCKER, "driver vif", "not ready", grown_names(netplan=(Netplan("etc/netplan/01.yaml", "en*", matches_any=True),))),
    Ill("R-08", XEN, "nitro", grown_names(netplan=()), UNKNOWN, "no network configuration", "unknown", both(grown_names(netplan=()), line(f"{BY_ID} net.ifnames=0"))),
    Ill("R-08", XEN, "nitro", grown_names(problems=("/etc/netplan/50.yaml: permission denied",)), UNKNOWN, "could not be read", "unknown", grown_names(problems=("/etc/crypttab: permission denied",))),
    Ill("R-08", XEN, "reboot", grown_names(problems=("/etc/netplan/50.yaml: permission denied",)), INFO, "could not be read", "ready"),
    Ill("R-08", XEN, "nitro", part_of("configuration", persistent_net=('ATTR{address}=="02:77:00:37:20:93", NAME="eth0"',)), WARNING, "ties names", "ready"),
    Ill("R-08", XEN, "reboot", part_of("configuration", persistent_net=('ATTR{address}=="02:00:00:00:00:01", NAME="eth0"',)), WARNING, "no card here", "ready", part_of("configuration", persistent_net=('ATTR{address}=="02:77:00:37:20:93", NAME="eth0"',))),
    Ill("R-08", XEN, "reboot", grown_names(netplan=(Netplan("etc/netplan/01.yaml", "ens3"),)), WARNING, "no card here", "ready", grown_names(netplan=(Netplan("etc/netplan/01.yaml", "eth0"),))),
    Ill("R-08", XEN, "nitro", grown_names(interfaces=(NameUse("etc/udev/rules.d/80-net.rules", 3, "eth0", 'NAME="eth0"'),)), WARNING, "80-net.rules", "ready", grown_names(interfaces=(NameUse("etc/netplan/50-cloud-init.yaml", 3, "eth0", "eth0:"),))),
    # settings
    Ill("R-09", XEN, "nitro", lambda f: f, WARNING, "30 s", "ready", line(f"{BY_ID} nvme_core.io_timeout=4294967295")),
    Ill("R-09", XEN, "nitro", line(f"{BY_ID} nvme_core.io_timeout=60"), WARNING, "short", "ready", line(f"{BY_ID} nvme.io_timeout=254")),
    Ill("R-11", XEN, "reboot", fact(space={"/": Space(8 * GIB, 5 * GIB), "/boot": Space(500 * MIB, 90 * MIB)}), WARNING, "little room", "ready"),
    Ill("R-11", XEN, "reboot", fact(space={"/": Space(8 * GIB, 100 * MIB), "/boot": Space(GIB, GIB)}), WARNING, "99% full", "ready"),
    Ill("R-11", XEN, "reboot", fact(space=None), UNKNOWN, "how full", "ready"),
    Ill("R-16", XEN, "nitro", line(f"{BY_ID} xen_blkfront.max=8 clocksource=xen"), WARNING, "xen_blkfront.max=8, clocksource=xen", "ready"),
    Ill("R-23", XEN, "nitro", line(f"root=UUID={ROOT_UUID} console=hvc0"), WARNING, "ttyS0", "ready", line(BY_ID + ",115200n8")),
    # the menu
    Ill("R-10", XEN, "reboot", fact(boot_loader=None), UNKNOWN, "cannot be told", "unknown"),
    Ill("R-10", XEN, "reboot", fact(boot_loader=BootLoader(grub(default=None, why="default is a variable"))), UNKNOWN, "cannot be told", "unknown"),
    Ill("R-10", XEN, "reboot", boots(OLDER), INFO, "not the newest", "ready"),
    Ill("R-10", XEN, "nitro", boots(OLDER), WARNING, "not the newest", "ready"),
    Ill("R-10", XEN, "reboot", fact(boot_loader=BootLoader(grub(entry(OLDER)))), WARNING, "does not know it", "ready"),
    Ill("R-10", PV, "hvm", fact(boot_loader=BootLoader(None, menu_lst())), BLOCKER, "ignores menu.lst", "not ready"),
    Ill("R-10", PV, "hvm", fact(boot_loader=BootLoader(grub(), menu_lst(entry(OLDER)))), WARNING, f"menu.lst boots {OLDER}", "not ready"),
    Ill("R-10", PV, "reboot", fact(boot_loader=BootLoader(grub(), menu_lst(entry(OLDER)))), WARNING, "does not know it", "ready"),
    Ill("R-10", PV, "reboot", fact(boot_loader=BootLoader(grub(), None)), UNKNOWN, "cannot be told", "unknown"),
    Ill("R-10", XEN, "reboot", mounting(fstab_entry(f"UUID={DATA_UUID}", "/boot")), UNKNOWN, "not mounted", "unknown"),
    Ill("R-14", XEN, "reboot", fact(system=System("g", OLDER, "x86_64")), INFO, f"from {OLDER} to {RELEASE}", "ready"),
    # modules
    Ill("R-12", XEN, "nitro", both(installed(kernel("5.4.0-1024-aws")), boots("5.4.0-1024-aws")), INFO, "is older", "ready", both(installed(kernel("5.4.0-1025-aws")), boots("5.4.0-1025-aws"))),
    Ill("R-12", XEN, "nitro", both(installed(kernel("4.15.0-200-generic")), boots("4.15.0-200-generic")), INFO, "is older", "ready"),
    Ill("R-13", XEN, "reboot", both(installed(kernel(), kernel(OLDER, out_of_tree=("ena",))), fact(system=System("g", OLDER, "x86_64"))), WARNING, "built for", "ready", both(installed(kernel(out_of_tree=("ena",)), kernel(OLDER, out_of_tree=("ena",))), fact(system=System("g", OLDER, "x86_64")))),
    # other users of names
    Ill("R-15", XEN, "nitro", grown_names(disks=(NameUse("etc/crypttab", 1, "/dev/xvdf", "data /dev/xvdf none"),)), WARNING, "crypttab", "ready"),
    Ill("R-15", XEN, "nitro", both(grown_names("dm-0", disks=(NameUse("etc/lvm/lvm.conf", 9, "/dev/xvd.*", "filter"),)), fact(mounts=(Mount("/", "/dev/mapper/vg-root", "ext4", False, "dm-0", ("xvda",)),))), BLOCKER, "lvm.conf", "not ready"),
    Ill("R-15", XEN, "reboot", grown_names(disks=(NameUse("etc/crypttab", 1, "/dev/sdf", "data /dev/sdf none"),)), WARNING, "/dev/sdf", "ready", grown_names(disks=(NameUse("etc/lvm/lvm.conf", 9, "/dev/sd.*", "filter"),))),
    Ill("R-15", XEN, "nitro", fact(device_names=None), UNKNOWN, "could not be read", "unknown"),
    Ill("R-15", XEN, "reboot", grown_names(problems=("/etc/crypttab: permission denied",)), INFO, "could not be read", "ready"),
    Ill("R-15", XEN, "nitro", both(grown_names("dm-0", problems=("/etc/crypttab: permission denied",)), fact(mounts=(Mount("/", "/dev/mapper/root", "ext4", False, "dm-0", ("xvda",)),))), UNKNOWN, "could not be read", "unknown"),
    # what EC2 says
    Ill("R-17", XEN, "nitro", imds(block_devices={"root": "xvda", "ephemeral0": "sda"}), WARNING, "instance store", "ready"),
    Ill("R-17", XEN, "nitro", lambda f: replace(f, block_devices=(*(f.block_devices or ()), STORE)), WARNING, "nvme1n1", "ready"),
    Ill("R-17", XEN, "nitro", fact(imds=None), INFO, "not known", "ready", fact()),
    Ill("R-19", XEN, "nitro", imds(life_cycle="spot"), WARNING, "spot", "ready"),
    Ill("R-19", XEN, "nitro", imds(autoscaling_state="InService"), WARNING, "Auto Scaling", "ready"),
    Ill("R-19", XEN, "nitro", line(f"{BY_ID} resume=UUID=x"), WARNING, "hibernate", "ready"),
    # what was written to /boot
    Ill("R-21", XEN, "reboot", installed(SHORT), BLOCKER, "cut short", "would not boot"),
    Ill("R-21", XEN, "reboot", installed(kernel(), replace(SHORT, release=OLDER, image=f"boot/vmlinuz-{OLDER}")), WARNING, "cut short", "ready"),
    Ill("R-21", XEN, "reboot", both(installed(UNREAD), fact(unreadable={UNREAD.image: "EACCES"})), UNKNOWN, "could not be read", "unknown"),
    Ill("R-21", XEN, "reboot", installed(UNREAD), INFO, "does not tell its length", "ready"),
    Ill("R-21", XEN, "reboot", fact(kernels=None), UNKNOWN, "no kernel was seen", "unknown"),
    Ill("R-21", XEN, "reboot", installed(kernel(OLDER)), BLOCKER, "is not there", "would not boot"),
    Ill("R-22", XEN, "reboot", installed(DAMAGED), BLOCKER, "is damaged", "would not boot"),
    Ill("R-22", XEN, "reboot", both(installed(SECRET), fact(unreadable={str(SECRET.initramfs): "EACCES"})), UNKNOWN, "could not be read", "unknown"),
    Ill("R-22", XEN, "reboot", both(installed(BARE), bare_entry()), BLOCKER, "root=UUID=1b2c needs it", "would not boot", both(installed(BARE), bare_entry("root=PARTUUID=aa-01"))),
    Ill("R-22", XEN, "nitro", both(installed(replace(GENERIC, initramfs=None, in_initramfs=None)), bare_entry(f"root=PARTUUID=aa-01 {CONSOLE}")), BLOCKER, "nvme is a module", "would not boot"),
    Ill("R-22", XEN, "reboot", bare_entry(), BLOCKER, "no initramfs, and", "would not boot", bare_entry(loads=f"boot/initrd.img-{RELEASE}")),
    Ill("R-22", XEN, "reboot", both(installed(replace(BARE, drivers={})), bare_entry("root=PARTUUID=aa-01")), UNKNOWN, "whether it needs one", "unknown"),
    Ill("R-22", XEN, "nitro", both(installed(GENERIC), bare_entry(loads=f"boot/initrd.img-{OLDER}")), UNKNOWN, "was not read", "unknown", both(installed(GENERIC), bare_entry(loads=f"initrd.img-{RELEASE}"))),
    Ill("R-05", XEN, "nitro", both(installed(GENERIC), bare_entry(loads=f"boot/initrd.img-{OLDER}")), UNKNOWN, "has nvme at boot is not known", "unknown"),
    Ill("R-22", XEN, "nitro", both(installed(replace(GENERIC, initramfs=None, in_initramfs=None)), bare_entry(loads="boot/custom.img")), UNKNOWN, "was not read", "unknown"),
    Ill("R-22", XEN, "reboot", bare_entry(f"root=PARTUUID=aa-01 {CONSOLE}", loads="boot/custom.img"), INFO, "was not read", "ready"),
    Ill("R-22", XEN, "reboot", bare_entry("root=/dev/vg/root"), BLOCKER, "root=/dev/vg/root needs it", "would not boot"),
    Ill("R-22", XEN, "reboot", bare_entry("root=/dev/dm-0"), BLOCKER, "root=/dev/dm-0 needs it", "would not boot", bare_entry("root=/dev/xvda1")),
    Ill("R-22", XEN, "reboot", both(bare_entry("root=PARTUUID=aa-01"), on_mapping("vg-root")), BLOCKER, "needs it", "would not boot", bare_entry("root=PARTUUID=aa-01")),
    Ill("R-22", XEN, "reboot", both(installed(DAMAGED), trying_without("root=PARTUUID=aa-01")), WARNING, "is damaged", "ready"),
    Ill("R-22", XEN, "reboot", both(installed(SECRET), trying_without("root=PARTUUID=aa-01"), fact(unreadable={str(SECRET.initramfs): "EACCES"})), INFO, "could not be read", "ready"),
    Ill("R-22", XEN, "reboot", both(installed(DAMAGED), trying_without(BY_ID)), BLOCKER, "is damaged", "would not boot"),
    Ill("R-22", XEN, "nitro", both(installed(replace(GENERIC, in_initramfs=None, initramfs_problem="empty")), trying_without(f"root=PARTUUID=aa-01 {CONSOLE}")), BLOCKER, "is damaged", "would not boot"),
    # HVM's disk
    Ill("R-24", PV, "hvm", fact(mounts=(Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",)),)), BLOCKER, "no partitions under /", "would not boot"),
    Ill("R-24", PV, "hvm", fact(mounts=(Mount("/", "/dev/mapper/vg-root", "ext4", False, "dm-0", ("xvda",)),), block_devices=(BlockDevice("xvda", "xen-blkfront", "xen"),)), BLOCKER, "no partitions under /", "would not boot", fact(mounts=(Mount("/", "/dev/mapper/vg-root", "ext4", False, "dm-0", ("xvda",)),))),
    Ill("R-24", PV, "hvm", fact(mounts=None), UNKNOWN, "not known", "not ready"),
)  # fmt: skip

# What is told and is no illness: what an EC2 guest cannot know, its boot mode, the platform; shift is tested elsewhere.
ALWAYS_TOLD = {"R-18", "R-20", "R-25"}


def _id(ill: Ill) -> str:
    return f"{ill.code} {ill.kind} {ill.target} {ill.state}: {ill.says}"


@pytest.mark.parametrize("ill", ILL, ids=_id)
def test_the_illness_is_found(ill: Ill) -> None:
    found = ask(ill.kind, ill.target, ill.sick)
    said = [result for result in told(found, ill.code) if ill.says in result.summary and result.state == ill.state]
    assert len(said) >= 1, [(result.state, result.summary) for result in told(found, ill.code)]
    assert found.answer == ill.answer, (found.reason, found.results[0])
    assert all(result.evidence for result in said)
    assert said[0].remedy or ill.state in (INFO, UNKNOWN), "whoever is told of a fault is told what to do"


@pytest.mark.parametrize("ill", ILL, ids=_id)
def test_without_it_the_check_is_silent(ill: Ill) -> None:
    kind = XEN if ill.code == "R-01" else ill.kind  # no change makes a PV guest an HVM one
    found = ask(kind, ill.target, ill.well)
    wrong = [result for result in told(found, ill.code) if ill.says in result.summary and result.state != OK]
    assert wrong == []


def test_each_check_has_a_case() -> None:
    assert {ill.code for ill in ILL} | ALWAYS_TOLD == {check.code for check in CHECKS}


def test_the_table_of_checks_is_whole() -> None:
    codes, called = [check.code for check in CHECKS], [check.name for check in CHECKS]
    assert sorted(codes) == [f"R-{number:02}" for number in range(1, 26)]
    assert len(set(called)) == len(called)
    for check in CHECKS:
        for text in (check.title, check.means, check.source):
            assert text, check.code
            assert text.isascii(), check.code
            assert "|" not in text, check.code


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_the_document_has_the_check(check: Check) -> None:
    targets = "all" if check.targets == TARGETS else ", ".join(check.targets)
    row = f"| {check.code} | {check.name} | {targets} | {'yes' if check.decides else 'no'} | {check.title} |\n"
    assert row in (documents.TOP / "docs/readiness.md").read_text()


@pytest.mark.parametrize(
    ("kind", "target"),
    [(XEN, "reboot"), (XEN, "hvm"), (XEN, "nitro"), (NITRO, "reboot"), (NITRO, "hvm"), (NITRO, "nitro"),
     (PV, "reboot"), (KVM, "reboot"), (KVM, "hvm"), (KVM, "nitro")],
)  # fmt: skip
def test_a_healthy_guest_is_ready(kind: str, target: str) -> None:
    found = ask(kind, target)
    assert found.answer == "ready", found.reason
    assert [result for result in found.results if result.state in (BLOCKER, UNKNOWN)] == []
    assert found.next_boot.kernel == kernel()


@pytest.mark.parametrize("target", ["reboot", "hvm", "nitro"])
def test_what_the_api_alone_knows_is_told_and_decides_nothing(target: str) -> None:
    said = told(ask(XEN, target), "R-20")
    assert all(result.state == INFO and result.outside and not result.decides for result in said)
    commands = [step for result in said for step in result.remedy]
    wanted = "describe-instances --instance-ids i-0123456789abcdef0 --query 'Reservations[].Instances[].[EnaSupport"
    assert any(wanted in command for command in commands) == (target == "nitro")


def test_the_boot_mode_is_told() -> None:
    assert "BIOS" in told(ask(XEN, "nitro"), "R-18")[0].summary
    assert "UEFI" in told(ask(XEN, "nitro", part_of("boot", efi=True)), "R-18")[0].summary
    assert told(ask(NITRO, "nitro"), "R-18") == []
