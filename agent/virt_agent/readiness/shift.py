"""What the next command line does to the devices of a Xen HVM guest.

`xen_nopv`, `nopv` and `xen_emul_unplug=never` keep PV drivers from taking over (platform-pci-unplug.c,
enlighten_hvm.c). Once they are gone, emulated disks are unplugged: sda becomes xvda, ens4 becomes eth0 or enX0.
"""

from __future__ import annotations

from virt_collectors.boot import Boot
from virt_collectors.pci import XEN_PLATFORM

from ..rules.form import Reading
from ..rules.xen.unplug import switches
from .form import FROM_PV, REBOOT, TO_PV


def find_shift(reading: Reading, target: str, then: Boot | None) -> str | None:
    """TO_PV, FROM_PV, or None where the devices stay as they are."""
    now = reading.facts.boot
    hvm = reading.xen_guest and reading.verdict.guest_mode in ("hvm", "pvhvm")
    if target != REBOOT or not hvm or now is None or then is None or not _has_platform_device(reading):
        return None
    before, after = (next(switches(boot), None) for boot in (now, then))
    if bool(before) == bool(after):
        return None
    return FROM_PV if after else TO_PV


def _has_platform_device(reading: Reading) -> bool:
    """Without it PV drivers decline whatever the command line says."""
    functions = reading.facts.pci
    return functions is None or any((each.vendor, each.device) == XEN_PLATFORM for each in functions)
