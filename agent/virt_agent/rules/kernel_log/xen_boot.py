"""L11 to L14, L20 to L22 and L55: how the guest found its way into Xen, and its event channels."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ... import devices
from ..form import ADVICE, CRITICAL, HOST, INFO, WARNING, YOU, Case, Reading
from ..usage import of_disk, of_nic
from ..xen.unplug import disabled_by
from .line import BY_NAME, Line, Verdict, rule
from .uses import hvm, on_xen, with_frontend

_PROBE = "drivers/xen/xenbus/xenbus_probe_frontend.c"
_SCREEN = ("vfb", "vkbd")


def _frontend(reading: Reading, event: LogEvent) -> devices.Frontend | None:
    return next((frontend for frontend in reading.frontends if frontend.name == event.subject), None)


def _never_connected(case: Case, event: LogEvent) -> Verdict | None:
    """Only while it still is not; then X02, X03 or X04 tell what it is now."""
    frontend = _frontend(case.now, event)
    if frontend is None or frontend.kind == "cdrom" or frontend.state in ("Connected", None):
        return None
    name = frontend.device or frontend.name
    use = of_disk(case.now, name) if frontend.kind == "disk" else of_nic(case.now, name)
    dead = frontend.state in ("Closing", "Closed", "Unknown")
    cause = "X04" if not frontend.driver else "X02" if dead else "X03"
    return Verdict(CRITICAL if use else WARNING, name, cause)


def _without_driver(case: Case, event: LogEvent) -> Verdict | None:
    """Healthy kernels print it while their frontends are still to be loaded, and for the screen and keyboard."""
    frontend = _frontend(case.now, event)
    waits = frontend is not None and frontend.kind in ("disk", "nic") and not frontend.driver
    return Verdict(cause="X04") if waits else None


def _has_screen(reading: Reading) -> bool:
    return reading.xen_guest and any(f.name.startswith(_SCREEN) for f in reading.frontends)


def _refused(case: Case, _event: LogEvent) -> Verdict | None:
    if case.now.verdict.pv_drivers == "all":
        return None
    return Verdict(cause=disabled_by(case))


def _still_there(case: Case, event: LogEvent) -> Verdict | None:
    """The kernel asked for the emulated devices to go, and one is there."""
    facts, virtual = case.now.facts, case.now.virtual
    if event.subject == "disks":
        disks = [d for d in facts.block_devices or () if devices.is_disk(d)]
        left = [disk.name for disk in disks if devices.block_kind(disk, virtual) == "emulated"]
    else:
        nics = facts.network.devices if facts.network else ()
        left = [nic.name for nic in nics if devices.network_kind(nic, virtual) == "emulated"]
    return Verdict(subject=", ".join(left[:4])) if left else None


def _clock_is_xen(case: Case, _event: LogEvent) -> Verdict | None:
    clock = case.now.facts.clock
    return Verdict() if clock and clock.current == "xen" else None


RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L11",
            "frontend-timeout-at-boot",
            "a disk or network card did not connect while the kernel waited for it at boot",
            "SUBJECT did not connect at boot",
            with_frontend("disk", "nic"),
            "Driver and host negotiate over xenbus, and one of them did not go on: the device is of no use.",
            (
                "Read the two states in the line: 1 Initialising, 2 InitWait, 3 Initialised, 4 Connected, 6 Closed.",
                "Detach and attach the device on the host, or stop and start the guest.",
            ),
            "Do not reboot from inside again and again: the host's side does not change by it.",
            f"{_PROBE}, print_device_status",
            _never_connected,
            ask=BY_NAME,
        ),
        Line(
            "L12",
            "screen-timeout-at-boot",
            "the boot waited for Xen's screen or keyboard, which nobody serves",
            "the boot waited for SUBJECT",
            _has_screen,
            "The host announces a virtual screen or keyboard and has no backend for it: half a minute of each boot.",
            ("Keep its driver out: echo 'blacklist xen_fbfront' in a file of /etc/modprobe.d; or take vfb out of the"
             " guest's configuration on the host.",),
            "Do not take it for a fault: nothing else is slowed down.",
            f"{_PROBE}, wait_loop",
            kind=ADVICE,
            severity=INFO,
            owner=YOU,
            together=True,
        ),
        Line(
            "L13",
            "frontend-without-driver-at-boot",
            "a disk or network card found no driver at boot, and has none now",
            "SUBJECT found no driver at boot",
            with_frontend("disk", "nic"),
            "The host offers the device and this kernel does not take it.",
            ("See X04, which tells what it lacks: virt-agent --explain X04",),
            "Do not bind the driver by hand while the disk is mounted through its emulated twin.",
            f"{_PROBE}, print_device_status; healthy kernels print it too, before their modules are loaded",
            _without_driver,
            severity=INFO,
            owner=YOU,
        ),
        Line(
            "L14",
            "boot-waited-for-devices",
            "the boot waited for devices on xenbus",
            "the boot waited for devices of the host",
            with_frontend("disk", "nic", "other"),
            "The kernel waits up to 30 s for a screen, up to 300 s for disks and network cards, until they connect.",
            ("See for which: sudo journalctl -k -g 'Timeout connecting'",),
            "Do not shorten the wait: the root disk may be what it waits for.",
            f"{_PROBE}, wait_loop",
            kind=ADVICE,
            severity=INFO,
        ),
        Line(
            "L20",
            "platform-device-refused",
            "the host refused the guest's PV drivers",
            "the host's SUBJECT refused PV drivers",
            hvm,
            "Emulated disks and network cards were not unplugged, so the PV drivers stay away: works, but slow.",
            ("Set xen_platform_pci=1 for this guest on the host, then stop and start it.",),
            "Do not change it on a running guest: disk and interface names change.",
            "arch/x86/xen/platform-pci-unplug.c, check_platform_magic; normal in PVH, which has no such device",
            _refused,
        ),
        Line(
            "L21",
            "unplug-without-effect",
            "emulated devices are there though the kernel unplugged them",
            "SUBJECT: still there after the unplug",
            hvm,
            "The kernel asked the host to take the emulated devices away, and at least one stayed, or came later: it"
            " may be a twin of a PV device.",
            ("Compare sizes and addresses before anything is mounted or configured: lsblk -b; ip -br link",),
            "Do not mount or configure the emulated one before it is known not to be a twin.",
            "arch/x86/xen/platform-pci-unplug.c, xen_unplug_emulated_devices",
            _still_there,
            ADVICE,
            INFO,
            HOST,
        ),
        Line(
            "L22",
            "clock-by-system-call",
            "reading the time takes a system call",
            "programs read the time by system calls",
            on_xen,
            "Xen does not promise a stable TSC here, so the kernel cannot let programs read the clock by themselves.",
            ("Does it matter? virt-agent --bench shows what a reading costs.",),
            "Do not force clocksource=tsc where the host does not promise it: time would jump after a migration.",
            "arch/x86/xen/time.c, xen_setup_vsyscall_time_info",
            _clock_is_xen,
            ADVICE,
            INFO,
        ),
        Line(
            "L55",
            "xen-events-bug",
            "the kernel's Xen event channels hit a bug",
            "kernel BUG in Xen's SUBJECT",
            on_xen,
            "Disks and network cards get their interrupts over event channels: what was interrupted here may hang for"
            " good, and the kernel is no longer to be relied on.",
            (
                "Save what matters, then reboot; force it from the host if it hangs.",
                "Install a newer kernel: it was seen up to 5.10.",
            ),
            "Do not keep it in service: the next device may stop at any moment.",
            "drivers/xen/events/events_base.c; seen on EC2's i3 with kernels up to 5.10",
            severity=CRITICAL,
            owner=YOU,
        ),
    )
)  # fmt: skip
