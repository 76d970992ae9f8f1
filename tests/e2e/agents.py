"""Agents as systemd would run them, one process for each guest, and one that watches this machine."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping

from .programs import await_answer, end, free_address

_LIVE = ("--imds", "off")  # no packet beyond loopback, wherever this runs


class Agent:
    """One daemon, which may be killed and comes back at the same address."""

    def __init__(self, directory: pathlib.Path, name: str, words: Iterable[str]) -> None:
        self.name = name
        self.address = free_address()
        self._log = directory / f"{name}.log"
        self._command = [sys.executable, "-m", "virt_agent", "--serve", "--web.listen-address", self.address, *words]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def wait(self) -> None:
        """Until it answers."""
        assert self._process
        await_answer(f"http://{self.address}/-/ready", self._process, self._log)

    def kill(self) -> None:
        """As the kernel does where memory runs out."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        if self._process:
            end(self._process)


@contextlib.contextmanager
def running_agents(
    directory: pathlib.Path, guests: Mapping[str, pathlib.Path], live: str
) -> Iterator[dict[str, Agent]]:
    """An agent for each guest's directory, and one called `live` for this machine; by name, all answering."""
    made = {name: Agent(directory, name, ("--root", str(place))) for name, place in guests.items()}
    made[live] = Agent(directory, live, _LIVE)
    try:
        for agent in made.values():
            agent.start()
        for agent in made.values():
            agent.wait()
        yield made
    finally:
        for agent in made.values():
            agent.end()
