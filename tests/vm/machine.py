"""The test machine's hardware and its boot, without virtualization hardware and without a way out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import images
from tests.lab.qemu import Machine
from tests.lab.qemu import machine as started

from . import image

HARDWARE = (
    "-accel tcg,thread=single,tb-size=512 -machine q35 -cpu EPYC -smp 1 -m 1024 -nographic -no-reboot -vga none "
    "-drive if=none,format=raw,snapshot=on,id=root,file={root} -device virtio-blk-pci,drive=root,serial=vm-root-7d1 "
    "-drive if=none,format=raw,id=parcel,file={parcel} -device virtio-blk-pci,drive=parcel,serial=vm-parcel-7d1 "
    "-drive if=none,format=raw,snapshot=on,id=data,file={data} -device nvme,drive=data,serial=vol07d1c0ffee "
    "-uuid {uuid} -netdev user,id=net,restrict=on{forwards} "
    "-device virtio-net-pci,netdev=net,mac={mac} "
    "-qmp unix:{monitor},server=on,wait=off"
)
ADDRESS = "10.0.2.15"
UUID = "7d1c0ffe-e0a1-4b2c-8d3e-4f5a6b7c8d9e"
MAC = "52:54:00:7d:1c:0f"
FORWARDED = (10480, 10481)  # the daemon, and the course that waits for what we saw of it
ARGUMENTS = f"console=ttyS0 panic=5 quiet loglevel=3 systemd.show_status=0 lab_root={image.ROOT_UUID} lab_stage=begin"


@contextmanager
def boot(
    release: images.Release, cache: Path, parcel: Path, folder: Path, ports: dict[int, int], monitor: Path
) -> Iterator[Machine]:
    """`ports`: the machine's port → ours on loopback. The console goes to console.log of the folder.

    `monitor`: the socket of QEMU's monitor, in a folder with a short name (unix(7): 107 bytes).
    """
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{ours}-{ADDRESS}:{its}" for its, ours in ports.items())
    words = HARDWARE.format(
        root=image.root_disk(release),
        parcel=parcel,
        data=image.data_disk(cache),
        forwards=forwards,
        uuid=UUID,
        mac=MAC,
        monitor=monitor,
    ).split()
    kernel = ["-kernel", str(image.kernel(release)), "-initrd", str(image.ramdisk(release)), "-append", ARGUMENTS]
    with started([*words, *kernel], folder / "console.log", folder) as running:
        yield running


def free_ports() -> dict[int, int]:
    """A free port on loopback for each forwarded one."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in FORWARDED]
    ports = {its: sock.getsockname()[1] for its, sock in zip(FORWARDED, held, strict=True)}
    for sock in held:
        sock.close()
    return ports
