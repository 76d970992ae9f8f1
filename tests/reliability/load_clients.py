"""Clients that scrape over connections which they keep, at a fixed rate, all at once, or one after the other.

At a rate, an answer's time counts from when its question was due: a pause of the daemon is seen by all who should have
asked meanwhile, as scrapers would see it, and not by the one alone who happened to.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.bench.daemon import HEADERS
from tests.bench.run import quantile

from .daemon import HOST

END = b"# EOF\n"
_PATIENCE_SECONDS = 10.0  # as Prometheus has it
_RATE_BEGINS_SECONDS = 0.2


class Answered(NamedTuple):
    """One scrape: when it was due (time.monotonic()), how long until its answer was whole, and what was wrong with it."""

    due: float
    seconds: float
    fault: str = ""
    body: bytes = b""


Asking = Callable[[], list[Answered]]


class Client:
    """One scraper. A connection that broke is made anew for the next question."""

    def __init__(self, port: int, address: str = HOST) -> None:
        """`address` is its own, on loopback."""
        self._connection = http.client.HTTPConnection(
            HOST, port, timeout=_PATIENCE_SECONDS, source_address=(address, 0)
        )

    def ask(self, path: str = "/metrics", due: float | None = None, anew: bool = False) -> Answered:
        """One question, over a new connection where that is asked for."""
        due = time.monotonic() if due is None else due
        if anew:
            self.close()
        try:
            self._connection.request("GET", path, headers=HEADERS)
            answer = self._connection.getresponse()
            body = answer.read()
            if answer.getheader("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
        except (OSError, EOFError, http.client.HTTPException) as error:
            self.close()
            return Answered(due, time.monotonic() - due, repr(error))
        return Answered(due, time.monotonic() - due, _fault(path, answer.status, body), body)

    def close(self) -> None:
        self._connection.close()


def _fault(path: str, status: int, body: bytes) -> str:
    if status != 200:
        return f"status {status}"
    return "cut short" if path == "/metrics" and not body.endswith(END) else ""


def dues(rate: float, seconds: float, clients: int, number: int) -> list[float]:
    """When one of so many clients asks, in seconds from the beginning: in turn, evenly."""
    return [at / rate for at in range(number, round(rate * seconds), clients)]


def at_rate(port: int, rate: float, seconds: float, clients: int) -> list[Answered]:
    """So many scrapes a second in all, by so many clients."""
    begin = time.monotonic() + _RATE_BEGINS_SECONDS

    def scrape(number: int, found: list[Answered]) -> None:
        client = Client(port)
        for due in dues(rate, seconds, clients, number):
            time.sleep(max(begin + due - time.monotonic(), 0.0))
            found.append(client.ask(due=begin + due)._replace(body=b""))  # of minutes they would be gigabytes
        client.close()

    return by_threads(clients, scrape)


def together(port: int, rounds: int, clients: int) -> list[Answered]:
    """All clients at the same moment, again and again; from two addresses, for one has not all places."""
    gate = threading.Barrier(clients)

    def scrape(number: int, found: list[Answered]) -> None:
        client = Client(port, f"127.0.0.{1 + number % 2}")
        for _ in range(rounds):
            gate.wait()
            found.append(client.ask())
        client.close()

    return by_threads(clients, scrape)


def in_a_row(port: int, times: int) -> list[Answered]:
    """One client, one scrape after the other."""
    client = Client(port)
    found = [client.ask() for _ in range(times)]
    client.close()
    return found


def by_threads(count: int, work: Callable[[int, list[Answered]], None]) -> list[Answered]:
    """What so many threads found, each with its number and a list of its own."""
    found: list[list[Answered]] = [[] for _ in range(count)]
    threads = [threading.Thread(target=work, args=each) for each in enumerate(found)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answered for each in found for answered in each]


def faults(found: Sequence[Answered]) -> list[str]:
    """What was wrong, of those with which something was."""
    return [answered.fault for answered in found if answered.fault]


def latencies(found: Sequence[Answered]) -> str:
    """Their times in words."""
    seconds = [answered.seconds for answered in found]
    shares = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("slowest", 1.0))
    return ", ".join(f"{name} {quantile(seconds, share) * 1000:.1f} ms" for name, share in shares)


def slow(found: Sequence[Answered]) -> float:
    """Seconds that 99 of 100 do not exceed."""
    return quantile([answered.seconds for answered in found], 0.99)


@contextlib.contextmanager
def meanwhile(step: Callable[[], None], every: float) -> Iterator[None]:
    """A step taken again and again, so many seconds apart, in a thread of its own."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every):
            step()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
