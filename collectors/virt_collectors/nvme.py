"""NVMe controllers, /sys/class/nvme (drivers/nvme/host/sysfs.c), all world-readable, and Amazon's statistics of each.

`state` is one of new, live, resetting, connecting, deleting, "deleting (no IO)", dead. A disk is named after its
subsystem and not after its controller: nvme0 may well carry nvme1n1, so the controller's directory is what counts.

The statistics are a vendor's log page (`nvme_pages`), asked of Amazon's models alone, for what the same number means
to another's is not known, and of live controllers alone, for an admin command waits until a reset is over. They need
root, or the answers that `virt-agent --collect-privileged nvme` left. A live controller whose disk has requests in
flight of which none is done, while tasks stall on I/O, is not asked: the command might wait with them, and what it
waits in holds all other facts of NVMe. An EBS volume's controller is asked once more, and only once, for the name under
which EC2 attached it.
"""

from __future__ import annotations

from time import sleep

from . import nvme_pages
from .block import is_nvme_path, volume_id
from .errors import Absent, Denied, SourceError
from .memory import PRESSURE, parse_pressure
from .nvme_pages import NvmeStatistics
from .record import Record, replace
from .source import Source

ROOT = "sys/class/nvme"
EBS_MODEL, INSTANCE_STORE_MODEL = "Amazon Elastic Block Store", "Amazon EC2 NVMe Instance Storage"
# Of the statistics: read; not asked for; needs root; the controller has none; not Amazon's page; could not be read;
# not asked for this time, for the disk may hang.
OK, NOT_ASKED, DENIED, UNSUPPORTED, FOREIGN, FAILED = "ok", "not_asked", "denied", "unsupported", "foreign", "failed"
BUSY = "busy"
_NO_PROBLEM = {
    "EACCES": DENIED,
    "EPERM": DENIED,
    "EOPNOTSUPP": UNSUPPORTED,
    "EAGAIN": NOT_ASKED,  # not live by now: nvme_dev_open()
}
_STALLED_PERCENT = 50  # of the last 10 s, from where on disks are looked at
_LOOK_SECONDS = 0.1  # a volume that is only slow completes something meanwhile: the smallest gp2 has 100 IOPS
# The collectors of memory and of block devices tell these.
_TOLD_ELSEWHERE = ("EACCES", "EPERM", "EIO", "ENODEV", "EOPNOTSUPP", "ENOTSUP", "MALFORMED")


class NvmeController(Record):
    """One controller, with the names of its disks. `statistics_time` is when they were read (seconds since 1970).

    `type` is io, discovery or admin, `max_retries` the driver's setting for all controllers. `device_name` is what EC2
    calls the volume, "sdf" or "xvda"; "" where the controller tells none, None where it could not be asked.
    """

    name: str
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    state: str | None = None
    transport: str | None = None
    type: str | None = None
    address: str | None = None
    disks: tuple[str, ...] = ()
    volume_id: str | None = None
    max_retries: int | None = None
    statistics: NvmeStatistics | None = None
    statistics_state: str = NOT_ASKED
    statistics_time: float | None = None
    device_name: str | None = None


def read_nvme(source: Source) -> tuple[NvmeController, ...] | None:
    """All controllers in the order of their numbers; None where there are none."""
    names = [name for name in source.names(ROOT) if name.startswith("nvme") and name[4:].isdecimal()]
    if not names:
        return None
    retries = source.number("sys/module/nvme_core/parameters/max_retries")
    found = [_read_controller(source, name, retries) for name in sorted(names, key=lambda name: int(name[4:]))]
    silent = _silent(source, [disk for controller in found if _has_statistics(controller) for disk in controller.disks])
    return tuple(_with_statistics(source, each, silent) if _has_statistics(each) else each for each in found)


def _read_controller(source: Source, name: str, retries: int | None) -> NvmeController:
    above = f"{ROOT}/{name}"
    model, serial, state = (source.text(f"{above}/{file}") or None for file in ("model", "serial", "state"))
    return NvmeController(
        name=name,
        model=model,
        serial=serial,
        firmware=source.text(f"{above}/firmware_rev") or None,
        state=state,
        transport=source.text(f"{above}/transport") or None,
        type=source.text(f"{above}/cntrltype") or None,
        address=source.text(f"{above}/address") or None,
        disks=disks_of(source.names(above)),
        volume_id=volume_id(model, serial),
        max_retries=retries,
        device_name=_known_name(source, name, serial),
    )


