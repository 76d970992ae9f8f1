"""How long ago each collector read: what never changes is read once, and what failed is tried again at each look."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from virt_collectors.collect import Outcome


class Ages:
    """Remembers when an outcome came: one that is the very object of the look before was only carried on."""

    def __init__(self) -> None:
        self._came: dict[str, tuple[Outcome, float]] = {}

    def note(self, outcomes: Iterable[Outcome], now: float) -> dict[str, float]:
        """Seconds since each collector read."""
        before = self._came
        self._came = {}
        for outcome in outcomes:
            held = before.get(outcome.name)
            self._came[outcome.name] = held if held and held[0] is outcome else (outcome, now)
        return {name: now - came for name, (_, came) in self._came.items()}
