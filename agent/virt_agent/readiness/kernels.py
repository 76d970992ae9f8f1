"""R-04, R-05, R-21 and R-22: what each installed kernel has, above all the one that boots next.

AWS's own script looks at the kernel that runs; the one that boots on the other side is another as soon as an upgrade
was installed. A fault of the next kernel is a blocker, of another one a warning: it would be chosen by hand only.
"""

from __future__ import annotations

from virt_collectors.errors import refusal
from virt_collectors.kernels import BUILTIN, DRIVERS, MISSING, InstalledKernel

from . import drivers
from .drivers import LEFT_OUT, NOT_KNOWN
from .form import BLOCKER, INFO, OK, TARGETS, UNKNOWN, WARNING, Case, Check, Found
from .next_boot import boot_is_not_mounted, names_a_kernel_file
from .remedies import of_initramfs, of_menu, other_kernel, reinstall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_GONE = str(refusal("", "ENOENT").why)  # a link that leads nowhere, or a snapshot that has the name alone
_TAGS_OF_USER_SPACE = ("UUID=", "LABEL=")


def _grave(case: Case, kernel: InstalledKernel) -> str:
    return BLOCKER if case.boots(kernel) else WARNING


def _open(case: Case, kernel: InstalledKernel) -> str:
    """What could not be told decides where it may be the next kernel's."""
    return UNKNOWN if case.boots(kernel) or case.next_boot.entry is None else INFO


def _image(case: Case) -> Iterator[Found]:
    entry = case.next_boot.entry
    if not case.kernels:
        secret = case.denied("boot")
        saw = f"/{secret}: permission denied" if secret else "no vmlinuz-* was found in /boot"
        yield Found(UNKNOWN, "/boot", "no kernel was seen in /boot", (saw,), (case.command,) if secret else ())
        return
    if entry is not None and case.next_boot.kernel is None:
        yield _not_listed(case)
    for kernel in case.kernels:
        yield _image_of(case, kernel)


def _not_listed(case: Case) -> Found:
    entry, menu = case.next_boot.entry, case.next_boot.menu
    assert entry is not None
    assert menu is not None
    saw = (f"/{menu.path} boots /{entry.kernel}", f"/boot has {', '.join(k.release for k in case.kernels[:4])}")
    if names_a_kernel_file(entry) and not boot_is_not_mounted(case.facts):
        what = f"the next kernel is not there: /{entry.kernel}"
        return Found(BLOCKER, entry.kernel, what, saw, of_menu(menu.path), True)
    return Found(UNKNOWN, entry.kernel, f"what the menu boots is not known: /{entry.kernel}", saw)


def _image_of(case: Case, kernel: InstalledKernel) -> Found:
    if kernel.complete:
        return Found(OK, kernel.release, f"the image of {kernel.release} is complete")
    if kernel.complete is False:
        what = f"kernel image is cut short: {kernel.release}"
        remedy = reinstall(kernel)
        return Found(_grave(case, kernel), kernel.release, what, (f"/{kernel.image} is shorter than its header says: it was not written completely",), remedy, case.boots(kernel))  # fmt: skip
    code = case.facts.unreadable.get(kernel.image)
    if code is None:
        what = f"the image of {kernel.release} does not tell its length"
        return Found(INFO, kernel.release, what, (f"/{kernel.image} has no bzImage header",))
    what = f"kernel image could not be read: {kernel.release}"
    return Found(
        _open(case, kernel), kernel.release, what, (f"/{kernel.image}: {refusal('', code).why}",), (case.command,)
    )


def _initramfs(case: Case) -> Iterator[Found]:
    for kernel in case.kernels:
        loaded = drivers.with_its_initramfs(case.next_boot, kernel)
        if loaded.initramfs is None:
            yield _no_initramfs(case, kernel, loaded)
        elif loaded.in_initramfs is not None:
            yield Found(OK, kernel.release, f"the initramfs of {kernel.release} is complete")
        elif drivers.loads_another(loaded):
            yield _another_initramfs(case, kernel, loaded)
        else:
            yield _bad_initramfs(case, kernel)


def _bad_initramfs(case: Case, kernel: InstalledKernel) -> Found:
    """Damaged or not read; where the entry tries without one first, and that succeeds, it is not missed."""
    entry, release = case.next_boot.entry, kernel.release
    spared = entry is not None and entry.tries_without_initramfs and case.boots(kernel) and _does_without(case, kernel)
    first = "its menu entry tries to boot without one first, and its drivers are built in"
    saw = (f"/{kernel.initramfs}: {kernel.initramfs_problem or 'not read'}", *([first] if spared else []))
    if is_damaged(case, kernel):
        state, stops = (WARNING, False) if spared else (_grave(case, kernel), case.boots(kernel))
        return Found(state, release, f"initramfs is damaged: {release}", saw, of_initramfs(kernel), stops)
    state = INFO if spared else _open(case, kernel)
    return Found(state, release, f"initramfs could not be read: {release}", saw, (case.command,))


