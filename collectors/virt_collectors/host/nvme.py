"""Log pages of an NVMe controller, by NVME_IOCTL_ADMIN_CMD (<linux/nvme_ioctl.h>).

One command is sent, Get Log Page, which changes nothing, to the controller's character device /dev/nvmeN; a block
device is never opened. It needs CAP_SYS_ADMIN (drivers/nvme/host/ioctl.c, nvme_cmd_allowed).

No time limit is set: where an admin command exceeds its own, the driver resets the controller
(drivers/nvme/host/pci.c, nvme_timeout), so a limit of ours, shorter than the driver's 60 s, might harm the disk that
it asks about. Whoever cannot wait leaves the thread behind.
"""

from __future__ import annotations

import os
import stat

from ..errors import from_os, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Ioctl = Callable[[int, int, bytearray], int]

PAGE_BYTES = 4096
ADMIN_COMMAND = 0xC0484E41  # _IOWR('N', 0x41, struct nvme_admin_cmd), 72 bytes
_COMMAND = "<BBHIIIQQIIIIIIIIII"  # opcode flags rsvd1 nsid cdw2-3 metadata addr lengths cdw10-15 timeout_ms result
_GET_LOG_PAGE = 0x02
_STATISTICS = 0xD0
_ALL_NAMESPACES = 0xFFFFFFFF
# Status code type and code: Invalid Field in Command, Invalid Namespace or Format (NVMe base specification, 3.3.3.2)
_STATUS, _WRONG_NAMESPACE = 0x7FF, (0x002, 0x00B)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def read_log(device: str, path: str, ioctl: Ioctl | None = None) -> bytes:
    """The 4096 bytes of Amazon's log page 0xD0; EOPNOTSUPP where the controller has none.

    Namespace 1 is asked, and all of them where the controller says that this is the wrong one.
    """
    try:
        descriptor = _open(device, path)
    except OSError as error:
        raise from_os(path, error) from None
    try:
        return _ask(descriptor, path, ioctl or _system_ioctl())
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


def _ask(descriptor: int, path: str, ioctl: Ioctl) -> bytes:
    from array import array  # its buffer has an address; that of ctypes costs 10 ms

    for namespace in (1, _ALL_NAMESPACES):
        page = array("B", bytes(PAGE_BYTES))
        status = ioctl(descriptor, ADMIN_COMMAND, command(namespace, page.buffer_info()[0]))
        if status == 0:
            return page.tobytes()
        if status & _STATUS not in _WRONG_NAMESPACE:
            break
    raise refusal(path, "EOPNOTSUPP")


def command(namespace: int, address: int) -> bytearray:
    """Get Log Page 0xD0 into PAGE_BYTES at the address; the number of dwords in cdw10 is one less than they are."""
    from struct import pack

    dwords = PAGE_BYTES // 4 - 1
    words = (_STATISTICS | dwords << 16, 0, 0, 0, 0, 0, 0, 0)
    return bytearray(pack(_COMMAND, _GET_LOG_PAGE, 0, 0, namespace, 0, 0, 0, address, 0, PAGE_BYTES, *words))
