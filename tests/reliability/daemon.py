"""A real daemon as a child process: started, asked, looked at from outside, and ended by its process id."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.documents import TOP
from tests.e2e.programs import end

from .promise import Bench, Broken

HOST = "127.0.0.1"
_START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_ADDRESS = re.compile(r"listens address=(https?)://127\.0\.0\.1:(\d+)/")
_UNIX = re.compile(r"listens address=\S*unix")
# What the daemon is given where the caller does not say otherwise; no packet leaves this machine.
_USUAL = (("--web.listen-address", f"{HOST}:0"), ("--imds", "off"))
_INSTEAD = {"--imds": "--imds.endpoint"}


class Answer(NamedTuple):
    """To one request; header names in small letters."""

    status: int
    seconds: float
    body: bytes
    headers: dict[str, str]


class Cost(NamedTuple):
    """What the process holds now, and has used so far."""

    rss_bytes: int
    descriptors: int
    threads: int
    cpu_seconds: float


class Running:
    """One daemon. `port` is 0 where it listens on unix sockets alone."""

    def __init__(self, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
        self.process = process
        self.pid = process.pid
        self.port = 0
        self.secure = False
        self._log = log

    def get(self, path: str, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Answer:
        """Over a connection of its own; raises OSError or http.client.HTTPException where no answer comes in time."""
        began = time.monotonic()
        connection = self._connection(timeout)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, time.monotonic() - began, body, told)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if not self.secure:
            return http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        unverified = ssl._create_unverified_context()  # our own certificate, on loopback
        return http.client.HTTPSConnection(HOST, self.port, timeout=timeout, context=unverified)

    def metrics(self, timeout: float = 5.0) -> dict[str, float]:
        """The samples of /metrics by name and labels as they stand there."""
        answer = self.get("/metrics", timeout)
        if answer.status != 200:
            raise Broken(f"/metrics answered {answer.status}")
        return samples(answer.body.decode())

    def cost(self) -> Cost:
        """From /proc: the daemon is not asked."""
        place = pathlib.Path(f"/proc/{self.pid}")
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        spent = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
        return Cost(
            int(status["VmRSS"].split()[0]) * 1024,
            len(os.listdir(place / "fd")),
            int(status["Threads"]),
            sum(map(int, spent)) / _TICKS,
        )

    def log(self) -> str:
        """Its standard error so far."""
        return self._log.read_text(errors="replace")

    def logged(self, words: str, seconds: float = 5.0) -> bool:
        """Whether its log holds these words, soon."""
        return eventually(lambda: words in self.log(), seconds)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """A signal, to it alone."""
        self.process.send_signal(number)

    def ended(self, seconds: float) -> int | None:
        """Its exit code within so long, as subprocess tells it; None where it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def await_listening(self, seconds: float = _START_SECONDS) -> None:
        """Until its log says that it listens; raises Broken with the log's end where it does not."""
        eventually(lambda: not self.alive or bool(_ADDRESS.search(self.log()) or _UNIX.search(self.log())), seconds)
        found = _ADDRESS.search(self.log())
        if found:
            self.secure, self.port = found[1] == "https", int(found[2])
        elif not (self.alive and _UNIX.search(self.log())):
            raise Broken(f"the daemon did not come up: {self.log()[-500:].strip() or 'its log is empty'}")


def eventually(true: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Whether it becomes true within so long, asked again and again."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def samples(text: str) -> dict[str, float]:
    """Of an exposition, whose lines end in a blank and a value: label values may hold blanks, values do not."""
    pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def environment_of(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The agent of the working tree, and nothing of ours that would change what it does."""
    path = os.pathsep.join(str(TOP / name) for name in ("agent", "collectors"))
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": path, **(more or {})}


def command(bench: Bench, *arguments: str) -> list[str]:
    """virt-agent with these words."""
    return [bench.python, "-m", "virt_agent", *arguments]


def limited(words: Sequence[str], limits: Mapping[str, int] | None) -> list[str]:
    """The command under limits that have prlimit(1)'s names: {"nofile": 64, "as": 256 << 20}."""
    given = [f"--{name}={most}:{most}" for name, most in (limits or {}).items()]
    return ["prlimit", *given, *words] if given else list(words)


@contextlib.contextmanager
def started(
    bench: Bench,
    *arguments: str,
    root: pathlib.Path | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
    within: Sequence[str] = (),
    descriptors: Sequence[int] = (),
) -> Iterator[Running]:
    """A daemon that listens; it is gone afterwards.

    `root` is a snapshot to serve instead of this machine; `within` a command that makes its world and then runs it, for
    which `descriptors` stay open.
    """
    with launched(bench, *arguments, root=root, environment=environment, limits=limits, within=within,
                  descriptors=descriptors) as running:  # fmt: skip
        running.await_listening()
        yield running


@contextlib.contextmanager
def launched(
    bench: Bench,
    *arguments: str,
    root: pathlib.Path | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[str, int] | None = None,
    within: Sequence[str] = (),
    descriptors: Sequence[int] = (),
    stderr: int | None = None,
) -> Iterator[Running]:
    """The same, which may also fail to come up; `stderr` takes its log where a file shall not."""
    usual = [word for pair in _USUAL if not {pair[0], _INSTEAD.get(pair[0])} & set(arguments) for word in pair]
    placed = ["--root", str(root)] if root else []
    words = command(bench, "--serve", *usual, *placed, *arguments)
    log = bench.scratch / f"daemon-{len(list(bench.scratch.glob('daemon-*.log')))}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*within, *limited(words, limits)],
            cwd=bench.scratch,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if stderr is None else stderr,
            env=environment_of(environment),
            pass_fds=descriptors,
        )
    try:
        yield Running(process, log)
    finally:
        end(process)
