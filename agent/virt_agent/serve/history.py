"""Earlier readings, for rates and durations: dense for the last minute, sparse for the quarter of an hour before."""

from __future__ import annotations

from ..rules.form import Reading

SECONDS = 900.0
_APART_SECONDS = 10.0  # a rate over less says little
_SPARSE = 5  # the older, the further apart: one fifth of their age


class History:
    """Readings of one guest since it was last resumed."""

    def __init__(self) -> None:
        self._kept: list[Reading] = []

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Oldest first."""
        return tuple(self._kept)

    def keep(self, reading: Reading) -> None:
        """Add the reading of now, and drop those that are too old or too near to their neighbours."""
        if not self._kept or _age(self._kept[-1], reading) >= _APART_SECONDS:
            self._kept.append(reading)
            self._kept = self._thinned(reading)

    def clear(self) -> None:
        """The guest was suspended: its counters begin anew."""
        self._kept.clear()

    def _thinned(self, now: Reading) -> list[Reading]:
        kept: list[Reading] = []
        for reading in self._kept:
            age = _age(reading, now)
            apart = max(_APART_SECONDS, (age - 60) / _SPARSE)
            if age <= SECONDS and (not kept or age == 0 or _age(kept[-1], reading) >= apart):
                kept.append(reading)
        return kept


def _age(reading: Reading, now: Reading) -> float:
    return (now.monotonic or 0.0) - (reading.monotonic or 0.0)
