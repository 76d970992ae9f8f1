"""Whether the guest was suspended, restored or moved between two readings.

Xen's and KVM's hosts stop a guest's CLOCK_MONOTONIC and let CLOCK_BOOTTIME go on (kernel/time/timekeeping.c,
timekeeping_inject_sleeptime64); a guest that Xen restores or migrates is a new domain with a new id. A pause by
the host leaves no such trace.
"""

from __future__ import annotations

from ..rules.form import Reading

# Of what CLOCK_BOOTTIME gains: less may be a reading that was scheduled away between the two clocks.
LEAST_SECONDS = 0.05


def why_resumed(before: Reading, now: Reading) -> str | None:
    """What shows that the guest was away, in words; None where nothing does."""
    earlier, later = before.facts.clock, now.facts.clock
    if earlier and later and earlier.suspended_seconds is not None and later.suspended_seconds is not None:
        slept = later.suspended_seconds - earlier.suspended_seconds
        if slept >= LEAST_SECONDS:
            return f"slept {slept:.1f} s"
    was = before.facts.cpuid.xen_domid if before.facts.cpuid else None
    domid = now.facts.cpuid.xen_domid if now.facts.cpuid else None
    if was is not None and domid is not None and was != domid:
        return f"domain {was} became {domid}"
    return None
