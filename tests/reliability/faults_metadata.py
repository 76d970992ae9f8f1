"""The EC2 metadata service fails in ways that the tests of its client know, under a daemon that is scraped."""

from __future__ import annotations

from tests.imds import scenarios
from tests.imds.scenarios import RESET, cut, honest
from tests.imds.server import Server

from . import daemon
from .daemon import Running
from .health import failing, unharmed
from .promise import Bench, Promise, hold
from .scrapes import Scrape, Scrapes, answered, scraping

_MOST_SECONDS = 3.0
_MORE_BYTES = 24 << 20  # beyond a daemon that asks a service in order
_UP, _TYPE = "virt_imds_up", 'instance_type="t2.micro"'
_TURN_SECONDS = 100.0  # a minute, a quarter more, and some scrapes
_BACK_SECONDS = 420.0  # five minutes where it was slow or broken, a quarter more
_KINDS = {
    "dies in the middle of an answer": "GET: body cut",
    "resets each connection": "GET: reset",
    "is silent": "GET: silent",
    "drips its answers byte by byte": "GET: body drips",
    "sends a body without end": "GET: endless body",
    "sends a head without end": "GET: endless head",
    "speaks no HTTP": "GET: no HTTP",
}


def ill_from_the_start(bench: Bench) -> str:
    """A service and a daemon for each way to fail, one after the other."""
    slowest, least, most = 0.0, 1 << 40, 0
    for done, name in _KINDS.items():
        with (
            Server(scenarios.SCENARIOS[name]()) as service,
            daemon.started(bench, "--imds.endpoint", service.endpoint) as running,
            scraping(running, every=0.1) as scrapes,
        ):
            last = scrapes.wait(5)
            answered(scrapes.taken, _MOST_SECONDS)
            _told(done, last, running)
            slowest = max(slowest, *(one.seconds for one in scrapes.taken))
            memory = running.cost().rss_bytes
            least, most = min(least, memory), max(most, memory)
    hold(most - least < _MORE_BYTES, f"memory differs by {(most - least) / 2**20:.0f} MB")
    return (
        f"{len(_KINDS)} ways, the slowest scrape {slowest:.2f} s, {_UP} 0 in each,"
        f" {least / 2**20:.0f} to {most / 2**20:.0f} MB resident"
    )


def _told(done: str, last: Scrape, running: Running) -> None:
    hold(last.samples.get(_UP) == 0, f"where it {done}, {_UP} is {last.samples.get(_UP)}")
    hold("imds" in failing(last) or "Metadata" in running.get("/check").body.decode(), f"{done}: /check is silent")
    unharmed(running)


def dies_and_comes_back(bench: Bench) -> str:
    """In order first, then torn in the middle of each answer, then in order again."""
    with (
        Server() as service,
        daemon.started(bench, "--imds.endpoint", service.endpoint) as running,
        scraping(running) as scrapes,
    ):
        first = scrapes.wait(2)
        hold(first.samples.get(_UP) == 1 and _knows(first), "the service in order is not told as such")
        service.scenario = cut(0.5, RESET)
        lost = _until(scrapes, 0, _TURN_SECONDS)
        hold(_knows(scrapes.taken[-1]), "what was known is forgotten")
        service.scenario = honest
        back = _until(scrapes, 1, _BACK_SECONDS)
        seen = answered(scrapes.taken, _MOST_SECONDS)
        unharmed(running)
        return f"told after {lost:.0f} s, what was known kept, back after {back:.0f} s; {seen}"


def _knows(scrape: Scrape) -> bool:
    return any(_TYPE in name for name in scrape.samples)


def _until(scrapes: Scrapes, up: float, seconds: float) -> float:
    took = scrapes.until(lambda one: one.samples.get(_UP) == up, seconds)
    hold(took is not None, f"{_UP} is not {up:.0f} after {seconds:.0f} s")
    return took or 0.0


PROMISES = (
    Promise(
        "faults",
        "the metadata service " + ", or ".join(_KINDS),
        "the daemon comes up, each scrape within 3 s, virt_imds_up is 0, memory bounded",
        ill_from_the_start,
    ),
    Promise(
        "faults",
        "the metadata service dies in the middle of its answers, and comes back",
        "what was known is kept, virt_imds_up tells within two minutes, and within seven that it is back; each scrape within 3 s",
        dies_and_comes_back,
        long=True,
    ),
)
