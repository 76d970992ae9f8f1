"""The clocksource, /sys/devices/system/clocksource/clocksource0, and for how long the kernel has run.

`tsc` is read without leaving the guest, `xen` and `kvm-clock` mostly so; `hpet`, `acpi_pm` and
`jiffies` cost a VM exit for every reading (kernel/time/clocksource.c rates them).
"""

from __future__ import annotations

from .record import Record
from .source import Source

ROOT = "sys/devices/system/clocksource/clocksource0"


class Clock(Record):
    """`time` is seconds since 1970, None in a snapshot that does not tell.

    `suspended_seconds` is the time since boot in which the kernel slept, for a suspend, a save and restore or a
    migration; `read_seconds` what one reading of the clock costs.
    """

    current: str | None = None
    available: tuple[str, ...] = ()
    uptime_seconds: float | None = None
    time: float | None = None
    suspended_seconds: float | None = None
    read_seconds: float | None = None


def read_clock(source: Source) -> Clock | None:
    """Clocksource, uptime and wall clock. What a reading costs is measured once for each clocksource."""
    current = source.text(f"{ROOT}/current_clocksource") or None
    known = source.before.clock if source.before else None
    measured = known is not None and known.current == current and known.read_seconds is not None
    return Clock(
        current=current,
        available=tuple((source.text(f"{ROOT}/available_clocksource") or "").split()),
        uptime_seconds=_uptime(source),
        time=source.host.time(),
        suspended_seconds=source.host.suspended(),
        read_seconds=known.read_seconds if known and measured else source.host.clock_read(),
    )


def _uptime(source: Source) -> float | None:
    text = source.text("proc/uptime")
    if text is None:
        return None
    first = text.partition(" ")[0]
    if len(first) > 20 or not first.replace(".", "", 1).isdecimal():
        source.malformed("proc/uptime", f"{text[:40]!r} does not begin with seconds")
        return None
    return float(first)
