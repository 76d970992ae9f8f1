"""HTTP from both sides: what a stranger sends to the daemon, and what answers in the metadata service's place."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests import corpus, web_server
from virt_agent import observe
from virt_agent.metrics.definition import Watched
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.connections import Connections
from virt_agent.serve.web.handler import Handler
from virt_agent.serve.web.site import Site
from virt_collectors import imds_events
from virt_collectors.collect import COLLECTORS, run
from virt_collectors.errors import Denied, NoService
from virt_collectors.host import metadata
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.imds import parse_macs

from ..form import PART, Target, as_json, joined, refused, text

_PATIENCE = 20.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z' -]+\r\n")
_KNOWN = {b"200", b"400", b"401", b"404", b"405", b"414", b"429", b"431", b"500", b"501", b"503", b"505"}
_RIGHT = web_server.basic("alice", "secret").encode()


class _Watched:
    """A look that was taken once."""

    def __init__(self) -> None:
        self.seen = observe.observe(corpus.host("D02-ec2-pv-uuid-enoent"), Selection()), Watched()

    def look(self) -> tuple[Report, Watched]:
        return self.seen


class _Listener:
    """What a handler needs of its server. The handlers run here, on one end of a pair of sockets."""

    def __init__(self, web: str | None) -> None:
        self.site = Site(_Watched())  # type: ignore[arg-type]
        self.connections = Connections(40)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "web.yml"
            path.write_text(web or "")
            self.access = Access(str(path) if web else None)

    def conversation(self, data: bytes, address: str) -> bytes:
        """All that comes back to a client who sends this and then no more."""
        ours, theirs = socket.socketpair()
        client = _Client(theirs, data)
        held = self.connections.admit(ours, address)
        assert held is not None
        try:
            with contextlib.suppress(OSError):  # as the server's thread takes a client that goes away
                Handler(held, self, False)  # type: ignore[arg-type]
        finally:
            self.connections.leave(held)
            ours.close()
        return client.answer()


class _Client(threading.Thread):
    """Takes the answer while it is sent, as a client does."""

    def __init__(self, stream: socket.socket, data: bytes) -> None:
        super().__init__(daemon=True)
        self._stream, self._data, self._got = stream, data, b""
        self.start()

    def run(self) -> None:
        with self._stream as stream, contextlib.suppress(OSError):
            stream.settimeout(_PATIENCE)
            stream.sendall(self._data)
            stream.shutdown(socket.SHUT_WR)
            while part := stream.recv(1 << 16):
                self._got += part

    def answer(self) -> bytes:
        self.join(_PATIENCE)
        assert not self.is_alive(), "the server did not end the connection"
        return self._got


@functools.cache
def _listener(web: str | None) -> _Listener:
    return _Listener(web)


def http(data: bytes) -> None:
    """Whatever is sent, the answers are ours, repeat nothing, and without the password tell nothing."""
    for web in (None, web_server.USERS):
        got = _listener(web).conversation(data, "192.0.2.7")
        statuses = _statuses(got)
        assert set(statuses) <= _KNOWN, statuses
        assert b"500" not in statuses
        old = not statuses and got  # HTTP/0.9 has no head
        if web and (b"200" in statuses or (old and b"Unauthorized" not in got)):
            assert b"asic" in data.lower() or not got, got[:200]
            assert _RIGHT.partition(b" ")[2] in data, got[:200]
        for word in re.findall(rb"[A-Za-z]{6}[0-9]{6,}", data):
            assert word not in got, "a part of the request came back"
        assert data.count(b"\n") + 1 >= len(statuses)


def _statuses(got: bytes) -> list[bytes]:
    """Of the answers one behind the other; each has its length, but for those to HEAD, which have no body."""
    found: list[bytes] = []
    at = 0
    while at < len(got):
        head = _STATUS.match(got, at)
        if head is None:
            assert not found or b"HTTP/1.1 " not in got[at:], got[at : at + 80]
            break
        found.append(head[1])
        end = got.index(b"\r\n\r\n", at) + 4
        for line in got[at:end].split(b"\r\n"):
            assert line.isascii()
            assert line.decode().isprintable()
        length = re.search(rb"\r\nContent-Length: (\d+)\r\n", got[at:end])
        assert length
        bodiless = _STATUS.match(got, end) or end + int(length[1]) > len(got)
        at = end if bodiless else end + int(length[1])
    assert at <= len(got)
    return found


class _Service(threading.Thread):
    """Stands where the metadata service would: each connection gets the next of the answers, and then no more."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.waiting: list[bytes] = []
        self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client, contextlib.suppress(OSError):
                client.settimeout(2.0)
                while (head := client.recv(4096)) and not head.endswith(b"\r\n\r\n"):
                    pass
                client.sendall(self.waiting.pop() if self.waiting else b"")


