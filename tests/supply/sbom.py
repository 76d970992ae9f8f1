"""The bills of materials of both packages against CycloneDX's own schema, which comes with pip-audit."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import runpy
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
MAKE = runpy.run_path(str(TOP / "packaging" / "sbom.py"))
SCHEMA, BESIDE = "bom-1.6.SNAPSHOT.schema.json", ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")
CANNOT_RUN = 2


def main(words: list[str]) -> int:
    if words:
        print("sbom: takes no words", file=sys.stderr)
        return CANNOT_RUN
    try:
        faults = {name: complaints(made) for name, made in documents().items()}
    except ImportError as error:
        print(f"sbom: {error}; pip install '.[audit]' brings the schema", file=sys.stderr)
        return CANNOT_RUN
    for name, lines in faults.items():
        print("\n".join([f"{name}: {len(lines)} faults by {SCHEMA}", *lines]))
    return int(any(faults.values()))


def documents() -> dict[str, str]:
    """What would be put into the packages of this tree."""
    found = importlib.metadata.distribution("virt-agent")
    metadata = found.read_text("METADATA") or found.read_text("PKG-INFO")
    return {"deb": MAKE["of_deb"](TOP / "packaging" / "debian"), "wheel": MAKE["of_wheel"](metadata)}


def complaints(made: str) -> list[str]:
    """A line for each place that is not as the schema has it."""
    import jsonschema
    import referencing
    import referencing.jsonschema

    folder = importlib.resources.files("cyclonedx.schema") / "_res"

    def read(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(folder.joinpath(name).read_text())
        return loaded

    draft = referencing.jsonschema.DRAFT7
    beside = {f"http://cyclonedx.org/schema/{name}": draft.create_resource(read(name)) for name in BESIDE}
    registry: Any = referencing.Registry().with_resources(beside.items())
    schema = read(SCHEMA)
    validator = jsonschema.Draft7Validator(schema, registry=registry, format_checker=jsonschema.FormatChecker())
    return [f"    {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(json.loads(made))]
