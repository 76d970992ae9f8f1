"""/dev/kmsg (Documentation/ABI/testing/dev-kmsg, Linux 3.5): one record a read(2), "6,339,5140900,-;text".

Needs CAP_SYSLOG where kernel.dmesg_restrict is 1, as on Ubuntu since 5.15 kernels, when it is opened and not
when it is read: a service may be given it open (systemd.service(5), OpenFile=/dev/kmsg). EPIPE says that the
ring ran over the record we wanted; the next read goes on behind the gap, which the sequence numbers measure.

Whoever may write to the device adds records of his own. The kernel marks them: their facility, the upper bits
of the first number, is never 0 (printk.c, devkmsg_write), and they are left out, for they could feign a fault.
One of them stays: systemd's line on the hypervisor, which the verdict weighs.
"""

from __future__ import annotations

import errno
import os

from ..errors import from_os
from . import given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECORD = 8192  # CONSOLE_EXT_LOG_MAX, the longest record the kernel hands out
RECORDS = 400_000  # for one reading; a ring of 2^25 bytes (CONFIG_LOG_BUF_SHIFT=25) holds fewer
TEXT = 8 << 20  # bytes that one reading returns at most, the latest
LOST = b"virt-agent: kernel log records lost: "
_FROM_PROGRAMS = b"Detected virtualization "
_FIRST_PASSED_ON = 3  # SD_LISTEN_FDS_START
_NUMBER = 1, 11  # Documentation/admin-guide/devices.txt


class Ring:
    """The ring buffer, read on from where the last reading ended. Holds the device open in between."""

    def __init__(self, device: str, environment: Mapping[str, str] | None = None) -> None:
        self._device = device
        self._environment = environment or {}
        self._descriptor: int | None = None
        self._reader = Reader(self._record)

    def news(self) -> str:
        """What came since the last call, all there is at first, as dmesg prints it."""
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            return self._reader.news()
        except OSError as error:
            raise from_os("dev/kmsg", error) from None

    def _open(self) -> int:
        open_already = passed_on(self._environment, os.getpid())
        if open_already is None and self._environment:
            open_already = given.device(*_NUMBER)
        if open_already is not None:
            os.set_inheritable(open_already, False)
            os.set_blocking(open_already, False)
            return open_already
        return os.open(self._device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def _record(self) -> bytes:
        assert self._descriptor is not None
        return os.read(self._descriptor, RECORD)

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def passed_on(environment: Mapping[str, str], process: int) -> int | None:
    """The descriptor named "kmsg" among those that systemd opened for this process (sd_listen_fds(3))."""
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(process) or "kmsg" not in names:
        return None
    at = names.index("kmsg")
    return _FIRST_PASSED_ON + at if count.isdecimal() and len(count) < 6 and at < int(count) else None


class Reader:
    """Turns records into text. `read` gives one, b"" at the end; or raises EAGAIN there, and EPIPE at a gap."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._next: int | None = None  # the sequence number to come

    def news(self) -> str:
        """The lines that are there now. Where they are more than fits, the oldest are counted as lost."""
        found: list[bytes] = []
        size = dropped = 0
        for _ in range(RECORDS):
            try:
                record = self._read()
            except OSError as error:
                if error.errno == errno.EPIPE:
                    continue
                if error.errno == errno.EAGAIN:
                    break
                raise
            if not record:
                break
            line = self._line(record)
            size += len(line)
            found.append(line)
            if size > 2 * TEXT:
                size, dropped = TEXT, dropped + _cut(found, size - TEXT)
        dropped += _cut(found, size - TEXT)
        stamp = found[0].partition(b"] ")[0] if found else b""
        told = b"%s] %s%d\n" % (stamp, LOST, dropped) if dropped else b""
        return (told + b"".join(found)).decode("utf-8", "replace")

    def _line(self, record: bytes) -> bytes:
        """The record as a dmesg line, below a line on those lost before it; b"" for a program's."""
        priority, number, microseconds, rest = (*record.split(b",", 3), b"", b"", b"")[:4]
        if not (number.isdigit() and microseconds.isdigit() and len(number) < 21 and len(microseconds) < 21):
            return b""
        if len(microseconds) < 7:
            microseconds = microseconds.rjust(7, b"0")
        stamp = b"[%5s.%s] " % (microseconds[:-6], microseconds[-6:])
        before, self._next = self._next, int(number) + 1
        gap = b""
        if before is not None and self._next - 1 > before:
            gap = b"%s%s%d\n" % (stamp, LOST, self._next - 1 - before)
        # the message may begin with a space, as the key=value lines below it do: " vda: vda1 vda2"
        message = rest.partition(b"\n")[0].partition(b";")[2]
        # level in the lower three bits, facility above (include/linux/kern_levels.h, syslog(3))
        if not message or ((len(priority) != 1 or not b"0" <= priority <= b"7") and _FROM_PROGRAMS not in message):
            return gap
        return b"%s%s%s\n" % (gap, stamp, message)


def _cut(found: list[bytes], size: int) -> int:
    """Takes at least so many bytes from the beginning; how many lines those were."""
    at = gone = 0
    while gone < size:
        gone += len(found[at])
        at += 1
    lines = sum([text.count(b"\n") for text in found[:at]])
    del found[:at]
    return lines
