"""What can go wrong between a client and the metadata service, as plays that the server acts out.

A play gets the service and a request and yields steps: bytes to send, seconds to wait, END to close the connection, RESET
to break it. Where it ends by itself the connection stays open for the next request. Whatever waits or never ends is
cut short when the server closes. Plays that count are made anew for each server: `SCENARIOS` holds functions.
"""

from __future__ import annotations

import enum
import gzip
import itertools
from collections.abc import Callable, Iterator

from .service import TOKEN_PATH, Answer, Request, Service, page, value


class End(enum.Enum):
    END = "end"
    RESET = "reset"


END, RESET = End.END, End.RESET
Step = bytes | float | End
Play = Callable[[Service, Request], Iterator[Step]]

ENDLESS = 64 << 20
_FOREVER = 60.0
_BOMB = gzip.compress(bytes(16 << 20))
_CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
_WEB_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the hotel's network</body></html>"
)


def honest(service: Service, request: Request) -> Iterator[Step]:
    """The right answer in one piece."""
    yield _whole(service.answer(request), request)


def _whole(answer: Answer, request: Request) -> bytes:
    return answer.head() + (b"" if request.method == "HEAD" else answer.body)


# Who is played to


def on(method: str, play: Play) -> Play:
    """The play for one method; honest to the others."""
    return lambda service, request: (play if request.method == method else honest)(service, request)


def at(path: str, play: Play) -> Play:
    """The play for one path."""
    return lambda service, request: (play if request.path == path else honest)(service, request)


def first(count: int, play: Play) -> Play:
    """The play for so many requests, honest from then on."""
    turns = itertools.count()

    def play_(service: Service, request: Request) -> Iterator[Step]:
        return (play if next(turns) < count else honest)(service, request)

    return play_


# Answers that are whole, and not what they should be


def status(code: int) -> Play:
    """An error page, and nothing else."""
    return lambda _service, request: iter([_whole(page(code), request)])


def body(content: bytes, **headers: str) -> Play:
    """These bytes where a value belongs."""
    return lambda _service, request: iter([_whole(value(content, **headers), request)])


def redirect(target: str, code: int = 302) -> Play:
    """Elsewhere: to a whole URL, or to a path of this server."""
    return lambda _service, request: iter([_whole(page(code, Location=target), request)])


def switched_off(service: Service, request: Request) -> Iterator[Step]:
    """From the first request on."""
    service.enabled = False
    yield from honest(service, request)


def revoking(after: int) -> Play:
    """All tokens are forgotten once, after so many values."""
    turns = itertools.count(1)

    def play(service: Service, request: Request) -> Iterator[Step]:
        yield from honest(service, request)
        if request.method == "GET" and next(turns) == after:
            service.revoke()

    return play


def forgetful(service: Service, request: Request) -> Iterator[Step]:
    """No token is ever valid."""
    service.revoke()
    yield from honest(service, request)


# Answers that are late


def late(seconds: float) -> Play:
    def play(service: Service, request: Request) -> Iterator[Step]:
        yield seconds
        yield from honest(service, request)

    return play


def silent(_service: Service, _request: Request) -> Iterator[Step]:
    """The connection stands and nothing comes, as where the reply's hop limit is too small."""
    yield from itertools.repeat(_FOREVER)


def dripping_head(interval: float) -> Play:
    """The whole answer, byte by byte."""

    def play(service: Service, request: Request) -> Iterator[Step]:
        yield from _drip(_whole(service.answer(request), request), interval)

    return play


def dripping_body(interval: float) -> Play:
    def play(service: Service, request: Request) -> Iterator[Step]:
        answer = service.answer(request)
        yield answer.head()
        yield from _drip(answer.body, interval)

    return play


def _drip(content: bytes, interval: float) -> Iterator[Step]:
    for at_ in range(len(content)):
        yield content[at_ : at_ + 1]
        yield interval


# Answers without an end


