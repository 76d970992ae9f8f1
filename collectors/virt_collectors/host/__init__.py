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


class Space(Record):
    """Bytes of the file system at a path, and how many of them an unprivileged user may still fill (statvfs(3))."""

    total: int
    free: int


class Ethtool(Record):
    """What the driver of one interface says of itself (<linux/ethtool.h>); None and {} where it does not.

    `statistics` are its own counters (ETHTOOL_GSTATS) by name; `channels` and `ring` are the settings of now, with
    their maxima as "max_…".
    """

    driver: str | None = None
    version: str | None = None
    bus_info: str | None = None
    firmware: str | None = None
    statistics: dict[str, int] = {}
    channels: dict[str, int] = {}
    ring: dict[str, int] = {}
    scatter_gather: bool | None = None


class NvmeLog(Record):
    """A log page, and when it was read where that was not now (seconds since 1970)."""

    page: bytes
    time: float | None = None


class Host:
    """What every form of the machine can be asked."""

    live = False

    def attribute(self, path: str) -> bytes:
        """A sysfs or short procfs file by one bounded read(2)."""
        raise NotImplementedError(path)

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        """A longer file, to its end; EFBIG beyond limit bytes."""
        raise NotImplementedError(path)

    def head(self, path: str, limit: int) -> tuple[bytes, int]:
        """The first bytes of a file, limit of them at most, and the size of all of it in bytes."""
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
        """True where something is there, readable or not; a link that leads nowhere is nothing. Raises EIO and the like."""
        raise NotImplementedError(path)

    def cpuid_method(self) -> str:
        """How CPUID is asked: "/dev/cpu/0/cpuid" or "instruction". Absent where it cannot be."""
        raise NotImplementedError

    def cpuid(self, leaf: int) -> Registers:
        """The registers of one CPUID leaf (subleaf 0)."""
        raise NotImplementedError(leaf)

    def metadata_wanted(self) -> bool | None:
        """Whether the metadata service is to be asked; None: where the machine shows strong signs of EC2."""
        return True

    def begin_metadata(self, seconds: float) -> None:
        """What is asked of the metadata service from now on must be answered within so many seconds in all."""

    def metadata(self, path: str) -> Metadata:
        """The answer of the metadata service at path; Absent where it is not to be asked, NoService says what is wrong."""
        raise NotImplementedError(path)

    def metadata_requests(self) -> dict[str, int]:
        """How many requests this Host sent so far, by status ("200", "404", "timeout")."""
        return {}

    def ethtool(self, interface: str) -> Ethtool:
        """What an interface's driver says of itself; EOPNOTSUPP where it has no ethtool operations."""
        raise NotImplementedError(interface)

    def nvme_log(self, controller: str) -> NvmeLog:
        """The vendor log page 0xD0 of a controller ("nvme0"); EOPNOTSUPP where it has none."""
        raise NotImplementedError(controller)

    def nvme_device_name(self, controller: str) -> str:
        """The name under which EC2 attached the volume ("sdf", "xvda"), which its controller tells; "" where none."""
        raise NotImplementedError(controller)

    def initramfs(self, path: str) -> tuple[str, ...]:
        """The names of the files in an initramfs, of all its archives; Malformed where it is cut short or damaged."""
        raise NotImplementedError(path)

    def space(self, path: str) -> Space:
        """How full a file system is. It may hang with its disk: for --readiness alone."""
        raise NotImplementedError(path)

    def kernel_log(self) -> str:
        """What the kernel's ring buffer got since this Host was last asked, all of it at first, as dmesg prints it."""
        raise NotImplementedError

    def kernel_journal(self) -> str:
        """The kernel's lines as a log daemon kept them, for those who may not read the ring; in dmesg's form."""
        raise NotImplementedError

    def uname(self) -> Uname:
        """uname(2) of the machine."""
        raise NotImplementedError

    def time(self) -> float | None:
        """Seconds since 1970 on the machine's clock, None where unknown."""
        raise NotImplementedError

    def suspended(self) -> float | None:
        """Seconds since boot in which this kernel slept: CLOCK_BOOTTIME minus CLOCK_MONOTONIC (clock_gettime(2))."""
        raise NotImplementedError

    def clock_read(self) -> float | None:
        """Seconds that one clock_gettime(CLOCK_MONOTONIC) takes; None where it was not measured."""
        raise NotImplementedError

    def hidden(self, path: str) -> str | None:  # noqa: ARG002 - only the live machine is seen from a sandbox
        """Why a path that is missing may be there after all, where a sandbox hides it from this process."""
        return None

    def damage(self) -> list[SourceError]:
        """What is wrong with this Host's own answers; nothing can be with the live machine's."""
        return []

    def privileged(self) -> bool | None:
        """Whether the answers were read as root; None where unknown."""
        raise NotImplementedError
