"""What a page fault costs: fresh memory written for the first time, minus writing it once more.

One memset(3) writes it all, for between two faults Python would be slower than the fault.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from contextlib import suppress

from .rounds import Planned, Probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = 1024


class Faults(Probe):
    """Nanoseconds for each page of an anonymous mapping that is given back at once."""

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self._timer = timer

    def batch(self, left: float) -> dict[str, float]:  # noqa: ARG002
        area = mmap.mmap(-1, PAGES * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(AttributeError, OSError):  # a kernel without transparent huge pages has none to switch off
            area.madvise(mmap.MADV_NOHUGEPAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))
        first, second = (self._write(address, len(area)) for _ in range(2))
        area.close()
        return {"page_fault": max(first - second, 0.0) * 1e9 / PAGES}

    def _write(self, address: int, size: int) -> float:
        began = self._timer()
        ctypes.memset(address, 1, size)
        return self._timer() - began


PLANNED = (Planned(("page_fault",), lambda _: Faults()),)
