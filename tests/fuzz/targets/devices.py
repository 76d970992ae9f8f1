"""What firmware, processors, disks and network cards tell in bytes."""

from __future__ import annotations

import errno
from array import array
from collections.abc import Iterable
from functools import partial
from math import isfinite

from tests import ebs_page
from virt_collectors import nvme_pages
from virt_collectors.cpuid import signature
from virt_collectors.devicetree import parse_strings
from virt_collectors.dmi import bios_information, parse_vm_bit
from virt_collectors.errors import Malformed
from virt_collectors.host import Registers
from virt_collectors.host import ethtool as ethtool_host
from virt_collectors.host import nvme as nvme_host
from virt_collectors.kernels import is_complete
from virt_collectors.record import plain

from ..form import Target, refused

_STRINGS, _STATISTICS = 0x1B, 0x1D


def nvme(data: bytes) -> None:
    """Amazon's log page: Malformed, or the numbers that stand there; Identify's names are text."""
    whole = len(data) >= nvme_pages.PAGE_BYTES and nvme_pages.kind_of(data) is not None
    for page in (data, (data[:4] + data).ljust(4096, b"\0")):
        if refused(lambda page=page: nvme_pages.decode(page, "dev/nvme0"), Malformed) is not None:  # type: ignore[misc]
            continue
        found = nvme_pages.decode(page, "dev/nvme0")
        assert found.read_operations == int.from_bytes(page[8:16], "little")
        assert found.queue_length == int.from_bytes(page[88:96], "little")
        assert (found.volume_iops_exceeded_seconds is None) == (found.kind == nvme_pages.INSTANCE_STORE)
        assert all(isfinite(value) for value in plain(found).values() if isinstance(value, float))
        reads, writes = nvme_pages.latencies(page, "dev/nvme0")
        assert max(len(reads), len(writes)) <= 64
    assert (refused(lambda: nvme_pages.decode(data, "dev/nvme0"), Malformed) is None) == whole
    nvme_host.is_ebs(data)
    if refused(lambda: nvme_host.device_name("dev/nvme0", data), Malformed) is None:
        name = nvme_host.device_name("dev/nvme0", data)
        assert name.isascii()
        assert name == "" or name.isprintable()
        assert len(name) <= 32


def firmware(data: bytes) -> None:
    """SMBIOS and the device tree: structures that lie inside the table, strings that lie inside the property."""
    found = bios_information(data)
    assert found is None or (found in data and found[0] == 0 and found[1] == len(found))
    bit = parse_vm_bit(data)
    assert bit is None or (found is not None and bit == bool(found[0x13] & 0x10))
    strings = parse_strings(data)
    assert len(strings) <= data.count(b"\0") + 1
    assert all("\0" not in each for each in strings)


def processor(data: bytes) -> None:
    """A signature is a printable name of four letters and more."""
    words = [int.from_bytes(data[at : at + 4].ljust(4, b"\0"), "little") for at in range(0, 16, 4)]
    name = signature(Registers(*words))
    assert name == "" or (3 < len(name) <= 12 and name.isascii() and name.isprintable())
    assert name == "" or name.encode() == data[4:16].rstrip(b"\0").ljust(len(name), b"\0")


def kernel_image(data: bytes) -> None:
    """Half an image is never whole where the whole one is not longer."""
    for size in (len(data), len(data) * 1000, 1 << 40):
        told = is_complete(data[:528], size)
        assert told in (True, False, None)
        if told:
            assert is_complete(data[:528], size + 1)
    assert is_complete(data[:528], 0) is False


def network_card(data: bytes) -> None:
    """A kernel that fills its buffers with anything: counters with names, as many of both, or a refusal."""
    chance = memoryview(data)

    def take(size: int) -> bytes:
        nonlocal chance
        found, chance = bytes(chance[:size]), chance[size:]
        return found

    def kernel(buffer: array[int]) -> None:
        command = buffer[0]
        if (take(1) or b"\0")[0] == 0xFF:
            raise OSError(errno.EOPNOTSUPP, "refused")
        room = memoryview(buffer).cast("B")
        given = take(min(len(room) - 4, 400))
        room[4 : 4 + len(given)] = given
        if command in (_STRINGS, _STATISTICS):  # no more than there is room for, as the kernel has it
            at = 2 if command == _STRINGS else 1
            most = (len(room) - 12) // 32 if command == _STRINGS else (len(room) - 8) // 8
            buffer[at] = min(buffer[at], most)

    ask = partial(ethtool_host.report, kernel)
    error = refused(ask, OSError)
    if isinstance(error, OSError):
        assert error.errno in (errno.EOPNOTSUPP, errno.EBUSY, errno.EFBIG)
        return
    chance = memoryview(data)
    found = ask()
    assert len(found.statistics) <= 65_536 + 8_192
    assert all(0 <= value < 1 << 64 and len(name) <= 32 for name, value in found.statistics.items())
    assert all(0 <= value < 1 << 32 for settings in (found.channels, found.ring) for value in settings.values())


def _pages() -> Iterable[bytes]:
    yield ebs_page.page(ebs_page.Fields(read_ops=7, volume_iops=9), reads=[(0, 16, 3)])
    yield ebs_page.page(ebs_page.Fields(ebs_page.INSTANCE_STORE_MAGIC), bins=2**63)
    yield b"/dev/sdf" + b" " * 24
    yield b"\x0f\x1d" + bytes(22) + b"Amazon Elastic Block Store".ljust(40)


def _tables() -> Iterable[bytes]:
    bios = bytes([0, 24, 0, 0, *range(20)])
    yield bytes([1, 27, 1, 0, *range(1, 24)]) + b"a\0b\0\0" + bios + b"SeaBIOS\0\0" + bytes([127, 4, 0, 0])
    yield b"xen,xen-4.17\0xen,xen\0"


def _images() -> Iterable[bytes]:
    yield bytes(0x1F1) + b"\x1e\0\0\0\x10\0\0\0" + bytes(9) + b"HdrS".ljust(40, b"\0")
    yield b"MZ\0\0zimg\0\x10\0\0\0\0\x20\0".ljust(528, b"\0")


def _cards() -> Iterable[bytes]:
    texts = b"".join(word.ljust(32, b"\0") for word in (b"ena", b"2.13", b"", b"0000:00:05.0"))
    yield b"\0" + texts + bytes(44) + b"\2\0\0\0" + bytes(12) + b"\0" + b"\1\0\0\0\2\0\0\0" + b"a".ljust(32, b"\0") * 2


TARGETS = (
    Target("nvme", "Malformed, or the numbers of the page", nvme, _pages, 5000),
    Target("firmware", "structures inside the table", firmware, _tables),
    Target(
        "processor",
        "a printable name or none",
        processor,
        lambda: (b"\1\0\0\x40XenVMMXenVMM", b"abcdKVMKVMKVM\0\0\0"),
        16,
    ),
    Target("kernel_image", "larger is not less whole", kernel_image, _images, 528),
    Target("network_card", "as many names as counters, or a refusal", network_card, _cards),
)
