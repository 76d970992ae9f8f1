"""M: time that the host took from this guest."""

from __future__ import annotations

from ... import instance_types
from ..form import CLOUD, HOST, INFO, LIMIT, Case, Hit, Reading, Rule, Setting, growth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHARE = Setting("M01", "percent", 10, "%", "of the CPU time that the host may take", 0, 100)
_SECONDS = Setting("M01", "seconds", 300, "s", "over which it is taken", 1, 600)
_CREDIT_SHARE = Setting("M02", "percent", 5, "%", "of the CPU time that the host may take", 0, 100)
_CREDIT_SECONDS = Setting("M02", "seconds", 600, "s", "over which it is taken", 1, 600)


def _tells_steal(reading: Reading) -> bool:
    return reading.virtual and reading.facts.memory is not None and reading.facts.memory.steal_seconds is not None


def _burstable(reading: Reading) -> bool:
    known = instance_types.lookup(instance_types.name_of(reading.facts)) if reading.on_ec2 else None
    return _tells_steal(reading) and known is not None and known.burstable


def stolen_percent(older: Reading, newer: Reading) -> float | None:
    """The share of the CPU time between two readings that the host took; None where no time passed."""
    before, now = older.facts.memory, newer.facts.memory
    if before is None or now is None:
        return None
    passed = growth(before.cpu_seconds, now.cpu_seconds)
    return growth(before.steal_seconds, now.steal_seconds) * 100 / passed if passed > 0 else None


def _check(share: Setting, seconds: Setting, why: str) -> Callable[[Case], Iterator[Hit]]:
    def check(case: Case) -> Iterator[Hit]:
        older = case.back(case.value(seconds))
        stolen = stolen_percent(older, case.now) if older else None
        if older is None or stolen is None or stolen <= case.value(share):
            return
        over = f" in {case.age(older):.0f} s" if case.age(older) else ""
        yield Hit(
            "cpu", f"the host took {stolen:.0f}% of the CPU time{why}", (f"/proc/stat: steal {stolen:.1f}%{over}",)
        )

    return check


RULES = (
    Rule(
        code="M01",
        name="cpu-steal",
        kind=LIMIT,
        severity=INFO,
        title="the host takes much of the CPU time",
        needs=("memory",),
        applies=lambda reading: _tells_steal(reading) and not _burstable(reading),
        check=_check(_SHARE, _SECONDS, ""),
        means="This guest wanted to run and did not get the processor: the host is crowded, or a limit is set for it.",
        remedy=(
            "Compare with the load in here: vmstat 1 5, column st",
            "Ask whoever runs the host about its load and about this guest's weight and cap.",
        ),
        source="proc_stat(5), steal; kernel/sched/cputime.c, steal_account_process_time",
        owner=HOST,
        settings=(_SHARE, _SECONDS),
        compare=True,
    ),
    Rule(
        code="M02",
        name="cpu-credits-spent",
        kind=LIMIT,
        severity=INFO,
        title="a burstable instance has spent its CPU credits",
        needs=("memory",),
        applies=_burstable,
        check=_check(_CREDIT_SHARE, _CREDIT_SECONDS, ": CPU credits are probably spent"),
        means="A t2, t3, t3a or t4g instance without credits runs at its baseline, a fraction of a processor.",
        remedy=(
            "See the balance: CloudWatch, metric CPUCreditBalance of this instance",
            "Buy unlimited credits (aws ec2 modify-instance-credit-specification) or choose a larger type.",
        ),
        source="EC2 user guide, Burstable performance instances",
        owner=CLOUD,
        settings=(_CREDIT_SHARE, _CREDIT_SECONDS),
        compare=True,
    ),
)
