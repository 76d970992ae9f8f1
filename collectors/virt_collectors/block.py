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
_PARTITIONS = range(1, 17)  # Ubuntu's images go to 16, with gaps; to list the directory would cost more
# Controllers are told apart by their subsystem (PCI Local Bus 3.0, 6.2.4): a passed-through one has its board maker's.
_PCI = "pci"
# Built on other devices, or on memory: no driver below that a host could take away.
_VIRTUAL = ("loop", "ram", "zram", "dm-", "md", "nbd", "zd", "bcache", "drbd", "rbd")
XEN_NAMES = {"vbd": "xen-blkfront", "vif": "xen-netfront"}


class BlockDevice(Record):
    """One disk, CD-ROM or floppy drive. `xenbus` is its frontend's name where it has one.

    `completed` counts reads and writes, `flushed` discards and flushes; `partitioned_bytes` is where its last partition ends, None
    without any; `subsystem_vendor` is that of the PCI function which serves it.
    """

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
    flushed: int | None = None
    partitioned_bytes: int | None = None
    subsystem_vendor: int | None = None
    diskseq: int | None = None  # another one for each disk that ever came, since Linux 5.15


def read_block_devices(source: Source) -> tuple[BlockDevice, ...] | None:
    """All but virtual ones; None where the kernel shows no block devices."""
    names = source.names(ROOT)
    holders: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(("dm-", "md", "bcache")):
            for disk in disks_below(source, name):
                holders.setdefault(disk, []).append(name)
    real = [name for name in names if not name.startswith(_VIRTUAL) and not is_nvme_path(name)]
    known = {disk.name: disk for disk in (source.before.block_devices if source.before else None) or ()}
    found = (_read_device(source, name, known.get(name)) for name in real)
    return tuple(replace(disk, holders=tuple(holders.get(disk.name, ()))) for disk in found) or None


def is_nvme_path(name: str) -> bool:
    """True for nvme0c0n1, one path to the multipath disk nvme0n1 (drivers/nvme/host/multipath.c): hidden, no /dev."""
    return name.startswith("nvme") and "c" in name[len("nvme") :]


def _read_device(source: Source, name: str, earlier: BlockDevice | None) -> BlockDevice:
    above = f"{ROOT}/{name}"
    real = source.real(above) or above
    driver, bus, frontend = find_driver(source, real)
    size, diskseq = _bytes(source.number(f"{above}/size")), source.number(f"{above}/diskseq")
    same = earlier and (earlier.path, earlier.size_bytes, earlier.diskseq) == (real, size, diskseq)
    nvme = name.startswith("nvme")
    serial = _serial(source, above, nvme, earlier if same else None)
    model = source.text(f"{above}/device/model") or None
    statistics = _numbers(source, f"{above}/stat", 11)
    return BlockDevice(
        name=name,
        driver=driver or ("nvme" if nvme else None),
        bus=bus,
        xenbus=frontend,
        path=real,
        size_bytes=size,
        read_only=_flag(source.number(f"{above}/ro")),
        model=model,
        serial=serial,
        scheduler=_scheduler(source.text(f"{above}/queue/scheduler")),
        io_timeout_ms=source.number(f"{above}/queue/io_timeout"),
        in_flight=_sum(_numbers(source, f"{above}/inflight", 2), 1, 2),
        completed=_sum(statistics, 1, 5),
        state=(source.text(f"{above}/device/state") or None) if nvme else None,
        volume_id=volume_id(model, serial),
        flushed=_sum(statistics, 12, 16),  # since 4.18 and 5.5
        partitioned_bytes=_partitioned(source, real, name),
        subsystem_vendor=_subsystem_vendor(source, real) if bus == _PCI else None,
        diskseq=diskseq,
    )


def _partitioned(source: Source, real: str, name: str) -> int | None:
    """The end of the last partition: xvda1, or nvme0n1p1 where the disk's name ends in a digit."""
    stem = f"{real}/{name}{'p' if name[-1:].isdigit() else ''}"
    ends = []
    for number in _PARTITIONS:
        if not source.exists(f"{stem}{number}"):
            continue
        start, size = source.number(f"{stem}{number}/start"), source.number(f"{stem}{number}/size")
        if start is not None and size is not None:
            ends.append((start + size) * _SECTOR)
    return max(ends, default=None)


def _subsystem_vendor(source: Source, real: str) -> int | None:
    """Of the nearest PCI function above, "0000:00:01.1"."""
    parts = real.split("/")
    functions = [at for at, part in enumerate(parts) if part.count(":") == 2 and "." in part]
    return source.number("/".join((*parts[: functions[-1] + 1], "subsystem_vendor")), base=16) if functions else None


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


def _serial(source: Source, above: str, nvme: bool, earlier: BlockDevice | None) -> str | None:
    """`device/serial` of NVMe, `serial` of virtio-blk; vbd offers none.

    virtio-blk asks the disk itself at each read (drivers/block/virtio_blk.c, virtblk_get_id), and hangs where the disk
    does: of the disk that was there at the last reading it is not read again, unless that went wrong.
    """
    path = f"{above}/device/serial" if nvme else f"{above}/serial"
    if earlier is not None and not nvme and source.before and path not in source.before.unreadable:
        return earlier.serial
    return source.text(path) or None


def _bytes(sectors: int | None) -> int | None:
    return None if sectors is None else sectors * _SECTOR


def volume_id(model: str | None, serial: str | None) -> str | None:
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


def _numbers(source: Source, path: str, least: int) -> list[int] | None:
    text = source.text(path)
    if text is None:
        return None
    numbers = [number for number in map(whole, text.split()) if number is not None]
    if len(numbers) < least or len(numbers) != len(text.split()):
        source.malformed(path, f"{text[:40]!r} is not {least} whole numbers")
        return None
    return numbers


def _sum(numbers: list[int] | None, *fields: int) -> int | None:
    """Of the fields that there are, counted from 1 as in Documentation/block/stat.rst; None where there is none."""
    found = [numbers[field - 1] for field in fields if numbers is not None and field <= len(numbers)]
    return sum(found) if found else None
