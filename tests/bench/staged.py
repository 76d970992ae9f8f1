"""The agent as the Debian package lays it out, byte-compiled, and the Python and libraries that it runs with.

The daemon is measured as it is installed: Debian's Python without `site`, Debian's libraries. Those are unpacked, not
installed, where this machine does not have them; without them it runs in the environment of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from . import debian

ROOT = Path(__file__).parents[2]
SHARED = "/usr/lib/python3/dist-packages"
# The four, and what they import.
_LIBRARIES = tuple(
    f"python3-{name}"
    for name in (
        *("cpuinfo", "prometheus-client", "psutil", "requests"),
        *("certifi", "chardet", "decorator", "idna", "six", "urllib3"),
    )
)
_PROOF = "import cpuinfo, prometheus_client.exposition, psutil, requests"


class Staged(NamedTuple):
    """`launcher` is the packaged command, `modules` the directory of ours, `libraries` that of Debian's, if any."""

    launcher: str
    modules: str
    libraries: str | None

    @property
    def agent(self) -> list[str]:
        """The command for what needs no library."""
        return [python(), "-IS", self.launcher]

    @property
    def whole(self) -> list[str]:
        """The command for what needs them."""
        return [*self._interpreter, self.launcher]

    def code(self, text: str) -> list[str]:
        """Code that sees them."""
        path = f"sys.path.append({self.libraries!r})" if self.libraries else ""
        return [*self._interpreter, "-c", f"import sys; {path}\n{text}"]

    @property
    def _interpreter(self) -> list[str]:
        return [python(), "-IS"] if self.libraries else [sys.executable, "-I"]

    def __str__(self) -> str:
        return "Debian's libraries" if self.libraries else "the libraries of this environment"


def python() -> str:
    """The interpreter of the packaged command, and of its peer."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def stage(above: Path) -> Staged:
    """Lay it out below a directory."""
    launcher, modules = above / "bin" / "virt-agent", above / "share" / "virt-agent"
    launcher.parent.mkdir()
    libraries = _libraries(above / "libraries")
    packaged = (ROOT / "packaging" / "bin" / "virt-agent").read_text()
    assert SHARED in packaged
    launcher.write_text(packaged.replace(SHARED, libraries or SHARED))
    for package in ("agent/virt_agent", "collectors/virt_collectors"):
        shutil.copytree(ROOT / package, modules / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    for interpreter in {python(), sys.executable}:
        _compile(interpreter, modules)
    return Staged(str(launcher), str(modules), libraries)


def _libraries(place: Path) -> str | None:
    """Where Debian's lie for its own Python; None where they are not to be had."""
    if _imports(SHARED):
        return SHARED
    unpacked = debian.unpacked(_LIBRARIES, place)
    found = str(place) + SHARED
    if unpacked is None or not _imports(found):
        return None
    _compile(python(), Path(found))
    return found


def _imports(directory: str) -> bool:
    code = f"import sys; sys.path.append({directory!r}); {_PROOF}"
    return subprocess.run([python(), "-IS", "-c", code], capture_output=True, check=False).returncode == 0


def _compile(interpreter: str, directory: Path) -> None:
    subprocess.run([interpreter, "-m", "compileall", "-q", str(directory)], check=True)
