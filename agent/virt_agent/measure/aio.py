"""Reads in flight together, by the kernel's own asynchronous I/O (io_submit(2), <linux/aio_abi.h>).

Threads would share Python's lock: sixteen of them reach two thirds of this. libaio is no part of libc, so the three
calls go by number; no answer is waited for longer than the caller allows.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
import time

from .rounds import NotMeasured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# io_setup, io_destroy, io_getevents, io_submit
_NUMBERS = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2), "riscv64": (0, 1, 4, 2)}
_REQUEST = struct.Struct("=QIIHhIQQqQII")  # struct iocb of a little-endian machine
_EVENT = 4  # struct io_event in 64-bit words: data, obj, res, res2
_ANSWER_SECONDS = 2


class Timespec(ctypes.Structure):
    """struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class Queue:
    """So many reads of `size` bytes in flight on a descriptor."""

    def __init__(self, descriptor: int, depth: int, size: int, machine: str | None) -> None:
        self._numbers = _numbers(machine)
        self._descriptor, self._depth, self._size = descriptor, depth, size
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._area = mmap.mmap(-1, depth * size)
        self._buffers = ctypes.addressof(ctypes.c_char.from_buffer(self._area))
        self._requests = (ctypes.c_char * (_REQUEST.size * depth))()
        self._submitted = (ctypes.c_void_p * depth)()
        self._events = (ctypes.c_uint64 * (_EVENT * depth))()
        self._context = ctypes.c_ulong(0)
        self._call(0, ctypes.c_long(depth), ctypes.byref(self._context))

    def close(self) -> None:
        """Waits for what is in flight."""
        self._call(1, self._context)

    def read(self, offsets: Sequence[int], end: float, timer: Callable[[], float] = time.perf_counter) -> int:
        """How many reads ended before `end` on the timer, or before the offsets were used up."""
        waiting = iter(offsets)
        ended, flying = 0, self._send(range(self._depth), waiting)
        while flying:
            slots = self._received()
            ended += len(slots)
            flying -= len(slots)
            if timer() < end:
                flying += self._send(slots, waiting)
        return ended

    def _send(self, slots: Sequence[int], offsets: object) -> int:
        pairs = list(zip(slots, offsets, strict=False))  # type: ignore[call-overload]
        for at, (slot, offset) in enumerate(pairs):
            address = self._buffers + slot * self._size
            place = slot * _REQUEST.size
            _REQUEST.pack_into(
                self._requests, place, slot, 0, 0, 0, 0, self._descriptor, address, self._size, offset, 0, 0, 0
            )
            self._submitted[at] = ctypes.addressof(self._requests) + place
        sent = self._call(3, self._context, ctypes.c_long(len(pairs)), self._submitted) if pairs else 0
        if sent != len(pairs):
            raise NotMeasured(f"the kernel took {sent} of {len(pairs)} reads")
        return sent

    def _received(self) -> list[int]:
        limit = Timespec(_ANSWER_SECONDS, 0)
        count = self._call(
            2, self._context, ctypes.c_long(1), ctypes.c_long(self._depth), self._events, ctypes.byref(limit)
        )
        if not count:
            raise NotMeasured(f"no read has returned for {_ANSWER_SECONDS} s")
        for at in range(count):
            got = ctypes.c_int64(self._events[_EVENT * at + 2]).value
            if got != self._size:
                raise NotMeasured(f"a read gave {os.strerror(-got) if got < 0 else f'{got} bytes'}")
        return [self._events[_EVENT * at] for at in range(count)]

    def _call(self, which: int, *arguments: object) -> int:
        answer: int = self._syscall(ctypes.c_long(self._numbers[which]), *arguments)
        if answer < 0:
            code = ctypes.get_errno()
            raise NotMeasured(f"kernel AIO: {os.strerror(code)} ({errno.errorcode.get(code, code)})")
        return answer


def _numbers(machine: str | None) -> tuple[int, int, int, int]:
    if machine is None or machine not in _NUMBERS or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise NotMeasured(f"the numbers of kernel AIO's calls on {machine or 'this machine'} are not known here")
    return _NUMBERS[machine]
