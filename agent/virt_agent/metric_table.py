"""Every metric with its type, labels and help; docs/metrics.md is made of this, and a test holds them together.

Names are a promise: once released, a metric keeps its name and meaning.
"""

from __future__ import annotations

from virt_collectors.record import Record


class Definition(Record):
    """One metric family."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


METRICS = (
    Definition(
        "virt_agent_build_info", "gauge", ("version", "python"), "The agent's version and its Python's; always 1."
    ),
    Definition(
        "virt_agent_collector_success",
        "gauge",
        ("collector",),
        "1 where the collector read its sources or does not apply here, 0 where it failed or hangs.",
    ),
    Definition(
        "virt_agent_collector_duration_seconds",
        "gauge",
        ("collector",),
        "Time of the collector's last run; grows while it hangs.",
    ),
    Definition(
        "virt_agent_series_dropped", "gauge", (), "Series left out of this exposition, beyond the cap of 2,000."
    ),
    Definition(
        "virt_agent_process_cpu_seconds_total", "counter", (), "CPU time of the agent's own process, user and system."
    ),
    Definition("virt_agent_process_resident_memory_bytes", "gauge", (), "Resident memory of the agent's own process."),
    Definition("virt_agent_process_open_fds", "gauge", (), "File descriptors that the agent's own process holds."),
    Definition("virt_agent_process_threads", "gauge", (), "Threads of the agent's own process."),
    Definition(
        "virt_agent_process_start_time_seconds", "gauge", (), "Start of the agent's own process since the epoch."
    ),
    Definition(
        "virt_guest_info",
        "gauge",
        ("hypervisor", "guest_mode", "virtualization_type", "role", "cloud", "ec2_system", "container", "xen_version"),
        "The verdict in words; always 1. An empty label does not apply, unknown could not be told.",
    ),
    Definition(
        "virt_guest_identity_info",
        "gauge",
        ("vm_uuid", "instance_id", "instance_type", "availability_zone_id", "image_id"),
        "How host and cloud know this guest; always 1.",
    ),
    Definition("virt_verdict_confidence", "gauge", (), "How sure the verdict is: 1 low, 2 medium, 3 high."),
    Definition("virt_verdict_conflicts", "gauge", (), "Contradictions between the signs of the verdict."),
    Definition(
        "virt_check_status",
        "gauge",
        (),
        "What virt-agent --check would exit with now: 0 ok, 1 warning, 2 critical, 3 unknown.",
    ),
    Definition("virt_can_host_vms", "gauge", (), "1 where VT-x or AMD-V and /dev/kvm are usable in here."),
    Definition(
        "virt_rule_state",
        "gauge",
        ("code", "name"),
        "A rule's state: -1 unknown or not sampled, 0 ok, 1 info, 2 warning, 3 critical. No series where it does not apply.",
    ),
    Definition("virt_rules", "gauge", ("outcome",), "Rules that apply here, by outcome."),
    Definition(
        "virt_xen_balloon_target_bytes",
        "gauge",
        (),
        "Memory that the host asks this guest to have (xen_memory0/target_kb).",
    ),
    Definition(
        "virt_xen_balloon_current_bytes",
        "gauge",
        (),
        "Memory that this guest has after ballooning (xen_memory0/info/current_kb).",
    ),
    Definition(
        "virt_xen_frontend_state",
        "gauge",
        ("frontend", "device", "kind"),
        "XenbusState of a frontend: 1 Initialising, 2 InitWait, 3 Initialised, 4 Connected, 5 Closing, 6 Closed.",
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
    Definition("virt_nvme_controller_live", "gauge", ("controller",), "1 where the NVMe controller's state is live."),
)
