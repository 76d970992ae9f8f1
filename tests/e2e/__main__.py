"""`python -m tests.e2e`: agents, a real Prometheus with our rules, a real Alertmanager with our inhibitions, a pager.

Needs Debian's prometheus and prometheus-alertmanager; no service, everything runs on loopback in a directory of its own.
About two minutes, one of which a disk must stall before anybody is woken.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator

from . import configurations, guests
from .agents import running_agents
from .course import LIVE, STEPS, World, of_this_machine
from .pager import receiving
from .programs import ALERTMANAGER, PROMETHEUS, alertmanager, find, prometheus

_NEEDED = {"prometheus": PROMETHEUS, "prometheus-alertmanager": ALERTMANAGER}  # Debian's packages


def main() -> int:
    """1 where a step fails or a program is missing."""
    missing = [package for package, names in _NEEDED.items() if not find(names)]
    if missing:
        print(f"tests.e2e: not run, for this is missing: apt-get install {' '.join(missing)}")
        return 1
    print(
        "The shipped rules and routes with shorter waits (a tenth, at most 8 s); a stall counts after its 60 s.",
        flush=True,
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, _world(pathlib.Path(directory)) as world:
        print(f"         {time.monotonic() - began:6.1f} s  {len(world.agents)} agents and the servers are up")
        complaint = _walk(world)
        print("\nWhat reached a person:", *map(str, world.pager.messages), sep="\n  ")
        for alert, _ in sorted(of_this_machine(world)):
            print(f"\nNot judged: {alert} of {LIVE}")
    print(f"\n{'FAILED' if complaint else 'passed'} in {time.monotonic() - began:.0f} s")
    return 1 if complaint else 0


@contextlib.contextmanager
def _world(directory: pathlib.Path) -> Iterator[World]:
    places = guests.lay_out(directory / "guests")
    with contextlib.ExitStack() as stack:
        agents = stack.enter_context(running_agents(directory, places, LIVE))
        pager, webhooks = stack.enter_context(receiving())
        configurations.write(directory / "alertmanager.yml", configurations.routes(webhooks))
        alerts_to = stack.enter_context(alertmanager(directory))
        targets = {name: agent.address for name, agent in agents.items()}
        configurations.write(directory / "rules.yml", configurations.alerts())
        configurations.write(directory / "recording.yml", configurations.recording())
        configurations.write(directory / "prometheus.yml", configurations.scrape(targets, alerts_to))
        url, _ = stack.enter_context(prometheus(directory))
        yield World(agents, guests.Patients(places), url, alerts_to, pager)


def _walk(world: World) -> str | None:
    """Nothing, or why a step failed; the steps after it are not walked."""
    for step in STEPS:
        began = time.monotonic()
        complaint = None
        try:
            step.act(world)
        except (AssertionError, RuntimeError, OSError) as error:
            complaint = str(error)
        print(f"{'FAILED' if complaint else 'passed'}  {time.monotonic() - began:6.1f} s  {step.name}", flush=True)
        if complaint:
            print(f"        {complaint}")
            return complaint
    return None


if __name__ == "__main__":
    sys.exit(main())
