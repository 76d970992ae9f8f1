"""Root file systems, kernels and ramdisks of the lab, built once and kept.

One tree per Debian release serves every machine: dom0, the Xen guests and the
plain ones differ in the disk they get it on, the kernel and the ramdisk.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGES = [
    "linux-image-amd64",
    "xen-system-amd64",
    "xenstore-utils",
    "qemu-system-xen",
    "seabios",
    "ipxe-qemu",
    "busybox-static",
    "systemd",
    "udev",
    "kmod",
    "iproute2",
    "ethtool",
    "virt-what",
    "dmidecode",
    "pciutils",
    "python3",
    "python3-psutil",
    "python3-cpuinfo",
    "python3-prometheus-client",
    "python3-requests",
]
FLAVOURS = {"bookworm": ("amd64", "cloud-amd64"), "trixie": ("amd64",)}
TOLD_PACKAGES = ("xen-hypervisor-4", "linux-image-6")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")

ROOT_UUIDS = {
    "dom0": "5b0a7c1e-6f7d-4a55-9a0e-2f6c1d3e4b02",
    "guest": "5b0a7c1e-6f7d-4a55-9a0e-2f6c1d3e4b01",
}
DATA_UUID = "5b0a7c1e-6f7d-4a55-9a0e-2f6c1d3e4b03"
FSTAB = """\
UUID={root}  /          ext4  errors=remount-ro  0  1
UUID={data}  /srv/data  ext4  defaults,nofail    0  2
"""

# A guest without any disk driver has its root in memory: Python and little else.
NOT_IN_RAM = [
    "./boot",
    "./etc/fstab",
    "./usr/lib/modules",
    "./usr/lib/firmware",
    "./usr/lib/xen*",
    "./usr/libexec/xen*",
    "./usr/share",
    "./var",
    "./usr/lib/x86_64-linux-gnu/perl*",
    "./usr/bin/perl*",
]


class Unsuited(Exception):
    """This host cannot make the images; the message says why."""


class Release(NamedTuple):
    """One Debian release, unpacked."""

    suite: str
    tree: Path
    shelf: Path  # where what was made of the tree is kept

    def kernel(self, flavour: str) -> Path:
        return min((self.tree / "boot").glob(f"vmlinuz-*[0-9]-{flavour}"))

    def hypervisor(self) -> Path:
        return min((self.tree / "boot").glob("xen-*-amd64.gz"))

    def packages(self) -> list[str]:
        """Name and version of the hypervisor and the kernels, for the table."""
        query = ("dpkg-query", f"--admindir={self.tree}/var/lib/dpkg", "-W")
        lines = _output(*query, "-f", "${Package} ${Version}\n").splitlines()
        return [line for line in lines if line.startswith(TOLD_PACKAGES)]

    def version(self, flavour: str) -> str:
        return self.kernel(flavour).name.removeprefix("vmlinuz-")


def release(cache: Path, suite: str) -> Release:
    packages = [*PACKAGES, *(f"linux-image-{flavour}" for flavour in FLAVOURS[suite][1:])]
    sources = apt_sources(suite)
    shelf = cache / f"{suite}-{digest(sources, *packages)}"
    found = Release(suite, shelf / "tree", shelf)
    if not found.tree.exists():
        _unpack(found, sources, packages)
    return found


def apt_sources(suite: str) -> str:
    """The host's own Debian sources, of another suite where that is wanted."""
    lines = _output(
        "apt-get",
        "indextargets",
        "--format",
        "$(ORIGIN) $(REPO_URI) $(CODENAME)",
        "Created-By: Packages",
    ).splitlines()
    debian = {tuple(line.split()[1:3]) for line in lines if line.startswith("Debian ")}
    if not debian:
        raise Unsuited("the lab needs a Debian host: apt knows no Debian sources here")
    own = min((codename for _, codename in debian), key=len)
    return "".join(f"deb {address} {codename.replace(own, suite, 1)} main\n" for address, codename in sorted(debian))


def root_disk(found: Release, role: str) -> Path:
    disk = found.shelf / f"{role}.ext4"
    if not disk.exists():
        (found.tree / "srv/data").mkdir(parents=True, exist_ok=True)
        fstab = FSTAB.format(root=ROOT_UUIDS[role], data=DATA_UUID)
        (found.tree / "etc/fstab").write_text(fstab)
        ext4(disk, "2G", ROOT_UUIDS[role], "-d", str(found.tree))
    return disk


