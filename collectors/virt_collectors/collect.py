"""Runs the collectors over a Host, each with a deadline, and puts their facts together.

A collector ends `ok`, `absent` (does not apply here), `failed` (a source could not be read or has not
its form; facts from its other sources are kept) or `stuck`. The walk is made in a thread of its own,
because a read that the kernel holds cannot be interrupted: the thread is left behind, the walk goes
on in a new one, and the collector that hangs is not started again before its read returns.
"""

from __future__ import annotations

import _thread
from time import monotonic

from .errors import SourceError
from .facts import Facts
from .host import Host
from .record import Record, replace
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Collection as Names
    from typing import Any

OK, ABSENT, FAILED, STUCK = "ok", "absent", "failed", "stuck"
COLLECTOR_SECONDS = 2.0
_IMPATIENCE = 4  # with the others of a round in which one hangs


class Collector(Record):
    """One topic: its name in the facts, its reader's module, and when it runs."""

    name: str
    module: str
    reader: str
    changes: bool = False  # read again for each scrape of the daemon
    late: bool = False  # reads ordinary file systems, which hang with their disk
    optional: bool = False  # runs only where asked for by name
    seconds: float | None = None  # its own limit, where it is longer than the others'


COLLECTORS = (
    Collector("snapshot", "snapshot", "read_snapshot", changes=True),
    Collector("system", "system", "read_system"),
    Collector("hypervisor", "hypervisor", "read_hypervisor"),
    Collector("cpu", "cpu", "read_cpu"),
    Collector("cpuid", "cpuid", "read_cpuid", changes=True),
    Collector("dmi", "dmi", "read_dmi"),
    Collector("device_tree", "devicetree", "read_device_tree"),
    Collector("platform", "platform", "read_platform"),
    Collector("xenbus", "xenbus", "read_xenbus", changes=True),
    Collector("virtio", "virtio", "read_virtio", changes=True),
    Collector("pci", "pci", "read_pci", changes=True),
    Collector("mounts", "mounts", "read_mounts", changes=True),
    Collector("block_devices", "block", "read_block_devices", changes=True),
    Collector("nvme", "nvme", "read_nvme", changes=True),
    Collector("network", "network", "read_network", changes=True),
    Collector("ethtool", "ethtool", "read_ethtool", changes=True),
    Collector("clock", "clock", "read_clock", changes=True),
    Collector("memory", "memory", "read_memory", changes=True),
    Collector("boot", "boot", "read_boot"),
    Collector("container", "container", "read_container"),
    Collector("imds", "imds", "read_imds", changes=True, seconds=4.0),
    Collector("kernel_log", "kernel_log", "read_kernel_log", changes=True),
    Collector("guest_tools", "guest_tools", "read_guest_tools", changes=True),
    Collector("drivers", "drivers", "read_running_drivers", late=True),
    Collector("configuration", "configuration", "read_configuration", late=True),
    Collector("kernel_journal", "kernel_log", "read_kernel_journal", late=True),
    Collector("os", "system", "read_os", late=True),
    Collector("nvme_latencies", "nvme_latencies", "read_nvme_latencies", changes=True, late=True, optional=True),
    Collector("kernels", "kernels", "read_kernels", late=True, optional=True),
    Collector("boot_loader", "boot_loader", "read_boot_loader", late=True, optional=True),
    Collector("device_names", "device_names", "read_device_names", late=True, optional=True),
    Collector("space", "kernels", "read_space", late=True, optional=True),
    Collector("processor", "processor", "read_processor", optional=True),
)
NAMES = tuple(collector.name for collector in COLLECTORS)


class Outcome(Record):
    """How one collector ended, and after how long."""

    name: str
    outcome: str
    reason: str | None
    seconds: float


class Collection(Record):
    """Facts, and how each collector ended."""

    facts: Facts
    outcomes: tuple[Outcome, ...]


class _Result(Record):
    outcome: Outcome
    value: Any
    unreadable: dict[str, str]


def choose(only_changing: bool = False, optional: Names[str] = (), without: Names[str] = ()) -> tuple[Collector, ...]:
    """The collectors to run, in order."""
    return tuple(
        collector
        for collector in COLLECTORS
        if collector.name not in without
        and (collector.changes or not only_changing)
        and (not collector.optional or collector.name in optional)
    )


class Runner:
    """Runs collectors over one Host again and again, remembering those that hang."""

    def __init__(self, host: Host, collector_seconds: float = COLLECTOR_SECONDS) -> None:
        self._host = host
        self._limit = collector_seconds
        self._hanging: dict[str, _Walk] = {}
        self._unreadable: dict[str, dict[str, str]] = {}

    def collect(self, collectors: Iterable[Collector], seconds: float, before: Facts | None = None) -> Collection:
        """One round over the collectors within so many seconds; `before` gives the facts not read now."""
        end = monotonic() + seconds
        chosen = list(collectors)
        results = self._round([collector for collector in chosen if not collector.late], end, before)
        facts = self._merge(before, results)
        late = [collector for collector in chosen if collector.late]
        hanging = why_root_disk_may_hang(facts) if self._host.live else None
        if hanging:
            results += [_not_run(collector, f"not read, for the root disk may hang: {hanging}") for collector in late]
        else:
            results += self._round(late, end, facts)
        return Collection(self._merge(before, results), tuple(result.outcome for result in results))

    def _merge(self, before: Facts | None, results: list[_Result]) -> Facts:
        self._unreadable.update({result.outcome.name: result.unreadable for result in results})
        refused = {path: code for each in self._unreadable.values() for path, code in each.items()}
        return replace(merge(before or Facts(), results), unreadable=refused)  # of the last reading only

    def _round(self, collectors: list[Collector], end: float, before: Facts | None) -> list[_Result]:
        waiting, results = [], []
        for collector in collectors:
            walk = self._hanging.get(collector.name)
            if walk and not walk.returned:
                results.append(_stuck(collector, monotonic() - walk.started))
                continue
            if walk:  # what it read at last may not come again, as lines of the kernel log
                before = merge(before or Facts(), self._hanging.pop(collector.name).of(collector.name))
            waiting.append(collector)
        limit = self._limit
        while waiting and monotonic() < end:
            walk = _Walk(self._host, waiting, before, limit)
            done = walk.wait(end)
            results += done
            waiting = waiting[len(done) :]
            if waiting and walk.at_work:
                self._hanging[waiting[0].name] = walk
                results.append(_stuck(waiting[0], monotonic() - walk.started))
                waiting, limit = waiting[1:], self._limit / _IMPATIENCE  # what hangs is often a source of many
        results += [_not_run(collector, "not started: the time for the run was up") for collector in waiting]
        return results


