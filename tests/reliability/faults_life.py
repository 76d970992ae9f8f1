"""Beginnings and ends: signals in the middle of a scrape, a kill, a second daemon in the same place."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time

from . import daemon
from .daemon import HOST, eventually
from .faults_fuse import READS, Illness
from .faults_guest import watched
from .health import unharmed
from .promise import Bench, Promise, hold
from .scrapes import Scrape, answered, scraping

_DISKS = "sys/devices/vbd-832"
_END_SECONDS = 5.0
_BAD = 3


def term_in_a_scrape(bench: Bench) -> str:
    """Every client that is waiting has its answer, or a close."""
    with watched(bench) as patient, scraping(patient.running, every=0.05) as scrapes:
        scrapes.wait(1)
        patient.files.sicken(_DISKS, Illness(READS, seconds=0.1))
        scrapes.wait(20)
        told = time.monotonic()
        patient.running.send(signal.SIGTERM)
        code = patient.running.ended(_END_SECONDS)
        took = time.monotonic() - told
        hold(code == 0, f"exit {code} after {took:.1f} s")
        time.sleep(0.5)
        waiting = [one for one in scrapes.taken if one.at < told < one.at + one.seconds]
        answers = sum(one.status == 200 for one in waiting)
        torn = [one for one in waiting if one.status != 200 and not _clean(one)]
        hold(not torn, f"{len(torn)} of {len(waiting)} scrapes under way were torn: {torn and torn[0].why}")
        return f"exit 0 after {took:.1f} s; of {len(waiting)} scrapes under way {answers} were answered, no answer torn"


def _clean(scrape: Scrape) -> bool:
    """No answer at all, as from a daemon that does not run: never a part of one."""
    return any(word in scrape.why for word in ("RemoteDisconnected", "ConnectionReset", "ConnectionRefused"))


def term_while_a_read_hangs(bench: Bench) -> str:
    """The kernel keeps a process while one of its threads is in such a read; everything else is given back."""
    with watched(bench) as patient:
        patient.files.sicken(f"{_DISKS}/block/xvdb/stat", Illness(READS))
        patient.running.get("/metrics")
        told = time.monotonic()
        patient.running.send(signal.SIGTERM)
        hold(eventually(lambda: not _listens(patient.running.port), _END_SECONDS), "its port is still taken")
        free = time.monotonic() - told
        hold(patient.running.ended(1.0) is None, "the read did not hang")
        patient.files.heal()
        code = patient.running.ended(_END_SECONDS)
        hold(code == 0, f"exit {code} when the read had returned")
        return f"the port free after {free:.1f} s, exit 0 when the read returned"


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1.0):
        return True
    return False


def term_before_it_is_ready(bench: Bench) -> str:
    """While it looks for the first time, at any moment of it."""
    with daemon.launched(bench, "--imds.endpoint", "http://127.0.0.1:9") as running:
        time.sleep(0.1)
        running.send(signal.SIGTERM)
        code = running.ended(_END_SECONDS)
        hold(code in (0, -signal.SIGTERM), f"exit {code}: {running.log()[-200:]}")
        return f"exit {code}"


def killed(bench: Bench) -> str:
    """As by the kernel when memory runs out: its socket's file stays, and the next one takes it over."""
    place = bench.scratch / "http.sock"
    address = ("--web.listen-address", f"unix:{place}")
    with daemon.started(bench, *address) as first:
        hold(_asked(place) == 200, "no answer over the unix socket")
        first.send(signal.SIGKILL)
        first.ended(_END_SECONDS)
        hold(place.exists(), "the file of the socket has gone by itself")
    with daemon.started(bench, *address) as second:
        hold(_asked(place) == 200, "no answer from the second one")
        second.send(signal.SIGTERM)
        hold(second.ended(_END_SECONDS) == 0, f"exit {second.process.poll()}")
    hold(not place.exists(), "the file of the socket stayed")
    return "the file of the socket stayed, the next daemon took it over, and took it away at its end"


def _asked(place: pathlib.Path) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    connection.sock.connect(str(place))
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        return connection.getresponse().status


