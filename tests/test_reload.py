"""A configuration taken anew while the daemon runs, and facts of ordinary files, which no scrape reads."""

from __future__ import annotations

import itertools
import logging
import pathlib
import threading
from collections.abc import Iterator

import pytest

from tests import corpus
from tests.test_rules import patient, write
from tests.web_server import until
from virt_agent.modes.chosen import chosen
from virt_agent.options import Options, parse
from virt_agent.selection import Override, Selection
from virt_agent.serve.daemon import Daemon
from virt_agent.serve.reload import Reloading
from virt_agent.serve.supervisor import Supervisor
from virt_agent.serve.watch import Watch
from virt_agent.serve.web.access import Access
from virt_collectors.errors import refusal
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree

OFF = "[rules.X02]\nenabled = false\nreason = 'known'\n"
MODULES = "lib/modules/6.1.0-56-amd64/modules.builtin"


class Counting(SnapshotHost):
    """A live machine that notes what is read of it."""

    live = True

    def __init__(self, tree: MemoryTree) -> None:
        super().__init__(tree)
        self.asked: list[str] = []
        self.refused: set[str] = set()

    def file(self, path: str, limit: int = 1 << 22) -> bytes:
        self.asked.append(path)
        if path in self.refused:
            raise refusal(path, "EIO")
        return super().file(path, limit)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    found: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    log, handler = logging.getLogger("virt-agent"), Keeping()
    level = log.level
    log.setLevel("DEBUG")
    log.addHandler(handler)
    yield found
    log.removeHandler(handler)
    log.setLevel(level)


def dead() -> Watch:
    """A guest with a dead disk, looked at every second."""
    ticks = itertools.count()
    host = Counting(patient("pv", write("sys/devices/vbd-51728/state", b"Closed\n")))
    return Watch(host, Selection(), (), (), clock=lambda: 5000.0 + next(ticks) * 0.5)


def codes(watch: Watch) -> list[str]:
    return [finding.code for finding in watch.look()[0].findings if finding.severity != "info"]


def begun(path: pathlib.Path, content: str) -> Options:
    path.write_text(content)
    options = parse(["--serve", "--config.file", str(path)])
    chosen(options)
    return options


def test_a_new_selection_counts_from_the_next_look_and_nothing_is_forgotten() -> None:
    watch = dead()
    for _ in range(20):
        found = codes(watch)
    assert found == ["X02"]
    since, history = dict(watch._since), watch._history.readings
    watch.adopt(Selection(overrides=(Override("X02", "known"),)), (), ())
    assert codes(watch) == []
    assert watch._history.readings[: len(history)] == history
    watch.adopt(Selection(), (), ())
    assert codes(watch) == ["X02"], "confirmed at once: the readings of before still count"
    assert {key for key in since if key[0] == "X02"} <= set(watch._since)


def test_since_stays_where_the_finding_stays() -> None:
    watch = dead()
    for _ in range(20):
        codes(watch)
    watch._since = dict.fromkeys(watch._since, "long ago")
    watch.adopt(Selection(ignored=("C02",)), (), ())
    assert [finding.since for finding in watch.look()[0].findings if finding.code == "X02"] == ["long ago"]


def test_a_collector_goes_and_comes_back() -> None:
    watch = Watch(Counting(corpus.copy("pvhvm")), Selection(), (), ())
    watch.look()
    watch.adopt(Selection(), ("memory", "dmi", "os"), ("nvme_latencies",))
    report, _ = watch.look()
    facts = report.reading.facts
    assert (facts.memory, facts.dmi, facts.os) == (None, None, None)
    names = [outcome.name for outcome in report.outcomes]
    assert not {"memory", "dmi", "os"} & set(names)
    assert "nvme_latencies" in names
    watch.adopt(Selection(), (), ())
    facts = watch.look()[0].reading.facts
    assert facts.memory is not None
    assert facts.dmi is not None, "a static fact that comes back is read at once"
    assert facts.os is not None


def test_a_scrape_reads_no_ordinary_file_after_the_first() -> None:
    host = Counting(corpus.copy("pvhvm"))
    host.refused = {"etc/fstab"}
    watch = Watch(host, Selection(), (), ())
    first = {outcome.name: outcome.outcome for outcome in watch.look()[0].outcomes}
    assert first["configuration"] == "failed"
    host.asked.clear()
    host.refused.clear()
    for _ in range(3):
        report, _ = watch.look()
    assert not [path for path in host.asked if path.startswith(("etc/", "lib/", "usr/", "var/"))]
    due = watch.files.due(watch._chosen(), everything=False)
    assert [collector.name for collector in due] == ["configuration"]
    watch.files.read(due, report.reading.facts)
    report, _ = watch.look()
    assert report.reading.facts.configuration is not None
    assert "etc/fstab" not in report.reading.facts.unreadable
    assert {outcome.name: outcome.outcome for outcome in report.outcomes}["configuration"] == "ok"


def test_after_a_reload_ordinary_files_are_read_again() -> None:
    tree = corpus.copy("pvhvm")
    watch = Watch(Counting(tree), Selection(), (), ())
    before = watch.look()[0].reading.facts
    tree.add("etc/fstab", b"/dev/xvdz /srv ext4 defaults 0 0\n")
    assert watch.look()[0].reading.facts.configuration == before.configuration
    due = watch.files.due(watch._chosen(), everything=True)
    assert {"configuration", "drivers", "os"} <= {collector.name for collector in due}
    watch.files.read(due, before)
    configuration = watch.look()[0].reading.facts.configuration
    assert configuration is not None
    assert configuration.fstab is not None
    assert configuration.fstab[0].point == "/srv"


