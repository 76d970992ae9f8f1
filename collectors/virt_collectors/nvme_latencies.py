"""How long the requests to Amazon's volumes took: the histograms of log page 0xD0. Off by default, for they are large."""

from __future__ import annotations

from .errors import SourceError
from .nvme_pages import LatencyBin, decode, latencies
from .record import Record
from .source import Source


class VolumeLatencies(Record):
    """Of one disk since it was attached; `…_seconds` is the time of all requests together."""

    disk: str
    reads: tuple[LatencyBin, ...]
    writes: tuple[LatencyBin, ...]
    read_seconds: float
    write_seconds: float


def read_nvme_latencies(source: Source) -> tuple[VolumeLatencies, ...] | None:
    """Of the controllers whose page could just be read; None where there is none."""
    found = []
    for controller in (source.before.nvme or ()) if source.before else ():
        if controller.statistics is None or not controller.disks:
            continue
        path = f"dev/{controller.name}"
        try:
            page = source.host.nvme_log(controller.name).page
            counted, (reads, writes) = decode(page, path), latencies(page, path)
        except SourceError as error:
            source.note(error)
            continue
        spent = (counted.read_seconds, counted.write_seconds)
        found.append(VolumeLatencies(controller.disks[0], reads, writes, *spent))
    return tuple(found) or None