@functools.cache
def _service() -> _Service:
    return _Service()


def metadata_client(data: bytes) -> None:
    """Answers of anybody, one for each connection: a bounded text with its status, or the state in words."""
    service = _service()
    service.waiting = data.split(PART)[::-1]
    client = metadata.Client((service.endpoint,), sleep=lambda _seconds: None, patience=(2.0, 2.0))
    client.begin(10.0)
    for path in ("/latest/meta-data/instance-id", "/latest/dynamic/instance-identity/document", "/latest/user-data"):
        error = refused(functools.partial(client.get, path), NoService, Denied)
        assert (path == "/latest/user-data") == isinstance(error, Denied)
    assert all(status.isdecimal() or status in ("timeout", "error") for status in client.requests)
    assert sum(client.requests.values()) <= 3 * 3 * 2 * 2 * 2


def metadata_answers(data: bytes) -> None:
    """Bodies by path, "PATH\\nBODY" in each part: facts of bounded texts, no internal error."""
    responses: dict[str, Any] = {}
    for part in data.split(PART)[:100]:
        path, _, body = text(part).partition("\n")
        responses[f"/latest/{path}"] = {"status": 200, "body": body}
    made = MemoryTree()
    made.add("virt-agent/imds.json", json.dumps({"state": "ok", "responses": responses}).encode())
    made.add("sys/class/dmi/id/sys_vendor", b"Amazon EC2\n")
    result = run(SnapshotHost(made), next(each for each in COLLECTORS if each.name == "imds"))
    assert "internal error" not in (result.outcome.reason or ""), result.outcome
    found = result.value
    assert found is not None
    assert len(found.maintenance) <= 100 >= len(found.history)
    for event in (*found.maintenance, *found.history):
        assert event.code.isprintable()
        assert len(event.code) <= 256
    assert all(len(mac) == 17 for mac in found.macs)
    for body in (each["body"] for each in responses.values()):
        imds_events.parse_maintenance(body)
        imds_events.parse_spot_action(body)
        for seconds in (imds_events.parse_notice(body), imds_events.parse_time(body)):
            assert seconds is None or abs(seconds) < 1e12
        assert len(parse_macs(body)) <= 1000


def _requests() -> Iterable[bytes]:
    host = b"Host: localhost:10480\r\n"
    yield b"GET /metrics HTTP/1.1\r\n" + host + b"Accept-Encoding: gzip\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n" + host + b"Authorization: Basic eA==\r\n\r\nHEAD /check HTTP/1.1\r\n" + host + b"\r\n"
    yield b"GET /check HTTP/1.0\r\n\r\nGET /-/healthy\r\n"
    yield b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
    yield b"GET http://x/metrics?a=b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"


def _replies() -> Iterable[bytes]:
    def reply(body: bytes, status: bytes = b"200 OK") -> bytes:
        return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)

    yield joined(reply(b"AQAEAtoken=="), reply(b"i-0abc1234def567890"), reply(b'{"instanceId": "i-0"}'))
    yield joined(reply(b"", b"403 Forbidden"))
    yield joined(reply(b"tok"), b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")
    yield joined(
        reply(b"tok"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ni-0\r\n0\r\n\r\n",
        reply(b"", b"503 x"),
    )
    yield joined(reply(b"tok"), b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08")


def _bodies() -> Iterable[bytes]:
    event = {"Code": "system-reboot", "State": "active", "NotBefore": "21 Jan 2019 09:00:43 GMT", "EventId": "i"}
    yield joined(
        b"meta-data/instance-id\ni-0abc",
        b"dynamic/instance-identity/document\n" + as_json({"instanceId": "i-0", "instanceType": "t2.micro"}),
        b"meta-data/events/maintenance/scheduled\n" + as_json([event]),
        b"meta-data/spot/instance-action\n" + as_json({"action": "stop", "time": "2017-09-18T08:22:00Z"}),
        b"meta-data/network/interfaces/macs/\n0e:49:61:0f:c3:11/\n",
        b"meta-data/block-device-mapping/\nami\nroot",
        b"meta-data/block-device-mapping/root\n/dev/sda1",
    )


TARGETS = (
    Target("http", "answers of ours that repeat nothing", http, _requests, 2048),
    Target("metadata_client", "a bounded text, or the state in words", metadata_client, _replies),
    Target("metadata_answers", "facts of bounded texts", metadata_answers, _bodies),
)
