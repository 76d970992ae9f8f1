"""The table of promises, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

SEEN_WIDTH = 400


class Promise(NamedTuple):
    name: str
    kept: bool
    seconds: float
    seen: str


def promise(told: str) -> Promise:
    fields = json.loads(told)
    return Promise(fields["name"], fields["kept"], fields["seconds"], fields["seen"])


def lines(suite: str, promises: Sequence[Promise]) -> list[str]:
    width = max((len(found.name) for found in promises), default=0)
    return [
        f"{suite}: {'kept  ' if found.kept else 'BROKEN'}  {found.seconds:6.1f} s  {found.name:{width}}  "
        f"{found.seen[:SEEN_WIDTH]}"
        for found in promises
    ]
