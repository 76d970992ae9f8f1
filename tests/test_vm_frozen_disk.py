"""The test machine's frozen disk (tests/vm), where no machine is needed for it: what asks, and what judges."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm import frozen_disk as outside
from tests.vm import monitor
from tests.vm.inside import frost
from tests.vm.inside import frozen_disk as inside

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
DONE: dict[str, Any] = {"return": {}}
EVENT = {"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 2}}

CHECK = """\
VIRT-AGENT CRITICAL: disk vda is stalled: 5 requests in flight, none finishes (B07)

CRITICAL  B07 io-stalled   vda
  Since   2026-11-21 20:00:00 UTC (first seen by this daemon)

  vda     virtio_blk    virtio  ok   2.0 GiB, 5 in flight

CHANGES seen since the agent started, newest first

  Checked   52 ok, 1 critical, 1 unsure; 92 rules do not apply here.
  Unread    os stuck: not read, for the root disk may hang: vda has 5 requests in flight and tasks stall on I/O
            93% of the time
"""
METRICS = """\
# TYPE virt_check_status gauge
virt_check_status 2.0
virt_agent_collector_success{collector="clock"} 1.0
virt_agent_collector_success{collector="os"} 0.0
virt_block_device_stalled_seconds{device="nvme0n1"} 0.0
virt_block_device_stalled_seconds{device="vda"} 71.5
"""


@contextlib.contextmanager
def qemu(place: Path, *answers: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """A monitor that greets one client and gives an answer to each line; yields what it was told."""
    heard: list[dict[str, Any]] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    listener.settimeout(10)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps(GREETING) + "\n" + json.dumps(EVENT) + "\n")
            lines.flush()
            for answer in answers:
                heard.append(json.loads(lines.readline()))
                lines.write(json.dumps(answer) + "\n")
                lines.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        thread.join(10)
        listener.close()


def test_a_disk_is_frozen_and_thaws_by_the_monitor(tmp_path: Path) -> None:
    for place, act, limit in ((tmp_path / "1", monitor.freeze, 1), (tmp_path / "2", monitor.thaw, 0)):
        with qemu(place, DONE, DONE) as heard:
            act(place, "root")
        assert [line["execute"] for line in heard] == ["qmp_capabilities", "block_set_io_throttle"]
        limits = heard[1]["arguments"]
        assert (limits.pop("device"), limits.pop("bps")) == ("root", limit)
        assert set(limits.values()) == {0}


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((DONE, {"error": {"class": "GenericError", "desc": "Device 'root' not found"}}), "not found"),
        ((DONE, EVENT), "hung up"),
    ],
    ids=["refused", "gone"],
)
def test_a_monitor_that_does_not_is_told(tmp_path: Path, answers: tuple[dict[str, Any], ...], why: str) -> None:
    with qemu(tmp_path / "m", *answers), pytest.raises(monitor.Refused, match=why):
        monitor.ask(tmp_path / "m", "block_set_io_throttle")


class Daemon(http.server.BaseHTTPRequestHandler):
    """Answers 200 with its path, or with the bodies that it has in store, and 405 to POST."""

    protocol_version = "HTTP/1.1"
    bodies: list[str] = []

    def do_GET(self) -> None:
        stored = self.bodies and self.path == "/check"
        self._answer(200, (self.bodies.pop(0) if stored else self.path).encode())

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_POST(self) -> None:
        self._answer(405, b"")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Not to the test's output."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Daemon) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
    Daemon.bodies.clear()


def test_each_round_asks_by_new_connections_and_by_the_kept_one(port: int) -> None:
    with contextlib.closing(outside.connected(port)) as kept:
        answers = outside.rounds(port, kept, 2)
        assert [answer.kind for answer in answers[:5]] == list(inside.OFTEN[:2] + inside.OFTEN[4:] + inside.OFTEN[2:4])
        assert [answer.code for answer in answers] == [200] * 10
        assert answers[3].body == "/metrics"
        assert kept.sock is not None


def test_what_it_never_asked_before_is_judged_by_its_own_status(port: int) -> None:
    answers = [outside.asked(outside.connected(port), request) for request in outside.NEVER_BEFORE]
    told = [(answer.kind, answer.code, answer.seconds) for answer in answers]
    assert set(inside.CODES) <= {kind for kind, _, _ in told}
    assert inside.wrong(told) == [f"/nothing: 200 after {seconds} s" for kind, _, seconds in told if kind == "/nothing"]


def test_who_answers_nothing_is_not_asked_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    answers = outside.rounds(closed, outside.connected(closed), 100)
    assert len(answers) == 5
    assert outside.hangs(answers)
    assert inside.wrong([(answer.kind, answer.code, answer.seconds) for answer in answers])


def test_a_late_answer_is_wrong() -> None:
    assert inside.wrong([("/check", 200, 2.9), ("/metrics", 200, 3.1)]) == ["/metrics: 200 after 3.1 s"]


def test_a_report_that_says_all_lacks_nothing() -> None:
    assert inside.untold(CHECK, "vda") == []
    assert inside.unmeasured(METRICS, "vda") == []
    assert outside.stalls(CHECK)
    assert outside.unread(CHECK) == {"os"}


@pytest.mark.parametrize(
    ("said", "instead", "lacks"),
    [
        ("CRITICAL: disk", "OK: disk", "B07 in the first line"),
        ("5 requests in flight, none finishes", "slow", "requests in flight"),
        ("not read, for the root disk may hang", "/etc/os-release: permission denied", "which collector was not read"),
        ("os stuck", "os failed", "which collector was not read"),
    ],
)
def test_what_a_report_does_not_say_is_named(said: str, instead: str, lacks: str) -> None:
    (found,) = inside.untold(CHECK.replace(said, instead), "vda")
    assert found.startswith(lacks)


@pytest.mark.parametrize("line", [1, 3, 5])
def test_what_the_metrics_do_not_say_is_named(line: int) -> None:
    lines = METRICS.splitlines()
    assert len(inside.unmeasured("\n".join([*lines[:line], *lines[line + 1 :]]), "vda")) == 1


def test_it_is_well_when_nothing_stalls_and_no_more_is_unread_than_usual(port: int) -> None:
    unread = "  Unread    os stuck: a read has not returned\n  Unread    clock failed: /proc/uptime: EIO\n"
    Daemon.bodies += [CHECK, unread, unread.splitlines()[1], CHECK]
    answers = outside.until_well(port, {"clock"}, pause=0.0)
    assert [answer.kind for answer in answers] == ["/metrics", "/check"] * 3
    assert Daemon.bodies == [CHECK]


def test_a_change_is_no_finding() -> None:
    well = "VIRT-AGENT OK\n\nCHANGES seen since the agent started\n    20:00:01 finding B07 vda gone\n"
    assert not outside.stalls(well)
    assert outside.unread(well) == set()


def test_the_program_without_a_disk_sees_who_waits_for_one() -> None:
    assert frost.state(os.getpid()) in ("R", "S")
    assert frost.state(2**30) == "gone"
    assert frost.meminfo("Cached") > 0
    assert frost.file_pages() > 0
    assert frost.memory(os.getpid())["RssAnon"] > 0


def test_it_is_told_by_its_port_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        assert frost.told(listener) == {}
        listener.settimeout(10)
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(b'{"do": "reload"}')
        assert frost.told(listener) == {"do": "reload"}


@pytest.mark.subprocess
def test_a_child_is_begun_without_waiting_for_its_program(tmp_path: Path) -> None:
    child = frost.begin(("/bin/echo", "here"), str(tmp_path / "said"))
    until = time.monotonic() + 10
    while (code := frost.ended(child)) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert code == 0
    assert frost.text(str(tmp_path / "said")) == "here\n"
    assert frost.text(str(tmp_path / "nothing")) == ""
