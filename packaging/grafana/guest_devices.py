"""Of *Guest*: disks, network cards, and what the host does on xenbus."""

from __future__ import annotations

from kinds import curves, states, table
from model import Column, Query, Row
from promql import GUEST
from words import FRONTEND, LIVE

_XEN = "a Xen guest"
_EBS = "EBS volumes on NVMe, and the privileged helper for their log page"
_ENA = "the ENA driver's counters (Nitro types, and ENA on Xen)"
_DEFAULT = {"1": ("yes", "blue")}


def _percentile(part: str) -> str:
    buckets = f"rate(virt_ebs_io_latency_seconds_bucket{{{GUEST}}}[$__rate_interval])"
    return f"histogram_quantile({part}, sum by (device, operation, le) ({buckets}))"


DISKS = Row(
    "Disks",
    (
        table(
            "Disks",
            (
                f"max by (device, driver, kind, volume_id, root) (virt_block_device_info{{{GUEST}}})",
                f"max by (device) (virt_block_device_stalled_seconds{{{GUEST}}})",
            ),
            (
                Column("device", "Disk", width=110),
                Column("driver", "Driver"),
                Column("kind", "Path", width=90),
                Column("root", "Root", words=_DEFAULT, width=70),
                Column("volume_id", "Volume"),
                Column("B", "Stalled", unit="s", width=90),
            ),
            "Which disks there are, by which driver, and for how long each has finished nothing although asked.",
            "Stalled for a minute: keep off its mounts, and ask the host's side. emulated on Xen: virt-agent --explain X05.",
            "no disk seen", sort=("-Disk",),
        ),
        curves(
            "Disks stalled", (Query(f"virt_block_device_stalled_seconds{{{GUEST}}}", "{{device}}"),),
            "For how long requests are on their way without any completion.",
            "A slope of one second per second does not end by itself: B07. A tooth of some seconds is a migration.",
            "no daemon scraped, or no disk that counts its requests", unit="s",
        ),
        table(
            "NVMe controllers",
            (
                f"max by (controller, device, model, firmware) (virt_nvme_controller_info{{{GUEST}}})",
                f"max by (controller) (virt_nvme_controller_live{{{GUEST}}})",
            ),
            (
                Column("controller", "Controller", width=110),
                Column("device", "Disk", width=110),
                Column("model", "Model"),
                Column("firmware", "Firmware", width=100),
                Column("B", "State", words=LIVE, width=90),
            ),
            "Which NVMe controllers there are, and whether each is live.",
            "Not live for minutes: V01. The volume's id is in the table Disks.",
            "no NVMe controller", needs="an NVMe disk", sort=("-Controller",),
        ),
        curves(
            "EBS: time at a limit",
            (Query(f"rate(virt_ebs_limit_exceeded_seconds_total{{{GUEST}}}[$__rate_interval])", "{{device}} {{limit}}"),),
            "Which part of the time a volume asked for more than it gets, by the limit.",
            "volume_*: more IOPS or throughput for the volume. instance_*: a larger type, no volume helps.",
            "no volume whose counters can be read", unit="percentunit", needs=_EBS, limits={"min": 0, "max": 1},
        ),
        curves(
            "EBS: latency",
            (
                Query(_percentile("0.5"), "{{device}} {{operation}} half of them"),
                Query(_percentile("0.99"), "{{device}} {{operation}} 99 of 100"),
            ),
            "Within which time the volume answered half of the requests, and 99 of 100.",
            "The volume's own clock: what the guest's queue adds is not in it.",
            "not exported: the agent needs --collector.nvme_latencies", unit="s",
            needs="EBS volumes on NVMe, and the agent's option --collector.nvme_latencies",
        ),
        curves(
            "Age of the volumes' counters", (Query(f"virt_nvme_statistics_age_seconds{{{GUEST}}}", "age"),),
            "How old the oldest log page is that the EBS panels here are made from.",
            "It grows: systemctl status virt-agent-privileged.timer.",
            "no volume whose counters can be read", unit="s", needs=_EBS,
        ),
    ),
)  # fmt: skip

