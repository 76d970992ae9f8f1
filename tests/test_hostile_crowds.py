"""Many clients at once: who has a place, who waits for a password, and who has to make way."""

from __future__ import annotations

import _thread
import http.client
import pathlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.web_server import PATIENCE, USERS, Slow, basic, configured, connect, get, place, rest, serving, until
from virt_agent.serve.server import Server
from virt_agent.serve.web import connections, passwords
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.connections import Connection, Connections
from virt_agent.serve.web.passwords import Gate

ALICE = basic("alice", "secret")


def asked_from(server: Server, address: str, path: str = "/-/healthy", **headers: str) -> int:
    """The code of an answer to a client with this address in 127.0.0.0/8; 0 where it is hung up on."""
    client = http.client.HTTPConnection(*place(server), timeout=PATIENCE, source_address=(address, 0))
    try:
        client.request("GET", path, headers=headers)
        return client.getresponse().status
    except (ConnectionError, http.client.BadStatusLine):
        return 0
    finally:
        client.close()


@pytest.fixture
def machine() -> Iterator[Slow]:
    host = Slow("pvhvm")
    yield host
    host.release.set()


def in_threads(count: int, do: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=do) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_one_address_cannot_have_all_answered(machine: Slow) -> None:
    with serving(Access(None), most=8, machine=machine, limit=PATIENCE) as server:
        get(server, "/check")
        machine.hang.set()
        askers = in_threads(6, lambda: asked_from(server, "127.0.0.2", "/check"))
        until(lambda: sum(one.ours for one in tuple(server.connections._all)) == 6)
        assert [asked_from(server, "127.0.0.2") for _ in range(3)] == [503] * 3
        assert [asked_from(server, "127.0.0.3") for _ in range(3)] == [200] * 3
        machine.release.set()
        for asker in askers:
            asker.join(PATIENCE)


def test_those_who_are_told_503_and_ask_nothing_keep_nobody_out(machine: Slow) -> None:
    with serving(Access(None), most=1, machine=machine, limit=PATIENCE) as server:
        get(server, "/check")
        machine.hang.set()
        (asker,) = in_threads(1, lambda: get(server, "/check"))
        until(lambda: any(one.ours for one in tuple(server.connections._all)))
        silent = [connect(server) for _ in range(connections.SPARE * 2)]
        assert asked_from(server, "127.0.0.3") == 503, "told, not hung up on"
        machine.release.set()
        asker.join(PATIENCE)
        until(lambda: not any(one.ours for one in tuple(server.connections._all)))
        assert asked_from(server, "127.0.0.3") == 200
        for client in silent:
            client.close()


def test_a_body_without_end_holds_no_place() -> None:
    endless = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    over = threading.Event()

    def send_on(client: socket.socket) -> None:
        try:
            while not over.is_set():
                client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        except OSError:
            return

    with serving(Access(None), most=1) as server, connect(server) as client:
        client.sendall(endless)
        assert client.recv(12) == b"HTTP/1.1 405"
        (sender,) = in_threads(1, lambda: send_on(client))
        assert [asked_from(server, "127.0.0.3") for _ in range(3)] == [200] * 3
        over.set()
        sender.join(PATIENCE)


class Place:
    """Connections without clients: who is admitted is told by the address."""

    def __init__(self, most: int) -> None:
        self.held = Connections(most)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def admit(self, address: str, says: bytes = b"") -> Connection:
        ours, theirs = socket.socketpair()
        self._pairs.append((ours, theirs))
        theirs.sendall(says)
        made = self.held.admit(ours, address)
        assert made is not None
        return made

    def close(self) -> None:
        for ours, theirs in self._pairs:
            ours.close()
            theirs.close()


@pytest.fixture
def four() -> Iterator[Place]:
    made = Place(4)
    yield made
    made.close()


def test_the_network_that_has_most_makes_way(four: Place) -> None:
    scraper = four.admit("192.0.2.1")
    crowd = [four.admit(f"2001:db8::{number}") for number in range(1, 4)]
    newcomer = four.admit("192.0.2.2")
    assert [one.over for one in (scraper, *crowd, newcomer)] == [False, True, False, False, False]