def endless(head: bytes, more: bytes) -> Play:
    """A head, and then the same bytes as good as for ever: ENDLESS of them, lest a client that takes all takes the machine."""
    return lambda _service, _request: itertools.chain([head], itertools.repeat(more, ENDLESS // len(more)), [END])


def announcing(length: str) -> Play:
    """A Content-Length that does not fit what comes; the connection stays open."""

    def play(service: Service, request: Request) -> Iterator[Step]:
        answer = service.answer(request)
        yield answer._replace(headers={**answer.headers, "Content-Length": length}).head() + answer.body

    return play


# Answers that break off, or are no HTTP


def raw(content: bytes, end: End = END) -> Play:
    """Just these bytes."""
    return lambda _service, _request: iter([content, end])


def cut(share: float, end: End = END) -> Play:
    """The first part of the right answer; 0 is nothing, 1 all of it."""

    def play(service: Service, request: Request) -> Iterator[Step]:
        content = _whole(service.answer(request), request)
        yield content[: int(len(content) * share)]
        yield end

    return play


def chunked(chunks: bytes, end: End = END) -> Play:
    """A body in chunks that are what they are."""
    return raw(_CHUNKED + chunks, end)


def hanging_up(service: Service, request: Request) -> Iterator[Step]:
    """One request for a connection, and it says so."""
    answer = service.answer(request)
    yield _whole(answer._replace(headers={**answer.headers, "Connection": "close"}), request)
    yield END


_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
_OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
_REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /latest/meta-data/\r\n"
_PACKED = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB)
_MORE = bytes(1 << 16)
_DRIP = 0.05

SCENARIOS: dict[str, Callable[[], Play]] = {
    "ok": lambda: honest,
    "hanging up": lambda: hanging_up,
    "closing unsaid": lambda: cut(1),
    "slow": lambda: late(_DRIP),
    "token revoked": lambda: revoking(1),
    "no token is valid": lambda: forgetful,
    "switched off": lambda: switched_off,
    "values forbidden": lambda: on("GET", status(403)),
    "PUT: 400": lambda: on("PUT", status(400)),
    "PUT: 404": lambda: on("PUT", status(404)),
    "PUT: 405": lambda: on("PUT", status(405)),
    "PUT: 500": lambda: on("PUT", status(500)),
    "web page": lambda: body(_WEB_PAGE, Content_Type="text/html"),
    "busy twice: 429": lambda: first(2, status(429)),
    "busy twice: 503": lambda: first(2, status(503)),
    "busy: 429": lambda: on("GET", status(429)),
    "busy: 503": lambda: status(503),
    "system: 500": lambda: at("/latest/meta-data/system", status(500)),
    "values: 500": lambda: on("GET", status(500)),
    "PUT: silent": lambda: on("PUT", silent),
    "GET: silent": lambda: on("GET", silent),
    "PUT: head drips": lambda: on("PUT", dripping_head(_DRIP)),
    "GET: head drips": lambda: on("GET", dripping_head(_DRIP)),
    "PUT: body drips": lambda: on("PUT", dripping_body(_DRIP)),
    "GET: body drips": lambda: on("GET", dripping_body(6 * _DRIP)),
    "PUT: endless body": lambda: on("PUT", endless(_OPEN, _MORE)),
    "GET: endless body": lambda: on("GET", endless(_OPEN, _MORE)),
    "GET: endless chunk": lambda: on("GET", endless(_CHUNKED + b"-1\r\n", _MORE)),
    "GET: endless chunks": lambda: on("GET", endless(_CHUNKED, b"400\r\n" + bytes(1024) + b"\r\n")),
    "GET: endless head": lambda: on("GET", endless(b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n" * 1000)),
    "GET: endless line": lambda: on("GET", endless(b"HTTP/1.1 200 OK\r\nX-More: ", _MORE)),
    "GET: endless 100": lambda: on("GET", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "PUT: huge length": lambda: on("PUT", announcing("1000000000000")),
    "GET: huge length": lambda: on("GET", announcing("1000000000000")),
    "GET: length too large": lambda: on("GET", announcing("200")),
    "GET: length is no number": lambda: on("GET", announcing("many")),
    "GET: length is negative": lambda: on("GET", announcing("-5")),
    "PUT: empty body": lambda: on("PUT", body(b"")),
    "PUT: binary body": lambda: on("PUT", body(bytes(range(256)))),
    "PUT: two lines": lambda: on("PUT", body(b"token\r\nX-Injected: yes")),
    "GET: empty body": lambda: on("GET", body(b"")),
    "GET: binary body": lambda: on("GET", body(bytes(range(256)))),
    "GET: gzip bomb": lambda: on("GET", body(_BOMB, Content_Encoding="gzip")),
    "GET: not gzip": lambda: on("GET", body(b"not packed", Content_Encoding="gzip")),
    "GET: 301 to credentials": lambda: on("GET", redirect(_CREDENTIALS, 301)),
    "GET: 302 to credentials": lambda: on("GET", redirect(_CREDENTIALS)),
    "GET: 307 to credentials": lambda: on("GET", redirect(_CREDENTIALS, 307)),
    "GET: endless redirect": lambda: on("GET", endless(_REDIRECT + b"\r\n", _MORE)),
    "GET: redirect to a gzip bomb": lambda: on("GET", raw(_REDIRECT + _PACKED + _BOMB)),
    "GET: redirect to no URL": lambda: on("GET", redirect("http://[")),
    "PUT: 302 to itself": lambda: on("PUT", redirect(TOKEN_PATH)),
    "PUT: closed": lambda: on("PUT", cut(0)),
    "GET: closed": lambda: on("GET", cut(0)),
    "PUT: reset": lambda: on("PUT", cut(0, RESET)),
    "GET: reset": lambda: on("GET", cut(0, RESET)),
    "GET: head cut": lambda: on("GET", cut(0.3)),
    "GET: body cut": lambda: on("GET", cut(0.95)),
    "PUT: body cut": lambda: on("PUT", cut(0.95)),
    "GET: no HTTP": lambda: on("GET", raw(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "PUT: no HTTP": lambda: on("PUT", raw(b"220 mail ESMTP\r\n")),
    "GET: status 999": lambda: on("GET", raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")),
    "GET: no status": lambda: on("GET", raw(b"HTTP/1.1\r\n\r\n")),
    "GET: chunk sizes are no numbers": lambda: on("GET", chunked(b"ten\r\n0123456789\r\n0\r\n\r\n")),
    "GET: chunk is cut": lambda: on("GET", chunked(b"ffff\r\nabc")),
    "GET: chunk of all memory": lambda: on("GET", chunked(b"ffffffffffffffff\r\nabc")),
    "GET: chunk of negative size": lambda: on("GET", chunked(b"-1\r\nabc\r\n0\r\n\r\n")),
}
