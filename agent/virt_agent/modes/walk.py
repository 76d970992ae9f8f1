"""A walk over the collectors that tells which one is at work: so a disk or a service that hangs is seen by name."""

from __future__ import annotations

from virt_collectors.collect import COLLECTOR_SECONDS, Collection, Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from virt_collectors.collect import Collector
    from virt_collectors.facts import Facts
    from virt_collectors.host import Host

    from ..render.progress import Progress


class ToldRunner(Runner):
    """A Runner that takes its collectors one by one."""

    def __init__(self, host: Host, progress: Progress, collector_seconds: float = COLLECTOR_SECONDS) -> None:
        super().__init__(host, collector_seconds)
        self._progress = progress
        self._done = self._of = 0

    def collect(self, collectors: Iterable[Collector], seconds: float, before: Facts | None = None) -> Collection:
        """One round, told as it goes."""
        chosen = tuple(collectors)
        self._done, self._of = 0, len(chosen)
        return super().collect(chosen, seconds, before)

    def _round(self, collectors: list[Collector], end: float, before: Facts | None) -> list[Any]:
        results: list[Any] = []
        for collector in collectors:
            self._done += 1
            self._progress.tell(f"reading {collector.name}", self._done, self._of)
            results += super()._round([collector], end, before)
        return results
