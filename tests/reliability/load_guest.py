"""A machine with many devices and a kernel that complains without end, which the daemon takes for its own.

A generated guest's /sys is bound over ours in a mount namespace; in place of /dev/kmsg the daemon is given a socket, as
systemd gives it the device, from which each read takes one record.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.generate import Guest, write

from .daemon import Running, started
from .load_clients import meanwhile
from .promise import Bench, CannotRun

GUEST = Guest(disks=32, nics=8)
EVERY_SECONDS = 0.01
_NEEDED = ("unshare", "mount", "bash")
_ENTER = """
set -e
mount --bind "$1/sys" /sys
for name in cpuinfo modules pressure/io stat; do
    [ ! -e "/proc/$name" ] || mount --bind "$1/proc/$name" "/proc/$name"
done
exec 3<&"$2"
export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=kmsg
shift 2
exec "$@"
"""
# One in five is one that a rule looks for.
_MESSAGES = (
    "systemd[1]: a line that nobody looks for, {number}",
    "audit: type=1400 audit({number}): another one",
    "I/O error, dev xvdb, sector {number} op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
    "usb 1-1: new high-speed USB device number {number} using xhci_hcd",
    "xen-blkfront: a line that begins like one of a driver, {number}",
)


class Kernel:
    """Writes records in the form of /dev/kmsg; what the daemon was too slow for is lost and counted."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.written = self.lost = 0

    def write(self) -> None:
        """The next record."""
        try:
            self._stream.send(record(self.written, time.monotonic()), socket.MSG_DONTWAIT)
        except OSError:  # no room, or the daemon has ended
            self.lost += 1
        self.written += 1


def record(number: int, uptime: float) -> bytes:
    """As a read of /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg)."""
    message = _MESSAGES[number % len(_MESSAGES)].format(number=number)
    return f"6,{number},{uptime * 1e6:.0f},-;{message}\n".encode()


class Loaded(NamedTuple):
    running: Running
    kernel: Kernel


@contextlib.contextmanager
def loaded(bench: Bench) -> Iterator[Loaded]:
    """The daemon in there, and the kernel that writes to it."""
    missing = [name for name in _NEEDED if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        raise CannotRun(f"needs {missing[0]}" if missing else "needs root, to mount a guest's /sys")
    directory = bench.scratch / "guest"
    write(GUEST, str(directory))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        number = theirs.fileno()
        within = ["unshare", "--mount", "--propagation", "private", "bash", "-c", _ENTER, "bash"]
        within += [str(directory), str(number)]
        kernel = Kernel(ours)
        with (
            started(bench, within=within, descriptors=(number,)) as running,
            meanwhile(kernel.write, EVERY_SECONDS),
        ):
            yield Loaded(running, kernel)
