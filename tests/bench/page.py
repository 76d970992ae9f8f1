"""docs/performance.md: the rows of a run between its marks, with what it was made on and when."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence

from tests.fleet.page import table
from virt_agent import __version__

from .commands import PEERS
from .debian import installed
from .rows import Row, Section
from .run import idle
from .staged import Staged, python

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "performance.md"
_BEGIN, _END = "<!-- table {} -->", "<!-- end -->"
_HEAD = ("what", "against", "it", "peer", "ratio or figure", "half of all runs", "aim", "limit", "")


def write(machine: str, sections: Iterable[Section], document: pathlib.Path = DOCUMENT) -> None:
    """Put them into the document; a section that was not measured keeps what it says."""
    text = document.read_text()
    for section in sections:
        content = f"{_today()}. {machine}\n\n{table(_HEAD, map(_cells, section.rows))}"
        text = between(text, _BEGIN.format(section.name), content)
    document.write_text(text)


def between(text: str, begin: str, content: str) -> str:
    """The text with this content from a mark to the next end; ValueError where it lacks one of them."""
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(_END)
    if not (found and ended):
        raise ValueError(f"{begin} or the {_END} behind it is missing")
    return f"{before}{begin}\n\n{content}\n\n{_END}{after}"


def _cells(row: Row) -> Sequence[str]:
    return [f"`{row.what}`" if row.what.startswith("--") and " " not in row.what else row.what, *row.cells()[1:]]


def machine(staged: Staged) -> str:
    """What all this was measured on, and with which versions."""
    models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    hardware = f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, load {idle()}"
    versions = [f"virt-agent {__version__}", f"{_version(python())} with {staged}", *_peers()]
    return f"{hardware}; {', '.join(versions)}"


def _peers() -> list[str]:
    found = ((words[0], installed(words[0])) for words in PEERS.values())
    return [_version(path, name) for name, path in found if path]


def _version(path: str, name: str = "") -> str:
    """The first words that it says of its version, behind its name where it does not say it."""
    said = " ".join(subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()[:4])
    return said if not name or name.partition("-")[0] in said else f"{name} {said}"


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
