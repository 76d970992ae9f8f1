"""What the next command line does to the devices of a Xen HVM guest.

`xen_nopv`, `nopv` and `xen_emul_unplug=never` keep PV drivers from taking over (platform-pci-unplug.c,
enlighten_hvm.c). Once they are gone, emulated disks are unplugged: sda becomes xvda, ens4 becomes eth0 or enX0.
"""

from __future__ import annotations

from virt_collectors.boot import Boot
from virt_collectors.pci import XEN_PLATFORM

from ..rules.form import Reading
from .form import FROM_PV, REBOOT, TO_PV

_SWITCHES = (("xen_nopv", ()), ("nopv", ()), ("xen_emul_unplug", ("never", "unnecessary")))


def switch(boot: Boot | None) -> str | None:
    """The parameter that keeps PV drivers out."""
    for key, words in _SWITCHES:
        value = boot.value(key) if boot else None
        if value is not None and (not words or set(value.split(",")) & set(words)):
            return f"{key}={value}" if value else key
    return None


def find_shift(reading: Reading, target: str, then: Boot | None) -> str | None:
    """TO_PV, FROM_PV, or None where the devices stay as they are."""
    now = reading.facts.boot
    hvm = reading.xen_guest and reading.verdict.guest_mode in ("hvm", "pvhvm")
    if target != REBOOT or not hvm or now is None or then is None or not _has_platform_device(reading):
        return None
    before, after = switch(now), switch(then)
    if bool(before) == bool(after):
        return None
    return FROM_PV if after else TO_PV


def _has_platform_device(reading: Reading) -> bool:
    """Without it PV drivers decline whatever the command line says."""
    functions = reading.facts.pci
    return functions is None or any((each.vendor, each.device) == XEN_PLATFORM for each in functions)
