"""The table of all checks, in the order in which they are told."""

from __future__ import annotations

from . import boot, kernels, modules, mounts, network, platform, settings

CHECKS = (
    *platform.CHECKS,
    *boot.CHECKS,
    *kernels.CHECKS,
    *modules.CHECKS,
    *mounts.CHECKS,
    *network.CHECKS,
    *settings.CHECKS,
)
