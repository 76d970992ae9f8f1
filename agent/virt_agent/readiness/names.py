"""Whether a disk's name in fstab or on the command line leads to a disk after the next boot.

UUID=, LABEL=, PARTUUID= and PARTLABEL= are links below /dev/disk that udev makes (libblkid, systemd's
60-persistent-storage.rules); they stay with the disk. Kernel names change with the driver:
xvda of xen-blkfront is sda of an emulated controller and nvme0n1 on Nitro, where the number follows the order in which
controllers answer (EC2 user guide, Device naming).
"""

from __future__ import annotations

from virt_collectors.device_names import decoded

from .drivers import root_disks, root_mount
from .form import FROM_PV, HVM, NITRO, TO_PV, Case

# It leads to a disk; to none even now; to none after the change; to another one, maybe; nobody here can tell.
THERE, NOWHERE, GONE, MOVABLE, NOT_TOLD = "there", "nowhere", "gone", "movable", "not told"
_TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
_MAPPED = ("mapper/", "dm-", "md")
_QUOTES = "\"'"
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
    """The part after /dev/ where it is a name that a driver gave: "xvda1"; None for links and mappings."""
    name = spec.removeprefix("/dev/")
    return None if name == spec or "/" in name or name.startswith(_MAPPED) else name


def fate(case: Case, spec: str) -> str:
    """THERE, NOWHERE, GONE, MOVABLE or NOT_TOLD."""
    link = link_of(spec)
    if link is not None:
        return _fate_of_link(case, link)
    name = by_kernel_name(spec)
    return _fate_of_mapping(case, spec) if name is None else _fate_of_name(case, name)


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
    return THERE if link.lower() in {each.lower() for each in links} else NOWHERE


def _fate_of_mapping(case: Case, spec: str) -> str:
    """LVM, LUKS and md are put together from what is on the disks; here it is only known what is in use."""
    name = spec.removeprefix("/dev/")
    return THERE if spec in {mount.source for mount in case.facts.mounts or ()} or name in known(case) else NOT_TOLD


def _fate_of_name(case: Case, name: str) -> str:
    change = case.target if case.moving else case.shift
    if name.startswith(_GONE.get(change or "", ())):
        return GONE
    if change in (TO_PV, FROM_PV) and _appears(case, name):
        return THERE
    found = _now(case, name)
    return MOVABLE if name.startswith("nvme") and (case.moving or found == THERE) else found


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
