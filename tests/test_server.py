"""The daemon over real sockets on loopback: paths, methods, negotiation, hanging collectors, silent clients."""

from __future__ import annotations

import gzip
import http.client
import itertools
import socket
import threading
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.test_rules import patient, reading, write
from tests.web_server import PATIENCE, Slow, connect, get, place, rest, serving, until
from virt_agent.options import UsageError
from virt_agent.selection import Selection
from virt_agent.serve import server as http_server
from virt_agent.serve.server import Server
from virt_agent.serve.stalls import Stalls
from virt_agent.serve.watch import Watch
from virt_agent.serve.web import connections
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.connections import Connections
from virt_agent.serve.web.handler import Handler
from virt_agent.serve.web.reader import Reader
from virt_collectors.errors import refusal
from virt_collectors.record import replace


@pytest.fixture
def machine() -> Iterator[Slow]:
    host = Slow("pvhvm")
    yield host
    host.release.set()


@pytest.fixture
def server(machine: Slow) -> Iterator[Server]:
    with serving(Access(None), machine=machine) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "kind", "contains"),
    [
        ("/metrics", "text/plain; version=", b'virt_guest_info{cloud="",'),
        ("/metrics?collect=x", "text/plain; version=", b"virt_check_status 0.0"),
        ("/check", "text/plain; charset=utf-8", b"VIRT-AGENT OK: Xen PVHVM guest"),
        ("/", "text/html; charset=utf-8", b"<bdi>Xen PVHVM guest, nothing wrong</bdi></h1>"),
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
    silent = [connect(server) for _ in range(http_server.MAX_REQUESTS * 2)]
    try:
        assert [get(server, "/-/healthy")[0] for _ in range(20)] == [200] * 20
    finally:
        for client in silent:
            client.close()


def test_the_connection_that_has_been_idle_longest_makes_room() -> None:
    with serving(Access(None), most=2) as server:
        clients = [http.client.HTTPConnection(*place(server), timeout=PATIENCE) for _ in range(3)]
        for client in (clients[0], clients[1], clients[0], clients[2]):
            client.request("GET", "/-/healthy")
            assert client.getresponse().read() == b"OK\n"
        assert clients[1].sock.recv(1) == b"", "the one that asked last of all but the newcomer had to go"
        clients[0].request("GET", "/-/healthy")
        assert clients[0].getresponse().status == 200
        for client in clients:
            client.close()


def test_where_all_places_are_answering_one_is_told_503_and_later_it_is_well_again(machine: Slow) -> None:
    with serving(Access(None), most=3, machine=machine, limit=PATIENCE) as server:
        get(server, "/check")
        machine.hang.set()
        askers = [threading.Thread(target=get, args=(server, "/check")) for _ in range(3)]
        for asker in askers:
            asker.start()
        until(lambda: sum(one.ours for one in tuple(server.connections._all)) == 3)
        status, headers, _ = get(server, "/metrics")
        assert (status, headers["Retry-After"], headers["Connection"]) == (503, "5", "close")
        machine.hang.clear()
        machine.release.set()
        for asker in askers:
            asker.join(PATIENCE)
        assert get(server, "/metrics")[0] == 200


def test_threads_are_bounded_however_many_are_refused(machine: Slow) -> None:
    with serving(Access(None), most=1, machine=machine, limit=PATIENCE) as server:
        get(server, "/check")
        machine.hang.set()
        asker = threading.Thread(target=get, args=(server, "/check"))
        asker.start()
        until(lambda: any(one.ours for one in tuple(server.connections._all)))
        clients = [connect(server) for _ in range(connections.SPARE + 10)]
        hung_up = [client for client in clients[:10] if rest(client) == b""]
        assert len(hung_up) == 10
        assert len(server.connections) <= 1 + connections.SPARE
        machine.release.set()
        asker.join(PATIENCE)
        for client in clients:
            client.close()


def test_the_beat_goes_on_whatever_the_clients_do(server: Server, machine: Slow) -> None:
    machine.hang.set()
    clients = [connect(server) for _ in range(60)]
    before = server.beat
    until(lambda: server.beat > before)
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 40000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 150 + b"\r\n", 431),
        (b"GET /" + b"a" * 40000, 431),
        (b"GET / HTTP/9.1\r\n\r\n", 505),
        (b"GET / HTTP/one\r\n\r\n", 400),
        (b"\0\1\2\3 what is this\r\n\r\n", 400),
    ],
)
def test_broken_and_boundless_requests_are_refused_without_repeating_them(
    server: Server, request_: bytes, code: int
) -> None:
    with connect(server) as client:
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        answer = rest(client)
    assert answer.startswith(b"HTTP/1.1 %d " % code)
    assert b"Connection: close" in answer
    assert b"yyy" not in answer
    assert b"what" not in answer


