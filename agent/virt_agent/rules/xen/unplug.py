"""X05 and X06: what keeps the emulated devices of an HVM guest from being unplugged for PV ones."""

from __future__ import annotations

from virt_collectors.boot import Boot
from virt_collectors.pci import XEN_PLATFORM

from ..form import FAULT, HOST, WARNING, YOU, Case, Hit, Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SWITCHES = (("xen_nopv", ()), ("nopv", ()), ("xen_emul_unplug", ("never", "unnecessary")))


def _hvm_guest(reading: Reading) -> bool:
    return reading.xen_guest and reading.verdict.guest_mode in ("hvm", "pvhvm")


def switches(boot: Boot) -> Iterator[str]:
    """The parameters that keep PV drivers out (platform-pci-unplug.c, enlighten_hvm.c), as they are written."""
    for key, values in _SWITCHES:
        value = boot.value(key)
        if value is not None and (not values or set(value.split(",")) & set(values)):
            yield f"{key}={value}" if value else key


def _check_disabled(case: Case) -> Iterator[Hit]:
    boot = case.now.facts.boot
    if boot is None or not _hvm_guest(case.now):
        return
    for word in switches(boot):
        yield Hit(
            "kernel command line",
            f"booted with {word}: emulated devices stay",
            (f"/proc/cmdline has {word}",),
            remedy=(
                f"Disk names change from sda to xvda: see that it boots then:"
                f" sudo virt-agent --readiness reboot --without {word.partition('=')[0]}",
                f"Remove {word} from GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub",
                "sudo update-grub, then reboot in a maintenance window",
            ),
        )


def disabled_by(case: Case) -> str | None:
    """X05 or X06 where one of them keeps PV drivers out: then what is emulated or unbound has that cause."""
    if next(_check_disabled(case), None):
        return "X05"
    return "X06" if _hvm_with_pci(case.now) and next(_check_platform_device(case), None) else None


def _hvm_with_pci(reading: Reading) -> bool:
    return _hvm_guest(reading) and reading.facts.hypervisor is not None and reading.facts.pci is not None


def _check_platform_device(case: Case) -> Iterator[Hit]:
    found = [d for d in case.now.facts.pci or () if (d.vendor, d.device) == XEN_PLATFORM]
    cause = "X05" if next(_check_disabled(case), None) else None
    if not found:
        saw, why = "no PCI device 5853:0001", "the host does not offer Xen's platform device"
        fix = "On the host, set xen_platform_pci=1 in this guest's configuration, then stop and start the guest."
    elif not found[0].driver:
        saw, why = f"PCI 5853:0001 at {found[0].address} has no driver", "no driver took Xen's platform device"
        fix = "Boot a kernel with CONFIG_XEN_PVHVM_GUEST (every Ubuntu and Debian kernel has it)."
    else:
        return
    yield Hit("PCI 5853:0001", why, (saw,), remedy=(fix,), same_cause_as=cause)


RULES = (
    Rule(
        code="X05",
        name="pv-drivers-disabled",
        kind=FAULT,
        severity=WARNING,
        title="the kernel command line switches PV drivers off",
        needs=("boot",),
        applies=_hvm_guest,
        check=_check_disabled,
        means="Disks or network cards run on emulated hardware: works, but slow. With nopv there is also no PV shutdown"
        " request, no ballooning, no guest tools.",
        remedy=(
            "Is root= by UUID or LABEL, and /etc/fstab too? Disk names change from sda to xvda with PV drivers.",
            "Remove the parameter from GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub",
            "sudo update-grub, then reboot in a maintenance window",
        ),
        source="platform-pci-unplug.c, enlighten_hvm.c, kernel-parameters.txt",
        owner=YOU,
        avoid="Do not remove the parameter before root= and fstab name disks by UUID or LABEL: the next boot would not find them.",
    ),
    Rule(
        code="X06",
        name="xen-platform-device",
        kind=FAULT,
        severity=WARNING,
        title="Xen's platform device is missing or has no driver",
        needs=("pci",),
        applies=_hvm_with_pci,
        check=_check_platform_device,
        means="Without it emulated disks and network cards are not unplugged, and the PV drivers decline to load.",
        remedy=(
            "Is it there? lspci -nn -d 5853:; and its driver: ls /sys/bus/pci/drivers/xen-platform-pci",
            "Missing: set xen_platform_pci=1 for this guest on the host, then stop and start it.",
            "Without driver: boot a kernel with CONFIG_XEN_PVHVM_GUEST (every Ubuntu and Debian kernel has it).",
        ),
        source="drivers/xen/platform-pci.c; xl.cfg(5), xen_platform_pci",
        owner=HOST,
        avoid="Do not change it on a running guest without a maintenance window: disk and interface names change.",
    ),
)
