"""N06 to N08, N12: drivers and settings of network cards, by what the guest itself knows."""

from __future__ import annotations

from virt_collectors.network import NetworkDevice
from virt_collectors.source import whole

from ..form import ADVICE, FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule, Setting, growth
from .driver_counters import reports, window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

JUMBO = 9001
_IXGBEVF = "ixgbevf"
_FIRST_GOOD = (2, 14, 2)
_RULES_FILE = "/etc/udev/rules.d/70-persistent-net.rules"
_N08_WINDOW = window("N08")
_N08_PERCENT = Setting("N08", "percent", 0.1, "% of the packets", "packets not sent that are too many", 0.0001, 100)
_N08_PACKETS = Setting("N08", "packets", 1000, "packets", "sent packets below which the share says nothing", 1)


def _nics(reading: Reading) -> tuple[NetworkDevice, ...]:
    return reading.facts.network.devices if reading.facts.network else ()


def _has_ixgbevf(reading: Reading) -> bool:
    return reading.virtual and any(one.version for one in reports(reading, _IXGBEVF))


def _check_ixgbevf(case: Case) -> Iterator[Hit]:
    """In the kernel the driver was "2.12.1-k" and the like; since 5.11 it gives the kernel's release."""
    kernel = case.now.facts.system.kernel if case.now.facts.system else None
    for one in reports(case.now, _IXGBEVF):
        own = (one.version or "").partition("-")[0].split(".")
        numbers = tuple(whole(part) for part in own)
        if one.version == kernel or len(numbers) != 3:
            continue
        if tuple(-1 if number is None else number for number in numbers) < _FIRST_GOOD and None not in numbers:
            saw = f"ethtool -i {one.interface}: driver ixgbevf, version {one.version}"
            yield Hit(one.interface, f"{one.interface}: the ixgbevf driver {one.version} is too old", (saw,))


def _without_gather(reading: Reading) -> dict[str, bool]:
    """Whether scatter-gather is on, by xen-netfront interface."""
    ours = {nic.name for nic in _nics(reading) if nic.driver == "xen-netfront"}
    return {
        one.interface: one.scatter_gather
        for one in reports(reading)
        if one.interface in ours and one.scatter_gather is not None
    }


def _check_gather(case: Case) -> Iterator[Hit]:
    gathers = _without_gather(case.now)
    for nic in _nics(case.now):
        if gathers.get(nic.name) is False and nic.mtu is not None and nic.mtu < JUMBO:
            saw = f"ethtool -k {nic.name}: scatter-gather off; MTU {nic.mtu}"
            yield Hit(nic.name, f"{nic.name} sends without scatter-gather at MTU {nic.mtu}", (saw,))


def _counts_sent(reading: Reading) -> bool:
    return reading.virtual and any(nic.tx_packets is not None for nic in _nics(reading))


def _check_not_sent(case: Case) -> Iterator[Hit]:
    then = case.within(case.value(_N08_WINDOW) * 60)
    before = {nic.name: nic for nic in _nics(then)} if then else {}
    for nic in _nics(case.now):
        old = before.get(nic.name)
        if old is None or then is None:
            continue
        errors, dropped = growth(old.tx_errors, nic.tx_errors), growth(old.tx_dropped, nic.tx_dropped)
        tried = growth(old.tx_packets, nic.tx_packets) + errors + dropped
        if tried >= case.value(_N08_PACKETS) and (errors + dropped) * 100 > tried * case.value(_N08_PERCENT):
            share = (errors + dropped) * 100 / tried
            saw = f"/sys/class/net/{nic.name}/statistics: tx_errors +{errors:.0f}, tx_dropped +{dropped:.0f}, of {tried:.0f}"
            yield Hit(nic.name, f"{nic.name}: {share:.2g} % of the packets were not sent", (saw,))


