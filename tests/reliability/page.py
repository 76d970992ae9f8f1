"""The tables of docs/reliability.md, between their marks: what was done, what is promised, what was seen, and when."""

from __future__ import annotations

import os
import pathlib
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.documents import TOP
from virt_agent import __version__

from .promise import Promise

DOCUMENT = TOP / "docs" / "reliability.md"
NEVER = "not tried so far"
_BEGIN, _END = "<!-- table {} -->", "<!-- end -->"
_HEAD = "| what was done | promised | seen | when |\n|---|---|---|---|"


class Kept(NamedTuple):
    """A promise that was tried and held: what was seen, and on which day."""

    seen: str
    day: str


def write(kept: Mapping[str, Kept], promises: Sequence[Promise], document: pathlib.Path = DOCUMENT) -> None:
    """Put them into the document by area; a promise that was not tried now keeps what its row said."""
    text = document.read_text()
    for area in dict.fromkeys(promise.area for promise in promises):
        before, inside, after = _parts(text, area, document)
        rows = {**rows_of(inside), **kept}
        table = "\n".join(_row(promise, rows) for promise in promises if promise.area == area)
        text = f"{before}\n\n{machine()}\n\n{_HEAD}\n{table}\n\n{after}"
    document.write_text(text)


def _parts(text: str, area: str, document: pathlib.Path) -> tuple[str, str, str]:
    begin = _BEGIN.format(area)
    before, found, rest = text.partition(begin)
    inside, ended, after = rest.partition(_END)
    if not (found and ended):
        raise ValueError(f"{document} lacks {begin} and {_END} behind it")
    return before + begin, inside, _END + after


def rows_of(table: str) -> dict[str, Kept]:
    """What an earlier run wrote, by what was done."""
    cells = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines() if line[:1] == "|")
    return {row[0]: Kept(row[2], row[3]) for row in cells if len(row) == 4 and row[3][:1].isdigit()}


def _row(promise: Promise, rows: Mapping[str, Kept]) -> str:
    done = cell(promise.done)
    seen, day = rows.get(done, Kept(NEVER, ""))
    return f"| {done} | {cell(promise.promised)} | {cell(seen)} | {day} |"


def cell(text: str) -> str:
    """One line, and no end of a cell in it."""
    return " ".join(text.replace("|", "/").split())


def machine() -> str:
    """Where and with what it was tried last."""
    model = next(_values(pathlib.Path("/proc/cpuinfo").read_text().splitlines(), "model name"), platform.machine())
    return (
        f"virt-agent {__version__}, Python {platform.python_version()}, Linux {platform.release()},"
        f" {os.cpu_count()} processors ({model})."
    )


def _values(lines: Iterable[str], key: str) -> Iterator[str]:
    return (value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == key)


def today() -> str:
    """The day, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime())
