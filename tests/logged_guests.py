"""Guests with a kernel log, and what the rules on it find there."""

from __future__ import annotations

from typing import Any

from tests import corpus
from tests.test_rules import patient
from virt_agent.observe import reading_of
from virt_agent.rules import registry
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import Case, Finding, Reading
from virt_agent.selection import Selection
from virt_collectors.clock import Clock
from virt_collectors.ethtool import DriverReport
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.kernel_log import parse_log
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount
from virt_collectors.record import replace

NOW = 1_763_606_590.0  # 2025-11-20 02:43:10 UTC
UPTIME = 50_000.0
AT = UPTIME - 600  # when the lines of the tests were printed: ten minutes ago
RULES = {rule.code: rule for rule in registry.RULES if rule.needs == ("kernel_log",)}
XEN, EC2, VIRTIO, SRIOV, DOM0 = "pvhvm", "D20-ec2-c5large", "qemu-q35-virtio", "D09-ec2-i2-hvm", "dom0"
GB = 1 << 30


def line(message: str, *more: str, at: float = AT) -> str:
    """Lines of the log, a second apart."""
    return "".join(f"[{at + number:12.6f}] {each}\n" for number, each in enumerate((message, *more)))


def guest(
    name: str, text: str | None, uptime: float | None = UPTIME, current: str | None = None, **facts: Any
) -> Reading:
    """A machine with that kernel log, up for half a day; on Xen its disks are mounted and its card has the route."""
    recorded = name in corpus.GUESTS and name != DOM0
    known = corpus.facts(SnapshotHost(patient(name)) if recorded else corpus.host(name))
    old = known.clock
    time = Clock(current or (old.current if old else None) or "tsc", old.available if old else (), uptime, NOW)
    log = None if text is None else parse_log(text)
    return reading_of(
        replace(known, **{"clock": time, "kernel_log": log, "ethtool": ENA if name == EC2 else None, **facts})
    )


def judged(reading: Reading, **settings: float) -> Judgement:
    chosen = Selection(settings={f"kernel_log.{name}": value for name, value in settings.items()})
    return evaluate(tuple(RULES.values()), Case(reading), selection=chosen)


def finding(reading: Reading, code: str, **settings: float) -> Finding | None:
    return next((each for each in judged(reading, **settings).findings if each.code == code), None)


def causes(reading: Reading) -> dict[str, str | None]:
    """What findings of the log have in common with those of all rules."""
    found = evaluate(registry.RULES, Case(reading)).findings
    return {each.code: each.same_cause_as for each in found if each.code[0] == "L"}


ENA = (DriverReport("ens5", "ena", bus_info="0000:00:05.0"),)


def xenbus(state: str, name: str = "vbd-51728", driver: str | None = "vbd") -> dict[str, Any]:
    """The facts of a guest in which one frontend is in that state."""
    known = corpus.facts(SnapshotHost(patient("pv"))).xenbus
    assert known
    changed = (replace(each, state=state, driver=driver) if each.name == name else each for each in known.frontends)
    return {"xenbus": replace(known, frontends=tuple(changed))}


def nvme(state: str) -> dict[str, Any]:
    """The facts of an EC2 guest whose controller is in that state, mounted."""
    known = corpus.facts(corpus.host(EC2))
    assert known.nvme
    assert known.block_devices
    return {
        "nvme": tuple(replace(each, state=state) for each in known.nvme),
        "block_devices": tuple(replace(each, state=state) for each in known.block_devices),
        "mounts": (Mount("/", "/dev/nvme0n1p1", "ext4", False, "nvme0n1p1", ("nvme0n1",)),),
    }


def halted(word: str | None) -> dict[str, Any]:
    """The facts of a guest whose root file system says that of itself."""
    return {"mounts": (Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",), word),)}


def virtio(driver: str | None) -> dict[str, Any]:
    known = corpus.facts(corpus.host(VIRTIO)).virtio
    assert known
    return {"virtio": tuple(replace(each, driver=driver) if each.name == "virtio1" else each for each in known)}


NETFRONT_OLD = "xen_netfront: backend does not support copying receive path"
RESET = "ena 0000:00:05.0: Device reset completed successfully"
MEMORY = Memory(GB, balloon_target_bytes=GB, balloon_current_bytes=GB)
SHORT = {"memory": replace(MEMORY, balloon_current_bytes=GB // 2)}


def mounted(device: str, *disks: str) -> dict[str, Any]:
    return {"mounts": (Mount("/data", f"/dev/{device}", "ext4", False, device, disks),)}
