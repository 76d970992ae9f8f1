"""What is told of values: the median, the quartiles, most of them, and where the true median lies."""

from __future__ import annotations

import math
import statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
FEWEST = 6  # of fewer values, not even the lowest and the highest enclose the median with that confidence


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return float(statistics.median(values))


def half(values: Sequence[float]) -> tuple[float, float]:
    """The quartiles: half of all values lie between them."""
    if len(values) < 2:
        return values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return min(low, middle), max(high, middle)  # rounding may put a quartile a hair beyond the median


def most(values: Sequence[float]) -> tuple[float, float] | None:
    """What is left without the lowest and the highest tenth; None of too few values."""
    cut = math.ceil(len(values) / 10)
    ordered = sorted(values)
    return (ordered[cut - 1], ordered[-cut]) if len(values) >= FEWEST else None


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many per cent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The interval of the median with 95 % confidence, whatever the distribution; None of too few values.

    A value lies below the true median with probability 1/2, so how many of n do is binomial: the k-th lowest and the
    k-th highest enclose it but for twice the tail below k (Conover, Practical Nonparametric Statistics, 3.2).
    """
    count = len(values)
    rank, tail = 0, 0.0
    while True:
        tail += math.comb(count, rank) / 2**count
        if 2 * tail > 1 - CONFIDENCE:
            break
        rank += 1
    ordered = sorted(values)
    return (ordered[rank - 1], ordered[count - rank]) if rank else None
