"""The daemon over real sockets on loopback: paths, methods, negotiation, hanging collectors, silent clients."""

from __future__ import annotations

import gzip
import http.client
import itertools
import socket
import threading
from collections.abc import Iterator

import pytest

from tests import corpus
from tests.test_rules import patient, reading, write
from virt_agent.options import UsageError
from virt_agent.selection import Selection
from virt_agent.serve import server as http_server
from virt_agent.serve.server import Server, parse_address
from virt_agent.serve.stalls import Stalls
from virt_agent.serve.watch import Watch
from virt_collectors.errors import refusal
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.record import replace

PATIENCE = 20.0


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


@pytest.fixture
def machine() -> Iterator[Slow]:
    host = Slow("pvhvm")
    yield host
    host.release.set()


@pytest.fixture
def server(machine: Slow) -> Iterator[Server]:
    watch = Watch(machine, Selection(), (), ())
    watch._runner._limit = 0.2
    with Server("127.0.0.1:0", watch) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(PATIENCE)


def get(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    host, port = server.address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    try:
        connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind", "contains"),
    [
        ("/metrics", "text/plain; version=", b'virt_guest_info{cloud="",'),
        ("/metrics?collect=x", "text/plain; version=", b"virt_check_status 0.0"),
        ("/check", "text/plain; charset=utf-8", b"VIRT-AGENT OK: Xen PVHVM guest"),
        ("/", "text/html; charset=utf-8", b"<h1>VIRT-AGENT OK: Xen PVHVM guest"),
        ("/-/healthy", "text/plain; charset=utf-8", b"OK\n"),
        ("/-/ready", "text/plain; charset=utf-8", b"OK\n"),
    ],
)
def test_paths(server: Server, path: str, kind: str, contains: bytes) -> None:
    status, headers, body = get(server, path)
    assert status == 200
    assert headers["Content-Type"].startswith(kind)
    assert contains in body
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Server"] == "virt-agent/0.1.0"


