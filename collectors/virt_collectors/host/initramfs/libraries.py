"""Shared libraries of the system, by ctypes: what Python's standard library cannot decompress.

No callback is handed to a library: ctypes would need memory that is writable and executable, which systemd's
MemoryDenyWriteExecute= forbids.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL


class Missing(Exception):
    """A library that this machine lacks; says what to install."""


class Damaged(Exception):
    """What a library says of data that are not of its format."""


def load(name: str, package: str) -> CDLL:
    """The library by its soname. `package` is what Debian and Ubuntu call it."""
    import ctypes

    try:
        return ctypes.CDLL(name)
    except OSError:
        raise Missing(f"{name} is missing: apt install {package}") from None
