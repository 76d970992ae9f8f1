"""What the EC2 instance metadata service said (EC2 user guide, "Instance metadata categories"; paths under /latest).

Only `system` tells Xen-on-Nitro from Xen. The service speaks for the machine that owns the
network interface: inside a nested guest that NATs through its host, it is the host's. OpenStack,
CloudStack and Firecracker's MMDS answer on the same address; services/domain is EC2's alone.

It is asked where the firmware or Xen's version is Amazon's, or where the user wants it. The daemon reads all once,
and then every minute the few answers that change.
"""

from __future__ import annotations

import time

from .errors import Absent, NoService, SourceError
from .imds_events import ScheduledEvent, SpotAction, load, parse_maintenance, parse_notice, parse_spot_action
from .record import Record, replace
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

OK, DISABLED, SLOW, BROKEN = "ok", "disabled", "slow", "broken"
REFRESH_SECONDS = 60
SPARING_SECONDS = 300  # where it is switched off, and while the card drops packets to link-local services
WALK_SECONDS = 1.0  # what is asked later is left out
_ROOT = "/latest/meta-data"
_DOCUMENT = "/latest/dynamic/instance-identity/document"
# What the identity document tells too, by its keys there.
_IDENTITY = {
    "instance_type": ("instance-type", "instanceType"),
    "instance_id": ("instance-id", "instanceId"),
    "image_id": ("ami-id", "imageId"),
    "kernel_id": ("kernel-id", "kernelId"),
    "ramdisk_id": ("ramdisk-id", "ramdiskId"),
    "availability_zone": ("placement/availability-zone", "availabilityZone"),
    "region": ("placement/region", "region"),
}
_PATHS = {
    "domain": "services/domain",
    "system": "system",
    "profile": "profile",
    "availability_zone_id": "placement/availability-zone-id",
    "life_cycle": "instance-life-cycle",
    "manifest_path": "ami-manifest-path",
    "mac": "mac",
}
_LIFECYCLE = "autoscaling/target-lifecycle-state"
_MAINTENANCE, _HISTORY = "events/maintenance/scheduled", "events/maintenance/history"
_SPOT, _REBALANCE = "spot/instance-action", "events/recommendations/rebalance"
_MAPPING, _INTERFACES = "block-device-mapping/", "network/interfaces/macs/"
_TEXT_LIMIT, _DISKS_LIMIT, _MACS_LIMIT, _TOLD_MACS = 256, 64, 64, 8
_SIGNS = (
    ("sys/class/dmi/id/sys_vendor", "Amazon EC2"),
    ("sys/class/dmi/id/bios_version", ".amazon"),
    ("sys/hypervisor/version/extra", ".amazon"),
)


class Interface(Record):
    """A network interface as EC2 attached it: its address, its place among the instance's, its ENI's id."""

    mac: str
    device_number: int | None = None
    interface_id: str | None = None


