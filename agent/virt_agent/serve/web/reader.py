"""Requests as they come in: each has to arrive whole within a time and a size, however slowly its bytes trickle."""

from __future__ import annotations

import io
import time
from http.client import HTTPException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

REQUEST_SECONDS = 10.0  # from its first byte to its last
REQUEST_BYTES = 1 << 15  # with all headers; scrapers send some 500


class TooLarge(HTTPException):
    """The request goes beyond REQUEST_BYTES."""


class Reader(io.RawIOBase):
    """The bytes of a connection, under a socket timeout that is set anew for each read.

    `hear` is told False when the client is waited for, and True when something came.
    """

    def __init__(
        self,
        stream: socket.socket,
        clock: Callable[[], float] = time.monotonic,
        hear: Callable[[bool], object] = bool,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._hear = hear
        self.count = 0  # bytes so far
        self.expect(REQUEST_SECONDS)

    def expect(self, patience: float, begun: bool = False) -> None:
        """From now on it is a new request, whose first byte may take so many seconds unless it has `begun` before."""
        self._until = self._clock() + (REQUEST_SECONDS if begun else patience)
        self._begun = begun
        self._left = REQUEST_BYTES

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What has come; TimeoutError and TooLarge where the client goes beyond its bounds."""
        seconds = self._until - self._clock()
        if seconds <= 0:
            raise TimeoutError("the request did not arrive in time")
        if self._left <= 0:
            raise TooLarge("the request is too large")
        self._stream.settimeout(seconds)
        self._hear(False)
        count = self._stream.recv_into(memoryview(buffer)[: self._left])
        self._hear(count > 0)
        self._left -= count
        self.count += count
        if not self._begun:
            self._begun, self._until = True, self._clock() + REQUEST_SECONDS
        return count
