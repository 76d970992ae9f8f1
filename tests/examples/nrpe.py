"""NRPE: a daemon on loopback with the example's command, asked by check_nrpe."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from . import copied_machine, sudo
from .form import CHECK, Said, Tool, Unproven, clean, run, same_first_line

PLUGIN = "/usr/lib/nagios/plugins/check_nrpe"
UNKNOWN = 3


def prove(directory: Path) -> list[str]:
    sudo.grant()
    copied_machine.put("nrpe/virt_agent.cfg", "/etc/nagios/nrpe.d/virt_agent.cfg")
    expected = run(*CHECK)
    with _daemon(directory) as port:
        answer = _ask(port).expect(expected.code)
        same_first_line(expected, answer.out, "check_nrpe")
        if sudo.checked(answer) != sudo.checked(expected):
            raise Unproven(f"nrpe's check saw {sudo.checked(answer)}, root's {sudo.checked(expected)}")
        with broken_configuration():
            _ask(port).expect(UNKNOWN)
        _ask(port, "-a", "--snapshot", "/var/tmp/evil").expect(UNKNOWN)
    if not re.search(r"\| rules_ok=\d+;;;0 ", answer.out):
        raise Unproven(f"no performance data in {answer.out!r}")
    return [
        "nrpe takes the example from nrpe.d",
        f"check_nrpe passes on exit {expected.code}, the first line, the performance data and what root sees",
        f"exit {UNKNOWN} where the configuration is wrong; arguments from the network are refused",
    ]


def _ask(port: int, *words: str) -> Said:
    return run(PLUGIN, "-H", "127.0.0.1", "-p", str(port), "-t", "15", "-c", "check_virt_agent", *words)


@contextlib.contextmanager
def broken_configuration() -> Iterator[None]:
    """A key that does not exist, so that every check is unknown."""
    before = copied_machine.CONFIGURATION.read_text()
    copied_machine.CONFIGURATION.write_text("[rulez]\n")
    try:
        yield
    finally:
        copied_machine.CONFIGURATION.write_text(before)


@contextlib.contextmanager
def _daemon(directory: Path) -> Iterator[int]:
    """nrpe as its unit starts it, on a free port of loopback."""
    shutil.chown(directory, sudo.USER)
    port = free_port()
    configuration = directory / "nrpe.cfg"
    shipped = Path("/etc/nagios/nrpe.cfg").read_text()
    configuration.write_text(
        re.sub(r"(?m)^server_port=.*", f"server_port={port}\nserver_address=127.0.0.1", shipped)
        + f"\npid_file={directory}/nrpe.pid\n"
    )
    as_nagios = ("setpriv", f"--reuid={sudo.USER}", f"--regid={sudo.USER}", "--clear-groups", "--")
    words = (*as_nagios, "/usr/sbin/nrpe", "-c", str(configuration), "-f")
    with running(words) as process:
        listening(port, process)
        yield port


@contextlib.contextmanager
def running(words: tuple[str, ...], log: Path = Path(os.devnull)) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in the foreground, ended at the end; what it prints goes to the log."""
    with log.open("wb") as to:
        process = subprocess.Popen(words, env=clean(), stdin=subprocess.DEVNULL, stdout=to, stderr=to, cwd="/")
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listening(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Waits until somebody answers there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise Unproven(f"{process.args!r} does not listen on {port} (exit {process.poll()})")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


TOOL = Tool("nrpe", ("nagios-nrpe-server", "nagios-nrpe-plugin"), "nrpe", prove)
