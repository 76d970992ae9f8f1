"""B: disks."""

from __future__ import annotations

from virt_collectors.block import BlockDevice

from ... import devices
from ..form import CRITICAL, FAULT, HOST, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import ask_host
from ..xen.unplug import disabled_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _has_disks(reading: Reading) -> bool:
    return reading.virtual and any(devices.is_disk(device) for device in reading.facts.block_devices or ())


def emulated_disks(reading: Reading) -> list[BlockDevice]:
    """Disks on an emulated controller."""
    disks = [device for device in reading.facts.block_devices or () if devices.is_disk(device)]
    return [disk for disk in disks if devices.block_kind(disk, reading.virtual) == "emulated"]


def _check_emulated(case: Case) -> Iterator[Hit]:
    cause = disabled_by(case)
    for disk in emulated_disks(case.now):
        points = case.now.mounts.get(disk.name, ())
        if not points:
            continue
        place = "root /" if points[0] == "/" else points[0]
        yield Hit(
            disk.name,
            f"disk {disk.name} ({place}) is emulated by {disk.driver}",
            (f"/sys/block/{disk.name} hangs below driver {disk.driver}; mounted on {', '.join(points[:3])}",),
            None if case.now.xen_guest else INFO,
            same_cause_as=cause,
        )


def _xen_hvm(reading: Reading) -> bool:
    return reading.xen_guest and bool(reading.frontends)


def _check_twice(case: Case) -> Iterator[Hit]:
    """One place on the IDE controller, served by both drivers: hvmloader gives vbd 768 as hda too."""
    seen = {device.name: device for device in case.now.facts.block_devices or ()}
    frontends = {f.device: f.name for f in case.now.frontends if f.kind == "disk" and f.driver}
    emulated = {
        devices.ide_place(disk): disk for disk in emulated_disks(case.now) if devices.ide_place(disk) is not None
    }
    for name, vbd in sorted((str(name), vbd) for name, vbd in frontends.items() if name in seen):
        twin = emulated.get(devices.vbd_place(vbd))
        if twin is None or twin.size_bytes != seen[name].size_bytes:
            continue
        mounted = [d for d in (name, twin.name) if d in case.now.mounts]
        use = f"; {' and '.join(mounted)} mounted" if mounted else ""
        yield Hit(
            f"{name} and {twin.name}",
            f"disk seen twice: {name} and {twin.name} are one{use}",
            (
                f"{name} is {vbd} by xen-blkfront, {twin.name} is the same place on {twin.driver}",
                f"both have {twin.size_bytes} bytes",
            ),
        )


def _has_mounts(reading: Reading) -> bool:
    return reading.verdict.hypervisor != "none" and bool(reading.facts.mounts)


def _check_gone(case: Case) -> Iterator[Hit]:
    lost: dict[str, list[str]] = {}
    for mount in case.now.facts.mounts or ():
        if mount.device is None:
            lost.setdefault(mount.source, []).append(mount.point)
    for source, points in sorted(lost.items()):
        yield Hit(
            source.rpartition("/")[2],
            f"disk {source} is gone, {points[0]} still {'in use' if points[0] == 'swap' else 'mounted'}",
            (f"/proc/self/mountinfo has {source} on {', '.join(points[:3])}; /sys/dev/block lists it no more",),
            remedy=(
                "Keep off that mount: what is written there is lost.",
                f"Ask the host why it took the disk: {ask_host(case.now, 'disk')}",
                "Stop what uses it, then take the mount away (umount -l MOUNTPOINT; never for /).",
                "When it is back it may have another name: check the file system, then mount it by UUID.",
            ),
        )


RULES = (
    Rule(
        code="B02",
        name="emulated-disk",
        kind=FAULT,
        severity=WARNING,
        title="a mounted disk runs on an emulated controller",
        needs=("block_devices", "mounts"),
        applies=_has_disks,
        check=_check_emulated,
        means="Each request is a chain of exits to the host's device model instead of one shared ring: slow, and the"
        " more so the busier the host.",
        remedy=(
            "See what keeps the PV driver out: virt-agent --check names X04, X05 or X06 where it can tell.",
            "On other hosts choose a virtio disk for this guest.",
        ),
        source="drivers.md C.6; vendor texts are no sign, healthy virtio-scsi disks say QEMU too",
        owner=YOU,
        avoid="Do not switch drivers on a running system before root= and fstab name disks by UUID or LABEL.",
    ),
    Rule(
        code="B11",
        name="disk-seen-twice",
        kind=FAULT,
        severity=CRITICAL,
        title="one disk is seen twice, emulated and through xen-blkfront",
        needs=("block_devices", "xenbus"),
        applies=_xen_hvm,
        check=_check_twice,
        vital=True,
        means="The emulated disks were not unplugged. Two caches write to one disk: mounting both, or a file system"
        " check on the wrong one, destroys data.",
        remedy=(
            "Mount and check only the xvd name; look at what is mounted: findmnt -o SOURCE,TARGET",
            "Remove xen_emul_unplug= from the kernel command line, sudo update-grub, reboot.",
        ),
        source="platform-pci-unplug.c; seen in the Xen lab (hvm-nics-unplug)",
        owner=YOU,
        avoid="Do not mount, check or write the emulated twin: two caches on one disk destroy data.",
        confirm=True,
    ),
    Rule(
        code="B13",
        name="mounted-disk-gone",
        kind=FAULT,
        severity=CRITICAL,
        title="a disk was taken away while a file system on it is mounted",
        needs=("mounts",),
        applies=_has_mounts,
        check=_check_gone,
        vital=True,
        means="The file system looks mounted and every read or write fails: what was not yet written is lost.",
        remedy=(
            "Keep off that mount: what is written there is lost. Which is it? findmnt --real",
            "Ask the host why it took the disk (on EC2: aws ec2 describe-volumes; on XenServer: xe vbd-list).",
            "Stop what uses it, then take the mount away: umount -l MOUNTPOINT (never for /).",
            "When it is back it may have another name: check the file system, then mount it by UUID.",
        ),
        source="proc_pid_mountinfo(5); seen in the Xen lab (xl block-detach of a mounted disk)",
        owner=HOST,
        avoid="Do not reattach another disk under the same name while the old mount is there.",
        confirm=True,
    ),
)
