"""Programs of the machine, run within a time limit; systemd's word on a unit, and the journal."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

LIMIT_SECONDS = 300
SERVICE = "virt-agent.service"


class Wrong(Exception):
    """A promise that is not kept; the message says what was seen instead."""


class Ended(NamedTuple):
    code: int
    output: str
    complaints: str
    seconds: float

    def must(self, what: str) -> Ended:
        """Itself where the command went well."""
        if self.code:
            raise Wrong(f"{what}: exit code {self.code}: {last_words(self.complaints or self.output)}")
        return self


class Entry(NamedTuple):
    """One line of the journal."""

    priority: int
    unit: str
    text: str


def run(*command: str, given: str = "", limit: float = LIMIT_SECONDS, folder: str = "/") -> Ended:
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            cwd=folder,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "", f"no end within {limit:.0f} s", time.monotonic() - began)
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def systemctl(*words: str) -> Ended:
    return run("systemctl", *words)


def shown(unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit by name."""
    lines = systemctl("show", unit, *(f"--property={name}" for name in names)).output.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def main_process(unit: str = SERVICE) -> int:
    """The pid of the service, 0 where it does not run."""
    return int(shown(unit, "MainPID").get("MainPID", "0"))


def state(unit: str = SERVICE) -> str:
    return shown(unit, "ActiveState").get("ActiveState", "?")


def cursor() -> str:
    """The journal's place of now."""
    run("journalctl", "--sync")
    return run("journalctl", "-q", "-n", "0", "--show-cursor").output.strip().removeprefix("-- cursor: ")


def journal(since: str, *matches: str) -> list[Entry]:
    """What came after the cursor."""
    run("journalctl", "--sync")
    after = (f"--after-cursor={since}",) if since else ()
    told = run("journalctl", "-q", "-o", "json", "--no-pager", *after, *matches).output
    return [_entry(json.loads(line)) for line in told.splitlines()]


def _entry(fields: dict[str, object]) -> Entry:
    message = fields.get("MESSAGE")
    text = bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)
    unit = fields.get("UNIT") or fields.get("_SYSTEMD_UNIT") or fields.get("SYSLOG_IDENTIFIER") or ""
    return Entry(int(str(fields.get("PRIORITY", 6))), str(unit), text)


def texts(entries: Iterable[Entry]) -> list[str]:
    return [entry.text for entry in entries]


def wait(what: str, seconds: float, holds: Callable[[], object]) -> float:
    """Seconds until it holds; Wrong where it never does."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise Wrong(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.3)
    return time.monotonic() - began


def restarted(*words: str) -> float:
    """Seconds of `systemctl restart`; Wrong with the journal's words where the service does not come up."""
    since = cursor()
    done = systemctl("restart", SERVICE, *words)
    if done.code or state() != "active":
        told = texts(journal(since, f"--unit={SERVICE}"))
        raise Wrong(f"restart: {last_words(done.complaints)}; journal: {' / '.join(told[-6:])}")
    return done.seconds


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def last_words(text: str, length: int = 300) -> str:
    return " ".join(text.split())[-length:]
