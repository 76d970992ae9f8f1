"""Real agents, one process each: of every recorded guest, and of this machine."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from tests import corpus

LIVE = "this-machine"
_PATIENCE = 120.0  # seconds for all to start
_SOURCES = os.pathsep.join(str(corpus.HERE.parent / name) for name in ("agent", "collectors"))


@contextlib.contextmanager
def running(directory: pathlib.Path) -> Iterator[dict[str, str]]:
    """Name and address of each agent; they are ended afterwards."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    addresses = dict(zip([*corpus.GUESTS, LIVE], free_ports(len(corpus.GUESTS) + 1), strict=True))
    try:
        for name, address in addresses.items():
            started[name] = _start(name, address, directory)
        for name, address in addresses.items():
            until_it_answers(f"http://{address}/-/ready", started[name], _log(directory, name), _PATIENCE)
        yield addresses
    finally:
        for process in started.values():
            end(process)


def _start(name: str, address: str, directory: pathlib.Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "virt_agent", "--serve", "--web.listen-address", address, "--log.level", "error"]
    words += ["--imds", "off"] if name == LIVE else ["--root", corpus.archive(name)]
    with open(_log(directory, name), "wb") as log:
        return subprocess.Popen(words, stderr=log, env={**os.environ, "PYTHONPATH": _SOURCES})


def _log(directory: pathlib.Path, name: str) -> pathlib.Path:
    return directory / f"agent-{name}.log"


def free_ports(number: int) -> list[str]:
    """Addresses on loopback that nobody has right now."""
    with contextlib.ExitStack() as kept:
        sockets = [kept.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def until_it_answers(url: str, process: subprocess.Popen[bytes], log: pathlib.Path, seconds: float) -> None:
    """Return once it says 200; RuntimeError where the process ends, or takes longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {log.read_text()[-500:]}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within {seconds:.0f} s")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and see that it does."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
