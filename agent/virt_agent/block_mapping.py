"""Which disk is which volume: EC2's block device mapping, matched with the disks that are here.

EC2 calls a volume "sdf" or "xvdf", whatever the kernel makes of it. On Nitro the controller of each EBS volume tells
that name, to root alone. On Xen the kernel's name follows from it: xen-blkfront makes "xvdf" of "sdf". RHEL 6 and
some kernels of 2011 move it on by four letters, to "xvdj", and leave what EC2 itself calls "xvdf" as it is
(xen-blkfront.c, EMULATED_SD_DISK_NAME_OFFSET; RHEL 6 unless xen_blkfront.sda_is_xvda=1).

The metadata service tells the mapping of the last start: what was attached since is not in it, what was detached since
still is.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.nvme import EBS_MODEL, NvmeController
from virt_collectors.record import Record

from . import devices

NAME, VENDOR_NAME = "name", "vendor name"
_IMAGE = "ami"  # the root once more
_PREFIXES = ("sd", "xvd", "hd")
_MOVED_BY = 4


class Mapped(Record):
    """One line of the mapping: `name` is "root", "ebs1" or "ephemeral0", `device` "sdf" or "sda1".

    `how` tells by what its disk was found, None where none was: it is not here, or nothing tells which it is.
    """

    name: str
    device: str
    disk: str | None = None
    volume_id: str | None = None
    how: str | None = None


def matched(facts: Facts) -> tuple[Mapped, ...]:
    """The mapping by its names, the root among them, each with its disk where that is certain."""
    mapping = facts.imds.block_devices if facts.imds else {}
    asked = {name: device for name, device in sorted(mapping.items()) if name != _IMAGE}
    if volumes(facts):
        return tuple(_by_controller(facts, name, device) for name, device in asked.items())
    present = frozenset(disk.name for disk in facts.block_devices or () if devices.is_disk(disk))
    moved = _is_moved(asked.get("root", ""), present)
    return tuple(_by_name(name, device, present, moved) for name, device in asked.items())


def volumes(facts: Facts) -> list[NvmeController]:
    """The controllers of EBS volumes; none on Xen."""
    return [controller for controller in facts.nvme or () if controller.model == EBS_MODEL]


def missing(facts: Facts) -> list[str] | None:
    """The EBS volumes of the mapping that no controller tells of; None where not every controller told a name.

    The root is here, or nobody would ask.
    """
    if not all(controller.device_name for controller in volumes(facts)):
        return None
    mapped = [each for each in matched(facts) if is_ebs(each)]
    known = {each.device for each in mapped if each.how or each.name == "root"}
    return sorted({each.device for each in mapped} - known)


def is_ebs(mapped: Mapped) -> bool:
    """Not an instance store."""
    return mapped.name == "root" or mapped.name.startswith("ebs")


def _by_controller(facts: Facts, name: str, device: str) -> Mapped:
    called = [controller for controller in volumes(facts) if controller.device_name]
    same = [c for c in called if c.device_name == device]
    same = same or [c for c in called if _place(c.device_name or "") == _place(device) != ""]
    if len(same) != 1:
        return Mapped(name, device)
    (controller,) = same
    return Mapped(name, device, next(iter(controller.disks), None), controller.volume_id, VENDOR_NAME)


def _by_name(name: str, device: str, present: frozenset[str], moved: bool) -> Mapped:
    names = _moved_names(device) if moved and device.startswith("sd") else _kept_names(device)
    disk = next((each for each in names if each in present), None)
    return Mapped(name, device, disk, how=NAME if disk else None)


def _is_moved(root: str, present: frozenset[str]) -> bool:
    """The root is here for sure; where it has its letter, or is no "sd", the others' letters are not moved either."""
    return present.isdisjoint(_kept_names(root)) and not present.isdisjoint(_moved_names(root))


def guest_names(device: str) -> frozenset[str]:
    """All that xen-blkfront may call the disk that EC2 calls "sdf", "sda1" or "xvdf"; none for what is no such name."""
    return frozenset((*_kept_names(device), *_moved_names(device)))


def _kept_names(device: str) -> tuple[str, ...]:
    """A mapping with a number is a disk of that very name in PV guests, and of the letter alone in HVM ones."""
    letters, number = _split(_place(device))
    return (
        tuple(f"{kind}{letters}{n}" for kind in ("xvd", "sd") for n in dict.fromkeys((number, ""))) if letters else ()
    )


def _moved_names(device: str) -> tuple[str, ...]:
    letters, number = _split(_place(device)) if device.startswith("sd") else ("", "")
    if len(letters) != 1 or ord(letters) + _MOVED_BY > ord("z"):
        return ()
    return _kept_names(f"sd{chr(ord(letters) + _MOVED_BY)}{number}")


def _place(device: str) -> str:
    """The letters and number: "f" of "sdf" and "xvdf", "a1" of "sda1"; "" for what is no such name."""
    for prefix in _PREFIXES:
        rest = device.removeprefix(prefix)
        letters, _ = _split(rest)
        if rest != device and letters:
            return rest
    return ""


def _split(place: str) -> tuple[str, str]:
    letters = place.rstrip("0123456789")
    proper = letters.isascii() and letters.isalpha() and letters.islower() and len(letters) <= 2
    return (letters, place[len(letters) :]) if proper else ("", "")
