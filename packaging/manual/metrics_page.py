"""virt-agent-metrics(7), made from the metrics' definitions."""

from __future__ import annotations

import origin
from roff import Page, bold, italic, marked, plain

from virt_agent import __version__

# By the module of the topic in virt_agent.metrics.
TITLES = {
    "agent": "The agent itself",
    "guest": "The guest and the verdict",
    "rules": "Rules",
    "imds": "The EC2 metadata service",
    "readiness": "Readiness",
    "memory": "Memory",
    "resumes": "Suspends, restores and migrations",
    "kernel_log": "The kernel log",
    "devices": "Disks and network cards",
    "nvme": "NVMe and EBS",
    "ena": "ENA",
    "latencies": "Latencies of EBS volumes",
}

DESCRIPTION = """
What `virt-agent --serve` exports under {/metrics}, and `virt-agent --metrics` prints. Metrics of the guest begin with
`virt_`, those of the agent itself with `virt_agent_`. A name is a promise: once released, it keeps its meaning.

What node_exporter exports already, as steal, the clocksource and memory, is not here again. An empty label does not
apply; `unknown` could not be told. A rule that passes has a series too, so that an alert can be written on it; one that
does not apply here has none.

A guest with two disks and one network card has fewer than 200 series. Beyond 2,000 the rest is counted in
`virt_agent_series_dropped`.
"""

EXAMPLES = (
    ("Disks that stand still:", "virt_block_device_stalled_seconds > 60"),
    ("Rules that say critical, with their names:", "virt_rule_state == 3"),
    ("Guests by what they run on:", "count by (hypervisor, guest_mode, ec2_system) (virt_guest_info)"),
    ("A Xen disk or network card that is not connected:",
     'virt_xen_frontend_state{kind=~"disk|nic"} != 4'),
)  # fmt: skip


def page() -> Page:
    """The whole page."""
    metrics = origin.metrics()
    made = Page("virt-agent-metrics", 7, "the metrics that virt-agent exports", origin.date(), __version__)
    made.heading("DESCRIPTION")
    made.prose(DESCRIPTION)
    made.heading("METRICS")
    for topic, definitions in metrics.items():
        made.subheading(TITLES[topic])
        for each in definitions:
            labels = ", ".join(italic(label) for label in each.labels)
            head = bold(each.name) + (f"{{{labels}}}" if labels else "")
            made.term(f"{head} ({plain(each.type)})", plain(each.help))
    made.heading("EXAMPLES")
    for text, query in EXAMPLES:
        made.prose(text)
        made.example(query)
    made.heading("SEE ALSO")
    made.paragraph(marked("`virt-agent`(1), `virt-agent-rules`(7)"))
    return made
