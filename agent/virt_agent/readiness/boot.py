"""R-07, R-10, R-14, R-23 and R-24: whether the boot loader boots the right kernel, and whether it finds its root."""

from __future__ import annotations

from virt_collectors.kernels import InstalledKernel

from . import names
from .drivers import root_mount
from .form import BLOCKER, HVM, INFO, NITRO, OK, REBOOT, TARGETS, UNKNOWN, WARNING, Case, Check, Found
from .next_boot import LOADERS, boot_is_not_mounted, find_kernel, names_a_kernel_file, pv_on_ec2
from .remedies import of_menu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT_MEANS = {
    names.NOWHERE: "no disk here has that name",
    names.GONE: "no disk will have that name",
    names.MOVABLE: "the number follows the order in which NVMe controllers answer",
}
_BY_ID = "Its id: sudo blkid; then root=UUID=... in GRUB_CMDLINE_LINUX of /etc/default/grub"


def _root(case: Case) -> Iterator[Found]:
    boot, menu = case.next_boot.boot, case.next_boot.menu
    if boot is None or menu is None:
        return  # R-10 says why
    root = boot.value("root")
    if not root:
        yield Found(UNKNOWN, "root=", "the next command line has no root=", (f"/{menu.path}: {_entry_title(case)}",))
        return
    fate = _fate(case, root)
    saw = (f"/{menu.path}: root={root}", *([_ROOT_MEANS[fate]] if fate in _ROOT_MEANS else []))
    remedy = (_BY_ID, *of_menu(menu.path))
    if fate in (names.NOWHERE, names.GONE):
        yield Found(BLOCKER, "root=", f"no disk for root={root} at the next boot", saw, remedy, stops_boot=True)
    elif fate == names.MOVABLE:
        yield Found(WARNING, "root=", f"root={root} may be another disk at the next boot", saw, remedy)
    elif fate == names.NOT_TOLD:
        what = f"whether root={root} leads to a disk is not known"
        yield Found(UNKNOWN, "root=", what, (*saw, "nothing below /dev/disk was seen"), ("sudo blkid", case.command))
    else:
        seen = bool(names.known(case))
        yield Found(OK, "root=", f"root={root} {'leads to a disk' if seen else 'goes with its disk'}", saw)


def _fate(case: Case, root: str) -> str:
    """What was given to this boot led to the root then; but a tag that no disk has now was changed on the disk since."""
    fate = names.fate_of_root(case, root)
    same = not case.renames_disks and case.facts.boot is not None and case.facts.boot.value("root") == root
    unseen = fate == names.NOT_TOLD or (fate == names.NOWHERE and names.link_of(root) is None)
    return names.THERE if same and unseen else fate


def _entry_title(case: Case) -> str:
    return case.next_boot.entry.title if case.next_boot.entry else "?"


def _loader(case: Case) -> Iterator[Found]:
    menu, why = case.next_boot.menu, case.next_boot.why
    if menu is None:
        yield _no_menu(case, why or "")
    elif case.next_boot.entry is None:
        yield _not_told(case, f"/{menu.path}", why or "", f"less /{menu.path}; sudo grub-editenv list")
    else:
        stale = [*_menu_is_stale(case), *_menus_differ(case)]
        what = f"/{menu.path} boots {_release(case)}"
        yield from stale or [Found(OK, f"/{menu.path}", what, (f"entry {_entry_title(case)}",))]
    if case.facts.mounts is not None and boot_is_not_mounted(case.facts):
        what = "/boot is a file system of its own and is not mounted: what was seen there does not boot"
        saw = ("/etc/fstab has /boot, /proc/self/mountinfo has not",)
        yield Found(UNKNOWN, "/boot", what, saw, ("sudo mount /boot",))


def _no_menu(case: Case, why: str) -> Found:
    loader = case.facts.boot_loader
    if loader is not None and case.target != REBOOT and case.moving and loader.menu_lst:
        saw = (f"/{loader.menu_lst.path} is there, grub.cfg is not",)
        what = "no grub.cfg: HVM boots GRUB 2 and ignores menu.lst"
        return Found(BLOCKER, "grub.cfg", what, saw, ("sudo apt install grub-pc", "sudo grub-install /dev/DISK", "sudo update-grub"))  # fmt: skip
    return _not_told(case, "boot loader", why, "ls /boot/grub /boot/grub2 /boot/efi/EFI; bootctl status")


def _not_told(case: Case, subject: str, why: str, look: str) -> Found:
    secret = case.denied(*LOADERS)
    what = "what boots next cannot be told" + (" without root" if secret else "")
    return Found(UNKNOWN, subject, what, (why,), (case.command if secret else look,))


def _release(case: Case) -> str:
    entry, kernel = case.next_boot.entry, case.next_boot.kernel
    return kernel.release if kernel else f"/{entry.kernel}" if entry else "?"


def _menu_is_stale(case: Case) -> Iterator[Found]:
    """The newest kernel is not in the menu, as after an upgrade whose hook failed, or in a menu.lst that nobody updates."""
    menu = case.next_boot.menu
    if menu is None or not case.kernels:
        return
    newest = case.kernels[0]
    listed = {entry.kernel.rpartition("/")[2] for entry in menu.entries}
    if menu.entries and newest.image.rpartition("/")[2] not in listed:
        what = f"{newest.release} is installed and /{menu.path} does not know it"
        saw = (f"/{menu.path} has {', '.join(sorted(listed)[:4])}",)
        yield Found(WARNING, f"/{menu.path}", what, saw, of_menu(menu.path))
    elif _is_older(case, newest):
        what = f"/{menu.path} boots {_release(case)}, not the newest, {newest.release}"
        state = WARNING if case.moving or pv_on_ec2(case.reading) else INFO
        wanted = ("Is that wanted? grep GRUB_DEFAULT /etc/default/grub; sudo grub-editenv list",)
        remedy = of_menu(menu.path) if menu.path.endswith("menu.lst") else wanted
        yield Found(state, f"/{menu.path}", what, (f"its default is {_entry_title(case)}",), remedy)