def _check_persistent(case: Case) -> Iterator[Hit]:
    configuration = case.now.facts.configuration
    lines = configuration.persistent_net if configuration else ()
    if lines:
        here = {nic.address.lower() for nic in _nics(case.now) if nic.address}
        stale = [line for line in lines if not any(address in line.lower() for address in here)]
        gone = f"; {len(stale)} of them for cards that are not here" if stale else ""
        yield Hit(
            "70-persistent-net.rules",
            "network interfaces are named by MAC address",
            (f"{_RULES_FILE} names {len(lines)} by ATTR{{address}}{gone}",),
        )


RULES = (
    Rule(
        code="N06",
        name="ixgbevf-old",
        kind=FAULT,
        severity=WARNING,
        title="the ixgbevf driver is a version that loses packets",
        needs=("ethtool",),
        applies=_has_ixgbevf,
        check=_check_ixgbevf,
        means="Versions before 2.14.2 are known on EC2 for packet loss, a link that goes up and down, and cards that"
        " half work.",
        remedy=(
            "Boot a newer kernel: its own driver will do, from 4.1.0-k at the latest.",
            "Else install Intel's ixgbevf, 2.16.4 or later, with DKMS.",
        ),
        source="EC2 Rescue for Linux, ixgbevfversion; EC2 user guide, Enhanced networking with the Intel 82599 VF",
        owner=YOU,
        avoid="Do not replace the driver without another way in, as the serial console: the network goes with it.",
    ),
    Rule(
        code="N07",
        name="netfront-without-scatter-gather",
        kind=ADVICE,
        severity=INFO,
        title="xen-netfront runs without scatter-gather",
        needs=("network", "ethtool"),
        applies=lambda reading: reading.on_ec2 and bool(_without_gather(reading)),
        check=_check_gather,
        means="On EC2, kernels that lack a correction of 2014 lose packets with scatter-gather off and an MTU below"
        " 9001. Newer ones only send more slowly.",
        remedy=(
            "Switch it on: sudo ethtool -K INTERFACE sg on",
            "For good: find who switched it off (grep -rs 'sg off' /etc), or set MTU 9001.",
        ),
        source="EC2 Rescue for Linux, xennetsgmtu",
        owner=YOU,
    ),
    Rule(
        code="N08",
        name="packets-not-sent",
        kind=ADVICE,
        severity=INFO,
        title="a network card does not send part of its packets",
        needs=("network",),
        applies=_counts_sent,
        check=_check_not_sent,
        means="The driver or the device dropped packets that should have left: a full ring, a limit of the host, a"
        " packet it could not take. TCP repeats them, at a cost.",
        remedy=(
            "See which counter grows: ip -s -s link show INTERFACE; ethtool -S INTERFACE",
            "Limits first: virt-agent --check -v names E07 to E11. A full ring: sudo ethtool -G INTERFACE tx MAXIMUM",
        ),
        source="Documentation/networking/statistics.rst, tx_errors and tx_dropped; received drops count LLDP too",
        owner=YOU,
        settings=(_N08_WINDOW, _N08_PERCENT, _N08_PACKETS),
        compare=True,
    ),
    Rule(
        code="N12",
        name="persistent-net-rules",
        kind=ADVICE,
        severity=INFO,
        title="network interfaces are named by MAC address",
        needs=("configuration",),
        applies=lambda reading: reading.virtual and reading.facts.configuration is not None,
        check=_check_persistent,
        means="A guest that is copied, or gets another card by a change of its type, has another MAC address: the"
        " names then go elsewhere, eth0 is missing and the network does not come up.",
        remedy=(
            f"See what it names: cat {_RULES_FILE}",
            "Match by driver in netplan, or set net.ifnames=0 where one card is enough; then remove the file.",
            "Rebuild the initramfs, which has a copy: sudo update-initramfs -u, or dracut -f",
        ),
        source="EC2 Rescue for Linux, udevpersistentnet; EC2 user guide, Enhanced networking with the Intel 82599 VF",
        owner=YOU,
        avoid="Do not remove it from a running guest that is configured by those names before the new ones are known.",
    ),
)