def data_disk(cache: Path) -> Path:
    disk = cache / "data.ext4"
    if not disk.exists():
        ext4(disk, "32M", DATA_UUID)
    return disk


def iso(cache: Path) -> Path:
    disc = cache / "disc.iso"
    if not disc.exists():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "readme.txt").write_text("A disc in the drive of a lab guest.\n")
            _run("genisoimage", "-quiet", "-V", "LABDISC", "-o", str(disc), folder)
    return disc


def ramdisk(found: Release, flavour: str, drivers: Sequence[str]) -> Path:
    """A first stage of about a megabyte: HVM guests load it at 0.3 MB/s here."""
    modules = _modules(found, flavour, drivers)
    names = [str(module) for module in modules]
    made = found.shelf / f"ramdisk-{digest(_first_stage().read_text(), *names)}.zst"
    if not made.exists():
        with tempfile.TemporaryDirectory() as folder:
            _lay_out(Path(folder), found, modules)
            _archive(Path(folder), made)
    return made


def ram_root(found: Release) -> Path:
    """The root file system as a tar, for guests that have no disk at all."""
    made = found.shelf / "ram-root.tar"
    if not made.exists():
        leave = [f"--exclude={path}" for path in NOT_IN_RAM]
        _run("tar", "-C", str(found.tree), *leave, "-cf", f"{made}.new", ".")
        Path(f"{made}.new").rename(made)
    return made


def with_root(base: Path, found: Release, courier: Path, made: Path) -> Path:
    """A ramdisk with root and courier in it: the kernel unpacks one archive after the other."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ram_root(found), Path(folder) / "root.tar")
        shutil.copy(courier, Path(folder) / "courier.tar")
        _archive(Path(folder), made, level=3)
    made.write_bytes(base.read_bytes() + made.read_bytes())
    return made


def hypervisor(found: Release) -> Path:
    """Unpacked, as QEMU's multiboot loader wants it."""
    made = found.shelf / "xen"
    if not made.exists():
        made.write_bytes(gzip.decompress(found.hypervisor().read_bytes()))
    return made


def _unpack(found: Release, sources: str, packages: Sequence[str]) -> None:
    new = found.shelf / "tree.new"
    shutil.rmtree(new, ignore_errors=True)
    found.shelf.mkdir(parents=True, exist_ok=True)
    _run(
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--keyring={KEYRING}",
        f"--include={','.join(packages)}",
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
        found.suite,
        str(new),
        "-",
        text=sources,
    )
    new.rename(found.tree)


def _modules(found: Release, flavour: str, drivers: Sequence[str]) -> list[Path]:
    """Module files in the order of loading; what is built in has none."""
    version = found.version(flavour)
    command = ("modprobe", "-d", str(found.tree), "-S", version, "--show-depends")
    listed = "".join(_output(*command, driver) for driver in drivers).splitlines()
    files = [Path(line.split()[1]) for line in listed if line.startswith("insmod")]
    return list(dict.fromkeys(files))


def _lay_out(folder: Path, found: Release, modules: Sequence[Path]) -> None:
    for name in ("bin", "proc", "sys", "dev", "root", "modules"):
        (folder / name).mkdir()
    shutil.copy(found.tree / "bin/busybox", folder / "bin/busybox")
    shutil.copy(_first_stage(), folder / "init")
    (folder / "init").chmod(0o755)
    for place, module in enumerate(modules):
        content = module.read_bytes()
        plain = lzma.decompress(content) if module.suffix == ".xz" else content
        (folder / "modules" / f"{place:02}-{module.name.removesuffix('.xz')}").write_bytes(plain)


def _archive(folder: Path, made: Path, level: int = 19) -> None:
    pack = f'find . | cpio --quiet -o -H newc | zstd -q -{level} -f -o "$0"'
    _run("sh", "-c", pack, str(made), folder=folder)


def ext4(disk: Path, size: str, uuid: str, *more: str) -> None:
    new = f"{disk}.new"
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-U", uuid, *more, new, size)
    Path(new).rename(disk)


def _first_stage() -> Path:
    return Path(__file__).parent / "inside" / "first-stage.sh"


def digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:10]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _run(*command: str, folder: Path | None = None, text: str = "") -> None:
    subprocess.run(command, check=True, cwd=folder, input=text, text=True, timeout=1800)
