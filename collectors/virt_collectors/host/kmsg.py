"""/dev/kmsg (Documentation/ABI/testing/dev-kmsg, Linux 3.5): one record a read(2), "6,339,5140900,-;text".

Needs CAP_SYSLOG where kernel.dmesg_restrict is 1, as on Ubuntu since 5.15 kernels. EPIPE
says that the ring ran over the record we wanted; the next read goes on behind the gap.
"""

from __future__ import annotations

import errno
import os

from ..errors import from_os

RECORD = 8192  # CONSOLE_EXT_LOG_MAX, the longest record the kernel hands out
RECORDS = 100_000  # a ring of 2^25 bytes (CONFIG_LOG_BUF_SHIFT=25) holds fewer


def read(device: str) -> str:
    """The whole ring as dmesg prints it: "[    5.140900] text" lines."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise from_os("dev/kmsg", error) from None
    try:
        return "".join(line + "\n" for record in _records(descriptor) for line in lines(record))
    finally:
        os.close(descriptor)


def _records(descriptor: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < RECORDS:
        try:
            record = os.read(descriptor, RECORD)
        except OSError as error:
            if error.errno == errno.EPIPE:
                continue
            if error.errno == errno.EAGAIN:
                break
            raise from_os("dev/kmsg", error) from None
        if not record:
            break
        found.append(record)
    return found


def lines(record: bytes) -> list[str]:
    """One record as dmesg lines; the key=value lines below its message are left out."""
    head, separator, text = record.decode("utf-8", "replace").partition(";")
    fields = head.split(",")
    if not separator or len(fields) < 3 or not fields[2].isdecimal() or len(fields[2]) > 20:
        return []
    microseconds = int(fields[2])
    stamp = f"[{microseconds // 1_000_000:5d}.{microseconds % 1_000_000:06d}]"
    message = text.partition("\n")[0]  # may begin with a space, as the lines below do: " vda: vda1 vda2"
    return [f"{stamp} {message}"] if message else []
