"""NVMe controllers, and what EBS volumes and instance store disks count themselves."""

from __future__ import annotations

from virt_collectors.nvme import NvmeController

from ..report import Report
from ..rules.disks.ebs import age_seconds, name_of
from ..rules.disks.nvme import judged
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition("virt_nvme_controller_live", "gauge", ("controller",), "1 where the NVMe controller's state is live."),
    Definition(
        "virt_nvme_controller_info",
        "gauge",
        ("controller", "device", "model", "firmware"),
        "An NVMe controller, its first disk, model and firmware; always 1. The volume is in virt_block_device_info.",
    ),
    Definition(
        "virt_ebs_limit_exceeded_seconds_total",
        "counter",
        ("device", "limit"),
        "Time in which a volume asked for more than volume or instance give (log page 0xD0; needs root or the helper).",
    ),
    Definition(
        "virt_nvme_statistics_age_seconds",
        "gauge",
        (),
        "Age of the oldest log page 0xD0 in this exposition; it grows while the privileged helper does not run.",
    ),
)


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
    reading = report.reading
    for controller in judged(reading):
        if controller.state is not None:
            yield "virt_nvme_controller_live", (controller.name,), controller.state == "live"
        disk = controller.disks[0] if controller.disks else ""
        labels = (controller.name, disk, controller.model or "", controller.firmware or "")
        yield "virt_nvme_controller_info", labels, 1
        yield from _limits(controller)
    ages = [age for controller in reading.facts.nvme or () if (age := age_seconds(reading, controller)) is not None]
    if ages:
        yield "virt_nvme_statistics_age_seconds", (), max(ages)


def _limits(controller: NvmeController) -> Iterator[Sample]:
    statistics = controller.statistics
    if statistics is None:
        return
    exceeded = {
        "volume_iops": statistics.volume_iops_exceeded_seconds,
        "volume_throughput": statistics.volume_throughput_exceeded_seconds,
        "instance_iops": statistics.instance_iops_exceeded_seconds,
        "instance_throughput": statistics.instance_throughput_exceeded_seconds,
    }
    for limit, seconds in exceeded.items():
        if seconds is not None:
            yield "virt_ebs_limit_exceeded_seconds_total", (name_of(controller), limit), seconds
