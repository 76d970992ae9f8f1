"""Amazon's NVMe log page 0xD0: what an EBS volume or an instance store disk counts itself.

Little-endian, packed, 4096 bytes (amazon-ec2-utils, ebsnvme; nvme-cli, plugins/amzn). Times are in microseconds:

    0 u32 magic    4 u32 version
    8 u64 operations, bytes and time, read and write each
    56 u64 time with the limits exceeded: of the volume, operations and throughput; of the instance, the same
    88 u64 queue length now
    512 and 2056: the latencies of reads and of writes, u64 bins in use, 64 x {u64 lower, u64 upper, u32 count, u32 -}

An instance store disk has no volume limits; those "of the instance" are its own.
"""

from __future__ import annotations

from .errors import Malformed
from .record import Record

PAGE_BYTES = 4096
EBS, INSTANCE_STORE = "ebs", "instance_store"
KINDS = {0x3C23B510: EBS, 0xEC2C0D7E: INSTANCE_STORE}
_COUNTERS, _READS, _WRITES = 8, 512, 2056
_BINS, _BIN_BYTES = 64, 24
_MICROSECONDS = 1e6


class NvmeStatistics(Record):
    """Counters since the volume was attached; the two of the volume are None for an instance store disk."""

    kind: str
    version: int
    read_operations: int
    write_operations: int
    read_bytes: int
    write_bytes: int
    read_seconds: float
    write_seconds: float
    volume_iops_exceeded_seconds: float | None
    volume_throughput_exceeded_seconds: float | None
    instance_iops_exceeded_seconds: float
    instance_throughput_exceeded_seconds: float
    queue_length: int


class LatencyBin(Record):
    """How many requests took at least `lower_seconds` and less than `upper_seconds`; the count wraps at 2^32."""

    lower_seconds: float
    upper_seconds: float
    count: int


def kind_of(page: bytes) -> str | None:
    """EBS or INSTANCE_STORE by the magic number; None where it is neither's."""
    return KINDS.get(int.from_bytes(page[:4], "little")) if len(page) >= 4 else None


def decode(page: bytes, path: str) -> NvmeStatistics:
    """The counters; Malformed for what is no such page."""
    kind = _known(page, path)
    reads, writes, read_bytes, write_bytes, *times = (_u64(page, at) for at in range(_COUNTERS, 88, 8))
    seconds = [time / _MICROSECONDS for time in times]
    has_volume = kind == EBS
    return NvmeStatistics(
        kind=kind,
        version=_u32(page, 4),
        read_operations=reads,
        write_operations=writes,
        read_bytes=read_bytes,
        write_bytes=write_bytes,
        read_seconds=seconds[0],
        write_seconds=seconds[1],
        volume_iops_exceeded_seconds=seconds[2] if has_volume else None,
        volume_throughput_exceeded_seconds=seconds[3] if has_volume else None,
        instance_iops_exceeded_seconds=seconds[4],
        instance_throughput_exceeded_seconds=seconds[5],
        queue_length=_u64(page, 88),
    )


def latencies(page: bytes, path: str) -> tuple[tuple[LatencyBin, ...], tuple[LatencyBin, ...]]:
    """The histograms of reads and of writes; however many bins the page claims, it has room for 64."""
    _known(page, path)
    return _histogram(page, _READS), _histogram(page, _WRITES)


def _known(page: bytes, path: str) -> str:
    if len(page) < PAGE_BYTES:
        raise Malformed(path, f"log page 0xD0 has {len(page)} bytes, not {PAGE_BYTES}")
    kind = kind_of(page)
    if kind is None:
        raise Malformed(path, f"log page 0xD0 begins with 0x{_u32(page, 0):08X}, which is not Amazon's")
    return kind


def _histogram(page: bytes, start: int) -> tuple[LatencyBin, ...]:
    bins = min(_u64(page, start), _BINS)
    return tuple(_bin(page, start + 8 + number * _BIN_BYTES) for number in range(bins))


def _bin(page: bytes, at: int) -> LatencyBin:
    return LatencyBin(_u64(page, at) / _MICROSECONDS, _u64(page, at + 8) / _MICROSECONDS, _u32(page, at + 16))


def _u64(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 8], "little")


def _u32(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 4], "little")
