"""A Prometheus that scrapes all the while, and what it gets."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .daemon import Running, samples
from .promise import Broken

EVERY_SECONDS = 0.5
_GIVE_UP_SECONDS = 10.0  # as Prometheus does


class Scrape(NamedTuple):
    """One, asked at `at` (time.monotonic()); status 0 and the reason where there was no answer."""

    at: float
    seconds: float
    status: int
    samples: dict[str, float]
    why: str = ""


class Scrapes:
    """Those so far; `since` is where one looks from."""

    def __init__(self) -> None:
        self.taken: list[Scrape] = []

    def since(self, at: float) -> list[Scrape]:
        """Those that were asked for from then on."""
        return [scrape for scrape in self.taken if scrape.at >= at]

    def wait(self, count: int, seconds: float = 30.0) -> Scrape:
        """The last of so many more that begin from now on."""
        began = time.monotonic()
        while len(found := self.since(began)) < count:
            if time.monotonic() - began > seconds:
                raise Broken(f"{len(found)} scrapes in {seconds:.0f} s, where {count} were due")
            time.sleep(0.05)
        return found[-1]

    def until(self, true: Callable[[Scrape], bool], seconds: float) -> float | None:
        """How long it took from now to the end of a scrape of which it is true; None where it took longer."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for scrape in self.since(began):
                if scrape.status == 200 and true(scrape):
                    return scrape.at + scrape.seconds - began
            time.sleep(0.05)
        return None


def answered(found: list[Scrape], most_seconds: float) -> str:
    """How they were answered, in words; raises Broken where one was not, or took longer."""
    bad = [scrape for scrape in found if scrape.status != 200]
    if bad or not found:
        why = (bad[0].why or bad[0].status) if bad else "none was taken"
        raise Broken(f"{len(bad)} of {len(found)} scrapes failed: {why}")
    slowest = max(scrape.seconds for scrape in found)
    seen = f"{len(found)} scrapes, the slowest {slowest:.2f} s"
    if slowest > most_seconds:
        raise Broken(f"{seen}, where {most_seconds:.0f} s is promised")
    return seen


@contextlib.contextmanager
def scraping(running: Running, path: str = "/metrics", every: float = EVERY_SECONDS) -> Iterator[Scrapes]:
    """Asked every half second, each time over a new connection, whether the one before was answered or not."""
    scrapes, over = Scrapes(), threading.Event()

    def take() -> None:
        scrapes.taken.append(_scrape(running, path))

    def go_on() -> None:
        due = time.monotonic()
        while not over.is_set():
            threading.Thread(target=take, daemon=True).start()
            due += every
            over.wait(max(due - time.monotonic(), 0.0))

    thread = threading.Thread(target=go_on, name="scrapes", daemon=True)
    thread.start()
    try:
        yield scrapes
    finally:
        over.set()
        thread.join()


def _scrape(running: Running, path: str) -> Scrape:
    at = time.monotonic()
    try:
        answer = running.get(path, _GIVE_UP_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        return Scrape(at, time.monotonic() - at, 0, {}, repr(error))
    found = samples(answer.body.decode()) if path == "/metrics" and answer.status == 200 else {}
    return Scrape(at, answer.seconds, answer.status, found)
