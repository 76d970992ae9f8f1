"""The open connections of one listener: how many there may be, and who has to go for a newcomer.

A connection is the client's turn (it was just made, shakes hands, sends its request, takes the answer, idles) or
ours (an answer is being made). Where all places are taken, the one that has waited longest for its client is closed;
in the network that has most, where one has more than a quarter of the places. So neither silent clients nor idle ones
can keep a scraper out. Where all are ours, one that was answered before has its last answer now, so that nobody keeps
a scraper out by asking on and on. Where there is none either, the newcomer is told 503, and where too many are being
told that, it is hung up on. A quarter of the places is out of reach for any one network.
"""

from __future__ import annotations

import collections
import logging
import select
import socket
import threading
import time

from .address import neighbourhood

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

log = logging.getLogger("virt-agent")

MAX_REQUESTS = 40  # where nothing else is said
BEGIN_SECONDS = 2.0  # for a thread
SPARE = 8  # threads beyond the places, for those who are told 503 and those who are just ending
_LOOK_SECONDS = 0.1  # between two looks at who could be closed meanwhile
_MOMENT_SECONDS = 0.5  # to ask or to take an answer, where others need the place
_ENDING_SECONDS = 1.0  # for a thread that was told to end; it waits for no client any more


class Connection:
    """One client. `refused`: it is told 503 and nothing else. `context` is the TLS that it was made under, if any."""

    def __init__(self, stream: socket.socket, address: str, network: str, refused: bool, since: float) -> None:
        self.stream = stream
        self.address = address
        self.network = network
        self.refused = refused
        self.since = since  # when the client's turn began
        self.ours = False
        self.begun = False  # its thread runs
        self.taking = False  # the answer; else it is silent, sends or idles
        self.heard = False  # what it sent so far is being looked at; nobody waits for it
        self.over = False
        self.answered = False
        self.last = False  # the answer under way
        self.context: ssl.SSLContext | None = None

    def asks(self) -> bool:
        """Whether bytes of it are here that its thread has not come to read or to answer; who takes an answer has time."""
        return self.heard or (not self.taking and self._arrived() == select.POLLIN)

    def is_unread(self) -> bool:
        """Whether bytes of it, or its end, are here and nobody has read them."""
        return bool(self._arrived() & select.POLLIN)

    def _arrived(self) -> int:
        number = self.stream.fileno()
        if number < 0:
            return 0
        looked = select.poll()
        looked.register(number, select.POLLIN | select.POLLRDHUP)
        return sum(what for _, what in looked.poll(0))

    def hear(self, something: bool) -> None:
        """Its thread waits for it, or was told something."""
        self.heard = something

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
        self._most_of_one = most - most // 4
        self._clock = clock
        self._lock = threading.Condition()  # told when one has left
        self._all: set[Connection] = set()

    def admit(self, stream: socket.socket, address: str) -> Connection | None:
        """A place for a newcomer, at once; None where there is none, not even to tell him so."""
        network = neighbourhood(address)
        with self._lock:
            if not self._has_thread(network):
                return None
            placed = [one for one in self._all if not (one.refused or one.over or one.last)]
            own = [one for one in placed if one.network == network]
            rivals = own if len(own) >= self._most_of_one else placed if len(placed) >= self._most else []
            refused = bool(rivals) and not self._make_room(rivals)
            made = Connection(stream, address, network, refused, self._clock())
            self._all.add(made)
            return made

    def _make_room(self, rivals: list[Connection]) -> bool:
        """Whether one of them makes way; who has just come and has not asked yet only where nobody else can."""
        late = self._late()
        known = [one for one in rivals if one.answered or one.since <= late]
        return self._close_one(known) or self._end_one(known) or self._close_one(rivals)

    def _late(self) -> float:
        return self._clock() - _MOMENT_SECONDS

    def _has_thread(self, network: str) -> bool:
        """Whether one more may run; who was hung up on, does not ask to be told 503 or take the last answer, makes way."""
        until = self._clock() + _ENDING_SECONDS
        while not self._within(network):
            late = self._late()
            self._close_one(
                [one for one in self._all if not one.over and (one.refused or (one.last and one.since <= late))]
            )
            if self._clock() >= until or not any(one.over or one.last for one in self._all):
                return False
            self._lock.wait(_LOOK_SECONDS)
        return True

    def _within(self, network: str) -> bool:
        own = sum(one.network == network for one in self._all)
        return len(self._all) < self._most + SPARE and own < self._most_of_one + SPARE // 2

    def _close_one(self, rivals: list[Connection]) -> bool:
        """Whether one of them was waited for, and is closed: of a crowd first, which has more than a quarter of the places.

        Who is just taking an answer is closed when he has it.
        """
        crowd = collections.Counter(one.network for one in rivals)
        waiting = [one for one in rivals if not one.ours]
        waiting.sort(key=lambda one: (-max(crowd[one.network] - self._most // 4, 0), one.since))
        chosen = next((one for one in waiting if not one.asks()), None)
        if chosen and chosen.taking and chosen.since > self._late():
            chosen.last = True
        elif chosen:
            chosen.cut()
        return chosen is not None

    def _end_one(self, rivals: list[Connection]) -> bool:
        """Whether the answer of one of them becomes its last: it has had one before."""
        chosen = min((one for one in rivals if one.ours and one.answered), key=lambda one: one.since, default=None)
        if chosen:
            chosen.last = True
        return chosen is not None

    def begin(self, connection: Connection) -> bool:
        """Its request is here, an answer will be made; False where it was closed just then."""
        with self._lock:
            connection.ours = not connection.over
            return connection.ours

    def wait(self, connection: Connection, taking: bool = False) -> None:
        """It is the client's turn: to take the answer, or to ask again."""
        with self._lock:
            if connection.ours:  # else its turn goes on; threads come here in any order after their answers
                connection.since = self._clock()
            connection.ours, connection.heard, connection.taking = False, False, taking
            connection.answered = True

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
            self._lock.notify_all()

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
