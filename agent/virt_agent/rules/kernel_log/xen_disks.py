"""L01 to L06: what xen-blkfront and xenbus say of disks."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import ADVICE, CRITICAL, HOST, INFO, WARNING, YOU, Case, Setting
from ..host_side import DISK
from ..usage import of_disk, of_nic
from .history import disk_gone, within
from .line import BY_NAME, Line, Verdict, rule
from .uses import on_disk, with_disk, with_frontend

_FAILED = Setting("L04", "lines", 3, "lines", "from how many failed requests on it is more than a missing feature", 1)
_blkfront = with_disk("xen-blkfront")
_SOURCE = "drivers/block/xen-blkfront.c"


def _bounced(case: Case, event: LogEvent) -> Verdict | None:
    """With persistent grants every request is copied anyway, and the kernel says so."""
    odd = "bounce buffer: enabled" in event.message and "persistent grants: disabled" in event.message
    return Verdict() if odd and not disk_gone(case.now, event.subject) else None


def _declined(case: Case, event: LogEvent) -> Verdict | None:
    if disk_gone(case.now, event.subject):
        return None
    return Verdict(WARNING if within(case, event) >= case.value(_FAILED) else INFO)


def _gave_up(case: Case, event: LogEvent) -> Verdict | None:
    """Only while the frontend is not connected: a driver may try again, and the device may be gone."""
    frontend = next((each for each in case.now.frontends if each.name == event.subject), None)
    if frontend is None or frontend.state in ("Connected", None) or frontend.kind == "cdrom":
        return None
    name = frontend.device or frontend.name
    use = of_disk(case.now, name) if frontend.kind == "disk" else of_nic(case.now, name)
    dead = frontend.driver and frontend.state in ("Closing", "Closed", "Unknown")
    cause = "X02" if dead and frontend.kind in ("disk", "nic") else None
    return Verdict(CRITICAL if use else WARNING, name, cause, use or "nothing is known to use it")


_STOPPED = (
    "Keep off DEVICE: no ls, df, lsof, sync on it, and no plain reboot; they hang in state D.",
    "Save what matters from other disks, then force the guest off and start it.",
    "Check the file system on DEVICE before it is used again.",
)
_DEAD_MEANS = (
    "Since 2021 blkfront stops a disk for good when the host's answers make no sense. Whoever touches it hangs; data"
    " not yet written is lost."
)

RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L01",
            "blkfront-bad-response",
            "the host's disk backend sent answers that make no sense",
            "disk SUBJECT: the host sent senseless answers",
            _blkfront,
            _DEAD_MEANS,
            _STOPPED,
            "Do not keep writing in the hope that it passes: the driver has stopped the disk.",
            f"{_SOURCE}, blkif_interrupt (hardened in Linux 5.16 and stable kernels)",
            on_disk,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L02",
            "blkfront-disk-stopped",
            "xen-blkfront has stopped a disk for good",
            "disk SUBJECT was disabled for further use",
            _blkfront,
            _DEAD_MEANS,
            _STOPPED,
            "Do not reboot plainly: the shutdown hangs on the disk; force the guest off from the host.",
            f"{_SOURCE}, blkif_interrupt",
            on_disk,
            severity=CRITICAL,
            ask=DISK,
        ),
        Line(
            "L03",
            "blkfront-distrusts-host",
            "xen-blkfront copies each request, for it was told to distrust the host",
            "disk SUBJECT copies each request",
            _blkfront,
            "xen_blkfront.trusted=0, or trusted=0 in xenstore, was set: it protects from the host and costs speed.",
            (
                "Is it wanted? cat /sys/module/xen_blkfront/parameters/trusted; grep -o 'xen_blkfront[^ ]*' /proc/cmdline",
            ),
            "Do not switch it off where the host's storage domain is not trusted.",
            f"{_SOURCE}, xlvbd_flush; XSA-403; 'barrier or flush: disabled' alone is usual on EC2",
            _bounced,
            ADVICE,
            INFO,
            YOU,
        ),
        Line(
            "L04",
            "blkfront-operation-failed",
            "the host refused a flush, barrier or discard",
            "disk SUBJECT: the host refused an operation",
            _blkfront,
            "The driver drops the feature and goes on. Without flush, what the host caches is lost when the host fails.",
            (
                "See which one, and whether it repeats: sudo journalctl -k -g 'op failed'",
                "If flushes fail and the data matters: ask the host for a backend that supports them.",
            ),
            "Do not switch off barriers in the file system because of it.",
            f"{_SOURCE}, blkif_interrupt",
            _declined,
            owner=HOST,
            settings=(_FAILED,),
        ),
        Line(
            "L05",
            "grant-not-unmapped",
            "the host keeps memory of finished disk requests",
            "the host keeps SUBJECT's memory mapped",
            _blkfront,
            "The backend did not give back pages of a request that it says is done. Newer kernels stop the disk then;"
            " older ones went on, and file systems were damaged after such a restore or migration.",
            (
                "Was the guest just restored or migrated? Force it off and start it anew.",
                "Check its file systems before they are used again.",
            ),
            "Do not ignore it after a restore: the backend may still write into this guest's memory.",
            f"{_SOURCE}, blkif_completion",
            owner=HOST,
        ),
        Line(
            "L06",
            "frontend-gave-up",
            "a frontend could not come to terms with the host",
            "SUBJECT could not connect to the host",
            with_frontend("disk", "nic", "other"),
            "The driver met an error while it negotiated over xenbus, and closed the device. The number in the line is"
            " the errno.",
            (
                "See what failed: sudo journalctl -k -g xenbus",
                "Detach and attach the device on the host, or stop and start the guest.",
            ),
            "Do not detach a disk with requests in flight.",
            "drivers/xen/xenbus/xenbus_client.c, xenbus_dev_fatal",
            _gave_up,
            ask=BY_NAME,
        ),
    )
)
