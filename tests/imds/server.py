"""The sockets: plays on loopback, and every request kept, so that a test can prove what was asked and what was not.

HTTP/1.1 with connections kept alive, one thread for each, at most CONNECTIONS at a time: the real service limits them too.
Closing the server breaks all connections, ends all waits, and returns when its threads have ended.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import struct
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING

from .answers import T2_MICRO, Answers
from .scenarios import RESET, End, Play, Step, honest
from .service import Request, Service, page

if TYPE_CHECKING:
    from typing_extensions import Self

CONNECTIONS = 32
_BODY_LIMIT = 65_536
_POLL = 0.005
_BREAK_NOW = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: close(2) sends RST


class Server(socketserver.ThreadingTCPServer):
    """A metadata service; `scenario` may be changed while it runs.

    `requests` are all that came, `connections` how many there were, `refused` how many were too many at a time, `sent`
    how many bytes of answers went out, `errors` what went wrong in here.
    """

    request_queue_size = 2 * CONNECTIONS  # a full queue makes a client try again after a second

    def __init__(
        self,
        scenario: Play = honest,
        answers: Answers = T2_MICRO,
        clock: Callable[[], float] = time.monotonic,
        host: str = "127.0.0.1",
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.scenario = scenario
        self.service = Service(answers, clock)
        self.requests: list[Request] = []
        self.connections = self.refused = self.sent = 0
        self.errors: list[str] = []
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._numbers = itertools.count(1)
        super().__init__((host, 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL,), name="imds")

    @property
    def endpoint(self) -> str:
        """What the client is given in place of http://169.254.169.254."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # it just closed by itself
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()  # waits for the threads

    def verify_request(self, request: object, client_address: object) -> bool:
        fits = len(self._open) <= CONNECTIONS
        self.refused += not fits
        return fits

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        assert isinstance(connection, socket.socket)
        self.connections += 1
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        super().shutdown_request(request)
        self._open.discard(request)

    def handle_error(self, request: object, client_address: object) -> None:
        self.errors.append(traceback.format_exc())

    def number(self) -> int:
        """A number for a connection."""
        return next(self._numbers)

    def standing(self) -> int:
        """How many connections are open now."""
        return len(self._open)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests one after another, notes them, acts out the play."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.number = self.server.number()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client went away, or the server closes
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(_BODY_LIMIT + 1)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        request = self._request()
        self.server.requests.append(request)
        for step in self.server.scenario(self.server.service, request):
            if not self._done(step):
                self.close_connection = True
                return

    def _request(self) -> Request:
        target = self.requestline.split()[1]  # `path` has lost slashes by now
        headers: dict[str, str] = {}
        for name, text in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = text if known is None else f"{known}, {text}"
        length = headers.get("content-length", "0")
        body = self.rfile.read(min(int(length), _BODY_LIMIT)) if length.isdecimal() else b""
        return Request(self.command, target, headers, body, self.number, time.monotonic())

    def _done(self, step: Step) -> bool:
        """Take one step; False where the connection is to be closed."""
        if isinstance(step, bytes):
            self.wfile.write(step)
            self.server.sent += len(step)
            return True
        if isinstance(step, End):
            if step is RESET:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _BREAK_NOW)
                self.request.close()  # before shutdown_request() sends a FIN
            return False
        return not self.server.closing.wait(step)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no HTTP."""
        answer = page(code)
        self.wfile.write(answer.head() + answer.body)

    def log_message(self, *arguments: object) -> None:
        """Nothing: requests are kept, not printed."""


class Deaf:
    """An address where connections are neither taken nor refused: its queue is full, so the kernel drops each SYN."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_server((host, 0), backlog=0)
        self._callers: list[socket.socket] = []
        self.endpoint = f"http://{host}:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(self._socket.getsockname())
            self._callers.append(caller)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (*self._callers, self._socket):
            each.close()


def free_endpoint() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
