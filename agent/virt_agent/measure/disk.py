"""Random reads of a file that the agent makes, past the page cache (O_DIRECT, open(2)).

The file has no name from the moment it is open, so a crash leaves nothing behind. It holds random bytes, because
storage that finds zeros or repeats does not read them. Nothing else is written, and no device is opened.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import random
import time

from virt_collectors.record import Record

from .aio import Queue
from .rounds import NotMeasured, Planned, Probe, aside
from .samples import median, percentile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 4096
CHUNK = 1 << 20
FILE_BYTES, LEAST_BYTES = 64 << 20, 8 << 20
PREPARE_SECONDS = 2.0
BATCH_SECONDS, BATCH_READS = 0.15, 2000
PATIENCE_SECONDS = 3.0
DEPTH = 16

# File systems that take O_DIRECT and answer from memory all the same.
CACHED = {
    "tmpfs": "keeps files in memory",
    "ramfs": "keeps files in memory",
    "zfs": "may answer from its own cache",
}


class Place(Record):
    """The file system that a descriptor lies on: mount point, type and source, as mountinfo tells them."""

    point: str
    type: str
    source: str


def place_of(fdinfo: str, mountinfo: str) -> Place | None:
    """By the mount's number, `mnt_id` in /proc/PID/fdinfo/FD and field 1 of mountinfo (proc_pid_mountinfo(5))."""
    number = next((line.partition("\t")[2] for line in fdinfo.splitlines() if line.startswith("mnt_id:\t")), None)
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if dash and left[0] == number and len(left) > 4 and len(right) > 1:
            return Place(left[4], right[0], right[1])
    return None


class File:
    """The file behind a descriptor, filled, and from now on read past the page cache; `content` in bytes."""

    def __init__(self, descriptor: int, directory: str, seconds: float, size: int = FILE_BYTES) -> None:
        self.descriptor = descriptor
        self.at_work: set[Probe] = set()  # whose thread may still be in a read
        try:
            _set_direct(descriptor, directory)
            _reserve(descriptor, size)
            self.content = _fill(descriptor, size, seconds)
        except OSError as error:
            raise _refused(directory, size, error) from None

    def close(self) -> None:
        """Its blocks are free again with that."""
        os.close(self.descriptor)

    def offsets(self, count: int) -> list[int]:
        """Random places, each where a block begins."""
        blocks = self.content // BLOCK
        return [random.randrange(blocks) * BLOCK for _ in range(count)]  # noqa: S311


