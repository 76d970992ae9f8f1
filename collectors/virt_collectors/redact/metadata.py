"""Answers of the metadata service: known paths and keys stay, with their ids and addresses replaced."""

from __future__ import annotations

import json
import re

from ..host import Metadata
from .identifiers import Scrubber
from .tables import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROOT = "/latest/meta-data/"
# EC2 user guide, "Instance metadata categories": those with a word, an id or a zone for an answer.
_WORDS = words(
    "services/domain services/partition system profile instance-type instance-id ami-id kernel-id ramdisk-id"
    " instance-life-cycle instance-action placement/availability-zone placement/availability-zone-id"
    " placement/region spot/termination-time ami-launch-index autoscaling/target-lifecycle-state mac"
)
_INTERFACES = f"{_ROOT}network/interfaces/macs/"
_DOCUMENT = "/latest/dynamic/instance-identity/document"
_KEYS = {
    _DOCUMENT: "accountId architecture availabilityZone imageId instanceId instanceType kernelId privateIp ramdiskId"
    " region version",
    f"{_ROOT}spot/instance-action": "action time",
    f"{_ROOT}events/recommendations/rebalance": "noticeTime",
    f"{_ROOT}events/maintenance/scheduled": "Code EventId NotAfter NotBefore NotBeforeDeadline State",
    f"{_ROOT}events/maintenance/history": "Code EventId NotAfter NotBefore NotBeforeDeadline State",
}
_SAFE = re.compile(r"[A-Za-z0-9_.:+-]{0,64}")
_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} [0-9:]{8} (?:GMT|UTC|[+]0000)", re.ASCII)
_INTERFACE = re.compile(rf"{_INTERFACES}([0-9a-f:]{{17}})/(device-number|interface-id)")
_MANIFEST = f"{_ROOT}ami-manifest-path"
_DISKS = re.compile(rf"{_ROOT}block-device-mapping/[a-z0-9]{{0,32}}")


def metadata(scrubber: Scrubber, answers: dict[str, Metadata]) -> dict[str, Metadata]:
    """The answers at known paths; a path that is left out answers 404 in the replay."""
    known = {path: answer for path, answer in answers.items() if _is_known(path)}
    scrubber.names.drop("metadata answers", len(answers) - len(known))
    return {
        _path(scrubber, path): Metadata(answer.status, _body(scrubber, path, answer)) for path, answer in known.items()
    }


def _path(scrubber: Scrubber, path: str) -> str:
    """A path below an interface holds its address."""
    found = _INTERFACE.fullmatch(path)
    return f"{_INTERFACES}{scrubber.forms(found[1])}/{found[2]}" if found else path


def _is_known(path: str) -> bool:
    known = path.removeprefix(_ROOT) in _WORDS or path in (*_KEYS, _INTERFACES, _MANIFEST)
    return known or any(pattern.fullmatch(path) for pattern in (_DISKS, _INTERFACE))


def _body(scrubber: Scrubber, path: str, answer: Metadata) -> str:
    if answer.status != 200:
        return ""
    if path in _KEYS:
        return _json(scrubber, answer.body, tuple(_KEYS[path].split()))
    if _DISKS.fullmatch(path):
        return "\n".join(re.findall(r"[a-z0-9/]{1,32}", answer.body, re.ASCII))
    if path == _MANIFEST:
        return "(unknown)" if answer.body.strip() == "(unknown)" else "redacted/image.manifest.xml"
    if path == _INTERFACES:
        return "\n".join(_text(scrubber, path, line.rstrip("/")) + "/" for line in answer.body.split())
    return _text(scrubber, path, answer.body.strip())


def _text(scrubber: Scrubber, path: str, text: str) -> str:
    """A short word. A domain that is not Amazon's is somebody's own cloud."""
    if path.endswith("services/domain") and not text.startswith("amazonaws.com"):
        return scrubber.names.domain(text) if text else text
    return scrubber.forms(text) if _SAFE.fullmatch(text) else "redacted"


def _json(scrubber: Scrubber, body: str, keys: tuple[str, ...]) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"  # as damaged as it was
    if isinstance(found, list):
        return json.dumps([_known(scrubber, item, keys) for item in found if isinstance(item, dict)])
    return json.dumps(_known(scrubber, found, keys)) if isinstance(found, dict) else "0"


def _known(scrubber: Scrubber, found: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    scrubber.names.drop("metadata keys", sum(key not in keys for key in found))
    return {key: _value(scrubber, key, found[key]) for key in keys if key in found}


def _value(scrubber: Scrubber, key: str, value: object) -> object:
    if not isinstance(value, str):
        return value if value is None or isinstance(value, bool) else "redacted"
    if key == "accountId":
        found = scrubber.names.give("account", value, lambda number: f"{number:012d}")
        scrubber.names.know(value, found)
        return found
    if key == "EventId":
        return scrubber.names.give("event", value, lambda number: f"instance-event-{number:017x}")
    if _DATE.fullmatch(value):
        return value
    return scrubber.forms(value) if _SAFE.fullmatch(value) else "redacted"
