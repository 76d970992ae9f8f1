"""The live machine. Every open is O_NONBLOCK and of a regular file, so a FIFO cannot hang us."""

from __future__ import annotations

import os
import stat
import time

from ..errors import Absent, from_os, refusal
from . import ATTRIBUTE_LIMIT, FILE_LIMIT, NAMES_LIMIT, Host, Metadata, Registers, Uname, cpuid, kmsg

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class LiveHost(Host):
    """Answers from the kernel below this process. `root` is "/" but for tests of the reader itself."""

    live = True

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/") + "/"
        self._cpuid: cpuid.Reader | None = None

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

    def kernel_log(self) -> str:
        return kmsg.read(self._root + "dev/kmsg")

    def uname(self) -> Uname:
        return Uname(*os.uname())

    def time(self) -> float | None:
        return time.time()

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
