"""X11: Xen's balloon. On Ubuntu's -aws kernels there is none, by design."""

from __future__ import annotations

from virt_collectors.memory import Memory

from ..form import FAULT, HOST, WARNING, Case, Hit, Reading, Rule, Setting
from ..host_side import MEMORY, ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
_SECONDS = Setting("X11", "seconds", 600, "s", "for how long the balloon gets no nearer to its target", 1, 600)
_PERCENT = Setting("X11", "percent", 5, "%", "of the target that may be missing or left", 0, 100)
_MEBIBYTES = Setting("X11", "mebibytes", 64, "MiB", "that may be missing or left in any case", 0, 1e6)


def _distance(memory: Memory | None) -> int | None:
    if memory is None or memory.balloon_target_bytes is None or memory.balloon_current_bytes is None:
        return None
    return abs(memory.balloon_current_bytes - memory.balloon_target_bytes)


def _applies(reading: Reading) -> bool:
    return reading.xen_guest and _distance(reading.facts.memory) is not None


def _check(case: Case) -> Iterator[Hit]:
    """Far from one target then and now, and not nearer by as much as is tolerated."""
    older, memory = case.back(case.value(_SECONDS)), case.now.facts.memory
    before = older.facts.memory if older else None
    now, then = _distance(memory), _distance(before)
    live = case.now.facts.system is not None and case.now.facts.system.live
    if older is None or memory is None or before is None or now is None or then is None or not live:
        return
    target = memory.balloon_target_bytes or 0
    tolerated = max(case.value(_PERCENT) / 100 * target, case.value(_MEBIBYTES) * _MIB)
    same = before.balloon_target_bytes == target and case.age(older) >= case.value(_SECONDS)
    if not same or min(now, then) <= tolerated or then - now >= _MIB:
        return
    current = memory.balloon_current_bytes or 0
    yield Hit(
        "balloon",
        f"the balloon stands {now / _MIB:.0f} MiB from its target",
        (
            f"/sys/devices/system/xen_memory/xen_memory0: target_kb {target // 1024}, info/current_kb {current // 1024}",
            f"no nearer for {case.age(older) / 60:.0f} min",
        ),
        remedy=(
            "Give: free memory in here (free -m) so that the balloon can grow; "
            if current > target
            else "Take: see whether the kernel could add memory: sudo journalctl -k -g balloon",
            f"See what the host wants: {ask_host(case.now, MEMORY)}",
        ),
    )


RULES = (
    Rule(
        code="X11",
        name="balloon-off-target",
        kind=FAULT,
        severity=WARNING,
        title="the Xen balloon does not reach its target",
        needs=("memory",),
        applies=_applies,
        check=_check,
        means="The host wants to give or take memory and the guest does not follow: the host may be short of memory, or"
        " the guest has less than it was promised.",
        remedy=(
            "See where it stands: grep . /sys/devices/system/xen_memory/xen_memory0/target_kb"
            " /sys/devices/system/xen_memory/xen_memory0/info/current_kb",
            "See what the guest can give: free -m; see why it could not take: sudo journalctl -k -g balloon",
            "Ask the host what it wants: xl list, xe vm-list params=memory-target.",
        ),
        source="Documentation/ABI/stable/sysfs-devices-system-xen_memory; drivers/xen/balloon.c",
        owner=HOST,
        avoid="Do not write to target_kb in here: the host sets it again.",
        settings=(_SECONDS, _PERCENT, _MEBIBYTES),
        compare=True,
    ),
)
