"""A machine under watch: facts that move are read when a scrape asks, static ones once at the start.

What stands in ordinary files is read by a thread of its own (`files`), for no scrape may hang with a disk.

Two scrapes at a time share one look: who comes while a look is under way waits for it, and one look
that began after he came is good enough for him.
"""

from __future__ import annotations

import threading
import time

from virt_collectors.collect import FAILED, STUCK, Collection, Runner, choose
from virt_collectors.facts import Facts
from virt_collectors.host import Host
from virt_collectors.record import replace

from .. import observe, report
from ..metrics.definition import Reload, Watched
from ..rules import topics
from ..rules.evaluate import evaluate
from ..rules.form import Case, Finding, Reading, Rule
from ..selection import Selection
from .ages import Ages
from .changes import Changes, unjudged
from .files import OrdinaryFiles
from .history import History
from .process import OwnProcess
from .readiness import ReadinessWatch
from .resumes import why_resumed
from .stalls import Stalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection as Names

    from virt_collectors.collect import Collector
    from virt_collectors.kernel_log import KernelLog

OPTIONAL = ("processor",)  # collectors that the daemon runs in any case
_SETTLED_SECONDS = 120.0
_APART_SECONDS = 0.5  # readings nearer to each other than this are not worth keeping


class Watch:
    """The reports on one host over time."""

    def __init__(
        self,
        host: Host,
        selection: Selection,
        without: Names[str],
        optional: Names[str],
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[report.Report], None] = lambda _report: None,
    ) -> None:
        """`tell` gets each report that is made."""
        self._clock = clock
        self._tell = tell
        self._host = host
        self._runner = Runner(host)
        self._selection = selection
        self._without = without
        self._optional = optional
        self._lock = threading.Lock()
        self._first: Reading | None = None
        self._readings: list[Reading] = []  # the last one that is old enough to confirm a state, and all since
        self._collection: Collection | None = None
        self._since: dict[tuple[str, str], str] = {}
        self._history = History()
        self._ages = Ages()
        self._stalls = Stalls()
        self._resumes = report.Resumes()
        self._process = OwnProcess()
        self._begun = -1.0
        self._latest: tuple[report.Report, Watched] | None = None
        self._latest_log: KernelLog | None = None  # the one fact that adds up
        self._modules: tuple[str, ...] = ()
        self._rules: tuple[Rule, ...] = ()
        self.changes = Changes()
        self.files = OrdinaryFiles(host)
        self.readiness = ReadinessWatch(host, self._known, without, note=self.changes.chronicle.note)
        self.reload = Reload(successful=True, time=time.time())

    def start(self) -> None:
        """Begin what goes on without a scrape."""
        self.files.start(self._choice)
        self.readiness.start()

    def adopt(self, selection: Selection, without: Names[str], optional: Names[str]) -> None:
        """Judge and read otherwise from the next look on; what was seen so far stays known."""
        with self._lock:
            self._selection, self._without, self._optional = selection, without, optional
            self._latest = None
        self.readiness.adopt(without)

    def _known(self) -> Facts | None:
        collection = self._collection
        return collection.facts if collection else None

    def _choice(self) -> tuple[tuple[Collector, ...], Facts] | None:
        facts = self._known()
        return None if facts is None else (self._chosen(), facts)

    def _chosen(self) -> tuple[Collector, ...]:
        return choose(without=self._without, optional=self._optional)

    def look(self) -> tuple[report.Report, Watched]:
        """The report of now."""
        asked = self._clock()
        with self._lock:
            if self._latest is None or self._begun < asked:
                begun, self._latest = self._clock(), None
                self._latest = self._look()
                self._begun = begun
            return self._latest

    def _look(self) -> tuple[report.Report, Watched]:
        last = self._readings[-1] if self._readings else None
        reading, collection = self._read(self._collect())
        why = why_resumed(last, reading) if last else None
        if why:
            self._resumed(why)
            reading, collection = self._read(self._collect())
        case = Case(reading, self._before(reading), self._first, self._history.readings, patient=True)
        broken = report.broken(collection.outcomes)
        judgement = evaluate(self._relevant(reading, broken), case, broken, self._selection, confirming=self._host.live)
        if self._before(reading) is None:
            judgement = observe.unconfirmed(judgement)
        made = report.make(reading, judgement, collection.outcomes, self._selection)
        self._keep(reading)
        watched = Watched(
            self._stalls.seconds(reading),
            self._process.figures(),
            self._resumes.count,
            self._host.metadata_requests(),
            self.readiness.told(),
            self.reload,
            self._ages.note(collection.outcomes, self._clock()),
        )
        made = replace(made, findings=self._dated(made), resumes=self._resumes)
        made = replace(made, changes=self.changes.tell(made))
        self._tell(made)
        return made, watched

    def _relevant(self, reading: Reading, broken: Names[str]) -> tuple[Rule, ...]:
        """The rules that can say something now; mostly those of the last time."""
        modules = topics.chosen(reading, broken) if self._selection.everything else topics.MODULES
        if modules != self._modules:
            self._modules, self._rules = modules, topics.load(modules)
        return self._rules

    def _read(self, collection: Collection) -> tuple[Reading, Collection]:
        return replace(observe.reading_of(collection.facts), monotonic=self._clock()), collection

    def _resumed(self, why: str) -> None:
        """What was read once is read again, counters start anew, and nothing of before is compared with now."""
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self._resumes = report.Resumes(self._resumes.count + 1, f"{why}, seen {now}")
        self._collection, self._first, self._stalls = None, None, Stalls()
        self._readings.clear()
        self._history.clear()
        self.files.again()

    def _collect(self) -> Collection:
        """All collectors at first; then those whose facts move, and those that brought nothing so far."""
        chosen = self._chosen()
        apart = self.files.among(chosen)
        usual = tuple(collector for collector in chosen if not self.files.read_by(collector))
        first = self._collection
        if first is None:
            found = self._runner.collect(usual, observe.RUN_SECONDS, Facts(kernel_log=self._latest_log))
            if self.files.empty:
                self.files.read(apart, found.facts)
        else:
            found = self._again(chosen, usual, first)
        return self._noted(self.files.onto(found, apart))

    def _again(self, chosen: tuple[Collector, ...], usual: tuple[Collector, ...], first: Collection) -> Collection:
        known = {outcome.name for outcome in first.outcomes if outcome.outcome not in (FAILED, STUCK)}
        if "EBUSY" in first.facts.unreadable.values():  # /sys/hypervisor/uuid before xenstored runs
            known.discard("hypervisor")
        names = {collector.name for collector in chosen}
        dropped = dict.fromkeys(o.name for o in first.outcomes if o.name not in names and o.name in Facts.fields)
        before = replace(first.facts, **{"kernel_log": self._latest_log, **dropped})
        due = tuple(collector for collector in usual if collector.changes or collector.name not in known)
        latest = self._runner.collect(due, observe.RUN_SECONDS, before)
        ended = {outcome.name: outcome for outcome in (*first.outcomes, *latest.outcomes)}
        return Collection(latest.facts, tuple(ended[collector.name] for collector in usual))

    def _noted(self, collection: Collection) -> Collection:
        """The kernel log adds up: what was read of it once does not come again, even where a round brings none."""
        self._collection = collection
        self._latest_log = collection.facts.kernel_log or self._latest_log
        return collection

    def _keep(self, reading: Reading) -> None:
        if self._first is None or (_settled(reading) and not _settled(self._first)):
            self._first = reading
        self._history.keep(reading)
        if not self._readings or _age(self._readings[-1], reading) >= _APART_SECONDS:
            self._readings.append(reading)
        while len(self._readings) > 1 and _age(self._readings[1], reading) >= observe.CONFIRM_SECONDS:
            del self._readings[0]

    def _before(self, now: Reading) -> Reading | None:
        """The last reading that lies far enough back to confirm a state."""
        earlier = [reading for reading in self._readings if _age(reading, now) >= observe.CONFIRM_SECONDS]
        return earlier[-1] if earlier else None

    def _dated(self, made: report.Report) -> tuple[Finding, ...]:
        """Findings with the time at which this daemon first saw them, also where it could not judge them meanwhile."""
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC (first seen by this daemon)", time.gmtime())
        keys = [(finding.code, finding.subject) for finding in made.findings]
        self._since = unjudged(self._since, made) | {key: self._since.get(key, now) for key in keys}
        return tuple(replace(f, since=f.since or self._since[key]) for f, key in zip(made.findings, keys, strict=True))


def _settled(reading: Reading) -> bool:
    """After boot the kernel still chooses, its clocksource for one."""
    clock = reading.facts.clock
    return clock is None or clock.uptime_seconds is None or clock.uptime_seconds > _SETTLED_SECONDS


def _age(reading: Reading, now: Reading) -> float:
    return (now.monotonic or 0.0) - (reading.monotonic or 0.0)
