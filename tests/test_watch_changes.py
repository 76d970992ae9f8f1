"""The daemon tells what changed: in the reports that follow, to the log, in the text, and never to strangers by name."""

from __future__ import annotations

import itertools
import logging
import pathlib
from collections.abc import Iterator

import pytest

from tests import corpus
from tests.test_goldens import timeless
from tests.test_history import Sleeper
from tests.test_reload import begun
from tests.test_rules import patient, write
from tests.test_web_disclosure import identifiers
from virt_agent import observe
from virt_agent.render import changes as rendering
from virt_agent.render import public, text
from virt_agent.report import Change, Report
from virt_agent.selection import Selection
from virt_agent.serve.reload import Reloading
from virt_agent.serve.watch import Watch
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.record import replace

STATE = "sys/devices/vbd-51728/state"
CAME = "X02 xen-frontend-closed on xvdb came, critical"


class Live(SnapshotHost):
    live = True


class Resumed(Sleeper):
    """A guest with a dead disk that can be suspended."""

    def __init__(self, tree: MemoryTree) -> None:
        super().__init__("pv")
        SnapshotHost.__init__(self, tree)


def watching(host: SnapshotHost) -> Watch:
    ticks = itertools.count(5000.0, 5.0)
    return Watch(host, Selection(), (), (), clock=lambda: next(ticks))


def texts(report: Report) -> list[str]:
    return [change.text for change in report.changes]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    found: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    log, handler = logging.getLogger("virt-agent"), Keeping()
    level = log.level
    log.setLevel("INFO")
    log.addHandler(handler)
    yield found
    log.removeHandler(handler)
    log.setLevel(level)


def test_a_disk_dies_and_comes_back(logged: list[str]) -> None:
    tree = patient("pv")
    watch = watching(Live(tree))
    assert watch.look()[0].changes == ()
    begun = len(logged)
    tree.add(STATE, b"Closed\n")
    first = watch.look()[0]
    assert texts(first) == ["disk xvdb state Connected -> Closed"], "the finding must be confirmed first"
    for _ in range(2):
        found = texts(watch.look()[0])
    assert found[:2] == ["status ok -> critical", CAME]
    tree.add(STATE, b"Connected\n")
    last = watch.look()[0]
    assert texts(last)[:2] == ["status critical -> ok", CAME.replace("came, critical", "gone, was critical")]
    assert "disk xvdb state Closed -> Connected" in texts(last)
    assert len(logged) - begun == len(last.changes), "one detection, told to both"


def test_a_configuration_that_changes_nothing_is_no_change() -> None:
    watch = watching(Live(patient("pv", write(STATE, b"Closed\n"))))
    for _ in range(4):
        before = watch.look()[0]
    watch.adopt(Selection(), (), ())
    after = watch.look()[0]
    assert after.changes == before.changes
    assert [f.since for f in after.findings] == [f.since for f in before.findings]


