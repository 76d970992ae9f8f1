"""Single sources that hang, fail, lie or never end, while the daemon is scraped."""

from __future__ import annotations

import errno
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

from .faults_fuse import LISTS, LOOKS, OPENS, READS, Illness
from .faults_guest import Patient, watched
from .health import Before, failing, recovered, unharmed, well
from .promise import Bench, Promise, hold
from .scrapes import Scrape, answered, scraping

# A collector has two seconds; the rest is ours, on a busy machine.
MOST_SECONDS = 3.0
_SICK_SECONDS = 2.5
_DISK, _CARD = "sys/devices/vbd-832/block/xvdb", "sys/devices/vif-0/net/eth0"
# Not /sys/devices/system/cpu, which no device keeps waiting: glibc reads it where many threads begin.
_EVERYWHERE = tuple(f"sys/{name}" for name in ("block", "bus", "class", "firmware", "hypervisor", "module"))
ALL = LOOKS | OPENS | READS | LISTS
# Collector: a series that is there only where it brought its facts.
_SIGNS = {
    "block_devices": 'virt_block_device_info{device="xvda"',
    "network": 'virt_network_device_info{default_route="1",device="eth0"',
    "xenbus": "virt_xen_frontend_state{",
    "memory": "virt_xen_balloon_current_bytes",
    "hypervisor": "virt_guest_info{",
    "kernel_log": "virt_kernel_log_lost_records_total",
}  # fmt: skip


class Sick(NamedTuple):
    """What is done to a path, and what the daemon makes of it: the collectors that fail, and a word of the reason."""

    done: str
    path: str
    illness: Illness
    failing: frozenset[str]
    reason: str
    told: str
    most: float = MOST_SECONDS


def _sick(done: str, path: str, illness: Illness, failing: str, reason: str, told: str) -> Sick:
    return Sick(done, path, illness, frozenset(failing.split()), reason, told)


