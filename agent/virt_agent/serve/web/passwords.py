"""Who is let in by HTTP basic authentication (RFC 7617), against bcrypt hashes.

bcrypt is slow on purpose, so somebody who guesses at speed could take the CPU from what this guest is for. Hence
one computation at a time, a rest after each wrong password, short queues, and no computation at all for a password
that was right before: a scraper is let in by a digest, whatever the guessers do.
"""

from __future__ import annotations

import base64
import binascii
import collections
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
_DIGEST = 31  # the hash proper, behind mark, cost and salt


class Gate:
    """Lets one computation through at a time, first come first served; none while it rests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Condition()
        self._queue: collections.deque[tuple[str, object]] = collections.deque()
        self._busy = False
        self._rest_until = 0.0

    def enter(self, client: str, patience: float = WAIT_SECONDS) -> bool:
        """Wait for one's turn; False where too many wait, or too long."""
        ticket = (client, object())
        with self._turn:
            from_here = sum(waiting == client for waiting, _ in self._queue)
            if len(self._queue) >= WAITING or from_here >= WAITING_FROM_ONE:
                return False
            self._queue.append(ticket)
            try:
                if not self._wait(ticket, self._clock() + patience):
                    return False
                self._busy = True
                return True
            finally:
                self._queue.remove(ticket)
                self._turn.notify_all()

    def _wait(self, ticket: tuple[str, object], deadline: float) -> bool:
        while True:
            now = self._clock()
            first = self._queue[0] is ticket and not self._busy
            if first and now >= self._rest_until:
                return True
            if now >= deadline:
                return False
            self._turn.wait(min(deadline, self._rest_until if first else deadline) - now)

    def leave(self, rest: float) -> None:
        """The computation is done; the next one has to wait so many seconds."""
        with self._turn:
            self._busy = False
            self._rest_until = self._clock() + rest
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
