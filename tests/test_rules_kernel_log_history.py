"""Which lines of the kernel log count no more: what is old, healed, or of a device that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests import corpus
from tests.logged_guests import (
    AT,
    EC2,
    NOW,
    RESET,
    UPTIME,
    VIRTIO,
    XEN,
    finding,
    guest,
    judged,
    line,
    mounted,
)
from tests.test_rules import patient
from virt_agent.rules.form import CRITICAL, WARNING
from virt_agent.rules.kernel_log.history import disk_gone, disk_of
from virt_collectors.block import BlockDevice
from virt_collectors.clock import Clock
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.kernel_patterns import of
from virt_collectors.record import replace

# when


def test_time_asleep_does_not_age_a_line() -> None:
    """Uptime counts a suspend, the kernel's stamps do not: two days of sleep, and the line is an hour old."""
    text = line("xvdb disabled for further use", at=1000.0)
    clock = Clock("xen", (), uptime_seconds=4600.0 + 172_800, time=NOW, suspended_seconds=172_800.0)
    found = finding(guest(XEN, text, clock=clock), "L02")
    assert found
    assert found.since == "last 01:43:10 UTC"


@pytest.mark.parametrize(
    ("clock", "since"),
    [
        (Clock("xen", (), UPTIME, NOW), "last 02:33:10 UTC"),
        (Clock("xen", (), AT + 80_000, NOW), "last 2025-11-19 04:29:50 UTC"),
        (Clock("xen", (), UPTIME, None), "last 10 min ago"),
        (Clock("xen", (), AT + 10_800, None), "last 3 h ago"),
        (Clock("xen", (), AT + 5, None), "last 5 s ago"),
        (Clock("xen", (), AT - 5, None), "last 0 s ago"),
        (Clock("xen", (), None, NOW), None),
        (None, None),
    ],
)
def test_since_when(clock: Clock | None, since: str | None) -> None:
    found = finding(guest(XEN, line("xvdb disabled for further use"), clock=clock), "L02")
    assert found, "what cannot be dated counts as recent"
    assert found.since == since


def test_a_line_without_a_stamp_counts_as_recent() -> None:
    assert finding(guest(XEN, "[Thu Nov 20 03:12:44 2025] xvdb disabled for further use\n"), "L02")


def test_resets_are_counted_by_the_day() -> None:
    """Three in a month are few, three in a day are many."""
    month = "".join(line(RESET, at=day * 864_000.0) for day in range(1, 4))
    assert judged(guest(EC2, month, uptime=2_593_000.0)).states["L28"] == "ok"
    day = "".join(line(RESET, at=2_592_000.0 + hour * 3600) for hour in range(3))
    assert judged(guest(EC2, day, uptime=2_600_000.0)).states["L28"] == WARNING


# healed


@pytest.mark.parametrize("code", ["L26", "L27", "L29", "L30", "L31", "L32", "L34", "L35"])
def test_a_reset_heals_what_was_before_it_on_the_same_card(code: str) -> None:
    message = of(code).samples[0]
    other = RESET.replace("00:05.0", "00:06.0")
    again = "ena 0000:00:05.0: Elastic Network Adapter (ENA) found at mem febf4000, mac addr 02:00:00:00:00:01"
    assert judged(guest(EC2, line(message, RESET))).states[code] == "ok"
    assert judged(guest(EC2, line(message, again))).states[code] == "ok"
    assert judged(guest(EC2, line(RESET, message))).states[code] != "ok"
    assert judged(guest(EC2, line(message, other))).states[code] != "ok"


def test_the_admin_queue_of_an_old_driver_is_healed_too() -> None:
    old = "ena: The ena device doesn't send any completion for the admin cmd 11 status 1"
    assert judged(guest(EC2, line(old, RESET))).states["L31"] == "ok"


def test_an_ena_reset_heals_no_other_card() -> None:
    """The watchdog of a virtio card has its own end."""
    stalled = "NETDEV WATCHDOG: eth0 (virtio_net): transmit queue 0 timed out"
    assert judged(guest(VIRTIO, line(stalled, RESET))).states["L44"] == WARNING
    assert (
        judged(guest(EC2, line("NETDEV WATCHDOG: ens5 (ena): transmit queue 0 timed out", RESET))).states["L44"] == "ok"
    )


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        (("EXT4-fs error (device xvdb): x",), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): re-mounted. Opts: (null)"), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvda): mounted filesystem with ordered data mode."), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): warning: mounting fs with errors, running e2fsck is recommended",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), CRITICAL),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): warning: mounting fs with errors, running e2fsck is recommended",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode.",
          "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), "ok"),
        (("EXT4-fs error (device xvdb): x", "EXT4-fs (xvdb): mounted filesystem with ordered data mode."), "ok"),
    ],
)  # fmt: skip
def test_a_damaged_file_system_is_healed_by_a_mount_without_a_warning(messages: tuple[str, ...], state: str) -> None:
    assert judged(guest(XEN, line(*messages))).states["L48"] == state


