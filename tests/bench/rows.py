"""The table: what was measured, against what, what we aim at, and the limit that must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .run import Sample

HEAD = ("WHAT", "AGAINST", "IT", "PEER", "RATIO OR FIGURE", "HALF OF ALL", "AIM", "LIMIT", "")
# What a busy machine adds to the ratio of two things that are measured in turn.
BUSY, BUSY_MEMORY = 1.25, 1.1
LOCKED_MEGABYTES = 4  # of programs and libraries that the daemon keeps in memory, touched or not (serve/resident.py)
# How amounts in seconds and megabytes are printed: factor, unit.
_SHOWN = {"s": (1000, "ms"), "MB": (1, "MB")}


class Row(NamedTuple):
    """`value` is judged: a ratio where there is a peer, else a figure in `unit`; `mine` and `peer` are what it is of.

    `aim` is what we want of ourselves. A run fails beyond `limit`, which stands above it by what a busy machine adds.
    """

    what: str
    value: Sample | None
    unit: str = "x"
    against: str = ""
    mine: float | None = None
    peer: float | None = None
    aim: float | None = None
    limit: float | None = None
    note: str = ""
    amounts: str = "s"

    @property
    def met(self) -> bool | None:
        """Whether the aim is; None where there is none or nothing was measured."""
        return None if self.value is None or self.aim is None else self.value.median <= self.aim

    @property
    def over(self) -> bool:
        """Whether it is beyond its limit."""
        return self.value is not None and self.limit is not None and self.value.median > self.limit

    def judged(self) -> str:
        if self.over:
            return "OVER THE LIMIT"
        return self.note if self.met is None else "met" if self.met else "not met"

    def cells(self) -> tuple[str, ...]:
        figure, half = _figure(self.value, self.unit)
        amounts = (_amount(amount, self.amounts) for amount in (self.mine, self.peer))
        bounds = (_bound(bound, self.unit) for bound in (self.aim, self.limit))
        return self.what, self.against, *amounts, figure, half, *bounds, self.judged()

    def plain(self) -> dict[str, Any]:
        low, high = self.value.spread if self.value else (None, None)
        median = self.value.median if self.value else None
        return {**self._asdict(), "value": median, "low": low, "high": high, "met": self.met, "over": self.over}


class Section(NamedTuple):
    """Rows that belong together, under the name that the document's marks have."""

    name: str
    rows: Sequence[Row]


def ratio(
    what: str, against: str, samples: dict[str, Sample], aim: float | None = None, peer: str | None = None
) -> Row:
    """One command against another that was measured in turn with it; the limit follows from the aim."""
    mine, other = samples[what], samples[peer or against]
    return Row(what, mine.over(other), "x", against, mine.median, other.median, aim, aim and aim * BUSY)


def absent(what: str, against: str) -> Row:
    """A peer that this machine does not have."""
    return Row(what, None, against=against, note="not installed")


def _figure(value: Sample | None, unit: str) -> tuple[str, str]:
    if value is None:
        return "", ""
    low, high = value.spread
    return f"{value.median:.2f} {unit}".rstrip(), f"{low:.2f} - {high:.2f}" if len(value.values) > 1 else ""


def _amount(value: float | None, kind: str) -> str:
    factor, unit = _SHOWN[kind]
    return "" if value is None else f"{value * factor:.1f} {unit}"


def _bound(value: float | None, unit: str) -> str:
    return "" if value is None else f"<= {value:.3g} {unit}".rstrip()


def table(rows: Iterable[Row]) -> str:
    """Columns as wide as they need be."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
