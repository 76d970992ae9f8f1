"""What a shell needs to know of the command, out of the tables of this tree."""

from __future__ import annotations

import inspect
import json
import os

from virt_agent.instance_types import names as instance_types
from virt_agent.option_table import FORMATTED_AS_JSON, GOES_WITH, OPTIONS, WITHOUT_ROOT, Option
from virt_agent.rules.registry import RULES
from virt_collectors.collect import NAMES

WORDS, NONE = "words", "none"
# What the placeholder of a value stands for.
_KINDS = {
    "FILE": "file",
    "PATH": "file",
    "DIR-OR-TAR": "file",
    "A B": "file",
    "DIR": "directory",
    "CODES": "codes",
    "CODE": "rule",
    "KEY=VALUE": "expectation",
}
_TYPE = "type"
_COLLECTORS = ("--collector.", "--no-collector.")
_SAY_NOTHING_MORE = ("version", "help")
_SCHEMA = os.path.join("agent", "virt_agent", "render", "schema.json")

CODES = tuple(rule.code for rule in RULES)
RULE_NAMES = tuple(rule.name for rule in RULES)
COLLECTORS = NAMES
TYPES = instance_types()
MODES = tuple(option for option in OPTIONS if option.mode)
OTHERS = tuple(option for option in OPTIONS if not option.mode)
REPEATED = ("-v", *(f"--{option.name}" for option in OPTIONS if option.many or option.name == "verbose"), *_COLLECTORS)


def words(option: Option) -> tuple[str, ...]:
    """As they are typed: `-q` and `--quiet`; `--collector.` for a name to follow."""
    name = option.name.removesuffix("NAME") if option.name.endswith(".NAME") else option.name
    return (f"--{name}", *([f"-{option.short}"] if option.short else []))


def kind(option: Option) -> str:
    """What its value is; "words" where there are few of them, "none" where nobody can tell."""
    if allowed(option):
        return WORDS
    if option.name == "instance-type":
        return _TYPE
    return _KINDS.get(option.value or "", NONE)


def allowed(option: Option) -> tuple[str, ...]:
    """The words that it takes, out of the closure of its parser."""
    if not inspect.isfunction(option.parse):
        return ()
    known: tuple[str, ...] = inspect.getclosurevars(option.parse).nonlocals.get("allowed", ())
    return known


def going_with(mode: Option) -> tuple[str, ...]:
    """The options that may stand beside a mode."""
    if mode.name in _SAY_NOTHING_MORE:
        return ()
    fitting = [option for option in OTHERS if mode.name in GOES_WITH.get(option.name, (mode.name,))]
    found = [word for option in fitting for word in words(option) if option.name != "root" or _replays(mode)]
    return (*_beside(mode), *found)


def _beside(mode: Option) -> tuple[str, ...]:
    """--json is a mode, and the format of others."""
    if mode.name == "json":
        return tuple(f"--{name}" for name in FORMATTED_AS_JSON)
    return ("--json",) if mode.name in FORMATTED_AS_JSON else ()


def _replays(mode: Option) -> bool:
    return mode.name not in WITHOUT_ROOT


def expectations(top: str) -> dict[str, tuple[str, ...]]:
    """The keys of --expect, each with the words that it may have where the schema of the report names them."""
    with open(os.path.join(top, _SCHEMA), encoding="utf-8") as file:
        verdict = json.load(file)["properties"]["verdict"]["properties"]
    flat = {**verdict, **verdict["layers"]["properties"]}
    return {key: _values(told) for key, told in flat.items() if told.get("type") not in ("object", "array")}


def _values(told: dict[str, object]) -> tuple[str, ...]:
    if told.get("type") == "boolean":
        return "true", "false"
    named = told.get("enum")
    return tuple("null" if value is None else str(value) for value in named) if isinstance(named, list) else ()
