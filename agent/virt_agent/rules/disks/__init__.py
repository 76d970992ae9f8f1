"""Disks, and the controllers below them."""

from __future__ import annotations

from ..form import Rule
from . import block, ebs, names, nvme, read_only, stall, virtio, volumes

RULES: tuple[Rule, ...] = (
    *block.RULES,
    *ebs.RULES,
    *names.RULES,
    *nvme.RULES,
    *read_only.RULES,
    *stall.RULES,
    *virtio.RULES,
    *volumes.RULES,
)
