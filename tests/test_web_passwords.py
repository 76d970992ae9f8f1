"""Passwords: bcrypt by libcrypt, what is remembered, and what guessing costs."""

from __future__ import annotations

import threading
import time

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.web_server import PATIENCE, basic, until
from virt_agent.serve.web import hashes, passwords
from virt_agent.serve.web.passwords import BUSY, RIGHT, WRONG, Gate, Passwords, credentials

ALICE = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
USERS = {"alice": ALICE, "bob": "$2b$04$ABCDEFGHIJKLMNOPQRSTUubdTkc8VfDg3xLFFedNQLivmNw6I3T6K"}
NO_REST = 0.0


class Counting:
    """libcrypt, and which salts it was asked with."""

    def __init__(self) -> None:
        self.salts: list[bytes] = []
        self._compute = hashes.hasher()

    def __call__(self, password: bytes, salt: bytes) -> bytes:
        self.salts.append(salt)
        return self._compute(password, salt)


@pytest.fixture
def compute() -> Counting:
    return Counting()


def test_libcrypt_and_the_module_agree_with_htpasswd() -> None:
    makers = [made for made in (hashes._by_libcrypt(), hashes._by_module()) if made]
    assert makers
    for compute in makers:
        assert compute(b"secret", ALICE.encode()) == ALICE.encode()
        assert compute(b"third", b"$2a$05$0123456789abcdefghijku") == (
            b"$2a$05$0123456789abcdefghijkuRIUijorLEzOyeMwxt6RjThIlONf5Vqu"
        )


@pytest.mark.parametrize(
    ("user", "password", "answer"),
    [
        ("alice", "secret", RIGHT),
        ("bob", "other", RIGHT),
        ("alice", "other", WRONG),
        ("bob", "secret", WRONG),
        ("alice", "", WRONG),
        ("alice", "secret\0", WRONG),
        ("carol", "secret", WRONG),
        ("carol", "other", WRONG),
        ("", "secret", WRONG),
        ("alice\0", "secret", WRONG),
    ],
)
def test_who_is_let_in(compute: Counting, user: str, password: str, answer: str) -> None:
    asked = Passwords(USERS, compute, Gate())
    for _ in range(2):
        assert asked.check(basic(user, password), "x") == (answer, user if answer == RIGHT else "")


def test_the_right_password_is_computed_once_and_the_wrong_one_each_time(compute: Counting) -> None:
    asked = Passwords(USERS, compute, Gate())
    before = len(compute.salts)
    for _ in range(3):
        asked.check(basic("alice", "secret"), "x")
    assert len(compute.salts) - before == 1
    for _ in range(3):
        asked.check(basic("alice", "wrong"), "x")
    assert len(compute.salts) - before == 4


def test_what_is_remembered_is_neither_password_nor_the_same_in_another_process(compute: Counting) -> None:
    first, second = (Passwords(USERS, compute, Gate()) for _ in range(2))
    for asked in (first, second):
        asked.check(basic("alice", "secret"), "x")
    assert first._known
    assert not first._known & second._known
    assert b"secret" not in b"".join(first._known)


def test_nobody_costs_as_much_as_somebody(compute: Counting) -> None:
    """Else the time of the answer tells which users there are."""
    asked = Passwords(USERS, compute, Gate())
    compute.salts.clear()
    for name in ("alice", "carol", "dave", "erin", "frank", "grace"):
        assert asked.check(basic(name, "guess"), "x")[0] == WRONG
    assert len(compute.salts) == 6
    assert {salt.decode() for salt in compute.salts} <= set(USERS.values())
    compute.salts.clear()
    for _ in range(3):
        asked.check(basic("carol", "guess"), "x")
    assert len(set(compute.salts)) == 1, "the same name has the same cost each time"


