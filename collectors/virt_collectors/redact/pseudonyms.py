"""Who is called what in one snapshot: the same value gets the same pseudonym wherever it stands.

Pseudonyms are numbered in the order of their values' first appearance, so they are readable and nothing
of the value is in them. They keep the form that a reader relies on, and never make two values one.
"""

from __future__ import annotations

import ipaddress
import re

from .tables import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_RESOURCE = re.compile(r"([a-z]+)-?([0-9a-f]{17}|[0-9a-f]{8})")
# What firmware and hypervisors put where nobody wrote a serial number.
_NO_SERIAL = frozenset(
    {"", "0", "00000000", "none", "not specified", "not applicable", "n/a", "default string", "system serial number"}
    | {"to be filled by o.e.m.", "to be filled by o.e.m", "empty", "unknown", "<denied>", "xxxxxxxx", "."}
)
_NO_HOST = ("localhost", "(none)", "localhost4", "localhost6")
_COMMON_DOMAINS = frozenset({"local", "localdomain", "localdomain4", "localdomain6", "internal", "ec2.internal"})

# Words of the kernel log that its readers look for: a host called "xen" must not change them.
COMMON = words(
    "kernel booting paravirtualized hypervisor detected virtualization version platform pci unplug bare hardware"
    " linux xen xenbus hvm pvh pv dom0 domu vbd vif blkfront netfront nvme ena ixgbevf virtio net blk scsi amazon"
    " kvm qemu vmware microsoft hyper hyperv virtualbox clocksource tsc jiffies hpet grant grants table balloon"
    " task blocked seconds more than error errors dev device devices sector timeout timed out reset controller"
    " disk disks nic nics network block ext4 ext4-fs xfs btrfs remounting filesystem read only mounted buffer"
    " logical page cache memory killed process soft lockup stuck watchdog transmit queue completed failed"
    " attempt disabled enabled further use illegal number responses response incorrect references pending request"
    " wrong operation command line info debug warning bug unable ubuntu debian redhat centos fedora suse root"
    " home data backup boot swap test server node host guest admin user system systemd local"
)


