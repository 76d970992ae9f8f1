"""A recorded Xen guest whose /sys the daemon takes for its own, through files that can be made ill."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from tests import corpus, machines

from . import daemon, faults_enter
from .daemon import Running
from .faults_fuse import SickFiles, showing
from .promise import Bench, CannotRun

GUEST = "pvhvm"  # disks xvda (the root), xvdb, xvdc; network card vif-0
_LINKS = ("sys/block/*", "sys/class/*/*", "sys/bus/*/devices/*", "sys/bus/*/drivers/*/*")  # to devices


class Patient(NamedTuple):
    """The daemon, the files it sees, and the directory that they come from."""

    running: Running
    files: SickFiles
    directory: pathlib.Path


@contextlib.contextmanager
def watched(bench: Bench, *arguments: str) -> Iterator[Patient]:
    """A daemon as on the live machine, in a mount namespace with the guest's /sys."""
    if os.geteuid() != 0:
        raise CannotRun("needs root, to mount a file system")
    directory, mounted = lay_out(bench.scratch / "guest"), bench.scratch / "mounted"
    mounted.mkdir()
    with showing(str(directory)) as files:
        enter = [bench.python, faults_enter.__file__, str(files.descriptor), str(mounted)]
        with daemon.started(bench, *arguments, within=enter, descriptors=(files.descriptor,)) as running:
            try:
                yield Patient(running, files, directory)
            finally:
                files.heal()  # else the daemon could not end


def lay_out(directory: pathlib.Path, guest: str = GUEST) -> pathlib.Path:
    """The guest's files in a directory."""
    files: dict[str, machines.Entry] = {}
    for path, entry in corpus.copy(guest)._entries.items():
        if path and not isinstance(entry, bool):
            files[path] = machines.Link(entry) if isinstance(entry, str) else entry
    return machines.write(directory, dict(sorted(files.items())))


def unplug(directory: pathlib.Path, name: str) -> pathlib.Path:
    """Take a Xen device out of the guest as the kernel does, links first; where it lies now."""
    away = directory.parent / f"unplugged-{name}"
    away.mkdir()
    for link in [link for places in _LINKS for link in directory.glob(places)]:
        if link.is_symlink() and name in os.readlink(link).split("/"):
            link.rename(away / str(link.relative_to(directory)).replace("/", "%"))
    (directory / "sys/devices" / name).rename(away / name)
    return away


def plug_in(directory: pathlib.Path, name: str, away: pathlib.Path) -> None:
    """Put it back."""
    (away / name).rename(directory / "sys/devices" / name)
    for link in list(away.iterdir()):
        link.rename(directory / link.name.replace("%", "/"))
    away.rmdir()
