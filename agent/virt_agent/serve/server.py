"""HTTP for Prometheus and for people: a few fixed paths, GET and HEAD, nothing that changes anything.

A thread for each connection and a bound on their number, so that one silent client blocks nobody.
"""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .. import __version__
from ..metrics import Page
from ..options import UsageError
from ..render import text
from . import page
from .watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("virt-agent")

CONNECTIONS = 32
FIRST_REQUEST_SECONDS = 10.0  # for a client that has said nothing so far
IDLE_SECONDS = 90.0  # between requests: longer than the usual scrape interval, so that Prometheus keeps its connection

Answer = tuple[int, str, bytes]


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of ":10480", "127.0.0.1:10480" or "[::1]:10480"; an empty host means all."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535 or (":" in host and not host.startswith("[")):
        raise UsageError(f"--web.listen-address: {address!r} is not HOST:PORT, [IPV6]:PORT or :PORT")
    return host.strip("[]"), int(port)


class Server(ThreadingHTTPServer):
    """One listening address. Port 0 takes a free one; `address` tells which."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, watch: Watch) -> None:
        self.watch = watch
        self.page = Page()
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        host, port = parse_address(address)
        self.address_family = socket.AF_INET6 if ":" in host or (not host and _has_ipv6()) else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise UsageError(f"--web.listen-address {address}: {error.strerror or error}") from None

    def server_bind(self) -> None:
        """Listen on IPv4 too where the address is "all", and at once again after a restart (TIME_WAIT)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(self.server_address[0])))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    @property
    def address(self) -> str:
        """HOST:PORT under which this server is reached from here."""
        host, port = str(self.server_address[0]), int(self.server_address[1])
        host = {"::": "localhost", "0.0.0.0": "localhost"}.get(host, host)  # noqa: S104 - told, not bound
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """Answer in a thread, or at once with 503 where too many are open."""
        if self._slots.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # no thread to be had
                self._slots.release()
                self.shutdown_request(request)
            return
        request.settimeout(1.0)
        try:
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError as error:
            log.debug("a refused client went away: %s", error)
        self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """The thread of one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that goes away in the middle is no error of ours."""
        log.debug("a connection ended early")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = FIRST_REQUEST_SECONDS

    def do_GET(self) -> None:
        """The fixed paths, 404 elsewhere."""
        self.connection.settimeout(IDLE_SECONDS)
        if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # a body that nobody reads must not be taken for the next request
        path = self.path.partition("?")[0]
        if path.startswith(("http://", "https://")):  # absolute form, RFC 9112 3.2.2
            path = "/" + path.partition("://")[2].partition("/")[2]
        make = _PATHS.get(path)
        if make is None:
            self._send(404, "text/plain; charset=utf-8", b"not found; there are " + ", ".join(_PATHS).encode() + b"\n")
            return
        try:
            code, kind, body = make(self)
        except Exception:
            log.exception("could not answer %s", path)
            code, kind, body = 500, "text/plain; charset=utf-8", b"internal error; the log has it\n"
        self._send(code, kind, body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """http.server looks for do_METHOD: HEAD is GET without its body, all others are refused."""
        if name == "do_HEAD":
            return self.do_GET
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self.close_connection = True
        self._send(405, "text/plain; charset=utf-8", b"only GET and HEAD\n", {"Allow": "GET, HEAD"})

    def _send(self, code: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        packed = accepts_gzip(self.headers.get("Accept-Encoding", "")) and len(body) > 1024
        if packed:
            body = gzip.compress(body, compresslevel=1, mtime=0)
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**_HEADERS, **(headers or {}), **({"Content-Encoding": "gzip"} if packed else {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """The Server header."""
        return f"virt-agent/{__version__}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are no news."""
        log.debug("%s %s", self.address_string(), format % args)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip and does not give it the weight 0 (RFC 9110 12.5.3)."""
    for entry in header.lower().split(","):
        coding, _, weight = (part.strip() for part in entry.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Encoding",
}


def _metrics(handler: Handler) -> Answer:
    content, kind = handler.server.page.render(handler.headers.get("Accept", ""), *handler.server.watch.look())
    return 200, kind, content


def _check(handler: Handler) -> Answer:
    found, _ = handler.server.watch.look()
    return 200, "text/plain; charset=utf-8", text.render(found, text.Style()).encode()


def _page(handler: Handler) -> Answer:
    found, _ = handler.server.watch.look()
    return 200, "text/html; charset=utf-8", page.render(found).encode()


def _fine(handler: Handler) -> Answer:  # noqa: ARG001
    return 200, "text/plain; charset=utf-8", b"OK\n"


# Ready as soon as it listens: the first look was taken before.
_PATHS: dict[str, Callable[[Handler], Answer]] = {
    "/": _page,
    "/metrics": _metrics,
    "/check": _check,
    "/-/healthy": _fine,
    "/-/ready": _fine,
}


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
