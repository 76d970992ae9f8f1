"""ENA's allowances and resets, and the troubles of network drivers, summed over their queues.

Twelve series for an ENA card with all of it, two more with ENA Express on; none for a counter that a driver lacks.
Packets, bytes and drops are node_exporter's (node_network_*).
"""

from __future__ import annotations

from virt_collectors.ethtool import ALLOWANCES, DriverReport

from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_ena_watchdog_expirations_total",
        "counter",
        ("device",),
        "Times the ENA device gave no sign of life for 6 seconds and was reset (ethtool -S: wd_expired).",
    ),
    Definition(
        "virt_ena_resets_total",
        "counter",
        ("device",),
        "Resets of the ENA device for any reason (total_resets; drivers of amzn-drivers).",
    ),
    Definition(
        "virt_ena_allowance_exceeded_packets_total",
        "counter",
        ("device", "allowance"),
        "Packets queued or dropped beyond a limit of the instance: bw_in, bw_out, pps, conntrack, linklocal.",
    ),
    Definition(
        "virt_ena_conntrack_available_connections",
        "gauge",
        ("device",),
        "Connections that can still be tracked for the instance (conntrack_allowance_available; driver 2.8.1, Linux 6.12).",
    ),
    Definition(
        "virt_ena_srd_eligible_packets_total",
        "counter",
        ("device",),
        "Packets that ENA Express could have sent; only where it is on (ena_srd_eligible_tx_pkts).",
    ),
    Definition(
        "virt_ena_srd_transmitted_packets_total",
        "counter",
        ("device",),
        "Packets that ENA Express sent; only where it is on (ena_srd_tx_pkts).",
    ),
    Definition(
        "virt_network_driver_errors_total",
        "counter",
        ("device", "kind"),
        "Troubles that a network driver counted: tx_timeout, late_completion, memory, device.",
    ),
)

# counter of the driver: metric
_SINGLE = {
    "wd_expired": "virt_ena_watchdog_expirations_total",
    "total_resets": "virt_ena_resets_total",
}
_OF_INSTANCE = {"conntrack_allowance_available": "virt_ena_conntrack_available_connections"}
_EXPRESS = {
    "ena_srd_eligible_tx_pkts": "virt_ena_srd_eligible_packets_total",
    "ena_srd_tx_pkts": "virt_ena_srd_transmitted_packets_total",
}
# kind of error: what it is the sum of; the rules E04, E06, E12, E05 and E13 judge them
_KINDS = {
    "tx_timeout": ("tx_timeout",),
    "late_completion": ("missed_tx",),
    "memory": ("page_alloc_fail", "skb_alloc_fail", "refil_partial", "empty_rx_ring"),
    "device": (
        *("admin_q_pause", "admin_q_no_completion", "reset_fail"),
        *("dma_mapping_err", "prepare_ctx_err", "bad_req_id", "bad_desc_num"),
    ),
}


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
    told: set[str] = set()
    for one in report.reading.facts.ethtool or ():
        yield from _samples(one)
        for name, metric in _OF_INSTANCE.items():
            if name in one.counters and metric not in told:
                told.add(metric)
                yield metric, (one.interface,), one.counters[name]


def _samples(one: DriverReport) -> Iterator[Sample]:
    device, counters = one.interface, one.counters
    express = _EXPRESS if counters.get("ena_srd_mode") else {}
    for name, metric in (*_SINGLE.items(), *express.items()):
        if name in counters:
            yield metric, (device,), counters[name]
    for allowance in ALLOWANCES:
        packets = counters.get(f"{allowance}_allowance_exceeded")
        if packets is not None:
            yield "virt_ena_allowance_exceeded_packets_total", (device, allowance), packets
    for kind, names in _KINDS.items():
        offered = [counters[name] for name in names if name in counters]
        if offered:
            yield "virt_network_driver_errors_total", (device, kind), sum(offered)
