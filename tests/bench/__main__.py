"""One table of what the agent costs; exit 1 where a row is beyond its limit."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import commands, daemon, files, growth, metadata, page, scrapes, startup
from .rows import Row, Section, table
from .staged import Staged, python, stage

SECTIONS = ("commands", "daemon", "growth", "startup")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these parts of the table")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as above:
        staged = stage(Path(above))
        machine = page.machine(staged)
        sections = [Section(name, list(measure(name, staged, Path(above), options.runs))) for name in options.only]
    rows = [row for section in sections for row in section.rows]
    if options.json:
        print(json.dumps({"machine": machine, "rows": [row.plain() for row in rows]}, indent=2))
    else:
        print(f"{machine}\n\n{table(rows)}\n\n{summary(rows)}")
    if options.write:
        page.write(machine, sections)
    return int(any(row.over for row in rows))


def measure(name: str, staged: Staged, above: Path, runs: int) -> Iterator[Row]:
    """The rows of one section."""
    if name == "commands":
        yield from commands.rows(staged, runs)
        yield from metadata.rows(staged, runs)
        yield from files.rows(staged, above, runs)
    elif name == "daemon":
        yield from scrapes.rows(staged.whole, above, runs)
        yield from daemon.rows(staged.whole)
    elif name == "growth":
        yield from growth.rows(staged, above)
    else:
        yield from startup.rows(python(), staged.modules, runs)


def summary(rows: list[Row]) -> str:
    """How many aims are met, and how many limits do not hold."""
    aims = [row.met for row in rows if row.met is not None]
    return f"{aims.count(True)} of {len(aims)} aims met, {sum(row.over for row in rows)} beyond the limit"


if __name__ == "__main__":
    sys.exit(main())
