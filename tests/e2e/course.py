"""What happens to the guests, step by step, and what Prometheus, Alertmanager and the person on call make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from . import guests
from .agents import Agent
from .guests import DATABASE, EMULATED, IN_ZONE, NITRO, OLD, QUIET, ZONE, Patients
from .pager import FIRING, RESOLVED, Pager
from .programs import ask, get, query

LIVE = "this machine"
ON_CALL, TICKETS = "on-call", "tickets"
Alerts = set[tuple[str, str]]  # name, and the guest or the zone

AT_REST: Alerts = {("XenGuestOnEmulatedDevice", EMULATED)}
CLOSED = ("XenFrontendDown", DATABASE)
DEAD = ("NvmeControllerNotLive", NITRO)
BLIND = ("VirtAgentBlind", QUIET)
STALLED = ("GuestDiskStalled", OLD)
ZONE_DOWN = ("DisksStalledInOneZone", ZONE)
HELD: Alerts = {("GuestDiskStalled", guest) for guest in (DATABASE, *IN_ZONE)}
STALLS: Alerts = HELD | {STALLED, ZONE_DOWN}
EVER: Alerts = AT_REST | STALLS | {CLOSED, DEAD, BLIND}
PAGED: Alerts = {CLOSED, DEAD, STALLED, ZONE_DOWN}

_PATIENCE = 45.0  # of one step; a machine with much else to do needs some
_STALL_PATIENCE = 60.0 + _PATIENCE


class World(NamedTuple):
    """Everything that runs."""

    agents: dict[str, Agent]
    patients: Patients
    prometheus: str
    alertmanager: str
    pager: Pager


class Step(NamedTuple):
    """What is done or seen; `act` raises where it is not so."""

    name: str
    act: Callable[[World], None]


def firing(world: World) -> Alerts:
    """What Prometheus says fires now. This machine may have troubles of its own; they are printed, not judged."""
    found = ask(f"{world.prometheus}/api/v1/alerts")["data"]["alerts"]
    return {_key(alert["labels"]) for alert in found if alert["state"] == "firing"} - of_this_machine(world)


def of_this_machine(world: World) -> Alerts:
    found = query(world.prometheus, f'ALERTS{{instance="{LIVE}"}}')
    return {_key(series["metric"]) for series in found}


def _key(labels: dict[str, str]) -> tuple[str, str]:
    return labels["alertname"], labels.get("instance") or labels["availability_zone_id"]


def _await(what: str, wanted: Alerts, see: Callable[[], Alerts], patience: float = _PATIENCE) -> None:
    until = time.monotonic() + patience
    while (seen := see()) != wanted:
        if time.monotonic() > until:
            more, missing = sorted(seen - wanted), sorted(wanted - seen)
            raise AssertionError(f"{what} after {patience:.0f} s: too many are {more}, missing are {missing}")
        time.sleep(0.25)


def _fires(world: World, *alerts: tuple[str, str]) -> None:
    """These, the one from the start, and no other but those of the stalls, whose minute passes meanwhile."""
    _await("firing", AT_REST | set(alerts), lambda: firing(world) - STALLS)


def _told(world: World, status: str, receiver: str, wanted: Alerts) -> None:
    _await(f"{receiver} told of {status}", wanted, lambda: (world.pager.told(status, receiver) & EVER) - STALLS)


def scraped(world: World) -> None:
    wanted = str(len(guests.MACHINES) + 1)
    for expression in ("sum(up)", "count(virt_guest_info)", "sum(job:virt_guest_info:count)"):
        _await("counted", {(expression, wanted)}, lambda asked=expression: _values(world, asked))  # type: ignore[misc]


def _values(world: World, expression: str) -> set[tuple[str, str]]:
    return {(expression, series["value"][1]) for series in query(world.prometheus, expression)}


def at_rest(world: World) -> None:
    _fires(world)
    _told(world, FIRING, TICKETS, AT_REST)


def break_disks(world: World) -> None:
    for illness in (guests.CLOSED_FRONTEND, guests.STALLED_DISK, *guests.STALLED_ZONE):
        world.patients.fall_ill(illness)
    _fires(world, CLOSED)


def see_it_on_the_guest(world: World) -> None:
    headline = get(f"http://{world.agents[DATABASE].address}/check").decode().splitlines()[0]
    assert headline.startswith("VIRT-AGENT CRITICAL: "), headline
    assert "xvdb" in headline, headline


def kill_controller(world: World) -> None:
    world.patients.fall_ill(guests.DEAD_CONTROLLER)
    _fires(world, CLOSED, DEAD)
    _told(world, FIRING, ON_CALL, {CLOSED, DEAD})


def mend_controller(world: World) -> None:
    world.patients.mend(guests.DEAD_CONTROLLER)
    _fires(world, CLOSED)
    _told(world, RESOLVED, ON_CALL, {DEAD})


def kill_agent(world: World) -> None:
    world.agents[QUIET].kill()
    _fires(world, CLOSED, BLIND)
    _told(world, FIRING, TICKETS, AT_REST | {BLIND})


def restart_agent(world: World) -> None:
    agent = world.agents[QUIET]
    agent.start()
    agent.wait()
    _fires(world, CLOSED)
    _told(world, RESOLVED, TICKETS, {BLIND})


def hide_a_file(world: World) -> None:
    world.patients.fall_ill(guests.UNREADABLE)
    _fires(world, CLOSED, BLIND)


def show_it_again(world: World) -> None:
    world.patients.mend(guests.UNREADABLE)
    _fires(world, CLOSED)


def stalled(world: World) -> None:
    _await("firing", AT_REST | STALLS | {CLOSED}, lambda: firing(world), _STALL_PATIENCE)
    _await("told", PAGED, lambda: world.pager.told(FIRING, ON_CALL) & EVER)


def held_back(world: World) -> None:
    """By Alertmanager's own word, and by what did not reach anybody."""

    def inhibited() -> Alerts:
        found = ask(f"http://{world.alertmanager}/api/v2/alerts")
        held = {_key(alert["labels"]) for alert in found if alert["status"]["inhibitedBy"]}
        return held - of_this_machine(world)

    _await("held back", HELD, inhibited)
    told = world.pager.told(FIRING, ON_CALL) & EVER
    assert told == PAGED, told


