"""From a Host to a report: one reading, or two where a suspicion needs time to be confirmed."""

from __future__ import annotations

import time

from virt_collectors.collect import COLLECTOR_SECONDS, Collection, Runner, choose
from virt_collectors.facts import Facts
from virt_collectors.host import Host
from virt_collectors.record import replace

from . import devices, report
from .rules import topics
from .rules.evaluate import Judgement, evaluate
from .rules.form import UNKNOWN, Case, Reading, Rule
from .selection import Selection
from .verdict import Verdict, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection as Names

CONFIRM_SECONDS = 2.0
RUN_SECONDS = 8.0  # the whole run; Prometheus and monitoring systems give up after 10

# What the verdict does not look at.
NOT_FOR_VERDICT = (
    *("snapshot", "mounts", "nvme", "network", "ethtool", "clock", "memory", "boot", "virtio", "kernel_log"),
    *("guest_tools", "drivers", "configuration", "kernel_journal", "os"),
)


def open_host(
    root: str | None, privileged: str | None = None, metadata: str = "off", endpoint: str | None = None
) -> Host:
    """This machine, with what the privileged helper left in a directory; or the snapshot at root.

    `metadata` and `endpoint` say whether and where to ask the metadata service, as LiveHost takes them.
    """
    if root is None:
        from virt_collectors.host.helped import Helped
        from virt_collectors.host.live import LiveHost
        from virt_collectors.host.privileged import DIRECTORY

        return Helped(LiveHost(metadata=metadata, endpoint=endpoint), privileged or DIRECTORY)
    from virt_collectors.host.snapshot import SnapshotHost
    from virt_collectors.host.tree import open_tree

    return SnapshotHost(open_tree(root))


def read(runner: Runner, without: Names[str], optional: Names[str], seconds: float) -> tuple[Reading, Collection]:
    """One reading by all collectors but some."""
    collection = runner.collect(choose(without=without, optional=optional), seconds)
    return reading_of(collection.facts), collection


def reading_of(facts: Facts) -> Reading:
    """The facts with their verdict."""
    verdict = judge(facts)
    frontends = devices.frontends(facts, verdict.guest_mode)
    monotonic = time.monotonic() if facts.system and facts.system.live else None
    return Reading(facts, verdict, frontends, devices.mounts_by_disk(facts), monotonic)


def verdict(host: Host, without: Names[str], seconds: float = RUN_SECONDS) -> Verdict:
    """The verdict alone; no rule is asked."""
    return read(Runner(host), without, (), seconds)[0].verdict


def observe(
    host: Host,
    selection: Selection,
    without: Names[str] = (),
    optional: Names[str] = (),
    seconds: float = RUN_SECONDS,
    sample: float | None = None,
    tell: Callable[[str], None] = lambda _message: None,
    collector_seconds: float = COLLECTOR_SECONDS,
) -> report.Report:
    """The report on a host. `sample` is the time between two readings: None only on suspicion, 0 never."""
    end = time.monotonic() + seconds
    runner = Runner(host, collector_seconds)
    reading, collection = read(runner, without, optional, seconds)
    suspicious = host.live and sample is None
    judgement = _judge(Case(reading), collection, selection, confirming=suspicious)
    wait = (CONFIRM_SECONDS if judgement.suspects else 0.0) if sample is None else sample
    wait = min(wait if host.live else 0.0, end - time.monotonic() - 1.0)
    if wait <= 0:
        return report.make(reading, unconfirmed(judgement), collection.outcomes, selection)
    if judgement.suspects:
        tell(f"{', '.join(judgement.suspects)} suspected; reading again in {wait:.0f} s to be sure")
    return _second(runner, reading, collection, selection, without, wait, end)


def unconfirmed(judgement: Judgement) -> Judgement:
    """There was no time for the second reading: what is suspected is neither found nor healthy."""
    states = {**judgement.states, **dict.fromkeys(judgement.suspects, UNKNOWN)}
    return replace(judgement, states=states, blind=(*judgement.blind, *judgement.suspects))


def _second(
    runner: Runner,
    first: Reading,
    collection: Collection,
    selection: Selection,
    without: Names[str],
    wait: float,
    end: float,
) -> report.Report:
    time.sleep(wait)
    again = runner.collect(
        choose(only_changing=True, without=without), max(end - time.monotonic(), 0.5), collection.facts
    )
    changed = {outcome.name: outcome for outcome in again.outcomes}
    outcomes = tuple(changed.get(outcome.name, outcome) for outcome in collection.outcomes)
    both = Collection(again.facts, outcomes)
    reading = reading_of(again.facts)
    judgement = _judge(Case(reading, first, first, (first,)), both, selection, confirming=True)
    return report.make(reading, judgement, outcomes, selection, wait)


def _judge(case: Case, collection: Collection, selection: Selection, confirming: bool = False) -> Judgement:
    broken = report.broken(collection.outcomes)
    return evaluate(_rules(case.now, broken, selection), case, broken, selection, confirming)


def _rules(reading: Reading, broken: Names[str], selection: Selection) -> tuple[Rule, ...]:
    """Those that can say something here; all where the user chose among them, for the report tells what is off."""
    return topics.relevant(reading, broken) if selection.everything else topics.load(topics.MODULES)
