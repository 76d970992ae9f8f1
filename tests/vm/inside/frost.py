"""A program that needs no disk: it waits until the root disk freezes, does in there what needs doing, and goes on after.

Run with a copy of Python on a tmpfs (frozen_disk.py makes it): it must not hang with the disk, nor keep pages of the
Python that the daemon runs on in memory. It tells on the console how far it is, is told by a port what to do, and
leaves what it saw in one file of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

HOME = "/run/frost"
PORT = 10481
LOAD = "/var/tmp/frost-load"
SHUT = "/usr/lib/os-release"  # unreadable for the daemon until the thaw
CHECK = ("/usr/bin/virt-agent", "--check")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
STILL_SECONDS = 10.0  # without a completed write: the kernel's pressure of the last 10 s tells it, too
FREEZE_SECONDS, CHECK_SECONDS, END_SECONDS, SQUEEZE_SECONDS = 240.0, 45.0, 600.0, 60.0
DROP_SECONDS = 5.0  # between two times
LEAST_FILE_KB = 4 << 10  # of file pages, to which the others' memory is squeezed
STEP = 8 << 20


class Load(threading.Thread):
    """Writes that wait for the disk, one after the other. `last`: when one was done."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.last = time.monotonic()
        self._file = os.open(f"{LOAD}.{number}", os.O_WRONLY | os.O_CREAT | os.O_DSYNC, 0o600)

    def run(self) -> None:
        while True:
            os.pwrite(self._file, b"x" * 65536, 0)
            self.last = time.monotonic()
            time.sleep(0.1)


class Course:
    """What is done, and the facts that it leaves."""

    def __init__(self, daemon: int, journal: int) -> None:
        self._daemon, self._journal = daemon, journal
        self._console = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NOCTTY)
        self._listener = socket.create_server(("", PORT))
        self._listener.settimeout(0.5)
        self._load = [Load(number) for number in range(3)]
        self._facts: dict[str, Any] = {"states": {}}
        self._cold = 0

    def run(self) -> None:
        for writer in self._load:
            writer.start()
        self._tell("ready")
        self._await_frost()
        self._facts["frozen"] = self._last()
        self._facts["warm"] = started(f"{HOME}/warm.txt", CHECK_SECONDS)
        self._facts["dropped"] = dropped()
        threading.Thread(target=self._drop_again, daemon=True).start()
        self._facts["held"] = {"before": memory(self._daemon)}
        self._cold = begin(CHECK, f"{HOME}/cold.txt")
        self._tell("dropped")
        self._obey()
        ended(self._cold)
        with open(f"{HOME}/facts.json.new", "w") as file:
            json.dump(self._facts, file)
        os.rename(f"{HOME}/facts.json.new", f"{HOME}/facts.json")

    def _obey(self) -> None:
        """Until the end is told."""
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until and "seen" not in self._facts:
            self._look()
            words = told(self._listener)
            if words.get("do") == "reload":
                os.kill(self._daemon, signal.SIGHUP)
            elif words.get("do") == "squeeze":
                self._facts["cold"] = {"state": state(self._cold), "output": text(f"{HOME}/cold.txt")}
                self._facts["squeezed"] = squeezed()
                self._facts["held"]["after"] = memory(self._daemon)
                self._tell("squeezed")
            elif words.get("do") == "ask":
                self._facts["inside"] = asked("/check")
                self._tell("asked")
            elif words.get("do") == "end":
                self._facts["seen"] = words["seen"]

    def _drop_again(self) -> None:
        while "thawed" not in self._facts:
            drop()
            time.sleep(DROP_SECONDS)

    def _look(self) -> None:
        """Who waits for the disk, and whether it thawed."""
        if "thawed" not in self._facts:
            for name, process in (("systemd", 1), ("journald", self._journal), ("daemon", self._daemon)):
                states = self._facts["states"].setdefault(name, {})
                states[state(process)] = states.get(state(process), 0) + 1
            if self._last() > self._facts["frozen"]:
                self._facts["thawed"] = time.monotonic()
                os.chmod(SHUT, 0o644)

    def _last(self) -> float:
        return max(writer.last for writer in self._load)

    def _await_frost(self) -> None:
        """Told from outside, and seen by the writes."""
        until, frozen = time.monotonic() + FREEZE_SECONDS, False
        while time.monotonic() < until and not (frozen and time.monotonic() - self._last() > STILL_SECONDS):
            frozen = told(self._listener).get("do") == "frozen" or frozen

    def _tell(self, word: str) -> None:
        os.write(self._console, f"\nlab: disk {word}\n".encode())


