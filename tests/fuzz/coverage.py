"""Fuzzing that is guided by coverage: each target in turn in a child of its own, by atheris, for a share of the time.

What covers something new is remembered in build/fuzz/TARGET, where the next run goes on. What crashes, hangs or takes
too much memory lies in build/fuzz/crashes.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from . import kept
from .form import Target
from .targets import TARGETS

TOP = Path(__file__).parents[2]
FOUND = TOP / "build" / "fuzz"
CRASHES = FOUND / "crashes"
INPUT_SECONDS, MEMORY_MIB = 10, 1024
_SEEDS = 12  # of a target, for the quick test
_END_SECONDS = 120.0  # beyond its share, for starting, and for an input that hangs
_MISSING = "atheris is missing, which guides it: pip install 'virt-agent[fuzz]' (or leave out --coverage)"


class Ended(NamedTuple):
    """How one target fared: inputs that were run, inputs that covered something new, and the files that crashed it."""

    target: str
    seconds: float
    runs: int
    new: int
    crashes: tuple[Path, ...]
    problem: str | None = None


def campaign(names: Iterable[str], seconds: float, runs: int, seed: int, jobs: int, keep: bool) -> int:
    """The exit code: 1 where something crashed, 2 where it could not be run. `runs` of each target at most, if any."""
    if importlib.util.find_spec("atheris") is None:
        print(f"tests.fuzz: {_MISSING}", file=sys.stderr)
        return 2
    chosen = [TARGETS[name] for name in names] or list(TARGETS.values())
    share = max(seconds * jobs / len(chosen), 1.0)
    ends = []
    with ThreadPoolExecutor(jobs) as pool:
        for ended in pool.map(lambda target: fuzz(target, share, runs, seed), chosen):
            ends.append(ended)
            tell(ended)
            if keep and not ended.crashes and not ended.problem:
                added = kept.keep(ended.target, learned(TARGETS[ended.target]))
                print(f"{'':<20} {added} more kept in {kept.CORPUS.relative_to(TOP)}/{ended.target}")
    crashed, broken = sum(bool(ended.crashes) for ended in ends), sum(bool(ended.problem) for ended in ends)
    total = sum(ended.runs for ended in ends)
    print(f"seed {seed}: {len(ends)} targets, {total} inputs, {crashed} with a crash, {broken} that could not be run")
    return 1 if crashed else 2 if broken else 0


def fuzz(target: Target, seconds: float, runs: int, seed: int) -> Ended:
    """One target for so long, or so many inputs: mostly the same ones, where nothing was learned before."""
    places = [FOUND / target.name, FOUND / "seeds" / target.name]
    for place in (*places, CRASHES):
        place.mkdir(parents=True, exist_ok=True)
    for content in target.seeds():
        (places[1] / kept.name_of(content)).write_bytes(content[: target.most])
    if (kept.CORPUS / target.name).is_dir():
        places.append(kept.CORPUS / target.name)
    before, began = set(CRASHES.iterdir()), time.monotonic()
    limits = (
        f"-max_total_time={int(seconds)}",
        f"-runs={runs or -1}",
        f"-timeout={INPUT_SECONDS}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-seed={seed}",
    )
    said, code = _run(target, [*limits, "-print_final_stats=1", *map(str, places)], seconds + _END_SECONDS)
    crashes = tuple(sorted(set(CRASHES.glob(f"{target.name}-*")) - before))
    runs, new = (_figure(said, name) for name in ("number_of_executed_units", "new_units_added"))
    problem = None if code == 0 or crashes else said.strip()[-600:] or f"exit code {code}"
    return Ended(target.name, time.monotonic() - began, runs, new, crashes, problem)


def learned(target: Target) -> list[bytes]:
    """The inputs that covered something new when they came; libFuzzer keeps the smallest of those that cover the same."""
    return [path.read_bytes() for path in (FOUND / target.name).iterdir()]


def _run(target: Target, arguments: list[str], seconds: float) -> tuple[str, int]:
    """What the child said and its exit code; one that does not end at all is killed."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.child",
        target.name,
        f"-artifact_prefix={CRASHES}/{target.name}-",
        *arguments,
    ]
    try:
        done = subprocess.run(command, cwd=TOP, env=_environment(), capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        return f"{(late.stderr or b'').decode(errors='replace')}\nit did not end within {seconds:.0f} s", -1
    return done.stderr.decode(errors="replace"), done.returncode


def _environment() -> dict[str, str]:
    paths = f"{TOP / 'agent'}:{TOP / 'collectors'}:{TOP}"
    return {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}  # or sets are walked in another order each time


def _figure(said: str, name: str) -> int:
    found = re.search(rf"stat::{name}:\s+(\d+)", said)
    return int(found[1]) if found else 0


def tell(ended: Ended) -> None:
    """A line a target, and below it each crash with what to do about it."""
    verdict = "CRASHED" if ended.crashes else "COULD NOT RUN" if ended.problem else "no crash"
    print(f"{ended.target:<20} {ended.seconds:5.0f} s {ended.runs:>9} inputs {ended.new:>5} new  {verdict}", flush=True)
    for path in ended.crashes:
        shown = path.relative_to(TOP)
        print(f"    {shown}\n    see it: python3 -m tests.fuzz --target {ended.target} --input {shown}", flush=True)
        print(f"    when it is mended: cp {shown} {kept.CORPUS.relative_to(TOP)}/{ended.target}/", flush=True)
    if ended.problem:
        print(f"    {ended.problem}", flush=True)


def run_input(target: str, path: Path) -> int:
    """One input, here; whatever it raises is shown."""
    TARGETS[target].run(path.read_bytes())
    print("it keeps the promise:", TARGETS[target].promise)
    return 0


def quick(target: Target, count: int, seed: int) -> Iterable[bytes]:
    """Without atheris: the kept inputs and the seeds, and some of them changed at random."""
    whole = [*(path.read_bytes() for path in kept.kept(target.name)), *islice(target.seeds(), _SEEDS)]
    yield from whole
    chance = Random(f"{seed} {target.name}")
    for _ in range(count if whole else 0):
        yield kept.changed(chance.choice(whole), chance)[: target.most]
