"""Wrong passwords at speed: who knows a right one is let in all the while, and nobody learns which users there are."""

from __future__ import annotations

import base64
import http.client
import itertools
import statistics
import threading
import time
from collections.abc import Sequence

from .daemon import HOST, Running, started
from .flood import flooding
from .hostility_floods import configured
from .hostility_siege import MOST_SECONDS, Around, besieged
from .promise import Bench, Promise, hold

# Of cost 10, the usual one, and of cost 8, a quarter of it, where many are to be timed. alice has "secret", bob "other".
_USUAL = """basic_auth_users:
  alice: $2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u
  bob: $2b$10$ABCDEFGHIJKLMNOPQRSTUuf9t3xsP0GNHKJFldZE5Geebv397ZfLe
"""
_CHEAP = """basic_auth_users:
  alice: $2y$08$abcdefghijklmnopqrstuuKxCcvB7KZ7.BpDoK0bh6qM7Dl1/xiJa
"""
_SECONDS, _LONG_SECONDS = 3.0, 60.0
_HEAD_START = 3.0  # for each address to have been wrong once
_NEWCOMER_SECONDS = 5.0
_ROUNDS, _ROUNDS_LONG = 25, 200
_SHARE = 0.15  # by which the median times of a user who is there and of one who is not may differ
_PROCESSORS = 0.35  # of one: a quarter for hashes, and what asking and answering costs
_GUESSERS = 8


def basic(user: str, password: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _guessed(bench: Bench, name: str, *arguments: str, newcomers: bool = False) -> str:
    """A crowd guesses; the scrapers are alice, who was let in before."""
    around = Around((*configured(bench, _USUAL), *arguments), basic("alice", "secret"))

    def attack(running: Running) -> str:
        seconds = _LONG_SECONDS if bench.long else _SECONDS
        spent = running.cost().cpu_seconds
        with flooding(bench, name, running.port, seconds):
            time.sleep(_HEAD_START if newcomers else 0.0)
            said = _newcomer(running) if newcomers else ""
        return f"{said}{(running.cost().cpu_seconds - spent) / seconds:.0%} of a processor"

    return besieged(bench, attack, around)


def _newcomer(running: Running) -> str:
    """bob, whose password nobody has computed so far, and who asks again where he is told to."""
    began, tries = time.monotonic(), 0
    while (took := time.monotonic() - began) <= _NEWCOMER_SECONDS:
        tries += 1
        status = running.get("/metrics", 10.0, basic("bob", "other")).status
        if status == 200:
            took = time.monotonic() - began
            hold(took <= _NEWCOMER_SECONDS, f"a newcomer with a right password was let in after {took:.1f} s")
            return f"a newcomer was let in after {took:.2f} s; "
        time.sleep(0.2)
    hold(False, f"a newcomer with a right password was told {status} {tries} times in {took:.1f} s")
    raise AssertionError


def _alike(bench: Bench) -> str:
    """What a busy machine blurs is measured once more, for longer."""
    rounds = _ROUNDS_LONG if bench.long else _ROUNDS
    with started(bench, *configured(bench, _CHEAP)) as running:
        known, unknown = _medians(running, rounds)
        if abs(known - unknown) > _SHARE * max(known, unknown):
            known, unknown = _medians(running, 2 * rounds)
    seen = f"{known * 1000:.1f} ms for a user who is there, {unknown * 1000:.1f} ms for one who is not"
    hold(abs(known - unknown) <= _SHARE * max(known, unknown), seen)
    return seen


def _medians(running: Running, rounds: int) -> tuple[float, float]:
    """Each guess is timed alone, after the rest that the one before it brought."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds):
        for there in (True, False):
            name = "alice" if there else f"nobody{number}"
            answer = running.get("/metrics", 10.0, basic(name, f"guess {number}"))
            hold(answer.status == 401, f"a guess got {answer.status}")
            times[there].append(answer.seconds)
            time.sleep(3.5 * answer.seconds)
    return statistics.median(times[True]), statistics.median(times[False])


def _bounded(bench: Bench) -> str:
    """Guessers from addresses of their own, each as fast as it is answered."""
    seconds = _LONG_SECONDS if bench.long else _SECONDS
    with started(bench, *configured(bench, _CHEAP)) as running:
        spent, began = running.cost().cpu_seconds, time.monotonic()
        until, found = began + seconds, [0] * _GUESSERS
        guessers = [threading.Thread(target=_guess, args=(running, at, until, found)) for at in range(_GUESSERS)]
        for guesser in guessers:
            guesser.start()
        for guesser in guessers:
            guesser.join()
        took = time.monotonic() - began  # the last answers come after their turn
        share = (running.cost().cpu_seconds - spent) / took
    seen = f"{sum(found) / took:.0f} guesses a second, {share:.0%} of a processor"
    hold(sum(found) > 0 and share <= _PROCESSORS, seen)
    return seen


def _guess(running: Running, at: int, until: float, found: list[int]) -> None:
    stream = http.client.HTTPConnection(HOST, running.port, timeout=10.0, source_address=(f"127.9.0.{at + 1}", 0))
    for number in itertools.count():
        if time.monotonic() > until:
            break
        stream.request("GET", "/metrics", headers=basic("alice", f"guess {number}"))
        answer = stream.getresponse()
        answer.read()
        found[at] += answer.status == 401
    stream.close()


def _promise(done: str, promised: str, name: str, arguments: Sequence[str] = (), newcomers: bool = False) -> Promise:
    return Promise("hostility", done, promised, lambda bench: _guessed(bench, name, *arguments, newcomers=newcomers))


_KNOWN = f"the scrapers, whose password was right before, get 200 within {MOST_SECONDS:.0f} s each time"
PROMISES = (
    _promise("32 clients guess passwords from 4 addresses, 20 times a second each", "one who was not let in before and"
             f" whose address has not guessed is let in within {_NEWCOMER_SECONDS:.0f} s; {_KNOWN}", "guesses from some", newcomers=True),
    _promise("32 clients guess from one address", f"the same; {_KNOWN}", "guesses from one", newcomers=True),
    _promise("each guess comes from an address of its own", _KNOWN, "guesses from everywhere"),
    _promise("32 clients guess where there are 8 places (--web.max-requests=8)", _KNOWN, "guesses", ("--web.max-requests", "8")),
    Promise("hostility", "wrong passwords of a user who is there and of users who are not are timed",
            f"the medians differ by less than {_SHARE:.0%}", _alike),
    Promise("hostility", f"{_GUESSERS} clients guess as fast as they are answered",
            f"the daemon takes {_PROCESSORS:.0%} of one processor at most: a quarter for hashes", _bounded),
)  # fmt: skip
