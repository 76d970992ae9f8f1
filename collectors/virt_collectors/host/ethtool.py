"""The ethtool ioctls (linux/ethtool.h; net/ethtool/ioctl.c): what an interface's driver says of itself.

None of those used here needs a privilege, and any socket will do. The kernel writes as many strings and counters as
the driver has by then, whatever room was announced (a patch of December 2025 makes it write none where the two
differ): a driver that got more queues between two calls would write past a buffer of the announced size. So there is
far more room than was announced, and names and values count only where there are as many of both.
"""

from __future__ import annotations

import _socket  # what socket.py wraps, at a tenth of its start-up time
import errno
import fcntl
import os

from ..errors import from_os, refusal
from . import Ethtool
from .arrays import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # One ioctl on a buffer in the kernel's form, which it fills; an OSError where the kernel refuses.
    Ask = Callable[[array[int]], None]

_SIOCETHTOOL = 0x8946
_GDRVINFO, _GRINGPARAM, _GSG, _GSTRINGS, _GSTATS, _GCHANNELS = 0x03, 0x10, 0x18, 0x1B, 0x1D, 0x3C
_CHANNELS = ("rx", "tx", "other", "combined")
_RING = ("rx", "rx_mini", "rx_jumbo", "tx")
_STATISTICS = 1  # ETH_SS_STATS
_NAME_BYTES = 16  # IFNAMSIZ, with its final zero
_STRING_BYTES = 32  # ETH_GSTRING_LEN
_MOST = 65_536  # counters; an ENA with 32 queues has 1,100
_SPARE = 8_192  # room for counters beyond those announced: 240 ENA queues
_TRIES = 3


def read(interface: str) -> Ethtool:
    """EOPNOTSUPP where the driver has no ethtool operations, ENODEV where the interface has gone."""
    path = f"ethtool:{interface}"
    name = os.fsencode(interface)
    if not 0 < len(name) < _NAME_BYTES:
        raise refusal(path, "ENODEV")
    try:
        asked = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            return report(lambda buffer: _ioctl(asked.fileno(), name, buffer))
        finally:
            asked.close()
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:  # which has two names
            raise refusal(path, "EOPNOTSUPP") from None
        raise from_os(path, error) from None


def _ioctl(descriptor: int, name: bytes, buffer: array[int]) -> None:
    address, _ = buffer.buffer_info()
    # A bytearray: for immutable bytes Python up to 3.12 keeps its lock while the kernel waits for its own.
    request = bytearray(name.ljust(_NAME_BYTES, b"\0") + array("L", (address, 0, 0, 0)).tobytes())
    fcntl.ioctl(descriptor, _SIOCETHTOOL, request)


def report(ask: Ask) -> Ethtool:
    """All parts of the answer; one that the driver does not offer is empty. OSError where the kernel refuses."""
    driver, version, firmware, bus_info, count = _driver(ask)
    return Ethtool(
        driver=driver,
        version=version,
        firmware=firmware,
        bus_info=bus_info,
        statistics=_statistics(ask, count),
        channels=_settings(ask, _GCHANNELS, _CHANNELS),
        ring=_settings(ask, _GRINGPARAM, _RING),
        scatter_gather=_scatter_gather(ask),
    )


def _offered(ask: Ask, buffer: array[int]) -> bool:
    try:
        ask(buffer)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise
    return True


def _driver(ask: Ask) -> tuple[str | None, str | None, str | None, str | None, int]:
    """Struct ethtool_drvinfo: command, four texts of 32 bytes, 44 bytes that say nothing here, number of counters, ..."""
    buffer = array("I", (_GDRVINFO, *(0,) * 48))
    ask(buffer)
    raw = buffer.tobytes()
    driver, version, firmware, bus_info = (_text(raw[at : at + 32]) for at in (4, 36, 68, 100))
    return driver, version, firmware, bus_info, buffer[45]


def _text(raw: bytes) -> str | None:
    text = raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    return None if text in ("", "N/A") else text


def _settings(ask: Ask, command: int, kinds: tuple[str, ...]) -> dict[str, int]:
    """Structs ethtool_channels and ethtool_ringparam: command, four maxima, four settings; 0 for what is not offered."""
    buffer = array("I", (command, *(0,) * 8))
    if not _offered(ask, buffer):
        return {}
    found = {}
    for kind, most, now in zip(kinds, buffer[1:5], buffer[5:9], strict=True):
        if most or now:
            found[kind], found[f"max_{kind}"] = now, most
    return found


def _scatter_gather(ask: Ask) -> bool | None:
    buffer = array("I", (_GSG, 0))
    return buffer[1] != 0 if _offered(ask, buffer) else None


def _statistics(ask: Ask, count: int) -> dict[str, int]:
    """The driver's counters by name; EBUSY where their number changes all the time, EFBIG where it cannot be true."""
    for _ in range(_TRIES):
        if count > _MOST:
            raise OSError(errno.EFBIG, "too many counters")
        # struct ethtool_gstrings: command, set, number; struct ethtool_stats: command, number
        names = _buffer((_GSTRINGS, _STATISTICS, count), (count + _SPARE) * _STRING_BYTES)
        values = _buffer((_GSTATS, count), (count + _SPARE) * 8)
        if not count or not _offered(ask, names) or not _offered(ask, values):
            return {}
        if names[2] == values[1] != 0:
            return dict(zip(_names(names), _values(values), strict=True))
        *_, count = _driver(ask)
    raise OSError(errno.EBUSY, "the number of counters keeps changing")


def _buffer(head: tuple[int, ...], room: int) -> array[int]:
    buffer = array("I", (0,)) * (len(head) + room // 4)
    buffer[: len(head)] = array("I", head)
    return buffer


def _names(buffer: array[int]) -> list[str]:
    raw = memoryview(buffer).cast("B")[12 : 12 + buffer[2] * _STRING_BYTES].tobytes()
    return [_text(raw[at : at + _STRING_BYTES]) or "" for at in range(0, len(raw), _STRING_BYTES)]


def _values(buffer: array[int]) -> list[int]:
    return memoryview(buffer).cast("B")[8 : 8 + buffer[1] * 8].cast("Q").tolist()
