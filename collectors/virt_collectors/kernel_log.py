"""The kernel's ring buffer: what it said at boot of the hypervisor below, and what befell its devices since.

The ring wraps, so a missing line says nothing. "Hypervisor detected: Xen HVM" is printed in PVH guests
and under xen_nopv too; "Booting … on Xen", "… on Xen PVH" and "… on Xen HVM" tell these apart.

A Host gives what is new since it was last asked, so each reading is added to the one before. Who may not read
the ring gets what a log daemon kept of it, once.
"""

from __future__ import annotations

from .errors import Denied, SourceError
from .host.kmsg import LOST
from .kernel_events import LogEvent, find_events, merge_events
from .record import Record, replace
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
_LENGTH = 200
_LOST = LOST.decode()
_CLOCKS_APART_SECONDS = 300


class KernelLog(Record):
    """The boot lines about the hypervisor without their time stamps, the events, and the number of all lines.

    `followed`: the ring itself was read, and the next reading will bring what comes. `lost` are the records that it
    ran over before they were read. `current` is false of a journal that was read some time ago.
    """

    banners: tuple[str, ...] = ()
    lines: int = 0
    events: tuple[LogEvent, ...] = ()
    followed: bool = False
    lost: int = 0
    current: bool = True


def read_kernel_log(source: Source) -> KernelLog | None:
    """All that was read so far; None where there is no log or it needs a privilege."""
    before = source.before.kernel_log if source.before else None
    if before is not None and not source.host.live:
        return before
    try:
        text = source.host.kernel_log()
    except SourceError as error:
        source.note(error)
        return before
    if before is None:
        return replace(parse_log(text), followed=source.host.live)
    if not text:
        return before
    return merge(before, as_news(parse_log(text)))


def read_kernel_journal(source: Source) -> KernelLog | None:
    """What a log daemon kept, where the ring could not be read; None where it could, or nothing was kept."""
    if source.before is not None and source.before.kernel_log is not None:
        return None
    try:
        log = parse_log(source.host.kernel_journal())
    except Denied:
        return None  # as the ring was, which is kept in mind already
    except SourceError as error:
        source.note(error)
        return None
    clock = source.before.clock if source.before else None
    uptime = clock.uptime_seconds if clock else None
    if uptime is None:
        return log
    # a file may end with an earlier boot
    ours = (e for e in log.events if e.last_seconds is None or e.last_seconds <= uptime + _CLOCKS_APART_SECONDS)
    return replace(log, events=tuple(ours))


def parse_log(text: str) -> KernelLog:
    """What a log says, as if it had been read for the first time."""
    lines = text.count("\n") + (text[-1:] not in ("", "\n"))
    return KernelLog(_banners(text), lines, find_events(text), lost=_lost(text))


def as_news(log: KernelLog) -> KernelLog:
    """The same where it came after the first reading."""
    return replace(log, events=tuple(replace(event, since_start=event.count) for event in log.events))


def merge(earlier: KernelLog, later: KernelLog) -> KernelLog:
    """A log whose two parts are known."""
    if not later.lines:
        return earlier
    return KernelLog(
        _first_of_each([*earlier.banners, *later.banners]),
        earlier.lines + later.lines,
        merge_events(earlier.events, later.events),
        earlier.followed,
        earlier.lost + later.lost,
    )


def _banners(text: str) -> tuple[str, ...]:
    """In the order they were printed."""
    found: dict[int, str] = {}
    for banner in _BANNERS:
        at, kept = text.find(banner), 0
        while at >= 0 and kept < _KEPT:
            start = text.rfind("\n", 0, at) + 1
            end = text.find("\n", at)
            line = _message(text[start : end if end >= 0 else None])[:_LENGTH]
            if banner in line:
                found[start] = line
                kept += 1
            at = text.find(banner, end) if end >= 0 else -1
    return _first_of_each([line for _, line in sorted(found.items())])


def _first_of_each(lines: list[str]) -> tuple[str, ...]:
    """The lines that are among the first few of a kind."""
    counted = dict.fromkeys(_BANNERS, 0)
    kept = []
    for line in lines:
        kinds = [banner for banner in _BANNERS if banner in line]
        if any(counted[kind] < _KEPT for kind in kinds):
            kept.append(line)
        for kind in kinds:
            counted[kind] += 1
    return tuple(kept)


def _message(line: str) -> str:
    """The line without "[    0.000000] "."""
    stamp, bracket, message = line.partition("] ")
    return message if bracket and stamp.startswith("[") else line


def _lost(text: str) -> int:
    total, at = 0, text.find(_LOST)
    while at >= 0:
        end = text.find("\n", at)
        number = text[at + len(_LOST) : end if end >= 0 else None].strip()
        total += int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
        at = text.find(_LOST, end) if end >= 0 else -1
    return total