def _is_older(case: Case, newest: InstalledKernel) -> bool:
    return case.next_boot.kernel is not None and case.next_boot.kernel != newest


def _menus_differ(case: Case) -> Iterator[Found]:
    """PV boots what menu.lst says, HVM what grub.cfg says."""
    loader = case.facts.boot_loader
    old = loader.menu_lst.default if loader and loader.menu_lst else None
    if not case.moving or old is None or case.next_boot.menu == (loader.menu_lst if loader else None):
        return
    before = find_kernel(case.facts, old)
    if before is not None and case.next_boot.kernel is not None and before != case.next_boot.kernel:
        what = f"menu.lst boots {before.release}, grub.cfg {case.next_boot.kernel.release}"
        saw = (
            f"/{loader.menu_lst.path if loader and loader.menu_lst else ''}: {old.title}",
            f"grub.cfg: {_entry_title(case)}",
        )
        yield Found(WARNING, "menus", what, saw, ("sudo update-grub",))


def _pending(case: Case) -> Iterator[Found]:
    running = case.facts.system.kernel if case.facts.system else None
    entry, kernel = case.next_boot.entry, case.next_boot.kernel
    if running is None or entry is None or (kernel is None and not names_a_kernel_file(entry)):
        return
    if kernel is not None and kernel.release == running:
        yield Found(OK, running, f"the next boot takes the kernel that runs, {running}")
    else:
        what = f"the next boot changes the kernel from {running} to {_release(case)}"
        yield Found(INFO, running, what, (f"running {running}, next {_release(case)}",))


def _console(case: Case) -> Iterator[Found]:
    boot = case.next_boot.boot
    if boot is None:
        return
    consoles = [word.partition("=")[2].partition(",")[0] for word in boot.parameters if word.startswith("console=")]
    if any(name.startswith("ttyS") for name in consoles):
        yield Found(OK, "console=", "the serial console shows the boot")
    elif case.moving:
        told = ", ".join(consoles) or "none"
        remedy = ("Add console=tty1 console=ttyS0 to GRUB_CMDLINE_LINUX in /etc/default/grub", "sudo update-grub")
        what = "no console=ttyS0: should the boot fail, get-console-output shows nothing"
        yield Found(WARNING, "console=", what, (f"console= on the next command line: {told}",), remedy)


def _partitioned(case: Case) -> Iterator[Found]:
    if not case.moving:
        return
    mount = root_mount(case.facts)
    disk = names.unpartitioned_root(case)
    if disk:
        what = f"no partitions under /: HVM boots from a partitioned disk ({disk})"
        remedy = (
            "Make a partitioned disk (MBR, or GPT with bios_grub) on a helper instance, rsync -aAXH the root onto it,",
            "then grub-install and update-grub in a chroot there.",
        )
        yield Found(BLOCKER, disk, what, (f"/ is {mount.source if mount else disk}",), remedy, stops_boot=True)
    elif mount is not None and mount.device:
        yield Found(OK, mount.device, f"the root file system lies on {mount.device}, not on a whole disk")
    elif _root_is_a_partition(case):
        yield Found(OK, "root=", "root= names a partition")
    else:
        what = "whether the root disk has partitions is not known"
        yield Found(UNKNOWN, "root disk", what, ("nothing is mounted on /",), ("lsblk",))


def _root_is_a_partition(case: Case) -> bool:
    """For a disk that is mounted elsewhere."""
    root = case.next_boot.boot.value("root") if case.next_boot.boot else None
    return (root or "").upper().startswith(("PARTUUID=", "PARTLABEL="))


CHECKS = (
    Check(
        code="R-10",
        name="boot-loader",
        targets=TARGETS,
        title="the boot loader's menu is there, up to date, and tells what boots next",
        judge=_loader,
        means="What is judged below holds for the kernel that the menu names; where it is out of date, an old one boots.",
        source="grub-mkconfig(8), grub-editenv(1); EC2 user guide, User provided kernels (PV-GRUB reads menu.lst)",
    ),
    Check(
        code="R-07",
        name="root-parameter",
        targets=TARGETS,
        title="root= of the next command line leads to the root disk",
        judge=_root,
        means="The kernel or its initramfs waits for that disk, and drops to a shell or panics when it does not come.",
        source="Documentation/admin-guide/kernel-parameters.txt, root=; EC2 user guide, Device naming",
    ),
    Check(
        code="R-24",
        name="partitioned-root",
        targets=(HVM,),
        title="the root disk has partitions",
        judge=_partitioned,
        means="A PV disk is often one bare file system; a BIOS starts what the first sector of a partitioned disk holds.",
        source="EC2 user guide, Linux AMI virtualization types: HVM executes the master boot record",
    ),
    Check(
        code="R-23",
        name="serial-console",
        targets=(HVM, NITRO),
        title="the boot can be seen on the serial console",
        judge=_console,
        means="PV has its console on hvc0, HVM and Nitro on ttyS0. It is what is left to look at when a boot fails.",
        source="EC2 user guide, Instance console output",
        decides=False,
    ),
    Check(
        code="R-14",
        name="reboot-pending",
        targets=TARGETS,
        title="the running kernel is the one that boots next",
        judge=_pending,
        means="What runs now was proven by its own boot; the next kernel was not. Reboot once before the move.",
        source="uname(2), and the boot loader's menu",
        decides=False,
    ),
)
