"""The only door to the machine, in three forms with one interface.

    Host ── LiveHost       this machine
         ── SnapshotHost   a directory or tar that holds another machine's answers
         ── Recorder       around another Host; notes every answer for a snapshot

Paths are given without the leading slash ("sys/hypervisor/type"). Every method answers
with a value or raises one `SourceError` (see `virt_collectors.errors`); no OSError and
no hang comes out of here.
"""

from __future__ import annotations

from ..errors import SourceError
from ..record import Record

ATTRIBUTE_LIMIT = 4096  # one page: what sysfs hands out at most, Documentation/filesystems/sysfs.rst
FILE_LIMIT = 4 << 20  # /proc/cpuinfo of 1,024 CPUs is 1.6 MB, modules.dep of Ubuntu 0.7 MB
NAMES_LIMIT = 65_536


class Registers(Record):
    """EAX, EBX, ECX and EDX after one CPUID instruction."""

    eax: int
    ebx: int
    ecx: int
    edx: int


class Uname(Record):
    """uname(2)."""

    sysname: str
    nodename: str
    release: str
    version: str
    machine: str


class Metadata(Record):
    """One answer of the instance metadata service."""

    status: int
    body: str


class Host:
    """What every form of the machine can be asked."""

    live = False

    def attribute(self, path: str) -> bytes:
        """A sysfs or short procfs file by one bounded read(2)."""
        raise NotImplementedError(path)

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        """A longer file, to its end; EFBIG beyond limit bytes."""
        raise NotImplementedError(path)

    def names(self, path: str) -> list[str]:
        """What a directory holds, sorted."""
        raise NotImplementedError(path)

    def link(self, path: str) -> str:
        """The text of a symbolic link; EINVAL where path is none."""
        raise NotImplementedError(path)

    def real(self, path: str) -> str:
        """The path with all its links followed, inside this Host's root."""
        raise NotImplementedError(path)

    def exists(self, path: str) -> bool:
        """True where something is there, readable or not; a link that leads nowhere is nothing."""
        raise NotImplementedError(path)

    def cpuid_method(self) -> str:
        """How CPUID is asked: "/dev/cpu/0/cpuid" or "instruction". Absent where it cannot be."""
        raise NotImplementedError

    def cpuid(self, leaf: int) -> Registers:
        """The registers of one CPUID leaf (subleaf 0)."""
        raise NotImplementedError(leaf)

    def metadata(self, path: str) -> Metadata:
        """The answer of the metadata service at path; Absent where it was not asked."""
        raise NotImplementedError(path)

    def kernel_log(self) -> str:
        """The kernel's ring buffer as dmesg prints it, oldest line first."""
        raise NotImplementedError

    def uname(self) -> Uname:
        """uname(2) of the machine."""
        raise NotImplementedError

    def time(self) -> float | None:
        """Seconds since 1970 on the machine's clock, None where unknown."""
        raise NotImplementedError

    def damage(self) -> list[SourceError]:
        """What is wrong with this Host's own answers; nothing can be with the live machine's."""
        return []

    def privileged(self) -> bool | None:
        """Whether the answers were read as root; None where unknown."""
        raise NotImplementedError
