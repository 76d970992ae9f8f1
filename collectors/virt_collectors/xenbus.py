"""Devices on xenbus: frontends in /sys/bus/xen/devices, backends (dom0) in /sys/bus/xen-backend/devices.

The buses exist on every kernel with CONFIG_XEN, on Xen or not; only devices on them say
something. `state` is the XenbusState by name (xenbus_client.c, xenbus_strstate), in sysfs
since 2.6.39. A frontend that no driver took stays Initialising without a `driver` link. Once a
backend has gone, `state` alone tells: the disk and the interface above it look alive.
The counters below `xenbus` are there since 5.10 (xenbus_probe.c): an event is spurious where its interrupt found
nothing to do, and a backend that sends too many of them has its end-of-interrupt delayed.
"""

from __future__ import annotations

from .record import Record
from .source import Source, whole

FRONTENDS, BACKENDS = "sys/bus/xen/devices", "sys/bus/xen-backend/devices"

# xen/include/public/io/xenbus.h, enum xenbus_state
STATES = {
    "Unknown": 0,
    "Initialising": 1,
    "InitWait": 2,
    "Initialised": 3,
    "Connected": 4,
    "Closing": 5,
    "Closed": 6,
    "Reconfiguring": 7,
    "Reconfigured": 8,
}


_COUNTERS = ("event_channels", "events", "spurious_events", "jiffies_eoi_delayed")


class XenDevice(Record):
    """One frontend. `state` is None where this kernel does not show it, so are the counters."""

    name: str  # "vbd-51712"
    type: str  # "vbd", "vif", "vkbd", "vfb", "console", "pci"
    state: str | None = None
    driver: str | None = None
    event_channels: int | None = None
    events: int | None = None
    spurious_events: int | None = None
    eoi_delayed_jiffies: int | None = None


class Xenbus(Record):
    """The frontends here, and how many backends this domain serves to others."""

    frontends: tuple[XenDevice, ...] = ()
    backends: int = 0
    visible: bool = False  # the bus itself can be seen; not so in most containers


def read_xenbus(source: Source) -> Xenbus | None:
    """None where the kernel shows no xen bus."""
    frontends, backends = source.names(FRONTENDS), source.names(BACKENDS)
    if not source.exists("sys/bus/xen") and not source.exists("sys/bus/xen-backend"):
        return None
    return Xenbus(tuple(_read_device(source, name) for name in frontends), len(backends), True)


def _read_device(source: Source, name: str) -> XenDevice:
    above = f"{FRONTENDS}/{name}"
    state = source.text(f"{above}/state")
    if state is not None and state not in STATES:
        if state != "INVALID":
            source.malformed(f"{above}/state", f"{state[:40]!r} is no xenbus state")
        state = "Unknown" if state == "INVALID" else None  # what could not be read is not what the driver says
    driver = source.link_name(f"{above}/driver")
    return XenDevice(name, name.partition("-")[0], state, driver, *_counters(source, f"{above}/xenbus"))


def _counters(source: Source, above: str) -> tuple[int | None, ...]:
    if not source.exists(above):
        return ()
    return tuple(source.number(f"{above}/{name}") for name in _COUNTERS)


def disk_number(name: str) -> int | None:
    """The virtual device number in "vbd-51712" (docs/man/xen-vbd-interface.7)."""
    return whole(name.partition("-")[2])
