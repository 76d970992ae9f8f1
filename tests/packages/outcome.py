"""How a check runs a command and says what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]


class Wrong(Exception):
    """The package is not as stated, or what would tell is missing; the message says which."""


def run(*words: str | Path, directory: Path = TOP, **environment: str) -> str:
    """What a command prints; Wrong, with its last lines, where it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=directory,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise Wrong("\n    ".join([f"{' '.join(map(str, words))} ended with {done.returncode}", *last]))
    return done.stdout


def need(program: str, package: str) -> None:
    """A program of Debian's; by apt where root asks."""
    if shutil.which(program) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        run("sh", "-c", "apt-get update --quiet=2 || true")
        run("apt-get", "install", "--yes", "--no-install-recommends", package, DEBIAN_FRONTEND="noninteractive")
    if shutil.which(program) is None:
        raise Wrong(f"{program} is missing: apt-get install {package}")


def same(first: Path, second: Path) -> None:
    """Two builds, byte for byte."""
    if first.read_bytes() == second.read_bytes():
        return
    if shutil.which("diffoscope"):
        done = subprocess.run(["diffoscope", first, second], capture_output=True, text=True, check=False)
        raise Wrong("two builds differ:\n" + done.stdout[:4000])
    raise Wrong(f"two builds of {first.name} differ; diffoscope tells where")
