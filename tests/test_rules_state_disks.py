"""Disks: stalls over time, what is read-only, CD drives, controllers that were passed through, missing volumes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import present
from tests.test_rules_state import (
    GIB,
    MIB,
    ROOT,
    SRV,
    T2,
    USED,
    XCPNG,
    Change,
    disk,
    fact,
    frontend,
    fstab,
    guest,
    imds,
    judged,
    mounted,
    xvdb,
)
from virt_agent import devices
from virt_agent.block_mapping import guest_names
from virt_agent.rules.evaluate import Judgement
from virt_agent.rules.form import Case, Finding, Reading
from virt_collectors.block import BlockDevice
from virt_collectors.clock import Clock
from virt_collectors.configuration import FstabEntry
from virt_collectors.drivers import LOADED, Drivers
from virt_collectors.kernel_log import KernelLog, parse_log
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.record import replace


def finding(found: Judgement, code: str) -> Finding | None:
    return next((each for each in found.findings if each.code == code), None)


# B07: requests that do not come back


def busy(
    completed: int, at: float, some: float | None = 97.0, in_flight: int = 3, blocked: int | None = None
) -> Reading:
    pressure = fact(memory=Memory(io_some_percent=some, blocked_tasks=blocked))
    return guest("pv", USED, pressure, xvdb(in_flight=in_flight, completed=completed), at=at)


def twice(first: Reading, second: Reading) -> Judgement:
    """As --check does after a suspicion."""
    return judged(Case(second, first, first, (first,)), confirming=True)


def test_a_first_reading_raises_a_suspicion_and_no_finding() -> None:
    found = judged(Case(busy(500, 10.0)), confirming=True)
    assert found.states["B07"] == "not_sampled"
    assert "B07" in found.suspects
    assert finding(found, "B07") is None


@pytest.mark.parametrize(
    ("some", "in_flight", "blocked"),
    [(97.0, 0, 3), (20.0, 3, 3), (None, 3, 0), (None, 0, None)],
    ids=["nothing in flight", "tasks seldom wait", "nobody waits", "nothing in flight, unknown who waits"],
)
def test_a_busy_disk_raises_no_suspicion(some: float | None, in_flight: int, blocked: int | None) -> None:
    found = judged(Case(busy(500, 10.0, some, in_flight, blocked)), confirming=True)
    assert found.states["B07"] == "ok"
    assert found.suspects == ()


@pytest.mark.parametrize("memory", [None, Memory()])
def test_requests_in_flight_and_no_word_on_who_waits_are_unknown(memory: Memory | None) -> None:
    now = guest("pv", USED, fact(memory=memory), xvdb(in_flight=3, completed=500), at=10.0)
    assert judged(Case(now), confirming=True).states["B07"] == "unknown"


def test_without_its_collectors_the_stall_is_unknown() -> None:
    now = guest("pv", USED, fact(memory=None), xvdb(in_flight=0), at=10.0)
    assert judged(Case(now), broken=("memory",)).states["B07"] == "unknown"
    assert judged(Case(now)).states["B07"] == "ok", "nothing is in flight, and nobody asked for more"


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("sys/block/xvdb/inflight", "unknown"),
        ("sys/block/xvdb/stat", "unknown"),
        ("sys/block/xvdb/ro", "ok"),
        ("sys/block/sr0/stat", "ok"),
    ],
)
def test_a_disk_that_hides_its_counters_is_unknown(path: str, state: str) -> None:
    refused = (USED, fact(unreadable={path: "EIO"}))
    assert judged(Case(guest("pv", *refused))).states["B07"] == state
    if path.endswith("inflight"):
        hidden = tuple(replace(each, in_flight=None) for each in guest("pv").facts.block_devices or ())
        assert judged(Case(guest("pv", *refused, fact(block_devices=hidden)))).states["B07"] == state
        assert "B07" not in judged(Case(guest("pv", USED, fact(block_devices=hidden)))).states, "offered nowhere"


def test_without_pressure_information_blocked_tasks_raise_it() -> None:
    assert "B07" in judged(Case(busy(500, 10.0, None, blocked=2)), confirming=True).suspects


def test_two_seconds_later_nothing_finished_and_the_disk_is_dead() -> None:
    found = finding(twice(busy(500, 10.0), busy(500, 12.0)), "B07")
    assert found
    assert (found.subject, found.severity) == ("xvdb", "critical")
    assert "3 requests in flight, none finished in 2.0 s" in found.evidence
    assert "mounted on /srv" in found.evidence


@pytest.mark.parametrize(
    "second",
    [busy(501, 12.0), busy(500, 12.0, in_flight=0), busy(500, 12.0, some=10.0), busy(7, 12.0)],
    ids=["one finished", "none in flight", "tasks no longer wait", "counted anew"],
)
def test_two_seconds_later_it_is_only_slow(second: Reading) -> None:
    assert twice(busy(500, 10.0), second).states["B07"] == "ok"


def test_a_disk_that_was_idle_at_the_first_reading_is_not_confirmed() -> None:
    assert twice(busy(500, 10.0, in_flight=0), busy(500, 12.0)).states["B07"] == "ok"


def watched(*readings: Reading) -> Judgement:
    """As the daemon does: it has patience and a history."""
    *earlier, now = readings
    return judged(Case(now, earlier[-1], earlier[0], tuple(earlier), patient=True), confirming=True)


def test_the_daemon_waits_for_thirty_seconds() -> None:
    early, late = busy(500, 0.0, some=0.0), busy(500, 29.0, some=0.0)
    assert watched(early, late).states["B07"] == "ok"
    assert watched(early, late, busy(500, 31.0, some=0.0)).states["B07"] == "critical"
    assert watched(early, late, busy(501, 31.0, some=0.0)).states["B07"] == "ok"
    assert watched(early, busy(500, 15.0, some=0.0), replace(late, monotonic=60.0)).states["B07"] == "critical"


def test_the_time_is_a_setting() -> None:
    case = Case(busy(500, 11.0), busy(500, 0.0), busy(500, 0.0), (busy(500, 0.0),), {"B07.seconds": 10.0}, patient=True)
    from virt_agent.rules.disks import stall

    assert [hit.subject for hit in stall.RULES[0].check(case)] == ["xvdb"]
    assert not list(stall.RULES[0].check(replace(case, settings={})))


def test_a_snapshot_that_the_daemon_serves_stands_still_and_is_no_dead_disk() -> None:
    def still(at: float) -> Reading:
        made = busy(500, at, some=10.0)
        return replace(made, facts=replace(made.facts, system=replace(present(made.facts.system), live=False)))

    assert judged(Case(still(99.0), still(0.0), still(0.0), (still(0.0),), patient=True)).states["B07"] == "ok"


def test_one_reading_of_a_snapshot_cannot_tell_slow_from_dead() -> None:
    found = finding(judged(Case(busy(500, 10.0))), "B07")
    assert found
    assert found.severity == "warning"
    assert "cannot tell slow from dead" in found.evidence[0]


def test_a_disk_that_nothing_uses_is_a_warning() -> None:
    def unused(at: float) -> Reading:
        made = busy(500, at)
        return replace(made, mounts={})

    found = finding(twice(unused(10.0), unused(12.0)), "B07")
    assert found
    assert found.severity == "warning"
    raw = finding(watched(unused(0.0), unused(31.0)), "B07")
    assert raw
    assert raw.severity == "critical", "ZFS and ASM use disks that are neither mounted nor held"
    assert "not mounted, but in use" in raw.evidence


def test_a_stall_behind_a_closed_frontend_has_its_cause() -> None:
    def closed(at: float) -> Reading:
        dead = frontend("vbd-51728", state="Closed")
        pressure = fact(memory=Memory(io_some_percent=97.0))
        return guest("pv", USED, pressure, dead, xvdb(in_flight=3, completed=500), at=at)

    found = twice(closed(10.0), closed(12.0))
    assert [(each.code, each.same_cause_as) for each in found.findings if each.severity == "critical"] == [
        ("X02", None),
        ("B07", "X02"),
    ]


# B03 and B04: what can no longer be written

SETTLED = fact(clock=Clock(uptime_seconds=9000.0))
RW, RO = FstabEntry("UUID=1", "/srv", "ext4", ("defaults",)), FstabEntry("UUID=1", "/srv", "ext4", ("noatime", "ro"))


@pytest.mark.parametrize(
    ("mount", "entry", "severity"),
    [
        (replace(SRV, halted="ro"), None, "warning"),
        (replace(SRV, halted="ro"), RW, "warning"),
        (replace(SRV, halted="emergency_ro"), RO, "critical"),
        (replace(SRV, halted="shutdown"), None, "critical"),
        (replace(SRV, halted="ro", read_only=True), RW, "warning"),
        (replace(SRV, halted="ro", read_only=True), RO, "ok"),
        (replace(SRV, halted="ro", read_only=True), None, "ok"),
        (replace(SRV, halted="ro"), RO, "ok"),
        (replace(SRV, read_only=True), RW, "ok"),
        (replace(SRV, halted="ro", type="squashfs"), RW, "ok"),
        (replace(SRV, halted="ro", type="iso9660"), None, "ok"),
    ],
    ids=[
        *("by an error or a remount", "the same, fstab rw", "newer ext4", "shut down", "by hand, fstab rw", "meant so"),
        *("nobody knows", "ro=fs in fstab", "a read-only bind", "squashfs", "a CD"),
    ],
)
def test_a_file_system_that_cannot_be_written(mount: object, entry: FstabEntry | None, severity: str) -> None:
    changes: tuple[Change, ...] = (SETTLED, fact(mounts=(ROOT, mount)), *([fstab(entry)] if entry else []))
    assert judged(Case(guest("pv", *changes))).states["B03"] == severity


def _log(*messages: str) -> KernelLog:
    return parse_log("".join(f"[  100.000000] {message}\n" for message in messages))


STOPPED, AGAIN = "EXT4-fs (xvdb): Remounting filesystem read-only", "EXT4-fs (xvdb): re-mounted. Opts: (null)"


@pytest.mark.parametrize(
    ("log", "severity", "told"),
    [
        ({}, "warning", "the kernel log, which would tell, was not read"),
        ({"kernel_log": _log()}, "warning", "the kernel log tells of no error on it"),
        ({"kernel_log": _log(STOPPED)}, "critical", f"kernel log: {STOPPED}"),
        ({"kernel_log": _log(), "kernel_journal": _log(STOPPED)}, "critical", f"kernel log: {STOPPED}"),
        (
            {"kernel_log": _log("I/O error, dev xvdb, sector 8")},
            "critical",
            "kernel log: I/O error, dev xvdb, sector 8",
        ),
        ({"kernel_log": _log("I/O error, dev xvda, sector 8")}, "warning", "the kernel log tells of no error on it"),
        ({"kernel_log": _log(STOPPED, AGAIN)}, "warning", "the kernel log tells of no error on it"),
    ],
    ids=["no log", "silent", "stopped", "in the journal", "disk error", "another disk", "healed"],
)
def test_an_error_has_a_second_sign(log: dict[str, KernelLog], severity: str, told: str) -> None:
    """`mount -o remount,ro` looks the same from a namespace of its own."""
    logs: dict[str, KernelLog | None] = {"kernel_log": None, "kernel_journal": None, **log}
    old = fact(clock=Clock(uptime_seconds=900_000.0), **logs)
    found = finding(judged(Case(guest("pv", old, mounted(ROOT, replace(SRV, halted="ro"))))), "B03")
    assert found
    assert found.severity == severity
    assert found.evidence[-1] == told
    assert ("after an error or a remount" in found.summary) == (severity == "warning")


@pytest.mark.parametrize(("word", "state"), [("ro", "ok"), ("emergency_ro", "critical"), ("shutdown", "critical")])
def test_a_bind_mount_stays_writable_when_its_twin_is_remounted(word: str, state: str) -> None:
    twin = replace(SRV, halted=word, read_only=True)
    mounts = mounted(ROOT, twin, replace(SRV, point="/bind", halted=word))
    assert judged(Case(guest("pv", SETTLED, mounts))).states["B03"] == state


@pytest.mark.parametrize("device", ["dm-0", "md127", "bcache0"])
def test_what_is_mapped_over_a_read_only_disk_may_be_written(device: str) -> None:
    """Qubes: / is a dm-snapshot whose origin is read-only."""
    root = Mount("/", f"/dev/{device}", "ext4", False, device, ("xvda",))
    now = guest("pv", mounted(root, SRV), disk("xvda", read_only=True))
    assert judged(Case(now)).states["B04"] == "ok"
    refused = fact(unreadable={"sys/block/xvda/ro": "EIO"})
    assert judged(Case(guest("pv", mounted(root, SRV), refused))).states["B04"] == "ok"


def test_a_disk_that_does_not_say_whether_it_can_be_written_is_unknown() -> None:
    refused = (xvdb(read_only=None), fact(unreadable={"sys/block/xvdb/ro": "EIO"}))
    assert judged(Case(guest("pv", USED, *refused))).states["B04"] == "unknown"
    assert judged(Case(guest("pv", mounted(ROOT), *refused))).states["B04"] == "ok", "nobody wants to write to it"
    assert judged(Case(guest("pv", USED, xvdb(read_only=None)))).states["B04"] == "ok", "offered nowhere"


def test_what_is_mounted_over_counts() -> None:
    """The initramfs' read-only root below the real one says nothing."""
    below = replace(ROOT, halted="ro", read_only=False, source="rootfs")
    assert judged(Case(guest("pv", mounted(below, ROOT, SRV)))).states["B03"] == "ok"