class Pseudonyms:
    """The pseudonyms given so far, and how many things were dropped instead."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, str]] = {}
        self._words: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self.dropped: dict[str, int] = {}

    def give(self, kind: str, value: str, form: Callable[[int], str]) -> str:
        """The value's pseudonym; form makes the n-th of its kind."""
        given = self._given.setdefault(kind, {})
        if value not in given:
            given[value] = form(len(given) + 1)
        return given[value]

    def word(self, kind: str, value: str, also_in_text: bool = True) -> str:
        """`kind-N`, in free text too where the value is no word of common use."""
        pseudonym = self.give(kind, value, lambda number: f"{kind}-{number}")
        if also_in_text:
            self.know(value, pseudonym)
        return pseudonym

    def know(self, value: str, pseudonym: str) -> None:
        """From now on the value is recognised in free text."""
        telling = len(value) > 5 or (len(value) > 2 and any(letter.isalpha() for letter in value))
        if telling and value.casefold() not in COMMON:
            self._words[value] = pseudonym

    def part(self, value: str) -> str:
        """One part of a path, recognised in free text behind a slash only."""
        self._parts[value] = self.give("dir", value, lambda number: f"dir-{number}")
        return self._parts[value]

    def forget(self, value: str) -> None:
        """A value that is shown nowhere, not even by a pseudonym."""
        if len(value) > 5 and not re.fullmatch(r"[a-z]+\d+", value):
            self.know(value, "redacted")

    def known(self) -> tuple[dict[str, str], dict[str, str]]:
        """What to replace in free text: whole words, and parts of paths."""
        return self._words, self._parts

    def drop(self, what: str, count: int = 1) -> None:
        """Count what was left out."""
        self.dropped[what] = self.dropped.get(what, 0) + count

    def summary(self) -> dict[str, int]:
        """How many values of each kind have a pseudonym."""
        return {kind: len(given) for kind, given in sorted(self._given.items())}

    # values with a form of their own

    def uuid(self, value: str) -> str:
        """A uuid of the same form. One in SMBIOS's byte order stays the swapped form of the other's pseudonym."""
        lower = value.lower()
        if set(lower) <= {"0", "-"} or set(lower) <= {"f", "-"}:
            return value
        given = self._given.setdefault("uuid", {})
        twin = given.get(swapped(lower))
        found = self.give("uuid", lower, lambda number: swapped(twin) if twin else _uuid(lower, number))
        return found if value == lower else found.upper()

    def mac(self, value: str) -> str:
        """The vendor's three bytes stay."""
        separator, lower = value[2], value.lower().replace("-", ":")
        if lower in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
            return value
        found = self.give("MAC address", lower, lambda n: f"{lower[:8]}:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
        found = found.replace(":", separator)
        return found if value == value.lower() else found.upper()

    def ipv4(self, value: str) -> str:
        """An address for documentation (RFC 5737). Loopback, link-local, multicast, "any" and masks stay."""
        parts = [int(part) for part in value.split(".")]
        if max(parts) > 255:
            return value
        kept = parts[0] in (0, 127, 255) or 224 <= parts[0] < 240 or parts[:2] == [169, 254]
        return value if kept else self.give("IP address", ".".join(map(str, parts)), _ipv4)

    def ipv6(self, value: str) -> str:
        """An address of 2001:db8::/32 (RFC 3849); link-local stays so. What is none stays."""
        try:
            address = ipaddress.IPv6Address(value)
        except ValueError:
            return value
        if address.is_unspecified or address.is_loopback or address.is_multicast:
            return value
        if address.ipv4_mapped:
            return f"::ffff:{self.ipv4(str(address.ipv4_mapped))}"
        start = "fe80" if address.is_link_local else "2001:db8"
        return self.give("IP address", str(address), lambda number: f"{start}::{number >> 16:x}:{number & 0xFFFF:x}")

    def resource(self, value: str) -> str:
        """An AWS resource id: `vol-0123…`, and `vol0123…` as an NVMe serial number writes it."""
        match = _RESOURCE.fullmatch(value)
        if match is None:
            return value
        prefix, digits = match.groups()
        found = self.give("AWS id", f"{prefix}-{digits}", lambda number: f"{prefix}-{number:0{len(digits)}x}")
        return found if "-" in value else found.replace("-", "")

    def hexadecimal(self, value: str) -> str:
        """Long hexadecimal ids; 32 digits are a uuid without dashes."""
        if len(value) == 32:
            dashed = "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))
            return self.uuid(dashed).replace("-", "")
        return self.give("hexadecimal id", value, lambda number: f"{number:0{len(value)}x}")

    def serial(self, value: str) -> str:
        """A serial number, whichever form it has; those that say nothing stay."""
        if value.casefold() in _NO_SERIAL:
            return value
        if UUID.fullmatch(value):
            return self.uuid(value)
        if value.startswith("vol"):
            known = self.resource(value)
            return known if known != value else self.give("serial number", value, lambda number: f"vol{number:017x}")
        prefix = next((start for start in ("GoogleCloud-", "VMware-") if value.startswith(start)), "")
        found = prefix + self.give("serial number", value, lambda number: f"serial-{number}")
        self.know(value, found)
        return found

    def host(self, value: str) -> str:
        """A host's name, and its domain by itself."""
        if not value or value.startswith(_NO_HOST):
            return value
        short, dot, domain = value.partition(".")
        found = self.word("host", short) + (f".{self.domain(domain)}" if dot else "")
        self.know(value, found)
        return found

    def domain(self, value: str) -> str:
        """A domain's name."""
        return value if value in _COMMON_DOMAINS else self.word("domain", value)


def swapped(uuid: str) -> str:
    """The uuid with the bytes of its first three groups turned around, as SMBIOS 2.6 and later stores it."""
    groups = uuid.split("-")
    turned = ["".join(reversed([group[at : at + 2] for at in range(0, len(group), 2)])) for group in groups[:3]]
    return "-".join(turned + groups[3:])


def _uuid(value: str, number: int) -> str:
    """EC2's begin with "ec2", in the other byte order "2" and "ec" stand fifth and seventh (EC2 user guide)."""
    tail = f"8000-{number:012x}"
    if value.startswith("ec2"):
        return f"ec200000-0000-4000-{tail}"
    return swapped(f"ec200000-0000-4000-{tail}") if value[4] + value[6:8] == "2ec" else f"00000000-0000-4000-{tail}"


_DOCUMENTATION = ("192.0.2", "198.51.100", "203.0.113")


def _ipv4(number: int) -> str:
    block, last = divmod(number - 1, 254)
    if block < len(_DOCUMENTATION):
        return f"{_DOCUMENTATION[block]}.{last + 1}"
    return str(ipaddress.IPv4Address("240.0.0.0") + number)  # reserved; nobody has them
