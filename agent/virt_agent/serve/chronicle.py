"""The state changes that the daemon remembers: the last fifty, in memory, and what goes to and fro as one of them."""

from __future__ import annotations

import threading
import time

from virt_collectors.record import Record, replace

from ..render.ascii import clean
from ..report import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 50
FOLD_SECONDS = 3600.0  # what comes again within that time goes to and fro
LETTERS = 200


class _Entry(Record):
    """A change, what it is a state of, and when it happened last (seconds since 1970)."""

    about: tuple[str, ...]
    at: float
    change: Change


class Chronicle:
    """Takes notes from any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: tuple[_Entry, ...] = ()  # newest first
        self._changes: tuple[Change, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Newest first; a folded one stands where it happened last."""
        return self._changes

    def note(
        self, about: tuple[str, ...], severity: str, text: str, detail: str = "", public: str | None = None
    ) -> None:
        """Remember what became of a state; `about` tells it from other states. For the others see `Change`."""
        now = self._clock()
        shown = None if public is None else clean(public, LETTERS)
        change = Change(_told(now), clean(text, LETTERS), severity, detail=clean(detail, LETTERS), public=shown)
        with self._lock:
            again = self._to_and_fro(about, change.text, now)
            others = tuple(entry for entry in self._entries if entry not in again)
            self._entries = (_Entry(about, now, _folded(change, again)), *others)[:KEPT]
            self._changes = tuple(entry.change for entry in self._entries)

    def _to_and_fro(self, about: tuple[str, ...], text: str, now: float) -> tuple[_Entry, ...]:
        """The entries that this change continues: those on its state, where one of them tells of the same already.

        Steps on one way, as Connected to Closing to Closed, are none of that and stand for themselves.
        """
        same = tuple(entry for entry in self._entries if entry.about == about and abs(now - entry.at) <= FOLD_SECONDS)
        known = any(entry.change.times > 1 or entry.change.text == text for entry in same)
        return same if known else ()


def _folded(change: Change, again: tuple[_Entry, ...]) -> Change:
    """The newest words, and since when how often."""
    if not again:
        return change
    times = 1 + sum(entry.change.times for entry in again)
    return replace(change, time=again[-1].change.time, times=times, last=change.time)


def _told(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