def test_many_mounts_of_one_halted_file_system_are_one_finding() -> None:
    halted = replace(SRV, halted="ro")
    found = judged(Case(guest("pv", mounted(ROOT, halted, replace(halted, point="/bind")))))
    assert [each.subject for each in found.findings if each.code == "B03"] == ["/srv"]


def test_a_disk_that_is_read_only_and_mounted_so_on_purpose_is_healthy() -> None:
    mounts = mounted(ROOT, replace(SRV, read_only=True, halted="ro"))
    assert judged(Case(guest("pv", mounts, xvdb(read_only=True)))).states["B04"] == "ok"
    found = judged(Case(guest("pv", mounts, xvdb(read_only=True), fstab(RW), SETTLED)))
    assert (found.states["B04"], found.states["B03"]) == ("warning", "warning")
    assert finding(found, "B03").same_cause_as == "B04"  # type: ignore[union-attr]


def test_at_boot_the_root_is_read_only_for_a_while() -> None:
    root = replace(ROOT, halted="ro", read_only=True)
    entry = fstab(FstabEntry("UUID=1", "/", "ext4", ("defaults",)))
    states = [
        judged(Case(guest("pv", mounted(root, SRV), entry, fact(clock=Clock(uptime_seconds=seconds))))).states["B03"]
        for seconds in (20.0, 500.0)
    ]
    assert states == ["ok", "warning"]


