"""Single requests that mean no good: misformed ones, lies about bodies and about who asks, paths, pipelines."""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Sequence

from . import hostility_table as table
from .daemon import HOST, Running
from .hostility_siege import MOST_SECONDS, besieged, connection
from .promise import Bench, Broken, Promise, hold

_PATIENCE = 10.0
_ANSWER_SECONDS = 2.0  # to any of them
_PIPELINED, _ENDING_AT = 300, 100
_KEPT, _KEPT_LONG = 600, 100_000
_LEFT_OUT = b"Left out"  # what /check says to those who are shown less
_SERVED = f"; both scrapers get 200 within {MOST_SECONDS:.0f} s all the while"


def exchanged(running: Running, sent: bytes) -> bytes:
    """Send it and nothing more; all that comes until the daemon hangs up."""
    with socket.create_connection((HOST, running.port), _PATIENCE) as stream:
        found = b""
        with contextlib.suppress(ConnectionError):  # where it did not want to hear it all
            stream.sendall(sent)
            stream.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := stream.recv(1 << 16):
                found += part
        return found


def _cases(cases: Sequence[table.Case], bench: Bench) -> str:
    return besieged(bench, functools.partial(_each, cases))


def _each(cases: Sequence[table.Case], running: Running) -> str:
    slowest = 0.0
    for case in cases:
        began = time.monotonic()
        complaint = table.wrong(case, exchanged(running, case.sent))
        slowest = max(slowest, time.monotonic() - began)
        hold(complaint is None, str(complaint))
        hold(slowest <= _ANSWER_SECONDS, f"{case.what}: took {slowest:.1f} s")
    return f"{len(cases)} as they should be, the slowest in {slowest:.2f} s"


def _claims(running: Running) -> str:
    for claim in table.CLAIMS:
        (reply,) = table.replies(exchanged(running, claim.line + b"\r\n" + claim.fields + b"\r\n"))
        found = None if reply.code == 400 else _LEFT_OUT not in reply.body
        hold(found is claim.local, f"{claim.what}: {reply.code}, taken for local: {found}, not {claim.local}")
    return f"{len(table.CLAIMS)} as they should be"


_ROUND = ((b"GET", b"/-/healthy"), (b"HEAD", b"/-/ready"), (b"GET", b"/nowhere"), (b"GET", b"/-/ready"))
_ROUND_CODES = (200, 200, 404, 200)


def _pipeline(running: Running) -> str:
    """All at once, and once more with one of them that ends the connection; what is behind that is not answered."""
    for ending_at, answered in ((_PIPELINED, _PIPELINED), (_ENDING_AT, _ENDING_AT + 1)):
        asked = [_piece(number, number == ending_at) for number in range(_PIPELINED)]
        heads = tuple(number for number in range(_PIPELINED) if _ROUND[number % 4][0] == b"HEAD")
        codes = [reply.code for reply in table.replies(exchanged(running, b"".join(asked)), heads)]
        hold(
            codes == [_ROUND_CODES[number % 4] for number in range(answered)], f"{len(codes)} answers, or not in order"
        )
    return f"{_PIPELINED} answers in order, and {_ENDING_AT + 1} where that one says it is the last"


def _piece(number: int, last: bool) -> bytes:
    method, path = _ROUND[number % 4]
    return b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (method, path, b"Connection: close\r\n" if last else b"")


def _kept_alive(count: int, running: Running) -> str:
    """One connection, and in every request something that no request had before."""
    kept = connection(running)
    kinds = set()
    for number in range(count):
        kept.request("HEAD" if number % 2 else "GET", f"/metrics?{number}", headers=_own_words(number))
        answer = kept.getresponse()
        kinds.add(answer.getheader("Content-Type"))
        if answer.status != 200 or answer.will_close or bool(answer.read()) is bool(number % 2):
            raise Broken(f"request {number} got {answer.status}")
    kept.close()
    hold(len(kinds) == 1, f"{len(kinds)} content types: what a client makes up comes back to it")
    return f"{count:,} requests on one connection"


def _own_words(number: int) -> dict[str, str]:
    return {
        "Host": f"guest-{number}.example.org",
        "Accept": f"application/openmetrics-text;version=1.{number};q=0.{number},text/plain;version=1.0.0.{number}",
        "Accept-Encoding": f"x-{number}",
        "User-Agent": f"agent/{number}",
        "Cookie": f"session={number}",
    }


def _promise(done: str, promised: str, cases: Sequence[table.Case]) -> Promise:
    return Promise("hostility", f"{len(cases)} {done}", promised + _SERVED, functools.partial(_cases, cases))


def _keep(bench: Bench) -> str:
    return besieged(bench, functools.partial(_kept_alive, _KEPT_LONG if bench.long else _KEPT))


PROMISES = (
    _promise("misformed request lines", "each gets the code that RFC 9112 has for it, or is hung up on; none a 500", table.LINES),
    _promise("misformed or oversized fields", "the same: 400, 431 above 32 KiB or 100 fields", table.FIELDS),
    _promise("lies about a body", "one answer, then the end: what is behind is never taken for a request", table.BODIES),
    _promise("tricks with paths", "nothing is decoded, nothing is a file: 404 or 400", table.PATHS),
    Promise("hostility", f"{len(table.CLAIMS)} claims to ask from this machine, or from elsewhere, by Host, target and proxies' headers",
            "who is not from here sees no identifier (docs/web.md)" + _SERVED, lambda bench: besieged(bench, _claims)),
    Promise("hostility", f"{_PIPELINED} requests at once on one connection", "answers in order, none after the last" + _SERVED,
            lambda bench: besieged(bench, _pipeline)),
    Promise("hostility", "one connection kept for hundreds of requests, each with new words in each header",
            "each is answered, nothing of it is remembered or repeated" + _SERVED, _keep),
)  # fmt: skip
