"""Two runs, or two lots of runs: which is better, where that can be said.

A verdict is given only where the two intervals do not overlap. Of several runs it is the 95 % interval of the median
of their medians. Of one run that would not do: its rounds are of one minute, and the same machine differs from itself
a minute later. Twelve runs on one busy guest, each against each, gave 53 wrong verdicts of 660 by the 95 % interval of
a run's median, and 2 where most rounds of one (all but the lowest and highest tenth) had to be better than most of
the other. So that is asked of single runs.
"""

from __future__ import annotations

from virt_collectors.record import Record

from .figures import BOOT, BY_NAME, FIGURES, Figure
from .rounds import Measured
from .samples import interval, median, most

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .document import Run

BETTER_A, BETTER_B = "A better", "B better"
NONE_SHOWN, TOO_FEW, MISSING = "no difference shown", "too few values", "not measured in both"

# What makes two runs less alike than their user may think: part of the document, key, word for it.
_LIKENESS = (
    ("verdict", "words", "virtualization"),
    ("verdict", "instance_type", "instance type"),
    ("host", "processor", "processor"),
    ("host", "cpus", "CPUs"),
    ("host", "kernel", "kernel"),
    ("conditions", "clocksource", "clocksource"),
    ("conditions", "forced", "forced on a busy machine"),
    ("disk", "file_system", "file system"),
    ("disk", "driver", "disk driver"),
    ("disk", "file_bytes", "file size in bytes"),
    ("host", "python", "Python"),
    ("host", "openssl", "OpenSSL"),
)


class Side(Record):
    """One figure of one side: of one run's rounds, or of several runs; `interval` is None of too few values."""

    median: float
    interval: tuple[float, float] | None
    count: int


class Comparison(Record):
    """One figure on both sides. `ratio` is how many times as good the better median is, None where one is 0."""

    figure: Figure
    a: Side | None
    b: Side | None
    verdict: str
    ratio: float | None


class Difference(Record):
    """Something besides the figures in which the runs differ."""

    what: str
    a: str
    b: str


def compare(a: Sequence[Run], b: Sequence[Run]) -> tuple[Comparison, ...]:
    """Every figure that at least one side has measured."""
    found = []
    for figure in FIGURES:
        one, other = side(a, figure.name), side(b, figure.name)
        if one or other:
            found.append(Comparison(figure, one, other, verdict(figure, one, other), ratio(one, other)))
    return tuple(found)


def side(runs: Sequence[Run], name: str) -> Side | None:
    """The values of one run; of several runs, the median of each. A boot has one time, however often it is told."""
    if BY_NAME[name].group == BOOT:
        runs = list({run.host.get("boot_id"): run for run in runs}.values())
    lots = [values for run in runs if (values := run.figures.get(name, Measured()).values)]
    if not lots:
        return None
    if len(runs) == 1:
        return Side(median(lots[0]), most(lots[0]), len(lots[0]))
    medians = [median(lot) for lot in lots]
    return Side(median(medians), interval(medians), len(medians))


def verdict(figure: Figure, a: Side | None, b: Side | None) -> str:
    """Who is better, or why that cannot be said."""
    if a is None or b is None:
        return MISSING
    if a.interval is None or b.interval is None:
        return TOO_FEW
    if a.interval[0] > b.interval[1]:
        return BETTER_A if figure.more_is_better else BETTER_B
    if b.interval[0] > a.interval[1]:
        return BETTER_B if figure.more_is_better else BETTER_A
    return NONE_SHOWN


def ratio(a: Side | None, b: Side | None) -> float | None:
    """The higher median over the lower."""
    if a is None or b is None or not a.median or not b.median:
        return None
    return max(a.median, b.median) / min(a.median, b.median)


def differences(a: Sequence[Run], b: Sequence[Run]) -> tuple[Difference, ...]:
    """What else differs: any of it may be the cause of a difference in the figures."""
    found = []
    for part, key, what in _LIKENESS:
        one, other = (_said(runs, part, key) for runs in (a, b))
        if one != other or len(one) > 1:
            found.append(Difference(what, " and ".join(one), " and ".join(other)))
    return tuple(found)


def _said(runs: Sequence[Run], part: str, key: str) -> tuple[str, ...]:
    """The value, or all of them where the runs of one side differ among themselves."""
    tables: list[Mapping[str, Any]] = [getattr(run, part) for run in runs]
    return tuple(dict.fromkeys(_word(table.get(key)) for table in tables))


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else str(value)
