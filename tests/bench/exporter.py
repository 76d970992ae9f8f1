"""node_exporter, the daemon's peer: how it is found, and how it runs beside us."""

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
from typing import NamedTuple

from . import debian
from .daemon import Daemon

NAME = "prometheus-node-exporter"
_START_SECONDS = 10
_LOOPBACK = "127.0.0.1"


class Exporter(NamedTuple):
    """The program, its name with its version, and an empty directory for the text files that it looks for."""

    program: str
    name: str
    texts: Path

    def command(self, port: int) -> list[str]:
        """With Debian's default collectors, and a directory where each scrape would complain of none."""
        given = (f"--web.listen-address={_LOOPBACK}:{port}", f"--collector.textfile.directory={self.texts}")
        return [self.program, *given, "--log.level=error"]


def find(above: Path) -> Exporter | None:
    """Where it lies, else Debian's package unpacked below `above`: installing it would start its service."""
    program = shutil.which(NAME, path=f"{os.environ.get('PATH', '')}:/usr/bin")
    if not program and debian.unpacked([NAME], above / NAME):
        program = shutil.which(NAME, path=str(above / NAME / "usr/bin"))
    if not program:
        return None
    texts = above / "texts"
    texts.mkdir()
    return Exporter(program, _name(program), texts)


def _name(program: str) -> str:
    """ "node_exporter 1.5.0"."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"node_exporter, version (\S+)", said.stdout + said.stderr)
    return f"node_exporter {found[1]}" if found else NAME


@contextmanager
def exporting(exporter: Exporter) -> Iterator[Daemon]:
    """It, on loopback, until the end."""
    port = free_port()
    with started(exporter.command(port)) as process:
        await_listening(process, port)
        yield Daemon(process.pid, f"{_LOOPBACK}:{port}")


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process, until the end."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def await_listening(process: subprocess.Popen[bytes], port: int, pause: float = 0.05) -> None:
    """Until it takes connections there."""
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            with socket.create_connection((_LOOPBACK, port), timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args!r} does not listen on port {port}") from None
            time.sleep(pause)
