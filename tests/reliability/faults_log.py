"""The log's file moved, cut or full, its reader gone or asleep, and standard error not there at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

from . import daemon
from .daemon import HOST, Running, eventually
from .promise import Bench, Promise, hold
from .scrapes import answered, scraping

_MOST_SECONDS = 3.0
_END_SECONDS = 5.0
_PIPE_BYTES = 4096  # the smallest that Linux offers
_DEBUG = ("--log.level", "debug")  # a line for each request


def rotated(bench: Bench) -> str:
    """By renaming, as logrotate does without a signal; and by copying and truncating."""
    with daemon.started(bench, *_DEBUG) as running, scraping(running) as scrapes:
        scrapes.wait(1)
        log = next(bench.scratch.glob("daemon-*.log"))
        moved = log.rename(log.with_suffix(".log.1"))
        log.touch()
        scrapes.wait(2)
        size = moved.stat().st_size
        os.truncate(moved, 0)
        scrapes.wait(2)
        content = moved.read_bytes()
        seen = answered(scrapes.taken, _MOST_SECONDS)
        hold(b"\0" not in content and content.startswith(b"20"), f"after the cut the log begins with {content[:40]!r}")
        hold(running.alive, "it died")
        return f"{seen}; it wrote on to the moved file ({size} bytes), and from its beginning after the cut"


def reader_gone(bench: Bench) -> str:
    """Standard error is a pipe that nobody reads any more."""
    with _piped(bench) as (running, reader), scraping(running) as scrapes:
        scrapes.wait(1)
        os.close(reader.pop())
        scrapes.wait(3)
        return _ended(running, answered(scrapes.taken, _MOST_SECONDS))


def reader_asleep(bench: Bench) -> str:
    """Standard error is a full pipe, whose reader comes back at last."""
    with _piped(bench) as (running, reader), scraping(running, every=0.02) as scrapes:
        scrapes.wait(200)
        seen = answered(scrapes.taken, _MOST_SECONDS)
        threads = running.cost().threads
        hold(threads < 60, f"{threads} threads")
        lines = _read(reader[0], 1.0)
        return _ended(running, f"{seen}; {lines} lines came when it was read again")


def reader_asleep_at_the_end(bench: Bench) -> str:
    """SIGTERM while the pipe is full."""
    with _piped(bench) as (running, _), scraping(running, every=0.02) as scrapes:
        scrapes.wait(200)
        return _ended(running, answered(scrapes.taken, _MOST_SECONDS))


def _ended(running: Running, seen: str) -> str:
    hold(running.alive, "it died")
    told = time.monotonic()
    running.send(signal.SIGTERM)
    code = running.ended(2 * _END_SECONDS)
    took = time.monotonic() - told
    hold(code == 0 and took < _END_SECONDS, f"exit {code} {took:.1f} s after SIGTERM")
    return f"{seen}; exit 0 after {took:.1f} s"


def _read(descriptor: int, seconds: float) -> int:
    os.set_blocking(descriptor, False)
    found, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            found += os.read(descriptor, 1 << 16)
        time.sleep(0.01)
    return found.count(b"\n")


@contextlib.contextmanager
def _piped(bench: Bench) -> Iterator[tuple[Running, list[int]]]:
    """A daemon that logs into a small pipe, and the pipe's other end, which is ours to close."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    reader = [reading]
    try:
        with daemon.launched(bench, *_DEBUG, stderr=writing) as running:
            os.close(writing)
            _await_port(running, reading)
            yield running, reader
    finally:
        for descriptor in reader:
            os.close(descriptor)


def _await_port(running: Running, reading: int) -> None:
    told, until = b"", time.monotonic() + 30.0
    while b"listens" not in told and time.monotonic() < until:
        told += os.read(reading, 1 << 16)
    running.port = int(told.partition(f"http://{HOST}:".encode())[2].partition(b"/")[0])


def full_disk(bench: Bench) -> str:
    """Standard error is /dev/full: each write is ENOSPC."""
    port = _free_port()
    with open("/dev/full", "wb") as full, daemon.launched(bench, *_on(port), stderr=full.fileno()) as running:
        return _serves(running, port)


def closed(bench: Bench) -> str:
    """Started without any of the three standard descriptors: what is opened next gets their numbers."""
    port = _free_port()
    shut = ("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh")
    with daemon.launched(bench, *_DEBUG, *_on(port), within=shut) as running:
        return _serves(running, port)


def _on(port: int) -> tuple[str, ...]:
    return "--web.listen-address", f"{HOST}:{port}"


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _serves(running: Running, port: int) -> str:
    running.port = port

    def ready() -> bool:
        with contextlib.suppress(OSError):
            return running.get("/-/ready").status == 200
        return False

    hold(eventually(ready, 20.0), f"it does not answer; exit {running.process.poll()}")
    with scraping(running, every=0.1) as scrapes:
        scrapes.wait(10)
        running.send(signal.SIGHUP)
        scrapes.wait(10)
        seen = answered(scrapes.taken, _MOST_SECONDS)
        hold(all(one.samples for one in scrapes.taken), "an answer is no exposition")
    return _ended(running, seen)


_ANSWERS = "each scrape within 3 s, no log line is waited for"
_ROWS: tuple[tuple[str, str, Callable[[Bench], str]], ...] = (
    ("the log's file is moved away, then truncated", f"{_ANSWERS}; the log goes on in the same file", rotated),
    ("the log's reader is gone (EPIPE)", f"{_ANSWERS}; exit 0 on SIGTERM", reader_gone),
    ("the log's reader sleeps, its pipe is full", f"{_ANSWERS}; what waited comes when it reads", reader_asleep),
    ("SIGTERM while the log's pipe is full", "exit 0 within 5 s", reader_asleep_at_the_end),
    ("the log's disk is full (/dev/full)", f"{_ANSWERS}; exit 0 on SIGTERM", full_disk),
    (
        "started with standard input, output and error closed",
        f"{_ANSWERS}, none in an answer; exit 0 on SIGTERM",
        closed,
    ),
)
PROMISES = tuple(Promise("faults", done, promised, run) for done, promised, run in _ROWS)
