"""HTTP for Prometheus and for people: a few fixed paths, GET and HEAD, nothing that changes anything.

A thread for each connection and a bound on their number. The thread that accepts never waits for a client: not for
a request, not for a TLS handshake, not to say that there is no room.
"""

from __future__ import annotations

import _thread
import errno
import logging
import socket
import socketserver
import ssl
import sys
import time

from ..option_table import UsageError
from .watch import Watch
from .web.access import Access, Stranger
from .web.address import (
    FLAG,
    bind_tcp,
    bind_unix,
    family,
    parse_address,
    parse_place,
    reached,
    remove_unix,
    url,
)
from .web.connections import MAX_REQUESTS, Connection, Connections
from .web.handler import FIRST_REQUEST_SECONDS, Handler, accepts_gzip, place_of
from .web.handshake import shake_hands
from .web.site import Site

__all__ = ("MAX_REQUESTS", "Server", "accepts_gzip", "parse_address")

log = logging.getLogger("virt-agent")

_BEAT_SECONDS = 0.25
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NO_TLS = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 24\r\nConnection: close\r\n\r\nask here with https://\r\n"


class Server(socketserver.TCPServer):
    """One listening address. Port 0 takes a free one; `address` and `url` tell which.

    `beat` is when (time.monotonic()) the accepting thread last went round; `max_requests` bounds the connections.
    """

    request_queue_size = 1024

    def __init__(self, address: str, watch: Watch, access: Access, max_requests: int = MAX_REQUESTS) -> None:
        self.watch = watch
        self.access = access
        self.site = Site(watch)
        self.connections = Connections(max_requests)
        self.beat = time.monotonic()
        self._place = parse_place(address)
        self._socket_file: tuple[int, int] | None = None
        self._context = access.terms.context
        self.address_family = family(self._place)
        try:
            super().__init__((self._place.host, self._place.port), Handler)  # type: ignore[arg-type]
        except OSError as error:
            raise UsageError(f"{FLAG} {address}: {error.strerror or error}") from None

    def server_bind(self) -> None:
        """Bind to the place; a unix socket's file is of owner and group."""
        if self._place.path is not None:
            self._socket_file = bind_unix(self.socket, self._place.path)
        else:
            bind_tcp(self.socket, self._place)
        self.server_address = self.socket.getsockname()

    @property
    def address(self) -> str:
        """HOST:PORT or unix:/PATH under which this server is reached from here."""
        return f"unix:{self._place.path}" if self._place.path is not None else reached(self.server_address)

    @property
    def url(self) -> str:
        """The same for a browser."""
        return url(self.access.scheme, self._place, self.server_address)

    def serve_forever(self, poll_interval: float = _BEAT_SECONDS) -> None:
        """Accept until shutdown()."""
        super().serve_forever(poll_interval)

    def service_actions(self) -> None:
        """Each turn of the accepting loop."""
        self.beat = time.monotonic()
        context = self.access.terms.context
        if context is not self._context:
            self._context = context
            self.connections.close_made_before(context)
        for lost in self.connections.never_begun():
            lost.stream.close()

    def get_request(self) -> tuple[socket.socket, object]:
        """The next connection; where there are no more file descriptors, a pause instead of a hot loop."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self.connections.close_waiting()
                time.sleep(0.05)
            raise

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Give the connection a thread; hang up where that is too much."""
        address = str(client_address[0]) if isinstance(client_address, tuple) else ""
        connection = self.connections.admit(request, address)
        if connection is None:
            request.close()
            return
        try:
            # Thread.start() waits for a sign of the new thread, for ever where that has no memory to give it.
            _thread.start_new_thread(self._converse, (connection,))
        except (RuntimeError, MemoryError):  # no thread to be had
            self.connections.leave(connection)
            request.close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """An error of ours in the accepting thread. The base class prints a traceback: it reads sources, and may wait."""
        log.error("an internal error in accepting: %s", place_of(sys.exc_info()[1]))

    def _converse(self, connection: Connection) -> None:
        """The thread of one connection."""
        connection.begun = True
        try:
            connection.stream, connection.context = self.access.secure(connection.stream)
            if connection.over:  # closed while its socket was between two objects
                return
            certified = connection.context is not None and self._shake_hands(connection)
            Handler(connection, self, certified)
        except Stranger as error:
            self.access.tell(f"{connection.address}: {error}")
        except OSError as error:  # a client that goes away in the middle is no error of ours
            log.debug("a connection ended early: %s", error)
        except Exception as error:  # noqa: BLE001 - one connection's end, not the daemon's
            log.error("an internal error with a connection: %s", place_of(error))  # noqa: TRY400 - see place_of
        finally:
            self.connections.leave(connection)
            connection.stream.close()

    def _shake_hands(self, connection: Connection) -> bool:
        stream = connection.stream
        assert isinstance(stream, ssl.SSLSocket)
        try:
            shake_hands(stream, FIRST_REQUEST_SECONDS, connection.hear)
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                socket.socket.sendall(stream, _NO_TLS)
            raise
        return self.access.certified(stream)

    def server_close(self) -> None:
        """Stop listening, end what is open, take the unix socket's file away."""
        super().server_close()
        self.connections.close_all()
        if self._socket_file is not None and self._place.path is not None:
            remove_unix(self._place.path, self._socket_file)
            self._socket_file = None