def _endless(_offset: int, size: int) -> bytes:
    return b"1 " * (size // 2)


def _garbage(offset: int, size: int) -> bytes:
    return (b"\x1b[2J\xff\xfe\0\r\n9e99\xe2\x80\xae" * 200)[offset:][:size]


def _refused(code: int, operations: frozenset[int] = READS) -> Illness:
    return Illness(operations, code)


_HANGS, _STUCK = Illness(READS), "has not returned"
SICK = (
    _sick("reads of one disk's file never return", f"{_DISK}/stat", _HANGS, "block_devices", _STUCK, "stuck"),
    _sick(
        *("listing the network cards never returns", "sys/class/net", Illness(LISTS)),
        *("ethtool network", _STUCK, "stuck"),
    ),
    _sick(
        *("looking at anything on the Xen bus never returns", "sys/bus/xen", Illness(LOOKS | LISTS)),
        *("xenbus", _STUCK, "stuck"),
    ),
    _sick(
        *("each read of a disk takes half a second", _DISK, Illness(READS, seconds=0.5)),
        *("block_devices", _STUCK, "stuck"),
    ),
    _sick("EIO for one disk's file", f"{_DISK}/stat", _refused(errno.EIO), "block_devices", "EIO", "failed"),
    _sick(
        *("EIO for the list of network cards", "sys/class/net", _refused(errno.EIO, LISTS)),
        *("ethtool network", "EIO", "failed"),
    ),
    _sick(
        *("EIO for a mere look at a card's device", f"{_CARD}/device", _refused(errno.EIO, LOOKS)),
        *("ethtool network", "EIO", "failed"),
    ),
    _sick(
        *("garbage in a disk's file: escapes, NUL, half characters", f"{_DISK}/stat", Illness(READS, content=_garbage)),
        *("block_devices", "is not", "failed"),
    ),
    _sick(
        *("a file that never ends", f"{_CARD}/statistics/tx_packets", Illness(READS, content=_endless)),
        *("network", "whole number", "failed"),
    ),
    _sick(
        *("a frontend's state is a word that no kernel has", "sys/devices/vif-0/state"),
        *(Illness(READS, content=lambda offset, size: b"Undead\n"[offset:][:size]),),
        *("xenbus", "no xenbus state", "failed"),
    ),
)  # fmt: skip


def course(sick: Sick) -> Callable[[Bench], str]:
    """The illness from its beginning to the recovery."""

    def run(bench: Bench) -> str:
        with watched(bench) as patient, scraping(patient.running) as scrapes:
            before = well(patient.running, scrapes)
            patient.files.sicken(sick.path, sick.illness)
            began = time.monotonic()
            scrapes.until(
                lambda one: time.monotonic() - began > _SICK_SECONDS and bool(failing(one)), 2 * _SICK_SECONDS
            )
            seen = _judged(sick, patient, scrapes.since(began), before)
            patient.files.heal()
            after = recovered(patient.running, scrapes, before)
            answered(scrapes.since(began), sick.most)
            unharmed(patient.running)
            return f"{seen}; {after}"

    return run


def _judged(sick: Sick, patient: Patient, found: list[Scrape], before: Before) -> str:
    found = [scrape for scrape in found if scrape.status or scrape.why]
    seen = answered(found, sick.most)
    last = found[-1]
    hold(failing(last) == before.failing | sick.failing, f"failing are {sorted(failing(last))}")
    for collector, sign in _SIGNS.items():
        lost = collector not in sick.failing and not any(name.startswith(sign) for name in last.samples)
        hold(not lost, f"{sign} of {collector} is lost")
    page = " ".join(patient.running.get("/check").body.decode().split())
    names = ", ".join(sorted(sick.failing))
    hold(all(f"{name} {sick.told}" in page for name in sick.failing), f"/check does not say that {names} {sick.told}")
    hold(sick.reason in page, f"/check does not say why: {sick.reason!r} is missing")
    return f"{seen}; {names} {sick.told}"


def _promise(sick: Sick) -> Promise:
    promised = (
        f"each scrape within {sick.most:.0f} s, all other collectors' series in it; metric and /check name the collector"
        " and why; well again by itself, threads and descriptors as before"
    )
    return Promise("faults", sick.done, promised, course(sick))


def everything_hangs(bench: Bench) -> str:
    """All that devices show, at once."""
    with watched(bench) as patient, scraping(patient.running) as scrapes:
        before = well(patient.running, scrapes)
        for place in _EVERYWHERE:
            patient.files.sicken(place, Illness(ALL))
        began = time.monotonic()
        scrapes.wait(4)
        slowest_sign = max(patient.running.get("/-/healthy").seconds for _ in range(20))
        hold(slowest_sign < 1.0, f"/-/healthy took {slowest_sign:.2f} s")
        scrapes.until(lambda one: one.at > began + 10.0, 25.0)
        seen = answered(scrapes.since(began), 9.0)
        stuck = len(failing(scrapes.taken[-1]))
        patient.files.heal()
        after = recovered(patient.running, scrapes, before, 15.0)
        unharmed(patient.running)
        return f"{seen}; {stuck} collectors stuck, /-/healthy {slowest_sign:.2f} s; {after}"


_ODD = ("EACCES", "EPERM", "EAGAIN", "EBUSY", "EINVAL", "ENOMEM", "ENXIO", "ESTALE", "EOVERFLOW", "ETIMEDOUT", "ENOSPC")


def every_refusal(bench: Bench) -> str:
    """Errnos that a driver may answer with, in turn, by reads, opens and looks."""
    with watched(bench) as patient, scraping(patient.running) as scrapes:
        before = well(patient.running, scrapes)
        began = time.monotonic()
        for word, operations in itertools.product(_ODD, (READS, OPENS, LOOKS | LISTS)):
            patient.files.sicken("sys/devices", _refused(getattr(errno, word), operations))
            hold(patient.running.get("/metrics").status == 200, f"no answer under {word}")
        seen = answered(scrapes.since(began), MOST_SECONDS)
        patient.files.heal()
        after = recovered(patient.running, scrapes, before)
        unharmed(patient.running)
        return f"{len(_ODD)} errors in 3 places, {seen}; {after}"


PROMISES = (
    *(_promise(sick) for sick in SICK),
    Promise(
        "faults",
        "everything that devices show in /sys hangs at once",
        "each scrape within 9 s, before Prometheus gives up; /-/healthy within 1 s; well again by itself",
        everything_hangs,
    ),
    Promise(
        "faults",
        "all devices answer with each of eleven errors in turn",
        "each scrape within 3 s, no internal error; well again by itself",
        every_refusal,
    ),
)
