"""Icinga 2: the example accepted, then run for some seconds: the local check, and the one over ssh to this machine."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import copied_machine, sudo
from .form import CHECK, Tool, Unproven, run, same_first_line
from .nrpe import free_port, listening, running

EXAMPLE = Path("/etc/icinga2/conf.d/virt-agent.conf")
STATE = Path("/var/lib/icinga2/icinga2.state")
SECONDS = 30
CHECKED = ("local", "far")

# Beside what a single server has: one host for each way, and the intervals of a test.
HOSTS = """
object CheckerComponent "checker" { }
object Endpoint "guest" { }
object Zone "guest" { endpoints = [ "guest" ]; parent = ZoneName }
object Endpoint NodeName { }
object Zone ZoneName { endpoints = [ NodeName ] }

template Host "here" { check_command = "dummy"; address = "127.0.0.1" }
object Host "local" { import "here"; vars.virt_agent = "local" }
object Host "guest" { import "here"; vars.virt_agent = "endpoint"; zone = ZoneName }
object Host "bare" { import "here" }
object Host "far" {
  import "here"
  vars.virt_agent = "ssh"
  vars.by_ssh_port = %(port)d
  vars.by_ssh_logname = "nagios"
  vars.by_ssh_identity = "%(key)s"
  vars.by_ssh_options = [ "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null" ]
}
"""
CONFIGURATION = """
include "/etc/icinga2/constants.conf"
include <itl>
include <plugins>
include "%(example)s"
include "%(hosts)s"
"""
SSHD = """
Port %(port)d
ListenAddress 127.0.0.1
HostKey %(directory)s/host
AuthorizedKeysFile %(directory)s/key.pub
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
"""


def prove(directory: Path) -> list[str]:
    sudo.grant()
    shutil.chown(directory, sudo.USER)
    copied_machine.put("icinga2/virt-agent.conf", str(EXAMPLE))
    port = free_port()
    configuration = _configuration(directory, port)
    _keys(directory, port)
    valid = run("icinga2", "daemon", "-C", "-c", configuration).expect(0, "Finished validating")
    if "Instantiated 3 Services." not in valid.all or "warning/" in valid.all:
        raise Unproven(f"not one service for each of three hosts, or a warning:\n{valid.all[-2000:]}")
    results = _results(directory, configuration, port)
    expected = run(*CHECK)
    for host in CHECKED:
        _judge(host, results[host], expected.code)
        same_first_line(expected, results[host]["output"], f"Icinga's check of {host}")
    return [
        "icinga2 daemon -C accepts it: a service for each host that says how, none for the one that does not",
        f"run: {' '.join(results['local']['command'])}: exit {expected.code}, with performance data",
        "run over ssh, as a user who may only log in with a key: the same",
        "through an Icinga agent (command_endpoint): accepted, not run",
    ]


def _judge(host: str, result: dict[str, Any], code: int) -> None:
    figures = [str(figure) for figure in result["performance_data"] or ()]
    if result["exit_status"] != code or not any(figure.startswith("rules_ok=") for figure in figures):
        raise Unproven(f"Icinga's check of {host}: {json.dumps(result)[:2000]}")
    if host == "local" and tuple(result["command"][-len(CHECK) :]) != CHECK:
        raise Unproven(f"Icinga runs {result['command']}")


def _configuration(directory: Path, port: int) -> Path:
    hosts, configuration = directory / "hosts.conf", directory / "icinga2.conf"
    fast = directory / "virt-agent.conf"
    fast.write_text(re.sub(r"check_interval = 1m", "check_interval = 2s", EXAMPLE.read_text()))
    hosts.write_text(HOSTS % {"port": port, "key": directory / "key"})
    configuration.write_text(CONFIGURATION % {"example": fast, "hosts": hosts})
    return configuration


def _keys(directory: Path, port: int) -> None:
    """Keys of the server and of the user, and a login for that user."""
    for name in ("host", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name).expect(0)
    shutil.chown(directory / "key", sudo.USER)
    (directory / "sshd_config").write_text(SSHD % {"port": port, "directory": directory})
    run("usermod", "--password", "*", "--shell", "/bin/sh", "--home", directory, sudo.USER).expect(0)
    Path("/run/sshd").mkdir(exist_ok=True)


def _results(directory: Path, configuration: Path, port: int) -> dict[str, dict[str, Any]]:
    """The last result of each host's check: Icinga writes its state down when it ends."""
    STATE.unlink(missing_ok=True)
    for place in ("/run/icinga2", "/var/lib/icinga2", "/var/log/icinga2", "/var/cache/icinga2"):
        Path(place).mkdir(exist_ok=True)
        shutil.chown(place, sudo.USER, sudo.USER)
    log = directory / "log"
    with running(("/usr/sbin/sshd", "-D", "-e", "-f", str(directory / "sshd_config")), directory / "sshd") as server:
        listening(port, server)
        with running(("icinga2", "daemon", "-x", "debug", "-c", str(configuration)), log) as icinga:
            _wait_for_results(log, icinga)
    results = dict(_states(STATE.read_bytes()))
    if missing := [host for host in CHECKED if not results.get(host)]:
        raise Unproven(f"Icinga has no result for {', '.join(missing)}:\n{log.read_text()[-3000:]}")
    return results


def _wait_for_results(log: Path, icinga: Any) -> None:
    """Until each command has been run, and has ended."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and icinga.poll() is None:
        text = log.read_text(errors="replace")
        if all(re.search(rf"{word}.*terminated with exit code", text) for word in ("check_by_ssh", "-n' '/usr/bin")):
            time.sleep(0.5)
            return
        time.sleep(0.2)


def _states(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Host and last result, of netstrings of JSON."""
    while content:
        length, _, rest = content.partition(b":")
        entry, content = json.loads(rest[: int(length)]), rest[int(length) + 1 :]
        host, _, service = str(entry.get("name")).partition("!")
        if service == "virt-agent":
            yield host, entry["update"]["last_check_result"]


TOOL = Tool(
    "icinga2", ("icinga2-bin", "monitoring-plugins-basic", "openssh-server", "openssh-client"), "icinga2", prove
)
