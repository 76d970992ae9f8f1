"""X02, X03, X16: the state of the frontends on xenbus. X05 and X06 are in `unplug`, X04, X13 and X14 in `frontend_drivers`."""

from __future__ import annotations

from virt_collectors.network import NetworkDevice

from ... import devices
from .. import usage
from ..form import CRITICAL, FAULT, HOST, WARNING, Case, Hit, Reading, Rule
from ..host_side import ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD = ("Closing", "Closed", "Unknown")
_KINDS = ("disk", "nic")
CONNECTING = ("Initialising", "InitWait", "Initialised", "Reconfiguring", "Reconfigured")
_HANDSHAKE_SECONDS = 30  # xenbus_probe_frontend.c waits so long at boot for what is not essential


def _shows_states(reading: Reading) -> bool:
    """Kernels before 2.6.39 have no `state` in sysfs."""
    return any(f.kind in _KINDS and (f.state or _state_lost(reading, f)) for f in reading.frontends)


def _state_lost(reading: Reading, frontend: devices.Frontend) -> bool:
    return any(path.endswith(f"{frontend.name}/state") for path in reading.facts.unreadable)


def _unsure_of_state(reading: Reading) -> bool:
    return any(f.kind in _KINDS and f.driver and not f.state and _state_lost(reading, f) for f in reading.frontends)


def _path(frontend: devices.Frontend) -> str:
    return f"/sys/bus/xen/devices/{frontend.name}"


def _nic(reading: Reading, frontend: devices.Frontend) -> NetworkDevice | None:
    nics = reading.facts.network.devices if reading.facts.network else ()
    return next((nic for nic in nics if nic.name == frontend.device), None)


def _use(reading: Reading, frontend: devices.Frontend) -> str | None:
    """What would be lost with the device, in words; None where nothing is known to use it."""
    known = usage.of_nic if frontend.kind == "nic" else usage.of_disk
    return known(reading, frontend.device) if frontend.device else None


def _looks_up(nic: NetworkDevice | None) -> bool:
    return nic is not None and (nic.operstate == "up" or (nic.carrier is True and nic.operstate != "down"))


def _is_dead(frontend: devices.Frontend) -> bool:
    return frontend.kind in _KINDS and bool(frontend.driver) and frontend.state in DEAD


def _has_nics(reading: Reading) -> bool:
    return _shows_states(reading) and any(f.kind == "nic" for f in reading.frontends)


def _check_nic_closed(case: Case) -> Iterator[Hit]:
    for frontend in case.now.frontends:
        nic = _nic(case.now, frontend) if frontend.kind == "nic" and _is_dead(frontend) else None
        if nic is None or not _looks_up(nic):
            continue
        carrier = "" if nic.carrier is None else f", carrier {int(nic.carrier)}"
        yield Hit(
            nic.name,
            f"network card {nic.name} is dead, and its interface still says up",
            (
                f"{_path(frontend)}/state = {frontend.state}, driver still bound",
                f"/sys/class/net/{nic.name}: operstate {nic.operstate}{carrier}"
                + (", carries the default route" if nic.default_route else ""),
            ),
            remedy=_closed_remedy(case.now, frontend),
        )


def _check_closed(case: Case) -> Iterator[Hit]:
    """A network card whose interface looks up is X16's."""
    for frontend in case.now.frontends:
        if not _is_dead(frontend) or (frontend.kind == "nic" and _looks_up(_nic(case.now, frontend))):
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
            severity=CRITICAL if use or (frontend.kind == "disk" and case.now.facts.mounts is None) else WARNING,
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
        if frontend.kind in _KINDS and frontend.driver and frontend.state in CONNECTING:
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
        " killed, and data not yet written is lost. A network card: no packet passes.",
        remedy=(
            "Keep off that disk: no ls, df, lsof, sync on it, and no plain reboot. For a network card, use the console.",
            "Ask the host whether the backend is there: xe vbd-list, xl block-list, EC2's volume status checks.",
            "Only when it is back: force the guest off, start it, check the file systems on that disk.",
        ),
        source="xenbus_client.c, enum xenbus_state; xen-blkfront has no I/O timeout; seen in the Xen lab (pvh-closed)",
        owner=HOST,
        avoid="Do not touch the device and do not reboot plainly: both hang on requests that never return.",
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
        remedy=(
            "Look for a reason in the kernel log: sudo journalctl -k -g xenbus",
            "Ask the host whether the backend is there: xe vbd-list, xl block-list, xl network-list.",
            "Detach and attach the device on the host, or stop and start the guest.",
        ),
        source="xenbus_probe_frontend.c, wait_for_devices",
        owner=HOST,
        avoid="Do not detach a disk whose requests are still in flight.",
        confirm=True,
    ),
    Rule(
        code="X16",
        name="xen-nic-closed-but-up",
        kind=FAULT,
        severity=CRITICAL,
        title="the host closed a network card whose interface still says up",
        needs=("xenbus", "network"),
        applies=_has_nics,
        check=_check_nic_closed,
        vital=True,
        unsure=_unsure_of_state,
        means="The host has taken this network card away. The interface keeps its address, its routes and its carrier,"
        " and no packet passes: only the state on xenbus tells.",
        remedy=(
            "Use the console: what comes over this interface does not reach the guest.",
            "Ask the host whether the backend is there: xe vif-list, xl network-list, EC2's instance status checks.",
            "When it is back: detach and attach the interface there, or restart the guest.",
        ),
        source="xen-netfront.c keeps the carrier when its backend closes; seen in the Xen lab (pvh-closed)",
        owner=HOST,
        avoid="Do not restart the network service: the interface may not come back, and the console is all you have.",
        confirm=True,
    ),
)
