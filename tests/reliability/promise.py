"""A promise, what keeping it takes from this machine, and how trying it can end."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple

AREAS = ("faults", "hostility", "load")


class Broken(Exception):
    """The promise is not kept; says what was seen."""


class CannotRun(Exception):
    """This machine lacks what it takes; says what."""


class Bench(NamedTuple):
    """What a promise is tried with. `scratch` is a directory of its own, empty before, gone after."""

    python: str
    scratch: pathlib.Path
    long: bool


class Promise(NamedTuple):
    """`run` does it and returns what was seen with its figures, in one short line; `long`: tried with --long only."""

    area: str
    done: str
    promised: str
    run: Callable[[Bench], str]
    long: bool = False


def hold(kept: bool, seen: str) -> None:
    """Raise Broken with what was seen, where it is not kept."""
    if not kept:
        raise Broken(seen)