# B05, B10, B12


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("sdf", "xvdf"),
        ("xvdf", "xvdf"),
        ("sda1", "xvda1"),
        ("sda1", "xvda"),
        ("sdf", "xvdj"),
        ("sdf1", "xvdf1"),
        ("sdb", "sdb"),
    ],
)
def test_what_the_guest_may_call_a_mapped_volume(device: str, name: str) -> None:
    assert name in guest_names(device)


@given(st.text(max_size=12))
def test_any_mapping_has_names_or_none(device: str) -> None:
    assert all(name.startswith(("xvd", "sd")) for name in guest_names(device))


def test_a_volume_that_fstab_does_not_name_is_information_only() -> None:
    found = judged(Case(guest(T2, imds(block_devices={"ebs1": "sdf"}))))
    assert found.states["B05"] == "info"
    assert judged(Case(guest(T2, imds(block_devices={"ephemeral0": "sdb"})))).states.get("B05") is None
    assert "B05" not in judged(Case(guest("D20-ec2-c5large", fact(block_devices=None)))).states


@pytest.mark.parametrize(
    ("size", "end", "state"),
    [
        (20 * GIB, 19 * GIB + 512 * MIB, "ok"),
        (100 * GIB, 97 * GIB, "ok"),
        (100 * GIB, 50 * GIB, "info"),
        (GIB, MIB, "ok"),
    ],
)
def test_little_space_behind_the_last_partition_is_usual(size: int, end: int, state: str) -> None:
    now = guest("pv", USED, xvdb(size_bytes=size, partitioned_bytes=end))
    assert judged(Case(now)).states["B10"] == state


