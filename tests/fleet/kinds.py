"""Kinds of guests, as facts: recorded machines with all that a daemon adds, and as many disks and cards as wanted.

The rules judge them anew, so that a guest has the states that its own facts make.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from tests import corpus, ebs_page
from tests.machines import present
from tests.test_rules_ena import CARD, STILL
from virt_agent import report
from virt_agent.metrics import METRICS
from virt_agent.metrics.definition import Reload, Watched
from virt_agent.observe import reading_of
from virt_agent.readiness.form import NOT_READY, READY
from virt_agent.report import Report
from virt_agent.rules import topics
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import Case
from virt_agent.selection import Selection
from virt_agent.serve.readiness import targets
from virt_collectors.block import BlockDevice
from virt_collectors.collect import ABSENT, COLLECTORS, OK, Outcome, choose
from virt_collectors.facts import Facts
from virt_collectors.kernel_log import KernelLog
from virt_collectors.mounts import Mount
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.nvme import NvmeController
from virt_collectors.nvme_pages import decode
from virt_collectors.record import replace
from virt_collectors.xenbus import XenDevice

APART_SECONDS = 15.0
_PROCESS = {definition.name: 1.0 for definition in METRICS if definition.name.startswith("virt_agent_process_")}
_STATISTICS = decode(ebs_page.page(), "made")
_NOW = 1.76e9
_UP: dict[str, Any] = {
    "operstate": "up",
    "carrier": True,
    "mtu": 1500,
    "tx_packets": 9,
    "tx_errors": 0,
    "tx_dropped": 0,
}
# What a case that was written down for its verdict alone lacks, and a recorded guest has
_WHOLE, _ON_EVERY_GUEST = "pvh", ("clock", "memory", "boot", "drivers", "configuration", "os")
# Of one driver, amzn-drivers', with ENA Express off as on most guests
ENA_COUNTERS = {**STILL, "ena_srd_mode": 0}


class Kind(NamedTuple):
    """A kind of guest; of a hundred guests, so many are of it."""

    name: str
    share: int
    machine: str
    disks: int
    cards: int
    widen: Callable[[Facts, int, int], Facts]

    def facts(self, disks: int | None = None, cards: int | None = None) -> Facts:
        """What its daemon knows, with its usual number of devices or another one."""
        chosen = self.disks if disks is None else disks, self.cards if cards is None else cards
        made = self.widen(_known(self.machine), *chosen)
        names = [disk.name for disk in present(made.block_devices)]
        points = [f"/data{number}" if number else "/" for number in range(len(names))]
        mounts = (
            Mount(point, f"/dev/{name}", "ext4", read_only=False, device=name, disks=(name,))
            for point, name in zip(points, names, strict=True)
        )
        return replace(made, mounts=tuple(mounts))


@functools.cache
def _known(machine: str) -> Facts:
    """The machine's facts as those of a daemon that may read the kernel log, on a clock that tells of sleep."""
    facts = corpus.facts(corpus.host(machine))
    whole = {name: getattr(facts, name) or getattr(corpus.facts(corpus.host(_WHOLE)), name) for name in _ON_EVERY_GUEST}
    log = replace(facts.kernel_log or KernelLog(lines=1), followed=True)
    clock = replace(whole.pop("clock"), current="tsc", available=("tsc", "hpet"), suspended_seconds=0.0, time=_NOW)
    imds = facts.imds and replace(facts.imds, asked=_NOW, availability_zone_id="use1-az1")
    return replace(facts, **whole, kernel_log=log, clock=clock, imds=imds)


def widen_xen(facts: Facts, disks: int, cards: int) -> Facts:
    """Frontends as Linux 5.10 and newer shows them, all Connected."""
    vbds = [f"vbd-{51712 + 16 * number}" for number in range(disks)]
    vifs = [f"vif-{number}" for number in range(cards)]
    frontends = tuple(XenDevice(name, name[:3], "Connected", name[:3], 2, 5, 0, 0) for name in (*vbds, *vifs))
    block = tuple(
        BlockDevice(f"xvd{chr(97 + number)}", "xen-blkfront", "xen", vbd, in_flight=0, completed=9)
        for number, vbd in enumerate(vbds)
    )
    network = tuple(
        NetworkDevice(f"eth{number}", "xen-netfront", "xen", vif, default_route=not number, **_UP)
        for number, vif in enumerate(vifs)
    )
    xenbus = replace(present(facts.xenbus), frontends=frontends)
    return replace(facts, xenbus=xenbus, block_devices=block, network=Network(network, "eth0"))


