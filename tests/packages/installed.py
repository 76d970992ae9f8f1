"""The Debian package installed by apt, used, upgraded, removed and purged, in a layer above this machine."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from . import debian
from .outcome import TOP, Wrong, need, run

HERE = Path(__file__).parent


def installed(above: Path) -> str:
    """All of inside.py's steps."""
    if os.geteuid() != 0:
        raise Wrong("installing a package needs root")
    if "overlay" not in Path("/proc/filesystems").read_text():
        raise Wrong("overlayfs is missing: modprobe overlay")
    need("unshare", "util-linux")
    luggage = above / "luggage"
    luggage.mkdir()
    shutil.copy(debian.built(above), luggage / "virt-agent.deb")
    shutil.copy(HERE / "inside.py", luggage)
    debian.copy(debian.frozen(above), luggage / "source")
    shutil.copytree(TOP / "tests", luggage / "source" / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    with tempfile.TemporaryDirectory(prefix="virt-agent-layer.") as base:
        told = layered(Path(base), luggage)
    return "\n".join(["", *(f"    {step['seconds']:6.1f} s  {step['step']}: {step['seen']}" for step in told)])


def layered(base: Path, luggage: Path) -> list[dict[str, str]]:
    unshare = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    command = ("/usr/bin/python3", "/luggage/inside.py")
    lines = run(*unshare, "sh", HERE / "layer.sh", base, luggage, *command, directory=Path("/")).splitlines()
    return [json.loads(line) for line in lines]


CHECKS = {"deb: installed and purged": installed}
