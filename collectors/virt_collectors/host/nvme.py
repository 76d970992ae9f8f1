"""What an NVMe controller tells of itself, by NVME_IOCTL_ADMIN_CMD (<linux/nvme_ioctl.h>).

Two commands are sent, Get Log Page and Identify, which change nothing, to the controller's character device
/dev/nvmeN; a block device is never opened. They need CAP_SYS_ADMIN (drivers/nvme/host/ioctl.c, nvme_cmd_allowed), and
Identify since Linux 6.2 no more than the device node, which is root's as a rule.

No time limit is set: where an admin command exceeds its own, the driver resets the controller
(drivers/nvme/host/pci.c, nvme_timeout), so a limit of ours, shorter than the driver's 60 s, might harm the disk that
it asks about. Whoever cannot wait leaves the thread behind.
"""

from __future__ import annotations

import os
import stat

from ..errors import Malformed, from_os, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")
    Ioctl = Callable[[int, int, bytearray], int]

PAGE_BYTES = 4096
ADMIN_COMMAND = 0xC0484E41  # _IOWR('N', 0x41, struct nvme_admin_cmd), 72 bytes
_COMMAND = "<BBHIIIQQIIIIIIIIII"  # opcode flags rsvd1 nsid cdw2-3 metadata addr lengths cdw10-15 timeout_ms result
_GET_LOG_PAGE, _IDENTIFY = 0x02, 0x06
_STATISTICS = 0xD0 | (PAGE_BYTES // 4 - 1) << 16  # the number of dwords is one less than they are
_NAMESPACE, _CONTROLLER = 0, 1  # what Identify tells of (CNS)
_ALL_NAMESPACES = 0xFFFFFFFF
# Status code type and code: Invalid Field in Command, Invalid Namespace or Format (NVMe base specification, 3.3.3.2)
_STATUS, _WRONG_NAMESPACE = 0x7FF, (0x002, 0x00B)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# Identify's answers: vendor id and model of the controller, and where either answer's vendor-specific bytes begin.
_AMAZON, _EBS_MODEL = 0x1D0F, b"Amazon Elastic Block Store"
_MODEL = slice(24, 64)
_OF_CONTROLLER, _OF_NAMESPACE, _NAME_BYTES = 3072, 384, 32


def read_log(device: str, path: str, ioctl: Ioctl | None = None) -> bytes:
    """The 4096 bytes of Amazon's log page 0xD0; EOPNOTSUPP where the controller has none.

    Namespace 1 is asked, and all of them where the controller says that this is the wrong one.
    """
    return _asked(device, path, ioctl, _read_log)


def read_device_name(device: str, path: str, ioctl: Ioctl | None = None) -> str:
    """The name under which EC2 attached an EBS volume, without "/dev/": "sdf", "xvda"; "" where it tells none.

    The controller knows it, and where it does not, its namespace (amazon-ec2-utils, ebsnvme-id). EOPNOTSUPP where the
    controller is not an EBS volume's; Malformed where its name is no text.
    """
    return _asked(device, path, ioctl, _read_device_name)


def _asked(device: str, path: str, ioctl: Ioctl | None, question: Callable[[_Device], T]) -> T:
    """The answer to one question, with the device open no longer than that."""
    try:
        descriptor = _open(device, path)
    except OSError as error:
        raise from_os(path, error) from None
    try:
        return question(_Device(descriptor, path, ioctl or _system_ioctl()))
    except OSError as error:
        raise from_os(path, error) from None
    finally:
        os.close(descriptor)


def _open(device: str, path: str) -> int:
    if not stat.S_ISCHR(os.stat(device).st_mode):
        raise refusal(path, "EFTYPE")
    descriptor = os.open(device, _FLAGS)
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refusal(path, "EFTYPE")
    return descriptor


def _system_ioctl() -> Ioctl:
    from fcntl import ioctl

    return ioctl


class _Device:
    """An open controller."""

    def __init__(self, descriptor: int, path: str, ioctl: Ioctl) -> None:
        self.path = path
        self._descriptor = descriptor
        self._ioctl = ioctl

    def send(self, opcode: int, namespace: int, word: int) -> tuple[int, bytes]:
        """The status, 0 where all is well, and the page that came."""
        from .arrays import array  # its buffer has an address; that of ctypes costs 10 ms

        page = array("B", bytes(PAGE_BYTES))
        status = self._ioctl(self._descriptor, ADMIN_COMMAND, command(opcode, namespace, page.buffer_info()[0], word))
        return status, page.tobytes()


def command(opcode: int, namespace: int, address: int, word: int) -> bytearray:
    """A command that brings PAGE_BYTES to the address; word is cdw10."""
    from struct import pack

    words = (word, 0, 0, 0, 0, 0, 0, 0)
    return bytearray(pack(_COMMAND, opcode, 0, 0, namespace, 0, 0, 0, address, 0, PAGE_BYTES, *words))


def _read_log(device: _Device) -> bytes:
    for namespace in (1, _ALL_NAMESPACES):
        status, page = device.send(_GET_LOG_PAGE, namespace, _STATISTICS)
        if status == 0:
            return page
        if status & _STATUS not in _WRONG_NAMESPACE:
            break
    raise refusal(device.path, "EOPNOTSUPP")


def _read_device_name(device: _Device) -> str:
    status, page = device.send(_IDENTIFY, 0, _CONTROLLER)
    if status != 0 or not is_ebs(page):
        raise refusal(device.path, "EOPNOTSUPP")
    name = device_name(device.path, page[_OF_CONTROLLER:])
    if not name:
        status, page = device.send(_IDENTIFY, 1, _NAMESPACE)
        name = device_name(device.path, page[_OF_NAMESPACE:]) if status == 0 else ""
    return name


def is_ebs(page: bytes) -> bool:
    """Whether Identify Controller's answer is that of an EBS volume."""
    return int.from_bytes(page[:2], "little") == _AMAZON and page[_MODEL].rstrip(b" \0") == _EBS_MODEL


def device_name(path: str, vendors: bytes) -> str:
    """The name at the beginning of the vendor's bytes, padded with blanks or NUL; "none" is no name."""
    raw = vendors[:_NAME_BYTES].partition(b"\0")[0].strip(b" ")
    name = raw.decode("ascii", "replace")
    if "\ufffd" in name or not name.isprintable():
        raise Malformed(path, f"its device name {raw[:20]!r} is not text")
    name = name.removeprefix("/dev/").strip()
    return "" if name == "none" else name
