"""Peers and libraries from Debian's packages: installed where that starts nothing, else unpacked into a directory."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
_UPDATE = ("apt-get", "update", "--quiet=2")
_PACKAGES = {"systemd-detect-virt": "systemd", "lscpu": "util-linux"}  # where they are named otherwise than the program


def installed(name: str) -> str | None:
    """Where a program lies; as root it is installed first."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    install = ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", _PACKAGES.get(name, name)]
    if not _quietly(install, Path("/")) and _quietly(_UPDATE, Path("/")):
        _quietly(install, Path("/"))
    return shutil.which(name, path=_SYSTEM)


def unpacked(packages: Sequence[str], place: Path) -> Path | None:
    """The directory, with the packages in it; None where there is one that cannot be had."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    place.mkdir(parents=True)
    download = ["apt-get", "download", "--quiet=2", *packages]
    if not _quietly(download, place) and os.geteuid() == 0 and _quietly(_UPDATE, place):
        _quietly(download, place)
    archives = sorted(place.glob("*.deb"))
    done = [_quietly(["dpkg-deb", "-x", archive.name, "."], place) for archive in archives]
    return place if len(archives) == len(packages) and all(done) else None


def _quietly(command: Sequence[str], place: Path) -> bool:
    """Whether it did its work."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with open(os.devnull, "w") as nowhere:
        done = subprocess.run(command, cwd=place, env=environment, stdout=nowhere, stderr=nowhere, check=False)
    return done.returncode == 0
