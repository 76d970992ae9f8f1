"""V: what EBS volumes and instance store disks count themselves (log page 0xD0), from one reading to another.

Bought capacity that is used up is a limit, and so is a slow or crowded volume: the guest works.
"""

from __future__ import annotations

from virt_collectors import nvme
from virt_collectors.nvme import EBS_MODEL, INSTANCE_STORE_MODEL, NvmeController
from virt_collectors.nvme_pages import NvmeStatistics

from ..form import ADVICE, INFO, LIMIT, YOU, Case, Hit, Reading, Rule, Setting, growth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = tuple[NvmeController, NvmeStatistics, NvmeStatistics, float]
    Exceeded = tuple[str, Callable[[NvmeStatistics], float | None]]

_WITHIN_SECONDS = 300  # as far back as rates look; and the age at which the helper's page says nothing of now
_JUDGED = (nvme.OK, nvme.DENIED, nvme.FAILED, nvme.BUSY)
_PRIVILEGE = "NVMe statistics"

_LATENCY = Setting("V05", "milliseconds", 10, "ms", "the mean time of a request above which a volume is called slow")
_REQUESTS = Setting("V05", "least_requests", 50, "requests", "the fewest requests that a mean is made of")
_VOLUME_SHARE = Setting("V06", "percent", 5, "%", "the share of the time at the volume's limit that is told", 0, 100)
_INSTANCE_SHARE = Setting(
    "V07", "percent", 5, "%", "the share of the time at the instance's limit that is told", 0, 100
)
_QUEUE = Setting("V08", "requests", 64, "requests", "the longest queue of a volume that is not told")
_QUEUE_SECONDS = Setting("V08", "seconds", 60, "s", "for how long the queue must be longer")

_OF_VOLUME: tuple[Exceeded, ...] = (
    ("IOPS", lambda statistics: statistics.volume_iops_exceeded_seconds),
    ("throughput", lambda statistics: statistics.volume_throughput_exceeded_seconds),
)
_OF_INSTANCE: tuple[Exceeded, ...] = (
    ("IOPS", lambda statistics: statistics.instance_iops_exceeded_seconds),
    ("throughput", lambda statistics: statistics.instance_throughput_exceeded_seconds),
)


def _of_models(*models: str) -> Callable[[Reading], bool]:
    def applies(reading: Reading) -> bool:
        controllers = reading.facts.nvme or ()
        return any(c.model in models and c.statistics_state in _JUDGED for c in controllers)

    return applies


def _unsure(reading: Reading) -> bool:
    """Refused, not read, or so old that the helper must have stopped."""
    asked = [c for c in reading.facts.nvme or () if c.statistics_state in _JUDGED]
    return any(c.statistics is None or (age_seconds(reading, c) or 0) > _WITHIN_SECONDS for c in asked)


def age_seconds(reading: Reading, controller: NvmeController) -> float | None:
    """How old the statistics are; None where there are none, or no clock."""
    clock = reading.facts.clock
    if controller.statistics_time is None or clock is None or clock.time is None:
        return None
    return max(clock.time - controller.statistics_time, 0.0)


def name_of(controller: NvmeController) -> str:
    """The disk by which people know the controller."""
    return controller.disks[0] if controller.disks else controller.name


def _steps(case: Case) -> Iterator[Step]:
    """Each controller with its statistics of some minutes ago and of now, and the seconds between the two."""
    earlier = case.within(_WITHIN_SECONDS) or case.before
    known = {(c.name, c.serial): c for c in (earlier.facts.nvme or () if earlier else ())}
    for controller in case.now.facts.nvme or ():
        before = known.get((controller.name, controller.serial))
        if before is None or before.statistics is None or controller.statistics is None:
            continue
        seconds = (controller.statistics_time or 0.0) - (before.statistics_time or 0.0)
        if seconds > 0:
            yield controller, before.statistics, controller.statistics, seconds


