"""The kinds of guest, and the truth about one.

The truth is what the lab configured, in the verdict's words: a tuple means
that either is right, a missing key is not judged. `want` are the findings of
severity warning or critical that must be there, `allow` those that may; any
other is a false alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Word = str | None | tuple[str | None, ...]


class Truth(NamedTuple):
    verdict: Mapping[str, Word]
    want: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    has_conflicts: bool | None = None
    status: tuple[str, ...] = ()  # any of these; () is not judged


class XenGuest(NamedTuple):
    name: str
    made: str
    truth: Truth
    kind: str  # xl's type
    arguments: str = ""  # the kernel's
    settings: tuple[str, ...] = ()  # further lines of the xl configuration
    suite: str = "bookworm"
    flavour: str = "amd64"
    root: str = "disk"  # or "ram"
    cdrom: str | None = None  # "empty" or "iso"
    disturb: tuple[str, ...] = ()  # commands in dom0 once the guest is well
    watched: bool = False  # the daemon is scraped all the while
    core: bool = False


class PlainGuest(NamedTuple):
    name: str
    made: str
    truth: Truth
    machine: str  # QEMU's arguments, with {root} {courier} {data} {iso} {imds}
    drivers: str
    address: str = "10.0.2.15/24"
    gateway: str = "10.0.2.2"
    suite: str = "bookworm"
    flavour: str = "amd64"
    root: str = "disk"  # or "ram"
    xen: str = ""  # the hypervisor's arguments, where Xen boots and this is its dom0
    core: bool = False


class Dom0(NamedTuple):
    """The outer machine itself; `busy` is its look while it serves a guest."""

    name: str
    made: str
    truth: Truth
    suite: str = "bookworm"
    during: str | None = None
    core: bool = False


Guest = XenGuest | PlainGuest | Dom0

XEN: dict[str, Word] = {"hypervisor": "xen", "role": "guest", "cloud": None, "ec2_system": None}
PV: dict[str, Word] = {
    **XEN,
    "guest_mode": "pv",
    "virtualization_type": "paravirtual",
    "pv_drivers": "all",
    "layers.nested_in": "qemu",
}
PVH: dict[str, Word] = {**XEN, "guest_mode": "pvh", "virtualization_type": "hvm", "pv_drivers": "all"}
PVHVM: dict[str, Word] = {**PVH, "guest_mode": "pvhvm"}
HVM: dict[str, Word] = {**XEN, "guest_mode": "hvm", "virtualization_type": "hvm"}
DOM0: dict[str, Word] = {
    "hypervisor": "xen",
    "guest_mode": "pv",
    "role": "dom0",
    "cloud": None,
    "layers.nested_in": "qemu",
}
QEMU: dict[str, Word] = {
    "hypervisor": "qemu",
    "guest_mode": "hvm",
    "virtualization_type": "hvm",
    "role": "guest",
    "cloud": None,
    "ec2_system": None,
    "pv_drivers": None,
}
EMULATED_CLOCK = ("C02",)  # TCG's clock, not a cloud's
EMULATED_DEVICES = ("X04", "X06", "B02", "N02", *EMULATED_CLOCK)

EC2_UUID = "ec2a1b2c-0123-4567-89ab-cdef01234567"


def healthy(words: dict[str, Word]) -> Truth:
    return Truth(words, allow=EMULATED_CLOCK)


def disk_lost(words: dict[str, Word]) -> Truth:
    """/srv/data is still mounted and its disk is no more."""
    return Truth(words, want=("B13",), allow=("X02", "X03", *EMULATED_CLOCK), status=("critical",))
