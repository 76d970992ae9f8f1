"""Each installed kernel in a line of words."""

from __future__ import annotations

from virt_collectors.kernels import InstalledKernel

from . import drivers
from .form import Case, KernelState
from .kernels import is_damaged

_IMAGES = {True: "complete", False: "cut short", None: "not checked"}


def states(case: Case) -> tuple[KernelState, ...]:
    """All of them, newest first."""
    return tuple(_state(case, kernel) for kernel in case.kernels)


def _state(case: Case, kernel: InstalledKernel) -> KernelState:
    loaded = drivers.with_its_initramfs(case.next_boot, kernel)
    return KernelState(
        release=kernel.release,
        next=kernel == case.next_boot.kernel,
        image=_IMAGES[kernel.complete],
        initramfs=_initramfs(case, loaded),
        root_drivers=drivers.worst([drivers.has(loaded, name) for name in case.needs.root]),
        network_drivers=drivers.worst([drivers.has_anywhere(kernel, name) for name in case.needs.network]),
    )


def _initramfs(case: Case, kernel: InstalledKernel) -> str:
    if kernel.initramfs is None:
        return "none"
    if kernel.in_initramfs is not None:
        return "complete"
    return "damaged" if is_damaged(case, kernel) else "not read"
