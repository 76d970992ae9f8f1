"""A run as a JSON document, schema 1, and back; `schema.json` beside this describes it.

A file may hold several documents, one after the other (`virt-agent --bench --json >> pv.json`, a boot each).
Then each run gives one value, its median: what differs from run to run is more than what differs within one.
"""

from __future__ import annotations

import json
import math

from virt_collectors.record import Record, plain

from .. import __version__
from ..render.ascii import clean
from .figures import BY_NAME
from .rounds import Measured
from .samples import half, median, most

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

SCHEMA = 1


class Unfit(Exception):
    """A text that holds no run; the message says why."""


class Run(Record):
    """One run: where, under which conditions, and the figures. The four tables hold names and scalars."""

    host: Mapping[str, Any]
    verdict: Mapping[str, Any]
    conditions: Mapping[str, Any]
    disk: Mapping[str, Any]
    figures: Mapping[str, Measured]


def render(run: Run) -> str:
    """The document as text."""
    return dump(document(run))


def dump(found: Mapping[str, Any]) -> str:
    """Any document as text."""
    return json.dumps(found, indent=2) + "\n"


def document(run: Run) -> dict[str, Any]:
    """The document."""
    return {
        "schema": SCHEMA,
        "agent": {"name": "virt-agent", "version": __version__},
        "host": plain(run.host),
        "verdict": plain(run.verdict),
        "conditions": plain(run.conditions),
        "disk": plain(run.disk),
        "bench": {name: _figure(name, measured) for name, measured in run.figures.items()},
    }


def _figure(name: str, measured: Measured) -> dict[str, Any]:
    figure, values = BY_NAME[name], [_round(value) for value in measured.values]
    return {
        "title": figure.title,
        "unit": figure.unit,
        "more_is_better": figure.more_is_better,
        "means": figure.means,
        "means_not": figure.means_not,
        "median": median(values) if values else None,
        "half": list(half(values)) if values else None,
        "most": list(found) if (found := most(values)) else None,
        "values": values,
        "reason": measured.reason,
    }


def _round(value: float) -> float:
    """Five digits: the sixth is noise in any run."""
    return float(f"{value:.5g}")


def parse(text: str) -> tuple[Run, ...]:
    """The runs in a text, at least one."""
    runs = tuple(_run(found) for found in _documents(text))
    if not runs:
        raise Unfit("it is empty")
    return runs


def _documents(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), _begin(text, 0)
    while at < len(text):
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, at) + 1
            raise Unfit(f"no JSON document begins in line {line}") from None
        yield found
        at = _begin(text, at)


def _begin(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _run(found: Any) -> Run:
    if not isinstance(found, dict) or "schema" not in found:
        raise Unfit("it is not a document of virt-agent")
    if found["schema"] != SCHEMA:
        raise Unfit(f"its schema is {clean(found['schema'], 20)}, this virt-agent knows {SCHEMA}")
    bench = found.get("bench")
    if not isinstance(bench, dict):
        raise Unfit("it has no figures; virt-agent --bench --json makes a document that has")
    figures = {name: _measured(name, bench[name]) for name in BY_NAME if name in bench}
    host, verdict, conditions, disk = (_scalars(found.get(key)) for key in ("host", "verdict", "conditions", "disk"))
    return Run(host, verdict, conditions, disk, figures)


def _measured(name: str, found: Any) -> Measured:
    values = found.get("values") if isinstance(found, dict) else None
    if not isinstance(values, list) or not all(map(_is_figure, values)):
        raise Unfit(f"its values of {name} are not a list of numbers")
    reason = found.get("reason")
    return Measured(tuple(map(float, values)), str(reason)[:200] if reason is not None else None)


def _is_figure(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value < 1e15 and math.isfinite(value)


def _scalars(found: Any) -> dict[str, Any]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if value is None or isinstance(value, (str, int, float))}
