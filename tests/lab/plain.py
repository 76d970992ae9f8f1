"""Guests that QEMU boots itself: emulated or virtio hardware, or Xen with a lone dom0."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from . import courier, images
from .progress import Progress
from .qemu import machine
from .shapes import PlainGuest

LIMIT_SECONDS = 600
COMMON = "-accel tcg,thread=single,tb-size=512 -smp 1 -nographic -no-reboot -vga none"
MEMORY_AND_PROCESSOR = "-m 768 -cpu EPYC"
ROOT = images.ROOT_UUIDS["guest"]
ARGUMENTS = f"panic=5 quiet lab_root={ROOT} lab_stage=inside.guest"


def boot(
    guest: PlainGuest,
    release: images.Release,
    cache: Path,
    agent: Path,
    ask: str,
    folder: Path,
    progress: Progress,
) -> None:
    """Leaves the guest's console and its courier disk in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk = courier.pack(agent, orders(guest, ask), folder / "courier")
    files = {
        "root": images.root_disk(release, "guest"),
        "courier": disk,
        "data": images.data_disk(cache),
        "iso": images.iso(cache),
        "imds": f"{sys.executable} -I {Path(__file__).with_name('imds.py')}",
    }
    hardware = [word.format(**files) for word in shlex.split(guest.machine)]
    command = [*COMMON.split(), *MEMORY_AND_PROCESSOR.split(), *hardware]
    started = kernel(guest, release, ramdisk(guest, release, folder))
    with machine([*command, *started], folder / "console.log", folder) as booted:
        for told in booted.follow(LIMIT_SECONDS):
            progress.say(f"{guest.name}: {told}")


def unpack(guest: PlainGuest, folder: Path, into: Path) -> None:
    if guest.root == "ram":
        courier.unpack_console(folder / "console.log", into)
    else:
        courier.unpack(folder / "courier", into)


def kernel(guest: PlainGuest, release: images.Release, ramdisk: Path) -> list[str]:
    linux = release.kernel(guest.flavour)
    if not guest.xen:
        arguments = f"console=ttyS0 {ARGUMENTS}"
        return ["-kernel", str(linux), "-initrd", str(ramdisk), "-append", arguments]
    modules = f"{linux} console=hvc0 {ARGUMENTS},{ramdisk}"
    return ["-kernel", str(images.hypervisor(release)), "-append", guest.xen, "-initrd", modules]


def ramdisk(guest: PlainGuest, release: images.Release, folder: Path) -> Path:
    base = images.ramdisk(release, guest.flavour, guest.drivers.split())
    if guest.root != "ram":
        return base
    return images.with_root(base, release, folder / "courier", folder / "ramdisk")


def orders(guest: PlainGuest, ask: str) -> dict[str, Any]:
    return {
        "name": guest.name,
        "address": guest.address,
        "gateway": guest.gateway,
        "disturbed": False,
        "watched": False,
        "ask": ask,
    }