_ERRORS = f"increase(virt_network_driver_errors_total{{{GUEST}}}[$__rate_interval])"
_WATCHDOG = f"increase(virt_ena_watchdog_expirations_total{{{GUEST}}}[$__rate_interval])"
_RESETS = f"increase(virt_ena_resets_total{{{GUEST}}}[$__rate_interval])"

NETWORK = Row(
    "Network cards",
    (
        table(
            "Network cards",
            (f"max by (device, driver, kind, default_route) (virt_network_device_info{{{GUEST}}})",),
            (
                Column("device", "Card", width=110),
                Column("driver", "Driver"),
                Column("kind", "Path", width=90),
                Column("default_route", "Default route", words=_DEFAULT, width=120),
            ),
            "Which network cards there are, and by which driver.",
            "emulated on Xen: virt-agent --explain X05. Traffic and drops are node_exporter's.",
            "no network card seen", width=8, sort=("-Card",),
        ),
        curves(
            "ENA: packets beyond an allowance",
            (
                Query(
                    f"rate(virt_ena_allowance_exceeded_packets_total{{{GUEST}}}[$__rate_interval])",
                    "{{device}} {{allowance}}",
                ),
            ),
            "How many packets a second were queued or dropped because the instance met a limit of its type.",
            "bw_in, bw_out, pps: a larger type. conntrack: fewer tracked flows. linklocal: cache DNS on the guest.",
            "no ENA card with these counters", unit="pps", width=8, needs=_ENA,
        ),
        curves(
            "ENA: connections that can still be tracked",
            (Query(f"virt_ena_conntrack_available_connections{{{GUEST}}}", "{{device}}"),),
            "How far the instance's table of tracked connections is from full.",
            "Near zero new connections fail: E09.",
            "no ENA card whose driver tells it (2.8.1, Linux 6.12)", unit="short", width=8, needs=_ENA,
        ),
        curves(
            "Troubles of the drivers",
            (
                Query(_ERRORS, "{{device}} {{kind}}"),
                Query(_WATCHDOG, "{{device}} watchdog"),
                Query(_RESETS, "{{device}} resets"),
            ),
            "What the network drivers counted: transmit timeouts, late completions, memory, device errors, resets.",
            "One and healed is rare luck; repeated: E01 and the kernel log below.",
            "no network driver that counts these", width=12, look="columns", needs="ENA, ixgbevf or virtio",
        ),
        curves(
            "ENA Express: part of the packets that went by it",
            (
                Query(
                    f"rate(virt_ena_srd_transmitted_packets_total{{{GUEST}}}[$__rate_interval])"
                    f" / (rate(virt_ena_srd_eligible_packets_total{{{GUEST}}}[$__rate_interval]) > 0)",
                    "{{device}}",
                ),
            ),
            "How much of what could go by ENA Express did.",
            "Far below 100 %: the other side has it off, or the path carries none.",
            "ENA Express is off here", unit="percentunit", needs="ENA Express", limits={"min": 0, "max": 1},
        ),
    ),
)  # fmt: skip

XENBUS = Row(
    "Xen frontends",
    (
        states(
            "Frontends", Query(f"virt_xen_frontend_state{{{GUEST}}}", "{{frontend}} {{device}}"),
            "Whether each disk, card and screen of xenbus is connected to the host's side, over time.",
            "Closed or Closing with the driver bound: the host took it away, X02. A short gap of all is a migration.",
            "no Xen guest", FRONTEND, needs=_XEN,
        ),
        curves(
            "Events from the host",
            (
                Query(f"rate(virt_xen_frontend_events_total{{{GUEST}}}[$__rate_interval])", "{{frontend}}"),
                Query(
                    f"rate(virt_xen_frontend_spurious_events_total{{{GUEST}}}[$__rate_interval])",
                    "{{frontend}} for nothing",
                ),
            ),
            "How often the host rings for a disk or card, and how often for nothing.",
            "Many for nothing slow the guest down: the kernel delays such a backend.",
            "no Xen guest with Linux 5.10 or newer", unit="ops", needs=f"{_XEN} with Linux 5.10",
        ),
    ),
)  # fmt: skip