class _Walk:
    """A thread that runs collectors one after the other, until it is left behind."""

    def __init__(self, host: Host, collectors: list[Collector], before: Facts | None, limit: float) -> None:
        self._host = host
        self._usual = self._limit = limit  # of the collector at work
        self._before = before
        self._todo = list(collectors)
        self._left = False
        self._turn = _thread.allocate_lock()
        self._done = _thread.allocate_lock()
        self._done.acquire()
        self._results: list[_Result] = []
        self.started = monotonic()
        self.returned = False
        self.at_work = False  # or between two collectors
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            for collector in self._todo:
                with self._turn:
                    if self._left:
                        return
                    self.started, self.at_work = monotonic(), True
                    self._limit = max(self._usual, collector.seconds or 0.0)
                result = run(self._host, collector, self._before)
                with self._turn:
                    self._results.append(result)
                    self.at_work = False
        finally:
            self.returned = True
            self._done.release()

    def of(self, name: str) -> list[_Result]:
        """What a collector brought that returned after it was left behind."""
        return [result for result in self._results if result.outcome.name == name and result.value is not None]

    def wait(self, end: float) -> list[_Result]:
        """The results when all is done, the collector at work exceeds its limit, or the time is up."""
        while True:
            left = min(self.started + self._limit, end) - monotonic()
            if self._done.acquire(timeout=max(left, 0.0)) or left <= 0:
                break
        with self._turn:  # so that none ends or begins between the two
            self._left = True
            return list(self._results)


def run(host: Host, collector: Collector, before: Facts | None = None) -> _Result:
    """One collector, here and now. Nothing that it raises gets further than this."""
    began = monotonic()
    source = Source(host, before)
    value = None
    try:
        value = load(collector)(source)
    except SourceError as error:
        source.note(error)
    except MemoryError:
        source.problems.append(SourceError(collector.name, "no memory was left to read with"))
    except Exception as error:
        place = _place(error)
        source.problems.append(SourceError(collector.name, f"internal error at {place}: {error!r:.120}; please report"))
    outcome = FAILED if source.problems else OK if value is not None else ABSENT
    reason = _reason(source.problems) or source.hidden
    return _Result(Outcome(collector.name, outcome, reason, monotonic() - began), value, source.unreadable)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "?"


def load(collector: Collector) -> Callable[[Source], Any]:
    """The collector's reader; its module is imported when it is first needed."""
    module = __import__(f"{__package__}.{collector.module}", fromlist=[collector.reader])
    reader: Callable[[Source], Any] = getattr(module, collector.reader)
    return reader


def _reason(problems: list[SourceError]) -> str | None:
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    first = problems[0]
    path = first.path if first.path in NAMES or ":" in first.path else f"/{first.path}"
    return f"{path}: {first.why}{more}"


def _stuck(collector: Collector, seconds: float) -> _Result:
    return _Result(Outcome(collector.name, STUCK, f"a read has not returned for {seconds:.1f} s", seconds), None, {})


def _not_run(collector: Collector, why: str) -> _Result:
    return _Result(Outcome(collector.name, STUCK, why, 0.0), None, {})


def merge(before: Facts, results: list[_Result]) -> Facts:
    """The facts of before with those read now in their place. What failed or hangs is unknown, not as before."""
    found = {result.outcome.name: result.value for result in results if result.outcome.name in Facts.fields}
    unreadable = dict(before.unreadable)
    for result in results:
        unreadable.update(result.unreadable)
    return replace(before, **found, unreadable=unreadable)


def why_root_disk_may_hang(facts: Facts) -> str | None:
    """The suspicion in words, where reading a file of the root file system might never return."""
    root = next((mount for mount in reversed(facts.mounts or ()) if mount.point == "/"), None)  # the uppermost
    disks = [disk for disk in facts.block_devices or () if root and disk.name in root.disks]
    states = {device.name: device.state for device in (facts.xenbus.frontends if facts.xenbus else ())}
    stalled = (facts.memory.io_full_percent or 0) if facts.memory else 0
    for disk in disks:
        state = states.get(disk.xenbus or "") or disk.state
        if state not in (None, "Connected", "live"):
            return f"{disk.name} is {state}"
        if disk.in_flight and stalled > 50:
            return (
                f"{disk.name} has {disk.in_flight} requests in flight and tasks stall on I/O {stalled:.0f}% of the time"
            )
    return None
