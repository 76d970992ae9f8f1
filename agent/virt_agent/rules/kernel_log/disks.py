"""L45 to L48: failed I/O and broken file systems, whatever the disk."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent
from virt_collectors.mounts import Mount

from ..form import CRITICAL, HOST, Case, Reading
from ..host_side import DISK
from .line import Line, Verdict, rule
from .uses import on_disk, with_disks


def _mount_of(reading: Reading, device: str) -> Mount | None:
    mounts = reading.facts.mounts or ()
    return next((mount for mount in mounts if device in (mount.device, mount.source.rpartition("/")[2])), None)


def _read_only(case: Case, event: LogEvent) -> Verdict | None:
    """A file system that says by now that it can be written was mounted anew; one that does not is told by B03."""
    worth, mount = on_disk(case, event), _mount_of(case.now, event.subject)
    if worth is None or mount is None:
        return worth
    if mount.halted is None:
        return None
    return Verdict(CRITICAL, cause=None if mount.read_only else "B03", use=f"mounted on {mount.point}")


_KEEP = "Save what can still be read: stop writers, copy the data elsewhere."
_CHECK = "Check the file system unmounted (fsck, xfs_repair); for / from a rescue boot."

RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L45",
            "buffered-io-failed",
            "buffered reads or writes failed",
            "disk SUBJECT failed buffered I/O",
            with_disks,
            "Data that programs believe to be written may be lost (lost async page write), or cannot be read.",
            (_KEEP, "See whether it goes on: sudo journalctl -k -f", _CHECK),
            "Do not reboot before the data is safe: what is only in memory is lost then.",
            "fs/buffer.c, buffer_io_error",
            on_disk,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L46",
            "disk-io-error",
            "a disk failed requests",
            "disk SUBJECT failed requests",
            with_disks,
            "The disk or the way to it failed reads or writes. File systems turn read-only or lose data by it.",
            (_KEEP, "See whether it goes on: sudo journalctl -k -g 'error, dev'", _CHECK),
            "Do not run a file system check on a disk that still fails: it makes the damage worse.",
            "block/blk-mq.c, blk_print_req_error; before 5.16 block/blk-core.c, print_req_error",
            on_disk,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L47",
            "filesystem-read-only",
            "a file system was made read-only, or shut down, after an error",
            "the file system on SUBJECT stopped taking writes",
            with_disks,
            "The kernel protects what is there. Programs fail to write; what they had not written is lost.",
            ("See the error before it: sudo journalctl -k -g DEVICE", _KEEP, _CHECK),
            "Do not mount it writable again without a check.",
            "fs/ext4/super.c, ext4_handle_error; fs/xfs/xfs_fsops.c, xfs_do_force_shutdown; fs/btrfs/super.c",
            _read_only,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L48",
            "filesystem-damaged",
            "a file system is damaged",
            "the file system on SUBJECT is damaged",
            with_disks,
            "Its structures contradict each other: files are lost or will be, and more with every write.",
            ("Make sure that there is a backup or snapshot of the volume.", _KEEP, _CHECK),
            "Do not repair it without a copy of the disk: a repair throws away what it cannot place.",
            "fs/ext4/super.c, __ext4_error; fs/xfs/xfs_error.c, xfs_corruption_error; fs/btrfs/messages.c",
            on_disk,
            severity=CRITICAL,
            owner=HOST,
            ask=DISK,
        ),
    )
)
