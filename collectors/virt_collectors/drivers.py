"""Which drivers this kernel has, from three places, because no single one tells.

A driver is `builtin` (in lib/modules/RELEASE/modules.builtin, or /sys/module/NAME without
`initstate`, which only modules have), `loaded` (/proc/modules), `available` (modules.dep) or
`absent`. `lsmod` alone is wrong on every Ubuntu guest: xen-blkfront is always built in.
Files of ordinary file systems: read last, and not at all where the root disk may hang.
"""

from __future__ import annotations

from .record import Record
from .source import Source

# The drivers whose health this project judges, by the names of their .ko files.
DRIVERS = (
    "xen-blkfront",
    "xen-netfront",
    "virtio_blk",
    "virtio_net",
    "virtio_scsi",
    "virtio_pci",
    "nvme",
    "ena",
    "ixgbevf",
    "ata_piix",
    "ahci",
    "e1000",
    "e1000e",
    "8139cp",
    "8139too",
    "sr_mod",
)
BUILTIN, LOADED, AVAILABLE, ABSENT = "builtin", "loaded", "available", "absent"


class Drivers(Record):
    """Presence by driver name; a driver is left out where its presence cannot be told."""

    presence: dict[str, str]

    def of(self, name: str) -> str | None:
        """BUILTIN, LOADED, AVAILABLE or ABSENT; None where unknown."""
        return self.presence.get(name)


def read_running_drivers(source: Source) -> Drivers | None:
    """Presence of DRIVERS in the kernel that runs."""
    from .system import read_system

    return read_drivers(source, read_system(source).kernel)


def read_drivers(source: Source, release: str | None) -> Drivers | None:
    """Presence of DRIVERS in the installed kernel of that release."""
    loaded = parse_modules(source.lines("proc/modules") or [])
    builtin = parse_paths(_module_file(source, release, "modules.builtin"))
    available = parse_paths(_module_file(source, release, "modules.dep"))
    if builtin is None and not loaded:
        return None
    presence = {}
    for name in DRIVERS:
        found = _presence(source, name.replace("-", "_"), loaded, builtin, available)
        if found:
            presence[name] = found
    return Drivers(presence)


def _module_file(source: Source, release: str | None, name: str) -> bytes | None:
    if not release or "/" in release:
        return None
    for root in ("lib/modules", "usr/lib/modules"):
        content = source.raw(f"{root}/{release}/{name}")
        if content is not None:
            return content
    return None


def _presence(
    source: Source, name: str, loaded: frozenset[str], builtin: frozenset[str] | None, available: frozenset[str] | None
) -> str | None:
    if name in loaded:
        return LOADED
    if name in (builtin or ()) or _builtin_with_parameters(source, name):
        return BUILTIN
    if name in (available or ()):
        return AVAILABLE
    return None if builtin is None or available is None else ABSENT


def _builtin_with_parameters(source: Source, name: str) -> bool:
    module = f"sys/module/{name}"
    return source.exists(f"{module}/parameters") and not source.exists(f"{module}/initstate")


def parse_modules(lines: list[str]) -> frozenset[str]:
    """Module names in /proc/modules, with underscores as the kernel writes them."""
    return frozenset(line.split(" ", 1)[0] for line in lines if line)


def parse_paths(content: bytes | None) -> frozenset[str] | None:
    """Module names in modules.builtin or modules.dep: whole names ("nvmem" is not "nvme"), underscores."""
    if content is None:
        return None
    wanted = {name.replace("-", "_") for name in DRIVERS}
    return frozenset(name for name in wanted if _has_module(content, name))


def _has_module(content: bytes, name: str) -> bool:
    spellings = {name, name.replace("_", "-")}
    return any(f"/{spelling}.ko".encode() in content for spelling in spellings)
