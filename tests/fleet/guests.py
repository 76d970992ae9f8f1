"""Guests by number: each of a kind, with an identity of its own, counters that grow and illnesses that come and go.

The project's own metrics code writes an exposition once for each kind, well and ill. What differs between guests and
scrapes is cut out of it and filled in anew for each scrape, so that one process can be thousands of guests.
"""

from __future__ import annotations

import functools
import random
import re
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

from virt_agent import metrics
from virt_collectors.facts import Facts
from virt_collectors.record import replace

from .kinds import KINDS, Kind, reported, watched

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"  # Prometheus' own
ILL_SHARE = 50  # one guest in so many is ill at a time
ILL_SECONDS = 300.0  # then another one
_ZONES = ("use1-az1", "use1-az2", "use1-az4", "use1-az6", "euw1-az1", "euw1-az2")
_TYPES = {
    "ec2-nitro": ("c5.large", "m5.xlarge", "r5.2xlarge", "c6i.large", "m6i.4xlarge", "t3.medium"),
    "ec2-xen-on-nitro": ("t2.micro", "t2.medium", "m4.large"),
    "ec2-xen-hvm": ("m3.medium", "c3.large", "i2.xlarge"),
    "ec2-xen-pv": ("m1.small", "m1.medium"),
    "bare-metal": ("i3.metal",),
}
_VOLUME = re.compile(rb"vol-[0-9a-f]{17}")
_IDENTITY = re.compile(rb'(availability_zone_id|image_id|instance_id|instance_type|vm_uuid)="([^"]+)"')


class Guest:
    """One of the fleet; `began` is when its agent did, in seconds since 1970."""

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.kind = _kind_of(number)
        draw = random.Random(number)
        self.began = now - draw.uniform(600, 40 * 86400)
        self.busy = draw.random()
        self._ills_at = draw.randrange(ILL_SHARE)
        self._words = {
            b"availability_zone_id": draw.choice(_ZONES).encode(),
            b"image_id": f"ami-{draw.randrange(40):017x}".encode(),
            b"instance_id": f"i-{draw.getrandbits(64):017x}".encode(),
            b"instance_type": draw.choice(_TYPES.get(self.kind.name, ("",))).encode(),
            b"vm_uuid": str(uuid.UUID(int=draw.getrandbits(128))).encode(),
        }
        self._volumes = draw.getrandbits(60)

    @property
    def instance(self) -> str:
        """Its address, as a scrape configuration would have it."""
        return f"{self.kind.name}-{self.number:05d}.example.org:10480"

    def ill(self, now: float) -> bool:
        """Whether its turn has come."""
        return int(now / ILL_SECONDS) % ILL_SHARE == self._ills_at

    def word(self, name: bytes) -> bytes:
        """Its identity; of a volume by number."""
        if name.isdigit():
            return b"vol-%017x" % (self._volumes + int(name))
        return self._words[name]

    def exposition(self, now: float) -> bytes:
        """What a scrape gets at that time."""
        template = template_of(self.kind, self.ill(now))
        age = now - self.began
        return template.text % tuple([hole(self, age, now) for hole in template.holes])


def _kind_of(number: int) -> Kind:
    """A hundred guests in a row have the shares of the kinds."""
    place = number * 37 % 100  # kinds take turns
    for kind in KINDS:
        place -= kind.share
        if place < 0:
            return kind
    raise AssertionError("the shares of the kinds are not a hundred")


Hole = Callable[[Guest, float, float], bytes]


class Template(NamedTuple):
    """An exposition with holes, and what fills them in turn."""

    text: bytes
    holes: tuple[Hole, ...]


