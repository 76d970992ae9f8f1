"""Who calls network cards by name: interfaces(5) of ifupdown, systemd.network(5), systemd.link(5), udev's rules.

A card's name comes from its driver and its place: eth0 of xen-netfront, or enX0 (systemd.net-naming-scheme(7)), ens5
of ENA. Only its MAC address goes with it. ifupdown's `hwaddress` finds no card, it sets an address: a use of its own.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from ..device_names import Files, NameUse, Netplan, joined, use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Lines = list[tuple[int, str]]
    Found = tuple[list[Netplan], Iterable[NameUse]]

_NAME = re.compile(r"eth\d{1,4}|en(?:[dopsX]|P\d{1,4}[ps])\d[0-9a-zA-Z]{0,11}")  # not enx…, which is the MAC address
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_FAMILIES = (("eth0", "eth1"), ("ens5", "enp0s3", "enX0"))
_XEN_DRIVERS, _ENA = ("vif", "xen_netfront", "xen-netfront"), "ena"
_INTERFACES, _INTERFACES_D = "etc/network/interfaces", "etc/network/interfaces.d"
_NETWORKD, _UDEV = "etc/systemd/network", "etc/udev/rules.d"
_VENDORS_NETWORKD = "usr/lib/systemd/network"  # Amazon Linux 2023 is configured by its 80-ec2.network
_UDEV_NAME = re.compile(r'(?<![\w{])NAME\s{0,4}:?=\s{0,4}"([^"$%]{1,64})"')
_PLANS_LIMIT = 64


def read(files: Files) -> tuple[tuple[Netplan, ...], tuple[NameUse, ...]]:
    """What is configured, and the lines that call a card by name."""
    readers = [(path, _ifupdown) for path in _interfaces(files)]
    readers += [(path, _networkd) for end in ("*.network", "*.link") for path in _networkd_files(files, end)]
    readers += [(path, _udev) for path in files.below(_UDEV, "*net*.rules")]
    configured: list[Netplan] = []
    uses: list[NameUse] = []
    for path, parse in readers:
        plans, names = parse(path, joined(files.lines(path)))
        if len(plans) > _PLANS_LIMIT:
            files.tell(path, f"has more than {_PLANS_LIMIT} interfaces; only the first are told")
        configured += plans[:_PLANS_LIMIT]
        uses += files.bounded(path, names)
    return tuple(configured), tuple(uses)


def is_name(word: str) -> bool:
    """Whether the kernel or udev gave this name, by driver or place: eth0, enX0, ens5; not lan0, br0 or lo."""
    return bool(_NAME.fullmatch(word))


def is_pattern(word: str) -> bool:
    """Whether a name stands for several."""
    return any(character in word for character in "*?[")


def fits_any(pattern: str, drivers: tuple[str, ...] = ()) -> bool:
    """Whether a pattern fits all names of one family, eth0 or ens5, and the drivers, where any are given, both Xen's and ENA."""
    named = any(all(fnmatchcase(name, pattern) for name in family) for family in _FAMILIES)
    xen = any(fnmatchcase(name, driver) for driver in drivers for name in _XEN_DRIVERS)
    return is_pattern(pattern) and named and (not drivers or (xen and any(fnmatchcase(_ENA, each) for each in drivers)))


def _fits_some(word: str) -> bool:
    """A card's name, or a pattern of such: not veth* or br0."""
    return is_name(word) or (is_pattern(word) and any(fnmatchcase(n, word) for family in _FAMILIES for n in family))


# ifupdown


def _interfaces(files: Files) -> list[str]:
    """The file, and those of interfaces.d where it names them."""
    found = [_INTERFACES]
    for number, line in joined(files.lines(_INTERFACES)):
        word, *rest = line.split(None, 1)[:2] or [""]
        if word not in ("source", "source-directory") or not rest:
            continue
        path = rest[0].strip().rstrip("/")
        path = path.lstrip("/") if path.startswith("/") else f"etc/network/{path}"
        if path.startswith("run/"):
            continue  # made at each boot for the cards that are there (Debian 11's cloud images)
        folder, _, pattern = (path, "/", "*") if word == "source-directory" else path.rpartition("/")
        if folder == _INTERFACES_D:
            found += [each for each in files.below(folder, pattern) if each not in found]
        else:
            files.tell(_INTERFACES, f"names /{path}, which is not read", number)
    return found


def _ifupdown(path: str, lines: Lines) -> Found:
    stanzas = [(number, line, line.split()) for number, line in lines if line.strip()]
    found: dict[str, tuple[str, str]] = {}
    for _, _, (keyword, *words) in stanzas:
        if keyword in ("auto", "rename") or keyword.startswith("allow-"):
            found |= {word.partition("=")[2]: (keyword, word.partition("=")[0]) for word in words if "=" in word}
    names = dict.fromkeys(words[0] for _, _, (keyword, *words) in stanzas if keyword == "iface" and words)
    plans = dict.fromkeys(_ifupdown_plan(path, name, *found.get(name, ("iface", name))) for name in names)
    return [plan for plan in plans if plan], _ifupdown_uses(path, stanzas)