@pytest.mark.parametrize("path", ["/favicon.ico", "/metrics/", "/../etc/passwd", "/metrics/x", "/-/quit"])
def test_other_paths_are_404(server: Server, path: str) -> None:
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405(server: Server, method: str) -> None:
    status, headers, _ = get(server, "/metrics", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_head_is_get_without_its_body(server: Server) -> None:
    status, headers, body = get(server, "/check", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 100


def test_openmetrics_and_gzip_by_negotiation(server: Server) -> None:
    _, headers, body = get(server, "/metrics", Accept="application/openmetrics-text", Accept_Encoding="gzip")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).endswith(b"# EOF\n")


def test_a_collector_that_hangs_is_stuck_and_costs_the_next_scrape_nothing(server: Server, machine: Slow) -> None:
    assert b'virt_agent_collector_success{collector="memory"} 1.0' in get(server, "/metrics")[2]
    machine.hang.set()
    ill = get(server, "/metrics")[2]
    assert b'virt_agent_collector_success{collector="memory"} 0.0' in ill
    assert b'virt_agent_collector_success{collector="network"} 1.0' in ill
    assert b"virt_xen_frontend_state" in ill
    asked = machine.asked
    for _ in range(5):
        assert b'virt_agent_collector_success{collector="memory"} 0.0' in get(server, "/metrics")[2]
    assert machine.asked == asked, "a hanging collector was started again"
    assert b"memory stuck" in get(server, "/check")[2]
    machine.hang.clear()
    machine.release.set()
    for _ in range(200):
        if b'virt_agent_collector_success{collector="memory"} 1.0' in get(server, "/metrics")[2]:
            break
    else:
        pytest.fail("the collector did not come back after its read returned")


def test_silent_clients_block_nobody(server: Server) -> None:
    host, port = server.address.rsplit(":", 1)
    silent = [socket.create_connection((host, int(port))) for _ in range(http_server.CONNECTIONS - 2)]
    try:
        assert get(server, "/-/healthy")[0] == 200
    finally:
        for client in silent:
            client.close()


def test_too_many_connections_are_refused_at_once(server: Server) -> None:
    host, port = server.address.rsplit(":", 1)
    silent = [socket.create_connection((host, int(port))) for _ in range(http_server.CONNECTIONS)]
    try:
        statuses = set()
        for _ in range(50):  # the server takes a moment to accept them all
            statuses.add(get(server, "/-/healthy")[0])
            if 503 in statuses:
                break
        assert 503 in statuses
    finally:
        for client in silent:
            client.close()


def test_facts_that_move_are_read_for_each_scrape_and_static_ones_once(machine: Slow) -> None:
    asked: list[str] = []

    class Counting(Slow):
        def file(self, path: str, limit: int = 1 << 22) -> bytes:
            asked.append(path)
            return super().file(path, limit)

    watch = Watch(Counting("pvhvm"), Selection(), (), ())
    for _ in range(3):
        watch.look()
    assert asked.count("proc/stat") == 3
    assert asked.count("proc/cpuinfo") == 1
    assert asked.count("lib/modules/6.1.0-56-amd64/modules.builtin") == 1


def test_two_scrapes_at_a_time_share_one_look(machine: Slow) -> None:
    watch = Watch(machine, Selection(), (), ())
    watch.look()
    looks = machine.asked
    machine.hang.set()
    threads = [threading.Thread(target=watch.look) for _ in range(6)]
    for thread in threads:
        thread.start()
    machine.hang.clear()
    machine.release.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert machine.asked - looks <= 3


def test_a_dead_disk_stays_dead_however_often_it_is_asked() -> None:
    host = Slow("pv")
    tree = patient("pv", write("sys/devices/vbd-51728/state", b"Closed\n"))
    host._tree = tree
    ticks = itertools.count()
    watch = Watch(host, Selection(), (), (), clock=lambda: 5000.0 + next(ticks) * 0.02)
    codes = [[f.code for f in watch.look()[0].findings if f.severity != "info"] for _ in range(100)]
    assert codes[0] == [], "one reading confirms nothing"
    assert codes[-1] == ["X02"]
    confirmed = codes.index(["X02"])
    assert all(found == ["X02"] for found in codes[confirmed:])


def test_what_failed_at_the_start_is_read_again() -> None:
    class Starting(Slow):
        broken = True

        def file(self, path: str, limit: int = 1 << 22) -> bytes:
            if path == "proc/cpuinfo" and self.broken:
                raise refusal(path, "EIO")
            return super().file(path, limit)

    host = Starting("pvhvm")
    watch = Watch(host, Selection(), (), ())
    assert watch.look()[0].reading.facts.cpu is None
    host.broken = False
    report, _ = watch.look()
    assert report.reading.facts.cpu is not None
    assert {outcome.outcome for outcome in report.outcomes} <= {"ok", "absent"}


def test_a_look_that_fails_is_not_answered_with_the_one_before() -> None:
    host = Slow("pvhvm")
    watch = Watch(host, Selection(), (), ())
    watch.look()
    watch._runner = None  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(AttributeError):
            watch.look()


def test_a_body_is_not_taken_for_the_next_request(server: Server) -> None:
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        hidden = b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(("header", "taken"), [("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False),
                                               ("br", False), ("", False)])  # fmt: skip
def test_gzip_is_taken_where_it_is_accepted(header: str, taken: bool) -> None:
    assert http_server.accepts_gzip(header) is taken


def test_a_stall_is_the_age_of_requests_without_completion() -> None:
    now = reading(patient("pvhvm"))
    stalls = Stalls()

    def seen(monotonic: float, in_flight: int, completed: int) -> float:
        disks = now.facts.block_devices or ()
        disk = replace(disks[0], in_flight=in_flight, completed=completed)
        moment = replace(now, monotonic=monotonic, facts=replace(now.facts, block_devices=(disk,)))
        return stalls.seconds(moment).get(disk.name, 0.0)

    assert seen(100.0, 0, 7) == 0
    assert seen(115.0, 3, 7) == 0
    assert seen(130.0, 3, 7) == 15
    assert seen(145.0, 4, 7) == 30
    assert seen(160.0, 4, 8) == 0
    assert seen(175.0, 4, 8) == 15
    assert seen(190.0, 0, 12) == 0


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        (":10480", ("", 10480)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:9", ("::1", 9)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(address: str, parsed: tuple[str, int]) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize("address", ["10480", "::1:80", "host:port", ":99999", ""])
def test_nonsense_addresses_are_told(address: str) -> None:
    with pytest.raises(UsageError, match=r"HOST:PORT"):
        parse_address(address)


def test_a_restart_on_the_same_port_works_at_once(machine: Slow) -> None:
    """The side that closes first keeps the port in TIME_WAIT for a minute; seen in the lab."""
    watch = Watch(machine, Selection(), (), ())
    address = "127.0.0.1:0"
    for _ in range(2):
        with Server(address, watch) as made:
            address = made.address
            thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            assert get(made, "/-/healthy", "POST")[0] == 405  # after which the server closes
            made.shutdown()
            thread.join(PATIENCE)


def test_an_address_in_use_is_told(server: Server) -> None:
    with pytest.raises(UsageError, match=r"Address already in use"):
        Server(server.address, server.watch)
