"""How a daemon fares before and after: its series, the collectors that fail, and what the process holds."""

from __future__ import annotations

from typing import NamedTuple

from .daemon import Cost, Running, eventually
from .promise import hold
from .scrapes import Scrape, Scrapes

_SOON = 5.0


class Before(NamedTuple):
    """A healthy daemon: its series, and what it holds."""

    series: frozenset[str]
    failing: frozenset[str]
    cost: Cost


def failing(scrape: Scrape) -> frozenset[str]:
    """The collectors that this scrape tells of as failed or stuck."""
    name = 'virt_agent_collector_success{collector="'
    return frozenset(key[len(name) : -2] for key, value in scrape.samples.items() if key.startswith(name) and not value)


def well(running: Running, scrapes: Scrapes) -> Before:
    """How things stand, with the threads of the scrapes themselves gone."""
    scrape = scrapes.wait(2)
    return Before(steady(scrape), failing(scrape), running.cost())


def steady(scrape: Scrape) -> frozenset[str]:
    """The series by name; that of the duration comes with a failure and goes with it."""
    return frozenset(name for name in scrape.samples if "collector_duration" not in name)


def recovered(running: Running, scrapes: Scrapes, before: Before, seconds: float = _SOON) -> str:
    """All is as before within so long: series, collectors, threads and descriptors; in words."""
    took = scrapes.until(lambda one: steady(one) == before.series and failing(one) == before.failing, seconds)
    if took is None:
        last = scrapes.taken[-1]
        lost, more = sorted(before.series - steady(last)), sorted(steady(last) - before.series)
        hold(False, f"not as before after {seconds:.0f} s: failing {sorted(failing(last))}, lost {lost}, new {more}")
    return f"well {took or 0:.1f} s after, {held(running, before.cost)}"


def held(running: Running, before: Cost, more: int = 2) -> str:
    """Threads and descriptors are back; `more` are those of a scrape under way."""

    def back() -> bool:
        now = running.cost()
        return now.threads <= before.threads + more and now.descriptors <= before.descriptors + more

    kept = eventually(back, _SOON)
    now = running.cost()
    seen = (
        f"threads {before.threads} to {now.threads}, descriptors {before.descriptors} to {now.descriptors},"
        f" memory {(now.rss_bytes - before.rss_bytes) / 2**20:+.1f} MB"
    )
    hold(kept, seen)
    return seen


def unharmed(running: Running) -> None:
    """The daemon lives, and its log holds no error of its own."""
    log = running.log()
    wrong = [line for line in log.splitlines() if "please report" in line or "Traceback" in line or "internal" in line]
    hold(running.alive and not wrong, f"the daemon {'complains' if running.alive else 'died'}: {(wrong or [log])[0]}")
