"""N04, N05, N09 to N11: what EC2 gives this instance of network, and what the guest makes of it."""

from __future__ import annotations

from virt_collectors.network import NetworkDevice

from ...instance_types import InstanceType, has_82599, lookup, name_of
from ..form import ADVICE, FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import NIC, ask_host, guest_name
from .cards import JUMBO
from .driver_counters import ENA, reports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_AMAZON, _ENA_FUNCTIONS = 0x1D0F, (0xEC20, 0xEC21, 0x0EC2, 0x1EC2)  # ena_pci_id_tbl.h
_WITHOUT_JUMBO = ("c1", "hs1", "m1", "m2", "t1")
_JUMBO_DRIVERS = (ENA, "ixgbevf", "xen-netfront")
_EXPRESS_MTU = 8900


def _nics(reading: Reading) -> tuple[NetworkDevice, ...]:
    """None in a container, which sees its own interfaces and not the machine's."""
    seen = reading.facts.network if reading.verdict.layers.container is None else None
    return seen.devices if seen and reading.on_ec2 else ()


def _type(reading: Reading) -> InstanceType | None:
    return lookup(name_of(reading.facts)) if reading.on_ec2 else None


def _could_have_ena(reading: Reading) -> bool:
    """EC2 has no virtio cards: where one is, another host only calls itself EC2."""
    kind, nics = _type(reading), _nics(reading)
    if not nics or any(nic.bus == "virtio" for nic in nics):
        return False
    return kind is not None and kind.ena in ("required", "supported")


def _check_ena(case: Case) -> Iterator[Hit]:
    kind, nics = _type(case.now), _nics(case.now)
    if kind is None or any(nic.driver == ENA for nic in nics):
        return
    unbound = [
        function.address
        for function in case.now.facts.pci or ()
        if function.vendor == _AMAZON and function.device in _ENA_FUNCTIONS and not function.driver
    ]
    used = ", ".join(f"{nic.name} {nic.driver or 'without driver'}" for nic in nics[:4])
    saw = f"EC2 says of {kind.name}: ENA {kind.ena}; network cards here: {used}"
    found = f"PCI {unbound[0]} is an ENA device without driver" if unbound else "no ENA device on the PCI bus"
    instance = guest_name(case.now) or "INSTANCE-ID"
    yield Hit(
        "network",
        f"{kind.name} has ENA, and no network card uses it",
        (saw, found),
        WARNING if kind.ena == "required" else INFO,
        (
            ("The device is there. Load its driver: sudo modprobe ena; see why not: sudo journalctl -k -g ena",)
            if unbound
            else (
                f"Is it on? aws ec2 describe-instances --instance-ids {instance}"
                " --query 'Reservations[].Instances[].EnaSupport'",
                f"Stop the instance, then: aws ec2 modify-instance-attribute --instance-id {instance} --ena-support",
            )
        ),
    )


def _could_have_82599(reading: Reading) -> bool:
    kind = _type(reading)
    return (
        bool(_nics(reading)) and kind is not None and has_82599(kind) and reading.verdict.guest_mode in ("hvm", "pvhvm")
    )


def _check_82599(case: Case) -> Iterator[Hit]:
    for nic in _nics(case.now):
        if nic.driver == "xen-netfront":
            saw = f"/sys/class/net/{nic.name}/device/driver is vif, on {name_of(case.now.facts)}"
            yield Hit(nic.name, f"{nic.name} does without enhanced networking", (saw,))


def _knows_interfaces(reading: Reading) -> bool:
    return bool(_nics(reading) and reading.facts.imds and reading.facts.imds.macs)


def _check_attached(case: Case) -> Iterator[Hit]:
    up = {nic.address.lower() for nic in _nics(case.now) if nic.address and nic.operstate != "down"}
    imds = case.now.facts.imds
    for address in imds.macs if imds else ():
        if address not in up:
            yield Hit(
                address,
                f"the network interface {address} is attached and not up",
                (f"metadata network/interfaces/macs/ lists {address}; no interface that is up has it",),
                remedy=(
                    f"Which one is it? {ask_host(case.now, NIC)}",
                    "Configure it (netplan, ec2-net-utils), or detach it if nothing needs it.",
                ),
            )


def _carrying(reading: Reading) -> list[NetworkDevice]:
    return [nic for nic in _nics(reading) if nic.default_route and nic.address]


def _check_primary(case: Case) -> Iterator[Hit]:
    carrying, primary = _carrying(case.now), case.now.facts.imds.mac if case.now.facts.imds else None
    if primary and carrying and not any((nic.address or "").lower() == primary.lower() for nic in carrying):
        name = carrying[0].name
        saw = f"default route by {name}, {carrying[0].address}; metadata mac = {primary}"
        yield Hit(name, f"the default route leaves by {name}, which is not the primary network interface", (saw,))


def _jumbo_nics(reading: Reading) -> list[NetworkDevice]:
    kind, zone = _type(reading), reading.facts.imds.availability_zone if reading.facts.imds else None
    if kind is None or kind.family in _WITHOUT_JUMBO or "-wl" in (zone or ""):  # Wavelength zones: 1300
        return []
    return [nic for nic in _nics(reading) if nic.driver in _JUMBO_DRIVERS and nic.operstate == "up" and nic.mtu]


