"""X: the frontends on xenbus; X05 and X06, which concern HVM guests alone, are in `unplug`."""

from __future__ import annotations

from virt_collectors.drivers import ABSENT, AVAILABLE

from .. import devices
from .form import CRITICAL, FAULT, INFO, WARNING, Case, Hit, Reading, Rule
from .host_side import ask_host
from .unplug import disabled_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEAD = ("Closing", "Closed", "Unknown")
_CONNECTING = ("Initialising", "InitWait", "Initialised", "Reconfiguring", "Reconfigured")
_HANDSHAKE_SECONDS = 30  # xenbus_probe_frontend.c waits so long at boot for what is not essential
_MODULES = {"disk": "xen-blkfront", "nic": "xen-netfront"}


def _on_xenbus(reading: Reading) -> bool:
    return any(frontend.kind in _MODULES for frontend in reading.frontends)


def _shows_states(reading: Reading) -> bool:
    """Kernels before 2.6.39 have no `state` in sysfs."""
    return any(f.kind in _MODULES and (f.state or _state_lost(reading, f)) for f in reading.frontends)


def _state_lost(reading: Reading, frontend: devices.Frontend) -> bool:
    return any(path.endswith(f"{frontend.name}/state") for path in reading.facts.unreadable)


def _unsure_of_state(reading: Reading) -> bool:
    return any(f.kind in _MODULES and f.driver and not f.state and _state_lost(reading, f) for f in reading.frontends)


def _path(frontend: devices.Frontend) -> str:
    return f"/sys/bus/xen/devices/{frontend.name}"


def _use(reading: Reading, frontend: devices.Frontend) -> str | None:
    """What would be lost with the device, in words; None where nothing is known to use it."""
    if frontend.kind == "nic":
        nics = reading.facts.network.devices if reading.facts.network else ()
        mine = next((nic for nic in nics if nic.name == frontend.device), None)
        if mine is None or not (mine.default_route or mine.operstate == "up"):
            return None
        return "carries the default route" if mine.default_route else "its interface is up"
    disk = next((disk for disk in reading.facts.block_devices or () if disk.name == frontend.device), None)
    points = reading.mounts.get(frontend.device or "", ())
    if points:
        return "mounted on " + ", ".join(points[:3])
    if disk is not None and disk.holders:
        return "held by " + ", ".join(disk.holders[:3])
    if disk is not None and disk.in_flight:
        return "not mounted, but in use"
    return None


def _check_closed(case: Case) -> Iterator[Hit]:
    for frontend in case.now.frontends:
        if frontend.kind not in _MODULES or not frontend.driver or frontend.state not in _DEAD:
            continue
        use = _use(case.now, frontend)
        subject = frontend.device or frontend.name
        yield Hit(
            subject=subject,
            summary=f"{frontend.kind} {subject} is dead, the host side closed it",
            saw=(
                f"{_path(frontend)}/state = {frontend.state}, driver still bound",
                *([use] if use else ["nothing is known to use it"]),
                *_flight(case, frontend),
            ),
            severity=CRITICAL if use or case.now.facts.mounts is None else WARNING,
            remedy=_closed_remedy(case.now, frontend),
        )


def _flight(case: Case, frontend: devices.Frontend) -> tuple[str, ...]:
    """Requests in flight, and whether any finished since the reading before."""
    disk = next((disk for disk in case.now.facts.block_devices or () if disk.name == frontend.device), None)
    if disk is None or not disk.in_flight:
        return ()
    earlier = [old for old in (case.before.facts.block_devices or () if case.before else ()) if old.name == disk.name]
    if not earlier or earlier[0].completed is None or disk.completed is None:
        return (f"{disk.in_flight} requests in flight",)
    finished = disk.completed - earlier[0].completed
    return (f"{disk.in_flight} requests in flight, {finished or 'none'} finished between two readings",)


def _closed_remedy(reading: Reading, frontend: devices.Frontend) -> tuple[str, ...]:
    if frontend.kind == "nic":
        return (
            "Use the console: what comes over this interface does not reach the guest.",
            f"Ask the host: {ask_host(reading, 'nic')}",
            "When the host's side is back: detach and attach the interface there, or restart the guest.",
        )
    return (
        "Keep off that disk: no ls, df, lsof, sync on it, and no plain reboot; they hang in state D.",
        f"Ask the host: {ask_host(reading, 'disk')}",
        "Only when the host's storage is back: force the guest off, start it, check the file system.",
    )


def _check_connecting(case: Case) -> Iterator[Hit]:
    clock = case.now.facts.clock
    if clock and clock.uptime_seconds is not None and clock.uptime_seconds < _HANDSHAKE_SECONDS:
        return
    for frontend in case.now.frontends:
        if frontend.kind in _MODULES and frontend.driver and frontend.state in _CONNECTING:
            subject = frontend.device or frontend.name
            use = _use(case.now, frontend)
            yield Hit(
                subject,
                f"{frontend.kind} {subject} does not finish its handshake",
                (f"{_path(frontend)}/state = {frontend.state}, driver bound, up for more than 30 s",),
                CRITICAL if use else WARNING,
                (
                    "Look for a reason in the kernel log: sudo journalctl -k -g xenbus",
                    f"Ask the host whether the backend is there: {ask_host(case.now, frontend.kind)}",
                    "Detach and attach the device on the host, or stop and start the guest.",
                ),
            )


