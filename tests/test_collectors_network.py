"""Network devices, and which of them carry the default route."""

from __future__ import annotations

import pathlib

import pytest

from tests import corpus
from tests.machines import Entry, device, interface, machine, present, problems
from virt_collectors.network import Network, NetworkDevice, parse_ipv6_route, parse_route, read_network
from virt_collectors.source import Source

Files = dict[str, Entry]
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
NOWHERE = "0" * 32


def route(
    name: str, destination: str = "00000000", mask: str = "00000000", flags: str = "0003", metric: str = "0"
) -> str:
    return f"{name}\t{destination}\t010200C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


def route6(name: str, flags: str = "00000003", metric: str = "00000400", prefix: str = "00") -> str:
    return f"{NOWHERE} {prefix} {NOWHERE} 00 fd{'0' * 29}1 {metric} 00000002 00000000 {flags} {name:>8}\n"


def network(directory: pathlib.Path, files: Files, errors: dict[str, str] | None = None) -> Network:
    source = Source(machine(directory, files, errors))
    found = present(read_network(source))
    assert problems(source) == []
    return found


def carrying(found: Network) -> list[str]:
    return [one.name for one in found.devices if one.default_route]


ENA: Files = {
    **device("pci0000:00/0000:00:05.0", "ena", "pci"),
    **interface(
        "eth0", "pci0000:00/0000:00:05.0", {"mtu": "9001\n", "carrier": "1\n", "address": "02:00:00:00:00:01\n"}
    ),
}
VIRTIO: Files = {
    **device("pci0000:00/0000:00:06.0/virtio1", "virtio_net", "virtio"),
    **interface("eth1", "pci0000:00/0000:00:06.0/virtio1", {"mtu": "1500\n", "operstate": "down\n"}),
}
ALWAYS: Files = {**ENA, **VIRTIO, **interface("lo", "virtual"), "sys/class/net/bonding_masters": "bond0\n"}


def test_interfaces_with_a_device_below(tmp_path: pathlib.Path) -> None:
    xen = {**device("vif-0", "vif", "xen"), **interface("eth2", "vif-0")}
    errors = {"sys/devices/pci0000:00/0000:00:06.0/virtio1/net/eth1/carrier": "EINVAL"}
    found = network(tmp_path, {**ALWAYS, **xen}, errors)
    assert found.devices == (
        NetworkDevice("eth0", "ena", "pci", None, "02:00:00:00:00:01", "up", True, 9001, False),
        NetworkDevice("eth1", "virtio_net", "virtio", None, None, "down", None, 1500, False),
        NetworkDevice("eth2", "xen-netfront", "xen", "vif-0", None, "up", None, None, False),
    )
    assert found.default_interface is None


def test_an_interface_without_driver_is_told_without_one(tmp_path: pathlib.Path) -> None:
    (found,) = network(tmp_path, interface("eth0", "pci0000:00/0000:00:05.0")).devices
    assert (found.driver, found.bus, found.xenbus) == (None, None, None)


OVER: list[tuple[str, Files, list[str]]] = [
    ("eth0", {}, ["eth0"]),
    ("eth0.10", interface("eth0.10", "virtual", over=["eth0"]), ["eth0"]),
    ("bond0", interface("bond0", "virtual", over=["eth0", "eth1"]), ["eth0", "eth1"]),
    ("br0", {**interface("br0", "virtual", over=["bond0.7"]), **interface("bond0.7", "virtual", over=["bond0"]),
             **interface("bond0", "virtual", over=["eth1"])}, ["eth1"]),
    ("xenbr0", interface("xenbr0", "virtual"), []),
    ("a", {**interface("a", "virtual", over=["b"]), **interface("b", "virtual", over=["a", "eth0"])}, ["eth0"]),
    ("gone0", {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("interface_", "files", "below"), OVER, ids=[case[0] for case in OVER])
def test_the_default_route_leads_down_to_the_hardware(
    tmp_path: pathlib.Path, interface_: str, files: Files, below: list[str]
) -> None:
    found = network(tmp_path, {**ALWAYS, **files, "proc/net/route": HEAD + route(interface_)})
    assert found.default_interface == interface_
    assert carrying(found) == below


def test_ipv6_alone_is_a_default_route_too(tmp_path: pathlib.Path) -> None:
    found = network(tmp_path, {**ALWAYS, "proc/net/route": HEAD, "proc/net/ipv6_route": route6("eth1")})
    assert (found.default_interface, carrying(found)) == ("eth1", ["eth1"])


def test_ipv4_goes_first(tmp_path: pathlib.Path) -> None:
    routes: Files = {"proc/net/route": HEAD + route("eth0"), "proc/net/ipv6_route": route6("eth1")}
    assert carrying(network(tmp_path, {**ALWAYS, **routes})) == ["eth0"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        ([route("eth0", destination="000200C0", mask="00FFFFFF")], None),
        ([route("eth0", metric="200"), route("wlan0", metric="100")], "wlan0"),
        ([route("eth0", flags="0002")], None),
        ([route("*", flags="0201", metric="0"), route("eth0", metric="100")], "eth0"),
        ([route("*", flags="0201", metric="4278198272")], None),
        ([route("eth0", mask="000000FF")], None),
        (["eth0\t00000000\t0\tzz\t0\t0\t0\t00000000"], None),
        (["eth0\t00000000"], None),
    ],
    ids=["none", "network", "metric", "down", "unreachable first", "unreachable", "a /8 of zeros", "garbage", "short"],
)
def test_the_ipv4_table(lines: list[str], expected: str | None) -> None:
    assert parse_route([HEAD, *lines]) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        ([route6("eth0")], "eth0"),
        ([route6("eth0", prefix="40")], None),
        ([route6("eth0", metric="00000400"), route6("eth1", metric="00000064")], "eth1"),
        ([route6("lo", flags="00200200", metric="ffffffff")], None),
        ([route6("lo", flags="00000003")], None),
        ([route6("eth0", flags="00000002")], None),
        ([route6("eth0", flags="00200201")], None),
        ([route6("eth0", metric="xyz")], None),
        (["short line"], None),
    ],
)
def test_the_ipv6_table(lines: list[str], expected: str | None) -> None:
    assert parse_ipv6_route(lines) == expected


def test_no_interfaces_are_none(tmp_path: pathlib.Path) -> None:
    assert read_network(Source(machine(tmp_path, {}))) is None


@pytest.mark.parametrize(("file", "text"), [("mtu", "big"), ("carrier", "yes")])
def test_a_file_without_its_form_is_a_problem(tmp_path: pathlib.Path, file: str, text: str) -> None:
    source = Source(machine(tmp_path, interface("eth0", "pci0/0", {file: text})))
    assert len(present(read_network(source)).devices) == 1
    assert problems(source) == [f"sys/class/net/eth0/{file} MALFORMED"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pv", {"eth0": ("xen-netfront", "vif-0")}),
        ("pvhvm", {"eth0": ("xen-netfront", "vif-0")}),
        ("nitro-like", {"eth0": ("virtio_net", None)}),
        ("qemu-pc-emulated", {"eth0": ("8139cp", None), "eth1": ("e1000", None)}),
        ("dom0", {}),
    ],
)
def test_interfaces_of_real_guests(name: str, expected: dict[str, tuple[str, str | None]]) -> None:
    found = present(corpus.facts(corpus.host(name)).network)
    assert {one.name: (one.driver, one.xenbus) for one in found.devices} == expected
