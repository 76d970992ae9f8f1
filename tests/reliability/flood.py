"""`python -m tests.reliability.flood NAME PORT SECONDS`: a crowd of clients that mean no good, on loopback alone.

A process of its own, so that it does not take the interpreter from those who measure. Each client comes from an address
of its own in 127.0.0.0/8, or all from one; each is opened again when it was hung up on, so many a second at most. The
last line of its output is its Figures.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import resource
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from .promise import Bench, CannotRun

TOP = pathlib.Path(__file__).parents[2]
_TURN_SECONDS = 0.02
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close(2) sends a reset
_NEAR = ("127.0.0.1", "127.1.0.1")  # the scraper's, and that of a crowd from one address
_OWN_FILES = 100
_LATE_SECONDS = 30.0


class Crowd(NamedTuple):
    """`most` at a time, `rate` new ones a second; what each sends at once, and then a piece of `drip` at a time.

    `reads`: bytes a turn; 0 for none, and then only a reset ends it. `addresses`: how many they come from. `resets`: ends as soon as it has begun.
    """

    most: int
    rate: int
    opening: bytes = b""
    drip: bytes = b""
    piece: int = 1
    every: float = 1.0
    reads: int = 1 << 16
    addresses: int = 5000
    resets: bool = False
    receives: int = 0  # SO_RCVBUF


class Figures(NamedTuple):
    """Of a crowd: how many connections were opened, refused or hung up on, and were open at the end."""

    opened: int
    refused: int
    ended: int
    left: int
    bytes_read: int


class Client:
    """One connection."""

    def __init__(self, stream: socket.socket, due: float) -> None:
        self.stream = stream
        self.due = due
        self.sent = 0
        self.opening = True


class Flood:
    """A crowd at work."""

    def __init__(self, crowd: Crowd, port: int) -> None:
        self._crowd = crowd
        self._port = port
        self._clients: dict[int, Client] = {}
        self._poll = select.epoll()
        self._opened = self._refused = self._ended = self._read = 0

    def run(self, seconds: float) -> Figures:
        """For so long."""
        began = now = time.monotonic()
        while now - began < seconds:
            self._open(int((now - began) * self._crowd.rate) + 1, now)
            self._hear()
            self._drip(now)
            now = time.monotonic()
        return Figures(self._opened, self._refused, self._ended, len(self._clients), self._read)

    def _open(self, allowed: int, now: float) -> None:
        until = now + 5 * _TURN_SECONDS
        while len(self._clients) < self._crowd.most and self._opened < allowed and time.monotonic() < until:
            self._opened += 1
            stream = self._connected()
            if stream is None:
                self._refused += 1
                continue
            self._clients[stream.fileno()] = Client(stream, now)
            self._poll.register(stream.fileno(), select.EPOLLIN if self._crowd.reads else 0)

    def _connected(self) -> socket.socket | None:
        stream = socket.socket()
        with contextlib.suppress(OSError):
            if self._crowd.receives:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._crowd.receives)
            stream.bind((address(self._opened, self._crowd.addresses), 0))
            stream.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                stream.connect((_NEAR[0], self._port))
            return stream
        stream.close()
        return None

    def _hear(self) -> None:
        for number, what in self._poll.poll(_TURN_SECONDS, 1024):
            client = self._clients[number]
            try:
                if what & (select.EPOLLHUP | select.EPOLLERR):
                    raise ConnectionResetError
                found = client.stream.recv(self._crowd.reads)
            except BlockingIOError:
                continue
            except OSError:
                found = b""
            self._read += len(found)
            if not found:
                self._end(client)

    def _drip(self, now: float) -> None:
        for client in [one for one in self._clients.values() if one.due <= now]:
            try:
                self._send(client)
            except BlockingIOError:
                continue  # it does not read, or is not connected yet
            except OSError:
                self._end(client)
                continue
            client.due = now + self._crowd.every
            if self._crowd.resets:
                client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._end(client)

    def _send(self, client: Client) -> None:
        crowd = self._crowd
        if client.opening:
            client.stream.send(crowd.opening)  # of nothing: an error where it is not connected yet
            client.opening = False
        elif crowd.drip:
            at = client.sent % len(crowd.drip)
            client.sent += client.stream.send(crowd.drip[at : at + crowd.piece])

    def _end(self, client: Client) -> None:
        self._ended += 1
        del self._clients[client.stream.fileno()]
        client.stream.close()


def address(number: int, of: int) -> str:
    """The address in 127.0.0.0/8 from which a client comes; never the scraper's."""
    at = number % of
    return _NEAR[1] if of == 1 else f"127.{2 + at // 62500}.{at // 250 % 250}.{1 + at % 250}"


def main(arguments: list[str]) -> int:
    """NAME PORT SECONDS."""
    from .flood_crowds import CROWDS  # which imports this module

    name, port, seconds = arguments
    allow_files(CROWDS[name].most)
    print(json.dumps(Flood(CROWDS[name], int(port)).run(float(seconds))._asdict()))
    return 0


def allow_files(most: int) -> None:
    """So many descriptors for this process; CannotRun where that is beyond what it may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < most + _OWN_FILES:
        raise CannotRun(f"{most} connections need as many descriptors, and the limit is {hard}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most + _OWN_FILES, hard))


class Flooding:
    """A crowd in its own process; `figures` are there when it is over."""

    def __init__(self, process: subprocess.Popen[str], log: pathlib.Path) -> None:
        self._process = process
        self._log = log
        self.figures = Figures(0, 0, 0, 0, 0)

    def wait(self, seconds: float) -> None:
        """Until it ends by itself; CannotRun with its last words where it fails."""
        told, _ = self._process.communicate(timeout=seconds)
        if self._process.returncode:
            raise CannotRun(f"the crowd did not come: {self._log.read_text().strip()[-300:]}")
        self.figures = Figures(**json.loads(told.splitlines()[-1]))

    def end(self) -> None:
        """Whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def flooding(bench: Bench, name: str, port: int, seconds: float) -> Iterator[Flooding]:
    """A crowd of that name comes to this port for so long; what stands inside is done meanwhile, and then it is awaited."""
    log = bench.scratch / "flood.log"
    words = [bench.python, "-m", "tests.reliability.flood", name, str(port), str(seconds)]
    with log.open("wb") as errors:
        process = subprocess.Popen(words, cwd=TOP, stdout=subprocess.PIPE, stderr=errors, text=True)
    flood = Flooding(process, log)
    try:
        yield flood
        flood.wait(seconds + _LATE_SECONDS)
    finally:
        flood.end()


def flooded(bench: Bench, name: str, port: int, seconds: float) -> Figures:
    """The same, and nothing meanwhile."""
    with flooding(bench, name, port, seconds) as flood:
        pass
    return flood.figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
