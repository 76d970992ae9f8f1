"""The daemon's life, in its own process: what systemd is told and when, what stops the signs of life, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests import corpus
from tests.imds.server import Server as MetadataService

pytestmark = pytest.mark.subprocess
PATIENCE = 15.0
_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(map(str, sys.path)),
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Process:
    """A daemon and what it tells."""

    def __init__(self, directory: pathlib.Path, words: list[str], program: list[str], **environment: str) -> None:
        self._log = directory / "log"
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        environment.setdefault("NOTIFY_SOCKET", str(directory / "notify"))
        name = environment["NOTIFY_SOCKET"]
        self.told.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self.told.settimeout(0.5)
        self.heard: list[str] = []
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--serve", "--web.listen-address", "127.0.0.1:0", *words],
                stderr=log,
                env={**_ENVIRONMENT, **environment},
            )

    def hear(self, start: str) -> str:
        """Wait for a message that begins so."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(TimeoutError):
                self.heard.append(self.told.recv(4096).decode())
                if self.heard[-1].startswith(start):
                    return self.heard[-1]
        raise AssertionError(f"{start!r} did not come; {self.heard[-5:]}, and in the log:\n{self.log()}")

    def log(self) -> str:
        return self._log.read_text()

    def logged(self, pattern: str) -> re.Match[str]:
        """Wait for a line in the log."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if match := re.search(pattern, self.log()):
                return match
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} is not in the log:\n{self.log()}")

    @property
    def address(self) -> tuple[str, int]:
        match = self.logged(r"listens address=http://([\d.]+):(\d+)/")
        return match[1], int(match[2])

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={key.replace("_", "-"): text for key, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def daemon(
    directory: pathlib.Path, *words: str, program: tuple[str, ...] = ("-m", "virt_agent"), **environment: str
) -> Iterator[Process]:
    made = Process(directory, list(words), list(program), **environment)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        made.told.close()


def test_it_is_ready_lives_reloads_and_ends(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.toml").write_text("[log]\nlevel = 'debug'\n")
    words = ["--root", corpus.archive("pvhvm"), "--config.file", str(tmp_path / "config.toml")]
    with daemon(tmp_path, *words, WATCHDOG_USEC="400000") as run:
        assert run.hear("READY") == "READY=1"
        assert run.heard[0] == "STATUS=VIRT-AGENT OK: Xen PVHVM guest, nothing wrong"
        for _ in range(3):
            run.hear("WATCHDOG=1")
        run.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", run.hear("RELOADING"))
        run.hear("READY=1")
        (tmp_path / "config.toml").write_text("[log]\nlevel = 'loud'\n")
        run.process.send_signal(signal.SIGHUP)
        run.hear("RELOADING")
        run.hear("READY=1")
        assert b"virt_agent_config_last_reload_successful 0.0" in run.get("/metrics")[1]
        run.logged(r" error the configuration was not taken, .* error=\"/.*config\.toml: log\.level: 'loud' is none of")
        assert run.end() == 0
        assert run.told.recv(4096) in (b"STOPPING=1", b"WATCHDOG=1")
        assert re.search(r" info virt-agent ends$", run.log(), re.MULTILINE)


def test_a_hanging_reload_keeps_nobody_waiting(tmp_path: pathlib.Path) -> None:
    """A configuration on a disk that hangs: here a script whose reload never comes back."""
    hanging = _PROGRAM % "daemon._RELOAD_SECONDS = 0.2\nReloading.load = lambda _: forever.wait()"
    with daemon(tmp_path, "--root", corpus.archive("pvhvm"), program=("-c", hanging), WATCHDOG_USEC="400000") as run:
        run.hear("READY")
        run.process.send_signal(signal.SIGHUP)
        run.hear("RELOADING")
        run.hear("WATCHDOG")
        run.hear("READY=1")
        run.hear("WATCHDOG")
        run.logged("the configuration cannot be read yet")
        assert run.get("/-/healthy")[0] == 200
        assert run.end() == 0


_PROGRAM = """
import threading
from virt_agent.__main__ import run
from virt_agent.serve.reload import Reloading
from virt_agent.serve.server import Server
from virt_agent.serve.watch import Watch
from virt_agent.serve import daemon
daemon._END_SECONDS = 2.0
daemon._CLOSE_SECONDS = 0.3
forever = threading.Event()
%s
run()
"""
_FROZEN = """
def look(watch, usual=Watch._look, looks=[]):
    looks.append(1)
    if len(looks) > 1:
        forever.wait()
    return usual(watch)
