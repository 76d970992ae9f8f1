"""The generated guests are what they claim to be, and cost the agent in proportion to their size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.generate import Entries, Guest, Link, device_number, disk_name, entries, vbd_number, write
from virt_agent import observe, report
from virt_agent.selection import Selection
from virt_collectors.facts import Facts
from virt_collectors.host import FILE_LIMIT
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree

LARGE = Guest(disks=300, nics=40, cpus=96)


class CountingHost(SnapshotHost):
    """A snapshot that counts what it is asked."""

    calls = 0

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        self.calls += 1
        return super().file(path, limit)

    def names(self, path: str) -> list[str]:
        self.calls += 1
        return super().names(path)

    def link(self, path: str) -> str:
        self.calls += 1
        return super().link(path)

    def real(self, path: str) -> str:
        self.calls += 1
        return super().real(path)


def in_memory(found: Entries) -> MemoryTree:
    tree = MemoryTree()
    for path, entry in found.items():
        tree.add(path, entry.target if isinstance(entry, Link) else entry.encode())
    return tree


def look(guest: Guest) -> report.Report:
    return observe.observe(CountingHost(in_memory(entries(guest))), Selection())


def facts(guest: Guest) -> Facts:
    return look(guest).reading.facts


def calls(guest: Guest) -> int:
    host = CountingHost(in_memory(entries(guest)))
    observe.observe(host, Selection())
    return host.calls


@pytest.mark.parametrize(
    ("index", "name", "number"),
    [(0, "xvda", 51712), (1, "xvdb", 51728), (15, "xvdp", 51952), (16, "xvdq", 268439552), (26, "xvdaa", 268442112)],
)
def test_disks_are_named_and_numbered_as_xen_does(index: int, name: str, number: int) -> None:
    assert (disk_name(index), vbd_number(index)) == (name, number)


def test_names_and_numbers_are_never_given_twice() -> None:
    many = range(1024)
    assert len({disk_name(index) for index in many}) == len({vbd_number(index) for index in many}) == 1024
    assert disk_name(702) == "xvdaaa"
    assert device_number(0, 1) == "202:1"
    assert device_number(16) == "202:4096"


@pytest.mark.parametrize("guest", [Guest(), LARGE], ids=["small", "large"])
def test_the_verdict_is_a_healthy_xen_pvhvm_guest(guest: Guest) -> None:
    found = look(guest)
    verdict = found.reading.verdict
    assert (verdict.hypervisor, verdict.guest_mode, verdict.role, verdict.pv_drivers) == (
        "xen",
        "pvhvm",
        "guest",
        "all",
    )
    assert verdict.conflicts == ()
    assert found.status == report.OK
    assert {outcome.name for outcome in found.outcomes if outcome.outcome == "failed"} == set()


def test_every_device_and_processor_appears() -> None:
    found = facts(LARGE)
    assert {disk.name for disk in found.block_devices or ()} == {disk_name(index) for index in range(LARGE.disks)}
    assert {disk.driver for disk in found.block_devices or ()} == {"xen-blkfront"}
    assert found.network
    assert {nic.name for nic in found.network.devices} == {f"eth{at}" for at in range(LARGE.nics)}
    assert found.xenbus
    assert len(found.xenbus.frontends) == LARGE.disks + LARGE.nics
    assert found.cpu
    assert found.cpu.processors == LARGE.cpus


def test_mounts_lead_to_their_disks_and_the_route_to_its_card() -> None:
    found = facts(Guest(disks=20, nics=3))
    assert {(mount.point, mount.disks) for mount in found.mounts or ()} >= {("/", ("xvda",)), ("/data/0016", ("xvdq",))}
    assert found.network
    assert found.network.default_interface == "eth0"
    assert [nic.name for nic in found.network.devices if nic.default_route] == ["eth0"]


def test_a_guest_without_devices_is_generated_too() -> None:
    assert facts(Guest(disks=0, nics=0)).block_devices is None


@pytest.mark.parametrize("frontend", ["vbd-51728", "vif-0"])
def test_a_closed_frontend_is_found(frontend: str) -> None:
    codes = {finding.code for finding in look(Guest(closed=frontend)).findings if finding.severity != "info"}
    assert codes & {"X02", "X16"}


def test_a_frontend_that_no_driver_took_has_no_device() -> None:
    found = look(Guest(unbound="vbd-51728"))
    assert found.reading.verdict.pv_drivers == "some"
    assert [disk.name for disk in found.reading.facts.block_devices or ()] == ["xvda"]
    assert found.status != report.OK


def test_a_stalled_disk_has_requests_in_flight_and_tasks_wait() -> None:
    found = facts(Guest(stalled="xvdb"))
    assert {disk.name: disk.in_flight for disk in found.block_devices or ()} == {"xvda": 0, "xvdb": 14}
    assert found.memory
    assert found.memory.io_full_percent == 97.2


def test_the_same_arguments_give_the_same_guest(tmp_path: Path) -> None:
    assert entries(Guest(disks=20)) == entries(Guest(disks=20))
    write(Guest(), str(tmp_path))
    on_disk = observe.observe(observe.open_host(str(tmp_path)), Selection())
    assert on_disk.reading.facts == facts(Guest())


@pytest.mark.parametrize(
    "sized",
    [lambda count: Guest(disks=count), lambda count: Guest(nics=count), lambda count: Guest(cpus=count)],
    ids=["disks", "nics", "cpus"],
)
def test_questions_to_the_host_grow_no_faster_than_the_guest(sized: Callable[[int], Guest]) -> None:
    """Each further device costs as many questions as the one before it."""
    small, medium, large = (calls(sized(count)) for count in (20, 40, 80))
    assert large - medium == 2 * (medium - small)
    assert small <= medium
