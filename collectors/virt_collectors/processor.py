"""The processor by py-cpuinfo: brand, clock and caches, normalised over architectures.

Only its parser is used, on text that Host read: `DataSource` is the seam its own tests swap.
`get_cpu_info()` is never called: it sleeps a second in a busy loop, starts processes and runs code
from writable memory. Importing the library starts two processes (`file`, `uname`) and costs 20 ms,
so this is for --json and the daemon's start. Keys differ: 5.0.0 (Ubuntu 22.04) says `brand` and
"1024 KB" where 9.0.0 says `brand_raw` and 1048576.
"""

from __future__ import annotations

from .record import Record
from .source import Source, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Processor(Record):
    """None where /proc/cpuinfo does not tell."""

    brand: str | None = None
    vendor: str | None = None
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    frequency_hz: int | None = None
    cache_bytes: int | None = None


def read_processor(source: Source) -> Processor | None:
    """None where the library is missing or finds nothing; `cpu` has the essentials anyway."""
    text = (source.raw("proc/cpuinfo") or b"").decode("utf-8", "replace")
    return parse_processor(text) if text.strip() else None


def parse_processor(text: str) -> Processor | None:
    """What the library makes of the text of /proc/cpuinfo."""
    try:
        from cpuinfo import cpuinfo
    except Exception:
        return None

    class Text(cpuinfo.DataSource):  # type: ignore[misc]
        can_cpuid = False

        @staticmethod
        def has_proc_cpuinfo() -> bool:
            return True

        @staticmethod
        def cat_proc_cpuinfo() -> tuple[int, str]:
            return 0, text

    original, cpuinfo.DataSource = cpuinfo.DataSource, Text
    try:
        found = cpuinfo._get_cpu_info_from_proc_cpuinfo()
    finally:
        cpuinfo.DataSource = original
    return _processor(found) if found else None


def _processor(found: dict[str, Any]) -> Processor:
    hertz = found.get("hz_actual_friendly") and found.get("hz_actual")
    return Processor(
        brand=found.get("brand_raw") or found.get("brand"),
        vendor=found.get("vendor_id_raw") or found.get("vendor_id"),
        family=found.get("family"),
        model=found.get("model"),
        stepping=found.get("stepping"),
        frequency_hz=_hertz(found.get("hz_actual_raw") or hertz),
        cache_bytes=_bytes(found.get("l3_cache_size") or found.get("l2_cache_size")),
    )


def _hertz(value: object) -> int | None:
    """9.0.0: (2596100000, 0)."""
    return int(value[0]) if isinstance(value, (tuple, list)) and value else None


def _bytes(value: object) -> int | None:
    """9.0.0: 1048576; 5.0.0: "1024 KB"."""
    if isinstance(value, int):
        return value
    number, _, unit = str(value or "").partition(" ")
    size = whole(number)
    return None if size is None else size * {"KB": 1024, "MB": 1024 * 1024}.get(unit, 1)
