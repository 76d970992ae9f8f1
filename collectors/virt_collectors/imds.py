"""What the EC2 instance metadata service said (drivers.md A.3; IMDSv2 paths under /latest).

Only `system` tells Xen-on-Nitro from Xen. The service speaks for the machine that owns the
network interface: inside a nested guest that NATs through its host, it is the host's. OpenStack,
CloudStack and Firecracker's MMDS answer on the same address; services/domain is EC2's alone.
"""

from __future__ import annotations

from .errors import Absent, SourceError
from .record import Record
from .source import Source

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
}
_DOCUMENT = "/latest/dynamic/instance-identity/document"
_TEXT_LIMIT = 256


class Imds(Record):
    """Answers by name, None where the service has none. `state` is "ok" or "disabled" (403 for all)."""

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
    identity_document: bool = False
    requests: int = 0


def read_imds(source: Source) -> Imds | None:
    """None where the service was not asked or did not answer."""
    try:
        answers = {name: source.host.metadata(f"{_ROOT}/{path}") for name, path in _PATHS.items()}
        document = source.host.metadata(_DOCUMENT)
    except Absent:
        return None
    except SourceError as error:
        source.note(error)
        return None
    if all(answer.status == 403 for answer in answers.values()):
        return Imds("disabled", requests=len(answers) + 1)
    texts = {name: _text(answer.body) for name, answer in answers.items() if answer.status == 200}
    identity = _identity(source, document.body) if document.status == 200 else {}
    for name, key in (("instance_type", "instanceType"), ("instance_id", "instanceId"), ("image_id", "imageId")):
        value = identity.get(key)
        if texts.get(name) is None and isinstance(value, str):
            texts[name] = _text(value)
    return Imds("ok", **texts, identity_document="instanceId" in identity, requests=len(answers) + 1)


def _text(body: str) -> str | None:
    return body.strip()[:_TEXT_LIMIT] or None


def _identity(source: Source, body: str) -> dict[str, object]:
    import json

    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        source.malformed(f"imds:{_DOCUMENT}", "is not a JSON object")
        return {}
    return document