def test_a_configuration_that_was_read_again_or_not_taken(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.toml"
    options, watch = begun(path, ""), watching(Live(patient("pv")))
    watch.look()
    reloading = Reloading(options, watch, lambda: True, lambda: None)
    reloading.load()
    path.write_text("[log]\nlevel = 'loud'\n")
    reloading.load()
    wrong, right = watch.look()[0].changes
    assert (right.severity, right.text, right.detail) == ("info", "the configuration was read again", "")
    assert (wrong.severity, wrong.text) == (
        "warning",
        "the configuration was not taken, the one before stays in force",
    )
    assert wrong.detail.startswith(f"{path}: log.level: 'loud' is none of")


def test_readiness_that_became_another() -> None:
    tree = corpus.copy("pvhvm")
    watch = watching(SnapshotHost(tree))
    watch.look()
    watch.readiness.look()
    assert watch.look()[0].changes == (), "the first answer is none that changed"
    watch.readiness._answers = {"reboot": "ready"}
    watch.readiness.adopt(())
    watch.readiness.look()
    (change,) = watch.look()[0].changes
    assert (change.severity, change.text) == ("unknown", "readiness for reboot ready -> unknown")


def test_since_survives_a_resume() -> None:
    """Right after it, what must be confirmed is not judged: that is neither the end of a finding nor its beginning."""
    host = Resumed(patient("pv", write(STATE, b"Closed\n")))
    watch = watching(host)
    for _ in range(4):
        found = watch.look()[0]
    assert "X02" in [finding.code for finding in found.findings]
    watch._since = dict.fromkeys(watch._since, "long ago")
    before = found.changes
    host.slept = 5.0
    resumed = watch.look()[0]
    assert "X02" not in [finding.code for finding in resumed.findings]
    for _ in range(3):
        found = watch.look()[0]
    assert [finding.since for finding in found.findings if finding.code == "X02"] == ["long ago"]
    assert "the guest was suspended, restored or moved" in texts(found)
    assert [each for each in found.changes if "X02" in each.text] == [each for each in before if "X02" in each.text]


def test_a_replay_and_check_have_no_changes() -> None:
    watch = watching(SnapshotHost(corpus.tree("pvhvm")))
    for _ in range(3):
        found = watch.look()[0]
    assert found.changes == observe.observe(corpus.host("pvhvm"), Selection()).changes == ()
    assert "CHANGES" not in text.render(found, text.Style())


def changed(count: int) -> Report:
    found = tuple(
        Change("2026-11-21 17:02:11 UTC", f"nic eth{number} link up -> down", "info", detail="saw it on 10.1.2.3")
        for number in range(count)
    )
    return replace(observe.observe(corpus.host("pvhvm"), Selection()), changes=found)


@pytest.mark.parametrize(
    ("count", "verbosity", "shown", "last"),
    [
        (0, 0, 0, None),
        (1, 0, 1, None),
        (rendering.SHOWN, 0, rendering.SHOWN, None),
        (50, 0, rendering.SHOWN, "  and 45 more: the page at / shows them"),
        (50, 1, 50, None),
    ],
)
def test_the_text_shows_the_newest_few(count: int, verbosity: int, shown: int, last: str | None) -> None:
    page = text.render(changed(count), text.Style(verbosity)).splitlines()
    assert len([line for line in page if line.startswith("  2026-11-21 17:02:11 UTC  nic eth")]) == shown
    assert ("  CHANGES seen since the agent started, newest first" in page) is (count > 0)
    assert [line for line in page if line.startswith("  and ") and "more: the page" in line] == ([last] if last else [])
    assert max(map(len, page)) <= 80


def test_a_long_change_is_wrapped_below_its_text() -> None:
    long = Change("2026-11-21 17:02:11 UTC", "disk xvda " + "state " * 30, "info", 12, last="2026-11-22 17:09:00 UTC")
    lines = rendering.lines(replace(changed(0), changes=(long,)))
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 27) for line in lines[2:])
    assert " ".join(" ".join(lines).split()).endswith("12 times since, last 2026-11-22 17:09:00 UTC")


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_strangers_are_told_no_names(name: str) -> None:
    report = timeless(name)
    naming = tuple(
        Change("2026-11-21 17:02:11 UTC", f"nic enx78e7d1ea46da with {value} appeared", "info", detail=f"saw {value}")
        for value in identifiers(report)
    )
    shown = public.without_identifiers(replace(report, changes=naming)).changes
    assert [change for change in shown if change.detail or "enx***" not in change.text] == []
    told = " ".join(rendering.lines(replace(report, changes=shown), verbosity=1)).lower()
    assert [value for value in identifiers(report) if value in told] == []


def test_what_strangers_are_told() -> None:
    report = timeless("D20-ec2-c5large")
    naming = Change("2026-11-21 17:02:11 UTC", "disk nvme1n1 with vol-0427a785fc485bcc2 vanished", "info")
    assert "  2026-11-21 17:02:11 UTC  disk nvme1n1 with *** vanished\n" in text.render(
        replace(report, changes=(naming,)), text.Style(public=True)
    )


MOUNTS = "proc/self/mountinfo"
ROOT = b"22 1 202:0 / / rw,relatime - ext4 /dev/xvda rw\n"
NAMED = b"23 22 202:16 / /srv/acme-bank rw,relatime - ext4 /dev/xvdb ro\n"


def test_strangers_are_not_told_a_mount_point_that_is_mounted_no_more() -> None:
    tree = patient("pv")
    tree.add(MOUNTS, ROOT)
    watch = watching(Live(tree))
    watch.look()
    tree.add(MOUNTS, ROOT + NAMED)
    for _ in range(2):
        watch.look()
    tree.add(MOUNTS, ROOT)
    found = watch.look()[0]
    assert "B03 file-system-read-only on /srv/acme-bank gone, was warning" in texts(found)
    shown = texts(public.without_identifiers(found))
    assert "B03 file-system-read-only on /srv/*** gone, was warning" in shown
    assert "acme" not in "".join(shown)


def test_a_finding_whose_collector_is_switched_off_is_not_called_well() -> None:
    tree = patient("pv")
    tree.add(MOUNTS, ROOT + NAMED)
    watch = watching(Live(tree))
    for _ in range(2):
        watch.look()
    watch.adopt(Selection(), ("mounts",), ())
    told = {change.text: change.severity for change in watch.look()[0].changes}
    assert told["B03 file-system-read-only on /srv/acme-bank is no longer judged, was warning"] == "info"
