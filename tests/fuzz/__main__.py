"""`python3 -m tests.fuzz --seconds 300 --seed N`: damage to every file of every guest, until the time is up.

With --coverage it is the parsers that are fuzzed, by atheris, each for its share of the time; with --bombs snapshots of
full size that are made to harm are opened. docs/fuzzing.md tells more.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from . import bombs, coverage
from .damage import DAMAGES, Case, cases, damaged, named
from .subject import MODES, Output, Subject, guests, lay_out
from .targets import TARGETS

CASE_SECONDS = 30  # a run of the command has 8 for itself
SETS_FROM, SETS_TO = 2, 40
COMMAND_EVERY, PROCESS_EVERY = 10, 200  # so many cases apart, all modes as a call, and as a process


class TooSlow(Exception):
    """One case did not end."""


class Count(NamedTuple):
    """How one share of the guests fared. `whole`: every file had every damage before the time was up."""

    passed: int
    failed: int
    read: int
    whole: bool


def main() -> int:
    options = _options()
    if options.input:
        return coverage.run_input(options.target[0], options.input)
    if options.coverage:
        return coverage.campaign(
            options.target or (), options.seconds, options.runs, options.seed, options.jobs, options.keep
        )
    if options.bombs:
        return bombs.campaign()
    return _damage(options)


def _damage(options: argparse.Namespace) -> int:
    names = options.guest or guests()
    if options.case:
        return _replay(names, list(map(named, options.case)), options.seed)
    shares = [names[at :: options.jobs] for at in range(min(options.jobs, len(names)))]
    with ProcessPoolExecutor(len(shares)) as pool:
        counts = list(pool.map(partial(campaign, options.seed, options.seconds), shares))
    passed, failed = sum(count.passed for count in counts), sum(count.failed for count in counts)
    read = sum(count.read for count in counts)
    left = "" if all(count.whole for count in counts) else "; the time was up before every file had every damage"
    print(f"seed {options.seed}: {len(names)} guests, {read} files that are read, {len(DAMAGES)} damages{left}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


def campaign(seed: int, seconds: float, names: list[str]) -> Count:
    """All guests of one share."""
    with tempfile.TemporaryDirectory() as above:
        subjects = [lay_out(name, Path(above) / name) for name in names]
        return Campaign(seed, time.monotonic() + seconds).run(subjects)


def _replay(names: list[str], damages: list[Case], seed: int) -> int:
    """Just these damages."""
    with tempfile.TemporaryDirectory() as above:
        subjects = [lay_out(name, Path(above) / name) for name in names]
        found = [f"{it.name}: {complaint}" for it in subjects for complaint in _try(it, damages, seed)]
    print("\n".join(found) or "no complaint")
    return int(bool(found))


def _options() -> argparse.Namespace:
    told = (__doc__ or "").partition("`: ")[2]
    parser = argparse.ArgumentParser(prog="python3 -m tests.fuzz", description=told)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--runs", type=int, default=0, help="with --coverage: so many inputs of each target at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--guest", action="append", choices=guests(), help="these only; may be repeated")
    parser.add_argument("--case", action="append", metavar="DAMAGE:PATH", help="just this, as a failure prints it")
    parser.add_argument("--coverage", action="store_true", help="fuzz the parsers, guided by coverage (needs atheris)")
    parser.add_argument("--target", action="append", choices=TARGETS, help="this parser only; may be repeated")
    parser.add_argument("--keep", action="store_true", help="with --coverage: keep the smallest inputs that cover more")
    parser.add_argument("--input", type=Path, help="with one --target: run this file, and show what it raises")
    parser.add_argument("--bombs", action="store_true", help="open snapshots that are made to harm, in their full size")
    options = parser.parse_args()
    if options.input and len(options.target or ()) != 1:
        parser.error("--input goes with one --target")
    return options


class Campaign:
    """Counts what passed, prints what failed with the least damage that shows it."""

    def __init__(self, seed: int, end: float) -> None:
        self.seed, self.end = seed, end
        self.passed = self.failed = 0

    def run(self, subjects: list[Subject]) -> Count:
        whole = all(self._stage(subjects, chosen) for chosen in (_whole, _singles, _unread))
        while whole and time.monotonic() < self.end:
            self._stage(subjects, lambda it: _sets(it, Random(f"{self.seed} {it.name} {self.passed}")))
        return Count(self.passed, self.failed, sum(len(subject.readers) for subject in subjects), whole)

    def _stage(self, subjects: list[Subject], chosen: Callable[[Subject], Iterator[list[Case]]]) -> bool:
        """False where the time was up before the end. Guests take turns, so that each gets its share."""
        waiting = [(subject, chosen(subject)) for subject in subjects]
        while waiting:
            for subject, more in list(waiting):
                if time.monotonic() >= self.end:
                    return False
                damages = next(more, None)
                if damages is None:
                    waiting.remove((subject, more))
                else:
                    self._count(subject, damages)
        return True

    def _count(self, subject: Subject, damages: list[Case]) -> None:
        number = self.passed + self.failed
        found = _try(subject, damages, self.seed, number)
        self.passed += not found
        if found:
            self.failed += 1
            least = _least(subject, damages, self.seed, number)
            words = " ".join(f"--case '{case}'" for case in least[:50])
            print(f"FAILED python3 -m tests.fuzz --seed {self.seed} --guest {subject.name} {words}")
            print("".join(f"       {complaint}\n" for complaint in found[:5]), end="", flush=True)


def _whole(subject: Subject) -> Iterator[list[Case]]:
    """Nothing, then each damage to all files that are read."""
    yield []
    for damage in DAMAGES:
        yield [case for case in cases(subject.readers) if case.damage is damage]


def _unread(subject: Subject) -> Iterator[list[Case]]:
    """All files that nobody looks at, each with another damage than its neighbour, until each had all."""
    for turn in range(len(DAMAGES)):
        every = [Case(path, DAMAGES[(at + turn) % len(DAMAGES)]) for at, path in enumerate(subject.unread)]
        yield [case for case in every if case.damage.answers or not case.path.startswith("virt-agent/")]


def _singles(subject: Subject) -> Iterator[list[Case]]:
    every = cases(subject.readers)
    Random(subject.name).shuffle(every)
    yield from ([case] for case in every)


def _sets(subject: Subject, chance: Random) -> Iterator[list[Case]]:
    every = cases(subject.readers)
    yield chance.sample(every, min(len(every), chance.randrange(SETS_FROM, SETS_TO)))


def _try(subject: Subject, damages: list[Case], seed: int, number: int = 0) -> list[str]:
    """What there is to complain about with these damages."""
    signal.signal(signal.SIGALRM, _too_slow)
    with damaged(subject.root, damages, seed):
        signal.alarm(CASE_SECONDS)
        try:
            return [*subject.complaints(damages), *_commands(subject, number)]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return [f"{type(error).__name__}: {error}"]
        finally:
            signal.alarm(0)


def _commands(subject: Subject, number: int) -> Iterator[str]:
    outputs = list(subject.outputs()) if number % COMMAND_EVERY == 0 else []
    outputs += [_process(subject, mode) for mode in MODES] if number % PROCESS_EVERY == 0 else []
    for output in outputs:
        yield from output.complaints()


def _process(subject: Subject, mode: str) -> Output:
    command = [sys.executable, "-m", "virt_agent", mode, "--root", str(subject.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CASE_SECONDS, check=False)
    return Output(mode, done.returncode, done.stdout, done.stderr)


def _too_slow(_number: int, _frame: object) -> None:
    raise TooSlow(f"no answer within {CASE_SECONDS} s")


def _least(subject: Subject, damages: list[Case], seed: int, number: int) -> list[Case]:
    """As few of the damages as still fail."""
    size = len(damages) // 2
    while size and len(damages) > 1:
        for start in range(0, len(damages), size):
            fewer = damages[:start] + damages[start + size :]
            if _try(subject, fewer, seed, number):
                damages = fewer
                break
        else:
            size //= 2
        size = min(size, len(damages) - 1)
    return damages


if __name__ == "__main__":
    sys.exit(main())
