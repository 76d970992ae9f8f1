"""The open connections of one listener: how many there may be, and who has to go for a newcomer.

A connection is the client's turn (it was just made, shakes hands, sends its request, takes the answer, idles) or
ours (an answer is being made). Where all places are taken, the one that has waited longest for its client is closed:
so neither silent clients nor idle ones can keep a scraper out. Where all are ours, the newcomer is told 503, and
where too many are being told that, it is hung up on.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

log = logging.getLogger("virt-agent")

BEGIN_SECONDS = 2.0  # for a thread
SPARE = 8  # threads beyond the places, for those who are told 503 and those who are just ending


class Connection:
    """One client. `refused`: it is told 503 and nothing else. `context` is the TLS that it was made under, if any."""

    def __init__(self, stream: socket.socket, address: str, refused: bool, since: float) -> None:
        self.stream = stream
        self.address = address
        self.refused = refused
        self.since = since  # when the client's turn began
        self.ours = False
        self.begun = False  # its thread runs
        self.taking = False  # the answer; else it is silent, sends or idles
        self.over = False
        self.context: ssl.SSLContext | None = None

    def asks(self) -> bool:
        """Whether bytes of it lie here that its thread has not come to read; one that takes its answer has time."""
        number = self.stream.fileno()
        if self.taking or number < 0:
            return False
        looked = select.poll()
        looked.register(number, select.POLLIN | select.POLLRDHUP)
        return [what for _, what in looked.poll(0)] == [select.POLLIN]

    def cut(self) -> None:
        """End it from outside: whoever reads or writes there finds it closed.

        SSLSocket.shutdown() would turn it into a plain socket under its thread's hands; the base class does not.
        """
        self.over = True
        try:
            socket.socket.shutdown(self.stream, socket.SHUT_RDWR)
        except OSError as error:
            log.debug("a connection had ended before it was closed: %s", error)


class Connections:
    """All of them."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._all: set[Connection] = set()

    def admit(self, stream: socket.socket, address: str) -> Connection | None:
        """A place for a newcomer, at once; None where there is none, not even to tell him so."""
        with self._lock:
            if len(self._all) >= self._most + SPARE:
                return None
            placed = [one for one in self._all if not one.refused and not one.over]
            refused = len(placed) >= self._most and not self._make_room(placed)
            made = Connection(stream, address, refused, self._clock())
            self._all.add(made)
            return made

    def _make_room(self, placed: list[Connection]) -> bool:
        waiting = [one for one in placed if not (one.ours or one.asks())]
        if not waiting:
            return False
        min(waiting, key=lambda one: one.since).cut()
        return True

    def begin(self, connection: Connection) -> bool:
        """Its request is here, an answer will be made; False where it was closed just then."""
        with self._lock:
            connection.ours = not connection.over
            return connection.ours

    def wait(self, connection: Connection, taking: bool = False) -> None:
        """It is the client's turn: to take the answer, or to ask again."""
        with self._lock:
            connection.ours, connection.taking, connection.since = False, taking, self._clock()

    def never_begun(self) -> list[Connection]:
        """Those whose thread had no memory to begin with, some seconds ago; they have no place any more."""
        due = self._clock() - BEGIN_SECONDS
        with self._lock:
            lost = [one for one in self._all if not one.begun and one.since < due]
            self._all.difference_update(lost)
        for one in lost:
            one.cut()
        return lost

    def leave(self, connection: Connection) -> None:
        """Its thread ends."""
        with self._lock:
            self._all.discard(connection)

    def close_made_before(self, context: ssl.SSLContext | None) -> None:
        """Close those that were made under another TLS than that of now, but for those that get an answer just then."""
        self._close(lambda one: one.context not in (None, context))

    def close_waiting(self) -> None:
        """Close all that no answer is made for or sent to."""
        self._close(lambda _one: True)

    def _close(self, chosen: Callable[[Connection], bool]) -> None:
        with self._lock:
            for one in self._all:
                if chosen(one) and not (one.ours or one.taking or one.over):
                    one.cut()

    def close_all(self) -> None:
        """The listener ends."""
        with self._lock:
            for one in self._all:
                one.cut()

    def __len__(self) -> int:
        """Threads that serve a connection."""
        with self._lock:
            return len(self._all)
