"""A daemon before, while and after somebody is hostile to it, and the scrapers that must be served all the while.

One scraper connects anew each time; the other keeps its connection, and asks again where that was closed while it was
idle, as Go's client does, which is Prometheus'.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from .daemon import HOST, Cost, Running, eventually, started
from .promise import Bench, hold
from .scrapes import EVERY_SECONDS, Scrape, answered

MOST_SECONDS = 5.0  # half of what Prometheus waits
_GIVE_UP_SECONDS = 10.0  # as Prometheus does
_QUIET_SECONDS = 20.0  # after which nothing of the crowd is left; an answer that nobody takes has 30
MEMORY_BYTES = 10 << 20
PLACES, SPARE = 40, 8
BUSY, HUNG_UP = 503, 0
_OTHER_THREADS = 30  # collectors, looks at files, the main loop
_OTHER_FILES = 60
_FEW = 2  # threads or descriptors that come and go without any client
_LINES = 10  # of the log, whatever the clients do
_INTERNAL = ("internal error", "Traceback", "please report it", "could not answer")


class Around(NamedTuple):
    """What a siege needs besides: the daemon's arguments, the scrapers' headers, and what they may be answered."""

    arguments: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    codes: tuple[int, ...] = (200,)


USUAL = Around()


def besieged(bench: Bench, attack: Callable[[Running], str], around: Around = USUAL) -> str:
    """Attack a daemon while it is scraped; what was seen, or Broken."""
    with started(bench, *around.arguments) as running:
        warm(running, around)
        before = running.cost()
        with scraped(running, around) as scrapes, watched(running) as peak:
            said = attack(running)
        seen = answered(
            [one._replace(status=200) if one.status in around.codes else one for one in scrapes], MOST_SECONDS
        )
        turned_away = sum(one.status != 200 for one in scrapes)
        seen += f", {turned_away} of them turned away" if turned_away else ""
        return "; ".join(part for part in (said, seen, bounds(peak), aftermath(running, before)) if part)


def warm(running: Running, around: Around) -> None:
    """All it makes is made once, by more than one at a time."""
    for path in ("/metrics", "/check", "/"):
        crowd = [threading.Thread(target=running.get, args=(path, 30.0, around.headers)) for _ in range(4)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()


@contextlib.contextmanager
def scraped(running: Running, around: Around) -> Iterator[list[Scrape]]:
    """By both scrapers; each scrape that began has ended when this does."""
    taken: list[Scrape] = []
    over = threading.Event()
    scrapers = [threading.Thread(target=_scrape_on, args=(scraper, over, taken))
                for scraper in (Fresh(running, around.headers), Keeping(running, around.headers))]  # fmt: skip
    for thread in scrapers:
        thread.start()
    try:
        yield taken
    finally:
        over.set()
        for thread in scrapers:
            thread.join()
    hold(running.get("/metrics", MOST_SECONDS, around.headers).status == 200, "the scrape after it all failed")


class Fresh:
    """Asks over a connection of its own each time."""

    def __init__(self, running: Running, headers: Mapping[str, str]) -> None:
        self._running = running
        self._headers = headers

    def ask(self) -> int:
        """The code; raises what the client raises."""
        return self._running.get("/metrics", _GIVE_UP_SECONDS, self._headers).status

    def end(self) -> None:
        """Nothing is kept."""


class Keeping:
    """Keeps its connection."""

    def __init__(self, running: Running, headers: Mapping[str, str]) -> None:
        self._running = running
        self._headers = dict(headers)
        self._kept: http.client.HTTPConnection | None = None

    def ask(self) -> int:
        """The same; once more where the connection was closed meanwhile."""
        kept, self._kept = self._kept, None
        if kept is not None:
            try:
                return self._asked(kept)
            except (ConnectionError, http.client.BadStatusLine, ssl.SSLError):
                kept.close()
        return self._asked(connection(self._running))

    def end(self) -> None:
        """Close what is kept."""
        if self._kept is not None:
            self._kept.close()

    def _asked(self, kept: http.client.HTTPConnection) -> int:
        kept.request("GET", "/metrics", headers=self._headers)
        answer = kept.getresponse()
        answer.read()
        if not answer.will_close:
            self._kept = kept
        return answer.status


def connection(running: Running) -> http.client.HTTPConnection:
    """Over TLS where the daemon speaks it; the certificate is ours, and nobody's name."""
    if not running.secure:
        return http.client.HTTPConnection(HOST, running.port, timeout=_GIVE_UP_SECONDS)
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection(HOST, running.port, timeout=_GIVE_UP_SECONDS, context=context)


def _scrape_on(scraper: Fresh | Keeping, over: threading.Event, taken: list[Scrape]) -> None:
    due = time.monotonic()
    while not over.is_set():
        at = time.monotonic()
        try:
            status, why = scraper.ask(), ""
        except (OSError, http.client.HTTPException) as error:
            status, why = 0, f"{type(scraper).__name__}: {error!r}"
        taken.append(Scrape(at, time.monotonic() - at, status, {}, why))
        due = max(due + EVERY_SECONDS, at)
        over.wait(max(due - time.monotonic(), 0.0))
    scraper.end()


class Peak:
    """The most that the daemon held at a time."""

    def __init__(self, cost: Cost) -> None:
        self.rss_bytes, self.descriptors, self.threads = cost[:3]

    def note(self, cost: Cost) -> None:
        """Cost at this moment."""
        self.rss_bytes = max(self.rss_bytes, cost.rss_bytes)
        self.descriptors = max(self.descriptors, cost.descriptors)
        self.threads = max(self.threads, cost.threads)


@contextlib.contextmanager
def watched(running: Running) -> Iterator[Peak]:
    """Its peak, by a look ten times a second."""
    peak, over = Peak(running.cost()), threading.Event()

    def look() -> None:
        while not over.wait(0.1) and running.alive:
            peak.note(running.cost())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def bounds(peak: Peak) -> str:
    """The peak in words; Broken where threads or descriptors are beyond what docs/web.md says."""
    seen = f"at most {peak.threads} threads, {peak.descriptors} descriptors, {peak.rss_bytes >> 20} MiB"
    hold(peak.threads <= PLACES + SPARE + _OTHER_THREADS, seen)
    hold(peak.descriptors <= PLACES + SPARE + _OTHER_FILES, seen)
    return seen


def _more(after: Cost, before: Cost) -> int:
    return max(after.threads - before.threads, after.descriptors - before.descriptors)


def aftermath(running: Running, before: Cost) -> str:
    """What is left of it all; Broken where that is more than a few MiB, or a client could write into the log."""
    hold(running.alive, f"the daemon has ended: {running.log()[-300:]}")
    eventually(lambda: _more(running.cost(), before) <= _FEW, _QUIET_SECONDS)
    after, log = running.cost(), running.log()
    grown, more = after.rss_bytes - before.rss_bytes, _more(after, before)
    seen = f"afterwards {grown / (1 << 20):+.1f} MiB"
    hold(grown <= MEMORY_BYTES and more <= _FEW, f"{seen}, {more} threads or descriptors more than before")
    told = [line for line in log.splitlines() if any(word in line for word in _INTERNAL)]
    hold(not told, f"its log has: {told[:1]}")
    hold(len(log.splitlines()) <= _LINES, f"{len(log.splitlines())} lines in its log, the last {log.splitlines()[-1:]}")
    return seen
