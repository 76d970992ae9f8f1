"""Whether anybody else is at work here: what is measured then is their work, and they have trouble enough.

/proc/loadavg; /proc/pressure (Documentation/accounting/psi.rst, since 4.20, off in some kernels); steal in
/proc/stat, which takes two readings.
"""

from __future__ import annotations

from virt_collectors.memory import Memory, parse_pressure, read_memory
from virt_collectors.record import Record
from virt_collectors.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from virt_collectors.host import Host

CPU_PERCENT = IO_PERCENT = 20.0  # of the last 10 s in which some task waited
STEAL_PERCENT = 10.0
TOLD_STEAL_PERCENT = 2.0


class Load(Record):
    """None where the kernel does not tell. `load` is the average over a minute."""

    load: float | None = None
    cpu_percent: float | None = None
    io_percent: float | None = None


def read(host: Host) -> tuple[Load, Memory]:
    """The load of now, and the counters from which two readings give the steal."""
    source = Source(host)
    memory = read_memory(source)
    pressure = parse_pressure(source.text("proc/pressure/cpu", tolerate=("EOPNOTSUPP", "ENOTSUP")) or "")[0]
    return Load(parse_loadavg(source.text("proc/loadavg") or ""), pressure, memory.io_some_percent), memory


def parse_loadavg(text: str) -> float | None:
    """The first of its five fields."""
    first = text.strip().partition(" ")[0]
    return float(first) if first.isascii() and first.replace(".", "", 1).isdecimal() and len(first) < 20 else None


def steal(before: Memory, after: Memory) -> float | None:
    """The share of all processors' time that the host gave to others, in per cent."""
    passed = _passed(before.cpu_seconds, after.cpu_seconds)
    stolen = _passed(before.steal_seconds, after.steal_seconds)
    return min(stolen / passed, 1.0) * 100 if passed and stolen is not None else None


def _passed(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else max(after - before, 0.0)


def reasons(load: Load, processors: int, stolen: float | None) -> list[str]:
    """Why it is too busy for measuring; none where it is not."""
    found = []
    if load.load is not None and load.load > processors:
        found.append(f"load {load.load:.1f} on {processors} CPU{'s' * (processors != 1)}")
    if load.cpu_percent is not None and load.cpu_percent > CPU_PERCENT:
        found.append(f"tasks waited for a CPU {load.cpu_percent:.0f} % of the last 10 s")
    if load.io_percent is not None and load.io_percent > IO_PERCENT:
        found.append(f"tasks waited for I/O {load.io_percent:.0f} % of the last 10 s")
    if stolen is not None and stolen > STEAL_PERCENT:
        found.append(f"the host takes {stolen:.0f} % of the CPU time (steal)")
    return found
