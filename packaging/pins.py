#!/usr/bin/env python3
"""`packaging/pins.py [DIRECTORY]`: write packaging/pins/*.txt anew, with which versions this is developed and tested.

They are constraints for pip: they install nothing, they say which version it is where something else asks for it.
uv resolves, for it gives one answer for all Pythons at once; pip reads markers for the Python alone in which it runs.
Only versions that have been out for a week are taken: one that somebody smuggled in is found out in days as a rule.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Resolve = Callable[[Sequence[str], Sequence[str]], list[str]]

TOP = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.10"
DAYS = 7
TOLD = {
    "libraries": "what users install, as new as `make test` has it",
    "tools": "what `make test` and a build of the wheel need beside that",
    "slow": "what the slow suites need beside that",
}
HEAD = "# Written by `make pins`: {}. Constraints for pip, Python {} and newer.\n"


def main(arguments: list[str]) -> int:
    directory = Path(arguments[0]) if arguments else TOP / "packaging" / "pins"
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    try:
        for name, lines in pinned(wanted(project), resolve).items():
            (directory / f"{name}.txt").write_text(HEAD.format(TOLD[name], OLDEST_PYTHON) + "\n".join([*lines, ""]))
    except subprocess.CalledProcessError as error:
        print(f"packaging/pins.py: uv failed with code {error.returncode}", file=sys.stderr)
        return 1
    return 0


def wanted(project: dict[str, Any]) -> dict[str, list[str]]:
    """The requirements by file, each with those of pyproject.toml that it is for."""
    extras: dict[str, list[str]] = dict(project["project"]["optional-dependencies"])
    libraries = [*project["project"]["dependencies"], *extras.pop("web")]
    tools = [*project["build-system"]["requires"], *extras.pop("dev")]
    return {"libraries": libraries, "tools": tools, "slow": [each for extra in extras.values() for each in extra]}


def pinned(requirements: dict[str, list[str]], resolve: Resolve) -> dict[str, list[str]]:
    """The lines of each file; what stands in one does not stand in the next, and holds for it."""
    known: list[str] = []
    found = {}
    for name, asked in requirements.items():
        found[name] = [line for line in resolve(asked, known) if line not in known and "win32" not in line]
        known += found[name]
    return found


def resolve(requirements: Sequence[str], known: Sequence[str]) -> list[str]:
    """NAME==VERSION, or NAME==VERSION ; MARKER, of these and all that they pull in."""
    week_ago = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=DAYS)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(known))
        constraints.flush()
        done = subprocess.run(  # noqa: S603  our own words, and what pyproject.toml names
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", OLDEST_PYTHON),
                *("--exclude-newer", week_ago.isoformat(), "--constraints", constraints.name),
                *("--no-config", "--no-header", "--no-annotate", "--quiet"),
                *("--no-emit-package", "pip", "-"),  # it is the one that makes the environment
            ],
            input="\n".join(requirements),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
