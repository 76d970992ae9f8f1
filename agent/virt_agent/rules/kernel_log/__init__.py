"""L: what the kernel log tells of. It is history: a line counts for a day, unless its device recovered or is gone."""

from __future__ import annotations

from ..form import Rule
from . import clocks, disks, ena, nics, nvme, tasks, xen_boot, xen_disks, xen_memory, xen_nics

_TOPICS = (xen_disks, xen_nics, xen_boot, xen_memory, clocks, ena, nvme, disks, nics, tasks)
RULES: tuple[Rule, ...] = tuple(sorted((rule for topic in _TOPICS for rule in topic.RULES), key=lambda rule: rule.code))