def _nvme(name: str, holders: tuple[str, ...] = ()) -> BlockDevice:
    return BlockDevice(name, "nvme", "pci", serial="s1", size_bytes=GIB, holders=holders)


@pytest.mark.parametrize(
    "disks",
    [
        (_nvme("nvme0n1"), _nvme("nvme0n2")),
        (_nvme("sda", ("dm-0",)), _nvme("sdb", ("dm-0",))),
        (replace(_nvme("vda"), serial="0000"), replace(_nvme("vdb"), serial="0000")),
        (_nvme("vda"), replace(_nvme("vdb"), size_bytes=2 * GIB)),
    ],
    ids=["namespaces", "multipath", "zeros", "sizes differ"],
)
def test_one_serial_that_means_nothing(disks: tuple[BlockDevice, ...]) -> None:
    assert judged(Case(guest("qemu-q35-virtio", fact(block_devices=disks)))).states.get("B12", "ok") == "ok"


# CD drives and controllers

CD, SR = "vbd-51760", "sys/devices/pci0000:00/0000:00:01.1/ata2/host1/target1:0:1/1:0:1:0/block/sr0"
DRIVE = frontend(CD, state="Initialising")
HAS_SR = fact(drivers=Drivers({"sr_mod": LOADED, "ata_piix": LOADED, "xen-blkfront": LOADED}))


