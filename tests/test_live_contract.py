"""This machine, told by our collectors and by psutil: two witnesses, one truth."""

from __future__ import annotations

import os
import pathlib
import time

import psutil
import pytest

from tests.machines import collect, present
from virt_collectors.facts import Facts
from virt_collectors.host.live import LiveHost

pytestmark = pytest.mark.skipif(not pathlib.Path("/proc/self/mountinfo").exists(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def facts() -> Facts:
    return collect(LiveHost()).facts


def test_nothing_breaks_on_this_machine() -> None:
    reasons = {found.name: found.reason for found in collect(LiveHost()).outcomes if found.outcome == "stuck"}
    broken = [found for found in collect(LiveHost()).outcomes if "internal error" in (found.reason or "")]
    assert (reasons, broken) == ({}, [])


def test_as_many_processors(facts: Facts) -> None:
    assert present(facts.cpu).processors == psutil.cpu_count()


def test_as_much_memory(facts: Facts) -> None:
    assert present(facts.memory).total_bytes == psutil.virtual_memory().total


def test_the_same_boot(facts: Facts) -> None:
    clock = present(facts.clock)
    booted = present(clock.time) - present(clock.uptime_seconds)
    assert booted == pytest.approx(psutil.boot_time(), abs=2)


def test_time_goes_on_between_two_readings(facts: Facts) -> None:
    later = present(collect(LiveHost(), "clock").facts.clock)
    assert present(later.uptime_seconds) >= present(present(facts.clock).uptime_seconds)
    assert present(later.time) == pytest.approx(time.time(), abs=60)


def test_as_much_time_stolen_and_spent() -> None:
    before = psutil.cpu_times()
    memory = present(collect(LiveHost(), "memory").facts.memory)
    after = psutil.cpu_times()
    assert before.steal <= present(memory.steal_seconds) + 0.005
    assert present(memory.steal_seconds) <= after.steal + 0.005
    # guest time is part of user time, and psutil takes it out of neither
    spent = [sum(times[:8]) for times in (before, after)]
    assert spent[0] - 0.05 <= present(memory.cpu_seconds) <= spent[1] + 0.05


def test_the_same_mounts_on_disks(facts: Facts) -> None:
    ours = {(mount.point, mount.type) for mount in present(facts.mounts)}
    theirs = {(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)}
    assert ours <= theirs
    devices = {(part.mountpoint, part.fstype) for part in psutil.disk_partitions() if part.device.startswith("/dev/")}
    known = {(point, kind) for point, kind in devices if (point, kind) in ours}
    if pathlib.Path("/sys/dev/block").exists():
        assert known == devices


def test_the_root_is_on_a_disk_of_ours(facts: Facts) -> None:
    disks = {disk.name for disk in facts.block_devices or ()}
    for mount in present(facts.mounts):
        if mount.point == "/" and not mount.disks[0].startswith(("loop", "dm-", "md", "zd", "zram")):
            assert set(mount.disks) <= disks


def test_the_same_interfaces(facts: Facts) -> None:
    if facts.network is None:
        pytest.skip("no interface is shown here")
    stats = psutil.net_if_stats()
    links = {
        name: next((one.address for one in addresses if one.family == psutil.AF_LINK), None)
        for name, addresses in psutil.net_if_addrs().items()
    }
    for device in facts.network.devices:
        assert stats[device.name].mtu == device.mtu
        assert links[device.name] == device.address
    hardware = {name for name in stats if os.path.exists(f"/sys/class/net/{name}/device")}
    assert {device.name for device in facts.network.devices} == hardware


def test_the_same_disks(facts: Facts) -> None:
    counters = psutil.disk_io_counters(perdisk=True)
    ours = {disk.name: disk for disk in facts.block_devices or ()}
    virtual = ("loop", "ram", "zram", "dm-", "md", "nbd", "zd")
    theirs = {name for name in counters if os.path.exists(f"/sys/block/{name}") and not name.startswith(virtual)}
    assert theirs <= set(ours)
    for name in theirs:
        now = counters[name]
        assert present(ours[name].completed) > 0 or now.read_count + now.write_count == 0
        assert present(ours[name].completed) <= sum_of(name)


def sum_of(name: str) -> int:
    now = psutil.disk_io_counters(perdisk=True)[name]
    return int(now.read_count + now.write_count)


def test_the_same_names(facts: Facts) -> None:
    system = present(facts.system)
    assert (system.hostname, system.kernel, system.architecture) == (
        os.uname().nodename,
        os.uname().release,
        os.uname().machine,
    )
    assert system.live
