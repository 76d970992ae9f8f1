"""A QEMU process: started, followed line by line, ended by its own pid."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TOLD = "lab: "  # what the machines of the lab print on their console for us
POLL_SECONDS = 0.2
# However the lab ends, the kernel ends its machines with it.
PREFIX = ("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10")


class Machine:
    def __init__(self, process: subprocess.Popen[bytes], console: Path) -> None:
        self.process = process
        self.console = console

    def follow(self, silence_seconds: float) -> Iterator[str]:
        """What the machine tells, as it comes, until it powers off; TimeoutError where it tells nothing for so long."""
        until = time.monotonic() + silence_seconds
        with self.console.open(errors="replace") as log:
            rest = ""
            while True:
                over = self.process.poll() is not None
                *lines, rest = (rest + log.read()).split("\n")
                for line in lines:
                    if TOLD in line:
                        until = time.monotonic() + silence_seconds
                        yield _told(line)
                if over:
                    return
                if time.monotonic() > until:
                    raise TimeoutError(f"hangs: not a word for {silence_seconds:.0f} s")
                time.sleep(POLL_SECONDS)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextmanager
def machine(arguments: Sequence[str], console: Path, scratch: Path) -> Iterator[Machine]:
    """`scratch` takes what the guests write to disks of `snapshot=on`."""
    command = (*PREFIX, "qemu-system-x86_64", *arguments)
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with console.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    started = Machine(process, console)
    try:
        yield started
    finally:
        started.end()


def _told(line: str) -> str:
    return line[line.index(TOLD) + len(TOLD) :].strip()
