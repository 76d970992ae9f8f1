"""What the kernel said at boot of the hypervisor below, from its ring buffer.

The ring wraps, so a missing line says nothing. "Hypervisor detected: Xen HVM" is printed in PVH guests
and under xen_nopv too; "Booting … on Xen", "… on Xen PVH" and "… on Xen HVM" tell these apart.
"""

from __future__ import annotations

from .record import Record
from .source import Source

_BANNERS = (
    "Hypervisor detected: ",
    "Booting kernel on ",
    "Booting paravirtualized kernel on ",
    "Xen version",
    "platform_pci_unplug",
    "Detected virtualization ",
)
_KEPT = 4  # of each kind: anybody may write such a line, and it shall not crowd out the others


class KernelLog(Record):
    """The boot lines about the hypervisor, without their time stamps; `lines` counts the whole ring."""

    banners: tuple[str, ...] = ()
    lines: int = 0


def read_kernel_log(source: Source) -> KernelLog | None:
    """None where there is no log or it needs a privilege."""
    from .errors import SourceError

    try:
        text = source.host.kernel_log()
    except SourceError as error:
        source.note(error)
        return None
    return parse_log(text)


def parse_log(text: str) -> KernelLog:
    """Banners in the order they were printed."""
    found: dict[int, str] = {}
    for banner in _BANNERS:
        at, kept = text.find(banner), 0
        while at >= 0 and kept < _KEPT:
            start = text.rfind("\n", 0, at) + 1
            end = text.find("\n", at)
            found[start] = text[start : end if end >= 0 else None]
            at, kept = text.find(banner, at + 1), kept + 1
    ordered = [line for _, line in sorted(found.items())]
    return KernelLog(tuple(_message(line)[:200] for line in ordered), text.count("\n") + (text[-1:] not in ("", "\n")))


def _message(line: str) -> str:
    """The line without "[    0.000000] "."""
    stamp, bracket, message = line.partition("] ")
    return message if bracket and stamp.startswith("[") else line
