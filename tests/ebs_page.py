"""Amazon's NVMe log page 0xD0, byte for byte, from the values of its fields."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

EBS_MAGIC, INSTANCE_STORE_MAGIC = 0x3C23B510, 0xEC2C0D7E
Bins = Sequence[tuple[int, int, int]]  # lower and upper bound in microseconds, count


class Fields(NamedTuple):
    """As amazon-ec2-utils' ebsnvme declares them, in their order; times in microseconds."""

    magic: int = EBS_MAGIC
    version: int = 0
    read_ops: int = 0
    write_ops: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    read_time: int = 0
    write_time: int = 0
    volume_iops: int = 0
    volume_throughput: int = 0
    instance_iops: int = 0
    instance_throughput: int = 0
    queue: int = 0


EMPTY = Fields()


def page(fields: Fields = EMPTY, reads: Bins = (), writes: Bins = (), bins: int | None = None) -> bytes:
    """The 4096 bytes; `bins` is the number that the histograms claim to have."""
    head = struct.pack("<II11Q", *fields).ljust(512, b"\0")
    made = head + _histogram(reads, bins) + _histogram(writes, bins)
    return made.ljust(4096, b"\0")


def _histogram(bins: Bins, claimed: int | None) -> bytes:
    packed = b"".join(struct.pack("<QQII", lower, upper, count, 0) for lower, upper, count in bins)
    return struct.pack("<Q", len(bins) if claimed is None else claimed) + packed.ljust(64 * 24, b"\0")
