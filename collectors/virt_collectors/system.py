"""Names: the host's, the kernel's, the architecture's, and the distribution's.

In a snapshot the architecture is that of its recorded uname, else /proc/sys/kernel/arch (since 5.19),
else what the form of /proc/cpuinfo gives away.
"""

from __future__ import annotations

from .errors import Absent
from .record import Record
from .source import Source

_BY_FORM = {"x86": "x86_64", "arm64": "aarch64"}


class System(Record):
    """None where unknown. `privileged`: the answers were read as root."""

    hostname: str | None = None
    kernel: str | None = None
    architecture: str | None = None
    privileged: bool | None = None
    live: bool = False


def read_system(source: Source) -> System:
    """From uname(2) where the Host has it, else from procfs."""
    try:
        names = source.host.uname()
    except Absent:
        names = None
    return System(
        hostname=names.nodename if names else source.text("proc/sys/kernel/hostname") or None,
        kernel=names.release if names else source.text("proc/sys/kernel/osrelease") or None,
        architecture=names.machine if names else _architecture(source),
        privileged=source.host.privileged(),
        live=source.host.live,
    )


def _architecture(source: Source) -> str | None:
    arch = source.text("proc/sys/kernel/arch")
    if arch:
        return arch
    from .cpu import PATH, parse_cpuinfo

    cpu = parse_cpuinfo((source.raw(PATH) or b"").decode("utf-8", "replace"))
    return _BY_FORM.get(cpu.form or "") if cpu else None


def read_os(source: Source) -> str | None:
    """PRETTY_NAME of os-release(5). On an ordinary file system: read late."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        for line in source.lines(path) or []:
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return value.strip().strip("\"'")[:120] or None
    return None
