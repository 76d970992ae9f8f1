"""The part of render/schema.json that describes facts, made from the annotations of their records."""

from __future__ import annotations

import ast
import importlib
import json
from typing import Any

from tests.documents import TOP
from virt_collectors.collect import COLLECTORS
from virt_collectors.facts import Facts
from virt_collectors.record import Record

PATH = "agent/virt_agent/render/schema.json"

# What the document adds to a device, and where it lays a record out differently (render/document.py).
_ADDED: dict[str, dict[str, Any]] = {
    "BlockDevice": {
        "kind": {"enum": ["pv", "nvme", "virtio", "emulated", "native"]},
        "mounts": {"type": "array", "items": {"type": "string"}},
        "root": {"type": "boolean"},
    },
    "NetworkDevice": {"kind": {"enum": ["pv", "virtio", "emulated", "native"]}},
}
_SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def made() -> str:
    """The whole file: its upper part as it is, facts anew."""
    schema = json.loads((TOP / PATH).read_text())
    definitions: dict[str, Any] = {}
    facts = _record(Facts, definitions)["properties"]
    for name in ("system", "os", "network"):
        del facts[name]
    facts |= {
        "network_devices": {"type": ["array", "null"], "items": {"$ref": "#/$defs/NetworkDevice"}},
        "default_interface": {"type": ["string", "null"]},
    }
    del definitions["System"], definitions["Network"]
    schema["properties"]["facts"] = _object(facts)
    schema["$defs"] = dict(sorted(definitions.items()))
    return json.dumps(schema, indent=2) + "\n"


def _records() -> dict[str, type[Record]]:
    for collector in COLLECTORS:
        importlib.import_module(f"virt_collectors.{collector.module}")
    return {record.__name__: record for record in _below(Record) if record.__module__.startswith("virt_collectors")}


def _below(record: type[Record]) -> list[type[Record]]:
    return [each for child in record.__subclasses__() for each in (child, *_below(child))]


def _record(record: type[Record], definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {
        field: _type(ast.parse(text, mode="eval").body, definitions) for field, text in record.__annotations__.items()
    }
    return _object(properties | _ADDED.get(record.__name__, {}))


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _type(node: ast.expr, definitions: dict[str, Any]) -> dict[str, Any]:
    if isinstance(node, ast.BinOp):  # X | None
        return _or_null(_type(node.left, definitions))
    if isinstance(node, ast.Subscript):
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if ast.unparse(node.value) == "dict":
            return {"type": "object", "additionalProperties": _type(inside[1], definitions)}
        return {"type": "array", "items": _type(inside[0], definitions)}
    name = ast.unparse(node)
    if name in _SCALARS:
        return {"type": _SCALARS[name]}
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _record(_records()[name], definitions)
    return {"$ref": f"#/$defs/{name}"}


def _or_null(found: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in found:
        return {"anyOf": [found, {"type": "null"}]}
    return {**found, "type": [found["type"], "null"]}
