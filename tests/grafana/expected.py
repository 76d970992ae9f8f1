"""What Prometheus must answer: where the recorded guests have nothing to tell, and numbers that are known beforehand.

The list of what is empty is exact: where a recorded guest begins to tell, its line has to go. Each of these queries is
seen with data on the made guests or on this machine.
"""

from __future__ import annotations

import collections

from tests import corpus
from virt_agent import observe

from . import made
from .prometheus import EVERY_JOB, RECORDED

Name = tuple[str, str, str]

_NO_ENA = "no recorded guest has ENA: QEMU does not emulate it"
_NO_EBS = "no recorded guest has an EBS volume"
_NO_EC2 = "no recorded guest runs on EC2"
_ONLY_EC2 = "HVM and Nitro are targets on EC2 alone"
_NOT_FOLLOWED = "a replay has its whole log at once, and counts no line that comes later"
_HEALTHY = "all is well there"

_EMPTY: dict[str, dict[tuple[str, str], str]] = {
    "fleet": {
        ("Guests by zone", "A"): _NO_EC2,
        ("PV guests and their way out", "BC"): _ONLY_EC2,
        ("Not ready", "A"): "their /boot was not recorded, so their readiness is unknown",
        ("Drivers in ill health", "DE"): _NO_ENA,
        ("ENA: packets beyond an allowance", "A"): _NO_ENA,
        ("EBS: volumes at a limit", "A"): _NO_EBS,
        ("Guests with most packets beyond an allowance", "A"): _NO_ENA,
        ("Volumes most often at a limit", "A"): _NO_EBS,
        ("Scheduled maintenance and spot notices", "A"): _NO_EC2,
        ("Agents that do not answer", "A"): _HEALTHY,
        ("Collectors that fail", "A"): _HEALTHY,
    },
    "guest": {
        ("What could not be judged", "A"): _HEALTHY,
        ("EBS: time at a limit", "A"): _NO_EBS,
        ("EBS: latency", "AB"): _NO_EBS,
        ("Age of the volumes' counters", "A"): _NO_EBS,
        ("ENA: packets beyond an allowance", "A"): _NO_ENA,
        ("ENA: connections that can still be tracked", "A"): _NO_ENA,
        ("Troubles of the drivers", "ABC"): _NO_ENA,
        ("ENA Express: part of the packets that went by it", "A"): _NO_ENA,
        ("Lines of the kernel log", "A"): _NOT_FOLLOWED,
        ("Records lost", "A"): _NOT_FOLLOWED,
        ("Time slept since boot", "A"): "a replay has no clocks to compare",
        ("Last answer", "A"): _NO_EC2,
        ("Requests by answer", "A"): _NO_EC2,
        ("Announced", "A"): _NO_EC2,
    },
}  # fmt: skip
EMPTY_ON_THE_RECORDED: dict[Name, str] = {
    (dashboard, title, ref): why
    for dashboard, known in _EMPTY.items()
    for (title, refs), why in known.items()
    for ref in refs
}


_VERDICTS = [observe.verdict(corpus.host(name), ()) for name in corpus.GUESTS]
_MODES: collections.Counter[tuple[str, ...]] = collections.Counter(
    (one.hypervisor, one.guest_mode or "host") for one in _VERDICTS
)
_PV = sum((one.guest_mode, one.role) == ("pv", "guest") for one in _VERDICTS)
_ALL = len(corpus.GUESTS) + len(made.GUESTS) + 1  # and this machine

# Of Fleet for a job: the query, and its values by the labels of its legend.
NUMBERS: dict[tuple[str, str, str], dict[tuple[str, ...], float]] = {
    (RECORDED, "Guests", "A"): {(): len(corpus.GUESTS)},
    (RECORDED, "Guests by mode", "A"): {**_MODES},
    (RECORDED, "PV left", "A"): {(): _PV},
    (RECORDED, "Scrapes that fail", "A"): {(): 0},
    (RECORDED, "Maintenance in 48 h", "A"): {(): 0},
    (RECORDED, "Series dropped", "A"): {(): 0},
    (RECORDED, "Guests by kernel", "A"): {("6.1.0-56-amd64",): len(corpus.GUESTS)},
    (EVERY_JOB, "Guests", "A"): {(): _ALL},
    (EVERY_JOB, "PV left", "A"): {(): _PV + 1},
    (EVERY_JOB, "Scrapes that fail", "A"): {(): 1},
    (EVERY_JOB, "Not ready to reboot", "A"): {(): 1},
    (EVERY_JOB, "Maintenance in 48 h", "A"): {(): 1},
    (EVERY_JOB, "Drivers in ill health", "A"): {(): 1},
    (EVERY_JOB, "Drivers in ill health", "C"): {(): 1},
    (EVERY_JOB, "Configurations not taken", "A"): {(): 1},
}
