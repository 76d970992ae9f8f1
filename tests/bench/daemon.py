"""The daemon under 1,000 scrapes: its memory, and whether it starts processes."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .rows import LOCKED_MEGABYTES, Row
from .run import Sample

SCRAPES, WARM = 1000, 200
# What Prometheus sends (scrape/scrape.go).
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
_SIGCHLD = 17


class Daemon:
    """A running daemon, seen from outside."""

    def __init__(self, pid: int, address: str) -> None:
        self._process = Path(f"/proc/{pid}")
        self._connection = http.client.HTTPConnection(address, timeout=30)

    def scrape(self, times: int, anew: bool = False) -> list[float]:
        """So many scrapes over the connection that is kept, or each over a new one; the seconds of each."""
        return [self._scrape(anew) for _ in range(times)]

    def _scrape(self, anew: bool) -> float:
        began = time.perf_counter()
        if anew:
            self._connection.close()
        self._connection.request("GET", "/metrics", headers=HEADERS)
        answer = self._connection.getresponse()
        if answer.status != 200 or not answer.read():
            raise RuntimeError(f"/metrics answered {answer.status}")
        return time.perf_counter() - began

    def status(self, key: str) -> str:
        lines = (self._process / "status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{key}:"))

    def resident_megabytes(self) -> float:
        return int(self.status("VmRSS").split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far, and of children that were waited for.

        The process's own clock counts nanoseconds (clock_getcpuclockid(3): ~pid << 3, CPUCLOCK_SCHED);
        /proc/PID/stat knows those of the children in 1/100 s.
        """
        children = (self._process / "stat").read_text().rpartition(")")[2].split()[13:15]
        return time.clock_gettime(~int(self._process.name) << 3 | 2) + sum(map(int, children)) / os.sysconf(
            "SC_CLK_TCK"
        )

    def children(self) -> int:
        """A number that grows with each process started.

        Field 11 of /proc/PID/stat counts the page faults of children that were waited for; one that was
        not is listed among the children of a thread as a zombie, unless SIGCHLD is ignored.
        """
        if int(self.status("SigIgn"), 16) >> (_SIGCHLD - 1) & 1:
            raise RuntimeError("the daemon ignores SIGCHLD: its children cannot be counted")
        faults = int((self._process / "stat").read_text().rpartition(")")[2].split()[8])
        listed = [task.read_text().split() for task in (self._process / "task").glob("*/children")]
        return faults + sum(map(len, listed))


@contextmanager
def running(command: Sequence[str]) -> Iterator[Daemon]:
    """The daemon on a port of its own choice, until the end."""
    with subprocess.Popen(
        [*command, "--serve", "--web.listen-address", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Daemon(process.pid, _address(process))
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        found = re.search(r"http://([^/\s]+)/", line)
        if found:
            return found[1]
    raise RuntimeError(f"the daemon ended before it listened: {''.join(told)[-500:]}")


def rows(command: Sequence[str]) -> Iterator[Row]:
    with running(command) as daemon:
        daemon.scrape(WARM)
        before, children = daemon.resident_megabytes(), daemon.children()
        daemon.scrape(SCRAPES - WARM)
        after = daemon.resident_megabytes()
        started = daemon.children() - children
    yield Row(f"--serve, memory after {SCRAPES} scrapes", Sample((after,)), "MB", limit=36 + LOCKED_MEGABYTES)
    yield Row(f"--serve, memory grown since scrape {WARM}", Sample((after - before,)), "MB", limit=1)
    yield Row(f"--serve, processes started by {SCRAPES - WARM} scrapes", Sample((started,)), "", limit=0)