def test_a_good_configuration_is_taken(tmp_path: pathlib.Path, records: list[logging.LogRecord]) -> None:
    path, watch, refreshed = tmp_path / "config.toml", dead(), list[int]()

    def refresh() -> bool:
        refreshed.append(1)
        return True

    reloading = Reloading(begun(path, ""), watch, refresh, lambda: None)
    for _ in range(20):
        codes(watch)
    path.write_text(OFF + "[log]\nlevel = 'error'\n")
    watch.reload = watch.reload.__class__(successful=False, time=1.0)
    reloading.load()
    assert codes(watch) == []
    assert watch.reload.successful
    assert watch.reload.time > 1.0
    assert refreshed == [1]
    assert watch.files._all.is_set()
    assert logging.getLogger("virt-agent").level == logging.ERROR
    assert watch.look()[1].reload == watch.reload


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[rules.X02]\nenabled = 1\n", "rules.X02.enabled: must be true or false"),
        ("[log]\nlevel = 'loud'\n", "log.level: 'loud' is none of"),
        ("not toml", "is not TOML"),
    ],
)
def test_a_wrong_one_leaves_the_one_before(
    content: str, why: str, tmp_path: pathlib.Path, records: list[logging.LogRecord]
) -> None:
    path, watch = tmp_path / "config.toml", dead()
    reloading = Reloading(begun(path, OFF), watch, lambda: True, lambda: None)
    watch.adopt(chosen(parse(["--serve", "--config.file", str(path)])).selection, (), ())
    path.write_text(content)
    taken = watch.reload.time
    reloading.load()
    assert all(codes(watch) == [] for _ in range(20)), "X02 is still off"
    assert not watch.reload.successful
    assert watch.reload.time == taken
    told = next(record for record in records if "was not taken" in record.getMessage())
    assert str(told.__dict__["fields"]["error"]).startswith(f"{path}: ")
    assert why in str(told.__dict__["fields"]["error"])
    path.write_text(OFF)
    reloading.load()
    assert watch.reload.successful


def test_what_takes_a_restart_is_named(tmp_path: pathlib.Path, records: list[logging.LogRecord]) -> None:
    path, watch = tmp_path / "config.toml", dead()
    reloading = Reloading(begun(path, "[web]\nmax_requests = 5\n"), watch, lambda: True, lambda: None)
    path.write_text("[web]\nlisten_addresses = [':1']\n[imds]\nmode = 'off'\n[check]\nstrict = true\n")
    reloading.load()
    told = next(record for record in records if "take a restart" in record.getMessage())
    assert told.__dict__["fields"] == {"settings": "imds.mode, web.listen_addresses, web.max_requests"}
    records.clear()
    path.write_text("[web]\nmax_requests = 5\n")
    reloading.load()
    assert not [record for record in records if "restart" in record.getMessage()]


def test_the_end_of_a_reload_is_told_after_the_last_that_was_asked_for() -> None:
    loads: list[int] = []
    done = threading.Event()

    class Asked(Reloading):
        def load(self) -> None:
            loads.append(0)
            if len(loads) == 1:
                self.ask()
            else:
                ended.append(len(loads))

    ended: list[int] = []
    told: list[int] = []

    def tell() -> None:
        told.append(len(loads))
        done.set()

    reloading = Asked(parse(["--serve"]), dead(), lambda: True, tell)
    reloading.start()
    reloading.ask()
    assert done.wait(20)
    assert (told, ended) == ([2], [2])


def test_a_reload_is_not_ended_by_the_late_end_of_one_before() -> None:
    said: list[str] = []

    class Saying(Supervisor):
        def _tell(self, message: str) -> bool:
            said.append(message.partition("\n")[0])
            return True

    daemon = Daemon(parse(["--serve"]), dead(), (), Access(None), Saying({}))
    daemon._ready = True
    daemon._reloaded()  # of a reload that hung for so long that systemd was told to go on
    daemon.signals.reload = True
    daemon.turn()
    assert said == ["RELOADING=1", "WATCHDOG=1"]
    daemon._reloaded()
    daemon.turn()
    assert said[2:] == ["READY=1", "WATCHDOG=1"]
    daemon.signals.close()


def test_the_thread_of_ordinary_files_outlives_an_error(records: list[logging.LogRecord]) -> None:
    asked: list[int] = []
    files = dead().files

    def known() -> None:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("can't start new thread")

    files.start(known)
    for count in (1, 2):
        files.again()
        until(lambda wanted=count: len(asked) == wanted)  # type: ignore[misc]
    assert [record.getMessage() for record in records] == ["ordinary files could not be read; please report it"]


def test_a_web_configuration_that_is_wrong_is_in_the_metric_until_it_is_right(tmp_path: pathlib.Path) -> None:
    path, watch = tmp_path / "web.yml", dead()
    path.write_text("{}\n")
    reloading = Reloading(parse(["--serve"]), watch, Access(str(path)).refresh, lambda: None)
    path.write_text("basic_auth_users: [\n")
    reloading.refresh()
    assert not watch.reload.successful
    reloading.refresh()
    assert not watch.reload.successful, "although nothing changed since"
    path.write_text("{}\n")
    reloading.refresh()
    assert watch.reload.successful
