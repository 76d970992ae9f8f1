"""Running collectors: outcomes, deadlines, and readers that hang until the test lets them go."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.machines import collect, machine, write
from virt_collectors.block import BlockDevice
from virt_collectors.collect import ABSENT, COLLECTORS, FAILED, NAMES, OK, STUCK, Collector, Runner, choose, load, run
from virt_collectors.collect import why_root_disk_may_hang as suspicion
from virt_collectors.errors import Absent, Denied, SourceError, refusal
from virt_collectors.facts import Facts
from virt_collectors.host.live import LiveHost
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount
from virt_collectors.record import replace
from virt_collectors.xenbus import Xenbus, XenDevice

PLENTY = 60.0
SHORT = 0.4  # seconds: far more than a collector of a small directory takes


def named(*names: str) -> list[Collector]:
    return [collector for collector in COLLECTORS if collector.name in names]


for each in COLLECTORS:
    load(each)  # importing a module shall not count as a reader's time


class Machine(LiveHost):
    """A live machine in a directory, where reading one path does what the test says."""

    def __init__(self, root: pathlib.Path, path: str = "", act: Callable[[], object] = lambda: None) -> None:
        super().__init__(str(root))
        self._path = path
        self._act = act
        self.asked: list[str] = []

    def attribute(self, path: str) -> bytes:
        self._visit(path)
        return super().attribute(path)

    def file(self, path: str, limit: int = 1 << 20) -> bytes:
        self._visit(path)
        return super().file(path, limit)

    def kernel_log(self) -> str:
        raise Denied("dev/kmsg", "no", "EPERM")

    def _visit(self, path: str) -> None:
        self.asked.append(path)
        if path == self._path:
            self._act()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Closed until the test opens it, and open at its end, so that no thread stays behind."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def small(tmp_path: pathlib.Path) -> pathlib.Path:
    return write(tmp_path, {"proc/cmdline": "quiet\n", "proc/uptime": "5.0 1.0\n", "proc/cpuinfo": "processor\t: 0\n"})


def test_every_collector_has_its_field_and_its_reader() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) - {"snapshot"} == set(Facts.fields) - {"unreadable"}
    last = [collector.late for collector in COLLECTORS if not collector.optional]
    assert last == sorted(last), "late collectors come last"


@pytest.mark.parametrize(
    ("name", "files", "errors", "outcome", "reason"),
    [
        ("boot", {"proc/cmdline": "quiet\n"}, {}, OK, None),
        ("boot", {}, {}, ABSENT, None),
        ("boot", {}, {"proc/cmdline": "EIO"}, FAILED, "/proc/cmdline: input/output error (EIO)"),
        ("boot", {"proc/cmdline": None}, {}, FAILED, "/proc/cmdline: is a directory where a file belongs (EISDIR)"),
        ("cpu", {"proc/cpuinfo": "nothing\n"}, {}, FAILED, "/proc/cpuinfo: lists no processor"),
        ("clock", {"proc/uptime": "soon\n"}, {}, FAILED, "/proc/uptime: 'soon' does not begin with seconds"),
        ("dmi", {}, {"sys/class/dmi/id/product_uuid": "EACCES"}, OK, None),
        ("dmi", {}, {"sys/class/dmi/id/sys_vendor": "EACCES"}, FAILED,
         "/sys/class/dmi/id/sys_vendor: permission denied (EACCES)"),
        ("dmi", {}, {"sys/class/dmi/id/sys_vendor": "EIO", "sys/class/dmi/id/bios_date": "EIO"}, FAILED,
         "/sys/class/dmi/id/sys_vendor: input/output error (EIO) (and 1 more)"),
    ],
)  # fmt: skip
def test_outcomes(
    tmp_path: pathlib.Path, name: str, files: dict[str, str | None], errors: dict[str, str], outcome: str, reason: str
) -> None:
    (found,) = collect(machine(tmp_path, files, errors), name).outcomes
    assert (found.name, found.outcome, found.reason) == (name, outcome, reason)
    assert found.seconds >= 0


def test_a_failed_collector_keeps_the_facts_of_its_other_sources(tmp_path: pathlib.Path) -> None:
    host = machine(
        tmp_path,
        {"proc/uptime": "5.5 1.0\n"},
        {"sys/devices/system/clocksource/clocksource0/current_clocksource": "EIO"},
    )
    collection = collect(host, "clock")
    assert collection.outcomes[0].outcome == FAILED
    assert collection.facts.clock is not None
    assert collection.facts.clock.uptime_seconds == 5.5
    assert list(collection.facts.unreadable.values()) == ["EIO"]


def broken() -> None:
    raise ZeroDivisionError("a defect")


def test_an_exception_in_a_reader_is_one_failed_collector_with_its_place(small: pathlib.Path) -> None:
    collection = collect(Machine(small, "proc/cmdline", broken), "boot", "clock")
    clock, boot = collection.outcomes
    assert boot.outcome == FAILED
    assert boot.reason is not None
    assert "internal error at test_collect.py:" in boot.reason
    assert "a defect" in boot.reason
    assert clock.outcome == OK
    assert collection.facts.boot is None
    assert collection.facts.clock is not None


def test_want_of_memory_is_no_error_of_ours(tmp_path: pathlib.Path) -> None:
    def act() -> None:
        raise MemoryError

    outcome = Runner(Machine(tmp_path, "proc/cmdline", act)).collect(named("boot"), SHORT).outcomes[0]
    assert (outcome.outcome, outcome.reason) == (FAILED, "boot: no memory was left to read with")


def test_a_typed_error_that_a_reader_lets_through_is_its_failure(small: pathlib.Path) -> None:
    class NoName(Machine):
        def uname(self) -> object:  # type: ignore[override]
            raise refusal("uname", "EIO")

    assert run(NoName(small), named("system")[0]).outcome.reason == "/uname: input/output error (EIO)"


def test_a_reader_that_is_not_there_is_a_failure(small: pathlib.Path) -> None:
    outcome = run(Machine(small), Collector("boot", "no_such_module", "read_boot")).outcome
    assert outcome.outcome == FAILED
    assert "no_such_module" in (outcome.reason or "")


def test_a_reader_that_hangs_is_stuck_and_costs_only_its_own_facts(small: pathlib.Path, gate: threading.Event) -> None:
    host = Machine(small, "proc/uptime", gate.wait)
    runner = Runner(host, collector_seconds=SHORT)
    collection = runner.collect(named("cpu", "clock", "boot"), PLENTY)
    assert [(found.name, found.outcome) for found in collection.outcomes] == [
        ("cpu", OK),
        ("clock", STUCK),
        ("boot", OK),
    ]
    assert "has not returned for 0.4 s" in (collection.outcomes[1].reason or "")
    assert collection.facts.cpu is not None
    assert collection.facts.boot is not None
    assert collection.facts.clock is None


def test_a_hanging_collector_is_not_started_again_and_recovers(small: pathlib.Path, gate: threading.Event) -> None:
    host = Machine(small, "proc/uptime", gate.wait)
    runner = Runner(host, collector_seconds=SHORT)
    before = runner.collect(named("clock"), PLENTY)
    for _ in range(3):
        again = runner.collect(named("clock", "boot"), PLENTY)
        assert {found.name: found.outcome for found in again.outcomes} == {"clock": STUCK, "boot": OK}
    assert host.asked.count("proc/uptime") == 1
    assert again.outcomes[0].seconds > before.outcomes[0].seconds
    gate.set()
    end = time.monotonic() + PLENTY
    while runner.collect(named("clock"), PLENTY).outcomes[0].outcome != OK:
        assert time.monotonic() < end, "it never recovered"
    assert host.asked.count("proc/uptime") == 2


def test_each_of_several_that_hang_is_left_behind(small: pathlib.Path, gate: threading.Event) -> None:
    class Two(Machine):
        def _visit(self, path: str) -> None:
            if path in ("proc/uptime", "proc/cmdline"):
                gate.wait()

    outcomes = (
        Runner(Two(small), collector_seconds=SHORT).collect(named("cpu", "clock", "boot", "memory"), PLENTY).outcomes
    )
    assert {found.name: found.outcome for found in outcomes} == {"clock": STUCK, "memory": OK, "boot": STUCK, "cpu": OK}


def test_with_those_after_the_first_that_hangs_there_is_less_patience(
    small: pathlib.Path, gate: threading.Event
) -> None:
    class Three(Machine):
        def _visit(self, path: str) -> None:
            if path in ("proc/uptime", "proc/cmdline", "proc/meminfo"):
                gate.wait()

    began = time.monotonic()
    outcomes = Runner(Three(small), collector_seconds=1.0).collect(named("clock", "boot", "memory"), PLENTY).outcomes
    assert [found.outcome for found in outcomes] == [STUCK] * 3
    assert 1.0 <= time.monotonic() - began < 2.0


def test_the_run_has_a_deadline(small: pathlib.Path, gate: threading.Event) -> None:
    host = Machine(small, "proc/uptime", gate.wait)
    began = time.monotonic()
    collection = Runner(host, collector_seconds=PLENTY).collect(named("cpu", "clock", "boot", "os"), 1.0)
    assert time.monotonic() - began < PLENTY / 2
    reasons = {found.name: (found.outcome, found.reason) for found in collection.outcomes}
    assert reasons["cpu"] == (OK, None)
    assert reasons["clock"][0] == STUCK
    assert reasons["boot"] == reasons["os"] == (STUCK, "not started: the time for the run was up")
    assert "proc/cmdline" not in host.asked


def test_what_hangs_is_unknown_and_not_as_it_was_before(small: pathlib.Path, gate: threading.Event) -> None:
    gate.set()
    host = Machine(small, "proc/uptime", gate.wait)
    runner = Runner(host, collector_seconds=SHORT)
    first = runner.collect(named("clock", "boot"), PLENTY)
    assert first.facts.clock is not None
    gate.clear()
    second = runner.collect(named("clock"), PLENTY, first.facts)
    assert second.facts.clock is None
    assert second.facts.boot == first.facts.boot


def test_a_refusal_that_has_gone_is_forgotten(small: pathlib.Path) -> None:
    refuse = [refusal("proc/uptime", "EIO")]

    def once() -> None:
        if refuse:
            raise refuse.pop()

    runner = Runner(Machine(small, "proc/uptime", once))
    first = runner.collect(named("clock", "boot"), PLENTY)
    assert first.facts.unreadable == {"proc/uptime": "EIO"}
    second = runner.collect(named("clock"), PLENTY, first.facts)
    assert second.facts.unreadable == {}
    assert second.facts.clock is not None
    assert second.facts.clock.uptime_seconds == 5.0


def facts_of(state: str | None = "Connected", in_flight: int = 0, stalled: float | None = 0.0) -> Facts:
    return Facts(
        mounts=(Mount("/data", "/dev/xvdb", "ext4", False, "xvdb", ("xvdb",)), ROOT),
        block_devices=(
            BlockDevice("xvda", "xen-blkfront", "xen", "vbd-51712", in_flight=in_flight),
            BlockDevice("xvdb", "xen-blkfront", "xen", "vbd-51728", in_flight=9),
        ),
        xenbus=Xenbus((XenDevice("vbd-51712", "vbd", state, "vbd"), XenDevice("vbd-51728", "vbd", "Closed", "vbd")), 0),
        memory=Memory(io_full_percent=stalled),
    )


ROOT = Mount("/", "/dev/xvda1", "ext4", False, "xvda1", ("xvda",))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (facts_of(), None),
        (facts_of(state=None), None),
        (facts_of(in_flight=5), None),
        (facts_of(in_flight=5, stalled=50.0), None),
        (facts_of(in_flight=5, stalled=None), None),
        (facts_of(in_flight=0, stalled=99.0), None),
        (facts_of(in_flight=5, stalled=90.2), "xvda has 5 requests in flight and tasks stall on I/O 90% of the time"),
        (facts_of(state="Closed"), "xvda is Closed"),
        (replace(facts_of(), mounts=None), None),
        (replace(facts_of(state="Closed"), mounts=()), None),
        (replace(facts_of(), xenbus=None), None),
        (Facts(), None),
        (Facts(mounts=(ROOT,), block_devices=(BlockDevice("xvda", "nvme", "pci", state="resetting"),)),
         "xvda is resetting"),
        (Facts(mounts=(ROOT,), block_devices=(BlockDevice("xvda", "nvme", "pci", state="live"),)), None),
    ],
)  # fmt: skip
def test_when_the_root_disk_is_suspected(facts: Facts, words: str | None) -> None:
    assert suspicion(facts) == words


def xen_root(state: str) -> dict[str, str | None]:
    return {
        "proc/self/mountinfo": "22 1 0:9 / / rw - btrfs /dev/xvda rw\n",
        "sys/class/block/xvda/size": "8\n",
        "sys/block/xvda/size": "8\n",
        "sys/block/xvda/device/state": f"{state}\n",
        "etc/os-release": "PRETTY_NAME=Guest\n",
    }


@pytest.mark.parametrize("state", ["resetting", "live"])
def test_ordinary_files_are_not_read_where_the_root_disk_may_hang(tmp_path: pathlib.Path, state: str) -> None:
    files = {path.replace("xvda", "nvme0n1"): text for path, text in xen_root(state).items()}
    files = {path: text.replace("xvda", "nvme0n1") if text else text for path, text in files.items()}
    host = Machine(write(tmp_path, files))
    collection = Runner(host, PLENTY).collect(choose(), PLENTY)
    outcomes = {found.name: (found.outcome, found.reason) for found in collection.outcomes}
    if state == "live":
        assert collection.facts.os == "Guest"
        return
    late = [collector.name for collector in COLLECTORS if collector.late and not collector.optional]
    assert late
    for name in late:
        assert outcomes[name] == (STUCK, "not read, for the root disk may hang: nvme0n1 is resetting")
    assert not [path for path in host.asked if path.startswith(("etc/", "lib/", "usr/"))]


def test_a_replay_is_read_whole_whatever_its_disk_did(tmp_path: pathlib.Path) -> None:
    files = {path.replace("xvda", "nvme0n1"): text for path, text in xen_root("dead").items()}
    files = {path: text.replace("xvda", "nvme0n1") if text else text for path, text in files.items()}
    assert collect(machine(tmp_path, files)).facts.os == "Guest"


def test_which_collectors_are_chosen() -> None:
    assert "processor" not in [collector.name for collector in choose()]
    assert "processor" in [collector.name for collector in choose(optional=("processor",))]
    assert "imds" not in [collector.name for collector in choose(without=("imds",))]
    changing = choose(only_changing=True)
    assert {collector.name for collector in changing} >= {"clock", "xenbus", "block_devices"}
    assert all(collector.changes for collector in changing)


def test_a_run_without_time_starts_nothing(small: pathlib.Path) -> None:
    host = Machine(small)
    outcomes = Runner(host).collect(choose(), 0.0).outcomes
    assert {found.outcome for found in outcomes} == {STUCK}
    assert host.asked == []
    assert len(outcomes) == len(choose())


def test_absent_is_no_refusal() -> None:
    assert isinstance(refusal("x", "ENOENT"), Absent)
    assert issubclass(Absent, SourceError)