def test_a_file_system_that_was_mounted_writable_again_is_well() -> None:
    stopped, again = "EXT4-fs (xvdb): Remounting filesystem read-only", "EXT4-fs (xvdb): re-mounted. Opts: (null)"
    unknown = {"mounts": None}
    assert judged(guest(XEN, line(stopped), **unknown)).states["L47"] == CRITICAL
    assert judged(guest(XEN, line(stopped, again), **unknown)).states["L47"] == "ok"


def test_a_disk_that_is_gone_is_history() -> None:
    for code, message in (
        ("L02", "xvdq disabled for further use"),
        ("L45", "Buffer I/O error on dev xvdq1, logical block 7"),
        ("L46", "I/O error, dev xvdq, sector 8"),
        ("L48", "EXT4-fs error (device xvdq1): x"),
    ):
        assert judged(guest(XEN, line(message))).states[code] == "ok"


def _holding(*holders: str) -> dict[str, Any]:
    """The second disk carries those."""
    known = corpus.facts(SnapshotHost(patient(XEN))).block_devices or ()
    return {"block_devices": tuple(replace(each, holders=holders) if each.name == "xvdb" else each for each in known)}


@pytest.mark.parametrize(
    ("device", "facts", "state"),
    [
        ("dm-5", {}, "ok"),
        ("md127", {}, "ok"),
        ("bcache0", {}, "ok"),
        ("dm-1", _holding("dm-10"), "ok"),
        ("dm-5", _holding("dm-5"), CRITICAL),
        ("md127p1", _holding("md127"), CRITICAL),
        ("dm-5", mounted("dm-5", "rbd0"), CRITICAL),
        ("dm-5", {"block_devices": None}, None),
        ("zd16", {}, WARNING),
        ("rbd0", {}, WARNING),
        ("drbd1", {}, WARNING),
        ("rbd0", mounted("rbd0p1", "rbd0"), CRITICAL),
        ("zd16", mounted("zd16", "zd16"), CRITICAL),
        ("zd16", {"mounts": None}, CRITICAL),
        ("xvdb1p1", {}, "ok"),
    ],
)
def test_what_lies_on_disks_is_there_while_a_disk_or_a_mount_names_it(
    device: str, facts: dict[str, Any], state: str | None
) -> None:
    """An LVM snapshot that ran full and was removed is history."""
    reading = guest(XEN, line(f"Buffer I/O error on dev {device}, logical block 7, lost async page write"), **facts)
    assert judged(reading).states.get("L45") == state


@pytest.mark.parametrize(
    ("name", "disk"),
    [
        ("nvme0n1", "nvme0n1"),
        ("nvme0n1p2", "nvme0n1"),
        ("nvme0c0n1", "nvme0n1"),
        ("nvme0c1n1", "nvme0n1"),
        ("nvme0n10", None),
        ("nvme0n1p", None),
        ("nvme0c0n10", None),
        ("nvme1c0n1", None),
        ("sda1", "sda"),
        ("sdap1", None),
        ("sdaa1", None),
        ("md1", "sda"),
        ("md12", None),
    ],
)
def test_the_disk_of_a_name(name: str, disk: str | None) -> None:
    disks = (BlockDevice("nvme0n1", "nvme", "pci"), BlockDevice("sda", "ahci", "pci", holders=("md1",)))
    reading = guest(EC2, "", block_devices=disks)
    assert getattr(disk_of(reading, name), "name", None) == disk
    assert disk_gone(reading, name) == (disk is None)


def test_a_card_or_controller_that_is_gone_is_history() -> None:
    assert judged(guest(XEN, line("net eth7: Disabled for further use"))).states["L07"] == "ok"
    assert judged(guest(EC2, line("nvme nvme7: controller is down; will reset: CSTS=0x3"))).states["L41"] == "ok"
    assert judged(guest(EC2, line("nvme nvme7: I/O 1 QID 2 timeout, aborting"))).states["L39"] == "ok"