def told(listener: socket.socket) -> dict[str, Any]:
    """One message, where one comes now."""
    try:
        connection, _ = listener.accept()
    except OSError:
        return {}
    with connection:
        connection.settimeout(30)
        found: dict[str, Any] = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
        return found


def asked(path: str) -> str:
    """What the daemon answers to its own machine, which is told more than others; without http.client's many imports."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", 10480), timeout=30) as connection:
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    except OSError as error:
        return f"no answer: {error}"


def begin(command: tuple[str, ...], output: str) -> int:
    """A child; by fork, for posix_spawn and vfork wait until the program was read from its disk."""
    child = os.fork()
    if child:
        return child
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.execve(command[0], command, ENVIRONMENT)
    finally:
        os._exit(127)


def ended(child: int) -> int | None:
    """Its exit code, None where it runs."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def started(output: str, seconds: float) -> dict[str, Any]:
    """--check from its start: when it had spoken, when it ended, what it said. Left behind where it does not end."""
    began, spoke, code = time.monotonic(), None, None
    child = begin(CHECK, output)
    while time.monotonic() - began < seconds and code is None:
        time.sleep(0.1)
        code = ended(child)
        if spoke is None and "Checked " in text(output):
            spoke = time.monotonic() - began
    over = time.monotonic() - began if code is not None else None
    return {"code": code, "spoke": spoke, "ended": over, "output": text(output)}


def text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def dropped() -> dict[str, int]:
    """kB of the page cache before and after."""
    before = meminfo("Cached")
    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    thread.join(20)
    return {"before": before, "after": meminfo("Cached"), "returned": int(not thread.is_alive())}


def drop() -> None:
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def squeezed() -> dict[str, Any]:
    """All others' file pages taken by a child that needs the memory, and gives it back when they are gone."""
    before, child = file_pages(), os.fork()
    if child == 0:
        try:
            squeeze()
        finally:
            os._exit(0)
    until = time.monotonic() + SQUEEZE_SECONDS
    code = None
    while time.monotonic() < until and (code := ended(child)) is None:
        time.sleep(0.2)
    if code is None:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    return {"before": before, "after": file_pages(), "code": code}


def squeeze() -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    taken = []
    while file_pages() > LEAST_FILE_KB:
        taken.append(b"x" * STEP)


def file_pages() -> int:
    return meminfo("Active(file)") + meminfo("Inactive(file)")


def meminfo(name: str) -> int:
    """In kB."""
    return field("/proc/meminfo", name)


def memory(process: int) -> dict[str, int]:
    """kB that the process holds of files and of its own, and how much of both is locked."""
    return {name: field(f"/proc/{process}/status", name) for name in ("RssFile", "RssAnon", "VmLck")}


def field(path: str, name: str) -> int:
    line = next((line for line in text(path).splitlines() if line.startswith(f"{name}:")), "x: 0")
    return int(line.split()[1])


def state(process: int) -> str:
    """R, S, D, ... of /proc/PID/stat, or "gone"."""
    return text(f"/proc/{process}/stat").rpartition(") ")[2][:1] or "gone"


if __name__ == "__main__":
    Course(int(sys.argv[1]), int(sys.argv[2])).run()