def _another_initramfs(case: Case, kernel: InstalledKernel, loaded: InstalledKernel) -> Found:
    """It may be of another kernel, custom or not there at all."""
    state = INFO if _does_without(case, kernel) else _open(case, kernel)
    what = f"the menu loads an initramfs that was not read: {kernel.release}"
    return Found(state, kernel.release, what, (loaded.initramfs_problem or "",), _look_at_the_menu(case, loaded))


def _look_at_the_menu(case: Case, loaded: InstalledKernel) -> tuple[str, ...]:
    menu = case.next_boot.menu
    return (f"Is it there, and made for {loaded.release}? ls -l /{loaded.initramfs}", *of_menu(menu.path if menu else None))  # fmt: skip


def _does_without(case: Case, kernel: InstalledKernel) -> bool:
    """The kernel alone comes to its root: all is built in, and it understands root=."""
    needed = case.needs.root
    builtin = bool(needed) and all(kernel.drivers.get(name) == BUILTIN for name in needed)
    return builtin and not case.needs.unjudged and bool(_root_of(case)) and not _by_user_space(case)


def is_damaged(case: Case, kernel: InstalledKernel) -> bool:
    """It was read and is no whole initramfs: no refusal was noted for it."""
    problem = kernel.initramfs_problem
    read = problem != _GONE and not drivers.loads_another(kernel) and kernel.initramfs not in case.facts.unreadable
    return problem is not None and read


def _no_initramfs(case: Case, kernel: InstalledKernel, loaded: InstalledKernel) -> Found:
    """It may do without: with its drivers built in, and a root= that the kernel itself understands."""
    modules = [name for name in case.needs.root if drivers.has(loaded, name) == LEFT_OUT]
    unsure = not case.needs.root or any(drivers.has(loaded, name) == NOT_KNOWN for name in case.needs.root)
    by_name = f"root={_root_of(case)} needs it" if _by_user_space(case) else ""
    why = f"{', '.join(modules)} is a module" if modules else by_name
    where = "its menu entry loads none" if kernel.initramfs else f"no initramfs for {kernel.release} in /boot"
    if why:
        what = f"no initramfs, and {why}: {kernel.release}"
        return Found(_grave(case, kernel), kernel.release, what, (where,), of_initramfs(kernel), case.boots(kernel))
    if unsure:
        return Found(_open(case, kernel), kernel.release, f"{kernel.release} has no initramfs; whether it needs one is not known", (where,))  # fmt: skip
    return Found(OK, kernel.release, f"{kernel.release} needs no initramfs: its drivers are built in", (where,))


def _root_of(case: Case) -> str:
    return (case.next_boot.boot.value("root") or "") if case.next_boot.boot else ""


def _by_user_space(case: Case) -> bool:
    """The kernel finds PARTUUID=, PARTLABEL= and names by itself (early-lookup.c), file systems' tags it does not.

    Mappings and links (/dev/vg/root) are made by programs.
    """
    root = _root_of(case)
    name = root.removeprefix("/dev/")
    made = name != root and ("/" in name or name.startswith("dm-"))
    return made or root.startswith(_TAGS_OF_USER_SPACE) or "dm_mod" in case.needs.root


def _root_drivers(case: Case) -> Iterator[Found]:
    if not case.needs.root:
        what = "which driver the root disk needs is not known"
        yield Found(UNKNOWN, "root disk", what, ("no disk with a driver was seen under /",), ("virt-agent --check -v",))
        return
    if case.needs.unjudged:
        yield Found(UNKNOWN, "root disk", case.needs.unjudged, ("see findmnt / and lsblk",), ("findmnt /",))
    for kernel in case.kernels:
        yield from _root_drivers_of(case, kernel)


def _root_drivers_of(case: Case, kernel: InstalledKernel) -> Iterator[Found]:
    loaded = drivers.with_its_initramfs(case.next_boot, kernel)
    found = {name: drivers.has(loaded, name) for name in case.needs.root}
    missing = [name for name, word in found.items() if word == MISSING]
    left_out = [name for name, word in found.items() if word == LEFT_OUT]
    unknown = [name for name, word in found.items() if word == NOT_KNOWN and name in DRIVERS]
    saw = (f"{kernel.release}: {', '.join(f'{name} {word}' for name, word in found.items())}",)
    if missing:
        what = f"no {', '.join(missing)} for the root disk in {kernel.release}"
        yield Found(_grave(case, kernel), kernel.release, what, saw, other_kernel(kernel), case.boots(kernel))
    if left_out and loaded.initramfs:
        what = f"no {', '.join(left_out)} in the initramfs of {kernel.release}"
        remedy = of_initramfs(kernel, left_out, case.facts.boot_loader)
        yield Found(_grave(case, kernel), kernel.release, what, saw, remedy, case.boots(kernel))
    if unknown and not is_damaged(case, loaded):
        what = f"whether {kernel.release} has {', '.join(unknown)} at boot is not known"
        yield Found(_open(case, kernel), kernel.release, what, *_why_not_known(case, loaded, saw))
    if not (missing or left_out or unknown):
        yield Found(OK, kernel.release, f"{kernel.release} has {', '.join(case.needs.root)} at boot", saw)


