"""Commands timed in turn (A B C A B C …), so that a busy machine is busy for all of them."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

# A child's ru_maxrss is never below the memory of the process that forked it (fs/exec.c, exec_mmap), so one
# smaller than the agent starts it: Python with nothing imported.
_PEAK = (
    "import os, sys;"
    "quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)];"
    "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet);"
    "print(os.wait4(pid, 0)[2].ru_maxrss)"
)


class Sample(NamedTuple):
    """Figures of one thing measured again and again."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles: half of all runs lie between them."""
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def over(self, peer: Sample) -> Sample:
        """The ratios, round by round."""
        return Sample(tuple(mine / other for mine, other in zip(self.values, peer.values, strict=True)))

    def beyond(self, base: Sample) -> Sample:
        """What it takes more than the base, round by round."""
        return Sample(tuple(mine - other for mine, other in zip(self.values, base.values, strict=True)))

    def times(self, factor: float) -> Sample:
        """In another unit."""
        return Sample(tuple(value * factor for value in self.values))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def seconds(command: Sequence[str]) -> float:
    """How long a command takes, from its start to its end."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    took = time.perf_counter() - began
    if b"Traceback" in done.stderr:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()[-500:]}")
    return took


def printed(command: Sequence[str]) -> float:
    """The number that a command prints."""
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def cpu_seconds(command: Sequence[str]) -> float:
    """How long it kept a processor busy: steadier than the clock where the question is how cost grows."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], list(command), os.environ, file_actions=quiet)
    usage = os.wait4(pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


def peak_bytes(command: Sequence[str]) -> float:
    """The most memory that a command had resident."""
    return 1024 * printed([sys.executable, "-I", "-S", "-c", _PEAK, *command])


def in_turn(
    commands: Mapping[str, Sequence[str]], runs: int, measure: Callable[[Sequence[str]], float] = seconds
) -> dict[str, Sample]:
    """All commands, one after the other, so many times, after one run of each to warm the caches."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            value = measure(command)
            if turn:
                found[name].append(value)
    return {name: Sample(tuple(values)) for name, values in found.items()}


def idle() -> str:
    """How busy the machine is besides."""
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())
