"""Eight hours of scrapes a second apart and more, as fast as they are answered: nothing that is held may grow.

What grows is told by a line through all measurements (least squares), not by the first and the last, which may be odd.
The first tenth is not counted. The daemon keeps readings of a quarter of an hour, thinned out, and so grows until it has
them: the long run goes on for half an hour at least, and counts its second half.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from . import load_clients
from .daemon import Cost, Running, started
from .load_clients import Answered, Client
from .load_guest import EVERY_SECONDS, GUEST, loaded
from .promise import Bench, Promise, hold

SHORT, SHORT_ON_MANY, LONG = 4_000, 2_000, 100_000
HISTORY_SECONDS, LONG_SECONDS = 900, 1_900
MEGABYTES = 1.0
GATHERING, GATHERING_ON_MANY = 2.0, 4.0  # megabytes, while the history is not full
P99_SECONDS = 0.5
_MEASURED_EVERY, _ANEW_EVERY = 50, 10
_OTHERS = {24: "/check", 49: "/"}  # of each fifty


class Point(NamedTuple):
    """What was held after so many scrapes."""

    scrapes: int
    seconds: float
    cost: Cost


class Grown(NamedTuple):
    """By the line through all points, from the first to the last."""

    megabytes: float
    descriptors: float
    threads: float

    def __str__(self) -> str:
        return f"memory {self.megabytes:+.2f} MB, descriptors {self.descriptors:+.2f}, threads {self.threads:+.2f}"


def growth(points: Sequence[Point]) -> Grown:
    """What was held more at the end than at the beginning."""
    costs = [point.cost for point in points]
    held = ([cost.rss_bytes / 2**20 for cost in costs], [c.descriptors for c in costs], [c.threads for c in costs])
    return Grown(*(line_from_end_to_end([point.scrapes for point in points], each) for each in held))


def line_from_end_to_end(places: Sequence[float], values: Sequence[float]) -> float:
    """By how much the line through them rises."""
    return statistics.linear_regression(places, values).slope * (places[-1] - places[0])


def soak(running: Running, scrapes: int, seconds: float = 0.0) -> tuple[list[Answered], list[Point]]:
    """So many scrapes and for so long at least; each tenth over a new connection, two of fifty of what people read."""
    client, began = Client(running.port), time.monotonic()
    found: list[Answered] = []
    points: list[Point] = []
    for number in itertools.count():
        if number >= scrapes and time.monotonic() - began >= seconds:
            break
        path = _OTHERS.get(number % 50, "/metrics")
        answered = client.ask(path, anew=number % _ANEW_EVERY == 0)._replace(body=b"")
        if path == "/metrics" or answered.fault:
            found.append(answered)
        if number % _MEASURED_EVERY == 0:
            points.append(Point(number, time.monotonic() - began, running.cost()))
    client.close()
    return found, points


def counted(points: Sequence[Point], after_seconds: float = 0.0) -> list[Point]:
    """Those behind the first tenth, and behind so many seconds where it took twice as long."""
    warm = after_seconds if points[-1].seconds > 2 * after_seconds else 0.0
    return [point for point in points if point.scrapes * 10 >= points[-1].scrapes and point.seconds >= warm]


def judged(found: Sequence[Answered], points: Sequence[Point], gathering: float) -> str:
    """What was seen; `gathering` megabytes are allowed where the run was too short to fill the history."""
    behind = counted(points, HISTORY_SECONDS)
    most = MEGABYTES if behind[0].seconds >= HISTORY_SECONDS else gathering
    grown, wrong, size = growth(behind), load_clients.faults(found), behind[-1].cost.rss_bytes / 2**20
    seen = (
        f"{behind[-1].scrapes:,} scrapes, {len(wrong)} errors, p99 {load_clients.slow(found) * 1000:.1f} ms; over the last"
        f" {behind[-1].scrapes - behind[0].scrapes:,} {grown}, of {size:.1f} MB"
    )
    flat = grown.megabytes <= most and grown.descriptors < 1 and grown.threads < 1
    hold(flat and not wrong and load_clients.slow(found) <= P99_SECONDS, seen)
    return seen


def _asked(bench: Bench, running: Running, short: int) -> tuple[list[Answered], list[Point]]:
    return soak(running, LONG, LONG_SECONDS) if bench.long else soak(running, short)


def _live(bench: Bench) -> str:
    with started(bench) as running:
        return judged(*_asked(bench, running, SHORT), GATHERING)


def _many_devices(bench: Bench) -> str:
    with loaded(bench) as (running, kernel):
        found, points = _asked(bench, running, SHORT_ON_MANY)
        names = list(running.metrics())
    disks = sum(name.startswith("virt_block_device_info{") for name in names)
    hold(disks == GUEST.disks, f"the daemon tells of {disks} disks where there are {GUEST.disks}")
    told = judged(found, points, GATHERING_ON_MANY)
    return f"{told}; {kernel.written:,} lines of the kernel, {kernel.lost} lost"


PROMISES = (
    Promise(
        "load",
        f"{SHORT:,} scrapes as fast as they are answered on this machine, with --long {LONG:,} and half an hour at least",
        f"descriptors and threads stay; memory grows by {GATHERING:g} MB at most while the daemon gathers its history, by"
        f" {MEGABYTES:g} MB from then on; p99 {P99_SECONDS:g} s",
        _live,
    ),
    Promise(
        "load",
        f"{SHORT_ON_MANY:,} scrapes, with --long as above, on a guest with {GUEST.disks} disks and {GUEST.nics} cards whose"
        f" kernel writes {1 / EVERY_SECONDS:.0f} lines a second",
        f"the same, with {GATHERING_ON_MANY:g} MB for the larger history",
        _many_devices,
    ),
)
