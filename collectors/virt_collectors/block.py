"""Block devices, /sys/block (Documentation/ABI/stable/sysfs-block), with the driver that serves each.

The driver is that of the first device above which is not a SCSI disk or CD-ROM itself: for a
SATA disk ata_piix or ahci, for xvda the frontend on xenbus. sd's "QEMU" vendor says nothing: a
healthy virtio-scsi disk has it too. Sizes are in sectors of 512 bytes whatever the disk's own.
"""

from __future__ import annotations

from .mounts import disks_below
from .record import Record, replace
from .source import Source, whole

ROOT = "sys/block"
_SECTOR = 512
# Built on other devices, or on memory: no driver below that a host could take away.
_VIRTUAL = ("loop", "ram", "zram", "dm-", "md", "nbd", "zd", "bcache", "drbd", "rbd")
XEN_NAMES = {"vbd": "xen-blkfront", "vif": "xen-netfront"}


class BlockDevice(Record):
    """One disk, CD-ROM or floppy drive. `xenbus` is its frontend's name where it has one."""

    name: str
    driver: str | None
    bus: str | None
    xenbus: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    read_only: bool | None = None
    model: str | None = None
    serial: str | None = None
    scheduler: str | None = None
    io_timeout_ms: int | None = None
    in_flight: int | None = None
    completed: int | None = None
    state: str | None = None  # of the NVMe controller: "live", "resetting"
    volume_id: str | None = None  # EBS
    holders: tuple[str, ...] = ()  # mappings and arrays built on it: "dm-0", "md127"


def read_block_devices(source: Source) -> tuple[BlockDevice, ...] | None:
    """All but virtual ones; None where the kernel shows no block devices."""
    names = source.names(ROOT)
    holders: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(("dm-", "md", "bcache")):
            for disk in disks_below(source, name):
                holders.setdefault(disk, []).append(name)
    real = [name for name in names if not name.startswith(_VIRTUAL) and not is_nvme_path(name)]
    return tuple(replace(_read_device(source, name), holders=tuple(holders.get(name, ()))) for name in real) or None


def is_nvme_path(name: str) -> bool:
    """True for nvme0c0n1, one path to the multipath disk nvme0n1 (drivers/nvme/host/multipath.c): hidden, no /dev."""
    return name.startswith("nvme") and "c" in name[len("nvme") :]


def _read_device(source: Source, name: str) -> BlockDevice:
    above = f"{ROOT}/{name}"
    real = source.real(above) or above
    driver, bus, frontend = find_driver(source, real)
    size = source.number(f"{above}/size")
    nvme = name.startswith("nvme")
    serial = _serial(source, above, nvme)
    model = source.text(f"{above}/device/model") or None
    return BlockDevice(
        name=name,
        driver=driver or ("nvme" if nvme else None),
        bus=bus,
        xenbus=frontend,
        path=real,
        size_bytes=None if size is None else size * _SECTOR,
        read_only=_flag(source.number(f"{above}/ro")),
        model=model,
        serial=serial,
        scheduler=_scheduler(source.text(f"{above}/queue/scheduler")),
        io_timeout_ms=source.number(f"{above}/queue/io_timeout"),
        in_flight=_in_flight(source, above),
        completed=_completed(source, above),
        state=(source.text(f"{above}/device/state") or None) if nvme else None,
        volume_id=_volume_id(model, serial),
    )


def find_driver(source: Source, real: str) -> tuple[str | None, str | None, str | None]:
    """Driver, bus and xenbus name of the device that serves what lies at a real sysfs path."""
    above = real.rpartition("/")[0]
    while above.count("/") > 1:
        driver = source.link_name(f"{above}/driver")
        bus = source.link_name(f"{above}/subsystem") if driver else None
        name = above.rpartition("/")[2]
        if driver in XEN_NAMES and (bus in ("xen", None)) and name.startswith(driver):
            return XEN_NAMES[driver], "xen", name
        if driver and bus != "scsi" and driver not in ("sd", "sr"):
            return driver, bus, None
        above = above.rpartition("/")[0]
    return None, None, None


def _flag(value: int | None) -> bool | None:
    return None if value is None else value != 0


def _serial(source: Source, above: str, nvme: bool) -> str | None:
    """`device/serial` of NVMe, `serial` of virtio-blk; vbd offers none."""
    return source.text(f"{above}/device/serial" if nvme else f"{above}/serial") or None


def _volume_id(model: str | None, serial: str | None) -> str | None:
    """EBS puts "vol0123…" into the NVMe serial number, without the dash (EC2 user guide, nvme-ebs-volumes)."""
    if model != "Amazon Elastic Block Store" or not serial or not serial.startswith("vol"):
        return None
    number = serial[3:].lstrip("-")
    return f"vol-{number}" if number else None


def _scheduler(text: str | None) -> str | None:
    """The one in brackets: "[none] mq-deadline"."""
    if text is None:
        return None
    inside = text.partition("[")[2].partition("]")[0]
    return inside or text.strip() or None


def _in_flight(source: Source, above: str) -> int | None:
    return _sum(source, f"{above}/inflight", (0, 1), 2)


def _completed(source: Source, above: str) -> int | None:
    """Reads and writes completed, fields 1 and 5 of Documentation/block/stat.rst."""
    return _sum(source, f"{above}/stat", (0, 4), 11)


def _sum(source: Source, path: str, fields: tuple[int, ...], least: int) -> int | None:
    text = source.text(path)
    if text is None:
        return None
    numbers = [whole(word) for word in text.split()]
    if len(numbers) < least or None in numbers:
        source.malformed(path, f"{text[:40]!r} is not {least} whole numbers")
        return None
    return sum(number for at, number in enumerate(numbers) if at in fields and number is not None)
