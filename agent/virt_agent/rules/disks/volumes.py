"""B05, B08, B10, B12: volumes that are missing, double, or not used as they could be."""

from __future__ import annotations

from virt_collectors.block import BlockDevice

from ... import devices
from ...block_mapping import Mapped, guest_names, matched
from .. import usage
from ..form import ADVICE, FAULT, HOST, INFO, WARNING, YOU, Case, Hit, Reading, Rule, Setting
from ..host_side import DISK, ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_GIB = 1 << 30
_LEAST = Setting("B10", "gibibytes", 1, "GiB", "behind the last partition, at least", 0, 1e6)
_SHARE = Setting("B10", "percent", 5, "%", "of the disk behind the last partition, at least", 0, 100)
_USUAL_SCHEDULERS = ("none", "mq-deadline", "noop", "deadline", "kyber")


def _disks(reading: Reading) -> list[BlockDevice]:
    return [disk for disk in reading.facts.block_devices or () if devices.is_disk(disk)]


def _mapped(reading: Reading) -> list[Mapped]:
    """EBS volumes that EC2 mapped at the last start; not the root, which is here, or nobody would ask."""
    return [each for each in matched(reading.facts) if each.name.startswith("ebs")]


def _maps_volumes(reading: Reading) -> bool:
    return reading.xen_guest and reading.on_ec2 and bool(_mapped(reading)) and bool(_disks(reading))


def _check_missing(case: Case) -> Iterator[Hit]:
    """A volume that somebody detached since is still listed, so only what fstab names is missed."""
    taken = {each.disk for each in matched(case.now.facts)}
    others = {disk.name for disk in _disks(case.now)} - taken
    configuration = case.now.facts.configuration
    sources = {entry.source for entry in (configuration.fstab if configuration else None) or ()}
    for each in _mapped(case.now):
        name, device, names = each.name, each.device, guest_names(each.device)
        if each.disk or not names or others & names:
            continue
        wanted = sorted(source for source in sources if source.startswith("/dev/") and _disk_of(source) in names)
        yield Hit(
            device,
            f"EC2 mapped volume {device} ({name}), and there is no such disk",
            (
                f"metadata block-device-mapping/{name} = {device}; no {' or '.join(sorted(names)[:3])} in /sys/block",
                *([f"/etc/fstab mounts {wanted[0]}"] if wanted else []),
            ),
            WARNING if wanted else INFO,
            (
                f"Was it detached on purpose? {ask_host(case.now, DISK)}",
                "Else attach it again there, and name it by UUID in /etc/fstab.",
            ),
        )


def _disk_of(source: str) -> str:
    return source.removeprefix("/dev/").rstrip("0123456789") or source


def _check_scheduler(case: Case) -> Iterator[Hit]:
    for disk in _disks(case.now):
        if disk.scheduler and disk.scheduler not in _USUAL_SCHEDULERS:
            yield Hit(
                disk.name,
                f"disk {disk.name} is scheduled by {disk.scheduler}, the host schedules it again",
                (f"/sys/block/{disk.name}/queue/scheduler: {disk.scheduler}",),
                remedy=(
                    f"Try it until the next boot: echo none, written with sudo tee /sys/block/{disk.name}/queue/scheduler",
                    'Keep it by a udev rule: ATTR{queue/scheduler}="none"',
                ),
            )


def _partitioned(reading: Reading) -> list[BlockDevice]:
    return [disk for disk in _disks(reading) if disk.partitioned_bytes and disk.size_bytes]


def _check_not_grown(case: Case) -> Iterator[Hit]:
    for disk in _partitioned(case.now):
        size, end = disk.size_bytes or 0, disk.partitioned_bytes or 0
        free = size - end
        if free < case.value(_LEAST) * _GIB or free * 100 < case.value(_SHARE) * size:
            continue
        if usage.of_disk(case.now, disk.name) is None:
            continue
        yield Hit(
            disk.name,
            f"{free / _GIB:.0f} GiB of {disk.name} lie behind its last partition",
            (f"/sys/block/{disk.name}: {size} bytes, the last partition ends at {end}",),
        )


def _has_serials(reading: Reading) -> bool:
    return reading.virtual and any(disk.serial for disk in _disks(reading))


def _controller(disk: BlockDevice) -> str:
    """Namespaces of one NVMe controller share its serial number."""
    return disk.name.rpartition("n")[0] if disk.name.startswith("nvme") else disk.name


