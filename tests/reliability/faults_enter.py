"""`python faults_enter.py FUSE DIRECTORY COMMAND...`: runs the command where what FUSE shows lies in DIRECTORY.

Where there is a guest's /sys and some of its /proc, they take the place of this machine's.

FUSE is an open /dev/fuse, shown at DIRECTORY in a mount namespace of this process alone: whatever happens to it, nothing
stays behind on the machine. The standard library alone, for it runs before the agent.
"""

from __future__ import annotations

import ctypes
import os
import sys

_NEW_NAMESPACE = 0x00020000  # CLONE_NEWNS
_BIND, _ALL_BELOW, _PRIVATE, _NOSUID, _NODEV = 0x1000, 0x4000, 0x40000, 2, 4
_OF_PROC = ("proc/cpuinfo", "proc/meminfo", "proc/modules", "proc/stat", "proc/pressure/io")
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    words = (word.encode() for word in (source, target, kind))
    _check(_LIBC.mount(*words, ctypes.c_ulong(flags), data.encode()), target)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def enter(descriptor: int, directory: str) -> None:
    """Into a world of our own, with what the descriptor's other side shows."""
    _check(_LIBC.unshare(_NEW_NAMESPACE), "unshare")
    mount("none", "/", "", _ALL_BELOW | _PRIVATE)
    mount("guest", directory, "fuse", _NOSUID | _NODEV, f"fd={descriptor},rootmode=40000,user_id=0,group_id=0")
    os.set_inheritable(descriptor, False)
    for name in ("sys", *_OF_PROC):
        if os.path.exists(f"{directory}/{name}") and os.path.exists(f"/{name}"):
            mount(f"{directory}/{name}", f"/{name}", "", _BIND)


if __name__ == "__main__":
    enter(int(sys.argv[1]), sys.argv[2])
    os.execvp(sys.argv[3], sys.argv[3:])
