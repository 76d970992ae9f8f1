"""Whether a disk's name in fstab or on the command line leads to a disk after the next boot.

UUID=, LABEL=, PARTUUID= and PARTLABEL= are links below /dev/disk that udev makes (libblkid, systemd's
60-persistent-storage.rules); they stay with the disk. Kernel names change with the driver:
xvda of xen-blkfront is sda of an emulated controller and nvme0n1 on Nitro, where the number follows the order in which
controllers answer (EC2 user guide, Device naming).
"""

from __future__ import annotations

import re

from virt_collectors.device_names import decoded

from .drivers import root_disks, root_mount
from .form import FROM_PV, HVM, NITRO, TO_PV, Case

# It leads to a disk; to none even now; to none after the change; to another one, maybe; nobody here can tell.
THERE, NOWHERE, GONE, MOVABLE, NOT_TOLD = "there", "nowhere", "gone", "movable", "not told"
_TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
_MAPPED = ("mapper/", "dm-", "md")
_QUOTES = "\"'"
_KERNEL_NAME = re.compile(r"(?:xvd|sd|vd|hd)[a-z]{1,3}\d*|nvme\d+n\d+(?:p\d+)?|mmcblk\d+(?:p\d+)?|sr\d+", re.ASCII)
_PATTERN = re.compile(r"(?:xvd|sd|vd|hd)(?:[a-z0-9]*[*?.\[({].*)?", re.DOTALL)  # lvm.conf has some
_BY_XEN_PATH = "/dev/disk/by-path/xen-vbd-"  # the frontend's own number
# Which kernel names lead nowhere afterwards.
_GONE = {
    NITRO: ("xvd", "sd", "hd"),
    HVM: ("sd", "hd"),
    TO_PV: ("sd", "hd"),
    FROM_PV: ("xvd",),
}


def is_disk_name(spec: str) -> bool:
    """A device, and not a network share or a pseudo file system."""
    return spec.partition("=")[0].upper() in _TAGS or spec.startswith("/dev/")


def by_kernel_name(spec: str) -> str | None:
    """The part after /dev/ where it is a name that a driver gave: "xvda1"; None for links (cdrom), mappings, arrays."""
    name = spec.removeprefix("/dev/")
    return name if name != spec and _KERNEL_NAME.fullmatch(name) else None


def fate(case: Case, spec: str) -> str:
    """THERE, NOWHERE, GONE, MOVABLE or NOT_TOLD."""
    link = link_of(spec)
    if link is not None:
        return _fate_of_link(case, link)
    if spec.startswith(_BY_XEN_PATH) and _change(case) == NITRO:
        return GONE
    name = by_kernel_name(spec)
    return _fate_of_mapping(case, spec) if name is None else _fate_of_name(case, name)


def fate_of_root(case: Case, root: str) -> str:
    """The same of root=, where the kernel compares PARTUUID= without regard to case (early-lookup.c)."""
    tag, _, value = root.partition("=")
    links = case.facts.device_names.disk_links if case.facts.device_names else {}
    same = tag == "PARTUUID" and any(link.lower() == f"by-partuuid/{value.lower()}" for link in links)
    return THERE if same else fate(case, root)


def ends_with_its_prefix(case: Case, device: str) -> bool:
    """A pattern of kernel names ("/dev/xvd.*"): none will begin like that."""
    name = device.removeprefix("/dev/")
    return bool(_PATTERN.fullmatch(name)) and name.startswith(_GONE.get(_change(case) or "", ()))


def link_of(spec: str) -> str | None:
    """The link below /dev/disk that a tag or a path means: "by-uuid/1234"."""
    tag, equals, value = spec.partition("=")
    if equals and tag.upper() in _TAGS:
        return f"{_TAGS[tag.upper()]}/{value.strip(_QUOTES)}"
    path = spec.removeprefix("/dev/disk/")
    return decoded(path) if path != spec and path.startswith(tuple(_TAGS.values())) else None


def _fate_of_link(case: Case, link: str) -> str:
    links = case.facts.device_names.disk_links if case.facts.device_names else {}
    if not links:
        return THERE if case.moving else NOT_TOLD  # nobody saw /dev; a move does not change what is on the disk
    return THERE if link in links else NOWHERE  # udev's names: systemd and the initramfs look for them as written


def _fate_of_mapping(case: Case, spec: str) -> str:
    """LVM, LUKS and md are put together from what is on the disks; here it is only known what is in use."""
    name = spec.removeprefix("/dev/")
    return THERE if spec in {mount.source for mount in case.facts.mounts or ()} or name in known(case) else NOT_TOLD


def _fate_of_name(case: Case, name: str) -> str:
    change = _change(case)
    if name.startswith(_GONE.get(change or "", ())):
        return GONE
    if change in (TO_PV, FROM_PV) and _appears(case, name):
        return THERE
    found = _now(case, name)
    return MOVABLE if name.startswith("nvme") and (case.moving or found == THERE) else found


def _change(case: Case) -> str | None:
    return case.target if case.moving else case.shift


def _now(case: Case, name: str) -> str:
    names = known(case)
    if name in names:
        return THERE
    partitions_told = bool(case.facts.device_names and case.facts.device_names.disk_links)
    return NOWHERE if names and partitions_told else NOT_TOLD


def _appears(case: Case, name: str) -> bool:
    """xvda1 for what is sda1 now, and the other way round."""
    letters = name.removeprefix("xvd") if case.shift == TO_PV else name.removeprefix("sd")
    return f"{'sd' if case.shift == TO_PV else 'xvd'}{letters}" in known(case)


def known(case: Case) -> frozenset[str]:
    """Kernel names of disks, partitions, mappings and arrays that are here now."""
    facts = case.facts
    links = facts.device_names.disk_links.values() if facts.device_names else ()
    mounted = (mount.device for mount in facts.mounts or () if mount.device)
    disks = facts.block_devices or ()
    holders = (holder for disk in disks for holder in disk.holders)
    return frozenset((*links, *mounted, *holders, *(disk.name for disk in disks)))


def unpartitioned_root(case: Case) -> str | None:
    """The disk that carries the root file system, or what it is built on, itself: without partitions."""
    mount = root_mount(case.facts)
    device = (mount.device or "") if mount else ""
    mapped = device.startswith(_MAPPED)
    whole = (d.name for d in root_disks(case.facts) if d.name == device or (mapped and d.partitioned_bytes is None))
    return next(whole, None)
