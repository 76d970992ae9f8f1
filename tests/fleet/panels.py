"""The queries of the shipped dashboards, as Grafana would send them, and how long Prometheus takes for each."""

from __future__ import annotations

import json
import pathlib
import re
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.e2e.programs import ask

DASHBOARDS = pathlib.Path(__file__).parents[2] / "packaging" / "grafana"
JOB = "virt-agent"
STEP_SECONDS = 15
_PATIENCE = 130.0  # Prometheus itself gives up after two minutes
_RATE = "1m"  # $__rate_interval: four scrapes


class Query(NamedTuple):
    """One target of a panel; `ranged` is drawn over time, else it is asked for now."""

    expression: str
    ranged: bool


class Panel(NamedTuple):
    """A panel by its dashboard's and its own title, and what it asks."""

    dashboard: str
    title: str
    queries: tuple[Query, ...]

    @property
    def ranged(self) -> bool:
        return any(query.ranged for query in self.queries)


class Timing(NamedTuple):
    """All queries of a panel one after the other, in milliseconds, and how many series came."""

    panel: Panel
    median: float
    p95: float
    series: int


def panels() -> list[Panel]:
    """All that ask something, in the order of the dashboards' files."""
    boards = [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]
    return [
        Panel(board["title"], panel["title"], tuple(Query(t["expr"], not t.get("instant")) for t in panel["targets"]))
        for board in boards
        for panel in _panels(board)
        if panel.get("targets")
    ]


def _panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def filled(expression: str, instance: str, seconds: int) -> str:
    """With the variables that Grafana fills in; raises on one that is not known here."""
    host = instance.partition(":")[0]
    words = {
        "${host:regex}": re.escape(host),
        "$__rate_interval": _RATE,
        "$__interval": f"{STEP_SECONDS}s",
        "$__range": f"{seconds}s",
        "$instance": instance,
        "$host": host,
        "$job": JOB,
    }
    for name, word in words.items():
        expression = expression.replace(name, word)
    unknown = re.findall(r"\$(?!\d)\{?\w+", expression)
    if unknown:
        raise LookupError(f"a dashboard uses {', '.join(unknown)}, which this run cannot fill in: {expression}")
    return expression


def timings(prometheus: str, instance: str, seconds: int, runs: int) -> list[Timing]:
    """Each panel so many times, all of them in turn, over the last so many seconds where it is drawn over time."""
    urls = {panel: [_url(prometheus, query, instance, seconds) for query in panel.queries] for panel in panels()}
    taken: dict[Panel, list[float]] = {panel: [] for panel in urls}
    found: dict[Panel, int] = {}
    for _ in range(runs):
        for panel, asked in urls.items():
            began = time.perf_counter()
            found[panel] = sum(_series(panel, url) for url in asked)
            taken[panel].append((time.perf_counter() - began) * 1000)
    return [Timing(panel, statistics.median(each), _p95(each), found[panel]) for panel, each in taken.items()]


def _series(panel: Panel, url: str) -> int:
    answer = ask(url, _PATIENCE)
    if answer["status"] != "success":
        raise RuntimeError(f"{panel.title}: {answer['error']}")
    return len(answer["data"]["result"])


def _url(prometheus: str, query: Query, instance: str, seconds: int) -> str:
    words = {"query": filled(query.expression, instance, seconds)}
    if not query.ranged:
        return f"{prometheus}/api/v1/query?{urlencode(words)}"
    now = time.time()
    times = {"start": f"{now - seconds:.3f}", "end": f"{now:.3f}", "step": f"{STEP_SECONDS}"}
    return f"{prometheus}/api/v1/query_range?{urlencode(words | times)}"


def _p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
