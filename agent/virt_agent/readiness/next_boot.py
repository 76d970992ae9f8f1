"""Which menu counts, and what it boots next.

PV guests on EC2 are started by PV-GRUB, which reads menu.lst and knows nothing of grub.cfg (EC2 user guide, User
provided kernels). pygrub and GRUB itself take grub.cfg first. A PV or PVH guest whose kernel the host hands it
(kernel= in xl.cfg(5)) reads no menu at all; nothing inside the guest shows that.
"""

from __future__ import annotations

from virt_collectors.boot import Boot
from virt_collectors.boot_loader import BootEntry, Menu
from virt_collectors.facts import Facts
from virt_collectors.kernels import InstalledKernel, find_images

from ..rules.form import Reading
from .form import HVM, NITRO, REBOOT, NextBoot

LOADERS = ("boot/grub", "boot/loader", "boot/efi")


def pv_on_ec2(reading: Reading) -> bool:
    """Started by PV-GRUB."""
    return reading.on_ec2 and reading.verdict.guest_mode == "pv"


def find_next_boot(reading: Reading, target: str, without: tuple[str, ...] = ()) -> NextBoot:
    """By the menu that counts for the target."""
    facts = reading.facts
    menu = find_menu(reading, target)
    if menu is None:
        return NextBoot(why=_why_no_menu(reading, target))
    entry = menu.default
    if entry is None:
        return NextBoot(menu, why=menu.why or f"/{menu.path} does not tell its default")
    return NextBoot(menu, entry, find_kernel(facts, entry), Boot(remaining(entry.parameters, without)))


def find_menu(reading: Reading, target: str) -> Menu | None:
    """menu.lst for a PV guest on EC2 that stays one; else grub.cfg, and menu.lst where there is no other."""
    loader = reading.facts.boot_loader
    if loader is None:
        return None
    if pv_on_ec2(reading):
        return loader.menu_lst if target == REBOOT else loader.grub
    return loader.grub or loader.menu_lst


def _why_no_menu(reading: Reading, target: str) -> str:
    denied = [path for path, code in reading.facts.unreadable.items() if code in ("EACCES", "EPERM")]
    secret = next((path for path in denied if path.startswith(LOADERS)), None)
    if secret:
        return f"/{secret} is root's alone"
    if pv_on_ec2(reading) and reading.facts.boot_loader is not None:
        wanted = "menu.lst, which PV-GRUB reads" if target == REBOOT else "grub.cfg, which HVM and Nitro need"
        return f"there is no {wanted}"
    return "no menu of GRUB was found: another boot loader, or the host hands this guest its kernel"


def find_kernel(facts: Facts, entry: BootEntry) -> InstalledKernel | None:
    """The installed kernel of that file name; the path may be written from /boot's own file system."""
    name = entry.kernel.rpartition("/")[2]
    return next((kernel for kernel in facts.kernels or () if kernel.image.rpartition("/")[2] == name), None)


def names_a_kernel_file(entry: BootEntry) -> bool:
    """In /boot and with a release in its name: such a file would be listed, a link (/vmlinuz) would not."""
    folder, _, name = entry.kernel.rpartition("/")
    return folder in ("", "boot") and bool(find_images((name,)))


def boot_is_not_mounted(facts: Facts) -> bool:
    """By fstab /boot is a file system of its own, and none is mounted there: what the directory shows does not boot."""
    entries = (facts.configuration.fstab or ()) if facts.configuration else ()
    mounted = {mount.point for mount in facts.mounts or ()}
    return any(entry.point == "/boot" for entry in entries) and "/boot" not in mounted


def remaining(parameters: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters but those taken away: by name, or one value of it ("xen_emul_unplug=never")."""
    away = {word.replace("-", "_") for word in without}
    kept = (word for word in parameters if not {_name(word), word.replace("-", "_")} & away)
    return tuple(kept)


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].replace("-", "_")


def is_moving(reading: Reading, target: str) -> bool:
    """Whether the target is another platform than the one below; an unknown one (a mounted disk) counts as another."""
    verdict = reading.verdict
    if target == NITRO:
        return verdict.ec2_system not in ("nitro", "metal")
    if target == HVM:
        return verdict.guest_mode in ("pv", "pvh") or (verdict.guest_mode is None and verdict.hypervisor != "none")
    return False
