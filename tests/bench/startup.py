"""Parts of the start-up, each in a fresh interpreter: what `--check` does without, and what it does instead."""

from __future__ import annotations

from collections.abc import Iterator

from .rows import Row
from .run import Sample, in_turn, printed

RECORDS = 30
_FIELDS = "".join(f"    field{at}: int | None\n" for at in range(8))
_TIMED = "import sys, time\nsys.path[0:0] = [{path!r}]\n{before}\nbegan = time.perf_counter()\n{code}\nprint(time.perf_counter() - began)"

_ARGPARSE = """
import argparse
parser = argparse.ArgumentParser()
for option in OPTIONS:
    if option.name not in ("help",):
        action = {"action": "store_true"} if option.value is None else {"metavar": option.value}
        parser.add_argument("--" + option.name, help=option.help, **action)
parser.parse_args(["--check"])
"""
_RECORDS = "".join(f"class Record{at}(Record):\n{_FIELDS}" for at in range(RECORDS))
_TUPLES = "".join(f"class Tuple{at}(NamedTuple):\n{_FIELDS}" for at in range(RECORDS))
_DATACLASSES = "".join(f"@dataclass(frozen=True, slots=True)\nclass Data{at}:\n{_FIELDS}" for at in range(RECORDS))
_LAZY = "from __future__ import annotations\n"

# What it is → code that runs before the clock starts, and code that is timed.
PARTS = {
    "our option parser": ("", "from virt_agent.options import parse; parse(['--check'])"),
    "argparse, the same options": ("from virt_agent.option_table import OPTIONS", _ARGPARSE),
    f"{RECORDS} Records": ("", "from virt_collectors.record import Record\n" + _RECORDS),
    f"{RECORDS} NamedTuples": ("", "from typing import NamedTuple\n" + _TUPLES),
    f"{RECORDS} dataclasses": ("", "from dataclasses import dataclass\n" + _DATACLASSES),
    **{
        f"import {name}": ("", f"import {name}")
        for name in ("typing", "dataclasses", "argparse", "re", "json", "pathlib", "subprocess", "tarfile", "ctypes")
    },
}
PEERS = {
    "argparse, the same options": "our option parser",
    f"{RECORDS} NamedTuples": f"{RECORDS} Records",
    f"{RECORDS} dataclasses": f"{RECORDS} Records",
}


def rows(python: str, path: str, runs: int) -> Iterator[Row]:
    """The cost of each part, and what the usual way costs against ours."""
    commands = {
        name: [python, "-I", "-c", _LAZY + _TIMED.format(path=path, before=before, code=code)]
        for name, (before, code) in PARTS.items()
    }
    samples = in_turn(commands, runs, printed)
    for name, sample in samples.items():
        peer = PEERS.get(name)
        if peer:
            yield Row(name, sample.over(samples[peer]), "x", peer, sample.median, samples[peer].median)
        else:
            yield Row(name, Sample(tuple(value * 1000 for value in sample.values)), "ms", mine=sample.median)
