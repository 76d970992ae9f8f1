"""The live machine. Every open is O_NONBLOCK and of a regular file, so a FIFO cannot hang us."""

from __future__ import annotations

import os
import stat
import time

from ..errors import Absent, Denied, SourceError, from_os, refusal
from . import (
    ATTRIBUTE_LIMIT,
    FILE_LIMIT,
    NAMES_LIMIT,
    Ethtool,
    Host,
    Metadata,
    NvmeLog,
    Registers,
    Space,
    Uname,
    cpuid,
    given,
    kmsg,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from ..sandbox import Sandbox
    from .metadata import Client as Service

    T = TypeVar("T")

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NOWHERE = ("ELOOP", "ENAMETOOLONG")  # no kernel's path, but one made of what a user wrote
_OF_OTHERS = "proc/1/"  # what a sandbox hides and systemd may have opened for us


class LiveHost(Host):
    """Answers from the kernel below this process. `root` is "/" but for tests of the reader itself."""

    live = True

    def __init__(self, root: str = "/", metadata: str = "off", endpoint: str | None = None) -> None:
        """`metadata`: auto (asked where the machine shows strong signs of EC2), on or off."""
        self._root = root.rstrip("/") + "/"
        self._metadata, self._endpoint = metadata, endpoint
        self._service: Service | None = None
        self._cpuid: cpuid.Reader | None = None
        self._sandbox: Sandbox | None = None
        self._ring = kmsg.Ring(self._root + "dev/kmsg", os.environ if self._root == "/" else None)

    def attribute(self, path: str) -> bytes:
        # One read: hwmon files that answer EAGAIN made readers that loop spin for ever (procfs, SysReadFile).
        return read(self._root + path, path, ATTRIBUTE_LIMIT, once=True)

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        full = given.reopened(path) if self._root == "/" and path.startswith(_OF_OTHERS) else None
        return read(full or self._root + path, path, limit, once=False)

    def head(self, path: str, limit: int) -> tuple[bytes, int]:
        return read_head(self._root + path, path, limit)

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
        try:
            os.stat(self._root + path)
        except OSError as error:
            return something_there(path, error)
        except ValueError:  # a NUL, which is in no name
            return False
        return True

    def cpuid_method(self) -> str:
        if self._cpuid is None:
            self._cpuid = cpuid.reader(self._root + "dev/cpu/0/cpuid")
        return self._cpuid.method

    def cpuid(self, leaf: int) -> Registers:
        self.cpuid_method()
        assert self._cpuid is not None
        return self._cpuid.read(leaf)

    def metadata_wanted(self) -> bool | None:
        return {"on": True, "auto": None}.get(self._metadata, False)

    def begin_metadata(self, seconds: float) -> None:
        if self._metadata != "off":
            self._asked_service().begin(seconds)

    def metadata(self, path: str) -> Metadata:
        if self._metadata == "off":
            raise Absent(path, "no packet was sent", "ENOENT")
        return self._asked_service().get(path)

    def _asked_service(self) -> Service:
        if self._service is None:
            from . import metadata

            places = (self._endpoint,) if self._endpoint else metadata.endpoints(self._on_nitro())
            self._service = metadata.Client(places)
        return self._service

    def _on_nitro(self) -> bool:
        """Only there the service has an IPv6 address."""
        try:
            amazon = self.attribute("sys/class/dmi/id/sys_vendor").strip() == b"Amazon EC2"
        except SourceError:
            return False
        return amazon and not self.exists("sys/hypervisor/type")

    def metadata_requests(self) -> dict[str, int]:
        return dict(self._service.requests) if self._service else {}

    def ethtool(self, interface: str) -> Ethtool:
        from . import ethtool

        return ethtool.read(interface)

    def nvme_log(self, controller: str) -> NvmeLog:
        from . import nvme

        return NvmeLog(nvme.read_log(self._root + f"dev/{controller}", f"dev/{controller}"))

    def nvme_device_name(self, controller: str) -> str:
        from . import nvme

        return nvme.read_device_name(self._root + f"dev/{controller}", f"dev/{controller}")

    def initramfs(self, path: str) -> tuple[str, ...]:
        from . import initramfs

        return initramfs.read_names(self._root + path, path)

    def space(self, path: str) -> Space:
        try:
            found = os.statvfs(self._root + path)
        except OSError as error:
            raise from_os(path, error) from None
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

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

    def hidden(self, path: str) -> str | None:
        if self._sandbox is None:
            self._sandbox = self._read_sandbox()
        return self._sandbox.hides(path) if self._sandbox else None

    def _read_sandbox(self) -> Sandbox | None:
        """None where it cannot be told now, as without a free descriptor: then it is asked again."""
        from ..sandbox import Sandbox, parse_unit, parse_veils

        try:
            unit = parse_unit(self.file("proc/self/cgroup").decode("utf-8", "replace"))
            mounts = self.file("proc/self/mountinfo") if unit else b""
        except Absent:
            return Sandbox(None, ())
        except SourceError:
            return None
        return Sandbox(unit, parse_veils(mounts.decode("utf-8", "replace")))


def something_there(path: str, error: OSError) -> bool:
    """False for a look at a path that found nothing, or nothing for us; what tells of neither is raised."""
    refused = from_os(path, error)
    if isinstance(refused, (Absent, Denied)) or refused.code in _NOWHERE:
        return False
    raise refused


def read(full: str, path: str, limit: int, once: bool) -> bytes:
    """The content of a regular file, by one read(2) or to its end; EFBIG beyond limit bytes."""
    return _opened(full, path, lambda descriptor: _content(descriptor, path, limit, once))


def read_head(full: str, path: str, limit: int) -> tuple[bytes, int]:
    """The first bytes of a regular file, and its size by fstat(2)."""
    return _opened(full, path, lambda descriptor: (os.read(descriptor, limit), os.fstat(descriptor).st_size))


def _opened(full: str, path: str, ask: Callable[[int], T]) -> T:
    """The answer of an open regular file."""
    try:
        descriptor = os.open(full, _FLAGS)
    except OSError as error:
        raise from_os(path, error) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise refusal(path, "EISDIR" if stat.S_ISDIR(mode) else "EFTYPE")
        return ask(descriptor)
    except OSError as error:
        raise from_os(path, error) from None
    finally:
        os.close(descriptor)


def _content(descriptor: int, path: str, limit: int, once: bool) -> bytes:
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
