"""What the EC2 instance metadata service said (EC2 user guide, "Instance metadata categories"; paths under /latest).

Only `system` tells Xen-on-Nitro from Xen. The service speaks for the machine that owns the
network interface: inside a nested guest that NATs through its host, it is the host's. OpenStack,
CloudStack and Firecracker's MMDS answer on the same address; services/domain is EC2's alone.
"""

from __future__ import annotations

from .errors import Absent, SourceError
from .imds_events import ScheduledEvent, SpotAction, load, parse_maintenance, parse_notice, parse_spot_action
from .record import Record
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROOT = "/latest/meta-data"
_PATHS = {
    "domain": "services/domain",
    "system": "system",
    "profile": "profile",
    "instance_type": "instance-type",
    "instance_id": "instance-id",
    "image_id": "ami-id",
    "kernel_id": "kernel-id",
    "availability_zone": "placement/availability-zone",
    "availability_zone_id": "placement/availability-zone-id",
    "autoscaling_state": "autoscaling/target-lifecycle-state",
    "mac": "mac",
}
_DOCUMENT = "/latest/dynamic/instance-identity/document"
_MAINTENANCE, _SPOT = "events/maintenance/scheduled", "spot/instance-action"
_REBALANCE, _MAPPING = "events/recommendations/rebalance", "block-device-mapping/"
_INTERFACES = "network/interfaces/macs/"
_TEXT_LIMIT, _DISKS_LIMIT, _MACS_LIMIT = 256, 64, 64


class Imds(Record):
    """Answers by name, None where the service has none. `state` is "ok" or "disabled" (403 for all).

    `block_devices` is what was mapped at launch, or at the last start: "root", "ebs1" or "ephemeral0" to the name
    without /dev/ ("xvda", "sdf"). NVMe instance stores are not listed, and ephemerals that the type lacks may be.
    `mac` is the primary network interface's address, `macs` all that are attached.
    """

    state: str
    domain: str | None = None
    system: str | None = None
    profile: str | None = None
    instance_type: str | None = None
    instance_id: str | None = None
    image_id: str | None = None
    kernel_id: str | None = None
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    autoscaling_state: str | None = None
    mac: str | None = None
    macs: tuple[str, ...] = ()
    block_devices: dict[str, str] = {}
    maintenance: tuple[ScheduledEvent, ...] = ()
    spot_action: SpotAction | None = None
    rebalance_time: float | None = None  # seconds since 1970
    identity_document: bool = False
    requests: int = 0


class _Service:
    """The service as one walk asks it, and how often it did."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.requests = 0

    def ask(self, path: str) -> str | None:
        """The body at a path of the metadata; None where the service has none."""
        answer = self.source.host.metadata(f"{_ROOT}/{path}")
        self.requests += 1
        return answer.body if answer.status == 200 else None


def read_imds(source: Source) -> Imds | None:
    """None where the service was not asked or did not answer."""
    try:
        return _read(source)
    except Absent:
        return None
    except SourceError as error:
        source.note(error)
        return None


def _read(source: Source) -> Imds:
    answers = {name: source.host.metadata(f"{_ROOT}/{path}") for name, path in _PATHS.items()}
    document = source.host.metadata(_DOCUMENT)
    if all(answer.status == 403 for answer in answers.values()):
        return Imds("disabled", requests=len(answers) + 1)
    texts: dict[str, Any] = {name: _text(answer.body) for name, answer in answers.items() if answer.status == 200}
    identity = _identity(source, document.body) if document.status == 200 else {}
    for name, key in (("instance_type", "instanceType"), ("instance_id", "instanceId"), ("image_id", "imageId")):
        value = identity.get(key)
        if texts.get(name) is None and isinstance(value, str):
            texts[name] = _text(value)
    service = _Service(source)
    events = _events(service)
    disks, macs = _block_devices(service), parse_macs(service.ask(_INTERFACES) or "")
    asked = len(answers) + 1 + service.requests
    known = "instanceId" in identity
    return Imds("ok", **texts, **events, macs=macs, block_devices=disks, identity_document=known, requests=asked)


def _events(service: _Service) -> dict[str, Any]:
    """What is announced, by the names of the fields."""
    found: dict[str, Any] = {}
    for field, path, parse in (
        ("maintenance", _MAINTENANCE, parse_maintenance),
        ("spot_action", _SPOT, parse_spot_action),
        ("rebalance_time", _REBALANCE, parse_notice),
    ):
        body = service.ask(path)
        value = None if body is None or not body.strip() else parse(body)
        if value is not None:
            found[field] = value
        elif body is not None and body.strip():
            service.source.malformed(f"imds:{_ROOT}/{path}", f"{body[:40]!r} has not the form of such an event")
    return found


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


def _identity(source: Source, body: str) -> dict[str, object]:
    document = load(body)
    if not isinstance(document, dict):
        source.malformed(f"imds:{_DOCUMENT}", "is not a JSON object")
        return {}
    return document
