"""One connection, from its first request to its end, in a thread of its own."""

from __future__ import annotations

import gzip
import io
import logging
import socket
import time
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from ... import __version__
from ..page.style import POLICY
from .address import is_loopback
from .head import Lines, Misformed, is_certain, is_own_name, target
from .passwords import BUSY, WRONG
from .reader import Reader, TooLarge
from .site import PLAIN, Answer, Asked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..server import Server
    from .connections import Connection

log = logging.getLogger("virt-agent")

FIRST_REQUEST_SECONDS = 10.0  # for a client that has said nothing so far
IDLE_SECONDS = 90.0  # between requests: longer than the usual scrape interval, so that Prometheus keeps its connection
REFUSED_SECONDS = 2.0  # for the request of one who is told 503
SEND_SECONDS = 30.0  # for a whole answer
_LINGER_SECONDS = 1.0
_RETRY_SECONDS = 5

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Encoding",
}
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with one client. `certified`: it has shown a certificate that was verified."""

    server: Server
    protocol_version = "HTTP/1.1"
    request_version, requestline, command = "HTTP/1.1", "", ""  # until a request line is understood

    def __init__(self, held: Connection, server: Server, certified: bool) -> None:
        self._held = held
        self._certified = certified
        self._unread = False
        super().__init__(held.stream, (held.address, 0), server)

    def setup(self) -> None:
        """Reads under a deadline; what is written goes out whole, by _send."""
        self.connection = self._held.stream
        self._patience = REFUSED_SECONDS if self._held.refused else FIRST_REQUEST_SECONDS
        self.rfile = self._lines = Lines(Reader(self.connection, hear=self._held.hear))
        self.wfile = io.BytesIO()  # the base class flushes it

    def finish(self) -> None:
        """Let the client read its answers where something that it sent was not read; a plain close would tear them away."""
        self.rfile.close()
        if self._unread or self._held.is_unread():
            self.server.connections.wait(self._held, taking=True)  # what it sends on is no request
            _linger(self._held)

    def handle_one_request(self) -> None:
        """The next request, or the end."""
        self._lines.expect(self._patience)
        self._patience = IDLE_SECONDS
        self.command = ""  # that of the one before says nothing of how to answer this one
        try:
            super().handle_one_request()
        except TooLarge:
            self.send_error(431)
        except Misformed:
            self.send_error(400)

    def parse_request(self) -> bool:
        """Whether there is a request to answer; else the client was told what is wrong with it."""
        if not super().parse_request():
            return False
        if not is_certain(self.headers, self.request_version):
            self.send_error(400)
            return False
        self._host, self._target = target(self.path, self.headers.get("Host", ""))
        return True

    def do_GET(self) -> None:
        """The fixed paths, 404 elsewhere."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self._hang_up()  # a body that nobody reads must not be taken for the next request
        self._respond(self._page)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """http.server looks for do_METHOD: HEAD is GET without its body, all others are refused."""
        if name == "do_HEAD":
            return self.do_GET
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self._hang_up()
        self._respond(lambda _whole: Answer(405, PLAIN, b"only GET and HEAD\n", {"Allow": "GET, HEAD"}))

    def _page(self, whole: bool) -> Answer:
        return self.server.site.answer(self._target, Asked(self.headers.get("Accept", ""), whole))

    def _respond(self, make: Callable[[bool], Answer]) -> None:
        """Make the answer in our turn, then send it in the client's."""
        connections = self.server.connections
        if not connections.begin(self._held):
            self.close_connection = True
            return
        try:
            message = self._message(self._answer(make))
        finally:
            connections.wait(self._held, taking=True)
        self._send(message)
        connections.wait(self._held)
        self.close_connection |= self._held.last

    def _answer(self, make: Callable[[bool], Answer]) -> Answer:
        try:
            return self._admitted(make)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next request is answered
            what = (
                self._target if self._target in self.server.site.paths else "a request"
            )  # else each is a line of its own
            log.error("could not answer %s: %s", what, place_of(error))  # noqa: TRY400 - a traceback reads sources
            return Answer(500, PLAIN, b"internal error; the log has it\n")

    def _admitted(self, make: Callable[[bool], Answer]) -> Answer:
        if self._held.refused:
            self._hang_up()
            return Answer(503, PLAIN, b"too many requests at a time\n", {"Retry-After": str(_RETRY_SECONDS)})
        admission = self.server.access.admit(self.headers.get("Authorization"), self._held.network)
        if admission.answer == WRONG:
            asking = 'Basic realm="virt-agent", charset="UTF-8"'
            return Answer(401, PLAIN, b"Unauthorized\n", {"WWW-Authenticate": asking})
        if admission.answer == BUSY:
            return Answer(429, PLAIN, b"too many passwords are being checked\n", {"Retry-After": str(_RETRY_SECONDS)})
        secured = self._held.context is not None and (self._certified or admission.user is not None)
        return make(secured or self._is_local())

    def _is_local(self) -> bool:
        """Asked from this machine, by its own name for itself.

        A proxy here passes on what others ask, and a web page elsewhere can make a browser here ask for it under that
        page's name (DNS rebinding): neither is local. nginx names neither itself nor the client unless it is told to,
        but asks in HTTP/1.0, as hardly any other client does.
        """
        if any(name in self.headers for name in _FORWARDED):  # empty ones too: a proxy may add its own behind them
            return False
        if self._held.address == "":  # a unix socket, whose file says who may
            return True
        if self.request_version != self.protocol_version:
            return False
        return is_loopback(self._held.address) and is_own_name(self._host)

    def _message(self, answer: Answer) -> bytes:
        """The answer as it goes out."""
        if self._held.context is not self.server.access.terms.context:  # made under a certificate that was renewed
            self.close_connection = True
        self.close_connection |= self._held.last
        body, headers = answer.body, {**_HEADERS, **self.server.access.terms.headers, **answer.headers}
        if len(body) > 1024 and accepts_gzip(self._header("Accept-Encoding")):
            body, headers["Content-Encoding"] = gzip.compress(body, compresslevel=1, mtime=0), "gzip"
        headers |= {"Content-Type": answer.kind, "Content-Length": str(len(body)), "Date": formatdate(usegmt=True)}
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.code} {HTTPStatus(answer.code).phrase}", f"Server: {self.version_string()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1") if self.request_version != "HTTP/0.9" else b""
        log.debug("%s %r %d", self._held.address or "unix", self.requestline[:80], answer.code)
        return head if self.command == "HEAD" else head + body

    def _send(self, message: bytes) -> None:
        self.connection.settimeout(SEND_SECONDS)
        self.connection.sendall(message)

    def _header(self, name: str) -> str:
        """Of a request that may have been too broken to have any."""
        return str(self.headers.get(name, "")) if getattr(self, "headers", None) else ""

    def _hang_up(self) -> None:
        self.close_connection = self._unread = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the base class finds wrong with a request, without repeating any of it."""
        self._hang_up()
        self.request_version = "HTTP/1.1"
        answer = self._message(Answer(int(code), PLAIN, HTTPStatus(code).phrase.encode() + b"\n"))
        self.server.connections.wait(self._held, taking=True)
        self._send(answer)

    def handle_expect_100(self) -> bool:
        """Bodies are not wanted, so nobody is told to go on."""
        return True

    def version_string(self) -> str:
        """The Server header."""
        return f"virt-agent/{__version__}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are no news."""
        log.debug(format, *args)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip and does not give it the weight 0 (RFC 9110 12.5.3)."""
    for entry in header.lower().split(","):
        coding, _, weight = (part.strip() for part in entry.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _linger(held: Connection) -> None:
    """End our side, then read on for a moment: a reset for unread bytes would overtake the answer."""
    stream, until = held.stream, time.monotonic() + _LINGER_SECONDS
    try:
        socket.socket.shutdown(stream, socket.SHUT_WR)
        while not (held.over or held.last) and (seconds := until - time.monotonic()) > 0:
            stream.settimeout(seconds)
            if not socket.socket.recv(stream, 1 << 16):
                return
    except OSError as error:
        log.debug("a client did not wait for the end: %s", error)


def place_of(error: BaseException | None) -> str:
    """An error in one line with where it came from; logging's own tracebacks read source files."""
    last = error.__traceback__ if error else None
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f" ({last.tb_frame.f_code.co_filename}:{last.tb_lineno})" if last else ""
    return f"{type(error).__name__}: {error}{where}"
