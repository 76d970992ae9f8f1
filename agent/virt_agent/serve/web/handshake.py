"""A TLS handshake in the client's own time, of which it has little."""

from __future__ import annotations

import select
import ssl
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def shake_hands(stream: ssl.SSLSocket, seconds: float, hear: Callable[[bool], object]) -> None:
    """To its end within so long; `hear` is told False while the client is waited for, and True when something came."""
    until = time.monotonic() + seconds
    stream.settimeout(0.0)
    while True:
        try:
            stream.do_handshake()
        except ssl.SSLWantReadError:
            _wait(stream, select.POLLIN, until, hear)
        except ssl.SSLWantWriteError:
            _wait(stream, select.POLLOUT, until, hear)
        else:
            break
    stream.settimeout(max(until - time.monotonic(), 0.1))


def _wait(stream: ssl.SSLSocket, what: int, until: float, hear: Callable[[bool], object]) -> None:
    hear(False)
    looked = select.poll()
    looked.register(stream.fileno(), what)
    left = until - time.monotonic()
    if left <= 0 or not looked.poll(left * 1000):
        raise TimeoutError("the handshake did not end in time")
    hear(True)
