"""Who is let in by HTTP basic authentication (RFC 7617), against bcrypt hashes.

bcrypt is slow on purpose, so somebody who guesses at speed could take the CPU from what this guest is for. Hence
one computation at a time, a rest after each wrong password, short queues, and no computation at all for a password
that was right before: a scraper is let in by a digest, whatever the guessers do. Who comes anew has not been wrong yet,
and goes before all who have: else a scraper would not get in while somebody guesses, after a restart say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .hashes import Hasher

RIGHT, WRONG, BUSY = "right", "wrong", "busy"
REST = 3.0  # times what the computation took: guessing costs a quarter of one CPU at most
WAIT_SECONDS = 8.0
WAITING = 16
WAITING_FROM_ONE = 4
_REMEMBERED = 256
_GUESSERS = 1024  # addresses whose last password was wrong
_DIGEST = 31  # the hash proper, behind mark, cost and salt


class Ticket:
    """One who waits for a computation; `out` where another took the place."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.out = False


class Gate:
    """Lets one computation through at a time, none while it rests; first those who have not been wrong, as they came.

    Whoever waits has a connection's place: of so many `places`, half are left to those who need not wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, places: int = 2 * WAITING + 2) -> None:
        self._most = max(min(WAITING, places // 2 - 1), 1)  # without the one whose turn it is
        self._most_of_one = max(min(WAITING_FROM_ONE, self._most // 4), 1)
        self._clock = clock
        self._turn = threading.Condition()
        self._queue: list[Ticket] = []
        self._guessers: dict[str, None] = {}
        self._inside: str | None = None  # whose password is being computed
        self._rest_until = 0.0

    def enter(self, client: str, patience: float = WAIT_SECONDS) -> bool:
        """Wait for one's turn; False where too many wait, or too long."""
        ticket = Ticket(client)
        with self._turn:
            if not self._has_room(client):
                return False
            self._queue.append(ticket)
            try:
                if not self._wait(ticket, self._clock() + patience):
                    return False
                self._inside = client
                return True
            finally:
                if not ticket.out:
                    self._queue.remove(ticket)
                self._turn.notify_all()

    def _has_room(self, client: str) -> bool:
        """Whether there is a place in the queue; one who was wrong gives up his for one who was not."""
        if sum(ticket.client == client for ticket in self._queue) >= self._most_of_one:
            return False
        if len(self._queue) < self._most:
            return True
        guesser = next((ticket for ticket in reversed(self._queue) if self._was_wrong(ticket)), None)
        if guesser is None or client in self._guessers:
            return False
        guesser.out = True
        self._queue.remove(guesser)
        self._turn.notify_all()
        return True

    def _was_wrong(self, ticket: Ticket) -> bool:
        return ticket.client in self._guessers

    def _wait(self, ticket: Ticket, deadline: float) -> bool:
        while not ticket.out:
            now = self._clock()
            first = self._inside is None and min(self._queue, key=self._was_wrong) is ticket
            if first and now >= self._rest_until:
                return True
            if now >= deadline:
                return False
            self._turn.wait(min(deadline, self._rest_until if first else deadline) - now)
        return False

    def leave(self, rest: float) -> None:
        """The computation is done; after a wrong password the next one has to wait so many seconds."""
        with self._turn:
            assert self._inside is not None
            self._guessers.pop(self._inside, None)
            if rest:
                self._guessers[self._inside] = None
                if len(self._guessers) > _GUESSERS:
                    del self._guessers[next(iter(self._guessers))]
            self._inside, self._rest_until = None, self._clock() + rest
            self._turn.notify_all()


class Passwords:
    """The users of one configuration, and which passwords were right so far: as digests with a key of this process.

    What was right `before`, in the configuration until now, need not be computed again where its hash is the same.
    """

    def __init__(self, users: dict[str, str], compute: Hasher, gate: Gate, before: Passwords | None = None) -> None:
        self._hashes = {name.encode(): value.encode() for name, value in users.items()}
        self._order = sorted(self._hashes)
        self._compute = compute
        self._gate = gate
        self._secret: bytes = before._secret if before else os.urandom(32)  # noqa: SLF001 - its own kind
        self._known: set[bytes] = before._known if before else set()  # noqa: SLF001

    def check(self, header: str, client: str) -> tuple[str, str]:
        """RIGHT, WRONG or BUSY for an Authorization header, and the user's name where it is RIGHT."""
        given = credentials(header)
        if given is None:
            return WRONG, ""
        user, password = given
        stored = self._hashes.get(user, b"")
        mark = self._mark(b"%d:" % len(user) + user + stored + password)
        if stored and mark in self._known:
            return RIGHT, user.decode()
        answer = self._computed(user, password, client)
        if answer == RIGHT:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known.add(mark)
        return answer, user.decode(errors="replace") if answer == RIGHT else ""

    def _computed(self, user: bytes, password: bytes, client: str) -> str:
        """A name that nobody has costs what somebody's costs, by the hash of a user who is chosen by the name."""
        stored = self._hashes.get(user) or self._hashes[self._order[self._mark(user)[0] % len(self._order)]]
        if not self._gate.enter(client):
            return BUSY
        began, fits = time.monotonic(), False
        try:
            found = self._compute(password.replace(b"\0", b"?"), stored)  # C's strings end there
            fits = (
                hmac.compare_digest(found[-_DIGEST:], stored[-_DIGEST:])
                and user in self._hashes
                and b"\0" not in password
            )
        finally:
            self._gate.leave(0.0 if fits else REST * (time.monotonic() - began))
        return RIGHT if fits else WRONG

    def _mark(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, hashlib.sha256)


def credentials(header: str) -> tuple[bytes, bytes] | None:
    """User and password of "Basic dXNlcjpwYXNz"; None where that is not its form."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
