"""The form of a rule, of what it is asked about, and of what it answers."""

from __future__ import annotations

from itertools import pairwise

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

# Who can mend it: whoever has this guest, whoever runs the hypervisor below it, the cloud that rents it out.
YOU, HOST, CLOUD = "you", "the host", "the cloud"


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

    @property
    def on_ec2(self) -> bool:
        """A guest or a whole machine of EC2."""
        return self.verdict.cloud == "aws"


class Setting(Record):
    """A threshold of a rule, which [rules.CODE] of the configuration may change."""

    code: str
    name: str
    default: float
    unit: str
    help: str
    least: float = 0.0
    most: float = 1e12


class Case(Record):
    """What a rule is asked about: the reading of now, and earlier ones where there are any.

    `before` is the last one that lies far enough back to confirm a state, `first` the one at start. `history` holds
    earlier ones since start or the last resume, oldest first: some ten minutes of them in the daemon, one with --sample.
    `patient`: more readings will come, so a rule may wait for them.
    """

    now: Reading
    before: Reading | None = None
    first: Reading | None = None
    history: tuple[Reading, ...] = ()
    settings: dict[str, float] = {}
    patient: bool = False

    def value(self, setting: Setting) -> float:
        """The threshold as configured, or its default."""
        return self.settings.get(f"{setting.code}.{setting.name}", setting.default)

    def age(self, earlier: Reading) -> float:
        """Seconds from an earlier reading to now; 0 where they have no clock in common."""
        if self.now.monotonic is None or earlier.monotonic is None:
            return 0.0
        return self.now.monotonic - earlier.monotonic

    def back(self, seconds: float) -> Reading | None:
        """The latest reading that is at least so old; where none will come (--sample), the oldest there is."""
        old_enough = [reading for reading in self.history if self.age(reading) >= seconds]
        if old_enough:
            return old_enough[-1]
        return None if self.patient or not self.history else self.history[0]

    def within(self, seconds: float) -> Reading | None:
        """The oldest reading that is at most so old, to see what grew in that time."""
        return next((reading for reading in self.history if self.age(reading) <= seconds), None)

    def steps(self, count: int) -> tuple[tuple[Reading, Reading], ...]:
        """The last so many pairs of neighbouring readings, oldest first; fewer where there are not so many."""
        return tuple(pairwise((*self.history, self.now)))[-count:]

    def often(self, at_least: int, of: int, grew: Callable[[Reading, Reading], bool]) -> bool:
        """True where it grew in so many of the last steps; in the only step, where no more will come."""
        steps = self.steps(of)
        times = sum(grew(older, newer) for older, newer in steps)
        return times >= (at_least if self.patient else min(at_least, max(len(steps), 1)))


def growth(older: float | None, newer: float | None) -> float:
    """By how much a counter grew; one that fell began anew, as a driver's does at its reset."""
    if older is None or newer is None:
        return 0
    return newer - older if newer >= older else newer


class Hit(Record):
    """One thing that a rule found. What is left None comes from the rule."""

    subject: str
    summary: str
    saw: tuple[str, ...]
    severity: str | None = None
    remedy: tuple[str, ...] | None = None
    same_cause_as: str | None = None
    since: str | None = None


class Rule(Record):
    """`check` gives the hits in one reading; `applies` says whether it has any meaning there.

    `needs` names the collectors without which it cannot be judged; where `unsure` says so, it cannot either. Where
    a `vital` rule cannot be judged, a device in use might be dead, and the status is unknown. With `confirm`, a live hit counts only
    when an earlier reading had it too; with `compare`, it needs an earlier reading to say anything. `privilege` names
    what only root may read and the rule lives on: where `unsure` holds for want of it, it is told as not checked.

    `remedy` is what to do in the first five minutes, `avoid` what not to do, `owner` who can mend it.
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
    owner: str
    avoid: str = ""
    settings: tuple[Setting, ...] = ()
    confirm: bool = False
    compare: bool = False
    vital: bool = False
    unsure: Callable[[Reading], bool] | None = None
    privilege: str | None = None


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
