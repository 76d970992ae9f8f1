"""L39 to L43: what the NVMe driver says."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import CRITICAL, WARNING, Case, Reading
from ..host_side import DISK
from ..usage import of_disk
from .history import disk_gone
from .line import Line, Verdict, rule
from .uses import inside

_SOURCE = "drivers/nvme/host/pci.c"
_RECOVERING = ("new", "resetting", "connecting")


def _nvme(reading: Reading) -> bool:
    disks = any(disk.name.startswith("nvme") for disk in reading.facts.block_devices or ())
    return inside(reading) and (disks or bool(reading.facts.nvme))


def _state(reading: Reading, controller: str) -> str | None:
    """As V01 has it; by the disk where the controllers were not read."""
    states = {each.name: each.state for each in reading.facts.nvme or ()}
    disks = (d.state for d in reading.facts.block_devices or () if d.name.startswith(f"{controller}n"))
    return states.get(controller) or next(disks, None)


def _is_gone(reading: Reading, controller: str) -> bool:
    known = reading.facts.nvme is not None or reading.facts.block_devices is not None
    names = {each.name for each in reading.facts.nvme or ()}
    disks = [disk.name for disk in reading.facts.block_devices or () if disk.name.startswith(f"{controller}n")]
    return known and controller not in names and not disks


def _use(reading: Reading, controller: str) -> str | None:
    """A dead controller's disk may be gone while its mount is still there."""
    disks = [disk.name for disk in reading.facts.block_devices or () if disk.name.startswith(f"{controller}n")]
    lost = [m.point for m in reading.facts.mounts or () if not m.device and m.source.startswith(f"/dev/{controller}n")]
    return next(filter(None, (of_disk(reading, disk) for disk in disks)), f"mounted on {lost[0]}" if lost else None)


def _slow(case: Case, event: LogEvent) -> Verdict | None:
    return None if _is_gone(case.now, event.subject) else Verdict(use=_use(case.now, event.subject))


def _reset(case: Case, event: LogEvent) -> Verdict | None:
    """A controller that is live again has healed, whatever became of the line that would tell it."""
    state, use = _state(case.now, event.subject), _use(case.now, event.subject)
    if state == "live" or (_is_gone(case.now, event.subject) and not use):
        return None
    dead = state not in (None, *_RECOVERING)
    return Verdict(CRITICAL if use and dead else WARNING, cause="V01" if dead else None, use=use)


def _removed(case: Case, event: LogEvent) -> Verdict | None:
    worth = _reset(case, event)
    return worth and Verdict(CRITICAL if worth.use else WARNING, cause=worth.cause, use=worth.use)


def _failed(case: Case, event: LogEvent) -> Verdict | None:
    return None if disk_gone(case.now, event.subject) else Verdict(use=of_disk(case.now, event.subject))


_TIMEOUT = (
    "See how long the driver waits: grep . /sys/block/nvme*/queue/io_timeout; for EBS it should be the maximum (V02)."
)
_LIVE = "Is it live again? grep . /sys/class/nvme/nvme*/state"

RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L39",
            "nvme-timeout",
            "an NVMe disk answered too late",
            "NVMe controller SUBJECT answered too late",
            _nvme,
            "A request took longer than the driver waits. It was aborted, or found done without its interrupt.",
            (_TIMEOUT, "Did the volume run at its limit? virt-agent --check tells V06 and V07."),
            "Do not lower the timeout: it makes errors out of waiting.",
            f"{_SOURCE}, nvme_timeout; EC2 user guide, nvme-ebs-volumes",
            _slow,
            ask=DISK,
        ),
        Line(
            "L40",
            "nvme-reset-after-timeout",
            "an NVMe controller was reset after a timeout, and is not live again",
            "NVMe controller SUBJECT was reset after a timeout",
            _nvme,
            "Requests did not come back and could not be aborted, so the driver reset the controller.",
            (_LIVE, _TIMEOUT),
            "Do not mount or check its disks before the controller is live.",
            f"{_SOURCE}, nvme_timeout",
            _reset,
            ask=DISK,
        ),
        Line(
            "L41",
            "nvme-controller-down",
            "an NVMe controller reported a fatal state, and is not live again",
            "NVMe controller SUBJECT went down",
            _nvme,
            "CSTS 0xffffffff means that it has left the PCI bus; other values that it failed by itself.",
            (_LIVE, "When it stays away: detach and attach the volume, or stop and start the guest; then check the file system."),
            "Do not touch its mounts meanwhile: programs that do hang in state D.",
            f"{_SOURCE}, nvme_warn_reset",
            _reset,
            ask=DISK,
        ),
        Line(
            "L42",
            "nvme-controller-removed",
            "the driver gave an NVMe controller up",
            "NVMe controller SUBJECT was given up by its driver",
            _nvme,
            "The reset failed: its disks fail every request, and what was not yet written is lost.",
            (
                "Stop what uses its mounts, then take them away (umount -l MOUNTPOINT; never for /).",
                "Detach and attach the volume, or stop and start the guest; then check the file system.",
            ),
            "Do not write to file systems that are still mounted from it.",
            f"{_SOURCE}, nvme_reset_work, nvme_remove_dead_ctrl; drivers/nvme/host/core.c, nvme_wait_ready",
            _removed,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L43",
            "nvme-request-failed",
            "an NVMe disk failed requests",
            "NVMe disk SUBJECT failed requests",
            _nvme,
            "The disk itself said no, with the reason that the line gives. Reads may be tried again, writes may be lost.",
            ("See which and why: sudo journalctl -k -g sct", "Is the file system well? See L46 to L48."),
            "Do not check the file system while it is mounted.",
            "drivers/nvme/host/core.c, nvme_log_error (since 5.18)",
            _failed,
            ask=DISK,
        ),
    )
)  # fmt: skip
