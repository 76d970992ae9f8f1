"""The kernels that are installed, and what each could boot with: not only the one that runs.

An image in /boot says in its header how long it is (Documentation/arch/x86/boot.rst; zboot-header.S in
drivers/firmware/efi/libstub on Arm), so half a kernel is told from a whole one by 528 bytes. What it has of drivers
is in lib/modules/RELEASE: modules.builtin (since 2.6.33) and modules.dep, which depmod writes and without which modprobe
finds nothing. On Ubuntu images are root's alone to read, on Red Hat's initramfs too.
"""

from __future__ import annotations

from .errors import Denied, Malformed, SourceError
from .host import Space
from .record import Record
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What a guest needs to find its root disk and its network, by the names of their .ko files.
DRIVERS = (
    *("xen-blkfront", "xen-netfront", "nvme", "ena", "ixgbevf"),
    *("virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net"),
    *("ata_piix", "ahci", "sd_mod", "e1000", "e1000e", "8139cp"),
    *("ext4", "ext3", "ext2", "xfs", "btrfs", "dm_mod", "raid1"),
)
BUILTIN, MODULE, MISSING = "builtin", "module", "missing"
# The same driver in the xenlinux kernels of RHEL 5 and SLES 10 and 11, and in their guests with PV drivers; ext4 serves
# the older two as well.
_OTHER_NAMES = {
    "xen-blkfront": ("xenblk", "xen_vbd"),
    "xen-netfront": ("xennet", "xen_vnif"),
    "ext3": ("ext4",),
    "ext2": ("ext4",),
}

# Copies that tools leave beside an image, and signatures: no kernels of their own.
_COPIES = (".old", ".bak", "~", ".efi.signed", ".signed", ".sig", ".hmac", ".gz", ".rpmsave", ".rpmnew")
_INITRAMFS = ("initrd.img-{}", "initramfs-{}.img", "initrd-{}")  # Debian, Red Hat and Amazon Linux, SUSE
_INIT = "init"  # what the kernel starts from an initramfs
_OUT_OF_TREE = ("updates/", "extra/", "weak-updates/")  # DKMS and kmod packages; Red Hat links to the last
_HEAD_BYTES = 528
_MODULES_LIMIT = 8 << 20  # ten times what a distribution's kernel has
_MOST = 50


class InstalledKernel(Record):
    """One kernel in /boot. Paths are without the leading slash.

    `complete` is False where the image is shorter than its own header says, empty, or begins with nothing but zeros
    (a crash before the file reached the disk); None where that could not be read or told.
    `drivers` gives BUILTIN, MODULE or MISSING for each of DRIVERS; empty where its /lib/modules cannot be read.
    `in_initramfs` are those of DRIVERS whose module is in its initramfs with all the modules that it needs; None where
    there is none or it cannot be read, `initramfs_problem` says why. `out_of_tree` are modules below updates/ or extra/,
    which DKMS makes for one kernel.
    """

    release: str
    image: str
    complete: bool | None = None
    initramfs: str | None = None
    in_initramfs: tuple[str, ...] | None = None
    initramfs_problem: str | None = None
    drivers: dict[str, str] = {}
    out_of_tree: tuple[str, ...] = ()


class _Modules(Record):
    """modules.dep: where each module lies below lib/modules/RELEASE, and the modules that it needs, by name."""

    paths: dict[str, str] = {}
    needs: dict[str, tuple[str, ...]] = {}


def read_kernels(source: Source) -> tuple[InstalledKernel, ...] | None:
    """The newest 50, newest first; None where /boot shows none. Modules without an image are no kernel."""
    from .versions import debian_key

    listed = frozenset(source.names("boot"))
    images = find_images(listed)
    releases = sorted(images, key=debian_key, reverse=True)[:_MOST]
    return tuple(_read_kernel(source, release, images[release], listed) for release in releases) or None


def find_images(listed: Iterable[str]) -> dict[str, str]:
    """The image of each release among the names in /boot.

    Red Hat's vmlinuz-0-rescue-MACHINE is a copy of a kernel that has its own image, and has no modules of its name.
    """
    found: dict[str, str] = {}
    for name in sorted(listed):  # vmlinux before vmlinuz, which replaces it
        kind, dash, release = name.partition("-")
        if kind not in ("vmlinuz", "vmlinux") or not dash or not release or release.startswith("0-rescue-"):
            continue
        if not release.endswith(_COPIES) and ".dpkg-" not in release:
            found[release] = name
    return found


def _read_kernel(source: Source, release: str, image: str, listed: frozenset[str]) -> InstalledKernel:
    modules, builtin = _read_modules(source, release), _read_builtin(source, release)
    name = next((form.format(release) for form in _INITRAMFS if form.format(release) in listed), None)
    inside, problem = _read_initramfs(source, name, release) if name else (None, None)
    known = modules is not None and builtin is not None
    return InstalledKernel(
        release=release,
        image=f"boot/{image}",
        complete=_read_complete(source, f"boot/{image}"),
        initramfs=f"boot/{name}" if name else None,
        in_initramfs=None if inside is None else _loadable(inside, modules or _Modules(), builtin or frozenset()),
        initramfs_problem=problem,
        drivers={driver: _presence(driver, modules, builtin) for driver in DRIVERS} if known else {},
        out_of_tree=tuple(driver for driver in DRIVERS if modules and _is_out_of_tree(driver, modules)),
    )