@functools.cache
def template_of(kind: Kind, ill: bool) -> Template:
    """Cut from what the metrics code writes for that kind."""
    healthy = kind.facts()
    facts = fallen_ill(healthy) if ill else healthy
    told = watched(facts, ready=not ill)
    stalled = {facts.block_devices[-1].name: 75.0} if ill and facts.block_devices else {}
    page = metrics.Page().render(ACCEPT, reported(facts, facts), replace(told, stalled_seconds=stalled))[0]
    parts: list[bytes] = []
    holes: list[Hole] = []
    for line in page.splitlines(keepends=True):
        for text, hole in _cut(line):
            parts.append(text.replace(b"%", b"%%") + (b"%b" if hole else b""))
            holes += [hole] if hole else []
    return Template(b"".join(parts), tuple(holes))


def fallen_ill(facts: Facts) -> Facts:
    """Its last disk is dead, where a host could take it away."""
    if facts.nvme:
        return replace(facts, nvme=(*facts.nvme[:-1], replace(facts.nvme[-1], state="dead")))
    if facts.xenbus and facts.xenbus.frontends:
        disks = [frontend for frontend in facts.xenbus.frontends if frontend.type == "vbd"]
        frontends = tuple(replace(f, state="Closed") if f is disks[-1] else f for f in facts.xenbus.frontends)
        return replace(facts, xenbus=replace(facts.xenbus, frontends=frontends))
    return facts


def _cut(line: bytes) -> Iterator[tuple[bytes, Hole | None]]:
    """The line's fixed parts, each with the hole behind it."""
    if line.startswith(b"#"):
        yield line, None
        return
    series, _, value = line.rpartition(b" ")
    at, moves = 0, MOVING.get(series.partition(b"{")[0].decode())
    for found in (_IDENTITY if series.startswith(b"virt_guest_identity_info{") else _VOLUME).finditer(series):
        start, end = found.span(found.re.groups)
        yield series[at:start], _word(found[1] if found.re.groups else b"%d" % _volume_number(found[0]))
        at = end
    yield series[at:] + b" " + (b"" if moves else value), moves
    if moves:
        yield b"\n", None


def _volume_number(name: bytes) -> int:
    """Which of the guest's volumes: they are numbered from the first one."""
    return int(name[4:], 16) & 0xF


def _word(name: bytes) -> Hole:
    return lambda guest, _age, _now: guest.word(name)


def _number(value: float) -> bytes:
    return b"%a" % value


def _growing(per_second: float, whole: bool = True) -> Hole:
    """A counter, of a busy guest quicker than of an idle one."""
    return lambda guest, age, _now: _number(float(int(age * per_second * guest.busy)) if whole else age * per_second)


def _of_few(per_second: float) -> Hole:
    """A counter that grows on one guest in ten."""
    return lambda guest, age, _now: _number(float(int(age * per_second)) if guest.number % 10 == 3 else 0.0)


def _duration(_guest: Guest, _age: float, _now: float) -> bytes:
    """As many digits as a real clock's difference has."""
    return _number(random.random() * 0.002)


# What changes from scrape to scrape, with all digits of the real one: they decide what a sample costs on disk.
MOVING: dict[str, Hole] = {
    "virt_agent_collector_duration_seconds": _duration,
    "virt_agent_process_cpu_seconds_total": _growing(0.0007, whole=False),
    "virt_agent_process_resident_memory_bytes": lambda guest, age, _: _number(28e6 + 4096.0 * int(age / 300 % 9)),
    "virt_agent_process_start_time_seconds": lambda guest, *_: _number(round(guest.began, 2)),
    "virt_agent_config_last_reload_success_timestamp_seconds": lambda guest, *_: _number(guest.began + 0.4),
    "virt_imds_requests_total": _growing(3 / 60),
    "virt_imds_last_answer_timestamp_seconds": lambda guest, _, now: _number(now - (now + guest.number) % 60),
    "virt_nvme_statistics_age_seconds": lambda guest, _, now: _number((now + guest.number) % 60),
    "virt_xen_frontend_events_total": _growing(120.0),
    "virt_ena_allowance_exceeded_packets_total": _of_few(2.0),
    "virt_ena_conntrack_available_connections": lambda guest, *_: _number(float(random.randrange(90_000, 100_000))),
    "virt_ebs_limit_exceeded_seconds_total": _of_few(0.02),
}