Watch._look = look
"""
_DEAF = """
def actions(server, usual=Server.service_actions, begun=[]):
    usual(server)
    begun.append(1)
    if len(begun) > 3:
        forever.wait()
Server.service_actions = actions
"""


def test_a_look_that_hangs_stops_no_sign_of_life_and_not_the_end(tmp_path: pathlib.Path) -> None:
    with daemon(
        tmp_path, "--root", corpus.archive("pvhvm"), program=("-c", _PROGRAM % _FROZEN), WATCHDOG_USEC="400000"
    ) as run:
        run.hear("READY")
        with socket.create_connection(run.address) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            for _ in range(6):
                run.hear("WATCHDOG")
            began = time.monotonic()
            assert run.end() == 0
            assert time.monotonic() - began < 10


def test_a_listener_that_hangs_stops_the_signs_of_life(tmp_path: pathlib.Path) -> None:
    with daemon(
        tmp_path, "--root", corpus.archive("pvhvm"), program=("-c", _PROGRAM % _DEAF), WATCHDOG_USEC="1000000"
    ) as run:
        run.hear("READY")
        run.logged(" error a listener takes no connections any more address=127")
        with contextlib.suppress(TimeoutError):
            while run.told.recv(4096):
                pass  # the signs of life until then
        run.told.settimeout(0.8)
        with pytest.raises(TimeoutError):
            run.told.recv(4096)
        assert run.end() == 0


def test_the_second_signal_ends_at_once(tmp_path: pathlib.Path) -> None:
    with daemon(
        tmp_path,
        "--root",
        corpus.archive("pvhvm"),
        program=("-c", _PROGRAM % _FROZEN),
        NOTIFY_SOCKET=f"@virt-agent-{os.getpid()}",
    ) as run:
        run.hear("READY")
        with socket.create_connection(run.address) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            time.sleep(0.2)
            run.process.send_signal(signal.SIGTERM)
            run.hear("STOPPING")
            run.process.send_signal(signal.SIGINT)
            assert run.process.wait(PATIENCE) == 128 + signal.SIGINT


_SLOW = """
import os
def look(watch, usual=Watch._look, looks=[]):
    looks.append(1)
    if len(looks) > 1:
        os.write(2, b"looking\\n")
        forever.wait(0.5)
    return usual(watch)
Watch._look = look
"""


def test_an_answer_under_way_is_finished(tmp_path: pathlib.Path) -> None:
    with daemon(tmp_path, "--root", corpus.archive("pvhvm"), program=("-c", _PROGRAM % _SLOW)) as run:
        run.hear("READY")
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(run.get("/metrics")[0]))
        asking.start()
        run.logged("looking")
        assert run.end() == 0
        asking.join(PATIENCE)
        assert answers == [200]


def test_what_is_wrong_before_it_is_ready_ends_it_with_a_word(tmp_path: pathlib.Path) -> None:
    with daemon(tmp_path, "--config.file", str(tmp_path / "none.toml")) as run:
        assert run.process.wait(PATIENCE) == 3
        assert (
            run.log()
            == f"virt-agent: {tmp_path}/none.toml: does not exist (ENOENT); --config.file names another file\n"
        )


def test_an_address_that_cannot_be_had_leaves_no_socket_of_another(tmp_path: pathlib.Path) -> None:
    unix = tmp_path / "http.sock"
    words = ["--root", corpus.archive("pvhvm"), "--web.listen-address", f"unix:{unix}"]
    with daemon(tmp_path, *words, "--web.listen-address", "192.0.2.1:1") as run:
        assert run.process.wait(PATIENCE) == 3
        assert "--web.listen-address 192.0.2.1:1: " in run.log()
    assert not unix.exists()


def test_in_the_journal_each_line_has_its_priority(tmp_path: pathlib.Path) -> None:
    (tmp_path / "log").touch()
    status = (tmp_path / "log").stat()
    stream = f"{status.st_dev}:{status.st_ino}"
    with daemon(tmp_path, "--root", corpus.archive("pvhvm"), JOURNAL_STREAM=stream) as run:
        run.hear("READY")
        assert run.end() == 0
        assert {line[:3] for line in run.log().splitlines()} == {"<6>"}
        assert "<6>virt-agent begins version=" in run.log()
        assert run.log().count("the status changed") == 1
    (tmp_path / "notify").unlink()
    with daemon(tmp_path, "--config.file", "/nowhere.toml", JOURNAL_STREAM=stream) as run:
        assert run.process.wait(PATIENCE) == 3
        assert run.log().startswith("<3>virt-agent: /nowhere.toml: ")


# Notes what is opened and imported once READY=1 was sent, which the main thread does first of all that it tells systemd.
_WATCHED = """
import os, sys, threading
from virt_collectors.collect import Collector
armed, seen = [], set()
OURS = ("readiness", "files", "reload", "certificates")
PLACES = ("/proc", "/sys", "/dev", "/run")

