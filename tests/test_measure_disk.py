"""The file that is read: it is bounded, random, nameless, and gone afterwards; what keeps it from being read is told."""

from __future__ import annotations

import fcntl
import os
import pathlib
import platform
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import present
from tests.test_measure_probes import Clock
from virt_agent.measure import aio, disk, rounds
from virt_agent.measure.figures import BY_NAME
from virt_agent.measure.rounds import Measured, NotMeasured

MACHINE = platform.machine()
MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def _no_file_is_left() -> Iterator[None]:
    before = set(os.listdir("/var/tmp"))
    yield
    assert not [name for name in set(os.listdir("/var/tmp")) - before if "virt-agent" in name]


class opened:  # noqa: N801  a context manager reads as a verb
    """A small file of the probe's own kind; the test is skipped where the file system has no O_DIRECT."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = str(directory)
        self.descriptor = disk.nameless(self.directory)

    def __enter__(self) -> disk.File:
        try:
            return disk.File(self.descriptor, self.directory, 0.0, 8 * MEBIBYTE)
        except NotMeasured as error:
            os.close(self.descriptor)
            pytest.skip(str(error))

    def __exit__(self, *_error: object) -> None:
        os.close(self.descriptor)


def test_the_file_has_no_name_and_takes_what_it_says(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as file:
        assert list(tmp_path.iterdir()) == []
        state = os.fstat(file.descriptor)
        assert (state.st_nlink, state.st_size, file.content) == (0, 8 * MEBIBYTE, 8 * MEBIBYTE)
        assert state.st_mode & 0o777 == 0o600
        assert state.st_blocks * 512 <= 9 * MEBIBYTE
        offsets = file.offsets(1000)
        assert all(offset % disk.BLOCK == 0 and 0 <= offset < file.content for offset in offsets)
        assert len(set(offsets)) > 500


def test_reads_at_both_depths(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as file:
        single = disk.Single(file).batch(9.0)
        assert list(single) == list(disk.Single.figures)
        assert 0 < single["disk_latency"] <= single["disk_latency_p99"]
        deep = disk.Deep(file, MACHINE).batch(9.0)
        assert deep["disk_iops_16"] > 0


@pytest.mark.parametrize("step", [1.0, 1e-9])
def test_reads_are_bounded_in_time_and_number(tmp_path: pathlib.Path, step: float) -> None:
    clock = Clock(step)
    with opened(tmp_path) as file:
        found = disk.Single(file, clock).batch(9.0)
        assert found["disk_latency"] == pytest.approx(step * 1e6)
        assert clock.now <= step * (disk.BATCH_READS + 1.5)
        disk.Deep(file, MACHINE, Clock(step)).batch(9.0)


def test_the_kernel_reads_what_was_written(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as file:
        queue = aio.Queue(file.descriptor, 2, disk.BLOCK, MACHINE)
        assert queue.read([disk.BLOCK, 3 * disk.BLOCK, 5 * disk.BLOCK], 0.0) == 2  # the time is up: nothing follows
        got = [bytes(queue._area[at : at + disk.BLOCK]) for at in (0, disk.BLOCK)]
        queue.close()
        fcntl.fcntl(file.descriptor, fcntl.F_SETFL, 0)  # by the page cache, into any buffer
        assert got == [os.pread(file.descriptor, disk.BLOCK, at * disk.BLOCK) for at in (1, 3)]
        assert got[0] != got[1]


def test_a_short_read_is_told(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as file:
        os.ftruncate(file.descriptor, 0)
        with pytest.raises(NotMeasured, match="a read gave 0 bytes"):
            disk.Single(file).batch(9.0)
        with pytest.raises(NotMeasured, match="a read gave 0 bytes"):
            disk.Deep(file, MACHINE).batch(9.0)


@pytest.mark.parametrize("machine_name", [None, "sparc64"])
def test_the_queue_of_an_unknown_machine_is_told(machine_name: str | None, tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as file, pytest.raises(NotMeasured, match="kernel AIO"):
        disk.Deep(file, machine_name).batch(9.0)


def names(directory: str, **named: object) -> dict[str, Measured]:
    on = disk.Disk(directory, MACHINE, **named)  # type: ignore[arg-type]
    try:
        return rounds.run(on.planned(), 1e18, 1)
    finally:
        on.close()


def test_a_disk_that_may_hang_is_not_touched(tmp_path: pathlib.Path) -> None:
    found = names(str(tmp_path / "missing"), hanging="xvda is Closed")
    assert {each.reason for each in found.values()} == {"no file is touched, for the disk may hang: xvda is Closed"}
    assert set(found) == {name for name in BY_NAME if name.startswith("disk_")}


@pytest.mark.parametrize("kind", sorted(disk.CACHED))
def test_file_systems_that_answer_from_memory_are_not_measured(tmp_path: pathlib.Path, kind: str) -> None:
    found = names(str(tmp_path), find_place=lambda _: disk.Place("/", kind, kind))
    for each in found.values():
        assert each.reason
        assert f"is on {kind}, which " in each.reason
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_told_once(tmp_path: pathlib.Path) -> None:
    for each in names(str(tmp_path / "missing")).values():
        assert each.reason
        assert each.reason.startswith(
            f"no file can be made in {tmp_path}/missing: No such file or directory; --directory"
        )


def test_no_room_is_told(tmp_path: pathlib.Path) -> None:
    descriptor = disk.nameless(str(tmp_path))
    try:  # 64 PiB, which some file systems refuse for the length of it
        with pytest.raises(NotMeasured, match=r"has no room for twice|File too large"):
            disk.File(descriptor, str(tmp_path), 0.0, 1 << 55)
    finally:
        os.close(descriptor)


class Waiting:
    """The kernel that holds whoever asks, until it is told to let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, *_asked: object) -> disk.Place:
        self.go.wait()
        return disk.Place("/", "tmpfs", "tmpfs")


