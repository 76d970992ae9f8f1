"""Which lines of the kernel log mean something to a virtual machine: one table, a code for each kind."""

from __future__ import annotations

from .form import Group, Pattern
from .generic import DISKS, REST
from .nitro import ENA, NVME
from .xen import FRONTENDS, XEN

GROUPS: tuple[Group, ...] = (FRONTENDS, XEN, ENA, NVME, DISKS, REST)
PATTERNS: tuple[Pattern, ...] = tuple(pattern for group in GROUPS for pattern in group.patterns)


def of(code: str) -> Pattern:
    """The pattern with that code."""
    return next(pattern for pattern in PATTERNS if pattern.code == code)