def _check_one_serial(case: Case) -> Iterator[Hit]:
    by_serial: dict[tuple[str, int | None], list[BlockDevice]] = {}
    for disk in _disks(case.now):
        if disk.serial and disk.serial.strip("0 -"):
            by_serial.setdefault((disk.serial, disk.size_bytes), []).append(disk)
    for (serial, _), twins in sorted(by_serial.items(), key=lambda item: item[0][0]):
        paths = set.intersection(*(set(disk.holders) for disk in twins))
        if len({_controller(disk) for disk in twins}) < 2 or paths:
            continue  # one controller, or one multipath device above all of them
        names = [disk.name for disk in twins]
        used = [disk.name for disk in twins if usage.of_disk(case.now, disk.name)]
        yield Hit(
            " and ".join(names),
            f"{' and '.join(names)} have one serial number" + (f"; {' and '.join(used)} in use" if used else ""),
            (f"/sys/block: serial {serial} and one size for {', '.join(names)}",),
            WARNING if used else INFO,
            (
                "Is it one disk on two paths? Compare: sudo blkid " + " ".join(f"/dev/{name}" for name in names),
                "If so, use one of them only, or set up multipath; never mount both.",
                f"Else give each its own serial on the host: {ask_host(case.now, DISK)}",
            ),
        )


RULES = (
    Rule(
        code="B05",
        name="mapped-volume-missing",
        kind=FAULT,
        severity=WARNING,
        title="a volume that EC2 mapped has no disk here",
        needs=("imds", "block_devices"),
        applies=_maps_volumes,
        check=_check_missing,
        means="The volume was detached since the start, did not attach, or has another name. What /etc/fstab mounts"
        " from it is missing, and the next boot may wait for it.",
        remedy=(
            "See what is here: lsblk -o NAME,SIZE,FSTYPE,UUID,MOUNTPOINT",
            "See which volumes are attached: aws ec2 describe-volumes"
            " --filters Name=attachment.instance-id,Values=INSTANCE-ID",
            "Attach it again, or take its line out of /etc/fstab; name volumes there by UUID, with nofail.",
        ),
        source="EC2 user guide, metadata category block-device-mapping (as of launch or last start); cloud-init, DataSourceEc2",
        owner=YOU,
        avoid="Do not attach a fresh volume under that name before it is clear where the old one is.",
    ),
    Rule(
        code="B08",
        name="guest-io-scheduler",
        kind=ADVICE,
        severity=INFO,
        title="a disk is scheduled twice, in the guest and on the host",
        needs=("block_devices",),
        applies=lambda reading: reading.virtual and any(disk.scheduler for disk in _disks(reading)),
        check=_check_scheduler,
        means="Works, but sorting requests for a spinning disk that the guest does not have costs CPU and latency.",
        remedy=(
            "See what is offered: grep . /sys/block/*/queue/scheduler",
            'Use none or mq-deadline, by a udev rule: ATTR{queue/scheduler}="none"',
        ),
        source="Documentation/block/switching-sched.rst; Ubuntu and Debian default to none or mq-deadline here",
        owner=YOU,
    ),
    Rule(
        code="B10",
        name="partition-not-grown",
        kind=ADVICE,
        severity=INFO,
        title="a disk was enlarged, its last partition was not",
        needs=("block_devices",),
        applies=lambda reading: reading.virtual and bool(_partitioned(reading)),
        check=_check_not_grown,
        means="Space that was bought lies idle behind the last partition.",
        remedy=(
            "Look at it: lsblk -o NAME,SIZE,MOUNTPOINT; sudo sfdisk -l",
            "Grow the partition, then its file system: sudo growpart /dev/DISK NUMBER; sudo resize2fs or xfs_growfs",
        ),
        source="EC2 user guide, Extend the file system after resizing a volume",
        owner=YOU,
        avoid="Do not grow without a snapshot or backup of the volume.",
        settings=(_LEAST, _SHARE),
    ),
    Rule(
        code="B12",
        name="one-serial-twice",
        kind=FAULT,
        severity=WARNING,
        title="two disks have one serial number",
        needs=("block_devices", "mounts"),
        applies=_has_serials,
        check=_check_one_serial,
        means="Either one disk is attached twice, and mounting both destroys data, or the host gave two disks one name:"
        " then /dev/disk/by-id leads to either.",
        remedy=(
            "Is it one disk on two paths? Compare their file systems' ids: sudo blkid /dev/DISK1 /dev/DISK2",
            "If so, use one of them only, or set up multipath; never mount both.",
            "Else give each disk its own serial on the host.",
        ),
        source="Documentation/ABI/stable/sysfs-block; systemd, 60-persistent-storage.rules",
        owner=HOST,
        avoid="Do not mount both before it is clear that they are two: two caches on one disk destroy data.",
        confirm=True,
    ),
)
