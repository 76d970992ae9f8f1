"""A machine under watch: facts that move are read when a scrape asks, static ones once at the start.

Two scrapes at a time share one look: who comes while a look is under way waits for it, and one look
that began after he came is good enough for him.
"""

from __future__ import annotations

import threading
import time

from virt_collectors.collect import Collection, Runner, choose
from virt_collectors.host import Host
from virt_collectors.record import replace

from .. import observe, report, rules
from ..metrics import Watched
from ..rules.evaluate import evaluate
from ..rules.form import Case, Finding, Reading
from . import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection as Names

LOOK_SECONDS = 8.0  # Prometheus gives up on a scrape after 10
_KEPT = 8


class Watch:
    """The reports on one host over time."""

    def __init__(self, host: Host, selection: report.Selection, without: Names[str], optional: Names[str]) -> None:
        self._host = host
        self._runner = Runner(host)
        self._selection = selection
        self._without = without
        self._optional = optional
        self._lock = threading.Lock()
        self._readings: list[Reading] = []
        self._collection: Collection | None = None
        self._since: dict[tuple[str, str], str] = {}
        self._stalls = Stalls()
        self._begun = -1.0
        self._latest: tuple[report.Report, Watched] | None = None

    def look(self) -> tuple[report.Report, Watched]:
        """The report of now."""
        asked = time.monotonic()
        with self._lock:
            if self._latest is None or self._begun < asked:
                self._begun = time.monotonic()
                self._latest = self._look()
            return self._latest

    def _look(self) -> tuple[report.Report, Watched]:
        collection = self._collect()
        reading = replace(observe.reading_of(collection.facts), monotonic=time.monotonic())
        case = Case(reading, self._before(reading), self._readings[0] if self._readings else None)
        broken = report.broken(collection.outcomes)
        ignored, only = self._selection.ignored, self._selection.only
        judgement = evaluate(rules.RULES, case, broken, ignored, only, confirming=self._host.live)
        made = report.make(reading, judgement, collection.outcomes, self._selection)
        self._readings = [*self._readings[:1], *self._readings[1:][-_KEPT:], reading]
        watched = Watched(self._stalls.seconds(reading), process.figures())
        return replace(made, findings=self._dated(made.findings)), watched

    def _collect(self) -> Collection:
        """All collectors at first, then those whose facts move."""
        first = self._collection
        if first is None:
            chosen = choose(without=self._without, optional=self._optional)
            self._collection = self._runner.collect(chosen, LOOK_SECONDS)
            return self._collection
        again = self._runner.collect(choose(only_changing=True, without=self._without), LOOK_SECONDS, first.facts)
        latest = {outcome.name: outcome for outcome in again.outcomes}
        outcomes = tuple(latest.get(outcome.name, outcome) for outcome in first.outcomes)
        self._collection = Collection(again.facts, outcomes)
        return self._collection

    def _before(self, now: Reading) -> Reading | None:
        """The last reading that lies far enough back to confirm a state."""
        far = (now.monotonic or 0.0) - observe.CONFIRM_SECONDS
        earlier = [reading for reading in self._readings if (reading.monotonic or 0.0) <= far]
        return earlier[-1] if earlier else None

    def _dated(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Findings with the time at which this daemon first saw them."""
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC (first seen by this daemon)", time.gmtime())
        keys = [(finding.code, finding.subject) for finding in findings]
        self._since = {key: self._since.get(key, now) for key in keys}
        return tuple(replace(f, since=self._since[key]) for f, key in zip(findings, keys, strict=True))


class Stalls:
    """For how long the requests of each disk have been in flight without any completion."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int | None, float]] = {}

    def seconds(self, reading: Reading) -> dict[str, float]:
        """By disk; 0 where nothing is in flight or something finished since the last reading."""
        now, seen = reading.monotonic or 0.0, {}
        for disk in reading.facts.block_devices or ():
            if disk.in_flight:
                completed, since = self._seen.get(disk.name, (None, now))
                seen[disk.name] = (disk.completed, since if completed == disk.completed else now)
        self._seen = seen
        return {name: now - since for name, (_, since) in seen.items()}
