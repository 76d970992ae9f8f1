"""What the EC2 instance metadata service said (EC2 user guide, "Instance metadata categories"; paths under /latest).

Only `system` tells Xen-on-Nitro from Xen. The service speaks for the machine that owns the
network interface: inside a nested guest that NATs through its host, it is the host's. OpenStack,
CloudStack and Firecracker's MMDS answer on the same address; services/domain is EC2's alone.

It is asked where the firmware or Xen's version is Amazon's, or where the user wants it. The daemon reads all once,
part by part where the service is slow, and then every minute the few answers that change. What is known stays known
while the service is silent.
"""

from __future__ import annotations

from .errors import Absent, NoService, SourceError
from .imds_events import ScheduledEvent, SpotAction, load, parse_maintenance, parse_notice, parse_spot_action
from .record import Record, replace
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

OK, DISABLED, SLOW, BROKEN = "ok", "disabled", "slow", "broken"
REFRESH_SECONDS = 60
SPARING_SECONDS = 300  # where it is off, slow or not whole, and while the card drops packets to link-local services
WALK_SECONDS = 1.5  # in all; what did not come by then is left for the next time
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
    answered, `tried` when it was last asked, in seconds since 1970. `parts` counts how much of what does not change is
    known; `dropped` and `cards` are what the network cards had dropped (linklocal_allowance_exceeded) and their
    addresses when it was last asked.
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
    tried: float | None = None
    parts: int = 0
    dropped: int | None = None
    cards: tuple[str, ...] = ()


class _Service:
    """The service as one walk asks it: how often it did, and how it was answered."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.asked = self.answered = self.forbidden = 0
        self.failed: set[str] = set()  # paths that it was forbidden or out of order for: nothing is known of them
        source.host.begin_metadata(WALK_SECONDS)

    def ask(self, path: str) -> str | None:
        """The body at a path of the metadata; None where the service has none."""
        return self.at(f"{_ROOT}/{path}")

    def at(self, path: str) -> str | None:
        """The body at a whole path."""
        answer = self.source.host.metadata(path)
        self.asked += 1
        self.answered += answer.status in (200, 404)
        self.forbidden += answer.status == 403
        if answer.status >= 500 or answer.status == 403:
            self.failed.add(path)
        return answer.body if answer.status == 200 else None

    def text(self, path: str) -> str | None:
        """The body as one short text."""
        return _text(self.ask(path) or "")

    def judged(self, state: str) -> str:
        """OK only where something was answered; where all is forbidden, it is switched off."""
        if state != OK or self.answered or not self.asked:
            return state
        return DISABLED if self.forbidden == self.asked else BROKEN


def read_imds(source: Source) -> Imds | None:
    """None where the service was not asked or did not answer."""
    wanted = source.host.metadata_wanted()
    if wanted is False or (wanted is None and not strong_sign(source)):
        return None
    known = source.before.imds if source.before else None
    if known is not None and not _due(source, known):
        return known
    try:
        return _read(source, known or Imds(OK))
    except Absent:
        return None
    except SourceError as error:
        source.note(error)
        return None


def strong_sign(source: Source) -> bool:
    """Amazon's name in the firmware or in Xen's version. Xen alone, or a uuid that begins with ec2, is not enough."""
    return any(sign in (source.text(path) or "") for path, sign in _SIGNS)


def _read(source: Source, known: Imds) -> Imds:
    """What is known, the few answers that change, and as many of the other parts as did not come so far."""
    service, cards = _Service(source), _addresses(source)
    walk = (_events, *_PARTS[known.parts :]) if known.parts else (_PARTS[0], _events, *_PARTS[1:])
    if known.parts == PARTS and cards != known.cards:
        walk = (*walk, _network)
    found: dict[str, Any] = {}
    parts, gap, state = known.parts, False, OK
    try:
        for part in walk:
            failures = len(service.failed)
            found.update(part(service))
            gap = gap or len(service.failed) > failures
            parts += part is not _events and not gap and parts < PARTS
    except NoService as failure:
        state = failure.state
    now = source.host.time()
    return replace(
        known,
        **found,
        state=service.judged(state),
        requests=known.requests + service.asked,
        asked=now if service.answered else known.asked,
        tried=now,
        parts=parts,
        dropped=_dropped(source),
        cards=cards,
    )


def _due(source: Source, known: Imds) -> bool:
    now, dropped = source.host.time(), _dropped(source)
    more_dropped = known.dropped is not None and (dropped or 0) > known.dropped
    unwilling = known.state in (DISABLED, SLOW) or (known.state == OK and known.parts < PARTS)
    wait = SPARING_SECONDS if unwilling or more_dropped else REFRESH_SECONDS
    return now is None or known.tried is None or not 0 <= now - known.tried < wait


def _addresses(source: Source) -> tuple[str, ...]:
    """Of the network cards that are here: EC2 may attach and detach them while the guest runs."""
    network = source.before.network if source.before else None
    return tuple(sorted(card.address for card in (network.devices if network else ()) if card.address))


def _dropped(source: Source) -> int | None:
    """Packets to link-local services that ENA dropped, all cards together (ethtool -S, since driver 2.4)."""
    cards = source.before.ethtool if source.before else None
    return None if cards is None else sum(card.counters.get("linklocal_allowance_exceeded", 0) for card in cards)


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


def _at_path(name: str, path: str) -> Callable[[_Service], dict[str, Any]]:
    return lambda service: {name: service.text(path)}


def _events(service: _Service) -> dict[str, Any]:
    """What is announced, by the names of the fields; what the service was out of order for is left as it was."""
    found: dict[str, Any] = {"autoscaling_state": service.text(_LIFECYCLE)}
    if f"{_ROOT}/{_LIFECYCLE}" in service.failed:
        found.clear()
    return found | dict(_announced(service, _EVENTS))


def _history(service: _Service) -> dict[str, Any]:
    return dict(_announced(service, (("history", _HISTORY, parse_maintenance, ()),)))


def _announced(service: _Service, events: Iterable[tuple[str, str, Any, Any]]) -> Iterator[tuple[str, Any]]:
    for field, path, parse, nothing in events:
        body = service.ask(path)
        if f"{_ROOT}/{path}" in service.failed:
            continue
        if body is None or not body.strip():
            yield field, nothing
        elif (value := parse(body)) is not None:
            yield field, value
        else:
            service.source.malformed(f"imds:{_ROOT}/{path}", f"{body[:40]!r} has not the form of such an event")


def _network(service: _Service) -> dict[str, Any]:
    macs = parse_macs(service.ask(_INTERFACES) or "")
    return {"macs": macs, "interfaces": tuple(_interface(service, mac) for mac in macs[:_TOLD_MACS])}


def _disks(service: _Service) -> dict[str, Any]:
    return {"block_devices": _block_devices(service)}


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


_EVENTS = (
    ("maintenance", _MAINTENANCE, parse_maintenance, ()),
    ("spot_action", _SPOT, parse_spot_action, None),
    ("rebalance_time", _REBALANCE, parse_notice, None),
)
# What does not change, in the order of its worth.
_PARTS = (_identity, *(_at_path(name, path) for name, path in _PATHS.items()), _network, _disks, _history)
PARTS = len(_PARTS)
