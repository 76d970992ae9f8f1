"""The table: what was measured, against what, and whether the stated target holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .run import Sample

HEAD = ("WHAT", "AGAINST", "IT", "PEER", "RATIO OR FIGURE", "HALF OF ALL", "TARGET", "")


class Row(NamedTuple):
    """`value` is judged: a ratio where there is a peer, else a figure in `unit`. No `target`: for information."""

    what: str
    value: Sample | None
    unit: str = "x"
    against: str = ""
    mine: float | None = None  # seconds
    peer: float | None = None
    target: float | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        return self.value is not None and self.target is not None and self.value.median > self.target

    def cells(self) -> tuple[str, ...]:
        figure, half = _figure(self.value, self.unit)
        target = "" if self.target is None else f"<= {self.target:g} {self.unit}"
        judged = "MISSED" if self.missed else "ok" if target else self.note
        return (
            self.what,
            self.against,
            _milliseconds(self.mine),
            _milliseconds(self.peer),
            figure,
            half,
            target,
            judged,
        )

    def plain(self) -> dict[str, Any]:
        low, high = self.value.spread if self.value else (None, None)
        median = self.value.median if self.value else None
        return {**self._asdict(), "value": median, "low": low, "high": high, "missed": self.missed}


def ratio(
    what: str, against: str, samples: dict[str, Sample], target: float | None = None, peer: str | None = None
) -> Row:
    """One command against another that was measured in turn with it."""
    mine, other = samples[what], samples[peer or against]
    return Row(what, mine.over(other), "x", against, mine.median, other.median, target)


def absent(what: str, against: str) -> Row:
    """A peer that this machine does not have."""
    return Row(what, None, against=against, note="not installed")


def _figure(value: Sample | None, unit: str) -> tuple[str, str]:
    if value is None:
        return "", ""
    low, high = value.spread
    return f"{value.median:.2f} {unit}", f"{low:.2f} - {high:.2f}" if len(value.values) > 1 else ""


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1000:.1f} ms"


def table(rows: Iterable[Row]) -> str:
    """Columns as wide as they need be."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
