"""Memory, the Xen balloon, time stolen by the host, and tasks that stall on I/O.

/proc/meminfo; /sys/devices/system/xen_memory/xen_memory0 (only with CONFIG_XEN_BALLOON, off on
Ubuntu's -aws kernels by design); /proc/stat, field 8 in units of 1/100 s (proc_stat(5));
/proc/pressure/io (Documentation/accounting/psi.rst, since 4.20); procs_blocked in /proc/stat, the tasks that wait
for I/O at this moment, where there is no such file; btime there, the wall clock at boot (fs/proc/stat.c).
"""

from __future__ import annotations

from .record import Record
from .source import Source, whole

PRESSURE = "proc/pressure/io"
BALLOON = "sys/devices/system/xen_memory/xen_memory0"
_TICK_SECONDS = 0.01  # USER_HZ is 100 on every architecture that /proc/stat is read on here


class Memory(Record):
    """None where not offered.

    `io_full_percent` is the share of the last 10 s in which every task waited for I/O, `io_some_percent` that in
    which any did. `boot_time_seconds` is seconds since 1970, whole, and moves only when the wall clock is set.
    """

    total_bytes: int | None = None
    balloon_target_bytes: int | None = None
    balloon_current_bytes: int | None = None
    cpu_seconds: float | None = None
    steal_seconds: float | None = None
    io_some_percent: float | None = None
    io_full_percent: float | None = None
    blocked_tasks: int | None = None
    boot_time_seconds: int | None = None


def read_memory(source: Source) -> Memory:
    """The figures of this moment."""
    statistics = source.lines("proc/stat")
    total, stolen = _cpu_time(source, statistics)
    some, full = _pressure(source)
    return Memory(
        total_bytes=_total(source),
        balloon_target_bytes=_kilobytes(source.number(f"{BALLOON}/target_kb")),
        balloon_current_bytes=_kilobytes(source.number(f"{BALLOON}/info/current_kb")),
        cpu_seconds=total,
        steal_seconds=stolen,
        io_some_percent=some,
        io_full_percent=full,
        blocked_tasks=_after(statistics or [], "procs_blocked "),
        boot_time_seconds=_after(statistics or [], "btime "),
    )


def _after(lines: list[str], key: str) -> int | None:
    return next((whole(line[len(key) :]) for line in lines if line.startswith(key)), None)


def _kilobytes(value: int | None) -> int | None:
    return None if value is None else value * 1024


def _total(source: Source) -> int | None:
    lines = source.lines("proc/meminfo")
    if lines is None:
        return None
    for line in lines:
        words = line.split()
        total = whole(words[1]) if len(words) > 1 and words[0] == "MemTotal:" else None
        if total is not None:
            return _kilobytes(total)
    source.malformed("proc/meminfo", "has no MemTotal line with a number")
    return None


def _cpu_time(source: Source, lines: list[str] | None) -> tuple[float | None, float | None]:
    if lines is None:
        return None, None
    words = lines[0].split() if lines else []
    ticks = [whole(word) for word in words[1:]]
    if words[:1] != ["cpu"] or len(ticks) < 8 or None in ticks:
        source.malformed("proc/stat", "does not begin with the line of all CPUs")
        return None, None
    numbers = [tick for tick in ticks if tick is not None]
    # guest time (fields 9 and 10) is already part of user time
    return sum(numbers[:8]) * _TICK_SECONDS, numbers[7] * _TICK_SECONDS


def _pressure(source: Source) -> tuple[float | None, float | None]:
    text = source.text(PRESSURE, tolerate=("EOPNOTSUPP", "ENOTSUP"))
    some, full = parse_pressure(text or "")
    if text and some is None:
        source.malformed(PRESSURE, f"{text[:40]!r} has no line of some tasks' stalls")
    return some, full


def parse_pressure(text: str) -> tuple[float | None, float | None]:
    """avg10 of the `some` and the `full` line."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        words = line.split()
        value = words[1].partition("avg10=")[2] if len(words) > 1 else ""
        if value.replace(".", "", 1).isdecimal() and len(value) < 20:
            found[words[0]] = float(value)
    return found.get("some"), found.get("full")
