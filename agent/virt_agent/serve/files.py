"""Facts that stand in ordinary files: fstab, udev's rules, modules.builtin, os-release, a log daemon's file.

Reading them hangs where their disk hangs, so no scrape does: they are read before the daemon is ready, and from then on
in a thread of their own, where they could not be read, after a reload, and after the guest was restored.
"""

from __future__ import annotations

import logging
import threading

from virt_collectors.collect import FAILED, STUCK, Collection, Outcome, Runner
from virt_collectors.facts import Facts
from virt_collectors.host import Host
from virt_collectors.record import Record, replace

from .. import observe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from virt_collectors.collect import Collector

log = logging.getLogger("virt-agent")

AGAIN_SECONDS = 60.0  # between two tries of what could not be read
_ONCE = "kernel_journal"  # of the time before the daemon; what came since, the ring tells


class _Held(Record):
    values: dict[str, Any] = {}
    outcomes: tuple[Outcome, ...] = ()
    unreadable: dict[str, str] = {}


class OrdinaryFiles:
    """What was read of them last."""

    def __init__(self, host: Host) -> None:
        self._runner = Runner(host)
        self._lock = threading.Lock()
        self._held = _Held()
        self._all = threading.Event()

    @staticmethod
    def read_by(collector: Collector) -> bool:
        """Whether this collector reads them."""
        return collector.late and not collector.changes

    @classmethod
    def among(cls, collectors: tuple[Collector, ...]) -> tuple[Collector, ...]:
        """The collectors that read them."""
        return tuple(filter(cls.read_by, collectors))

    @property
    def empty(self) -> bool:
        """Nothing was read so far."""
        return not self._held.outcomes

    def again(self) -> None:
        """Have all read again, soon."""
        self._all.set()

    def read(self, collectors: tuple[Collector, ...], before: Facts) -> None:
        """Read these here and now; the others stay as they are."""
        chosen = self.among(collectors)
        found = self._runner.collect(chosen, observe.RUN_SECONDS, before)
        values = {one.name: getattr(found.facts, one.name) for one in found.outcomes if one.name in Facts.fields}
        with self._lock:
            self._held = _Held(
                {**self._held.values, **values},
                (*(one for one in self._held.outcomes if one.name not in values), *found.outcomes),
                found.facts.unreadable,
            )

    def onto(self, collection: Collection, collectors: tuple[Collector, ...]) -> Collection:
        """The collection with these facts; a journal is of now but for once."""
        names = {collector.name for collector in self.among(collectors)}
        with self._lock:
            held = self._held
            journal = held.values.get(_ONCE)
            if journal is not None:
                self._held = replace(held, values={**held.values, _ONCE: replace(journal, current=False)})
        values = {name: value for name, value in held.values.items() if name in names}
        outcomes = tuple(outcome for outcome in held.outcomes if outcome.name in names)
        others = tuple(outcome for outcome in collection.outcomes if outcome.name not in names)
        unreadable = {**collection.facts.unreadable, **held.unreadable}
        return Collection(replace(collection.facts, **values, unreadable=unreadable), (*others, *outcomes))

    def start(self, known: Callable[[], tuple[tuple[Collector, ...], Facts] | None]) -> None:
        """Read again where that is due, for as long as the process lives."""
        threading.Thread(target=self._watch, args=(known,), name="files", daemon=True).start()

    def _watch(self, known: Callable[[], tuple[tuple[Collector, ...], Facts] | None]) -> None:
        while True:
            everything = self._all.wait(AGAIN_SECONDS)
            self._all.clear()
            try:
                latest = known()
                if latest:
                    self.read(self.due(latest[0], everything), latest[1])
            except Exception:  # no thread to be had, for one; the next turn may have more luck
                log.exception("ordinary files could not be read; please report it")

    def due(self, collectors: tuple[Collector, ...], everything: bool) -> tuple[Collector, ...]:
        """Those to read again: what failed or hung or is new, and what may have changed where everything is asked for."""
        ended = {outcome.name: outcome.outcome for outcome in self._held.outcomes}
        return tuple(
            collector
            for collector in self.among(collectors)
            if ended.get(collector.name, FAILED) in (FAILED, STUCK) or (everything and collector.name != _ONCE)
        )
