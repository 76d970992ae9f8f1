"""How long ago each collector read: what never changes is read once, what failed is tried again at each look.

One that hangs reads nothing: its age is that of what it read last, and grows.
"""

from __future__ import annotations

from virt_collectors.collect import STUCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from virt_collectors.collect import Outcome


class Ages:
    """Remembers when an outcome came: one that is the very object of the look before was only carried on."""

    def __init__(self) -> None:
        self._came: dict[str, tuple[Outcome, float]] = {}

    def note(self, outcomes: Iterable[Outcome], now: float) -> dict[str, float]:
        """Seconds since each collector read; nothing of those that never did."""
        before = self._came
        self._came = {}
        for outcome in outcomes:
            held = before.get(outcome.name)
            if outcome.outcome != STUCK and (held is None or held[0] is not outcome):
                held = outcome, now
            if held:
                self._came[outcome.name] = held
        return {name: now - came for name, (_, came) in self._came.items()}