def test_a_network_that_has_its_share_makes_way_for_its_own(four: Place) -> None:
    crowd = [four.admit("192.0.2.1") for _ in range(4)]
    assert [one.over for one in crowd] == [True, False, False, False], "though a place was free"
    assert not four.admit("192.0.2.2").refused


def test_one_that_was_heard_and_not_answered_yet_is_not_closed(four: Place) -> None:
    first = four.admit("192.0.2.1")
    first.hear(something=True)
    others = [four.admit(f"192.0.2.{number}") for number in range(2, 6)]
    assert [one.over for one in (first, *others)] == [False, True, False, False, False]
    first.hear(something=False)
    four.admit("192.0.2.9")
    assert first.over, "it is waited for again"


def test_one_that_asks_on_and_on_has_its_last_answer(four: Place) -> None:
    crowd = [four.admit(f"192.0.2.{number}") for number in range(1, 5)]
    for one in crowd:
        four.held.begin(one)
    assert four.admit("192.0.2.5").refused, "each of them asks for the first time"
    four.held.wait(crowd[1])
    four.held.begin(crowd[1])
    assert not four.admit("192.0.2.6").refused
    assert [one.last for one in crowd] == [False, True, False, False]


def test_one_that_does_not_take_its_last_answer_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_ENDING_SECONDS", 0.02)
    only = Place(1)
    crowd = []
    for number in range(1, connections.SPARE + 2):
        crowd.append(only.admit(f"192.0.2.{number}"))
        only.held.wait(crowd[-1])
        only.held.begin(crowd[-1])
    assert [one.last for one in crowd] == [True] * connections.SPARE + [False]
    only.held.wait(crowd[2], taking=True)
    only.held.wait(crowd[3], taking=True)
    crowd[3].since -= 2.0
    with socket.socket() as late:
        assert only.held.admit(late, "192.0.2.98") is None
    assert [one.over for one in crowd].index(True) == 3
    only.close()


def test_where_there_is_no_place_who_asks_on_and_on_is_told_that_it_is_the_end(machine: Slow) -> None:
    with serving(Access(None), most=1, machine=machine, limit=PATIENCE) as server, connect(server) as client:
        asked = b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(asked)
        assert client.recv(12) == b"HTTP/1.1 200"
        machine.hang.set()
        client.sendall(asked)
        until(lambda: any(one.ours for one in tuple(server.connections._all)))
        assert asked_from(server, "127.0.0.3") == 200
        machine.release.set()
        assert rest(client).count(b"Connection: close") == 1


def test_a_newcomer_waits_for_the_thread_of_one_that_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_ENDING_SECONDS", 0.3)
    only = Place(1)
    only.held._most_of_one = 100  # the bound of all is what this is about
    closed = [only.admit(f"192.0.2.{number}") for number in range(connections.SPARE + 1)][:-1]
    assert all(one.over for one in closed)
    ending = threading.Timer(0.02, only.held.leave, (closed[0],))
    ending.start()
    assert not only.admit("192.0.2.99").refused
    ending.join()
    with socket.socket() as late:
        assert only.held.admit(late, "192.0.2.98") is None, "and not for ever"
    only.close()


def test_where_no_thread_can_be_had_the_place_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise MemoryError

    with serving(Access(None), most=1) as server:
        with monkeypatch.context() as patched:
            patched.setattr(_thread, "start_new_thread", refuse)
            for _ in range(connections.SPARE + 2):
                with connect(server) as client:
                    assert rest(client) == b""
        assert len(server.connections) == 0
        assert get(server, "/-/healthy")[0] == 200


# Passwords


def waiting(gate: Gate, client: str, order: list[str]) -> threading.Thread:
    """One who waits for a computation, and notes when the turn has come."""

    def wait() -> None:
        if gate.enter(client, PATIENCE):
            order.append(client)

    def here() -> int:
        return sum(ticket.client == client for ticket in gate._queue)

    before = here()
    (thread,) = in_threads(1, wait)
    until(lambda: here() > before or not thread.is_alive())
    return thread


