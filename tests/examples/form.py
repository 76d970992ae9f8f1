"""What an example's check finds, and how a tool is run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "packaging" / "examples"
COMMAND = "/usr/bin/virt-agent"
CHECK = (COMMAND, "--check", "--format", "nagios")
SECONDS = 120


class Unproven(Exception):
    """An example does not do what it says; the message shows what the tool said."""


class Tool(NamedTuple):
    """Whose example it is, the packages that have the tool, its program, and what proves the example.

    `prove` gives one sentence for each thing it saw, or raises Unproven.
    """

    name: str
    packages: tuple[str, ...]
    program: str
    prove: Callable[[Path], list[str]]


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return f"{self.out}{self.err}"

    def expect(self, code: int, text: str = "") -> Said:
        """Itself, where it ended so and said that."""
        if self.code != code or text not in self.all:
            wanted = f"exit {code}" + (f" and {text!r}" if text else "")
            raise Unproven(f"{' '.join(self.words)}: exit {self.code}, not {wanted}:\n{self.all[-3000:]}")
        return self


def run(*words: str | Path, user: str = "", environment: Mapping[str, str] | None = None, at: Path = Path("/")) -> Said:
    """A command that is waited for, as root or as another user, with nothing of our own environment."""
    as_user: Sequence[str] = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--") if user else ()
    line = tuple(str(word) for word in (*as_user, *words))
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        errors="replace",
        env=clean(environment),
        cwd=at,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    return Said(line, done.returncode, done.stdout, done.stderr)


def clean(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a tool."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/var/tmp", "TMPDIR": "/var/tmp", **(more or {})}


def same_first_line(expected: Said, text: str, whose: str) -> None:
    """What a tool passed on begins as the command itself does; the figures behind the bar differ from run to run."""
    mine, theirs = (words.partition("\n")[0].partition("|")[0].strip() for words in (expected.out, text))
    if not mine or mine != theirs:
        raise Unproven(f"{whose} says {theirs!r}, the command {mine!r}")
