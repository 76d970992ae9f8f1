"""E07 to E11, E15: what was bought of the network is used up. Limits of the instance, told by ENA; nothing is broken."""

from __future__ import annotations

from ..form import ADVICE, INFO, LIMIT, YOU, Case, Hit, Reading, Rule, Setting, growth
from .driver_counters import ENA, ena_refused, grown, offers, reports, told, told_when_grown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAGE = "EC2 user guide, Monitor network performance for your EC2 instance"
_STEPS = 5
_AVAILABLE = "conntrack_allowance_available"
_ELIGIBLE, _SENT = "ena_srd_eligible_tx_pkts", "ena_srd_tx_pkts"
_EXPRESS_ON = (1, 3)  # ena_srd_mode: for TCP, for UDP too
_NO_FAULT = "Do not look for a fault in the driver: the packets were held back by the limit of the instance type."


def _samples(code: str) -> Setting:
    return Setting(
        code,
        "samples",
        3,
        f"of {_STEPS} samples",
        "in how many of the last five readings it must have grown",
        1,
        _STEPS,
    )


_E07_SAMPLES, _E08_SAMPLES = _samples("E07"), _samples("E08")
_E10_PERCENT = Setting(
    "E10", "percent", 10, "% of the most seen", "trackable connections left, of the most that were seen free", 0.1, 100
)
_E15_PERCENT = Setting("E15", "percent", 50, "% of the eligible packets", "packets sent by ENA Express", 0, 100)
_E15_PACKETS = Setting("E15", "packets", 1000, "packets", "eligible packets below which the share says nothing", 1)
_E15_MINUTES = Setting("E15", "minutes", 5, "minutes", "over how long the share is taken", 0.1, 10)


def _again_and_again(setting: Setting, *names: str) -> Callable[[Case], Iterator[Hit]]:
    def check(case: Case) -> Iterator[Hit]:
        for interface in [one.interface for one in reports(case.now, ENA)]:

            def grew(older: Reading, newer: Reading, name: str = interface) -> bool:
                return name in grown(older, newer, *names, driver=ENA)

            steps = case.steps(_STEPS)
            if steps and case.often(int(case.value(setting)), _STEPS, grew):
                first = steps[0][0]
                by = grown(first, case.now, *names, driver=ENA).get(interface, {})
                what = " and ".join(name.removesuffix("_allowance_exceeded") for name in by or names)
                saw = (told(interface, by, case.age(first)),) if by else ()
                yield Hit(interface, f"{interface}: over the instance's allowance ({what}), again and again", saw)

    return check


def _check_nearly_full(case: Case) -> Iterator[Hit]:
    earlier = (*((case.first,) if case.first else ()), *case.history)
    for one in reports(case.now, ENA):
        left = one.counters.get(_AVAILABLE)
        seen = [
            then.counters.get(_AVAILABLE, 0)
            for reading in earlier
            for then in reports(reading, ENA)
            if then.interface == one.interface
        ]
        if left is not None and seen and left * 100 < max(seen) * case.value(_E10_PERCENT):
            yield Hit(
                one.interface,
                f"{one.interface}: the instance can track {left} connections more",
                (f"ethtool -S {one.interface}: {_AVAILABLE} = {left}, was up to {max(seen)}",),
            )


def _express(reading: Reading) -> bool:
    return any(one.counters.get("ena_srd_mode") in _EXPRESS_ON for one in reports(reading, ENA))


def _check_bypassed(case: Case) -> Iterator[Hit]:
    then = case.back(case.value(_E15_MINUTES) * 60)
    before = {one.interface: one.counters for one in reports(then, ENA)} if then else {}
    for one in reports(case.now, ENA):
        if one.counters.get("ena_srd_mode") not in _EXPRESS_ON or one.interface not in before:
            continue
        eligible, sent = (
            growth(before[one.interface].get(name), one.counters.get(name)) for name in (_ELIGIBLE, _SENT)
        )
        if eligible >= case.value(_E15_PACKETS) and sent * 100 < eligible * case.value(_E15_PERCENT):
            used = one.counters.get("ena_srd_resource_utilization")
            yield Hit(
                one.interface,
                f"{one.interface}: ENA Express sent {sent * 100 / eligible:.0f} % of what it could have",
                (
                    f"ethtool -S {one.interface}: {_SENT} +{sent:.0f}, {_ELIGIBLE} +{eligible:.0f}",
                    *(() if used is None else (f"ena_srd_resource_utilization = {used} %",)),
                ),
            )


