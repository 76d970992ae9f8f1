"""The parcel: a raw disk with a tar on it, that brings the packages and the programs in and the evidence out."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab import courier

INSIDE = Path(__file__).parent / "inside"
SIZE_BYTES = 24 << 20
UNIT = "etc/systemd/system/course.service"
WANTED = "etc/systemd/system/multi-user.target.wants/course.service"


def pack(packages: Mapping[str, Path], disk: Path) -> Path:
    """`packages` by the name that they get under /srv/packages."""
    with tarfile.open(disk, "w") as tar:
        courier.add(tar, courier.MARK, "")  # the lab's ramdisk looks for it
        tar.add(INSIDE / "begin.py", "lab/begin.py", filter=courier.as_installed)
        tar.add(INSIDE, "root/inside", filter=courier.as_installed)
        tar.add(INSIDE / "course.service", UNIT, filter=courier.as_installed)
        _link(tar, WANTED, f"/{UNIT}")
        for name, package in packages.items():
            tar.add(package, f"srv/packages/{name}", filter=courier.as_installed)
    with disk.open("r+b") as raw:
        raw.truncate(SIZE_BYTES)
    return disk


def unpack(disk: Path, into: Path) -> None:
    """The evidence; tarfile.ReadError where the machine brought none."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(disk.read_bytes())) as tar:
        if courier.MARK in tar.getnames():
            raise tarfile.ReadError("the machine left nothing on its disk")
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's own Python is older than filter=
        tar.extractall(into)


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    tar.addfile(member)
