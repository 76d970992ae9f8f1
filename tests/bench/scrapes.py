"""The daemon beside node_exporter, in turn: CPU and latency of a scrape as Prometheus makes it, start-up, idling, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .daemon import Daemon, running
from .exporter import Exporter, await_listening, exporting, find, free_port, started
from .metadata import serving
from .rows import BUSY, BUSY_MEMORY, LOCKED_MEGABYTES, Row, absent
from .run import Sample, quantile

WARM, IN_A_ROW = 20, 20  # scrapes
FEWEST_TURNS = 20
STARTS = 7
IDLE_SECONDS = 5.0
CPU_AIM, MEMORY_AIM, MEMORY_WITH_METADATA_AIM = 0.6, 1.5, 2.0
_PARTS = ("CPU of a scrape", "a scrape", "start to the first answer", "CPU of a second without a scrape", "memory")
Turns = list[tuple[float, float]]  # ours and theirs


def rows(command: Sequence[str], above: Path, runs: int) -> Iterator[Row]:
    exporter = find(above)
    if exporter is None:
        yield from (absent(f"--serve, {part}", "node_exporter") for part in _PARTS)
        return
    plain = [*command, "--imds", "off"]
    with running(plain) as ours, exporting(exporter) as theirs:
        for daemon in (ours, theirs):
            daemon.scrape(WARM)
        yield _cpu(ours, theirs, exporter, max(runs, FEWEST_TURNS))
        yield from _latencies(ours, theirs, exporter, max(runs, FEWEST_TURNS))
        yield _idle(ours, theirs, exporter)
        peer = theirs.resident_megabytes()
        yield _memory("--serve, memory without metadata", ours, peer, exporter, MEMORY_AIM)
    with serving() as endpoint, running([*command, "--imds.endpoint", endpoint]) as ours:
        ours.scrape(WARM + IN_A_ROW * FEWEST_TURNS)
        yield _memory("--serve, memory with metadata", ours, peer, exporter, MEMORY_WITH_METADATA_AIM)
    yield _start(plain, exporter, min(runs, STARTS))


def _cpu(ours: Daemon, theirs: Daemon, exporter: Exporter, turns: int) -> Row:
    taken = [(_cost(ours), _cost(theirs)) for _ in range(turns)]
    return _compared("--serve, CPU of a scrape", taken, exporter, CPU_AIM)


def _cost(daemon: Daemon) -> float:
    """CPU seconds of one scrape, by some in a row."""
    before = daemon.cpu_seconds()
    daemon.scrape(IN_A_ROW)
    return (daemon.cpu_seconds() - before) / IN_A_ROW


def _latencies(ours: Daemon, theirs: Daemon, exporter: Exporter, turns: int) -> Iterator[Row]:
    """Of each turn its median; of each five turns, a hundred scrapes, what 99 of them do not exceed."""
    for anew, how in ((False, "over a kept connection"), (True, "over a new connection")):
        taken = [(ours.scrape(IN_A_ROW, anew), theirs.scrape(IN_A_ROW, anew)) for _ in range(turns)]
        medians = [(quantile(mine, 0.5), quantile(other, 0.5)) for mine, other in taken]
        yield _compared(f"--serve, a scrape {how}, p50", medians, exporter)
        fives = [taken[at : at + 5] for at in range(0, turns - turns % 5, 5)]
        slow = [(_slowest([mine for mine, _ in five]), _slowest([other for _, other in five])) for five in fives]
        yield _compared(f"--serve, a scrape {how}, p99", slow, exporter)


def _slowest(turns: Sequence[Sequence[float]]) -> float:
    return quantile([seconds for turn in turns for seconds in turn], 0.99)


def _idle(ours: Daemon, theirs: Daemon, exporter: Exporter) -> Row:
    """Milliseconds of CPU in a second; the peer's is nearly nothing, so a ratio would say little."""
    before = ours.cpu_seconds(), theirs.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    mine, peer = (each.cpu_seconds() - was for each, was in zip((ours, theirs), before, strict=True))
    value = Sample((mine * 1000 / IDLE_SECONDS,))
    return Row(
        "--serve, CPU of a second without a scrape",
        value,
        "ms",
        exporter.name,
        mine / IDLE_SECONDS,
        peer / IDLE_SECONDS,
    )


def _memory(what: str, ours: Daemon, peer: float, exporter: Exporter, aim: float) -> Row:
    mine = ours.resident_megabytes()
    value, limit = Sample((mine / peer,)), aim * BUSY_MEMORY + LOCKED_MEGABYTES / peer
    return Row(what, value, "x", exporter.name, mine, peer, aim, limit, amounts="MB")


def _start(command: Sequence[str], exporter: Exporter, runs: int) -> Row:
    """A turn more than counts, to warm the caches."""
    taken: Turns = []
    for _ in range(runs + 1):
        ports = free_port(), free_port()
        ours = [*command, "--serve", "--web.listen-address", f"127.0.0.1:{ports[0]}"]
        taken.append((_first_answer(ours, ports[0]), _first_answer(exporter.command(ports[1]), ports[1])))
    return _compared("--serve, start to the first answer", taken[1:], exporter)


def _first_answer(command: Sequence[str], port: int) -> float:
    began = time.perf_counter()
    with started(command) as process:
        await_listening(process, port, pause=0.002)
        Daemon(process.pid, f"127.0.0.1:{port}").scrape(1)
        return time.perf_counter() - began


def _compared(what: str, taken: Turns, exporter: Exporter, aim: float | None = None) -> Row:
    mine, peer = (Sample(tuple(values)) for values in zip(*taken, strict=True))
    return Row(what, mine.over(peer), "x", exporter.name, mine.median, peer.median, aim, aim and aim * BUSY)
