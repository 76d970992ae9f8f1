"""Xen: frontends on xenbus, what keeps their drivers out, the balloon, the host."""

from __future__ import annotations

from ..form import Rule
from . import balloon, frontend_drivers, frontends, host, unplug

RULES: tuple[Rule, ...] = (
    *balloon.RULES,
    *frontend_drivers.RULES,
    *frontends.RULES,
    *host.RULES,
    *unplug.RULES,
)
