"""One device, a few, a thousand: what each further one costs, and whether the thousandth costs more than the tenth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.generate import Guest, write

from .daemon import running
from .rows import Row
from .run import Sample, cpu_seconds, in_turn
from .staged import Staged

RUNS = 5
SIZES = (1, 32, 1024)
GUESTS = {
    "disk": [Guest(disks=count) for count in SIZES],
    "network card": [Guest(nics=count) for count in SIZES],
    "processor": [Guest(cpus=count) for count in SIZES],
}
LIMIT = 2.0  # the thousandth against the tenth; quadratic growth would be 32
_SCRAPES = 5


def rows(staged: Staged, above: Path) -> Iterator[Row]:
    for what, guests in GUESTS.items():
        roots = [laid_out(guest, above / f"{what}-{count}") for guest, count in zip(guests, SIZES, strict=True)]
        yield from _of_check(what, roots, staged.agent)
        if what == "disk":
            yield from _of_daemon(roots, staged.whole)


def laid_out(guest: Guest, directory: Path) -> str:
    write(guest, str(directory))
    return str(directory)


def _of_check(what: str, roots: Sequence[str], agent: Sequence[str]) -> Iterator[Row]:
    commands = {root: [*agent, "--check", "--sample", "0", "--root", root] for root in roots}
    few, some, many = in_turn(commands, RUNS, cpu_seconds).values()
    yield Row(f"--check, CPU with {SIZES[-1]:,} of {what}", many.over(few), "x", f"one {what}", many.median, few.median)
    yield further(what, few, some, many)


def further(what: str, few: Sample, some: Sample, many: Sample) -> Row:
    """What each costs beyond the second size, against each up to it."""
    early = some.beyond(few).times(1 / (SIZES[1] - SIZES[0]))
    late = many.beyond(some).times(1 / (SIZES[2] - SIZES[1]))
    name, against = f"--check, CPU for each {what} {SIZES[1]} to {SIZES[2]:,}", f"each {SIZES[0]} to {SIZES[1]}"
    return Row(name, late.over(early), "x", against, late.median, early.median, limit=LIMIT)


def _of_daemon(roots: Sequence[str], command: Sequence[str]) -> Iterator[Row]:
    """A scrape's CPU and the memory, with one disk and with a thousand."""
    few, many = (_scraped([*command, "--root", root]) for root in (roots[0], roots[-1]))
    against, with_many = "one disk", f"with {SIZES[-1]:,} disks"
    values = [Sample((mine / peer,)) for mine, peer in zip(many, few, strict=True)]
    yield Row(f"--serve, CPU of a scrape {with_many}", values[0], "x", against, many[0], few[0])
    yield Row(f"--serve, memory {with_many}", values[1], "x", against, many[1], few[1], amounts="MB")


def _scraped(command: Sequence[str]) -> tuple[float, float]:
    """CPU seconds of a scrape, and megabytes after it."""
    with running(command) as daemon:
        daemon.scrape(1)
        before = daemon.cpu_seconds()
        daemon.scrape(_SCRAPES)
        return (daemon.cpu_seconds() - before) / _SCRAPES, daemon.resident_megabytes()