def _read_complete(source: Source, path: str) -> bool | None:
    try:
        return is_complete(*source.host.head(path, _HEAD_BYTES))
    except SourceError as error:
        source.note(error, ("EACCES", "EPERM"))
        return None


def is_complete(head: bytes, size: int) -> bool | None:
    """Whether a kernel image of so many bytes is as long as its header says; None where the header is not known."""
    if size < _HEAD_BYTES or not any(head):
        return False
    if head[0x202:0x206] == b"HdrS":  # x86: sectors of the setup code, and the rest in units of 16 bytes
        paragraphs = int.from_bytes(head[0x1F4:0x1F8], "little")
        return size >= ((head[0x1F1] or 4) + 1) * 512 + paragraphs * 16
    if head[:2] == b"MZ" and head[4:8] == b"zimg":  # where the compressed kernel is, and how long
        return size >= int.from_bytes(head[8:12], "little") + int.from_bytes(head[12:16], "little")
    return None


def _read_initramfs(source: Source, name: str, release: str) -> tuple[frozenset[str] | None, str | None]:
    """The modules for this release in there; or why that is not known."""
    try:
        names = source.host.initramfs(f"boot/{name}")
    except Malformed as error:  # says something of the guest, nothing of our reading
        return None, error.why
    except SourceError as error:
        source.note(error, ("EACCES", "EPERM", "ENOPKG"))
        return None, "needs root" if isinstance(error, Denied) else error.why
    if _INIT not in names:  # cut off behind the archive of microcode, whose end is no damage
        return None, f"holds no /{_INIT}; it was not written completely"
    own = f"modules/{release}/"
    return frozenset(_module(name) for name in names if own in name and ".ko" in name), None


def _loadable(inside: frozenset[str], modules: _Modules, builtin: frozenset[str]) -> tuple[str, ...]:
    """The drivers whose modules are inside; the whole chain is, or is built in."""
    at_hand = inside | builtin
    found = ((driver, _found(driver, inside)) for driver in DRIVERS)
    return tuple(driver for driver, name in found if name and at_hand.issuperset(modules.needs.get(name, ())))


def _read_modules(source: Source, release: str) -> _Modules | None:
    content = _read_list(source, release, "modules.dep")
    return None if content is None else parse_dependencies(content)


def _read_builtin(source: Source, release: str) -> frozenset[str] | None:
    """None where the list is blank too: every kernel has something built in, and a crash leaves an empty file."""
    content = (_read_list(source, release, "modules.builtin") or "").strip("\0 \n")
    return frozenset(_module(line) for line in content.split("\n")) if content else None


def _read_list(source: Source, release: str, name: str) -> str | None:
    for root in ("lib/modules", "usr/lib/modules"):
        path = f"{root}/{release}/{name}"
        try:
            return source.host.file(path, _MODULES_LIMIT).decode("utf-8", "replace")
        except SourceError as error:
            source.note(error)
    return None


def parse_dependencies(content: str) -> _Modules:
    """Of modules.dep what DRIVERS are about: "PATH: PATH…", each path below lib/modules/RELEASE or absolute."""
    wanted = {name for driver in DRIVERS for name in _names(driver)}
    paths, needs = {}, {}
    for line in content.split("\n"):
        path, colon, rest = line.partition(":")
        name = _module(path)
        if colon and name in wanted:
            paths[name] = path.rpartition("lib/modules/")[2].partition("/")[2] if path.startswith("/") else path
            needs[name] = tuple(map(_module, rest.split()))
    return _Modules(paths, needs)


def _module(path: str) -> str:
    """The module's own name: without folder, ".ko" and what it is compressed by; "_" and "-" are the same."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _names(driver: str) -> tuple[str, ...]:
    return driver.replace("-", "_"), *_OTHER_NAMES.get(driver, ())


def _found(driver: str, modules: Iterable[str]) -> str | None:
    return next((name for name in _names(driver) if name in modules), None)


def _presence(driver: str, modules: _Modules | None, builtin: frozenset[str] | None) -> str:
    if _found(driver, builtin or ()):
        return BUILTIN
    return MODULE if modules and _found(driver, modules.paths) else MISSING


def _is_out_of_tree(driver: str, modules: _Modules) -> bool:
    name = _found(driver, modules.paths)
    return name is not None and modules.paths[name].startswith(_OUT_OF_TREE)


def read_space(source: Source) -> dict[str, Space] | None:
    """How full / and /boot are, by these names; what cannot be read is left out."""
    found = {}
    for point in ("/", "/boot"):
        try:
            found[point] = source.host.space(point[1:])
        except SourceError as error:
            source.note(error)
    return found or None