def _check_mtu(case: Case) -> Iterator[Hit]:
    express = {one.interface for one in reports(case.now, ENA) if one.counters.get("ena_srd_mode") in (1, 3)}
    for nic in _jumbo_nics(case.now):
        if nic.mtu is not None and nic.mtu < (_EXPRESS_MTU if nic.name in express else JUMBO):
            saw = f"/sys/class/net/{nic.name}/mtu = {nic.mtu}"
            yield Hit(nic.name, f"{nic.name} uses MTU {nic.mtu}, {JUMBO} is to be had", (saw,))


RULES = (
    Rule(
        code="N04",
        name="ena-not-used",
        kind=FAULT,
        severity=WARNING,
        title="the instance type has ENA, and no network card uses it",
        needs=("network",),
        applies=_could_have_ena,
        check=_check_ena,
        means="The network runs on an older, slower path; a Nitro instance has no other and would be cut off. Where"
        " ENA is optional (r4, i3, h1, x1, p2, m4.16xlarge) this is information only.",
        remedy=(
            "Is the driver there? modinfo ena; sudo modprobe ena",
            "Is ENA on? aws ec2 describe-instances --instance-ids ID --query 'Reservations[].Instances[].EnaSupport'",
            "Switch it on while the instance is stopped: aws ec2 modify-instance-attribute --instance-id ID --ena-support",
        ),
        source="EC2 DescribeInstanceTypes, EnaSupport; EC2 user guide, Enhanced networking with ENA",
        owner=YOU,
        avoid="Do not switch ENA on before the image has the driver (modinfo ena): the instance would be unreachable.",
        confirm=True,
    ),
    Rule(
        code="N05",
        name="enhanced-networking-off",
        kind=ADVICE,
        severity=INFO,
        title="the instance type has enhanced networking (Intel 82599 VF), and it is off",
        needs=("network",),
        applies=_could_have_82599,
        check=_check_82599,
        means="Packets go through the host's Xen backend instead of a function of the card: lower packet rate, higher"
        " latency. It works.",
        remedy=(
            "Does the image have the driver? modinfo ixgbevf",
            "Is it on? aws ec2 describe-instance-attribute --attribute sriovNetSupport --instance-id INSTANCE-ID",
            "Stop the instance, then: aws ec2 modify-instance-attribute --sriov-net-support simple"
            " --instance-id INSTANCE-ID; it cannot be taken back.",
        ),
        source="EC2 user guide, Enhanced networking with the Intel 82599 VF interface",
        owner=YOU,
        avoid="Do not switch it on for a PV guest, or without ixgbevf in the image: it would be unreachable.",
    ),
    Rule(
        code="N09",
        name="network-interface-not-configured",
        kind=ADVICE,
        severity=INFO,
        title="a network interface is attached to the instance and not up in the guest",
        needs=("network", "imds"),
        applies=_knows_interfaces,
        check=_check_attached,
        means="Its addresses answer nobody. Normal where something else took it over: DPDK, or a container's network"
        " namespace.",
        remedy=("Configure it, or detach it.",),
        source="EC2 instance metadata, network/interfaces/macs/",
        owner=YOU,
        avoid="Do not bring it up with a second default route: answers would leave by the wrong interface.",
    ),
    Rule(
        code="N10",
        name="default-route-not-primary",
        kind=ADVICE,
        severity=INFO,
        title="the default route does not leave by the instance's primary network interface",
        needs=("network", "imds"),
        applies=lambda reading: bool(_carrying(reading) and reading.facts.imds and reading.facts.imds.mac),
        check=_check_primary,
        means="Interfaces were found in another order than before, or it is meant so. The primary interface has the"
        " instance's main address; the metadata and firewalls may expect traffic from there.",
        remedy=(
            "See both: ip -br link; ip route show default",
            "Match interfaces by MAC address in netplan, or give the primary one the lower metric.",
        ),
        source="EC2 instance metadata, mac",
        owner=YOU,
        avoid="Do not change the default route over the connection that uses it.",
    ),
    Rule(
        code="N11",
        name="mtu-below-jumbo",
        kind=ADVICE,
        severity=INFO,
        title="the network could carry jumbo frames (MTU 9001)",
        needs=("network",),
        applies=lambda reading: bool(_jumbo_nics(reading)),
        check=_check_mtu,
        means="Inside the VPC larger frames mean fewer packets and less work for the same data. On the way to the"
        " internet 1500 bytes remain the limit.",
        remedy=(
            "See what set it: ip link show INTERFACE; netplan get; a VPN or an overlay may need less.",
            "Try it: sudo ip link set INTERFACE mtu 9001, then for good in netplan.",
        ),
        source="EC2 user guide, Network MTU: all types but the oldest; 1300 in Wavelength zones",
        owner=YOU,
        avoid="Do not block ICMP, which tells senders of a smaller MTU on the way: connections would hang.",
    ),
)
