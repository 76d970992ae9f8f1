"""X04, X13, X14: frontends on xenbus that no driver took."""

from __future__ import annotations

from virt_collectors.drivers import ABSENT, AVAILABLE

from ..form import FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from .unplug import disabled_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MODULES = {"disk": "xen-blkfront", "nic": "xen-netfront"}


def _on_xenbus(reading: Reading) -> bool:
    return any(frontend.kind in _MODULES for frontend in reading.frontends)


def _check_no_driver(case: Case) -> Iterator[Hit]:
    cause = disabled_by(case)
    for frontend in case.now.frontends:
        if frontend.kind not in _MODULES or frontend.driver:
            continue
        module = _MODULES[frontend.kind]
        presence = case.now.facts.drivers.of(module) if case.now.facts.drivers else None
        why = {AVAILABLE: f"{module} not loaded", ABSENT: f"kernel has no {module}"}
        state = f", state {frontend.state}" if frontend.state else ""
        yield Hit(
            frontend.name,
            f"{frontend.kind} {frontend.name} has no driver" + (f" ({why[presence]})" if presence in why else ""),
            (f"/sys/bus/xen/devices/{frontend.name} has no driver link{state}",),
            remedy=_no_driver_remedy(module, presence),
            same_cause_as=cause,
        )


def _no_driver_remedy(module: str, presence: str | None) -> tuple[str, ...]:
    if presence == ABSENT:
        return (f"Install a kernel that has {module} (every Ubuntu kernel has) and reboot into it.",)
    if presence is None:
        return (
            f"See whether it is loaded, and load it if not: grep {module.replace('-', '[-_]')} /proc/modules;"
            f" sudo modprobe {module}",
            "See why it was declined otherwise: sudo journalctl -k -g xenbus",
        )
    if presence == AVAILABLE:
        return (
            f"Load it: sudo modprobe {module}",
            f"See what keeps it out: grep -rs {module.replace('-', '[-_]')} /etc/modprobe.d /proc/cmdline",
            "For the next boot: remove the blacklist entry, sudo update-initramfs -u",
        )
    return (
        f"{module} is there and declined the device. See why: sudo journalctl -k -g xenbus",
        "Usual reasons: xen_emul_unplug= or xen_nopv on the kernel command line, xen_platform_pci=0 on the host.",
    )


def _lacks_driver(kind: str, presence: str) -> Callable[[Case], Iterator[Hit]]:
    def check(case: Case) -> Iterator[Hit]:
        waiting = [f.name for f in case.now.frontends if f.kind == kind and not f.driver]
        drivers = case.now.facts.drivers
        if waiting and drivers and drivers.of(_MODULES[kind]) == presence:
            module = _MODULES[kind]
            said = "has no" if presence == ABSENT else "has, but did not load,"
            yield Hit(
                module,
                f"this kernel {said} {module}; {', '.join(waiting[:4])} waits for it",
                (f"/lib/modules: {module} is {presence}",),
                remedy=_no_driver_remedy(module, presence),
                same_cause_as="X04",
            )

    return check


RULES = (
    Rule(
        code="X04",
        name="xen-frontend-without-driver",
        kind=FAULT,
        severity=WARNING,
        title="a disk or network card on xenbus has no driver",
        needs=("xenbus",),
        applies=_on_xenbus,
        check=_check_no_driver,
        means="The host offers the device and this kernel does not take it: it is missing, or runs emulated and slow.",
        remedy=(
            "Is it loaded? grep -e xen.blkfront -e xen.netfront /proc/modules",
            "Load it: sudo modprobe xen-netfront (or xen-blkfront); is it blacklisted? grep -r xen /etc/modprobe.d",
            "See why it was declined otherwise: sudo journalctl -k -g xenbus",
        ),
        source="xenbus_probe.c, print_device_status; an HVM guest's CD drive, which blkfront declines, is not meant",
        owner=YOU,
        avoid="Do not bind the driver by hand while the disk is mounted through its emulated twin.",
        confirm=True,
    ),
    Rule(
        code="X13",
        name="no-blkfront",
        kind=FAULT,
        severity=WARNING,
        title="the running kernel has no xen-blkfront",
        needs=("xenbus", "drivers"),
        applies=_on_xenbus,
        check=_lacks_driver("disk", ABSENT),
        means="No disk on xenbus can be used with this kernel.",
        remedy=("Install a kernel that has xen-blkfront (every Ubuntu and Debian kernel has) and reboot into it.",),
        source="Ubuntu builds it in everywhere, Debian as a module",
        owner=YOU,
        avoid="Do not remove the kernel that runs before the new one has booted once.",
        confirm=True,
    ),
    Rule(
        code="X14",
        name="netfront-not-loaded",
        kind=FAULT,
        severity=INFO,
        title="xen-netfront is installed but not loaded, and a vif waits for it",
        needs=("xenbus", "drivers"),
        applies=_on_xenbus,
        check=_lacks_driver("nic", AVAILABLE),
        means="The reason for X04 of that network card: the module was not loaded, or is blacklisted.",
        remedy=("sudo modprobe xen-netfront",),
        source="a module on Ubuntu's 5.4 -aws kernels and on Debian; built in elsewhere",
        owner=YOU,
        confirm=True,
    ),
)
