"""What holds for every test: no packet leaves, no process starts unless marked, properties have no clock.

The guards are one audit hook (sys.addaudithook), so nothing is patched and nothing gets around them. What
they refuse fails the test even where the code under test swallows the error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import documents

with contextlib.suppress(Exception):
    import cpuinfo  # noqa: F401  starts `file` and `uname` when it is first imported

settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")

_PACKETS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"})
_LOOPBACK = ("127.", "::1", "localhost")


class Strayed(RuntimeError):
    """A test reached for the network or started a process."""


class _Guard:
    def __init__(self) -> None:
        self.armed = False
        self.processes_allowed = False
        self.strayed: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.armed and event in _PACKETS and not _local(arguments[1]):
            self._refuse(f"{event} to {arguments[1]!r}")
        if self.armed and event in _PROCESSES and not self.processes_allowed:
            self._refuse(f"{event} {arguments!r}")

    def _refuse(self, what: str) -> None:
        self.strayed.append(what)
        raise Strayed(what)


def _local(address: object) -> bool:
    if isinstance(address, str):  # a unix socket that the test made
        return address.startswith(f"{tempfile.gettempdir()}/pytest-of-")
    return address is None or (isinstance(address, tuple) and str(address[0]).startswith(_LOOPBACK))


_GUARD = _Guard()
sys.addaudithook(_GUARD)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write goldens and documents anew; read their diff")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update"):
        os.environ[documents.UPDATE] = "1"
    config.addinivalue_line("markers", "subprocess: the test may start processes")


@pytest.fixture(autouse=True)
def guard(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Arms the guards; a test of the guards themselves clears what it provoked."""
    _GUARD.strayed.clear()
    _GUARD.processes_allowed = request.node.get_closest_marker("subprocess") is not None
    _GUARD.armed = True
    yield _GUARD.strayed
    _GUARD.armed = False
    assert not _GUARD.strayed, f"the test reached out of its cage: {_GUARD.strayed}"
