"""Many scrapers: what each of them waits, what it costs that they come together, and how old their answers are."""

from __future__ import annotations

import bisect
import os
import pathlib
import time
from collections.abc import Sequence

from tests.bench.daemon import Daemon
from tests.generate import Guest, write

from . import load_clients
from .daemon import HOST, Running, started
from .load_clients import Answered
from .promise import Bench, Promise, hold

RATE, CLIENTS = 200, 8
SHORT_SECONDS, LONG_SECONDS = 20, 300
P99_SECONDS = 0.25
CROWD, ROUNDS, ALONE = 32, 20, 200
SHARED, CROWD_SECONDS = 0.7, 2.0
_BALLOON = "sys/devices/system/xen_memory/xen_memory0"
_METRIC = b"\nvirt_xen_balloon_target_bytes "
_ASKED_EACH, _WRITTEN_EVERY = 150, 0.002


def _rate(bench: Bench) -> str:
    seconds = LONG_SECONDS if bench.long else SHORT_SECONDS
    with started(bench) as running:
        load_clients.in_a_row(running.port, CLIENTS)
        before = _cpu(running)
        found = load_clients.at_rate(running.port, RATE, seconds, CLIENTS)
        busy = (_cpu(running) - before) / seconds
    seen = (
        f"{len(found):,} scrapes in {seconds} s, {_told(found)}, {load_clients.latencies(found)}, {busy:.2f} processors"
    )
    hold(not load_clients.faults(found) and load_clients.slow(found) <= P99_SECONDS, seen)
    return seen


def _crowd(bench: Bench) -> str:
    with started(bench) as running:
        load_clients.in_a_row(running.port, ALONE)
        alone = _cpu_each(running, lambda: load_clients.in_a_row(running.port, ALONE))[0]
        each, found = _cpu_each(running, lambda: load_clients.together(running.port, ROUNDS, CROWD))
    slowest = max(answered.seconds for answered in found)
    seen = (
        f"{ROUNDS} times {CROWD}, {_told(found)}, the slowest {slowest * 1000:.0f} ms, {each * 1000:.1f} ms of CPU each"
        f" where one alone takes {alone * 1000:.1f} ms"
    )
    hold(not load_clients.faults(found) and each <= SHARED * alone and slowest <= CROWD_SECONDS, seen)
    return seen


def _cpu_each(running: Running, ask: load_clients.Asking) -> tuple[float, list[Answered]]:
    before = _cpu(running)
    found = ask()
    return (_cpu(running) - before) / len(found), found


def _cpu(running: Running) -> float:
    """In nanoseconds' steps, where /proc has hundredths of a second."""
    return Daemon(running.pid, f"{HOST}:{running.port}").cpu_seconds()


def _told(found: Sequence[Answered]) -> str:
    wrong = load_clients.faults(found)
    return f"{len(wrong)} errors ({wrong[0]})" if wrong else "0 errors"


class Moving:
    """A file whose number grows, and when it came to each."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._aside = path.with_suffix(".new")
        self.written: list[float] = []  # at [n] it came to n
        self.step()

    def step(self) -> None:
        """The next number, all of it at once."""
        self._aside.write_text(f"{len(self.written)}\n")
        os.replace(self._aside, self._path)
        self.written.append(time.monotonic())

    def at(self, moment: float) -> int:
        """The number that stood there then."""
        return bisect.bisect_right(self.written, moment) - 1

    def age(self, number: int, moment: float) -> float:
        """How long another number had stood there by then."""
        return max(moment - self.written[number + 1], 0.0) if number + 1 < len(self.written) else 0.0


def _fresh(bench: Bench) -> str:
    root = bench.scratch / "guest"
    write(Guest(), str(root))
    (root / _BALLOON).mkdir(parents=True)
    moving = Moving(root / _BALLOON / "target_kb")
    with started(bench, root=root) as running, load_clients.meanwhile(moving.step, _WRITTEN_EVERY):
        found = load_clients.by_threads(
            CLIENTS, lambda _, into: into.extend(load_clients.in_a_row(running.port, _ASKED_EACH))
        )
    shown = [(answered, number(answered.body)) for answered in found if not answered.fault]
    older = sum(value < moving.at(answered.due) for answered, value in shown)
    oldest = max(moving.age(value, answered.due + answered.seconds) for answered, value in shown)
    seen = (
        f"{len(found):,} scrapes, {_told(found)}, {len({value for _, value in shown}):,} values of"
        f" {len(moving.written):,}, {older} older than their question, at arrival {oldest * 1000:.0f} ms old at most"
    )
    hold(not load_clients.faults(found) and not older, seen)
    return seen


def number(body: bytes) -> int:
    """What the exposition says of the file; -1 where it says nothing."""
    value = body.partition(_METRIC)[2].partition(b"\n")[0]
    return round(float(value) / 1024) if value else -1


PROMISES = (
    Promise(
        "load",
        f"{RATE} scrapes a second over {CLIENTS} kept connections, for {SHORT_SECONDS} s, with --long"
        f" {LONG_SECONDS // 60} minutes",
        f"each is answered whole, 99 of 100 within {P99_SECONDS:g} s of when they were due",
        _rate,
    ),
    Promise(
        "load",
        f"{CROWD} scrapes at the same moment, again and again",
        f"they share looks at the machine: each takes at most {SHARED:g} of the CPU of one that comes alone, and is"
        f" answered within {CROWD_SECONDS:g} s",
        _crowd,
    ),
    Promise(
        "load",
        f"{CLIENTS} clients scraped without a pause while a value in /sys moved every {_WRITTEN_EVERY * 1000:g} ms",
        "no answer is older than its question: the look that it shows began after the question came",
        _fresh,
    ),
)
