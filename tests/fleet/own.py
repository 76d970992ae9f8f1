"""What a process costs, by the kernel and by its own page of metrics."""

from __future__ import annotations

import os
import pathlib
import re

from tests.e2e.programs import get


def own_figures(url: str) -> dict[str, float]:
    """A Prometheus' figures about itself, summed over labels."""
    found: dict[str, float] = {}
    for line in get(f"{url}/metrics").decode().splitlines():
        if not line.startswith("#"):
            name, value = line.partition("{")[0].split(" ")[0], line.rpartition(" ")[2]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def memory(pid: int) -> tuple[int, int]:
    """Bytes resident now, and at most so far (proc(5), VmRSS and VmHWM)."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kilobytes = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}
    return kilobytes["VmRSS"] << 10, kilobytes["VmHWM"] << 10


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
