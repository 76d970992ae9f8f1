"""What a scrape costs the daemon, against one of node_exporter's on the same machine in the same minutes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .daemon import Daemon, running
from .rows import Row, absent
from .run import Sample

NAME = "prometheus-node-exporter"
WARM, SCRAPES = 20, 20  # in a row
FEWEST_TURNS = 20
START_SECONDS = 10


def find(above: Path) -> str | None:
    """Where it lies, else Debian's package unpacked below `above`: installing it would start its service."""
    installed = shutil.which(NAME, path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if installed or not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return installed
    place = above / NAME
    place.mkdir()
    for again in (False, True):
        if again and os.geteuid() == 0:
            _quietly(["apt-get", "update", "--quiet=2"], place)
        _quietly(["apt-get", "download", "--quiet=2", NAME], place)
        for package in place.glob("*.deb"):
            _quietly(["dpkg-deb", "-x", package.name, "."], place)
            return shutil.which(NAME, path=str(place / "usr/bin"))
    return None


def _quietly(command: Sequence[str], place: Path) -> None:
    subprocess.run(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


@contextmanager
def exporting(program: str) -> Iterator[Daemon]:
    """node_exporter with its default collectors, on loopback, until the end."""
    address = f"127.0.0.1:{_free_port()}"
    command = [program, f"--web.listen-address={address}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, address)
            yield Daemon(process.pid, address)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Until it listens."""
    host, _, port = address.partition(":")
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{NAME} does not listen on {address}") from None
            time.sleep(0.05)


def rows(command: Sequence[str], above: Path, runs: int) -> Iterator[Row]:
    """CPU time of a scrape as Prometheus makes it, in turn; memory of both."""
    what, program = "--serve, CPU of a scrape", find(above)
    if program is None:
        yield absent(what, NAME)
        return
    peer_name = f"{_version(program)}, default collectors"
    with running(command) as ours, exporting(program) as theirs:
        for daemon in (ours, theirs):
            daemon.scrape(WARM)
        turns = [(_cost(ours), _cost(theirs)) for _ in range(max(runs, FEWEST_TURNS))]
        memory = Sample((ours.resident_megabytes(),)), Sample((theirs.resident_megabytes(),))
    mine, peer = (Sample(tuple(values)) for values in zip(*turns, strict=True))
    yield Row(what, mine.over(peer), "x", peer_name, mine.median, peer.median, target=1.0)
    yield Row("--serve, memory", memory[0].over(memory[1]), "x", peer_name)
    yield Row(f"{NAME}, memory", memory[1], "MB")


def _version(program: str) -> str:
    """ "node_exporter 1.5.0"."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"node_exporter, version (\S+)", said.stdout + said.stderr)
    return f"node_exporter {found[1]}" if found else NAME


def _cost(daemon: Daemon) -> float:
    """CPU seconds of one scrape, by some in a row."""
    before = daemon.cpu_seconds()
    daemon.scrape(SCRAPES)
    return (daemon.cpu_seconds() - before) / SCRAPES
