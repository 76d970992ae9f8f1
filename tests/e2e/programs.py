"""Real programs on loopback: started in a directory of their own, waited for, asked, and ended by their process id."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and upstream's
_START_SECONDS = 60.0
_END_SECONDS = 20.0


def find(names: Sequence[str]) -> str | None:
    """Where a program lies."""
    return next((path for name in names if (path := shutil.which(name))), None)


def free_address() -> str:
    """HOST:PORT on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def running(
    command: Sequence[str], log: pathlib.Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes into a log, gone afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and insist where it does not."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def prometheus(
    directory: pathlib.Path, *options: str, config: str = "prometheus.yml", storage: str = "tsdb"
) -> Iterator[tuple[str, int]]:
    """The URL and process id of one with a configuration in the directory, its data beside it; `storage` may be "agent"."""
    address, program = free_address(), find(PROMETHEUS)
    assert program
    command = [
        *(program, f"--config.file={directory}/{config}", f"--storage.{storage}.path={directory}/{storage}"),
        *(f"--web.listen-address={address}", "--log.level=warn", *options),
    ]
    log = directory / f"{config}.log"
    with running(command, log) as process:
        await_answer(f"http://{address}/-/ready", process, log)
        yield f"http://{address}", process.pid


@contextlib.contextmanager
def alertmanager(directory: pathlib.Path) -> Iterator[str]:
    """The address of one with DIRECTORY/alertmanager.yml."""
    address, program = free_address(), find(ALERTMANAGER)
    assert program
    command = [
        *(program, f"--config.file={directory}/alertmanager.yml", f"--storage.path={directory}/alertmanager"),
        *(f"--web.listen-address={address}", "--cluster.listen-address="),
    ]
    log = directory / "alertmanager.log"
    with running(command, log) as process:
        await_answer(f"http://{address}/-/ready", process, log)
        yield address


def await_answer(url: str, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    """Until it answers; raises with the end of its log where it does not."""
    until = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{process.args!r} does not answer {url}: {log.read_text()[-800:]}")
        time.sleep(0.1)


def get(url: str, seconds: float = 30.0) -> bytes:
    """The body of an answer, one of an error included."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            body: bytes = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    return body


def ask(url: str, seconds: float = 30.0) -> Any:
    """What an API says in JSON."""
    return json.loads(get(url, seconds))


def query(prometheus_url: str, expression: str) -> list[dict[str, Any]]:
    """The series of an instant query; raises what Prometheus has against it."""
    answer = ask(f"{prometheus_url}/api/v1/query?query={quote(expression)}")
    if answer["status"] != "success":
        raise RuntimeError(f"{expression}: {answer['error']}")
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found