RULES = (
    Rule(
        code="E07",
        name="ena-bandwidth-exceeded",
        kind=LIMIT,
        severity=INFO,
        title="the instance's bandwidth is used up",
        needs=("ethtool",),
        applies=offers("bw_in_allowance_exceeded", "bw_out_allowance_exceeded", driver=ENA),
        check=_again_and_again(_E07_SAMPLES, "bw_in_allowance_exceeded", "bw_out_allowance_exceeded"),
        means="Packets were queued or dropped because the instance sent or received more than its type may. Types that"
        ' are sold "up to" a bandwidth may have it for a while only.',
        remedy=(
            "See who sends: sudo ss -tinp; sudo iftop, where it is installed",
            "Steady need: a larger type of the family, or a network-optimized one (names with n).",
        ),
        source=_PAGE,
        owner=YOU,
        avoid=_NO_FAULT,
        settings=(_E07_SAMPLES,),
        compare=True,
        unsure=ena_refused,
    ),
    Rule(
        code="E08",
        name="ena-packet-rate-exceeded",
        kind=LIMIT,
        severity=INFO,
        title="the instance's packet rate is used up",
        needs=("ethtool",),
        applies=offers("pps_allowance_exceeded", driver=ENA),
        check=_again_and_again(_E08_SAMPLES, "pps_allowance_exceeded"),
        means="Packets were queued or dropped because there were more a second than the type may have, both ways"
        " together. Many small packets do it at little bandwidth; fragments that leave have a limit of 1024 a second.",
        remedy=(
            "See the rate: sar -n DEV 1, or ip -s link, twice",
            "Fewer, larger packets: MTU 9001 inside the VPC, batching; no fragments (UDP larger than the MTU).",
            "Else a larger type.",
        ),
        source=_PAGE,
        owner=YOU,
        avoid=_NO_FAULT,
        settings=(_E08_SAMPLES,),
        compare=True,
        unsure=ena_refused,
    ),
    told_when_grown(
        code="E09",
        name="ena-conntrack-exceeded",
        title="the instance's tracked connections are used up",
        says="packets of new connections are dropped, the instance tracks as many as it may",
        names=("conntrack_allowance_exceeded",),
        means="Security groups keep track of connections, each type of so many. Beyond that new ones fail, in and out,"
        " while established ones go on.",
        remedy=(
            "See how many there are: ss -s",
            "Flows are not tracked where the security group allows all of them in both directions (0.0.0.0/0).",
            "Close idle connections earlier, or take a larger type.",
        ),
        source=f"{_PAGE}; Amazon EC2 security group connection tracking",
        owner=YOU,
        avoid="Do not raise net.netfilter.nf_conntrack_max for this: that is the guest's own table, not the instance's.",
        kind=LIMIT,
        severity=INFO,
    ),
    Rule(
        code="E10",
        name="ena-conntrack-nearly-exceeded",
        kind=LIMIT,
        severity=INFO,
        title="few more connections can be tracked for the instance",
        needs=("ethtool",),
        applies=offers(_AVAILABLE, driver=ENA),
        check=_check_nearly_full,
        means="When none is left, new connections fail (E09). Measured against the most that was free while the agent"
        " ran, so an instance that was full from the start is not noticed.",
        remedy=(
            "See how many there are: ss -s",
            "Close idle connections earlier, or let security groups allow all of a flow, which is not tracked then.",
        ),
        source=f"{_PAGE}; ENA driver 2.8.1 and later, Linux 6.12 and later",
        owner=YOU,
        settings=(_E10_PERCENT,),
        compare=True,
        unsure=ena_refused,
    ),
    told_when_grown(
        code="E11",
        name="ena-linklocal-exceeded",
        title="too many packets to DNS, metadata and time services",
        says="packets to DNS, metadata or time service are dropped",
        names=("linklocal_allowance_exceeded",),
        means="Each interface may send 1024 packets a second to the VPC's resolver, the metadata service and the time"
        " service together. Beyond that they are dropped: names do not resolve, credentials do not renew.",
        remedy=(
            "See who asks: sudo tcpdump -ni INTERFACE -c 500 'port 53 or host 169.254.169.254 or port 123'",
            "Cache names in the guest (systemd-resolved, dnsmasq, nscd; NodeLocal DNSCache on Kubernetes).",
            "Cache credentials: each SDK client object that asks anew asks the metadata service.",
        ),
        source=f"{_PAGE}; Amazon VPC user guide, DNS quotas",
        owner=YOU,
        avoid="Do not answer failed lookups by faster retries: each one counts.",
        kind=LIMIT,
        severity=INFO,
    ),
    Rule(
        code="E15",
        name="ena-express-bypassed",
        kind=ADVICE,
        severity=INFO,
        title="ENA Express is on and most packets that could take it do not",
        needs=("ethtool",),
        applies=_express,
        check=_check_bypassed,
        means="ENA Express sends by SRD, over many paths at once. Packets above its MTU, or more connections than it has"
        " room for, go the usual way.",
        remedy=(
            "MTU at most 8900 on both sides: ip link show INTERFACE",
            "See the room: ethtool -S INTERFACE, ena_srd_resource_utilization near 100 is full.",
        ),
        source=f"{_PAGE}, ENA Express metrics; ENA driver 2.8 and later, Linux 6.12 and later",
        owner=YOU,
        settings=(_E15_PERCENT, _E15_PACKETS, _E15_MINUTES),
        compare=True,
        unsure=ena_refused,
    ),
)
