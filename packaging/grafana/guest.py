"""The dashboard *Guest*: one guest, from its verdict down to the agent that tells of it."""

from __future__ import annotations

import guest_devices
import guest_time
import guest_verdict
from model import Dashboard, Variable

DASHBOARD = Dashboard(
    "guest",
    "virt-agent-guest",
    "virt-agent: Guest",
    "One guest: what it runs on and how sure that is, whether its drivers are healthy, what the kernel and EC2 said. The"
    " way here is a click on a guest in Fleet.",
    "now-6h",
    (
        Variable("job", "Job", "label_values(virt_guest_info, job)"),
        Variable("instance", "Guest", 'label_values(virt_guest_info{job="$job"}, instance)'),
        Variable(
            "host",
            "Host",
            'label_values(virt_guest_info{job="$job", instance="$instance"}, instance)',
            hidden=True,
            regex="/^(.*?)(?::[0-9]+)?$/",
        ),
    ),
    (
        guest_verdict.GLANCE,
        guest_verdict.VERDICT,
        guest_verdict.FINDINGS,
        guest_devices.DISKS,
        guest_devices.NETWORK,
        guest_devices.XENBUS,
        guest_time.KERNEL_LOG,
        guest_time.CLOCK,
        guest_time.METADATA,
        guest_time.AGENT,
    ),
)