def second_in_its_place(bench: Bench) -> str:
    """On a port and on a unix socket that another daemon has."""
    place = bench.scratch / "http.sock"
    addresses = ("--web.listen-address", "127.0.0.1:0", "--web.listen-address", f"unix:{place}")
    with daemon.started(bench, *addresses) as first, scraping(first) as scrapes:
        scrapes.wait(1)
        said = [_turned_away(bench, f"127.0.0.1:{first.port}"), _turned_away(bench, f"unix:{place}")]
        scrapes.wait(1)
        hold(_asked(place) == 200, "the first one does not answer over its unix socket any more")
        seen = answered(scrapes.taken, 3.0)
        unharmed(first)
        return f"exit 3 both times, {' and '.join(map(repr, said))}; the first: {seen}"


def _turned_away(bench: Bench, address: str) -> str:
    with daemon.launched(bench, "--web.listen-address", address) as second:
        code = second.ended(20.0)
        line = second.log().strip().splitlines()[-1]
        hold(code == _BAD and address in line and "Traceback" not in second.log(), f"exit {code}, said {line!r}")
        return line.rpartition(": ")[2]


def storm(bench: Bench) -> str:
    """Signals faster than they can be served."""
    with daemon.started(bench) as running, scraping(running) as scrapes:
        scrapes.wait(1)
        before = running.cost()
        for _ in range(500):
            running.send(signal.SIGHUP)
            time.sleep(0.002)
        scrapes.wait(3)
        seen = answered(scrapes.taken, 3.0)
        lines = running.log().count("\n")
        hold(lines < 520, f"{lines} lines in the log")
        hold(running.cost().threads <= before.threads + 2, f"{running.cost().threads} threads")
        unharmed(running)
        running.send(signal.SIGTERM)
        hold(running.ended(_END_SECONDS) == 0, f"exit {running.process.poll()}")
        return f"{seen}; {lines} lines in the log, exit 0"


def check_while_a_read_hangs(bench: Bench) -> str:
    """What an admin types in an incident; whoever reads its output sees the end of it."""
    with watched(bench) as patient:
        patient.files.sicken(f"{_DISKS}/block/xvdb/stat", Illness(READS))
        inside = [
            "nsenter",
            f"--mount=/proc/{patient.running.pid}/ns/mnt",
            *daemon.command(bench, "--check", "--imds", "off"),
        ]
        began = time.monotonic()
        with subprocess.Popen(inside, stdout=subprocess.PIPE, env=daemon.environment_of(), cwd="/") as check:
            assert check.stdout
            report = _read_to_end(check.stdout.fileno(), 15.0)
            took = time.monotonic() - began
            patient.files.heal()
            code = check.wait(_END_SECONDS)
        words = " ".join(report.decode().split())
        hold("block_devices stuck" in words, f"the report does not say that a read hangs: {words[-200:]!r}")
        hold(took < 8.0, f"the report's end came after {took:.1f} s")
        hold(code == _BAD, f"exit {code}")
        return (
            f"the whole report after {took:.1f} s, its last line tells of the read; exit {code} when the read returned"
        )


def _read_to_end(descriptor: int, seconds: float) -> bytes:
    """What comes, until its writer closes it or so long."""
    os.set_blocking(descriptor, False)
    until, found = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        try:
            more = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            time.sleep(0.02)
            continue
        if not more:
            break
        found += more
    return found


PROMISES = (
    Promise(
        "faults",
        "SIGTERM in the middle of scrapes of a slow machine",
        "exit 0 within 5 s; each scrape under way gets its whole answer, or none",
        term_in_a_scrape,
    ),
    Promise(
        "faults",
        "SIGTERM while a read never returns",
        "the port is free within 5 s; the process ends with 0 as soon as the kernel lets go of the read",
        term_while_a_read_hangs,
    ),
    Promise("faults", "SIGTERM before it is ready", "it ends within 5 s", term_before_it_is_ready),
    Promise(
        "faults",
        "SIGKILL, and a new start on the same unix socket",
        "the new daemon takes over the file that was left, and answers",
        killed,
    ),
    Promise(
        "faults",
        "a second daemon on the same port, and on the same unix socket",
        "exit 3 and a line that names the address; the first one is not disturbed",
        second_in_its_place,
    ),
    Promise(
        "faults",
        "500 SIGHUPs in a second, then SIGTERM",
        "each scrape within 3 s, no more log lines than signals, exit 0",
        storm,
    ),
    Promise(
        "faults",
        "`virt-agent --check` while a read never returns",
        "the whole report within 8 s, with the collector that hangs, and the end of its output",
        check_while_a_read_hangs,
    ),
)