def nameless(directory: str) -> int:
    """A new file in directory that has lost its name already."""
    path = os.path.join(directory, f".virt-agent-bench.{os.getpid()}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _refused(directory, 0, error) from None
    os.unlink(path)
    return descriptor


def _set_direct(descriptor: int, directory: str) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise NotMeasured(f"the file system of {directory} does not offer O_DIRECT") from None


def _reserve(descriptor: int, size: int) -> None:
    """Room for the file, where as much again stays free for others; it is asked for twice and given back by half."""
    try:
        os.posix_fallocate(descriptor, 0, 2 * size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    os.ftruncate(descriptor, size)


def _fill(descriptor: int, size: int, seconds: float) -> int:
    """Random bytes, until it is full or the time is up; how many."""
    end, written = time.monotonic() + seconds, 0
    with mmap.mmap(-1, CHUNK) as chunk:
        while written < size and (written < LEAST_BYTES or time.monotonic() < end):
            chunk[:] = os.urandom(CHUNK)
            if os.pwritev(descriptor, [chunk], written) != CHUNK:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written += CHUNK
    os.ftruncate(descriptor, written)
    os.fsync(descriptor)
    return written


def _refused(directory: str, size: int, error: OSError) -> NotMeasured:
    if error.errno == errno.ENOSPC:
        return NotMeasured(f"{directory} has no room for twice {size >> 20} MiB; --directory DIR names another place")
    why = error.strerror or str(error)
    return NotMeasured(f"no file can be made in {directory}: {why}; --directory DIR names another place")


def _aside(probe: Probe, file: File, read: Callable[[], dict[str, float]], left: float) -> dict[str, float]:
    def work() -> dict[str, float]:
        try:
            return read()
        finally:
            file.at_work.discard(probe)

    file.at_work.add(probe)
    return aside(work, min(left, PATIENCE_SECONDS))


class Single(Probe):
    """One read after the other."""

    figures = ("disk_latency", "disk_latency_p99", "disk_iops_1")

    def __init__(self, file: File, timer: Callable[[], float] = time.perf_counter) -> None:
        self._file, self._timer = file, timer

    def batch(self, left: float) -> dict[str, float]:
        return _aside(self, self._file, self._read, left)

    def _read(self) -> dict[str, float]:
        offsets, times = self._file.offsets(BATCH_READS), []
        with mmap.mmap(-1, BLOCK) as buffer:
            began = ended = self._timer()
            for offset in offsets:
                start = ended
                got = os.preadv(self._file.descriptor, [buffer], offset)
                ended = self._timer()
                if got != BLOCK:
                    raise NotMeasured(f"a read gave {got} bytes of {BLOCK}")
                times.append(ended - start)
                if ended - began > BATCH_SECONDS:
                    break
        values = (median(times) * 1e6, percentile(times, 99) * 1e6, len(times) / (ended - began))
        return dict(zip(self.figures, values, strict=True))


class Deep(Probe):
    """Sixteen reads in flight."""

    figures = ("disk_iops_16",)

    def __init__(self, file: File, machine: str | None, timer: Callable[[], float] = time.perf_counter) -> None:
        self._file, self._machine, self._timer = file, machine, timer

    def batch(self, left: float) -> dict[str, float]:
        return _aside(self, self._file, self._read, left)

    def _read(self) -> dict[str, float]:
        queue = Queue(self._file.descriptor, DEPTH, BLOCK, self._machine)
        try:
            offsets = self._file.offsets(BATCH_READS)
            began = self._timer()
            ended = queue.read(offsets, began + BATCH_SECONDS, self._timer)
            return {"disk_iops_16": ended / (self._timer() - began)}
        finally:
            queue.close()


class Disk:
    """The file in a directory, made when the first probe needs it, and the probes that share it."""

    def __init__(
        self,
        directory: str,
        machine: str | None,
        hanging: str | None = None,
        find_place: Callable[[int], Place | None] = lambda _descriptor: None,
    ) -> None:
        self.directory, self._machine, self._find_place = directory, machine, find_place
        self.place: Place | None = None
        self.file: File | None = None
        self._descriptor: int | None = None
        self._making = False
        self._refusal = f"no file is touched, for the disk may hang: {hanging}" if hanging else None

    def planned(self) -> tuple[Planned, ...]:
        """Latency and depth 1 together, and depth 16."""
        return (
            Planned(Single.figures, lambda left: Single(self._opened(left))),
            Planned(Deep.figures, lambda left: Deep(self._opened(left), self._machine)),
        )

    def close(self) -> None:
        """Gives the file's room back; where a thread was left behind in it, the end of the process does.

        The descriptor's number would go to the next file that is opened, and the thread would write to that.
        """
        if self._descriptor is not None and not self._making and not (self.file and self.file.at_work):
            os.close(self._descriptor)

    def _opened(self, left: float) -> File:
        """The file; what kept the first probe from it is told to the second without trying again."""
        if self._refusal:
            raise NotMeasured(self._refusal)
        if self.file is None:
            self._making = True
            try:
                self.file = aside(lambda: self._make(left / 4), min(left, 2 * PATIENCE_SECONDS))
            except NotMeasured as error:
                self._refusal = str(error)
                raise
        return self.file

    def _make(self, seconds: float) -> File:
        try:
            return self._made(seconds)
        finally:
            self._making = False

    def _made(self, seconds: float) -> File:
        self._descriptor = nameless(self.directory)
        self.place = self._find_place(self._descriptor)
        if self.place and self.place.type in CACHED:
            why = CACHED[self.place.type]
            raise NotMeasured(f"{self.directory} is on {self.place.type}, which {why}; --directory DIR names another")
        return File(self._descriptor, self.directory, min(seconds, PREPARE_SECONDS))
