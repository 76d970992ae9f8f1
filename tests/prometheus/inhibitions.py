"""A real Alertmanager on loopback is given alerts, and says which it holds back because of which."""

from __future__ import annotations

import contextlib
import json
import pathlib
import tempfile
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.e2e import programs
from tests.e2e.programs import await_answer, find, free_address, running

from .promtool import ALERTMANAGER

Alert = dict[str, str]


def alert(name: str, severity: str, instance: str = "", **labels: str) -> Alert:
    """An alert's labels as our rules give them."""
    where = {"job": "virt-agent", "instance": instance} if instance else {}
    return {"alertname": name, "severity": severity, **where, **labels}


def _stalled(instance: str, device: str, **labels: str) -> Alert:
    return alert("GuestDiskStalled", "critical", instance, device=device, **labels)


def _down(instance: str, device: str, kind: str) -> Alert:
    return alert("XenFrontendDown", "critical", instance, device=device, kind=kind, frontend=f"of-{device}")


class Case(NamedTuple):
    """Alerts that fire at once, and which of them nobody is told of."""

    name: str
    told: tuple[Alert, ...]
    held: tuple[Alert, ...]


CASES = (
    Case(
        "a zone is down",
        told=(
            alert("DisksStalledInOneZone", "critical", availability_zone_id="use1-az4"),
            _stalled("i-6", "xvda", availability_zone_id="use1-az6"),
            _stalled("xcp-1", "xvda"),
        ),
        held=(
            _stalled("i-1", "xvda", availability_zone_id="use1-az4"),
            _stalled("i-2", "nvme1n1", availability_zone_id="use1-az4"),
        ),
    ),
    Case(
        "a disk's frontend is closed; another disk and another guest stand still for reasons of their own",
        told=(_down("a", "xvdb", "disk"), _stalled("a", "xvdc"), _stalled("b", "xvdb")),
        held=(_stalled("a", "xvdb"),),
    ),
    Case(
        "a network card's frontend is closed",
        told=(_down("a", "eth0", "nic"), _stalled("a", "xvda")),
        held=(),
    ),
    Case(
        "an NVMe controller is dead",
        told=(alert("NvmeControllerNotLive", "critical", "a", controller="nvme1"), _stalled("b", "nvme1n1")),
        held=(_stalled("a", "nvme1n1"), alert("VirtAgentBlind", "warning", "a")),
    ),
    Case(
        "warnings of a guest whose disk is seen twice, and of another",
        told=(
            alert("DiskSeenTwice", "critical", "a", code="B11"),
            alert("NextBootNotReady", "warning", "a", target="reboot"),
            alert("Ec2MaintenanceWithin48h", "warning", "a", event="system-reboot"),
            alert("XenGuestOnEmulatedDevice", "warning", "b", device="sda"),
            alert("HostOutOfMemory", "warning", "a"),
        ),
        held=(
            alert("XenGuestOnEmulatedDevice", "warning", "a", device="sda"),
            alert("EnaDropsFlowsOrDns", "warning", "a", device="ens5"),
            alert("EnaDeviceResets", "warning", "a", device="ens5"),
        ),
    ),
    Case(
        "a critical alert of somebody else's",
        told=(alert("DatabaseDown", "critical", "a"), alert("EnaDeviceResets", "warning", "a", device="ens5")),
        held=(),
    ),
)


def check() -> list[str]:
    """Where Alertmanager does otherwise."""
    return [complaint for case in CASES for complaint in _check(case)]


def _check(case: Case) -> list[str]:
    with alertmanager() as address:
        ask(f"{address}/api/v2/alerts", [{"labels": labels} for labels in (*case.told, *case.held)])
        held = [each["labels"] for each in ask(f"{address}/api/v2/alerts") if each["status"]["inhibitedBy"]]
    wrong = [labels for labels in case.held if labels not in held] + [each for each in held if each not in case.held]
    return [f"inhibitions, {case.name}: {labels}" for labels in wrong]


@contextlib.contextmanager
def alertmanager() -> Iterator[str]:
    """The address of a fresh one with our configuration, gone afterwards."""
    address = free_address()
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory, "log")
        with running(_command(address, directory), log) as process:
            await_answer(f"http://{address}/-/ready", process, log)
            yield f"http://{address}"


def _command(address: str, directory: str) -> list[str]:
    program = find(programs.ALERTMANAGER)
    assert program is not None
    where = [f"--web.listen-address={address}", "--cluster.listen-address=", f"--storage.path={directory}"]
    return [program, f"--config.file={ALERTMANAGER}", *where]


def ask(url: str, told: object = None) -> Any:
    """Its API's answer; what is told goes as JSON."""
    body = None if told is None else json.dumps(told).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None
