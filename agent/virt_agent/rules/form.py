"""The form of a rule, of what it is asked about, and of what it answers."""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record

from .. import devices
from ..verdict import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAULT, EVENT, LIMIT, ADVICE = "fault", "event", "limit", "advice"
INFO, WARNING, CRITICAL = "info", "warning", "critical"
OK, UNKNOWN, NOT_SAMPLED, OFF = "ok", "unknown", "not_sampled", "off"
SEVERITIES = (INFO, WARNING, CRITICAL)


class Reading(Record):
    """Facts and verdict of one moment, and two views of the facts that many rules take.

    `frontends` are those on xenbus with their kinds, `mounts` the mount points by disk. `monotonic` is in
    seconds, None for a snapshot.
    """

    facts: Facts
    verdict: Verdict
    frontends: tuple[devices.Frontend, ...]
    mounts: dict[str, tuple[str, ...]]
    monotonic: float | None = None

    @property
    def virtual(self) -> bool:
        """Inside a virtual machine, as a guest."""
        return self.verdict.role == "guest"

    @property
    def xen_guest(self) -> bool:
        """A guest of Xen, not its dom0."""
        return self.verdict.hypervisor == "xen" and self.verdict.role == "guest"


class Case(Record):
    """What a rule is asked about: the reading of now, and earlier ones where there are any."""

    now: Reading
    before: Reading | None = None  # the last one
    first: Reading | None = None  # the one at start


class Hit(Record):
    """One thing that a rule found. What is left None comes from the rule."""

    subject: str
    summary: str
    saw: tuple[str, ...]
    severity: str | None = None
    remedy: tuple[str, ...] | None = None
    same_cause_as: str | None = None


class Rule(Record):
    """`check` gives the hits in one reading; `applies` says whether it has any meaning there.

    `needs` names the collectors without which it cannot be judged; where `unsure` says so, it cannot either. Where
    a `vital` rule cannot be judged, a device in use might be dead, and the status is unknown. With `confirm`, a live hit counts only
    when an earlier reading had it too; with `compare`, it needs an earlier reading to say anything.
    """

    code: str
    name: str
    kind: str
    severity: str
    title: str
    needs: tuple[str, ...]
    applies: Callable[[Reading], bool]
    check: Callable[[Case], Iterator[Hit]]
    means: str
    remedy: tuple[str, ...]
    source: str
    confirm: bool = False
    compare: bool = False
    vital: bool = False
    unsure: Callable[[Reading], bool] = lambda _reading: False


class Finding(Record):
    """A hit as the report tells it."""

    code: str
    name: str
    kind: str
    severity: str
    subject: str
    summary: str
    evidence: tuple[str, ...]
    means: str
    remedy: tuple[str, ...]
    since: str | None
    same_cause_as: str | None
    source: str
