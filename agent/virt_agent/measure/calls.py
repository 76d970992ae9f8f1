"""What single calls cost: a thousand of them in a row, minus a thousand that do nothing.

The loop is machine code of our own (`repeat_x86_64.s`, `repeat_aarch64.s`), mapped read-and-execute like that of
CPUID. Called one by one from Python they would not be measured but Python's part in them: on an AMD EPYC it made a
clock read half as dear as it is and a system call half as dear again, for what the kernel does to the processor's
caches and predictions slows the interpreter, not the call. libc's `clock_gettime` goes by the vDSO where the kernel
offers one (vdso(7)); `syscall(2)` forces the way through the kernel.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import time

from virt_collectors.errors import Absent
from virt_collectors.host import cpuid

from .rounds import NotMeasured, Planned, Probe
from .samples import median

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Timer = Callable[[], float]
    Repeat = Callable[[int, int], object]  # times, address of the function

CHUNK, CHUNKS = 1000, 9  # calls in a row, and how often
BATCH_SECONDS = 0.05  # on a machine where calls take much longer than anybody expects
_MONOTONIC = 1  # CLOCK_MONOTONIC, <linux/time.h>
# The loop's last instruction, `ret`, in bytes; clock_gettime and getppid:
# arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
_MACHINES = {"x86_64": (1, 228, 110), "aarch64": (4, 113, 173)}
_WORK = bytes(64 << 10)


class Loop:
    """The loop for this machine, and the function in it that does nothing."""

    def __init__(self, machine: str | None) -> None:
        # A 32-bit Python has other calls than its kernel's machine would say.
        if machine is None or machine not in _MACHINES or ctypes.sizeof(ctypes.c_void_p) != 8:
            raise NotMeasured(f"there is no loop of machine code for {machine or 'this machine'}")
        ret, self.clock_gettime, self.getppid = _MACHINES[machine]
        path = os.path.join(os.path.dirname(__file__), f"repeat_{machine}.bin")
        try:
            address, size = cpuid.map_code(path)
        except OSError as error:
            raise NotMeasured(f"the sandbox does not let us run machine code ({error.strerror})") from None
        self.empty = address + size - ret
        form = (None, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_void_p)
        self._repeat = ctypes.PYFUNCTYPE(*form)(address)

    def on(self, a: int, b: int = 0, c: int = 0) -> Repeat:
        """Calls of a function with these arguments."""
        return lambda times, function: self._repeat(times, function, a, b, c)


class Call(Probe):
    """The cost of one call in nanoseconds: of the function at an address, minus that of an empty one."""

    def __init__(
        self,
        name: str,
        repeat: Repeat,
        function: int,
        empty: int,
        keep: Any = None,
        timer: Timer = time.perf_counter,
    ) -> None:
        self._name, self._repeat, self._function, self._empty = name, repeat, function, empty
        self._keep, self._timer = keep, timer  # what the arguments point to must live

    def batch(self, left: float) -> dict[str, float]:
        end = self._timer() + min(left, BATCH_SECONDS)
        full, empty = [], []
        for _ in range(CHUNKS):
            full.append(self._chunk(self._function))
            empty.append(self._chunk(self._empty))
            if self._timer() > end:
                break
        return {self._name: max(median(full) - median(empty), 0.0) * 1e9 / CHUNK}

    def _chunk(self, function: int) -> float:
        began = self._timer()
        self._repeat(CHUNK, function)
        return self._timer() - began


class Work(Probe):
    """A fixed piece of work in user mode, in microseconds."""

    def __init__(self, timer: Timer = time.perf_counter) -> None:
        self._timer = timer

    def batch(self, left: float) -> dict[str, float]:  # noqa: ARG002
        times = []
        for _ in range(CHUNKS):
            began = self._timer()
            hashlib.sha256(_WORK).digest()
            times.append(self._timer() - began)
        return {"work": median(times) * 1e6}


def _libc(name: str) -> int:
    """Where a function of libc lies."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
    except AttributeError:
        raise NotMeasured(f"libc has no {name}") from None


def clock(loop: Loop) -> Call:
    """clock_gettime(2) by libc."""
    timespec = (ctypes.c_long * 2)()
    return Call("clock", loop.on(_MONOTONIC, ctypes.addressof(timespec)), _libc("clock_gettime"), loop.empty, timespec)


def clock_syscall(loop: Loop) -> Call:
    """The same by syscall(2)."""
    timespec = (ctypes.c_long * 2)()
    repeat = loop.on(loop.clock_gettime, _MONOTONIC, ctypes.addressof(timespec))
    return Call("clock_syscall", repeat, _libc("syscall"), loop.empty, timespec)


def syscall(loop: Loop) -> Call:
    """getppid(2), which does next to nothing."""
    return Call("syscall", loop.on(loop.getppid), _libc("syscall"), loop.empty)


def vm_exit(loop: Loop) -> Call:
    """CPUID leaf 0, by the plain instruction: the device's answer would come through the kernel."""
    try:
        instruction = cpuid.instruction()
    except Absent as error:
        raise NotMeasured(error.why) from None
    repeat = loop.on(0, ctypes.addressof(instruction.answer))
    return Call("vm_exit", repeat, instruction.address, loop.empty, instruction)


def planned(machine: str | None) -> tuple[Planned, ...]:
    """All of them; `machine` is uname's."""
    calls = (clock, clock_syscall, syscall, vm_exit)
    return (
        Planned(("work",), lambda _: Work()),
        *(Planned((call.__name__,), lambda _, call=call: call(Loop(machine))) for call in calls),  # type: ignore[misc]
    )
