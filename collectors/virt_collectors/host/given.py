"""What systemd opened for us as standard input, before it took away the right to (StandardInput=file:, systemd.exec(5)).

Unlike OpenFile=, which needs systemd 253, every systemd since 236 has it; the open is made in the service's control
group, so a device must be in DeviceAllow=.
"""

from __future__ import annotations

import os
import stat

_INPUT = 0
_PATH = "/proc/self/fd/0"


def reopened(path: str) -> str | None:
    """Where standard input is this file of /proc, a name under which it can be opened again and again."""
    try:
        return _PATH if os.readlink(_PATH) == f"/{path}" else None
    except OSError:
        return None


def device(major: int, minor: int) -> int | None:
    """A descriptor of our own for standard input, where that is this character device; open for reading."""
    try:
        status = os.fstat(_INPUT)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(major, minor):
            return os.dup(_INPUT)
    except OSError:
        pass  # closed, as a daemon's may be
    return None