def _ifupdown_plan(path: str, name: str, keyword: str, matched: str) -> Netplan | None:
    """A `rename` or `auto` finds the card for an `iface`: by name, by a pattern /eth*, by /mac/ADDRESS."""
    set_name = name if keyword == "rename" else None
    mac = matched.lower().removeprefix("/mac/")
    if _MAC.fullmatch(mac):
        return Netplan(path, name, mac, set_name)
    card = _card(matched.removeprefix("/"))
    if not _fits_some(card):
        return None  # lo, a bridge, a name of somebody's own
    return Netplan(path, card, None, set_name, fits_any(card))


def _ifupdown_uses(path: str, stanzas: list[tuple[int, str, list[str]]]) -> Iterable[NameUse]:
    """For each card its `iface` line or, without one, the first that names it; and each address that is set."""
    first: dict[tuple[str, bool], tuple[str, NameUse]] = {}
    inside = ""
    for number, line, (keyword, *words) in stanzas:
        inside = words[0] if keyword == "iface" and words else inside
        named = [inside] if keyword == "hwaddress" else [word.partition("=")[0] for word in words]
        for card in (_card(name) for name in named):
            key = (card, keyword == "hwaddress")
            if is_name(card) and (key not in first or (keyword == "iface" and first[key][0] != "iface")):
                first[key] = keyword, use(path, number, card, line)
    return sorted((each for _, each in first.values()), key=lambda each: each.line)


def _card(name: str) -> str:
    """Without the number of an alias (eth0:1) or of a VLAN (eth0.100)."""
    return name.partition(":")[0].partition(".")[0]


# systemd


def _networkd_files(files: Files, pattern: str) -> list[str]:
    """In the order of their names; one in etc takes the place of one of the same name, even where it is masked itself."""
    own = set(files.names(_NETWORKD))
    vendors = [path for path in files.below(_VENDORS_NETWORKD, pattern) if path.rpartition("/")[2] not in own]
    return sorted([*vendors, *files.below(_NETWORKD, pattern)], key=lambda path: path.rpartition("/")[2])


def _networkd(path: str, lines: Lines) -> Found:
    match: dict[str, list[str]] = {}
    uses: list[NameUse] = []
    section, set_name = "", None
    for number, line in lines:
        text = line.strip()
        key, equals, value = (part.strip() for part in text.partition("="))
        if text.startswith("["):
            section = text.strip("[]")
        elif section == "Link" and key == "Name" and path.endswith(".link"):
            set_name = value.strip("\"'") or None
        elif section == "Match" and equals and not text.startswith(";"):
            words = [word.strip("\"'") for word in value.split()]
            match.setdefault(key, []).extend(words)
            if not words:
                match[key] = []
            uses += [use(path, number, word, line) for word in words if _is_use(key, word)]
    return ([] if path.endswith(".link") and set_name is None else list(_plans(path, match, set_name))), uses


def _is_use(key: str, word: str) -> bool:
    """Path= is the card's place on its bus, which goes with the bus; on USB, as in systemd's own files, is no guest's card."""
    return (key == "Path" and "-usb-" not in word) or (key in ("Name", "OriginalName") and is_name(word))


def _plans(path: str, match: dict[str, list[str]], set_name: str | None) -> Iterator[Netplan]:
    """All that [Match] asks for must hold; each of its keys may have several words, of which one is enough."""
    names = match.get("Name") or match.get("OriginalName") or []
    macs = [*match.get("MACAddress", []), *match.get("PermanentMACAddress", [])]
    drivers = tuple(match.get("Driver", []))
    if macs:
        called = names[0] if names else set_name or path.rpartition("/")[2]
        yield from (Netplan(path, called, address(mac), set_name, False, drivers) for mac in macs)
    elif names and names[0].startswith("!"):
        yield Netplan(path, " ".join(names), None, set_name, fits_any("*", drivers), drivers)
    elif names:
        fitting = [name for name in names if _fits_some(name)]
        yield from (Netplan(path, name, None, set_name, fits_any(name, drivers), drivers) for name in fitting)
    elif drivers or "ether" in match.get("Type", []):
        yield Netplan(path, "*", None, set_name, fits_any("*", drivers), drivers)


def address(text: str) -> str:
    """A MAC address in small letters with colons: systemd also takes 02-AB-… and 02ab.cdef.0001."""
    digits = text.lower().replace(":", "").replace("-", "").replace(".", "")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else text.lower()


# udev


def _udev(path: str, lines: Lines) -> Found:
    """A rule's NAME= is what the card will be called, and no longer where the rule fits no more."""
    return [], (use(path, number, name, line) for number, line in lines for name in _UDEV_NAME.findall(line))
