"""CPUID, asked in one of two ways that may differ.

Inside Xen PV the kernel's answer is Xen's, the plain instruction's is the outer machine's
(arch/x86/xen/enlighten_pv.c, xen_cpuid).

* /dev/cpu/0/cpuid (module cpuid, root): 16 bytes at the offset of the leaf.
* the instruction itself, in this process: `cpuid_x86_64.bin` holds its machine code
  (`cpuid_x86_64.s` is the source) and is mapped read-and-execute from the file, which
  systemd's MemoryDenyWriteExecute= allows. No child, no writable code.
"""

from __future__ import annotations

import os

from ..errors import Absent, from_os, refusal
from . import Registers

_PROT_READ, _PROT_EXEC, _MAP_PRIVATE = 1, 4, 2  # <sys/mman.h>
_MAP_FAILED = (1 << 64) - 1
_NOTHING, _NOTHING_SAID = bytes(16), Registers(0, 0, 0, 0)

CODE = os.path.join(os.path.dirname(__file__), "cpuid_x86_64.bin")


class Reader:
    """One way to ask CPUID."""

    method = ""

    def read(self, leaf: int) -> Registers:
        """Registers of the leaf, subleaf 0."""
        raise NotImplementedError


class Device(Reader):
    """Through the kernel, on CPU 0."""

    def __init__(self, device: str) -> None:
        self.method = "/dev/cpu/0/cpuid"
        self._descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, leaf: int) -> Registers:
        try:
            answer = os.pread(self._descriptor, 16, leaf)
        except OSError as error:
            raise from_os("dev/cpu/0/cpuid", error) from None
        if len(answer) != 16:
            raise refusal("dev/cpu/0/cpuid", "EFTYPE")
        if answer == _NOTHING:  # most of the leaves that are asked
            return _NOTHING_SAID
        return Registers(*(int.from_bytes(answer[at : at + 4], "little") for at in (0, 4, 8, 12)))


class Instruction(Reader):
    """In this process, on whichever CPU it runs. `address` is where its code lies, `answer` what it writes into."""

    def __init__(self) -> None:
        import ctypes

        self.method = "instruction"
        self.address, _ = map_code(CODE)
        self.answer = (ctypes.c_uint32 * 4)()
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_void_p)(self.address)

    def read(self, leaf: int) -> Registers:
        self._call(leaf, self.answer)  # an array is passed as the pointer to its first element
        return Registers(*self.answer)


def reader(device: str) -> Reader:
    """The kernel's way where it is open to us, else the instruction; Absent off x86-64."""
    try:
        return Device(device)
    except OSError:
        pass  # not root, or no module cpuid: the usual case, and the instruction answers
    return instruction()


def instruction() -> Instruction:
    """The plain instruction; Absent off x86-64 and where a sandbox keeps us from mapping code."""
    if os.uname().machine != "x86_64":
        raise Absent("cpuid", "this processor has no CPUID instruction", "ENODEV")
    try:
        return Instruction()
    except (OSError, MemoryError, ImportError, ValueError) as error:
        raise Absent("cpuid", f"the sandbox does not let us run CPUID ({error})", "ENODEV") from None


def map_code(path: str) -> tuple[int, int]:
    """A file of machine code mapped for execution, for as long as this process lives: its address and its size."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t) + (ctypes.c_int,) * 3 + (ctypes.c_long,)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        address = libc.mmap(None, size, _PROT_READ | _PROT_EXEC, _MAP_PRIVATE, descriptor, 0)
    finally:
        os.close(descriptor)
    if address in (None, _MAP_FAILED):
        raise OSError(ctypes.get_errno(), "the code could not be mapped for execution")
    return int(address), size