def mend_disks(world: World) -> None:
    for illness in (guests.CLOSED_FRONTEND, guests.STALLED_DISK, *guests.STALLED_ZONE):
        world.patients.mend(illness)
    _await("firing", AT_REST, lambda: firing(world))


def all_clear(world: World) -> None:
    """Who was woken hears that it is over."""
    # The zone is well with its first disk, and a disk that is scraped later may still be told of.
    late = HELD - {("GuestDiskStalled", DATABASE)}
    _await("not resolved", set(), lambda: PAGED - world.pager.told(RESOLVED, ON_CALL))
    told = world.pager.told(FIRING, ON_CALL) & EVER
    assert told - late == PAGED, told
    assert not world.pager.broken, world.pager.broken


def nothing_else(world: World) -> None:
    found = query(world.prometheus, f'max_over_time(ALERTS{{alertstate="firing",instance!="{LIVE}"}}[1h])')
    fired = {_key(series["metric"]) for series in found}
    assert fired == EVER, f"fired: {fired ^ EVER} differs from what was done"


STEPS = (
    Step("all guests and this machine are scraped, and counted by a recording rule", scraped),
    Step("at rest one alert fires, for the guest on emulated devices, and is a ticket", at_rest),
    Step("a frontend closes, disks stall, five in one zone: XenFrontendDown fires", break_disks),
    Step("the agent on that guest says so too", see_it_on_the_guest),
    Step("an NVMe controller dies: NvmeControllerNotLive fires, on-call is told", kill_controller),
    Step("it comes back: resolved, on-call is told", mend_controller),
    Step("an agent is killed: VirtAgentBlind fires, a ticket", kill_agent),
    Step("it is started again: resolved", restart_agent),
    Step("a collector cannot read: VirtAgentBlind fires", hide_a_file),
    Step("it can again: resolved", show_it_again),
    Step("a minute after they stalled: GuestDiskStalled, DisksStalledInOneZone fire", stalled),
    Step("held back: the zone's five disks, and the disk of the closed frontend", held_back),
    Step("all disks are mended: nothing fires but what did at rest", mend_disks),
    Step("on-call is told that it is over", all_clear),
    Step("nothing else ever fired", nothing_else),
)