def settled(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.001)


def test_a_file_is_not_closed_below_a_thread_that_makes_it(tmp_path: pathlib.Path) -> None:
    waiting = Waiting()
    on = disk.Disk(str(tmp_path), MACHINE, find_place=waiting)
    with pytest.raises(NotMeasured, match="may hang"):
        on.planned()[0].make(0.05)
    descriptor = present(on._descriptor)
    on.close()
    os.fstat(descriptor)
    waiting.go.set()
    settled(lambda: not on._making)
    on.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_is_not_closed_below_a_thread_that_reads_it(tmp_path: pathlib.Path) -> None:
    on = disk.Disk(str(tmp_path), MACHINE)
    try:
        on.planned()[0].make(40.0)
    except NotMeasured as error:
        pytest.skip(str(error))
    file, waiting = present(on.file), Waiting()

    def held() -> float:
        waiting()
        return 0.0

    with pytest.raises(NotMeasured, match="may hang"):
        disk.Single(file, held).batch(0.05)
    on.close()
    os.fstat(file.descriptor)
    waiting.go.set()
    settled(lambda: not file.at_work)
    on.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


FDINFO = "pos:\t0\nflags:\t0100002\nmnt_id:\t29\nino:\t12\n"
MOUNTINFO = """22 29 0:21 / /proc rw,nosuid shared:12 - proc proc rw
29 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 rw,discard
35 29 0:30 / /dev/shm rw shared:5 - tmpfs tmpfs rw
"""


def test_the_place_is_that_of_the_mount() -> None:
    assert disk.place_of(FDINFO, MOUNTINFO) == disk.Place("/", "ext4", "/dev/xvda1")
    assert disk.place_of(FDINFO.replace("29", "35"), MOUNTINFO) == disk.Place("/dev/shm", "tmpfs", "tmpfs")
    for fdinfo, mountinfo in (("", MOUNTINFO), (FDINFO, ""), ("mnt_id:\t7\n", MOUNTINFO), (FDINFO, "29 - \n29 1\n")):
        assert disk.place_of(fdinfo, mountinfo) is None


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_has_a_place_or_none(fdinfo: str, mountinfo: str) -> None:
    for number, table in ((fdinfo, mountinfo), ("mnt_id:\t" + fdinfo, fdinfo + " " + mountinfo)):
        found = disk.place_of(number, table)
        assert found is None or all(word in table for word in (found.point, found.type, found.source))
