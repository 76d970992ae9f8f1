"""B03 and B04: what can no longer be written."""

from __future__ import annotations

from virt_collectors.mounts import Mount

from .. import usage
from ..form import CRITICAL, FAULT, HOST, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import DISK, ask_host
from ..kernel_log.history import disk_of, healed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from virt_collectors.kernel_events import LogEvent

# File systems that are made to be written; squashfs, iso9660 and erofs say "ro" of themselves by nature.
_WRITABLE = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "msdos", "exfat", "f2fs", "jfs", "ntfs3", "ocfs2"}
)
_ERRORS = ("L45", "L46", "L47", "L48")  # what the kernel log tells of a disk or file system that fails
_MAPPED = ("dm-", "md", "bcache")
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
    """A file system that says "ro" below a mount that says "rw" was made so by the kernel, after an error.

    Or by somebody, through another mount of it: `mount -o remount,ro` where a bind mount or a namespace has one more.
    """
    wanted = _wanted_read_only(case.now)
    told = set[str]()
    for mount in _mounts(case.now):
        how = _how(case.now, mount, wanted.get(mount.point))
        if how is None or mount.source in told:
            continue
        told.add(mount.source)
        fstab = () if mount.point not in wanted else ("/etc/fstab wants it " + ("ro" if wanted[mount.point] else "rw"),)
        log = _log_says(case.now, mount) if mount.halted == "ro" and how != _BY_HAND else ()
        yield Hit(
            mount.point,
            f"{mount.point} ({mount.source}) is read-only, {how}",
            (
                f"/proc/self/mountinfo: {mount.point} mounted {'ro' if mount.read_only else 'rw'},"
                f" its {mount.type} says {mount.halted}",
                *fstab,
                *log,
            ),
            CRITICAL if how == _BY_ERROR else WARNING,
            _remedy_by_hand(mount) if how == _BY_HAND else _remedy(case.now, mount, how),
            "B04" if how == _BY_HAND and _read_only_disks(case.now, mount) else None,
        )


_BY_ERROR = "after an error"
_BY_HAND = "though /etc/fstab wants it written"
_UNCLEAR = "after an error or a remount elsewhere"


def _how(reading: Reading, mount: Mount, read_only_wanted: bool | None) -> str | None:
    """How it became read-only; None where it is not, or is meant so."""
    if mount.halted != "ro":
        return mount.halted and _BY_ERROR
    if mount.read_only:
        return _BY_HAND if read_only_wanted is False and _settled(reading) else None
    twins = (each for each in reading.facts.mounts or () if each.source == mount.source)
    if read_only_wanted or any(each.read_only for each in twins):
        return None
    return _BY_ERROR if _errors(reading, mount) else _UNCLEAR


def _errors(reading: Reading, mount: Mount) -> list[LogEvent]:
    """What the kernel log tells of errors on its disks, however long ago."""
    logs = (reading.facts.kernel_log, reading.facts.kernel_journal)
    events = [event for log in logs if log for event in log.events if event.code in _ERRORS]
    return [event for event in events if _is_below(reading, event.subject, mount) and not healed(reading, event)]


def _is_below(reading: Reading, name: str, mount: Mount) -> bool:
    disk = disk_of(reading, name)
    return name in (mount.device, *mount.disks) or (disk is not None and disk.name in mount.disks)


def _log_says(reading: Reading, mount: Mount) -> tuple[str, ...]:
    errors = _errors(reading, mount)
    if errors:
        said = errors[-1].message.replace("|", "/").encode("ascii", "replace").decode()
        return (f"kernel log: {said}",)
    read = reading.facts.kernel_log or reading.facts.kernel_journal
    return ("the kernel log tells of no error on it" if read else "the kernel log, which would tell, was not read",)


def _settled(reading: Reading) -> bool:
    uptime = reading.facts.clock.uptime_seconds if reading.facts.clock else None
    return uptime is None or uptime > _SETTLED_SECONDS


def _remedy(reading: Reading, mount: Mount, how: str) -> tuple[str, ...]:
    by_whom = f"No error there? See who remounted it: sudo journalctl -g 'remount,ro'; findmnt --source {mount.source}"
    return (
        "See what went wrong first: sudo journalctl -k -g 'I/O error'; sudo journalctl -k -g remount",
        *((by_whom,) if how == _UNCLEAR else ()),
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
    """Right below it: a snapshot's mapping may be written while its origin is not."""
    if _is_mapped(mount):
        return []
    return [disk.name for disk in reading.facts.block_devices or () if disk.name in mount.disks and disk.read_only]


def _has_disks(reading: Reading) -> bool:
    return _applies(reading) and bool(reading.facts.block_devices)


def _is_mapped(mount: Mount) -> bool:
    return (mount.device or "").startswith(_MAPPED)


def _cannot_see(reading: Reading) -> bool:
    """A mounted disk does not say whether it can be written."""
    written = [mount for mount in _mounts(reading) if not (mount.read_only or _is_mapped(mount))]
    return any(f"sys/block/{name}/ro" in reading.facts.unreadable for mount in written for name in mount.disks)


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
        " damaged, but the next program that writes fails. An XFS that shut itself down does not show it among its"
        " mount options: only the kernel log tells (L47).",
        remedy=(
            "See what went wrong first: sudo journalctl -k -g 'I/O error'; sudo journalctl -k -g remount",
            "Nothing? Then see who remounted it: sudo journalctl -g 'remount,ro'; findmnt --source DEVICE",
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
        unsure=_cannot_see,
        avoid="Do not force it with blockdev --setrw: the host refuses the writes all the same.",
    ),
)