def _check_slow(case: Case) -> Iterator[Hit]:
    for controller, older, newer, seconds in _steps(case):
        requests = growth(older.read_operations, newer.read_operations)
        requests += growth(older.write_operations, newer.write_operations)
        busy = growth(older.read_seconds, newer.read_seconds) + growth(older.write_seconds, newer.write_seconds)
        if controller.model != EBS_MODEL or requests < max(case.value(_REQUESTS), 1):
            continue
        mean = busy / requests * 1000
        if mean > case.value(_LATENCY):
            yield Hit(
                name_of(controller),
                f"EBS volume {name_of(controller)} took {mean:.0f} ms for a request, on average",
                (f"log page 0xD0: {requests:.0f} requests in {seconds:.0f} s took {busy:.1f} s",),
            )


def _exceeded(setting: Setting, limits: tuple[Exceeded, ...]) -> Callable[[Case], Iterator[Hit]]:
    def check(case: Case) -> Iterator[Hit]:
        for controller, older, newer, seconds in _steps(case):
            grown = {limit: growth(counter(older), counter(newer)) for limit, counter in limits}
            told = {limit: time for limit, time in grown.items() if time / seconds * 100 > case.value(setting)}
            if told:
                shares = [f"{limit} {min(time / seconds, 1):.0%}" for limit, time in told.items()]
                yield Hit(
                    name_of(controller),
                    f"{_whose(controller, limits)} limit was used up: {', '.join(shares)} of the time",
                    tuple(
                        f"log page 0xD0: {limit} exceeded for {time:.1f} s of {seconds:.0f} s"
                        for limit, time in told.items()
                    ),
                )

    return check


def _whose(controller: NvmeController, limits: tuple[Exceeded, ...]) -> str:
    if controller.model == INSTANCE_STORE_MODEL:
        return f"instance store disk {name_of(controller)}'s"
    if limits is _OF_VOLUME:
        return f"EBS volume {name_of(controller)}'s"
    return f"the instance's EBS ({name_of(controller)})"


def _check_queue(case: Case) -> Iterator[Hit]:
    start = case.back(case.value(_QUEUE_SECONDS))
    at = next((at for at, reading in enumerate(case.history) if reading is start), None)
    if at is None:
        return
    since = (*case.history[at:], case.now)
    for controller in case.now.facts.nvme or ():
        lengths = [_queue(reading, controller.name) for reading in since]
        if min(lengths) > case.value(_QUEUE):
            yield Hit(
                name_of(controller),
                f"{lengths[-1]} requests wait in the queue of {name_of(controller)}",
                (f"log page 0xD0: queue length {min(lengths)} to {max(lengths)} in {len(lengths)} readings",),
            )


def _queue(reading: Reading, name: str) -> int:
    found = [c.statistics.queue_length for c in reading.facts.nvme or () if c.name == name and c.statistics]
    return found[0] if found else 0


def _check_foreign(case: Case) -> Iterator[Hit]:
    for controller in case.now.facts.nvme or ():
        if controller.statistics_state == nvme.FOREIGN:
            yield Hit(
                controller.name,
                f"{controller.name} calls itself {controller.model} and has another log page 0xD0",
                (f"/dev/{controller.name}: the page has neither magic number 0x3C23B510 nor 0xEC2C0D7E",),
            )


def _was_asked(reading: Reading) -> bool:
    return any(
        c.statistics_state not in (nvme.NOT_ASKED, nvme.UNSUPPORTED, nvme.BUSY) for c in reading.facts.nvme or ()
    )


_WATCH = "Watch it on a dashboard: virt_ebs_limit_exceeded_seconds_total"

