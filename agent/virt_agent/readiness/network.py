"""R-08: whether the network configuration fits the card that the next boot finds.

A card's name follows its driver and place: eth0 or enX0 of xen-netfront, ens3 of ixgbevf, ens5 of ENA on Nitro
(systemd.net-naming-scheme(7)); net.ifnames=0 keeps eth0. Its MAC address stays with the network interface of EC2, so
what is bound to the address, as cloud-init does it, survives the move.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from virt_collectors.configuration import PERSISTENT_NET
from virt_collectors.device_names import NameUse, Netplan
from virt_collectors.network import NetworkDevice

from .form import BLOCKER, INFO, NITRO, OK, TARGETS, TO_PV, UNKNOWN, WARNING, Case, Check, Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = (
    *("/etc/netplan", "/run/netplan", "/usr/lib/netplan", "/etc/network"),
    *("/etc/systemd/network", "/usr/lib/systemd/network", "/etc/udev"),
)
# On Nitro the first card is in slot 5; on Xen enX0 since systemd 254.
_NAMES_AFTER = {NITRO: ("ens5",), TO_PV: ("eth0", "enX0")}
_SPELLINGS = {"xen-netfront": ("vif", "xen_netfront", "xen-netfront")}
_SHOWN = 4
_BIND = "Bind it to the address: match: {macaddress: ...} and set-name: in netplan, or match: {name: 'e*'}"
_KEEP = "Keep the old file aside until the guest is reachable."


def _network(case: Case) -> Iterator[Found]:
    found = case.facts.device_names
    problems = [text for text in (found.problems if found else ()) if text.startswith(_FILES)]
    if found is None or problems:
        yield _unread(case, problems)
    yield from _pinned(case)
    entries = [entry for entry in (found.netplan if found else ()) if entry.name != "lo"]
    lost = [entry for entry in entries if not _fits(case, entry)]
    for entry in lost[:_SHOWN]:
        yield _lost(case, entry, covered=len(lost) < len(entries))
    if entries and not lost:
        yield Found(OK, "network", f"the network configuration fits the next boot's card: {_named(entries)}")
    elif not entries and found is not None and not problems:
        yield _nothing_found(case)


def _unread(case: Case, problems: list[str]) -> Found:
    """A reboot changes no names; whoever moves must know."""
    saw = tuple(problems[:_SHOWN]) or ("no files were read",)
    state = UNKNOWN if _renames(case) else INFO
    remedy = (case.command,) if case.denied(*(path[1:] for path in _FILES)) else ()
    return Found(state, "network", "the network configuration could not be read whole", saw, remedy)


def _renames(case: Case) -> bool:
    """xen-netfront has the same names in PV and HVM."""
    return (case.moving and case.target == NITRO) or case.shift is not None


def _keeps_eth(case: Case) -> bool:
    """Names as the kernel gives them: eth0 whatever the driver."""
    return case.next_boot.boot is not None and case.next_boot.boot.value("net.ifnames") == "0"


def _next_names(case: Case) -> tuple[str, ...]:
    """What the first card may be called; none where that is not known."""
    if _keeps_eth(case):
        return ("eth0",)
    if _renames(case):
        return _NAMES_AFTER.get(case.shift or case.target, ())
    return tuple(card.name for card in _cards(case))


def _cards(case: Case) -> tuple[NetworkDevice, ...]:
    return case.facts.network.devices if case.facts.network else ()


def _fits(case: Case, entry: Netplan) -> bool:
    """The next card, by all that the entry asks for."""
    drivers = [name for driver in case.needs.network for name in _SPELLINGS.get(driver, (driver,))]
    if entry.drivers and drivers and not any(fnmatchcase(name, each) for name in drivers for each in entry.drivers):
        return False
    if entry.matches_any:
        return True
    if entry.mac:
        cards = _cards(case)
        return not cards or entry.mac in {(card.address or "").lower() for card in cards}
    names = _next_names(case)
    if not _renames(case):
        return not names or any(fnmatchcase(name, entry.name) for name in names)
    return bool(names) and all(fnmatchcase(name, entry.name) for name in names)


def _lost(case: Case, entry: Netplan, covered: bool) -> Found:
    by = (
        f"address {entry.mac}" if entry.mac else f"driver {entry.drivers[0]}" if entry.drivers else f"name {entry.name}"
    )
    saw = (f"/{entry.path}: {entry.name}" + (f", macaddress {entry.mac}" if entry.mac else ""),)
    if not _renames(case):
        state = INFO if covered else WARNING
        return Found(
            state, entry.name, f"network set up for {by}, which no card here has: /{entry.path}", saw, (_BIND,)
        )
    state = WARNING if covered else BLOCKER
    what = f"network set up for {by}, which the next card has not: /{entry.path}"
    return Found(state, entry.name, what, saw, (_BIND, _KEEP))


def _named(entries: list[Netplan]) -> str:
    ways = [
        "any card" if each.matches_any else f"{each.name} by {'address' if each.mac else 'name'}" for each in entries
    ]
    return ", ".join(dict.fromkeys(ways))


def _nothing_found(case: Case) -> Found:
    if not _renames(case):
        return Found(OK, "network", "a reboot changes no names of cards")
    if _keeps_eth(case):
        return Found(OK, "network", "net.ifnames=0: the first card stays eth0")
    what = "no network configuration was found, and the card's name changes"
    saw = ("looked at netplan, ifupdown, systemd-networkd; not at NetworkManager's and ifcfg files",)
    return Found(UNKNOWN, "network", what, saw, ("nmcli connection; ls /etc/sysconfig/network-scripts",))


def _pinned(case: Case) -> Iterator[Found]:
    """Rules and lines that tie a name to a card, beside the configuration itself."""
    rules = case.facts.configuration.persistent_net if case.facts.configuration else ()
    addresses = [card.address.lower() for card in _cards(case) if card.address]
    stale = [rule for rule in rules if addresses and not any(address in rule.lower() for address in addresses)]
    if rules and (_renames(case) or stale):
        what = f"/{PERSISTENT_NET} ties names to addresses" + (" that no card here has" if stale else "")
        remedy = (f"sudo mv /{PERSISTENT_NET} /root/", "sudo update-initramfs -u -k all")
        yield Found(WARNING, "udev rules", what, ((stale or rules)[0],), remedy)
    for use in _uses(case)[:_SHOWN]:
        what = f"/{use.path} calls a card {use.device}, which the next one is not"
        yield Found(WARNING, f"/{use.path}", what, (f"/{use.path}:{use.line}: {use.text}",), (_BIND,))


def _uses(case: Case) -> list[NameUse]:
    """Those that are not told with their interface or with the rules above."""
    found = case.facts.device_names
    if found is None or not _renames(case):
        return []
    told = {(entry.path, entry.name) for entry in found.netplan}
    others = [use for use in found.interfaces if (use.path, use.device) not in told and use.path != PERSISTENT_NET]
    return [use for use in others if use.device not in _next_names(case)]


CHECKS = (
    Check(
        code="R-08",
        name="network-names",
        targets=TARGETS,
        title="the network configuration fits the card of the next boot",
        judge=_network,
        means="The guest boots and has no address: nobody can reach it.",
        source="netplan(5), systemd.net-naming-scheme(7); EC2 user guide, Change the instance type",
    ),
)
