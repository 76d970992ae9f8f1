"""`python -m tests.reliability`: each promise tried on a real daemon, one line for each.

    python -m tests.reliability                         # make reliability: some minutes
    python -m tests.reliability --only faults "EIO"     # an area, or words of what is done
    python -m tests.reliability --only faults --jobs 3  # a third of the time
    python -m tests.reliability --long --write          # all of it, and docs/reliability.md has what was seen

Loopback alone, in directories of its own. As root most: without it, what needs mounts and memory limits cannot be run.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib
import pathlib
import pkgutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import page
from .promise import AREAS, Bench, Broken, CannotRun, Promise

KEPT, BROKEN, NOT_RUN = "kept", "BROKEN", "not run"
_ALSO = {"flood": "hostility"}  # modules that are named for something else than their area


class Tried(NamedTuple):
    """How it went, after how many seconds."""

    promise: Promise
    state: str
    seconds: float
    seen: str

    def __str__(self) -> str:
        return f"{self.state:<7} {self.seconds:6.1f} s  {self.promise.area}: {self.promise.done}: {self.seen}"


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where a promise is broken, 2 where one could not be tried, unless that is allowed."""
    options = _options(arguments)
    known = promises(options.only)
    tried = list(_all(list(chosen(known, options.only, options.long)), options.long, options.jobs))
    if options.again:
        tried = [_again(one, options.long) if one.state == BROKEN else one for one in tried]
    kept = {page.cell(one.promise.done): page.Kept(one.seen, page.today()) for one in tried if one.state == KEPT}
    if options.write:
        page.write(kept, known)
    states = [one.state for one in tried]
    print(f"{states.count(KEPT)} kept, {states.count(BROKEN)} broken, {states.count(NOT_RUN)} not run")
    return 1 if BROKEN in states or not states else 2 if NOT_RUN in states and not options.allow_missing else 0


def promises(only: Sequence[str] = ()) -> list[Promise]:
    """Of all modules here, area by area; where only areas are named, of their modules."""
    areas = only if only and set(only) <= set(AREAS) else AREAS
    package = importlib.import_module("tests.reliability")
    found: list[Promise] = []
    for module in pkgutil.iter_modules(package.__path__):
        prefix = module.name.partition("_")[0]
        if _ALSO.get(prefix, prefix) in areas:
            found += getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "PROMISES", ())
    return sorted(found, key=lambda promise: AREAS.index(promise.area))


def chosen(known: Sequence[Promise], only: Sequence[str], long: bool) -> Iterator[Promise]:
    """Those of an area, or with one of the words in what is done; all where nothing is named."""
    for promise in known:
        named = not only or any(word == promise.area or word.lower() in promise.done.lower() for word in only)
        if named and (long or not promise.long):
            yield promise


def _all(wanted: Sequence[Promise], long: bool, jobs: int) -> Iterator[Tried]:
    """In their order, so many at a time; each is told as soon as those before it are."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for tried in pool.map(lambda promise: attempt(promise, long), wanted):
            print(tried, flush=True)
            yield tried


def _again(broken: Tried, long: bool) -> Tried:
    print("once more, alone:", flush=True)
    tried = attempt(broken.promise, long)
    print(tried, flush=True)
    return tried


def attempt(promise: Promise, long: bool) -> Tried:
    """In a fresh directory; whatever is raised, the others are tried too."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="virt-agent-", ignore_cleanup_errors=True) as directory:
        try:
            state, seen = KEPT, promise.run(Bench(sys.executable, pathlib.Path(directory), long))
        except Broken as broken:
            state, seen = BROKEN, str(broken)
        except CannotRun as missing:
            state, seen = NOT_RUN, str(missing)
        except Exception as error:  # noqa: BLE001 - whatever it is, the promise was not kept
            state, seen = BROKEN, f"not as expected: {error!r:.300}"
    return Tried(promise, state, time.monotonic() - began, page.cell(seen))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="an area, or words of what is done")
    parser.add_argument("--long", action="store_true", help="those that take minutes too")
    parser.add_argument("--write", action="store_true", help="put what was seen into docs/reliability.md")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time; faults mostly wait, load must be alone")
    parser.add_argument("--again", action="store_true", help="a broken one once more: other work may have slowed it")
    parser.add_argument("--allow-missing", action="store_true", help="what cannot be tried here is no failure")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