RULES = (
    Rule(
        code="V05",
        name="ebs-volume-slow",
        kind=LIMIT,
        severity=INFO,
        title="an EBS volume answers slowly",
        needs=("nvme",),
        applies=_of_models(EBS_MODEL),
        check=_check_slow,
        means="Requests take longer than those of a gp3 or io2 volume should; normal for large requests and for st1 and sc1.",
        remedy=(
            "Is a limit used up? See V06 and V07: virt-agent --check -v",
            "See the type of the volume: aws ec2 describe-volumes --volume-ids VOLUME-ID",
        ),
        source="amazon-ec2-utils, ebsnvme: total_read_time and total_write_time in microseconds; the threshold is ours",
        owner=YOU,
        avoid="Do not judge it by one reading in which little was read or written.",
        settings=(_LATENCY, _REQUESTS),
        compare=True,
        unsure=_unsure,
        privilege=_PRIVILEGE,
    ),
    Rule(
        code="V06",
        name="ebs-volume-limit",
        kind=LIMIT,
        severity=INFO,
        title="an EBS volume's IOPS or throughput are used up",
        needs=("nvme",),
        applies=_of_models(EBS_MODEL),
        check=_exceeded(_VOLUME_SHARE, _OF_VOLUME),
        means="The guest asked for more than the volume was bought for, and EBS made it wait.",
        remedy=(_WATCH, "Buy more: aws ec2 modify-volume --volume-id VOLUME-ID --volume-type gp3 --iops N --throughput N"),
        source="amazon-ec2-utils, ebsnvme: ebs_volume_performance_exceeded_iops and _tp",
        owner=YOU,
        avoid="Do not take it for a fault of the disk: it does what was bought.",
        settings=(_VOLUME_SHARE,),
        compare=True,
        unsure=_unsure,
        privilege=_PRIVILEGE,
    ),
    Rule(
        code="V07",
        name="instance-storage-limit",
        kind=LIMIT,
        severity=INFO,
        title="the instance's own IOPS or throughput for EBS or instance store are used up",
        needs=("nvme",),
        applies=_of_models(EBS_MODEL, INSTANCE_STORE_MODEL),
        check=_exceeded(_INSTANCE_SHARE, _OF_INSTANCE),
        means="All volumes together asked for more than this instance type carries; a bigger volume does not help.",
        remedy=(_WATCH, "Compare what the type can do with larger ones: virt-agent --instance-type NAME"),
        source="amazon-ec2-utils, ebsnvme: ec2_instance_ebs_performance_exceeded_iops and _tp; nvme-cli, plugins/amzn",
        owner=YOU,
        avoid="Do not buy IOPS for the volume before this limit is raised.",
        settings=(_INSTANCE_SHARE,),
        compare=True,
        unsure=_unsure,
        privilege=_PRIVILEGE,
    ),
    Rule(
        code="V08",
        name="ebs-queue-long",
        kind=LIMIT,
        severity=INFO,
        title="many requests wait in a volume's queue",
        needs=("nvme",),
        applies=_of_models(EBS_MODEL, INSTANCE_STORE_MODEL),
        check=_check_queue,
        means="More is asked at once than the volume works on; each request waits for those before it.",
        remedy=("See who asks: sudo iotop -o, or pidstat -d 1", "Is a limit used up? See V06 and V07: virt-agent --check -v"),
        source="amazon-ec2-utils, ebsnvme: volume_queue_length; the threshold is ours",
        owner=YOU,
        avoid="Do not raise the queue depth of the software: the queue gets longer, not faster.",
        settings=(_QUEUE, _QUEUE_SECONDS),
        compare=True,
        unsure=_unsure,
        privilege=_PRIVILEGE,
    ),
    Rule(
        code="V09",
        name="nvme-statistics-foreign",
        kind=ADVICE,
        severity=INFO,
        title="a disk with Amazon's name has another's statistics",
        needs=("nvme",),
        applies=_was_asked,
        check=_check_foreign,
        means="Its log page 0xD0 is not the one that Amazon's tools know: something else, or a version to come.",
        remedy=("Report it with a snapshot: sudo virt-agent --snapshot FILE",),
        source="nvme-cli, plugins/amzn/amzn-nvme.c: magic numbers 0x3C23B510 and 0xEC2C0D7E",
        owner=YOU,
        avoid="Do not read figures out of that page with other tools either.",
        unsure=lambda reading: any(c.statistics_state == nvme.DENIED for c in reading.facts.nvme or ()),
        privilege=_PRIVILEGE,
    ),
)  # fmt: skip
