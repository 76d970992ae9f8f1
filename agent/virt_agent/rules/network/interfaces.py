"""N: network cards."""

from __future__ import annotations

from virt_collectors.network import NetworkDevice

from ... import devices
from ..form import CRITICAL, FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import ask_host
from ..xen.unplug import disabled_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _nics(reading: Reading) -> tuple[NetworkDevice, ...]:
    return reading.facts.network.devices if reading.facts.network else ()


def _guest_with_nics(reading: Reading) -> bool:
    return reading.virtual and bool(_nics(reading))


def _emulated(reading: Reading) -> list[NetworkDevice]:
    return [nic for nic in _nics(reading) if devices.network_kind(nic, reading.virtual) == "emulated"]


def _check_emulated(case: Case) -> Iterator[Hit]:
    cause = disabled_by(case)
    better = case.now.xen_guest or (case.now.verdict.hypervisor == "kvm" and case.now.verdict.cloud is not None)
    for nic in _emulated(case.now):
        route = ", default route" if nic.default_route else ""
        yield Hit(
            nic.name,
            f"network card {nic.name} is emulated ({nic.driver})",
            (f"/sys/class/net/{nic.name}/device/driver is {nic.driver}{route}",),
            None if better else INFO,
            same_cause_as=cause,
        )


def _has_default_route(reading: Reading) -> bool:
    return reading.verdict.hypervisor != "none" and any(nic.default_route for nic in _nics(reading))


def _down_unsure(reading: Reading) -> bool:
    """Where routes cannot be read, any card may carry the default one."""
    unread = any("net/route" in path or "net/ipv6_route" in path for path in reading.facts.unreadable)
    return any(unread or (nic.default_route and not nic.operstate) for nic in _nics(reading))


def _is_down(nic: NetworkDevice) -> bool:
    return nic.carrier is False or nic.operstate in ("down", "lowerlayerdown")


def _check_down(case: Case) -> Iterator[Hit]:
    """A bond is down only where all the cards below it are."""
    carrying = [nic for nic in _nics(case.now) if nic.default_route]
    if not carrying or not all(_is_down(nic) for nic in carrying):
        return
    for nic in carrying:
        carrier = "" if nic.carrier is None else f", carrier {int(nic.carrier)}"
        yield Hit(
            nic.name,
            f"the default route's network card {nic.name} is down",
            (f"/sys/class/net/{nic.name}: operstate {nic.operstate}{carrier}",),
            remedy=(
                f"Was it set down in here? ip link show {nic.name}; sudo ip link set {nic.name} up",
                f"Else ask the host: {ask_host(case.now, 'nic')}",
            ),
        )


def _check_twice(case: Case) -> Iterator[Hit]:
    by_address: dict[str, list[NetworkDevice]] = {}
    for nic in _nics(case.now):
        if nic.address and nic.address.strip("0:"):
            by_address.setdefault(nic.address, []).append(nic)
    emulated = {nic.name for nic in _emulated(case.now)}
    for address, twins in sorted(by_address.items()):
        slow = [nic.name for nic in twins if nic.name in emulated]
        fast = [nic.name for nic in twins if nic.driver == "xen-netfront"]
        if slow and fast:
            yield Hit(
                f"{fast[0]} and {slow[0]}",
                f"network card seen twice: {fast[0]} and {slow[0]} are one",
                (f"both have the address {address}",),
            )


RULES = (
    Rule(
        code="N02",
        name="emulated-nic",
        kind=FAULT,
        severity=WARNING,
        title="a network card is emulated where a better one is to be had",
        needs=("network",),
        applies=_guest_with_nics,
        check=_check_emulated,
        means="Each packet leaves the guest through the host's device model: low throughput, high latency, much CPU.",
        remedy=(
            "See what keeps the PV driver out: virt-agent --check names X04, X05 or X06 where it can tell.",
            "On other hosts choose a virtio network card for this guest.",
        ),
        source="drivers.md C.6; normal, and information only, on VMware, VirtualBox and plain QEMU",
        owner=YOU,
        avoid="Do not change the model over the connection that runs through it; have a console open.",
    ),
    Rule(
        code="N03",
        name="default-route-down",
        kind=FAULT,
        severity=CRITICAL,
        title="the network card of the default route is down",
        needs=("network",),
        applies=_has_default_route,
        check=_check_down,
        vital=True,
        unsure=_down_unsure,
        means="Nothing leaves this machine by its default route.",
        remedy=(
            "By the console: was it set down in here? ip -br link; ip route show default",
            "Set it up: sudo ip link set INTERFACE up",
            "Else ask the host whether the card is still attached and its network up.",
        ),
        source="Documentation/ABI/testing/sysfs-class-net, carrier and operstate",
        owner=YOU,
        avoid="Do not restart the network from a session that runs over this interface.",
        confirm=True,
    ),
    Rule(
        code="N13",
        name="nic-seen-twice",
        kind=FAULT,
        severity=WARNING,
        title="one network card is seen twice, emulated and through xen-netfront",
        needs=("network", "xenbus"),
        applies=lambda reading: reading.xen_guest and bool(_nics(reading)),
        check=_check_twice,
        means="The emulated card was not unplugged. Both answer for one address: which of them carries the traffic"
        " depends on the order of their discovery.",
        remedy=(
            "Configure the PV interface only (match by driver: xen-netfront in netplan).",
            "Remove xen_emul_unplug= from the kernel command line, sudo update-grub, reboot.",
        ),
        source="platform-pci-unplug.c; seen in the Xen lab (hvm-unnecessary)",
        owner=YOU,
        avoid="Do not configure both interfaces: they answer for one address.",
        confirm=True,
    ),
)