def guess(gate: Gate, *clients: str) -> None:
    for client in clients:
        assert gate.enter(client)
        gate.leave(rest=1e-9)


def served(gate: Gate, order: list[str], count: int) -> list[str]:
    for number in range(count):
        gate.leave(rest=0.0)
        until(lambda number=number: len(order) > number)  # type: ignore[misc]
    return order


def test_who_has_not_been_wrong_goes_first() -> None:
    gate, order = Gate(), list[str]()
    guess(gate, "guesser")
    assert gate.enter("x")
    threads = [waiting(gate, client, order) for client in ("guesser", "guesser", "scraper")]
    assert served(gate, order, 3) == ["scraper", "guesser", "guesser"]
    for thread in threads:
        thread.join(PATIENCE)


def test_a_full_queue_of_guessers_has_a_place_for_one_who_is_none() -> None:
    gate, order = Gate(), list[str]()
    guessers = [f"guesser {number}" for number in range(passwords.WAITING)]
    guess(gate, *guessers)
    assert gate.enter("x")
    threads = [waiting(gate, client, order) for client in guessers]
    threads.append(waiting(gate, "scraper", order))
    assert len(gate._queue) == passwords.WAITING, "one had to go"
    assert not gate.enter("guesser 0", patience=0.0)
    assert served(gate, order, passwords.WAITING)[0] == "scraper"
    for thread in threads:
        thread.join(PATIENCE)
    assert not gate._queue


def test_who_was_right_is_no_guesser_any_more() -> None:
    gate = Gate()
    guess(gate, "x")
    assert gate._guessers
    assert gate.enter("x")
    gate.leave(rest=0.0)
    assert not gate._guessers


def test_guessers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_GUESSERS", 3)
    gate = Gate()
    guess(gate, *"abcde")
    assert list(gate._guessers) == ["c", "d", "e"]


@pytest.mark.parametrize(("places", "most"), [(1, 1), (2, 1), (4, 1), (8, 3), (16, 7), (40, 16), (1000, 16)])
def test_those_who_wait_for_a_password_leave_half_of_the_places(places: int, most: int) -> None:
    gate = Gate(places=places)
    assert gate.enter("x")
    threads = [waiting(gate, f"guesser {number}", []) for number in range(most + 2)]
    assert len(gate._queue) == most
    assert most + 1 <= max(places // 2, 2)
    for _ in range(most):
        before = len(gate._queue)
        gate.leave(rest=0.0)
        until(lambda before=before: len(gate._queue) < before)  # type: ignore[misc]
    for thread in threads:
        thread.join(PATIENCE)


def test_guessers_cannot_fill_the_places(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(USERS)
    access = Access(str(path), places=4)
    with serving(access, most=4) as server:
        assert asked_from(server, "127.0.0.1", Authorization=ALICE) == 200
        access._gate.enter("slow")  # and never leaves
        addresses = iter([f"127.0.1.{at}" for at in range(1, 9)])
        guessers = in_threads(8, lambda: asked_from(server, next(addresses), Authorization=basic("alice", "x")))
        until(lambda: sum(thread.is_alive() for thread in guessers) == 1)
        assert [asked_from(server, "127.0.0.1", Authorization=ALICE) for _ in range(5)] == [200] * 5
        access._gate.leave(rest=0.0)
        for guesser in guessers:
            guesser.join(PATIENCE)


def test_whoever_knows_the_password_gets_in_while_many_guess(tmp_path: pathlib.Path) -> None:
    """Also where it was not asked for before: after a restart nobody is known."""
    over = threading.Event()

    def go_on(address: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            asked_from(server, address, Authorization=basic("alice", f"guess {number}"))

    with serving(configured(tmp_path, USERS)) as server:
        addresses = iter([f"127.0.2.{at}" for at in range(1, 21)])
        guessers = in_threads(20, lambda: go_on(next(addresses)))
        until(lambda: len(server.access._gate._guessers) == len(guessers))
        assert [asked_from(server, "127.0.0.1", Authorization=basic(*user)) for user in
                (("alice", "secret"), ("bob", "other"))] == [200, 200]  # fmt: skip
        over.set()
        for guesser in guessers:
            guesser.join(PATIENCE)
