"""What each library costs: to import or load, in memory, on disk, in packages; docs/dependencies.md has the table.

Each is loaded in a fresh interpreter, in turn with all others and with a Python that loads nothing, in the words in
which our modules do it.
"""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bench.run import Sample, in_turn, peak_bytes

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "dependencies.md"
BEGIN, END = "<!-- costs: begin, written by python -m tests.supply costs --write -->", "<!-- costs: end -->"
RUNS, RUNS_OF_MEMORY = 15, 3
HEAD = ("loaded", "version", "to load it", "half of all", "memory", "on disk", "pulls in")
_SHARED = "import ctypes; ctypes.CDLL({!r})"
_WHERE = "; print(next(line.split()[-1] for line in open('/proc/self/maps') if {!r} in line))"


class Library(NamedTuple):
    """What is loaded: a distribution of pip's, a shared library, or a part of Python to compare with."""

    name: str
    code: str
    distribution: str = ""
    soname: str = ""


LIBRARIES = (
    Library("psutil", "import psutil", "psutil"),
    Library("py-cpuinfo", "from cpuinfo import cpuinfo", "py-cpuinfo"),
    Library("requests", "import requests, requests.adapters, urllib3.connectionpool", "requests"),
    Library(
        "prometheus-client", "import prometheus_client.exposition, prometheus_client.metrics_core", "prometheus-client"
    ),
    Library("tomli", "import tomli", "tomli"),
    Library("PyYAML", "import yaml", "PyYAML"),
    Library("bcrypt", "import bcrypt", "bcrypt"),
    *(Library(name, _SHARED.format(name), soname=name) for name in ("libcrypt.so.1", "libzstd.so.1", "liblz4.so.1")),
    Library("Python's http.client", "import http.client"),
    Library("Python's tomllib", "import tomllib"),
    Library("Python's ctypes", "import ctypes"),
)


class Cost(NamedTuple):
    """`over`: how many times as long as Python alone; bytes; `others` are packages that come along."""

    name: str
    version: str
    over: Sample
    memory: float
    disk: int | None
    others: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        low, high = self.over.spread
        disk = "" if self.disk is None else f"{self.disk / 1e6:.1f} MB"
        many = f"{len(self.others)}: {', '.join(self.others)}" if self.others else "-"
        return (
            *(self.name, self.version, f"{self.over.median:.2f}x", f"{low:.2f} - {high:.2f}"),
            *(f"{self.memory / 1e6:.1f} MB", disk, many),
        )


def main(words: list[str]) -> int:
    if words not in ([], ["--write"]):
        print("costs: takes --write or nothing", file=sys.stderr)
        return 2
    here = [library for library in LIBRARIES if loads(library)]
    missing = [library.name for library in LIBRARIES if library not in here]
    made = "\n".join([measured(here), *([f"\nNot installed there: {', '.join(missing)}."] if missing else [])])
    print(made)
    if words:
        write(made)
    return 0


def loads(library: Library) -> bool:
    return subprocess.run(command(library.code), capture_output=True, check=False).returncode == 0


def command(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def measured(libraries: list[Library]) -> str:
    """The table, below a line that says where it was measured."""
    commands = {"": command("pass")} | {library.name: command(library.code) for library in libraries}
    times = in_turn(commands, RUNS)
    memory = {name: sample.median for name, sample in in_turn(commands, RUNS_OF_MEMORY, peak_bytes).items()}
    rows = [cost(library, times[library.name].over(times[""]), memory[library.name] - memory[""]).cells()
            for library in libraries]  # fmt: skip
    alone = f"Python alone takes {times[''].median * 1000:.0f} ms and {memory[''] / 1e6:.0f} MB there"
    where = (
        f"Python {platform.python_version()}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d', time.gmtime())}"
    )
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join([f"{where}. {alone}.", "", *(f"| {' | '.join(line)} |" for line in lines)])


def cost(library: Library, over: Sample, memory: float) -> Cost:
    if library.soname:
        path = pathlib.Path(_printed(library.code + _WHERE.format(library.soname.partition(".")[0])))
        return Cost(library.name, path.name.rpartition(".so.")[2], over, memory, path.stat().st_size, ())
    if not library.distribution:
        return Cost(library.name, platform.python_version(), over, memory, None, ())
    whole = closure(library.distribution)
    version = importlib.metadata.version(library.distribution)
    return Cost(library.name, version, over, memory, sum(map(size, whole)), tuple(whole[1:]))


def _printed(code: str) -> str:
    return subprocess.run(command(code), stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def closure(distribution: str) -> list[str]:
    """The distribution and all that it pulls in here, without extras."""
    found: list[str] = [canonicalize_name(distribution)]
    for name in found:  # which grows
        found += [each for each in _needs(name) if each not in found]
    return found


def _needs(name: str) -> Iterator[str]:
    for text in importlib.metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def size(distribution: str) -> int:
    """Bytes of its files as pip put them there, byte code apart."""
    files = importlib.metadata.files(distribution) or ()
    paths = (pathlib.Path(str(file.locate())) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.exists())


def write(made: str, document: pathlib.Path = DOCUMENT) -> None:
    """Into the document, between its marks."""
    before, begun, rest = document.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"{document} lacks {BEGIN} and {END} behind it")
    document.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}")