def disks_of(entries: list[str]) -> tuple[str, ...]:
    """The disks among the entries of a controller's directory: "nvme0c1n2" is its path to the disk nvme0n2."""
    found = []
    for entry in entries:
        number, n, namespace = entry[4:].partition("n")
        if entry.startswith("nvme") and n and namespace.isdecimal():
            found.append(f"nvme{number.partition('c')[0]}n{namespace}" if is_nvme_path(entry) else entry)
    return tuple(found)


def _has_statistics(controller: NvmeController) -> bool:
    return controller.model in (EBS_MODEL, INSTANCE_STORE_MODEL) and controller.state == "live"


def _silent(source: Source, disks: list[str]) -> frozenset[str]:
    """The disks whose requests do not come back while tasks stall on I/O; none of a recording, whose answers are there.

    Under a load that a volume cannot carry tasks stall as well, but its requests do come back.
    """
    if not source.host.live or not disks or not _tasks_stall(source):
        return frozenset()
    before = {disk: _completed(source, disk) for disk in disks if _in_flight(source, disk)}
    if before:
        sleep(_LOOK_SECONDS)
    return frozenset(
        disk for disk, then in before.items() if _in_flight(source, disk) and _completed(source, disk) == then
    )


def _tasks_stall(source: Source) -> bool:
    shares = parse_pressure(source.text(PRESSURE, _TOLD_ELSEWHERE) or "")
    return any(share is not None and share >= _STALLED_PERCENT for share in shares)


def _in_flight(source: Source, disk: str) -> bool:
    words = (source.text(f"sys/block/{disk}/inflight", _TOLD_ELSEWHERE) or "").split()
    return any(word.strip("0") for word in words)


def _completed(source: Source, disk: str) -> list[str]:
    """Reads and writes done, fields 1 and 5 of Documentation/block/stat.rst."""
    return (source.text(f"sys/block/{disk}/stat", _TOLD_ELSEWHERE) or "").split()[0:5:4]


def _with_statistics(source: Source, controller: NvmeController, silent: frozenset[str]) -> NvmeController:
    if not silent.isdisjoint(controller.disks):
        return replace(controller, statistics_state=BUSY)
    statistics, answer, time = _statistics(source, controller.name)
    name = controller.device_name
    if name is None and controller.model == EBS_MODEL and answer != FAILED:  # which gets no second command
        name = _device_name(source, controller.name)
    return replace(controller, statistics=statistics, statistics_state=answer, statistics_time=time, device_name=name)


def _known_name(source: Source, name: str, serial: str | None) -> str | None:
    """That of the reading before; another volume in the same place has another serial number."""
    before = (source.before.nvme or ()) if source.before else ()
    return next((each.device_name for each in before if (each.name, each.serial) == (name, serial)), None)


def _device_name(source: Source, name: str) -> str | None:
    try:
        return source.host.nvme_device_name(name)
    except SourceError as error:
        source.note(error, tolerate=tuple(_NO_PROBLEM))
        return None


def _statistics(source: Source, name: str) -> tuple[NvmeStatistics | None, str, float | None]:
    try:
        log = source.host.nvme_log(name)
        if len(log.page) >= nvme_pages.PAGE_BYTES and nvme_pages.kind_of(log.page) is None:
            return None, FOREIGN, None
        statistics = nvme_pages.decode(log.page, f"dev/{name}")
    except SourceError as error:
        source.note(error, tolerate=tuple(_NO_PROBLEM))
        return None, _why_none(error, source.host.live), None
    return statistics, OK, source.host.time() if log.time is None else log.time


def _why_none(error: SourceError, live: bool) -> str:
    """Where the device node is missing for a controller that is there, a sandbox hides it (PrivateDevices=)."""
    if isinstance(error, Denied) or (isinstance(error, Absent) and live):
        return DENIED
    return NOT_ASKED if isinstance(error, Absent) else _NO_PROBLEM.get(error.code, FAILED)