def widen_nitro(facts: Facts, disks: int, cards: int) -> Facts:
    """EBS volumes whose counters are read, and ENA cards with all the counters of their driver."""
    volume = replace(present(facts.nvme)[0], statistics=_STATISTICS, statistics_state="ok", statistics_time=_NOW)
    disk, card = present(facts.block_devices)[0], replace(present(facts.network).devices[0], **_UP)
    names = [f"ens{5 + number}" for number in range(cards)]
    return replace(
        facts,
        nvme=tuple(_renamed_controller(volume, number) for number in range(disks)),
        block_devices=tuple(_renamed_disk(disk, number) for number in range(disks)),
        network=Network(tuple(replace(card, name=name, default_route=name == "ens5") for name in names), "ens5"),
        ethtool=tuple(replace(CARD, interface=name, counters=ENA_COUNTERS) for name in names),
    )


def _volume(number: int) -> str:
    return f"vol-{0x427A785FC485BCC2 + number:017x}"


def _renamed_controller(controller: NvmeController, number: int) -> NvmeController:
    volume = _volume(number)
    return replace(
        controller,
        name=f"nvme{number}",
        disks=(f"nvme{number}n1",),
        volume_id=volume,
        serial=volume.replace("-", ""),
        device_name=f"xvd{chr(97 + number)}",
        firmware="1.0",
    )


def _renamed_disk(disk: BlockDevice, number: int) -> BlockDevice:
    volume = _volume(number)
    name, serial = f"nvme{number}n1", volume.replace("-", "")
    return replace(disk, name=name, volume_id=volume, serial=serial, in_flight=0, completed=9)


def widen_plainly(facts: Facts, disks: int, cards: int) -> Facts:
    """Disks and cards like the first one."""
    disk = replace(present(facts.block_devices)[0], in_flight=0, completed=9)
    card = next(iter(present(facts.network).devices), NetworkDevice("eth0", "e1000e", "pci"))
    card = replace(card, **_UP)
    stem = disk.name[:-1]
    block = tuple(replace(disk, name=f"{stem}{chr(97 + number)}", serial=None) for number in range(disks))
    network = tuple(
        replace(card, name=f"eth{number}", default_route=not number, address=f"02:00:00:00:00:{number:02x}")
        for number in range(cards)
    )
    return replace(facts, block_devices=block, network=replace(present(facts.network), devices=network))


KINDS = (
    Kind("ec2-nitro", 50, "D20-ec2-c5large", 2, 1, widen_nitro),
    Kind("ec2-xen-on-nitro", 10, "D07-ec2-t2micro-xen-on-nitro", 2, 1, widen_xen),
    Kind("ec2-xen-hvm", 5, "D04-ec2-m3medium-hvm", 2, 1, widen_xen),
    Kind("ec2-xen-pv", 3, "D01-ec2-m1small-pv", 2, 1, widen_xen),
    Kind("xen-pvhvm", 14, "pvhvm", 2, 1, widen_xen),
    Kind("xen-pvh", 4, "pvh", 2, 1, widen_xen),
    Kind("xen-pv", 3, "pv", 2, 1, widen_xen),
    Kind("xen-hvm-emulated", 2, "hvm-nopv", 2, 1, widen_plainly),
    Kind("kvm-virtio", 7, "qemu-q35-virtio", 2, 1, widen_plainly),
    Kind("xen-dom0", 1, "dom0", 2, 1, widen_plainly),
    Kind("bare-metal", 1, "D27-ec2-i3metal", 1, 1, widen_plainly),
)


def reported(facts: Facts, before: Facts | None = None) -> Report:
    """What the rules say of a guest that a daemon saw before, and then again."""
    earlier = replace(reading_of(before or facts), monotonic=1000.0)
    now = replace(reading_of(facts), monotonic=1000.0 + APART_SECONDS)
    case = Case(now, earlier, earlier, (earlier,), patient=True)
    judgement = evaluate(topics.relevant(now, ()), case, (), Selection())
    return report.make(now, judgement, _outcomes(facts), Selection())


def _outcomes(facts: Facts) -> tuple[Outcome, ...]:
    """A daemon's collectors: those found something whose facts are there, the others do not apply."""
    known = {collector.name for collector in choose(optional=("processor",))}
    found = {name for name in Facts.fields if getattr(facts, name) is not None} | {"processor"}
    return tuple(
        Outcome(collector.name, OK if collector.name in found else ABSENT, None, 0.0)
        for collector in COLLECTORS
        if collector.name in known
    )


def watched(facts: Facts, ready: bool = True) -> Watched:
    """What a daemon adds."""
    answers = dict.fromkeys(targets(reading_of(facts)), READY if ready else NOT_READY)
    return Watched({}, _PROCESS, 0, {"200": 60} if facts.imds else {}, answers, Reload(successful=True, time=_NOW))