@hypothesis.given(st.binary(max_size=300))
@hypothesis.settings(max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_hostile_bytes_get_an_answer_or_the_end(server: Server, hostile: bytes) -> None:
    with connect(server) as client:
        client.sendall(hostile)
        client.shutdown(socket.SHUT_WR)
        assert b"500 Internal" not in rest(client)
    assert get(server, "/-/healthy")[0] == 200


def test_a_request_that_trickles_in_has_a_deadline_as_a_whole() -> None:
    ticks = itertools.count(0, 3)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = Reader(ours, clock=lambda: float(next(ticks)))
        theirs.sendall(b"G" * 100)
        read = []

        def drain() -> None:
            while True:
                read.append(reader.readinto(memoryview(bytearray(1))))

        with pytest.raises(TimeoutError):
            drain()
        assert 0 < len(read) < 10
        reader.expect(5.0)
        assert reader.readinto(memoryview(bytearray(1))) == 1, "the next request has its own time"


def test_an_error_of_ours_is_500_in_one_line_of_the_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.watch._runner = None  # type: ignore[assignment]
    status, _, body = get(server, "/check")
    assert (status, body) == (500, b"internal error; the log has it\n")
    (record,) = caplog.records
    assert record.exc_info is None
    assert "AttributeError" in record.getMessage()
    assert "watch.py:" in record.getMessage()
    assert get(server, "/-/healthy")[0] == 200


def test_a_slow_reader_of_an_answer_makes_room_too() -> None:
    with serving(Access(None), most=1) as server, connect(server) as slow:
        slow.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(100)
        assert get(server, "/-/healthy")[0] == 200


def test_an_answer_is_made_and_packed_in_our_turn(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the client's, a newcomer could have it closed before its first byte was sent."""
    ours = []

    def version(handler: Handler) -> str:
        ours.append(handler._held.ours)
        return "x"

    monkeypatch.setattr(Handler, "version_string", version)
    assert get(server, "/metrics", Accept_Encoding="gzip")[0] == 200
    assert ours == [True]


def test_answers_on_their_way_outlast_what_closes_the_waiting() -> None:
    held = Connections(2)
    streams = socket.socketpair()
    answered, idle = (held.admit(stream, "x") for stream in streams)
    assert answered is not None
    assert idle is not None
    answered.context = idle.context = object()  # type: ignore[assignment]
    for begun in (answered, idle):
        held.begin(begun)
    held.wait(answered, taking=True)
    held.wait(idle)
    held.close_waiting()
    held.close_made_before(None)
    assert (answered.over, idle.over) == (False, True)
    held.wait(answered)
    held.close_waiting()
    assert answered.over
    for stream in streams:
        stream.close()


def test_a_place_whose_thread_never_began_is_taken_back() -> None:
    now = [0.0]
    held = Connections(1, lambda: now[0])
    ours, its_client = socket.socketpair()
    with ours, its_client:
        held.admit(ours, "127.0.0.1")
        assert held.never_begun() == []
        now[0] = connections.BEGIN_SECONDS + 0.1
        assert [lost.stream for lost in held.never_begun()] == [ours]
        assert len(held) == 0
        assert its_client.recv(1) == b""
        served = held.admit(ours, "127.0.0.1")
        assert served
        served.begun = True
        now[0] *= 3
        assert held.never_begun() == []


def test_one_whose_request_has_come_and_not_been_read_is_not_closed_for_a_newcomer() -> None:
    held = Connections(2)
    pairs = [socket.socketpair() for _ in range(4)]
    asking, silent, newcomer, late = (pair[0] for pair in pairs)
    first, second = held.admit(asking, "x"), held.admit(silent, "x")
    assert first is not None
    assert second is not None
    pairs[0][1].sendall(b"GET")
    third = held.admit(newcomer, "x")
    assert third is not None
    assert (first.over, second.over, third.refused) == (False, True, False)
    pairs[2][1].sendall(b"GET")
    fourth = held.admit(late, "x")
    assert fourth is not None
    assert fourth.refused, "all are about to be answered"
    held.wait(first, taking=True)
    assert not first.asks(), "who does not take its answer is not spared for what it sends besides"
    for stream in (stream for pair in pairs for stream in pair):
        stream.close()


def test_an_error_in_accepting_is_a_line_in_the_log_and_nothing_on_standard_error(
    server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    usual = server.connections.admit

    def fail(stream: socket.socket, address: str) -> None:
        raise MemoryError

    server.connections.admit = fail  # type: ignore[method-assign]
    with connect(server) as client:
        assert rest(client) == b""
    server.connections.admit = usual  # type: ignore[method-assign]
    assert get(server, "/-/healthy")[0] == 200
    assert capfd.readouterr().err == ""
    assert "MemoryError" in caplog.text


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
    with connect(server) as client:
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


def test_a_restart_on_the_same_port_works_at_once(machine: Slow) -> None:
    """The side that closes first keeps the port in TIME_WAIT for a minute; seen in the lab."""
    watch = Watch(machine, Selection(), (), ())
    address = "127.0.0.1:0"
    for _ in range(2):
        with Server(address, watch, Access(None)) as made:
            address = made.address
            thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            assert get(made, "/-/healthy", "POST")[0] == 405  # after which the server closes
            made.shutdown()
            thread.join(PATIENCE)


def test_an_address_in_use_is_told(server: Server) -> None:
    with pytest.raises(UsageError, match=r"Address already in use"):
        Server(server.address, server.watch, Access(None))
