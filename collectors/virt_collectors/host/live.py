"""The live machine. Every open is O_NONBLOCK and of a regular file, so a FIFO cannot hang us."""

from __future__ import annotations

import os
import stat
import time

from ..errors import Absent, from_os, refusal
from . import ATTRIBUTE_LIMIT, FILE_LIMIT, NAMES_LIMIT, Ethtool, Host, Metadata, NvmeLog, Registers, Uname, cpuid, kmsg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class LiveHost(Host):
    """Answers from the kernel below this process. `root` is "/" but for tests of the reader itself."""

    live = True

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/") + "/"
        self._cpuid: cpuid.Reader | None = None
        self._ring = kmsg.Ring(self._root + "dev/kmsg", os.environ if self._root == "/" else None)

    def attribute(self, path: str) -> bytes:
        # One read: hwmon files that answer EAGAIN made readers that loop spin for ever (procfs, SysReadFile).
        return read(self._root + path, path, ATTRIBUTE_LIMIT, once=True)

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        return read(self._root + path, path, limit, once=False)

    def names(self, path: str) -> list[str]:
        try:
            found = os.listdir(self._root + path)
        except OSError as error:
            raise from_os(path, error) from None
        if len(found) > NAMES_LIMIT:
            raise refusal(path, "EFBIG")
        return sorted(found)

    def link(self, path: str) -> str:
        try:
            return os.readlink(self._root + path)
        except OSError as error:
            raise from_os(path, error) from None

    def real(self, path: str) -> str:
        try:
            return os.path.realpath(self._root + path, strict=True)[len(self._root) :]
        except OSError as error:
            raise from_os(path, error) from None

    def exists(self, path: str) -> bool:
        return os.path.exists(self._root + path)

    def cpuid_method(self) -> str:
        if self._cpuid is None:
            self._cpuid = cpuid.reader(self._root + "dev/cpu/0/cpuid")
        return self._cpuid.method

    def cpuid(self, leaf: int) -> Registers:
        self.cpuid_method()
        assert self._cpuid is not None
        return self._cpuid.read(leaf)

    def metadata(self, path: str) -> Metadata:
        raise Absent(path, "no packet was sent", "ENOENT")

    def ethtool(self, interface: str) -> Ethtool:
        from . import ethtool

        return ethtool.read(interface)

    def nvme_log(self, controller: str) -> NvmeLog:
        from . import nvme

        return NvmeLog(nvme.read_log(self._root + f"dev/{controller}", f"dev/{controller}"))

    def kernel_log(self) -> str:
        return self._ring.news()

    def kernel_journal(self) -> str:
        from . import journal

        return journal.read(self._root)

    def uname(self) -> Uname:
        return Uname(*os.uname())

    def time(self) -> float | None:
        return time.time()

    def suspended(self) -> float | None:
        return suspended_seconds()

    def clock_read(self) -> float | None:
        return clock_read_seconds()

    def privileged(self) -> bool | None:
        return os.geteuid() == 0


def read(full: str, path: str, limit: int, once: bool) -> bytes:
    """The content of a regular file, by one read(2) or to its end; EFBIG beyond limit bytes."""
    try:
        descriptor = os.open(full, _FLAGS)
    except OSError as error:
        raise from_os(path, error) from None
    try:
        return _content(descriptor, path, limit, once)
    except OSError as error:
        raise from_os(path, error) from None
    finally:
        os.close(descriptor)


def _content(descriptor: int, path: str, limit: int, once: bool) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise refusal(path, "EISDIR" if stat.S_ISDIR(mode) else "EFTYPE")
    content = os.read(descriptor, limit + 1)
    while not once and content and len(content) <= limit:
        more = os.read(descriptor, limit + 1 - len(content))
        if not more:
            break
        content += more
    if len(content) > limit:
        raise refusal(path, "EFBIG")
    return content


def suspended_seconds() -> float:
    """CLOCK_BOOTTIME minus CLOCK_MONOTONIC, by the tightest of three readings, lest being scheduled away looks like sleep."""
    tries = []
    for _ in range(3):
        before, boot, after = (
            time.clock_gettime(clock) for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)
        )
        tries.append((after - before, boot - (before + after) / 2))
    return max(round(min(tries)[1], 3), 0.0)  # the rest is the time between the readings


def clock_read_seconds() -> float:
    """One clock_gettime(2), the best of three batches; what calling anything costs in Python is taken off."""
    return max(round(_call_seconds(time.clock_gettime) - _call_seconds(abs), 9), 0.0)


def _call_seconds(function: Callable[[int], object]) -> float:
    best, batch = 1.0, range(100)
    for _ in range(3):
        began = time.perf_counter()
        for _ in batch:
            function(1)
        best = min(best, (time.perf_counter() - began) / len(batch))
    return best