def _why_not_known(
    case: Case, kernel: InstalledKernel, saw: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was seen, and what to do: the lists of its modules are missing, or its initramfs could not be read."""
    if kernel.drivers and drivers.loads_another(kernel):
        return (*saw, kernel.initramfs_problem or ""), _look_at_the_menu(case, kernel)
    if kernel.drivers:
        return saw, (case.command,)
    folder = f"lib/modules/{kernel.release}"
    remedy = (case.command,) if case.denied(folder, f"usr/{folder}") else reinstall(kernel)
    return (f"modules.dep and modules.builtin of /{folder} were not read",), remedy


def _will_be_left_out(case: Case) -> Iterator[Found]:
    """MODULES=dep: the next initramfs is made for the devices of the machine that makes it."""
    loader = case.facts.boot_loader
    modular = [k for k in case.kernels if any(k.drivers.get(name) not in (BUILTIN, None) for name in case.needs.root)]
    if case.moving and loader and loader.initramfs_modules == "dep" and modular:
        what = "the next initramfs is made for today's devices alone (MODULES=dep)"
        remedy = ("Set MODULES=most in /etc/initramfs-tools/initramfs.conf", "sudo update-initramfs -u -k all")
        yield Found(WARNING, "initramfs-tools", what, ("MODULES=dep in initramfs.conf",), remedy)


def _at_boot(case: Case) -> Iterator[Found]:
    yield from _root_drivers(case)
    yield from _will_be_left_out(case)


def _network_drivers(case: Case) -> Iterator[Found]:
    if not case.needs.network and case.facts.network is not None and not case.facts.network.devices:
        yield Found(OK, "network", "this machine has no network card")
        return
    if not case.needs.network:
        yield Found(
            UNKNOWN, "network", "which driver the network card needs is not known", ("no card was seen",), ("ip link",)
        )
        return
    for kernel in case.kernels:
        found = {name: drivers.has_anywhere(kernel, name) for name in case.needs.network}
        saw = (f"{kernel.release}: {', '.join(f'{name} {word}' for name, word in found.items())}",)
        missing = [name for name, word in found.items() if word == MISSING]
        if missing:
            what = f"no {', '.join(missing)} for the network in {kernel.release}"
            yield Found(_grave(case, kernel), kernel.release, what, saw, other_kernel(kernel))
        elif NOT_KNOWN in found.values():
            what = f"whether {kernel.release} has {', '.join(found)} is not known"
            yield Found(_open(case, kernel), kernel.release, what, *_why_not_known(case, kernel, saw))
        else:
            yield Found(OK, kernel.release, f"{kernel.release} has {', '.join(found)}", saw)


CHECKS = (
    Check(
        code="R-21",
        name="kernel-image",
        targets=TARGETS,
        title="the images of the installed kernels are complete",
        judge=_image,
        means="The boot loader reads this file first. An upgrade that ran out of space or was cut off leaves a short one.",
        source="Documentation/arch/x86/boot.rst, setup_sects and syssize",
    ),
    Check(
        code="R-22",
        name="initramfs",
        targets=TARGETS,
        title="each kernel has a complete initramfs, or needs none",
        judge=_initramfs,
        means="Drivers that are modules, and UUID= or LABEL= of a file system, are found from the initramfs alone;"
        " without it the kernel panics: unable to mount root fs.",
        source="Documentation/driver-api/early-userspace/buffer-format.rst; block/early-lookup.c",
    ),
    Check(
        code="R-05",
        name="root-disk-driver",
        targets=TARGETS,
        title="the drivers of the root disk are in the kernel or in its initramfs",
        judge=_at_boot,
        means="Without it the kernel does not see its root disk, and stops in the initramfs or panics.",
        source="EC2 user guide, Change the instance type; awslabs/aws-support-tools, NitroInstanceChecks",
    ),
    Check(
        code="R-04",
        name="network-driver",
        targets=TARGETS,
        title="each kernel has the driver of the network card",
        judge=_network_drivers,
        means="The guest boots and cannot be reached.",
        source="EC2 user guide, Enhanced networking with ENA; awslabs/aws-support-tools, NitroInstanceChecks",
    ),
)
