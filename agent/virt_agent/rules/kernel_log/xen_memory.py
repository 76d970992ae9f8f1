"""L15 to L19: grant tables and the balloon."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import HOST, WARNING, YOU, Case, Reading
from ..host_side import MEMORY
from .line import Line, Verdict, rule
from .uses import inside, on_xen

_NEAR = 0.05
_NEAR_BYTES = 64 << 20


def _has_balloon(reading: Reading) -> bool:
    return (
        inside(reading) and reading.facts.memory is not None and reading.facts.memory.balloon_target_bytes is not None
    )


def _off_target(case: Case, _event: LogEvent) -> Verdict | None:
    """It repeats harmlessly where the balloon has reached its target all the same."""
    memory = case.now.facts.memory
    target, current = (memory.balloon_target_bytes, memory.balloon_current_bytes) if memory else (None, None)
    if target is None or current is None:
        return Verdict()
    return Verdict(WARNING) if abs(target - current) > max(_NEAR * target, _NEAR_BYTES) else None


RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L15",
            "grant-table-full",
            "the grant table is full",
            "the SUBJECT was full",
            on_xen,
            "Disks and network cards share memory with the host by grants. None was free: requests and packets waited.",
            (
                "Count devices and queues: ls /sys/bus/xen/devices; grep . /sys/module/xen_*front/parameters/max_queues",
                "Fewer queues, for the next boot: xen_blkfront.max_queues=1 xen_netfront.max_queues=1 on the command line",
                "On the host: more frames for this guest (max_grant_frames in xl.cfg, gnttab_max_frames= for Xen).",
            ),
            "Do not attach more disks or network cards until there is room.",
            "drivers/xen/grant-table.c, gnttab_expand",
            owner=HOST,
        ),
        Line(
            "L16",
            "grants-leaked",
            "pages that the host did not give back are lost",
            "pages shared by the SUBJECT were lost",
            on_xen,
            "A backend went away with this guest's memory still mapped: the kernel gives those pages up until the reboot.",
            ("Is a device being attached and detached again and again? sudo journalctl -k -g 'g.e.'",
             "Reboot in a maintenance window when it goes on."),
            "Do not detach and attach devices to test it: each time may lose more.",
            "drivers/xen/grant-table.c, gnttab_add_deferred",
            owner=HOST,
        ),
        Line(
            "L17",
            "balloon-cannot-grow",
            "the balloon cannot add memory",
            "the SUBJECT could not add memory",
            _has_balloon,
            "The host gave this guest more memory than the kernel can take in, and its target is not reached.",
            ("Compare: grep . /sys/devices/system/xen_memory/xen_memory0/target_kb"
             " /sys/devices/system/xen_memory/xen_memory0/info/current_kb",
             "Stop and start the guest with the new size."),
            "Do not raise the target further.",
            "drivers/xen/balloon.c, reserve_additional_memory; -17 is EEXIST",
            _off_target,
            owner=HOST,
            ask=MEMORY,
        ),
        Line(
            "L18",
            "balloon-thread-failed",
            "the balloon does not work until the next boot",
            "the SUBJECT's thread did not start",
            _has_balloon,
            "The guest keeps the memory that it was started with, whatever the host asks for.",
            ("Reboot in a maintenance window.",),
            "Do not lower this guest's memory on the host meanwhile: it cannot give any back.",
            "drivers/xen/balloon.c, balloon_init",
            owner=YOU,
        ),
        Line(
            "L19",
            "balloon-too-slow-at-boot",
            "at boot the guest could not give memory back to the host",
            "the SUBJECT was above its target at boot",
            _has_balloon,
            "The guest was started with less memory than its maximum and did not shrink in time; the kernel panics when"
            " that lasts (xen.balloon_boot_timeout, 180 s).",
            ("Start it with memory equal to maxmem, or with more memory.",),
            "Do not lower the boot timeout.",
            "drivers/xen/balloon.c, balloon_wait_finish",
            _off_target,
            owner=HOST,
            ask=MEMORY,
        ),
    )
)  # fmt: skip
