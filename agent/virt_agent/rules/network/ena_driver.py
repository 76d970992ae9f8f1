"""E16 to E18: ENA drivers that are too old for their device, and ENA's hardware clock."""

from __future__ import annotations

from virt_collectors.ethtool import DriverReport
from virt_collectors.source import whole

from ..form import ADVICE, FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule, Setting, growth
from .driver_counters import ENA, ena_refused, offers, reports, told, window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PRACTICES = "amzn-drivers, ENA_Linux_Best_Practices.rst"
_FIRST_WITH_ALLOWANCES = (2, 2, 10)
_FIRST_FOR_V3 = (2, 2, 9)
# Distributions' kernels whose own ENA driver learned the third version of the device, as the guide lists them:
# base version, what the release contains, the first build.
_V3_KERNELS = (
    ("4.14.", "amzn", (186,)),
    ("4.18.0-", ".el8", (240, 1, 1)),
    ("5.4.0-", "-aws", (1025,)),
)

_E18_WINDOW = window("E18")
_E18_PERCENT = Setting("E18", "percent", 1, "% of the requests", "failed requests for the time that are too many", 0.01)
_E18_REQUESTS = Setting("E18", "requests", 100, "requests", "requests below which the share says nothing", 1)


def version(text: str | None) -> tuple[int, ...] | None:
    """A driver's own number, (2, 2, 10) for "2.2.10g" or "2.2.10K"; None for a kernel's release or anything else."""
    parts = (text or "").rstrip("gK").split(".")
    numbers = [whole(part) for part in parts]
    if len(parts) != 3 or any(number is None or number < 0 for number in numbers):
        return None
    return tuple(number for number in numbers if number is not None)


def _own_version(reading: Reading, one: DriverReport) -> tuple[int, ...] | None:
    """None for a driver that gives the kernel's release for its version, as ENA does since 5.7."""
    kernel = reading.facts.system.kernel if reading.facts.system else None
    return None if one.version is None or one.version == kernel else version(one.version)


def _numbered(reading: Reading) -> bool:
    return any(_own_version(reading, one) for one in reports(reading, ENA))


def _check_old(case: Case) -> Iterator[Hit]:
    """Distributions carry the counters into old versions ("2.1.0K"): where they are there, nothing is missing."""
    for one in reports(case.now, ENA):
        own = _own_version(case.now, one)
        if own and own < _FIRST_WITH_ALLOWANCES and "bw_in_allowance_exceeded" not in one.counters:
            yield Hit(
                one.interface,
                f"{one.interface}: the ENA driver {one.version} is old",
                (f"ethtool -i {one.interface}: version {one.version}; no allowance counters",),
            )


def _build(kernel: str | None) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The build of one of the kernels known, and the first that will do: ((1009,), (1025,)) for "5.4.0-1009-aws"."""
    for base, mark, first in _V3_KERNELS:
        if kernel and kernel.startswith(base) and mark in kernel:
            parts = kernel[len(base) :].replace("-", ".").split(".")
            numbers = [whole(part) for part in parts[: len(first)]]
            return tuple(number or 0 for number in numbers), first
    return None


def _too_old_for_v3(reading: Reading, one: DriverReport) -> bool | None:
    """None where it cannot be told."""
    own = _own_version(reading, one)
    if own and not (one.version or "").endswith("K"):
        return own < _FIRST_FOR_V3
    build = _build(reading.facts.system.kernel if reading.facts.system else None)
    return build[0] < build[1] if build else None


def _on_v3(reading: Reading) -> bool:
    return any(one.second_bar and _too_old_for_v3(reading, one) is not None for one in reports(reading, ENA))


def _check_v3(case: Case) -> Iterator[Hit]:
    for one in reports(case.now, ENA):
        if one.second_bar and _too_old_for_v3(case.now, one):
            kernel = case.now.facts.system.kernel if case.now.facts.system else None
            yield Hit(
                one.interface,
                f"{one.interface}: this ENA driver is older than its device",
                (f"the device has a BAR1 (ENAv3); ethtool -i: version {one.version}; kernel {kernel}",),
            )


def _check_clock(case: Case) -> Iterator[Hit]:
    then = case.within(case.value(_E18_WINDOW) * 60)
    before = {one.interface: one.counters for one in reports(then, ENA)} if then else {}
    for one in reports(case.now, ENA):
        earlier = before.get(one.interface, {})
        told_of = ("phc_cnt", "phc_exp", "phc_skp", "phc_errors")
        by = {name: int(growth(earlier.get(name), one.counters.get(name))) for name in told_of}
        asked, failed = sum(by.values()), by["phc_errors"]
        if then and asked >= case.value(_E18_REQUESTS) and failed * 100 > asked * case.value(_E18_PERCENT):
            yield Hit(
                one.interface,
                f"{one.interface}: ENA's hardware clock failed {failed} of {asked} requests",
                (told(one.interface, {name: n for name, n in by.items() if n}, case.age(then)),),
            )


RULES = (
    Rule(
        code="E16",
        name="ena-driver-old",
        kind=ADVICE,
        severity=INFO,
        title="the ENA driver is too old to tell of exceeded allowances",
        needs=("ethtool",),
        applies=_numbered,
        check=_check_old,
        means="Drivers before 2.2.10 do not count what the instance's limits held back, and lack years of corrections.",
        remedy=(
            "Boot a newer kernel: its own driver will do.",
            "Or build the driver anew: github.com/amzn/amzn-drivers, kernel/linux/ena, with DKMS",
        ),
        source=f"{_PRACTICES}; EC2 user guide, Monitor network performance: driver 2.2.10 or later",
        owner=YOU,
        avoid="Do not replace the driver without another way in, as the serial console: the network goes with it.",
        unsure=ena_refused,
    ),
    Rule(
        code="E17",
        name="ena-driver-older-than-device",
        kind=FAULT,
        severity=WARNING,
        title="the ENA driver does not know its device's version (ENAv3)",
        needs=("ethtool",),
        applies=_on_v3,
        check=_check_v3,
        means="Sixth generation instances and later have ENAv3. Drivers before 2.2.9 run it at reduced performance,"
        " before 1.2 not at all.",
        remedy=(
            "Update the kernel: on Ubuntu 20.04 at least 5.4.0-1025-aws, on RHEL 8 4.18.0-240.1.1, Amazon 4.14.186.",
            "Where the driver was built by hand, build 2.2.9 or later.",
        ),
        source=f"{_PRACTICES}, ENAv3: told from ENAv2 by its BAR1",
        owner=YOU,
        avoid="Do not move this image to newer types before the driver is updated: there might be no network.",
        unsure=ena_refused,
    ),
    Rule(
        code="E18",
        name="ena-clock-errors",
        kind=FAULT,
        severity=WARNING,
        title="ENA's hardware clock (PHC) fails too often",
        needs=("ethtool",),
        applies=offers("phc_errors", driver=ENA),
        check=_check_clock,
        means="Each failure blocks the clock for a while: who keeps the time by it drifts. Mostly it is asked too often:"
        " the device allows 125 requests a second.",
        remedy=(
            "See who asks: chronyc sources, with refclock PHC; grep -r PHC /etc/chrony*",
            "Ask less often: refclock PHC /dev/ptp0 poll 0 (once a second) in chrony's configuration",
        ),
        source="amzn-drivers, kernel/linux/ena/README.rst, PHC: errors must remain below 1 % of the requests",
        owner=YOU,
        settings=(_E18_WINDOW, _E18_PERCENT, _E18_REQUESTS),
        compare=True,
        unsure=ena_refused,
    ),
)
