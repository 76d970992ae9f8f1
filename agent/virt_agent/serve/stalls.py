"""How long the disks have been working on requests without finishing one."""

from __future__ import annotations

from ..rules.form import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    Done = tuple[int | None, int | None]


class Stalls:
    """For how long the requests of each disk have been in flight without any completion."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Done, float]] = {}

    def seconds(self, reading: Reading) -> dict[str, float]:
        """By disk; 0 where nothing is in flight or something finished since the last reading."""
        now, seen = reading.monotonic or 0.0, {}
        for disk in reading.facts.block_devices or ():
            if disk.in_flight and disk.completed is not None:
                done: Done = (disk.completed, disk.flushed)  # a long discard is no stall
                earlier, since = self._seen.get(disk.name, (None, now))
                seen[disk.name] = (done, since if earlier == done else now)
        self._seen = seen
        return {name: now - since for name, (_, since) in seen.items()}
