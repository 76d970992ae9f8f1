"""A daemon's listener over one recorded guest, and clients that speak to it over real sockets on loopback."""

from __future__ import annotations

import base64
import contextlib
import http.client
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from tests import corpus
from virt_agent.selection import Selection
from virt_agent.serve.server import Server
from virt_agent.serve.watch import Watch
from virt_agent.serve.web.access import Access
from virt_collectors.host.snapshot import SnapshotHost

PATIENCE = 20.0
CERTIFICATES = pathlib.Path(__file__).parent / "web"
# htpasswd's form, cost 4 lest a test take long: alice has "secret", bob "other"
USERS = """basic_auth_users:
  alice: $2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
  bob: $2b$04$ABCDEFGHIJKLMNOPQRSTUubdTkc8VfDg3xLFFedNQLivmNw6I3T6K
"""
TLS = f"""tls_server_config:
  cert_file: {CERTIFICATES}/server.pem
  key_file: {CERTIFICATES}/server.key
"""
CLIENTS = (
    TLS
    + f"""  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {CERTIFICATES}/client.pem
"""
)


class Slow(SnapshotHost):
    """A live machine whose /proc/stat does not return before it is told to."""

    live = True

    def __init__(self, name: str) -> None:
        super().__init__(corpus.tree(name))
        self.hang = threading.Event()
        self.release = threading.Event()
        self.asked = 0

    def file(self, path: str, limit: int = 1 << 22) -> bytes:
        if path == "proc/stat":
            self.asked += 1
            if self.hang.is_set():
                self.release.wait(PATIENCE)
        return super().file(path, limit)


@contextlib.contextmanager
def serving(
    access: Access, most: int = 40, machine: SnapshotHost | None = None, limit: float = 0.2
) -> Iterator[Server]:
    """A server on a free port of loopback, in a thread."""
    watch = Watch(machine or Slow("pvhvm"), Selection(), (), ())
    watch._runner._limit = limit
    with Server("127.0.0.1:0", watch, access, most) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(PATIENCE)


def configured(directory: pathlib.Path, text: str) -> Access:
    """The access that a web configuration gives."""
    path = directory / "web.yml"
    path.write_text(text)
    return Access(str(path))


def place(server: Server) -> tuple[str, int]:
    host, port = server.address.rsplit(":", 1)
    return host, int(port)


def connect(server: Server) -> socket.socket:
    return socket.create_connection(place(server), timeout=PATIENCE)


def trusting(certificate: str = "server", own: str | None = None) -> ssl.SSLContext:
    """A client's context that trusts one of our certificates, and shows one of its own."""
    context = ssl.create_default_context(cafile=CERTIFICATES / f"{certificate}.pem")
    if own:
        context.load_cert_chain(CERTIFICATES / f"{own}.pem", CERTIFICATES / f"{own}.key")
    return context


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def get(
    server: Server, path: str, method: str = "GET", tls: ssl.SSLContext | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request on a connection of its own."""
    host, port = place(server)
    if tls:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=tls)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for what other threads do; AssertionError where it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)


def rest(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            found += part
    return found