def _check_no_driver(case: Case) -> Iterator[Hit]:
    cause = disabled_by(case)
    for frontend in case.now.frontends:
        if frontend.kind not in _MODULES or frontend.driver:
            continue
        module = _MODULES[frontend.kind]
        presence = case.now.facts.drivers.of(module) if case.now.facts.drivers else None
        why = {AVAILABLE: f"{module} not loaded", ABSENT: f"kernel has no {module}"}
        state = f", state {frontend.state}" if frontend.state else ""
        yield Hit(
            frontend.name,
            f"{frontend.kind} {frontend.name} has no driver" + (f" ({why[presence]})" if presence in why else ""),
            (f"{_path(frontend)} has no driver link{state}",),
            remedy=_no_driver_remedy(module, presence),
            same_cause_as=cause,
        )


def _no_driver_remedy(module: str, presence: str | None) -> tuple[str, ...]:
    if presence == ABSENT:
        return (f"Install a kernel that has {module} (every Ubuntu kernel has) and reboot into it.",)
    if presence is None:
        return (
            f"See whether it is loaded, and load it if not: grep {module.replace('-', '[-_]')} /proc/modules;"
            f" sudo modprobe {module}",
            "See why it was declined otherwise: sudo journalctl -k -g xenbus",
        )
    if presence == AVAILABLE:
        return (
            f"Load it: sudo modprobe {module}",
            f"See what keeps it out: grep -rs {module.replace('-', '[-_]')} /etc/modprobe.d /proc/cmdline",
            "For the next boot: remove the blacklist entry, sudo update-initramfs -u",
        )
    return (
        f"{module} is there and declined the device. See why: sudo journalctl -k -g xenbus",
        "Usual reasons: xen_emul_unplug= or xen_nopv on the kernel command line, xen_platform_pci=0 on the host.",
    )


def _lacks_driver(kind: str, presence: str) -> Callable[[Case], Iterator[Hit]]:
    def check(case: Case) -> Iterator[Hit]:
        waiting = [f.name for f in case.now.frontends if f.kind == kind and not f.driver]
        drivers = case.now.facts.drivers
        if waiting and drivers and drivers.of(_MODULES[kind]) == presence:
            module = _MODULES[kind]
            said = "has no" if presence == ABSENT else "has, but did not load,"
            yield Hit(
                module,
                f"this kernel {said} {module}; {', '.join(waiting[:4])} waits for it",
                (f"/lib/modules: {module} is {presence}",),
                remedy=_no_driver_remedy(module, presence),
                same_cause_as="X04",
            )

    return check


RULES = (
    Rule(
        code="X02",
        name="xen-frontend-closed",
        kind=FAULT,
        severity=CRITICAL,
        title="the host closed a disk or network card that this guest still uses",
        needs=("xenbus",),
        applies=_shows_states,
        check=_check_closed,
        vital=True,
        unsure=_unsure_of_state,
        means="The host has taken this device away. A disk: whoever touches it now hangs in state D and cannot be"
        " killed, and data not yet written is lost. A network card: it looks up, and no packet passes.",
        remedy=("Ask the host whether the backend is there.",),
        source="xenbus_client.c, enum xenbus_state; xen-blkfront has no I/O timeout; seen in the Xen lab (pvh-closed)",
        confirm=True,
    ),
    Rule(
        code="X03",
        name="xen-frontend-connecting",
        kind=FAULT,
        severity=WARNING,
        title="a frontend does not finish its handshake with the host",
        needs=("xenbus",),
        applies=_shows_states,
        check=_check_connecting,
        vital=True,
        unsure=_unsure_of_state,
        means="Driver and host negotiate over xenbus and one of them does not answer: the device is of no use yet.",
        remedy=("Stop and start the guest.",),
        source="xenbus_probe_frontend.c, wait_for_devices",
        confirm=True,
    ),
    Rule(
        code="X04",
        name="xen-frontend-without-driver",
        kind=FAULT,
        severity=WARNING,
        title="a disk or network card on xenbus has no driver",
        needs=("xenbus",),
        applies=_on_xenbus,
        check=_check_no_driver,
        means="The host offers the device and this kernel does not take it: it is missing, or runs emulated and slow.",
        remedy=("Load the frontend's module.",),
        source="xenbus_probe.c, print_device_status; an HVM guest's CD drive, which blkfront declines, is not meant",
        confirm=True,
    ),
    Rule(
        code="X13",
        name="no-blkfront",
        kind=FAULT,
        severity=WARNING,
        title="the running kernel has no xen-blkfront",
        needs=("xenbus", "drivers"),
        applies=_on_xenbus,
        check=_lacks_driver("disk", ABSENT),
        means="No disk on xenbus can be used with this kernel.",
        remedy=("Install a kernel that has it.",),
        source="Ubuntu builds it in everywhere, Debian as a module",
        confirm=True,
    ),
    Rule(
        code="X14",
        name="netfront-not-loaded",
        kind=FAULT,
        severity=INFO,
        title="xen-netfront is installed but not loaded, and a vif waits for it",
        needs=("xenbus", "drivers"),
        applies=_on_xenbus,
        check=_lacks_driver("nic", AVAILABLE),
        means="The reason for X04 of that network card: the module was not loaded, or is blacklisted.",
        remedy=("sudo modprobe xen-netfront",),
        source="a module on Ubuntu's 5.4 -aws kernels and on Debian; built in elsewhere",
        confirm=True,
    ),
)