def _sr0(size: int) -> Change:
    drive = BlockDevice("sr0", "ata_piix", "pci", path=SR, size_bytes=size)
    return lambda facts: replace(facts, block_devices=(*(facts.block_devices or ()), drive))


@pytest.mark.parametrize(
    "changes",
    [
        (DRIVE, _sr0(0), HAS_SR),
        (DRIVE, _sr0(700 * MIB), HAS_SR, fact(mounts=(ROOT, replace(ROOT, point="/media/cdrom", type="iso9660", halted="ro",
                                                                  read_only=True, device="sr0", disks=("sr0",))))),
        (DRIVE,),
    ],
    ids=["empty", "a mounted disc", "a kernel without its driver"],
)  # fmt: skip
def test_a_cd_drive_is_healthy(changes: tuple[Change, ...]) -> None:
    now = guest(XCPNG, *changes)
    assert [each.kind for each in now.frontends if each.name == CD] == ["cdrom"]
    assert now.verdict.pv_drivers == "all"
    assert [each.code for each in judged(Case(now)).findings if each.severity != "info"] == []


def test_what_no_driver_took_is_a_disk_where_a_cd_drive_would_show() -> None:
    now = guest(XCPNG, DRIVE, HAS_SR)
    assert [each.kind for each in now.frontends if each.name == CD] == ["disk"]
    assert judged(Case(now)).states["X04"] == "warning"


@pytest.mark.parametrize(
    ("vendor", "kind"), [(0x1AF4, "emulated"), (0x8086, "emulated"), (None, "emulated"), (0x15D9, "native")]
)
def test_a_controller_with_a_board_makers_subsystem_is_a_real_one(vendor: int | None, kind: str) -> None:
    disk = BlockDevice("sda", "ahci", "pci", subsystem_vendor=vendor)
    assert devices.block_kind(disk, virtual=True) == kind
    nic = NetworkDevice("eth0", "e1000e", "pci", subsystem_vendor=vendor)
    assert devices.network_kind(nic, virtual=True) == kind


# X02 and X16: network cards


def test_a_closed_network_card_whose_interface_is_down_is_x02s() -> None:
    nic = replace(guest("pvhvm").facts.network.devices[0], operstate="down", carrier=False, default_route=False)  # type: ignore[union-attr]
    found = judged(Case(guest("pvhvm", frontend("vif-0", state="Closed"), fact(network=Network((nic,))))))
    assert (found.states["X02"], found.states["X16"]) == ("warning", "ok")
    up = judged(Case(guest("pvhvm", frontend("vif-0", state="Closed"))))
    assert (up.states["X02"], up.states["X16"]) == ("ok", "critical")


def test_the_disk_in_question_is_there() -> None:
    with pytest.raises(AssertionError):
        disk("xvdz", read_only=True)(guest("pv").facts)
