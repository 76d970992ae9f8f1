"""Frontends, disks, network cards."""

from __future__ import annotations

from virt_collectors.xenbus import STATES

from .. import devices
from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_xen_frontend_state",
        "gauge",
        ("frontend", "device", "kind"),
        "XenbusState of a frontend: 1 Initialising, 2 InitWait, 3 Initialised, 4 Connected, 5 Closing, 6 Closed.",
    ),
    Definition(
        "virt_xen_frontend_events_total",
        "counter",
        ("frontend",),
        "Events that the host sent to a frontend (xenbus/events, Linux 5.10); begins anew when the frontend does.",
    ),
    Definition(
        "virt_xen_frontend_spurious_events_total",
        "counter",
        ("frontend",),
        "Events that found nothing to do (xenbus/spurious_events).",
    ),
    Definition(
        "virt_block_device_info",
        "gauge",
        ("device", "driver", "kind", "volume_id", "root"),
        "A disk, its driver and its path to the host (pv, nvme, virtio, emulated, native); always 1.",
    ),
    Definition(
        "virt_block_device_stalled_seconds",
        "gauge",
        ("device",),
        "For how long requests have been in flight without any completion (inflight and stat of /sys/block); daemon only.",
    ),
    Definition(
        "virt_network_device_info",
        "gauge",
        ("device", "driver", "kind", "default_route"),
        "A network card, its driver and its path to the host (pv, virtio, emulated, native); always 1.",
    ),
)


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    reading = report.reading
    roots = devices.root_disks(reading.facts)
    for frontend in reading.frontends:
        if frontend.state is not None:
            labels = (frontend.name, frontend.device or "", frontend.kind)
            yield "virt_xen_frontend_state", labels, STATES[frontend.state]
    yield from _events(report)
    for disk in reading.facts.block_devices or ():
        kind = devices.block_kind(disk, reading.virtual)
        root = "1" if disk.name in roots else ""
        yield "virt_block_device_info", (disk.name, disk.driver or "", kind, disk.volume_id or "", root), 1
        if watched and disk.in_flight is not None:
            yield "virt_block_device_stalled_seconds", (disk.name,), watched.stalled_seconds.get(disk.name, 0.0)
    for nic in reading.facts.network.devices if reading.facts.network else ():
        kind = devices.network_kind(nic, reading.virtual)
        route = "1" if nic.default_route else ""
        yield "virt_network_device_info", (nic.name, nic.driver or "", kind, route), 1


def _events(report: Report) -> Iterator[Sample]:
    xenbus = report.reading.facts.xenbus
    for frontend in xenbus.frontends if xenbus else ():
        if frontend.type in ("vbd", "vif") and frontend.events is not None:
            yield "virt_xen_frontend_events_total", (frontend.name,), frontend.events
        if frontend.type in ("vbd", "vif") and frontend.spurious_events is not None:
            yield "virt_xen_frontend_spurious_events_total", (frontend.name,), frontend.spurious_events