class Imds(Record):
    """Answers by name, None where the service has none. `state` is "ok", or why it gives none (errors.NoService).

    `block_devices` is what was mapped at launch, or at the last start: "root", "ebs1" or "ephemeral0" to the name
    without /dev/ ("xvda", "sdf"). NVMe instance stores are not listed, and ephemerals that the type lacks may be.
    `mac` is the primary network interface's address, `macs` all that are attached. `asked` is when the service last
    answered, in seconds since 1970; `dropped` what the network card had dropped then (linklocal_allowance_exceeded).
    """

    state: str
    domain: str | None = None
    system: str | None = None
    profile: str | None = None
    instance_type: str | None = None
    instance_id: str | None = None
    image_id: str | None = None
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    manifest_path: str | None = None
    life_cycle: str | None = None
    region: str | None = None
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    autoscaling_state: str | None = None
    mac: str | None = None
    macs: tuple[str, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    block_devices: dict[str, str] = {}
    maintenance: tuple[ScheduledEvent, ...] = ()
    history: tuple[ScheduledEvent, ...] = ()
    spot_action: SpotAction | None = None
    rebalance_time: float | None = None  # seconds since 1970
    identity_document: bool = False
    requests: int = 0
    asked: float | None = None
    dropped: int = 0


class _Service:
    """The service as one walk asks it: how often it did, and what it was refused."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.asked = self.answered = self.forbidden = 0
        self.end = time.monotonic() + WALK_SECONDS if source.host.live else None

    def ask(self, path: str) -> str | None:
        """The body at a path of the metadata; None where the service has none."""
        return self.at(f"{_ROOT}/{path}")

    def at(self, path: str) -> str | None:
        """The body at a whole path."""
        if self.end is not None and time.monotonic() > self.end:
            raise NoService(path, SLOW, f"its answers took more than {WALK_SECONDS:.0f} s in all")
        answer = self.source.host.metadata(path)
        self.asked += 1
        self.answered += answer.status in (200, 404)
        self.forbidden += answer.status == 403
        return answer.body if answer.status == 200 else None

    def judged(self, state: str) -> str:
        """OK only where something was answered; where all is forbidden, it is switched off."""
        if state != OK or self.answered:
            return state
        return DISABLED if self.forbidden == self.asked else BROKEN

    def text(self, path: str) -> str | None:
        """The body as one short text."""
        return _text(self.ask(path) or "")


def read_imds(source: Source) -> Imds | None:
    """None where the service was not asked or did not answer."""
    wanted = source.host.metadata_wanted()
    if wanted is False or (wanted is None and not strong_sign(source)):
        return None
    known = source.before.imds if source.before else None
    try:
        if known is None or known.asked is None:
            return _read(source)
        if not _due(source, known):
            return known
        return _read(source) if known.state in (SLOW, DISABLED) else _refreshed(source, known)
    except Absent:
        return None
    except SourceError as error:
        source.note(error)
        return None


def strong_sign(source: Source) -> bool:
    """Amazon's name in the firmware or in Xen's version. Xen alone, or a uuid that begins with ec2, is not enough."""
    return any(sign in (source.text(path) or "") for path, sign in _SIGNS)


def _read(source: Source) -> Imds:
    """Everything. What came before the service fell silent is kept."""
    service = _Service(source)
    found: dict[str, Any] = {}
    state = OK
    try:
        for part in (_identity, _paths, _events, _history, _disks_and_cards):
            found.update(part(service))
    except NoService as failure:
        state = failure.state
    state = service.judged(state)
    asked = source.host.time() if state in (OK, SLOW, DISABLED) else None
    return Imds(state, **found, requests=service.asked, asked=asked, dropped=_dropped(source))


def _refreshed(source: Source, known: Imds) -> Imds:
    """The few answers that change; those of before where the service fails now."""
    service = _Service(source)
    try:
        events = _events(service)
    except NoService as failure:
        return replace(known, state=failure.state)
    now, requests = source.host.time(), known.requests + service.asked
    gone = dict.fromkeys(("autoscaling_state", "spot_action", "rebalance_time"))
    return replace(
        known,
        **{**gone, "maintenance": (), **events},
        state=service.judged(OK),
        requests=requests,
        asked=now,
        dropped=_dropped(source),
    )


def _due(source: Source, known: Imds) -> bool:
    now = source.host.time()
    sparing = known.state == DISABLED or _dropped(source) > known.dropped
    wait = SPARING_SECONDS if sparing else REFRESH_SECONDS
    return now is None or known.asked is None or not 0 <= now - known.asked < wait


def _dropped(source: Source) -> int:
    """Packets to link-local services that ENA dropped, all cards together (ethtool -S, since driver 2.4)."""
    cards = (source.before.ethtool or ()) if source.before else ()
    return sum(card.counters.get("linklocal_allowance_exceeded", 0) for card in cards)


def _identity(service: _Service) -> dict[str, Any]:
    """From the identity document, and path by path what it does not tell."""
    document = _document(service)
    found: dict[str, Any] = {"identity_document": "instanceId" in document}
    for name, (path, key) in _IDENTITY.items():
        value = document.get(key)
        told = _text(value) if isinstance(value, str) else None
        found[name] = told if key in document and (told or value is None) else service.text(path)
    return found


def _document(service: _Service) -> dict[str, object]:
    body = service.at(_DOCUMENT)
    document = {} if body is None else load(body)
    if not isinstance(document, dict):
        service.source.malformed(f"imds:{_DOCUMENT}", "is not a JSON object")
        return {}
    return document


def _paths(service: _Service) -> dict[str, Any]:
    return {name: service.text(path) for name, path in _PATHS.items()}


def _events(service: _Service) -> dict[str, Any]:
    """What is announced, by the names of the fields."""
    found: dict[str, Any] = {"autoscaling_state": service.text(_LIFECYCLE)}
    events = (
        ("maintenance", _MAINTENANCE, parse_maintenance),
        ("spot_action", _SPOT, parse_spot_action),
        ("rebalance_time", _REBALANCE, parse_notice),
    )
    return found | dict(_parsed(service, events))


def _history(service: _Service) -> dict[str, Any]:
    return dict(_parsed(service, (("history", _HISTORY, parse_maintenance),)))


def _parsed(service: _Service, events: Iterable[tuple[str, str, Any]]) -> Iterable[tuple[str, Any]]:
    for field, path, parse in events:
        body = service.ask(path)
        if body is None or not body.strip():
            continue
        value = parse(body)
        if value is not None:
            yield field, value
        else:
            service.source.malformed(f"imds:{_ROOT}/{path}", f"{body[:40]!r} has not the form of such an event")


def _disks_and_cards(service: _Service) -> dict[str, Any]:
    macs = parse_macs(service.ask(_INTERFACES) or "")
    return {
        "macs": macs,
        "interfaces": tuple(_interface(service, mac) for mac in macs[:_TOLD_MACS]),
        "block_devices": _block_devices(service),
    }


def _interface(service: _Service, mac: str) -> Interface:
    number = service.text(f"{_INTERFACES}{mac}/device-number") or ""
    return Interface(
        mac,
        int(number) if number.isdecimal() and len(number) < 4 else None,
        service.text(f"{_INTERFACES}{mac}/interface-id"),
    )


def _block_devices(service: _Service) -> dict[str, str]:
    found = {}
    for name in (service.ask(_MAPPING) or "").split()[:_DISKS_LIMIT]:
        device = service.ask(_MAPPING + name) if name.isascii() and name.isalnum() else None
        device = (device or "").strip().removeprefix("/dev/")
        if device and device.isascii() and device.isprintable() and len(device) <= _TEXT_LIMIT:
            found[name] = device
    return found


def parse_macs(body: str) -> tuple[str, ...]:
    """The addresses in a listing, "0e:49:61:0f:c3:11/" in each line."""
    names = [line.rstrip("/").lower() for line in body.split()[:_MACS_LIMIT]]
    return tuple(name for name in names if len(name) == 17 and not set(name) - set("0123456789abcdef:"))


def _text(body: str) -> str | None:
    return body.strip()[:_TEXT_LIMIT] or None
