"""B07: requests that do not come back.

xen-blkfront has no I/O timeout and EBS's is set to hours: a dead backend is silent, and nothing but requests in
flight without any completion shows it. A slow disk completes something now and then, so a count that stands still
is the sign, not the time that requests take.
"""

from __future__ import annotations

from virt_collectors.block import BlockDevice

from ... import devices
from .. import usage
from ..form import CRITICAL, FAULT, HOST, WARNING, Case, Hit, Reading, Rule, Setting
from ..host_side import DISK, ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = Setting("B07", "seconds", 30, "s", "in the daemon, for how long nothing was completed", 1, 600)
_PERCENT = Setting(
    "B07",
    "stall_percent",
    50,
    "%",
    "of the last 10 s in which some task waited for I/O; less raises no suspicion",
    0,
    100,
)


def _disks(reading: Reading) -> dict[str, BlockDevice]:
    found = (disk for disk in reading.facts.block_devices or () if devices.is_disk(disk) and disk.in_flight is not None)
    return {disk.name: disk for disk in found}


def _applies(reading: Reading) -> bool:
    return reading.verdict.hypervisor != "none" and bool(_disks(reading))


def _unsure(reading: Reading) -> bool:
    """A disk's counters refused to be read, or requests are in flight and nothing tells whether a task waits."""
    refused = reading.facts.unreadable
    found = [disk for disk in reading.facts.block_devices or () if devices.is_disk(disk)]
    if any(f"sys/block/{disk.name}/{name}" in refused for disk in found for name in ("inflight", "stat")):
        return True
    memory = reading.facts.memory
    told = memory is not None and not (memory.io_some_percent is None and memory.blocked_tasks is None)
    return not told and any(disk.in_flight for disk in found)


def _tasks_wait(case: Case) -> bool:
    """By /proc/pressure/io; where the kernel has none, by the tasks that wait for I/O at this moment."""
    memory = case.now.facts.memory
    if memory is None:
        return False
    if memory.io_some_percent is None:
        return bool(memory.blocked_tasks)
    return memory.io_some_percent >= case.value(_PERCENT)


def _check(case: Case) -> Iterator[Hit]:
    """In the daemon so many seconds without completion; else two readings, while tasks wait."""
    older = _older(case)
    long_enough = older is not None and case.age(older) >= case.value(_SECONDS)
    if not (long_enough or _tasks_wait(case) or _confirms(case)) or (older is None and case.patient and _moves(case)):
        return
    earlier = _disks(older) if older else {}
    for name, disk in sorted(_disks(case.now).items()):
        if not disk.in_flight or (older and not _stands_still(disk, earlier.get(name))):
            continue
        yield _hit(case, disk, older)


def _moves(case: Case) -> bool:
    """A snapshot that the daemon serves stands still by nature."""
    return case.now.facts.system is not None and case.now.facts.system.live


def _older(case: Case) -> Reading | None:
    if case.patient:
        return case.back(case.value(_SECONDS)) if _moves(case) else None
    return case.history[0] if case.history else case.before


def _confirms(case: Case) -> bool:
    """This is an earlier reading that is asked whether it had requests in flight too."""
    return case.first is not None and case.before is None and not case.history


def _stands_still(disk: BlockDevice, earlier: BlockDevice | None) -> bool:
    return (
        earlier is not None
        and bool(earlier.in_flight)
        and disk.completed is not None
        and (disk.completed, disk.flushed) == (earlier.completed, earlier.flushed)
    )


def _hit(case: Case, disk: BlockDevice, older: Reading | None) -> Hit:
    use, memory = usage.of_disk(case.now, disk.name), case.now.facts.memory
    # used raw, by ZFS or ASM, a disk is neither mounted nor held: the requests that the daemon saw waiting are its use
    in_use = disk.name in case.now.mounts or bool(disk.holders) or case.patient
    pressure = memory.io_some_percent if memory else None
    waited = () if pressure is None else (f"/proc/pressure/io: some task waited {pressure:.0f}% of the last 10 s",)
    if older is None:
        what = f"{disk.in_flight} requests in flight on {disk.name} while tasks wait for I/O"
        seen = f"/sys/block/{disk.name}/inflight: {disk.in_flight}; one reading cannot tell slow from dead"
    else:
        what = f"disk {disk.name} is stalled: {disk.in_flight} requests in flight, none finishes"
        seen = f"{disk.in_flight} requests in flight, none finished{_over(case.age(older))}"
    return Hit(
        disk.name,
        what,
        (seen, *waited, *([use] if use else [])),
        CRITICAL if in_use and older is not None else WARNING,
        _remedy(case.now),
        _cause(case.now, disk),
    )


def _over(seconds: float) -> str:
    return f" in {seconds:.1f} s" if seconds else " between two readings"


def _cause(reading: Reading, disk: BlockDevice) -> str | None:
    """The rule that says why this disk does not answer."""
    frontend = next((each for each in reading.frontends if each.name == disk.xenbus), None)
    if frontend is not None and frontend.driver and frontend.state not in (None, "Connected"):
        return "X02" if frontend.state in ("Closing", "Closed", "Unknown") else "X03"
    return "V01" if disk.state not in (None, "live") else None


def _remedy(reading: Reading) -> tuple[str, ...]:
    return (
        "Keep off that disk: no ls, df, lsof, sync on it, and no plain reboot; they hang in state D.",
        f"Ask the host whether its storage answers: {ask_host(reading, DISK)}",
        "Only when the host's storage is back: requests may finish by themselves; else force the guest off, start it,"
        " check the file system.",
    )


RULES = (
    Rule(
        code="B07",
        name="io-stalled",
        kind=FAULT,
        severity=CRITICAL,
        title="a disk has requests in flight and finishes none",
        needs=("block_devices", "memory"),
        applies=_applies,
        check=_check,
        means="The disk no longer answers, though it may look connected. Whoever touches it hangs in state D and cannot"
        " be killed; data not yet written is lost when the guest is forced off.",
        remedy=(
            "Keep off that disk: no ls, df, lsof, sync on it, and no plain reboot.",
            "See that nothing finishes: grep . /sys/block/DISK/inflight /sys/block/DISK/stat, twice, some seconds apart",
            "Ask the host whether its storage answers: EC2's volume status checks, xe vbd-list, xl block-list.",
            "Only when the host's storage is back: requests may finish by themselves; else force the guest off, start"
            " it, check the file system.",
        ),
        source="Documentation/block/stat.rst, Documentation/accounting/psi.rst; xen-blkfront has no I/O timeout",
        owner=HOST,
        avoid="Do not touch the disk and do not reboot plainly: both hang on requests that never return.",
        settings=(_SECONDS, _PERCENT),
        confirm=True,
        unsure=_unsure,
    ),
)
