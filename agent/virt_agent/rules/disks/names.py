"""B14: disks called by names that the next boot may give to others. NVMe names on EC2 are V11's."""

from __future__ import annotations

from ..form import ADVICE, INFO, YOU, Case, Hit, Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# xen-blkfront, virtio_blk, SCSI and the IDE of old; not sr and fd, which are drives and not disks.
_BY_ORDER = ("/dev/xvd", "/dev/vd", "/dev/sd", "/dev/hd")


def _has_fstab(reading: Reading) -> bool:
    configuration = reading.facts.configuration
    return reading.virtual and configuration is not None and configuration.fstab is not None


def _check(case: Case) -> Iterator[Hit]:
    configuration = case.now.facts.configuration
    for entry in (configuration.fstab or ()) if configuration else ():
        if entry.source.startswith(_BY_ORDER) and "noauto" not in entry.options:
            yield Hit(
                entry.source,
                f"/etc/fstab mounts {entry.source} on {entry.point} by its kernel name",
                (f"/etc/fstab: {entry.source} {entry.point} {entry.type}",),
                remedy=(
                    f"Its id: lsblk -o NAME,UUID,LABEL {entry.source}",
                    f"Write UUID=... in place of {entry.source} in /etc/fstab, nofail for data volumes.",
                    "Test it before the next reboot: sudo findmnt --verify",
                ),
            )


RULES = (
    Rule(
        code="B14",
        name="fstab-by-kernel-name",
        kind=ADVICE,
        severity=INFO,
        title="/etc/fstab names a disk by its kernel name",
        needs=("configuration",),
        applies=_has_fstab,
        check=_check,
        means="It works today. With another driver (emulated to PV, Xen to Nitro, IDE to virtio) or another order of"
        " attachment the name changes: the next boot mounts another disk there, or stops.",
        remedy=(
            "Find the ids: lsblk -o NAME,UUID,LABEL,MOUNTPOINT",
            "Write UUID= or LABEL= in /etc/fstab, nofail for data volumes; then test it: sudo findmnt --verify",
        ),
        source="fstab(5); EC2 user guide, Device naming, and Make a volume available for use",
        owner=YOU,
        avoid="Do not reboot before findmnt --verify is content.",
    ),
)
