"""Network devices, /sys/class/net (Documentation/ABI/testing/sysfs-class-net), and the default route.

Only interfaces with a `device` have hardware or a backend below. `carrier` of an interface that is
down is EINVAL. The default route may leave by a bond, a bridge, a team or a VLAN: their `lower_*`
links lead down to the devices that carry it.
"""

from __future__ import annotations

from .block import XEN_NAMES
from .record import Record
from .source import Source, whole

ROOT = "sys/class/net"
BACKEND_BUS = "xen-backend"
_RTF_UP, _RTF_REJECT = 0x1, 0x200  # <linux/route.h>; an unreachable route's interface is "*" or "lo"


class NetworkDevice(Record):
    """One interface with a device below. `xenbus` is its frontend's name where it has one; packets as the kernel counts."""

    name: str
    driver: str | None
    bus: str | None
    xenbus: str | None = None
    address: str | None = None
    operstate: str | None = None
    carrier: bool | None = None
    mtu: int | None = None
    default_route: bool = False
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_dropped: int | None = None
    subsystem_vendor: int | None = None  # of a PCI function


class Network(Record):
    """Devices, and the interface that the default route names (None where there is none)."""

    devices: tuple[NetworkDevice, ...] = ()
    default_interface: str | None = None


def read_network(source: Source) -> Network | None:
    """None where the kernel shows no interfaces."""
    names = source.names(ROOT)
    if not names:
        return None
    default = read_default_interface(source)
    carrying = frozenset(_lower(source, default)) if default else frozenset()
    hardware = [name for name in names if source.exists(f"{ROOT}/{name}/device")]
    return Network(tuple(_read_device(source, name, name in carrying) for name in hardware), default)


def _read_device(source: Source, name: str, default_route: bool) -> NetworkDevice:
    above = f"{ROOT}/{name}"
    driver, bus = source.link_name(f"{above}/device/driver"), source.link_name(f"{above}/device/subsystem")
    frontend = _frontend(source, above) if driver in XEN_NAMES and bus != BACKEND_BUS else None
    carrier = source.number(f"{above}/carrier", tolerate=("EINVAL",))
    return NetworkDevice(
        name=name,
        driver=XEN_NAMES.get(driver or "", driver) if frontend else _netback(driver, bus),
        bus="xen" if frontend else bus,
        xenbus=frontend,
        address=source.text(f"{above}/address") or None,
        operstate=source.text(f"{above}/operstate") or None,
        carrier=None if carrier is None else carrier != 0,
        mtu=source.number(f"{above}/mtu"),
        default_route=default_route,
        tx_packets=source.number(f"{above}/statistics/tx_packets"),
        tx_errors=source.number(f"{above}/statistics/tx_errors"),
        tx_dropped=source.number(f"{above}/statistics/tx_dropped"),
        subsystem_vendor=source.number(f"{above}/device/subsystem_vendor", base=16) if bus == "pci" else None,
    )


def _netback(driver: str | None, bus: str | None) -> str | None:
    """In a dom0, vif1.0 is the backend of a guest's network card: its driver is called `vif` too."""
    return "xen-netback" if driver == "vif" and bus == BACKEND_BUS else driver


def _frontend(source: Source, above: str) -> str | None:
    name = (source.real(f"{above}/device") or "").rpartition("/")[2]
    return name if name.startswith("vif-") else None


def _lower(source: Source, interface: str) -> list[str]:
    """The interface and those below it, nearest first."""
    found: list[str] = []
    waiting = [interface]
    while waiting and len(found) < 1000:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            below = [entry for entry in source.names(f"{ROOT}/{name}") if entry.startswith("lower_")]
            waiting.extend(entry[len("lower_") :] for entry in below)
    return found


def read_default_interface(source: Source) -> str | None:
    """The interface of the IPv4 default route of lowest metric, else of the IPv6 one."""
    for path, parse in (("proc/net/route", parse_route), ("proc/net/ipv6_route", parse_ipv6_route)):
        lines = source.lines(path) or []
        if parse is parse_route and lines and not lines[0].startswith("Iface"):
            source.malformed(path, f"{lines[0][:40]!r} is not its head line")
        interface = parse(lines)
        if interface:
            return interface
    return None


def parse_route(lines: list[str]) -> str | None:
    """net/ipv4/fib_trie.c, fib_route_seq_show: Iface Destination Gateway Flags RefCnt Use Metric Mask."""
    found = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        flags, metric = whole(fields[3], 16), whole(fields[6])
        if flags is not None and metric is not None and flags & (_RTF_UP | _RTF_REJECT) == _RTF_UP:
            found.append((metric, fields[0]))
    return min(found)[1] if found else None


def parse_ipv6_route(lines: list[str]) -> str | None:
    """net/ipv6/route.c, rt6_info_route: destination, prefix, source, prefix, next hop, metric, …, flags, device."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 10 or fields[0] != "0" * 32 or fields[1] != "00" or fields[9] == "lo":
            continue
        flags, metric = whole(fields[8], 16), whole(fields[5], 16)
        if flags is not None and metric is not None and flags & (_RTF_UP | _RTF_REJECT) == _RTF_UP:
            found.append((metric, fields[9]))
    return min(found)[1] if found else None
