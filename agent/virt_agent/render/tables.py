"""The table of devices: name, driver, path, state, detail; "!" marks what a finding names."""

from __future__ import annotations

from virt_collectors.block import BlockDevice
from virt_collectors.network import NetworkDevice

from .. import devices as kinds
from ..report import Report
from ..rules.form import INFO, Reading
from .ascii import clean, size, table

_HEADINGS = ("DEVICE", "DRIVER", "PATH", "STATE", "DETAIL")
_PATHS = {"pv": "PV", "nvme": "NVMe", "virtio": "virtio", "emulated": "emulated", "native": "native"}
_CLOCKS = {
    "xen": "Xen PV",
    "kvm-clock": "KVM PV",
    "hyperv_clocksource_tsc_page": "Hyper-V",
    "hpet": "emulated",
    "acpi_pm": "emulated",
}
_SHOWN = 16  # of a group without -v
_NO_MEDIUM = 0x1FFFFF * 512  # what drivers/scsi/sr.c makes of a drive without a disc


def devices(report: Report, verbosity: int = 0) -> list[str]:
    """The lines of the table: disks, network cards, frontends without a driver, the clock."""
    reading = report.reading
    ill = {clean(part, 16) for f in report.findings if f.severity != INFO for part in f.subject.split(" and ")}
    states = {frontend.name: frontend.state for frontend in reading.frontends}
    disks = [disk_row(reading, disk, states) for disk in reading.facts.block_devices or ()]
    nics = [nic_row(reading, nic, states) for nic in (reading.facts.network.devices if reading.facts.network else ())]
    rows: list[tuple[str, ...]] = []
    hidden = 0
    for group in (disks, nics, unbound_rows(reading)):
        marked = [("! " if row[0] in ill else "  ", *row) for row in group]
        shown = marked if verbosity else _few(marked)
        hidden += len(marked) - len(shown)
        rows += shown
    lines = _lines([*rows, *[("  ", *row) for row in (*clock_rows(reading), *tool_rows(reading))]])
    return [*lines, f"  and {hidden} more without a finding: -v shows them"] if hidden else lines


def _few(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The ill ones, those that carry root or default route, and some others, in their order."""
    important = [row for row in rows if row[0] == "! " or "root /" in row[-1] or "default route" in row[-1]]
    others = set([row for row in rows if row not in important][: max(_SHOWN - len(important), 0)])
    return [row for row in rows if row in others or row in important]


def _lines(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["  no devices seen"]
    body = table([_HEADINGS, *[row[1:] for row in rows]], "")
    return [f"  {body[0]}", *[(mark + line)[:80].rstrip() for (mark, *_), line in zip(rows, body[1:], strict=True)]]


def disk_row(reading: Reading, disk: BlockDevice, states: dict[str, str | None]) -> tuple[str, ...]:
    kind = kinds.block_kind(disk, reading.virtual)
    return (
        clean(disk.name, 16),
        clean(disk.driver or "?", 24),
        _path(reading, kind),
        _disk_state(disk, states),
        _disk_detail(reading, disk),
    )


def _path(reading: Reading, kind: str) -> str:
    return "Xen PV" if kind == "pv" and reading.verdict.hypervisor == "xen" else _PATHS[kind]


def _disk_state(disk: BlockDevice, states: dict[str, str | None]) -> str:
    return clean((_frontend_state(states, disk.xenbus) if disk.xenbus else disk.state) or "ok", 14)


def _frontend_state(states: dict[str, str | None], name: str) -> str | None:
    state = states.get(name)
    return state.upper() if state in ("Closed", "Closing") else state


def _disk_detail(reading: Reading, disk: BlockDevice) -> str:
    if disk.name.startswith("fd"):
        return "floppy drive"
    if disk.name.startswith("sr"):
        empty = disk.size_bytes in (None, 0, _NO_MEDIUM)
        return "CD drive, empty (normal)" if empty else f"CD drive, {size(disk.size_bytes)}"
    points = reading.mounts.get(disk.name, ())
    parts = [size(disk.size_bytes)]
    if points:
        parts.append("root /" if points[0] == "/" else clean(points[0], 40))
        parts += [f"{len(points) - 1} more mount{'s' * (len(points) > 2)}"] if len(points) > 1 else []
    if disk.volume_id:
        parts.append(f"EBS {clean(disk.volume_id, 24)}")
    if disk.in_flight is not None:
        parts.append(f"{disk.in_flight} in flight")
    return ", ".join(parts)


def nic_row(reading: Reading, nic: NetworkDevice, states: dict[str, str | None]) -> tuple[str, ...]:
    kind = kinds.network_kind(nic, reading.virtual)
    path = "ENA" if nic.driver == "ena" else _path(reading, kind)
    state = _frontend_state(states, nic.xenbus) if nic.xenbus else None
    parts = [clean(nic.operstate or "?", 20)] if state else []
    parts += ["default route"] if nic.default_route else []
    parts += [f"MTU {nic.mtu}"] if nic.mtu is not None else []
    parts += [f"{resets} resets" for resets in _resets(reading, nic)]
    return (
        clean(nic.name, 16),
        clean(nic.driver or "?", 24),
        path,
        state or clean(nic.operstate or "?", 14),
        ", ".join(parts),
    )


def _resets(reading: Reading, nic: NetworkDevice) -> list[int]:
    """How often ENA's watchdog expired since the driver's last reset, where the driver counts it."""
    reports = [report for report in reading.facts.ethtool or () if report.interface == nic.name]
    return [report.counters["wd_expired"] for report in reports if "wd_expired" in report.counters]


def tool_rows(reading: Reading) -> list[tuple[str, ...]]:
    tools = reading.facts.guest_tools
    return [("tools", clean(name, 24), "guest", "running", "") for name in (tools.running if tools else ())]


def unbound_rows(reading: Reading) -> list[tuple[str, ...]]:
    """Frontends without driver have no disk or interface above them; they get a row of their own."""
    rows: list[tuple[str, ...]] = []
    for frontend in reading.frontends:
        if frontend.kind in ("disk", "nic") and not frontend.driver:
            rows.append(
                (
                    clean(frontend.name, 16),
                    "(none)",
                    "Xen PV",
                    frontend.state or "?",
                    f"{frontend.kind} on xenbus without driver",
                )
            )
        elif frontend.kind == "cdrom":
            rows.append((clean(frontend.name, 16), "(declined)", "Xen PV", "ok", "CD drive, served emulated (normal)"))
    return rows


def clock_rows(reading: Reading) -> list[tuple[str, ...]]:
    clock = reading.facts.clock
    if clock is None or clock.current is None:
        return []
    others = [name for name in clock.available if name != clock.current]
    detail = f"{', '.join(others[:3])} also available" if others else ""
    state = "slow" if _CLOCKS.get(clock.current) == "emulated" else "ok"
    return [("clock", clean(clock.current, 24), _CLOCKS.get(clock.current, "native"), state, clean(detail, 60))]
