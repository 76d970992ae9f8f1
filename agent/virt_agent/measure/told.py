"""Probes that tell how far they are.

Once a round and no more: who reads the line on this machine is woken by each, and that is work beside what is measured.
It is told before a probe takes its first time.
"""

from __future__ import annotations

from virt_collectors.record import replace

from .figures import BY_NAME
from .rounds import Planned, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..render.progress import Progress


def told(planned: Sequence[Planned], progress: Progress, rounds: int) -> tuple[Planned, ...]:
    """The same probes, telling."""
    turns = _Turns(progress, rounds)
    return tuple(replace(each, make=_making(each, progress, turns)) for each in planned)


def _making(each: Planned, progress: Progress, turns: _Turns) -> Callable[[float], Probe]:
    def make(left: float) -> Probe:
        progress.tell(f"preparing {BY_NAME[each.figures[0]].title}")
        return _Told(each.make(left), turns)

    return make


class _Turns:
    """Knows which round was told."""

    def __init__(self, progress: Progress, rounds: int) -> None:
        self._progress, self._rounds = progress, rounds
        self._latest = 0

    def begin(self, number: int) -> None:
        """The first probe of a round tells it, whichever that is: those that failed have no more turns."""
        if number > self._latest:
            self._latest = number
            self._progress.tell("measuring in rounds", number, self._rounds)


class _Told(Probe):
    def __init__(self, probe: Probe, turns: _Turns) -> None:
        self._probe, self._turns = probe, turns
        self._number = 0

    def batch(self, left: float) -> Mapping[str, float]:
        self._number += 1
        self._turns.begin(self._number)
        return self._probe.batch(left)
