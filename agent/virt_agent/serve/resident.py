"""The daemon's code and data kept in memory (mlockall(2), mlock(2)), so that it runs on where a disk hangs.

What is mapped from a file is read when it is first touched, and again after memory ran short: with the root disk frozen,
a piece of the interpreter or of OpenSSL that nobody used before would stop the daemon for good. Programs and libraries
are read in whole, with their tables (zlib's are first touched by the first answer that is compressed), and stay; all else
stays once it was touched, now and later (MCL_ONFAULT, Linux 4.4), and takes no more than before.

Only where nothing limits how much may be locked: our unit's LimitMEMLOCK=infinity, or root's CAP_IPC_LOCK. Under a
limit, memory could not be had any more that can be had without.
"""

from __future__ import annotations

import resource

_CURRENT, _FUTURE, _ONFAULT = 1, 2, 4  # <asm-generic/mman.h>, that of x86 and Arm
_CAP_IPC_LOCK = 14  # <linux/capability.h>
_LIMIT = 1 << 20  # bytes of a file of /proc; a daemon's map has some 20 KB


def keep() -> bool:
    """Lock it all; False where that is not allowed."""
    if not unlimited(_read("status"), resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]):
        return False
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    if libc.mlockall(_CURRENT | _FUTURE | _ONFAULT) != 0:
        return False
    locked = [libc.mlock(start, size) == 0 for start, size in programs(_read("maps"))]
    return all(locked)


def unlimited(status: str, limit: int) -> bool:
    """Whether a process may lock whatever it maps, by /proc/PID/status and its RLIMIT_MEMLOCK."""
    if limit == resource.RLIM_INFINITY:
        return True
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    return bool(int(line.split()[1], 16) >> _CAP_IPC_LOCK & 1)


def programs(maps: str) -> list[tuple[int, int]]:
    """Address and size of each piece of a file that is also mapped to be run, in /proc/PID/maps (proc(5))."""
    pieces = [fields for line in maps.splitlines() if len(fields := line.split(maxsplit=5)) == 6]
    run = {fields[5] for fields in pieces if "x" in fields[1] and fields[5].startswith("/")}
    return [_span(fields[0]) for fields in pieces if fields[5] in run and "r" in fields[1]]


def _span(addresses: str) -> tuple[int, int]:
    start, _, end = addresses.partition("-")
    return int(start, 16), int(end, 16) - int(start, 16)


def _read(name: str) -> str:
    with open(f"/proc/self/{name}", encoding="utf-8", errors="replace") as file:
        return file.read(_LIMIT)
