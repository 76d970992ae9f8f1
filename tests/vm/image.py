"""The test machine's root disk: a Debian release with systemd as process 1 and the package's dependencies, no more.

Built once and kept; each run writes to a snapshot of it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.lab import images

FLAVOUR = "cloud-amd64"  # EC2's own choice of kernel, and the smaller one
PACKAGES = [
    f"linux-image-{FLAVOUR}",
    "busybox-static",
    "systemd-sysv",
    "dbus",
    "udev",
    "kmod",
    "iproute2",
    "procps",
    "sudo",
    "curl",
    "zstd",
    "python3",
    "python3-psutil",
    "python3-cpuinfo",
    "python3-prometheus-client",
    "python3-requests",
    "python3-yaml",
    "libzstd1",
    "liblz4-1",
]
ROOT_UUID = images.ROOT_UUIDS["guest"]
SIZE = "2G"
# An emulated processor has no time for them, and a machine without a way out no use.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-tmpfiles-clean.timer",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-timesyncd.service",
    "systemd-pstore.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
)
FILES = {
    "etc/fstab": f"UUID={ROOT_UUID}  /  ext4  errors=remount-ro  0  0\n",
    "etc/hostname": "test-machine\n",
    "etc/hosts": "127.0.0.1 localhost test-machine\n::1 localhost\n",
    "etc/machine-id": "4f6c7a2be15d4c0c8a0f3d5e9b7a1c2d\n",
    "etc/systemd/journald.conf.d/vm.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
}
HOME_FILE = "home/admin/secret"


def release(cache: Path, suite: str) -> images.Release:
    """The unpacked tree of this suite."""
    sources = images.apt_sources(suite)
    furniture = [*MASKED, *FILES, *FILES.values()]
    shelf = cache / f"{suite}-{images.digest(sources, *PACKAGES, *furniture)}"
    found = images.Release(suite, shelf / "tree", shelf)
    if not found.tree.exists():
        _unpack(found, sources)
    return found


def root_disk(found: images.Release) -> Path:
    disk = found.shelf / "root.ext4"
    if not disk.exists():
        images.ext4(disk, SIZE, ROOT_UUID, "-d", str(found.tree))
    return disk


def ramdisk(found: images.Release) -> Path:
    return images.ramdisk(found, FLAVOUR, ("virtio_pci", "virtio_blk", "ext4"))


def kernel(found: images.Release) -> Path:
    return found.kernel(FLAVOUR)


def data_disk(cache: Path) -> Path:
    return images.data_disk(cache)


def _unpack(found: images.Release, sources: str) -> None:
    new = found.shelf / "tree.new"
    shutil.rmtree(new, ignore_errors=True)
    found.shelf.mkdir(parents=True, exist_ok=True)
    command = (
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--keyring={images.KEYRING}",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Languages "none"',
        found.suite,
        str(new),
        "-",
    )
    subprocess.run(command, check=True, input=sources, text=True, timeout=1800)
    _furnish(new)
    new.rename(found.tree)


def _furnish(tree: Path) -> None:
    for name, text in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for unit in MASKED:
        mask = tree / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    home = tree / HOME_FILE
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("nobody's business\n")
