"""The guest as a tree: the hypervisor, the buses that it offers, their drivers, the devices on them, and who is ill."""

from __future__ import annotations

from itertools import groupby

from virt_collectors.record import Record, replace

from ...render import words
from ...render.ascii import clean
from ...render.tables import clock_rows, disk_row, nic_row, tool_rows, unbound_rows
from ...report import Report
from ...rules.form import CRITICAL, INFO, WARNING, Finding, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Row = tuple[str, ...]  # of the table of devices: name, driver, path, state, detail

SHOWN = 24  # devices under one driver, the ill ones first
_NAME_LENGTH = 16  # to which the table of devices cuts
_NUMBER = {None: 0, WARNING: 1, CRITICAL: 2}
# The bus by the table's word for the path.
_BUSES = {
    "Xen PV": ("xenbus", "paravirtual"),
    "PV": ("Host's bus", "paravirtual"),
    "virtio": ("virtio", "paravirtual"),
    "NVMe": ("PCI", "NVMe"),
    "ENA": ("PCI", "EC2's network cards"),
    "emulated": ("PCI or ISA", "emulated"),
    "native": ("PCI or platform", "native"),
}
# What the table says where no driver's name can stand.
_NO_DRIVER = {"(none)": "no driver", "(declined)": "left by its driver", "?": "driver not known"}


class Illness(Record):
    """The worst that the findings say of one device, and which of them."""

    severity: str
    code: str
    number: int  # of the finding among those that are no hints, from 1


class Hidden(Record):
    """Devices of a driver that are counted and not drawn."""

    count: int = 0
    ill: int = 0


class Box(Record):
    """A thing of the picture with those under it. `count` and `ill` are of the devices at the end of its branches.

    `foreign`: its title is a name that the guest or its host chose.
    """

    title: str
    note: str = ""
    state: str = ""
    illness: Illness | None = None
    below: tuple[Box, ...] = ()
    count: int = 1
    ill: int = 0
    hidden: Hidden = Hidden()
    foreign: bool = False

    @property
    def severity(self) -> str | None:
        """The worst in it and below."""
        found = [self.illness.severity if self.illness else None, *(box.severity for box in self.below)]
        return max(found, key=_NUMBER.__getitem__)


def draw(report: Report, public: bool = False) -> Box:
    """The picture of a guest."""
    reading, ill = report.reading, illnesses(report)
    rows = _rows(reading)
    buses = [_bus(path, list(group), ill) for path, group in _grouped(rows, 2)]
    buses += [_single(title, row, ill) for title, found in _others(reading) for row in found]
    return _above(words.hypervisor_name(_below(reading)), "" if public else words.below(reading), buses)


def _below(reading: Reading) -> str:
    verdict = reading.verdict
    if verdict.ec2_system == "nitro":
        return "AWS Nitro"
    return {"none": "no hypervisor", "unknown": "unknown hypervisor"}.get(verdict.hypervisor, verdict.hypervisor)


def _rows(reading: Reading) -> list[Row]:
    states = {frontend.name: frontend.state for frontend in reading.frontends}
    network = reading.facts.network
    return [
        *(disk_row(reading, disk, states) for disk in reading.facts.block_devices or ()),
        *(nic_row(reading, nic, states) for nic in (network.devices if network else ())),
        *unbound_rows(reading),
    ]


def _others(reading: Reading) -> tuple[tuple[str, list[Row]], ...]:
    return (("Clock", clock_rows(reading)), ("Guest tools", tool_rows(reading)))


def _grouped(rows: Iterable[Row], column: int) -> Iterator[tuple[str, Iterable[Row]]]:
    """By what stands in a column, in the order in which it first comes."""
    order = list(dict.fromkeys(row[column] for row in rows))
    return groupby(sorted(rows, key=lambda row: order.index(row[column])), lambda row: row[column])


def _bus(path: str, rows: list[Row], ill: dict[str, Illness]) -> Box:
    title, note = _BUSES.get(path, (path, ""))
    drivers = [_driver(name, [_device(row, ill) for row in group]) for name, group in _grouped(rows, 1)]
    return _above(title, note, drivers)


def _driver(name: str, devices: list[Box]) -> Box:
    """The driver with its devices: the ill ones and some others, in their order."""
    kept = sorted(range(len(devices)), key=lambda place: (devices[place].illness is None, place))[:SHOWN]
    made = _above(_NO_DRIVER.get(name, name), "", [devices[place] for place in sorted(kept)])
    ill = sum(device.ill for device in devices)
    hidden = Hidden(len(devices) - len(kept), ill - made.ill)
    return replace(made, count=len(devices), ill=ill, hidden=hidden, foreign=True)


def _single(title: str, row: Row, ill: dict[str, Illness]) -> Box:
    """What hangs on no bus: the clock, a guest tool."""
    name, driver, path, state, detail = row
    illness = ill.get(name)
    device = Box(driver, ", ".join(part for part in (path, detail) if part), state, illness, foreign=True)
    return _above(title, "", [replace(device, ill=illness is not None)])


def _device(row: Row, ill: dict[str, Illness]) -> Box:
    name, _, _, state, detail = row
    illness = ill.get(name)
    return Box(name, detail, state, illness, ill=int(illness is not None), foreign=True)


def _above(title: str, note: str, below: list[Box]) -> Box:
    count, ill = sum(box.count for box in below), sum(box.ill for box in below)
    return Box(title, note, below=tuple(below), count=count, ill=ill)


def illnesses(report: Report) -> dict[str, Illness]:
    """By the name of the device that a finding is about, or whose controller or frontend it is about."""
    found: dict[str, Illness] = {}
    for number, finding, names in _named(report):
        for name in names:
            if _NUMBER[finding.severity] > _NUMBER[found[name].severity if name in found else None]:
                found[name] = Illness(finding.severity, finding.code, number)
    return found


def elsewhere(report: Report) -> list[tuple[int, Finding]]:
    """The findings about none of the devices, with their numbers: a disk that is gone, the machine itself."""
    reading = report.reading
    drawn = {row[0] for row in (*_rows(reading), *(row for _, found in _others(reading) for row in found))}
    return [(number, finding) for number, finding, names in _named(report) if drawn.isdisjoint(names)]


def _named(report: Report) -> Iterator[tuple[int, Finding, list[str]]]:
    """Each finding that is no hint, its number, and the devices that it is about as the table writes them."""
    above = _devices_above(report.reading)
    loud = [finding for finding in report.findings if finding.severity != INFO]
    for number, finding in enumerate(loud, 1):
        subjects = finding.subject.split(" and ")
        names = [name for subject in subjects for name in (subject, *above.get(subject, ()))]
        yield number, finding, [clean(name, _NAME_LENGTH) for name in names]


def _devices_above(reading: Reading) -> dict[str, tuple[str, ...]]:
    controllers = {controller.name: controller.disks for controller in reading.facts.nvme or ()}
    return controllers | {each.name: (each.device,) for each in reading.frontends if each.device}
