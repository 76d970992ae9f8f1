"""Outside, while the machine's root disk is frozen: the freeze, the scrapes, the thaw.

The program inside that needs no disk (`inside/frost.py`) tells on the console how far it is; what is told to it, and in
the end what was seen, goes to its forwarded port.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from . import monitor
from .outside import OPENMETRICS

DISK = "root"  # the drive's id in machine.HARDWARE
PATIENCE_SECONDS = 20.0  # for one answer; the promise is judged inside
LONGEST_SECONDS = 420.0  # the disk thaws after so long, whatever hangs
BEFORE_ROUNDS, FROZEN_ROUNDS, SQUEEZED_ROUNDS = 4, 22, 10
FROZEN_SECONDS = 40.0  # B07 wants to see a disk stand still for half a minute
RECOVERY_SECONDS = 150.0  # what could not be read is tried again each minute
UNREADABLE = "os"  # the collector whose file the course shuts before, and opens after
UNANSWERED = 3  # after which the next would only wait, too
GZIP = {"Accept-Encoding": "gzip"}


class Request(NamedTuple):
    kind: str
    path: str
    method: str = "GET"
    headers: dict[str, str] = {}


METRICS, CHECK = Request("/metrics", "/metrics"), Request("/check", "/check")
OFTEN = (METRICS, CHECK, Request("/-/healthy", "/-/healthy"))
# Of kinds that this daemon was never asked before its disk froze and the page cache was gone.
NEVER_BEFORE = (
    Request("/", "/"),
    Request("/ gzip", "/", headers=GZIP),
    Request("OpenMetrics gzip", "/metrics", headers={"Accept": OPENMETRICS, **GZIP}),
    Request("HEAD /check", "/check", "HEAD"),
    Request("POST /metrics", "/metrics", "POST"),
    Request("/nothing", "/nothing"),
    Request("/-/ready", "/-/ready"),
)


class Answer(NamedTuple):
    """`code` is 0 where none came."""

    kind: str
    code: int
    seconds: float
    body: str


class FrozenDisk:
    """The steps, by the word that the machine tells."""

    def __init__(self, socket_file: Path, daemon: int, frost: int) -> None:
        self._monitor = socket_file
        self._daemon = daemon
        self._frost = frost
        self._kept = connected(daemon)
        self._late = threading.Timer(LONGEST_SECONDS, self._thaw)
        self._seen: dict[str, Any] = {}
        self._steps: dict[str, Callable[[], None]] = {
            "ready": self._freeze,
            "dropped": self._scrape,
            "squeezed": self._scrape_again,
            "asked": self._thaw_and_scrape,
        }

    def step(self, word: str) -> str:
        """How many answers came since the step before, and the slowest."""
        before = set(self._seen)
        self._steps[word]()
        answers = [answer for phase in set(self._seen) - before for answer in self._seen[phase]["answers"]]
        return f"{len(answers)} answers, the slowest {max((seconds for _, _, seconds in answers), default=0.0)} s"

    def close(self) -> None:
        """No thread and no connection is left behind."""
        self._late.cancel()
        self._kept.close()

    def _freeze(self) -> None:
        self._note("before", rounds(self._daemon, self._kept, BEFORE_ROUNDS))
        self._late.daemon = True
        self._late.start()
        monitor.freeze(self._monitor, DISK)
        self._tell({"do": "frozen"})

    def _scrape(self) -> None:
        self._tell({"do": "reload"})
        self._note("frozen", rounds(self._daemon, self._kept, FROZEN_ROUNDS, FROZEN_SECONDS))
        self._tell({"do": "squeeze"})

    def _scrape_again(self) -> None:
        self._note("never before", [asked(connected(self._daemon), request) for request in NEVER_BEFORE])
        self._note("squeezed", rounds(self._daemon, self._kept, SQUEEZED_ROUNDS))
        self._tell({"do": "ask"})

    def _thaw_and_scrape(self) -> None:
        self._thaw()
        began = time.monotonic()
        usual = unread(self._seen["before"]["bodies"].get("/check", "")) - {UNREADABLE}
        self._note("thawed", until_well(self._daemon, usual))
        self._seen["thawed"]["seconds"] = round(time.monotonic() - began, 1)
        self._tell({"do": "end", "seen": self._seen})

    def _thaw(self) -> None:
        self._late.cancel()
        monitor.thaw(self._monitor, DISK)

    def _tell(self, words: dict[str, object]) -> None:
        with socket.create_connection(("127.0.0.1", self._frost), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(json.dumps(words).encode())

    def _note(self, phase: str, answers: list[Answer]) -> None:
        """Each answer's time, and the last body of each kind."""
        self._seen[phase] = {
            "answers": [(answer.kind, answer.code, round(answer.seconds, 2)) for answer in answers],
            "bodies": {answer.kind: answer.body for answer in answers if answer.body},
        }


def connected(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)


def asked(connection: http.client.HTTPConnection, request: Request, kept: bool = False) -> Answer:
    """By this connection, which is closed then unless it is to be kept."""
    began = time.monotonic()
    try:
        connection.request(request.method, request.path, headers=request.headers)
        answer = connection.getresponse()
        code, body = answer.status, answer.read()
        text = body.decode(errors="replace") if answer.getheader("Content-Encoding") is None else ""
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        code, text = 0, str(error)
    if not kept:
        connection.close()
    return Answer(f"{request.kind}{' kept' * kept}", code, time.monotonic() - began, text)


def rounds(port: int, kept: http.client.HTTPConnection, least: int, seconds: float = 0.0) -> list[Answer]:
    """Each often asked request by a new connection, then by the one that is kept alive; again and again, for so long."""
    answers: list[Answer] = []
    until, done = time.monotonic() + seconds, 0
    while (done < least or time.monotonic() < until) and not hangs(answers):
        answers += [asked(connected(port), request) for request in OFTEN]
        answers += [asked(kept, request, kept=True) for request in (METRICS, CHECK)]
        done += 1
    return answers


def hangs(answers: Iterable[Answer]) -> bool:
    return sum(answer.code == 0 for answer in answers) >= UNANSWERED


def until_well(port: int, usual: set[str], pause: float = 1.0) -> list[Answer]:
    """Until nothing stalls and no more is unread than is usual here, or the patience ends."""
    answers: list[Answer] = []
    until = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < until and not hangs(answers):
        answers += [asked(connected(port), request) for request in (METRICS, CHECK)]
        if answers[-1].code == 200 and not stalls(answers[-1].body) and unread(answers[-1].body) <= usual:
            break
        time.sleep(pause)
    return answers


def stalls(check: str) -> bool:
    """Whether the report has the finding; its list of changes goes on to name it."""
    return any(line.split()[1:2] == ["B07"] for line in check.splitlines() if line.startswith(("CRITICAL", "WARNING")))


def unread(check: str) -> set[str]:
    """The collectors that the report names so."""
    return {line.split()[1] for line in check.splitlines() if line.startswith("  Unread ")}
