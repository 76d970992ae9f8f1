#!/usr/bin/env python3
"""`packaging/sbom.py deb DIRECTORY | wheel WHEEL`: the bill of materials of a package, in CycloneDX 1.6.

It lists what the package asks of the machine (debian/control; the wheel's METADATA, which is pyproject's), all of which
comes in packages of its own, and those of our files that are no source text. The same tree gives the same bytes: the
time is SOURCE_DATE_EPOCH or none, the serial number comes of the content. A wheel has it in .dist-info/sboms (PEP 770).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import uuid
import zipfile
from datetime import datetime, timezone
from email.parser import Parser
from pathlib import Path
from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOP = Path(__file__).resolve().parents[1]
PACKAGES = (TOP / "agent" / "virt_agent", TOP / "collectors" / "virt_collectors")
FILE = "virt-agent.cdx.json"
REQUIRED, OPTIONAL = "required", "optional"
# Files that nobody can read in an editor and see what they do, or that come from elsewhere.
NO_SOURCE = {
    ".bin": "machine code; the .s beside it is its source, with the bytes of each instruction",
    ".csv": "the EC2 instance types, written by packaging/instance_types.py",
}
# Suggested is what runs elsewhere; the other extras are for those who develop this.
_RELATIONS = {"Depends": REQUIRED, "Recommends": OPTIONAL}
_EXTRAS = ("web",)


class Needed(NamedTuple):
    """A package that is asked for: `relation` in the words of whoever asks ("Depends: python3 (>= 3.10)")."""

    name: str
    scope: str
    relation: str


def main(arguments: list[str]) -> int:
    match arguments:
        case ["deb", directory]:
            Path(directory, FILE).write_text(of_deb(TOP / "packaging" / "debian"))
        case ["wheel", wheel]:
            into_wheel(Path(wheel))
        case _:
            print("packaging/sbom.py deb DIRECTORY | wheel WHEEL", file=sys.stderr)
            return 2
    return 0


def of_deb(debian: Path) -> str:
    """Of the Debian package, by its control file and the first line of its changelog."""
    # Ubuntu's packages too: these are one package for both, and their purl has a vendor that must be named.
    version = re.findall(r"\((.*?)\)", (debian / "changelog").read_text().partition("\n")[0])[0]
    needed = tuple(needed_by_deb((debian / "control").read_text()))
    return document("pkg:deb/debian/{}", "?arch=all", version, needed)


def needed_by_deb(control: str) -> Iterator[Needed]:
    """The packages of its relations; of alternatives each is one. debhelper's substitution variables are none."""
    fields = re.sub(r"\n[ \t]+", " ", control.partition("\nPackage: ")[2])
    for field, scope in _RELATIONS.items():
        (value,) = re.findall(rf"^{field}: (.*)$", fields, re.MULTILINE) or [""]
        for relation in (part.strip() for part in value.split(",")):
            for alternative in relation.split("|") if relation and "$" not in relation else ():
                yield Needed(alternative.split()[0], scope, f"{field}: {relation}")


def into_wheel(wheel: Path) -> None:
    """Put it in, with its line in RECORD; the rest of the archive stays as it was."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    (record,) = (entry for entry, _ in entries if entry.filename.endswith(".dist-info/RECORD"))
    (metadata,) = (content for entry, content in entries if entry.filename.endswith(".dist-info/METADATA"))
    made = zipfile.ZipInfo(f"{os.path.dirname(record.filename)}/sboms/{FILE}", record.date_time)
    made.compress_type, made.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
    content = of_wheel(metadata.decode()).encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    line = f"{made.filename},sha256={digest},{len(content)}\n".encode()
    with zipfile.ZipFile(new := wheel.with_suffix(".new"), "w") as archive:
        for entry, before in [(made, content), *entries]:
            archive.writestr(entry, before.replace(b"\n", b"\n" + line, 1) if entry is record else before)
    new.replace(wheel)


def of_wheel(metadata: str) -> str:
    """Of the wheel, by its METADATA."""
    told = Parser().parsestr(metadata)
    needed = tuple(needed_by_wheel(told.get_all("Requires-Dist", [])))
    return document("pkg:pypi/{}", "", told["Version"], needed)


def needed_by_wheel(relations: Iterable[str]) -> Iterator[Needed]:
    """The packages of its requirements, "NAME[EXTRA]>=1,<2; MARKER"."""
    for relation in relations:
        (name,) = re.findall(r"^[A-Za-z0-9._-]+", relation)
        extras = re.findall(r"""extra == ["']([^"']+)""", relation)
        if not extras or set(extras) & set(_EXTRAS):
            yield Needed(re.sub(r"[-_.]+", "-", name).lower(), OPTIONAL if extras else REQUIRED, relation)


def document(purl: str, qualifiers: str, version: str, needed: tuple[Needed, ...]) -> str:
    """The JSON; `purl` is the form of the package URLs of that world."""
    root = f"{purl.format('virt-agent')}@{version}{qualifiers}"
    components = list(_components(purl, needed))
    refs = [component["bom-ref"] for component in components]
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": _ourselves(root, version)} | _timestamp(),
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": refs}],
        # What those packages need in turn, and in which version they are there, the machine's package manager knows.
        "compositions": [{"aggregate": "incomplete", "dependencies": [root]}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(whole, sort_keys=True))
    return json.dumps(whole | {"serialNumber": serial.urn}, indent=1, sort_keys=True) + "\n"


def _components(purl: str, needed: tuple[Needed, ...]) -> Iterator[dict[str, Any]]:
    for name in sorted({one.name for one in needed}):
        asked = [one for one in needed if one.name == name]
        yield {
            "type": "library",
            "bom-ref": purl.format(name),
            "name": name,
            "purl": purl.format(name),
            "scope": min((one.scope for one in asked), key=[REQUIRED, OPTIONAL].index),
            "properties": [{"name": "virt-agent:relation", "value": one.relation} for one in asked],
        }


def _ourselves(root: str, version: str) -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": root,
        "name": "virt-agent",
        "version": version,
        "purl": root,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "components": [
            {
                "type": "data" if path.suffix == ".csv" else "file",
                "name": f"{path.relative_to(top.parent)}",
                "description": NO_SOURCE[path.suffix],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
            }
            for top in PACKAGES
            for path in sorted(top.rglob("*"))
            if path.suffix in NO_SOURCE
        ],
    }


def _timestamp() -> dict[str, str]:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return {}
    return {"timestamp": datetime.fromtimestamp(int(epoch), timezone.utc).isoformat().replace("+00:00", "Z")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