@hypothesis.given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: "Basic " + raw.decode("latin-1")))
def test_any_header_is_credentials_or_none(header: str) -> None:
    found = credentials(header)
    assert found is None or all(isinstance(part, bytes) for part in found)


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer YTpi", "Basic YQ==", "Basic \xff", "YTpi"])
def test_what_has_not_the_form_is_wrong_without_any_computation(compute: Counting, header: str) -> None:
    asked = Passwords(USERS, compute, Gate())
    compute.salts.clear()
    assert asked.check(header, "x") == (WRONG, "")
    assert compute.salts == []


def test_the_scheme_has_no_case_and_a_password_may_hold_colons() -> None:
    assert credentials("bASIC YTpiOmM=") == (b"a", b"b:c")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_wrong_password_the_gate_rests_and_after_a_right_one_not(compute: Counting) -> None:
    clock = Clock()
    gate = Gate(clock)
    assert gate.enter("x", patience=0.0)
    gate.leave(rest=NO_REST)
    assert gate.enter("x", patience=0.0)
    gate.leave(rest=3.0)
    assert not gate.enter("x", patience=0.0)
    clock.now += 2.9
    assert not gate.enter("x", patience=0.0)
    clock.now += 0.2
    assert gate.enter("x", patience=0.0)


def test_guessing_takes_a_quarter_of_one_cpu_at_most() -> None:
    def slow(password: bytes, salt: bytes) -> bytes:
        until = time.monotonic() + 0.02
        while time.monotonic() < until:
            pass
        busy.append(0.02)
        return b"x" * 60

    busy: list[float] = []
    asked = Passwords(USERS, slow, Gate())
    began = time.monotonic()
    guessers = [
        threading.Thread(target=lambda n=n: [asked.check(basic("alice", "guess"), str(n)) for _ in range(2)])
        for n in range(3)
    ]
    for guesser in guessers:
        guesser.start()
    for guesser in guessers:
        guesser.join(PATIENCE)
    assert len(busy) == 6
    assert sum(busy[:-1]) / (time.monotonic() - began) <= 0.27


def test_one_client_cannot_fill_the_queue_and_the_queue_has_an_end() -> None:
    gate = Gate()
    assert gate.enter("x")
    waiting = [threading.Thread(target=gate.enter, args=("flood", PATIENCE), daemon=True) for _ in range(10)]
    for thread in waiting:
        thread.start()
    until(lambda: sum(thread.is_alive() for thread in waiting) == passwords.WAITING_FROM_ONE)
    others = [threading.Thread(target=gate.enter, args=(str(n), PATIENCE), daemon=True) for n in range(20)]
    for thread in others:
        thread.start()
    until(lambda: sum(thread.is_alive() for thread in others) == passwords.WAITING - passwords.WAITING_FROM_ONE)
    assert not gate.enter("one more", patience=0.0)
    for _ in range(passwords.WAITING):
        before = sum(thread.is_alive() for thread in (*waiting, *others))
        gate.leave(NO_REST)
        until(lambda before=before: sum(thread.is_alive() for thread in (*waiting, *others)) < before)  # type: ignore[misc]
    gate.leave(NO_REST)
    assert gate.enter("x", patience=0.0), "all had their turn"


def test_who_waits_too_long_is_told_so_and_leaves_no_trace(compute: Counting) -> None:
    gate = Gate()
    asked = Passwords(USERS, compute, gate)
    assert gate.enter("x")
    assert not gate.enter("y", patience=0.01)
    gate.leave(NO_REST)
    assert asked.check(basic("alice", "secret"), "y") == (RIGHT, "alice")
    assert gate.enter("z")
    assert asked.check(basic("alice", "secret"), "y") == (RIGHT, "alice"), "known passwords pass by the gate"
    assert not gate._queue


def test_busy_is_an_answer(compute: Counting) -> None:
    class Closed(Gate):
        def enter(self, client: str, patience: float = 0.0) -> bool:
            return False

    assert Passwords(USERS, compute, Closed()).check(basic("alice", "secret"), "x") == (BUSY, "")
