"""B03 and B04: what can no longer be written."""

from __future__ import annotations

from virt_collectors.mounts import Mount

from .. import usage
from ..form import CRITICAL, FAULT, HOST, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import DISK, ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# File systems that are made to be written; squashfs, iso9660 and erofs say "ro" of themselves by nature.
_WRITABLE = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "exfat", "f2fs", "jfs", "ntfs3", "ocfs2"}
)
_SETTLED_SECONDS = 120  # at boot the root is read-only until it is checked


def _mounts(reading: Reading) -> tuple[Mount, ...]:
    """The uppermost mount of each place, of file systems that can be written."""
    upper = {mount.point: mount for mount in reading.facts.mounts or ()}
    return tuple(mount for mount in upper.values() if mount.type in _WRITABLE and mount.device is not None)


def _applies(reading: Reading) -> bool:
    return reading.verdict.hypervisor != "none" and bool(_mounts(reading))


def _wanted_read_only(reading: Reading) -> dict[str, bool]:
    """By mount point what fstab wants, as far as it is known."""
    configuration = reading.facts.configuration
    entries = configuration.fstab if configuration else None
    return {entry.point: any(o == "ro" or o.startswith("ro=") for o in entry.options) for entry in entries or ()}


def _check_halted(case: Case) -> Iterator[Hit]:
    """A file system that says "ro" below a mount that says "rw" was made so by the kernel, after an error."""
    wanted = _wanted_read_only(case.now)
    told = set[str]()
    for mount in _mounts(case.now):
        by_error = mount.halted is not None and (
            mount.halted != "ro" or not (mount.read_only or wanted.get(mount.point))
        )
        by_hand = mount.halted == "ro" and mount.read_only and wanted.get(mount.point) is False
        if not (by_error or (by_hand and _settled(case.now))) or mount.source in told:
            continue
        told.add(mount.source)
        how = "after an error" if by_error else "though /etc/fstab wants it written"
        fstab = () if mount.point not in wanted else ("/etc/fstab wants it " + ("ro" if wanted[mount.point] else "rw"),)
        yield Hit(
            mount.point,
            f"{mount.point} ({mount.source}) is read-only, {how}",
            (
                f"/proc/self/mountinfo: {mount.point} mounted {'ro' if mount.read_only else 'rw'},"
                f" its {mount.type} says {mount.halted}",
                *fstab,
            ),
            CRITICAL if by_error else WARNING,
            _remedy(case.now, mount) if by_error else _remedy_by_hand(mount),
            None if by_error or not _read_only_disks(case.now, mount) else "B04",
        )


def _settled(reading: Reading) -> bool:
    uptime = reading.facts.clock.uptime_seconds if reading.facts.clock else None
    return uptime is None or uptime > _SETTLED_SECONDS


def _remedy(reading: Reading, mount: Mount) -> tuple[str, ...]:
    return (
        "See what went wrong first: sudo journalctl -k -g 'I/O error'; sudo journalctl -k -g remount",
        f"Ask the host whether the disk is well: {ask_host(reading, DISK)}",
        f"Save what matters: {mount.point} can still be read. Then check the file system unmounted (fsck, xfs_repair),"
        + (" from a rescue boot." if mount.point == "/" else " and mount it again."),
    )


def _remedy_by_hand(mount: Mount) -> tuple[str, ...]:
    return (
        "Was it done on purpose? Else see why: sudo journalctl -b -g remount; sudo journalctl -b -u systemd-fsck-root",
        f"Write again: sudo mount -o remount,rw {mount.point}",
    )


def _read_only_disks(reading: Reading, mount: Mount) -> list[str]:
    return [disk.name for disk in reading.facts.block_devices or () if disk.name in mount.disks and disk.read_only]


def _has_disks(reading: Reading) -> bool:
    return _applies(reading) and bool(reading.facts.block_devices)


def _check_read_only_disk(case: Case) -> Iterator[Hit]:
    """Only where something wants to write to it: attached read-only on purpose, it is mounted so."""
    wanted = _wanted_read_only(case.now)
    told = set[str]()
    for mount in _mounts(case.now):
        if mount.read_only and wanted.get(mount.point) is not False:
            continue
        for name in _read_only_disks(case.now, mount):
            if name in told:
                continue
            told.add(name)
            use = usage.of_disk(case.now, name)
            yield Hit(
                name,
                f"disk {name} ({mount.point}) is read-only and meant to be written",
                (f"/sys/block/{name}/ro = 1", *([use] if use else [])),
                remedy=(
                    f"See how it is attached: {ask_host(case.now, DISK)}",
                    "Attach it read-write there, then mount it again; a snapshot or a clone may be meant to be read only.",
                ),
            )


RULES = (
    Rule(
        code="B03",
        name="file-system-read-only",
        kind=FAULT,
        severity=CRITICAL,
        title="a file system became read-only",
        needs=("mounts",),
        applies=_applies,
        check=_check_halted,
        means="The kernel found an error on the disk or in the file system and stopped writing to save what is there."
        " Programs fail at every write; what they had not written is lost. Where somebody mounted it so, nothing is"
        " damaged, but the next program that writes fails.",
        remedy=(
            "See what went wrong first: sudo journalctl -k -g 'I/O error'; sudo journalctl -k -g remount",
            "Ask the host whether the disk is well.",
            "Save what matters: it can still be read. Then check the file system unmounted (fsck, xfs_repair).",
        ),
        source="fs/proc_namespace.c, show_mountinfo; fs/ext4/super.c (errors=remount-ro, emergency_ro since 6.14)",
        owner=YOU,
        avoid="Do not remount it read-write before the file system was checked: that can destroy it.",
    ),
    Rule(
        code="B04",
        name="disk-read-only",
        kind=FAULT,
        severity=WARNING,
        title="a disk that is meant to be written is attached read-only",
        needs=("block_devices", "mounts"),
        applies=_has_disks,
        check=_check_read_only_disk,
        means="The host offers the disk for reading alone: every write to it fails.",
        remedy=(
            "Is it a snapshot or a clone that is meant to be read only? Then mount it ro in /etc/fstab.",
            "Else attach it read-write on the host, then mount it again.",
        ),
        source="Documentation/ABI/stable/sysfs-block, ro; xen-blkfront.c, VDISK_READONLY",
        owner=HOST,
        avoid="Do not force it with blockdev --setrw: the host refuses the writes all the same.",
    ),
)
