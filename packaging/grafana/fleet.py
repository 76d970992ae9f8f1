"""The dashboard *Fleet*: all guests, what they run on, and where to look first."""

from __future__ import annotations

import fleet_devices
import fleet_findings
import fleet_guests
from model import Dashboard, Variable

DASHBOARD = Dashboard(
    "fleet",
    "virt-agent-fleet",
    "virt-agent: Fleet",
    "All guests: what they run on, which are ill, which are left to move, what EC2 announces. A click on a guest leads to"
    " its own dashboard.",
    "now-24h",
    (Variable("job", "Job", "label_values(virt_guest_info, job)", many=True),),
    (
        fleet_guests.GLANCE,
        fleet_findings.FINDINGS,
        fleet_guests.RUNS_ON,
        fleet_guests.PV,
        fleet_findings.READINESS,
        fleet_devices.HEALTH,
        fleet_devices.LIMITS,
        fleet_findings.MAINTENANCE,
        fleet_devices.AGENTS,
    ),
)
