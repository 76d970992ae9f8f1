"""What systemd is told, over a real socket."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_agent.serve.supervisor import Supervisor, address, watchdog_seconds

Supervise = Callable[[dict[str, str]], Supervisor]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    made: list[Supervisor] = []

    def make(environment: dict[str, str]) -> Supervisor:
        made.append(Supervisor(environment))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def listener(tmp_path: pathlib.Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has one, and its name in NOTIFY_SOCKET; test_daemon.py has one in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.setblocking(False)
        yield made, str(tmp_path / "notify")


def test_each_message_as_systemd_wants_it(listener: tuple[socket.socket, str], supervise: Supervise) -> None:
    heard, name = listener
    told = supervise({"NOTIFY_SOCKET": name})
    told.ready()
    told.alive()
    told.status("VIRT-AGENT OK: fine\nREADY=0\x1b[1m")
    told.stopping()
    assert [heard.recv(4096) for _ in range(4)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=VIRT-AGENT OK: fine?READY=0?[1m",
        b"STOPPING=1",
    ]
    before = time.monotonic_ns() // 1000
    told.reloading()
    first, second = heard.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_a_status_is_told_when_it_changes(listener: tuple[socket.socket, str], supervise: Supervise) -> None:
    heard, name = listener
    told = supervise({"NOTIFY_SOCKET": name})
    for text in ("one", "one", "two", "two", "one"):
        told.status(text)
    assert [heard.recv(4096) for _ in range(3)] == [b"STATUS=one", b"STATUS=two", b"STATUS=one"]
    with pytest.raises(BlockingIOError):
        heard.recv(4096)


def test_a_supervisor_that_does_not_read_is_not_waited_for(
    listener: tuple[socket.socket, str], supervise: Supervise
) -> None:
    _, name = listener
    told = supervise({"NOTIFY_SOCKET": name})
    began = time.monotonic()
    for number in range(2000):
        told.status(str(number))
    assert time.monotonic() - began < 5
    assert told._tell("X=1") is False


def test_without_a_supervisor_nothing_is_told(supervise: Supervise, tmp_path: pathlib.Path) -> None:
    for environment in (
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "vsock:2:1"},
        {"NOTIFY_SOCKET": f"{tmp_path}/gone"},
    ):
        told = supervise(environment)
        told.ready()
        assert told._tell("READY=1") is False
    assert supervise({"WATCHDOG_USEC": "5000000"}).watchdog_seconds is None


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 30}, None),
    ],
)
def test_the_watchdog_is_for_one_process(environment: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environment, 7) == seconds


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_is_an_address_or_none(name: str) -> None:
    found = address(name)
    assert found is None or found in (name, b"\0" + os.fsencode(name[1:]))


def test_what_systemd_waits_for_is_told_again_until_it_is_taken(
    listener: tuple[socket.socket, str], supervise: Supervise
) -> None:
    """Its socket may be full when the daemon is ready: then it would be killed for never having said so."""
    heard, name = listener
    told = supervise({"NOTIFY_SOCKET": name})
    while told._tell("X=1"):
        pass
    told.ready()
    told.reloading()
    told.ready()
    received = []
    for _ in range(2):
        with contextlib.suppress(BlockingIOError):
            while True:
                received.append(heard.recv(4096).partition(b"\n")[0])
        told.alive()
    told.alive()
    assert received[-4:] == [b"READY=1", b"RELOADING=1", b"READY=1", b"WATCHDOG=1"]
