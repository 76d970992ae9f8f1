"""What the scenarios of the metadata service do on the wire, and that each of them ends with its server."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
from collections.abc import Callable

import pytest

from tests.imds import scenarios
from tests.imds.answers import T2_MICRO
from tests.imds.asking import PATIENCE, Asking, address
from tests.imds.server import Server
from tests.imds.service import TOKEN_HEADER, TOKEN_PATH, TTL_HEADER, Request, Service

META = "/latest/meta-data/"
PUT = Request("PUT", TOKEN_PATH, {TTL_HEADER.lower(): "60"})


def steps(
    play: scenarios.Play, method: str = "GET", path: str = f"{META}system", count: int = 100
) -> list[scenarios.Step]:
    """The first steps, where the request has a valid token."""
    made = Service(T2_MICRO, lambda: 0.0)
    token = made.answer(PUT).body.decode()
    return list(itertools.islice(play(made, Request(method, path, {TOKEN_HEADER.lower(): token})), count))


def test_a_drip_is_the_right_answer_in_single_bytes() -> None:
    (right,) = steps(scenarios.honest)
    dripped = steps(scenarios.dripping_head(0.25), count=10_000)
    assert isinstance(right, bytes)
    assert dripped[1::2] == [0.25] * len(right)
    assert b"".join(step for step in dripped if isinstance(step, bytes)) == right
    head, *drops = steps(scenarios.dripping_body(0.25))
    assert head == right[: -len(b"xen-on-nitro")]
    assert drops[:4] == [b"x", 0.25, b"e", 0.25]


def test_endless_means_endless() -> None:
    endless = scenarios.endless(b"head", b"more" * 1000)
    assert steps(endless, count=5000) == [b"head", *[b"more" * 1000] * 4999]
    *_, last = steps(endless, count=20_000)
    assert last is scenarios.END, "lest a client that takes all takes the machine"
    assert set(steps(scenarios.silent, count=5000)) == {60.0}


def test_plays_are_for_those_they_are_meant_for() -> None:
    right = steps(scenarios.honest)
    play = scenarios.at(f"{META}mac", scenarios.status(500))
    assert steps(play) == right != steps(play, path=f"{META}mac")
    play = scenarios.on("PUT", scenarios.status(500))
    assert steps(play) == right
    assert [step[9:12] for step in steps(play, "PUT", TOKEN_PATH) if isinstance(step, bytes)] == [b"500"]
    play = scenarios.first(2, scenarios.status(503))
    assert steps(play) == steps(play) != right == steps(play) == steps(play)


def test_cuts_and_lies() -> None:
    (right,) = steps(scenarios.honest)
    assert isinstance(right, bytes)
    assert steps(scenarios.cut(0)) == [b"", scenarios.END]
    assert steps(scenarios.cut(0.5, scenarios.RESET)) == [right[: len(right) // 2], scenarios.RESET]
    assert steps(scenarios.announcing("-5")) == [right.replace(b"Content-Length: 12", b"Content-Length: -5")]
    (told,) = steps(scenarios.redirect("http://127.0.0.1:1/", 307))
    assert isinstance(told, bytes)
    assert told.startswith(b"HTTP/1.1 307 Temporary Redirect\r\n")
    assert b"Location: http://127.0.0.1:1/\r\n" in told


def test_tokens_are_forgotten_once_or_always() -> None:
    for play, expected in (
        (scenarios.revoking(2), [200, 200, 401, 401]),
        (scenarios.forgetful, [401, 401, 401, 401]),
        (scenarios.honest, [200, 200, 200, 200]),
    ):
        with Server(play) as server, Asking(server.endpoint) as ask:
            token = ask.token()
            assert [ask("GET", f"{META}mac", token).status for _ in range(4)] == expected


@pytest.mark.parametrize(("end", "error"), [
    (scenarios.RESET, ConnectionResetError), (scenarios.END, http.client.RemoteDisconnected),
])  # fmt: skip
def test_a_reset_is_a_reset_and_an_end_an_end(end: scenarios.End, error: type[Exception]) -> None:
    with Server(scenarios.cut(0, end)) as server, Asking(server.endpoint) as ask, pytest.raises(error) as raised:
        ask("GET", "/")
    assert raised.type is error


def test_late_is_later_than_the_request() -> None:
    with Server(scenarios.first(1, scenarios.late(0.05))) as server, Asking(server.endpoint) as ask:
        ask("GET", "/")
        ask("GET", "/")
        assert server.requests[1].time - server.requests[0].time >= 0.05


def speakers() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread is not threading.main_thread()}


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_closing_ends_every_scenario_with_its_threads(name: str) -> None:
    before = speakers()
    with Server(scenarios.SCENARIOS[name]()) as server:
        token = server.service.answer(PUT).body.decode()
        lines = (
            f"PUT {TOKEN_PATH} HTTP/1.1\r\n{TTL_HEADER}: 60\r\n\r\n",
            f"GET {META}system HTTP/1.1\r\n{TOKEN_HEADER}: {token}\r\n\r\n",
        )
        clients = [socket.create_connection(address(server.endpoint), PATIENCE) for _ in lines]
        for client, line in zip(clients, lines, strict=True):
            client.sendall(line.encode())
        wait_for(lambda: len(server.requests) == 2)
    assert speakers() <= before
    assert server.errors == []
    for client in clients:
        client.close()


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("it did not come to pass")