def apart(frame):
    thread = threading._active.get(threading.get_ident())
    if thread is not None and thread.name in OURS:
        return True
    while frame is not None:
        one = frame.f_locals.get("collector")
        if isinstance(one, Collector) and one.late and not one.changes:
            return True
        frame = frame.f_back
    return False

def hook(event, arguments):
    if event == "socket.sendto" and threading.current_thread() is threading.main_thread():
        armed.append(1)
    if not armed or event not in ("open", "import", "os.listdir", "os.scandir", "subprocess.Popen"):
        return
    what = arguments[0]
    if event != "import" and (isinstance(what, int) or str(os.path.realpath(os.fsdecode(what))).startswith(PLACES)):
        return
    if (event, what) in seen or apart(sys._getframe()):
        return
    seen.add((event, what))
    frame, where = sys._getframe(1), []
    while frame is not None and len(where) < 12:
        where.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        frame = frame.f_back
    os.write(2, f"STRAYED {event} {what!r} {' < '.join(where)}\\n".encode())

sys.addaudithook(hook)
from virt_agent.__main__ import run
run()
"""


def everything(run: Process) -> None:
    """All that a client can make it do."""
    for _ in range(2):
        for accept in ("text/plain", "application/openmetrics-text; version=1.0.0", "*/*"):
            for encoding in ("gzip", "identity"):
                assert run.get("/metrics", Accept=accept, Accept_Encoding=encoding)[0] == 200
        for path, status in (("/check", 200), ("/", 200), ("/-/ready", 200), ("/-/healthy", 200), ("/nothing", 404)):
            assert run.get(path, Accept_Encoding="gzip")[0] == status
        assert run.get("/metrics", "POST")[0] == 405
        assert run.get("/metrics", "HEAD")[0] == 200
        for nonsense in (b"\x16\x03\x01\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"G" * 70000, b""):
            with socket.create_connection(run.address, timeout=PATIENCE) as client, contextlib.suppress(OSError):
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass


@pytest.mark.parametrize("metadata", [False, True])
def test_after_it_is_ready_it_opens_and_imports_nothing_on_ordinary_file_systems(
    metadata: bool, tmp_path: pathlib.Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("# nothing\n")
    words = ["--config.file", str(config), "--log.level", "debug"]
    with contextlib.ExitStack() as stack:
        if metadata:
            service = stack.enter_context(MetadataService())
            words += ["--imds.endpoint", f"http://127.0.0.1:{service.server_address[1]}"]
        run = stack.enter_context(daemon(tmp_path, *words, program=("-c", _WATCHED)))
        run.hear("READY")
        everything(run)
        for content in ("[rules.X02]\nenabled = false\nreason = 'known'\n", "[nothing]\n", "not toml"):
            config.write_text(content)
            run.process.send_signal(signal.SIGHUP)
            run.hear("RELOADING")
            run.hear("READY")
            everything(run)
        assert run.end() == 0
        assert "was not taken" in run.log()
        strayed = [line for line in run.log().splitlines() if "STRAYED" in line]
        assert strayed == []
        assert not metadata or service.requests
