"""N04 to N12: each fires on a guest with the illness, and is silent on the same guest without."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests import corpus
from virt_agent.observe import reading_of
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import Case, Reading
from virt_collectors.configuration import Configuration
from virt_collectors.ethtool import DriverReport
from virt_collectors.facts import Facts
from virt_collectors.imds import Imds
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.pci import PciDevice
from virt_collectors.record import replace

NITRO = corpus.facts(corpus.host("D20-ec2-c5large"))
XEN = corpus.facts(corpus.host("D07-ec2-t2micro-xen-on-nitro"))
DOCKER = corpus.facts(corpus.host("D16-docker-on-ec2-xen")).container
MAC, OTHER = "0e:49:61:0f:c3:11", "0e:49:61:0f:c3:12"
ENA = NetworkDevice("ens5", "ena", "pci", address=MAC, operstate="up", mtu=9001, default_route=True, tx_packets=0,
                    tx_errors=0, tx_dropped=0)  # fmt: skip
VIF = replace(ENA, name="eth0", driver="xen-netfront", bus="xen", xenbus="vif-0")
VF = replace(ENA, name="eth0", driver="ixgbevf")


def on(facts: Facts, *nics: NetworkDevice, kind: str | None = None, imds: dict[str, object] | None = None,
       **other: object) -> Reading:  # fmt: skip
    """A guest with these cards, of another instance type perhaps."""
    assert facts.imds is not None
    told = replace(facts.imds, **({"instance_type": kind} if kind else {}), **(imds or {}))
    return reading_of(replace(facts, network=Network(nics, nics[0].name if nics else None), imds=told, **other))


def driver(
    nic: NetworkDevice, name: str, version: str | None = None, gather: bool | None = None, mode: int = 0
) -> DriverReport:
    return DriverReport(nic.name, name, version, scatter_gather=gather, counters={"ena_srd_mode": mode})


class Illness(NamedTuple):
    """Readings of the sick and of the healthy guest, and who is found how bad."""

    sick: tuple[Reading, ...]
    healthy: tuple[Reading, ...]
    subject: str
    severity: str = "info"


def sent(packets: int, errors: int, dropped: int) -> Reading:
    return on(NITRO, replace(ENA, tx_packets=packets, tx_errors=errors, tx_dropped=dropped))


def named(*lines: str) -> Reading:
    return on(NITRO, ENA, configuration=Configuration(persistent_net=lines))


ILLNESSES: dict[str, Illness] = {
    "N04": Illness((on(NITRO, replace(ENA, driver="e1000")),), (on(NITRO, ENA),), "network", "warning"),
    "N05": Illness((on(XEN, VIF, kind="c4.large"),), (on(XEN, VF, kind="c4.large"),), "eth0"),
    "N06": Illness((on(XEN, VF, ethtool=(driver(VF, "ixgbevf", "2.14.1"),)),),
                   (on(XEN, VF, ethtool=(driver(VF, "ixgbevf", "2.14.2"),)),), "eth0", "warning"),
    "N07": Illness((on(XEN, replace(VIF, mtu=1500), ethtool=(driver(VIF, "vif", gather=False),)),),
                   (on(XEN, replace(VIF, mtu=1500), ethtool=(driver(VIF, "vif", gather=True),)),), "eth0"),
    "N08": Illness((sent(5000, 7, 7), sent(5998, 8, 8)), (sent(5000, 7, 7), sent(5999, 8, 7)), "ens5"),
    "N09": Illness((on(NITRO, ENA, imds={"macs": (MAC, OTHER)}),), (on(NITRO, ENA, imds={"macs": (MAC,)}),), OTHER),
    "N10": Illness((on(NITRO, ENA, imds={"mac": OTHER}),), (on(NITRO, ENA, imds={"mac": MAC.upper()}),), "ens5"),
    "N11": Illness((on(NITRO, replace(ENA, mtu=9000)),), (on(NITRO, ENA),), "ens5"),
    "N12": Illness((named(f'SUBSYSTEM=="net", ATTR{{address}}=="{OTHER}", NAME="eth0"'),), (named(),),
                   "70-persistent-net.rules"),
}  # fmt: skip


def case(readings: tuple[Reading, ...], patient: bool = False) -> Case:
    timed = [replace(reading, monotonic=100.0 + 15 * number) for number, reading in enumerate(readings)]
    before, first = (timed[-2], timed[0]) if len(timed) > 1 else (None, None)
    return Case(timed[-1], before, first, tuple(timed[:-1]), patient=patient)


def sick(code: str) -> Case:
    return case(ILLNESSES[code].sick)


def healthy(code: str) -> Case:
    return case(ILLNESSES[code].healthy)


def judged(asked: Case, code: str) -> Judgement:
    rule = rules.find(code)
    assert rule is not None
    return evaluate((rule,), asked)


def state(reading: Reading, code: str) -> str | None:
    return judged(case((reading,)), code).states.get(code)


def test_every_network_rule_has_an_illness() -> None:
    elsewhere = {"N02", "N03", "N13"}  # tests/test_rules.py
    assert set(ILLNESSES) | elsewhere == {rule.code for rule in rules.RULES if rule.code[0] == "N"}


@pytest.mark.parametrize("code", sorted(ILLNESSES))
def test_rule_finds_its_illness_and_nothing_on_the_healthy(code: str) -> None:
    illness, found = ILLNESSES[code], judged(sick(code), code)
    assert [(f.code, f.subject, f.severity) for f in found.findings] == [(code, illness.subject, illness.severity)]
    assert all(f.evidence and f.remedy and f.summary.isascii() for f in found.findings)
    assert all(line and line.isascii() and "|" not in line for f in found.findings for line in (*f.evidence, *f.remedy))
    well = judged(healthy(code), code)
    assert (well.states[code], well.findings) == ("ok", ())


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_no_recorded_machine_has_one_of_these_ills(name: str) -> None:
    """But r4 without ENA, which it may have: information."""
    now = reading_of(corpus.facts(corpus.host(name)))
    found = [f for code in ILLNESSES for f in judged(case((now, now)), code).findings if f.severity != "info"]
    assert found == []


# N04, N05: ENA and its forerunner


def test_where_ena_is_optional_its_absence_is_information() -> None:
    assert state(on(XEN, VIF, kind="r4.large"), "N04") == "info"
    assert state(on(XEN, VIF, kind="t2.micro"), "N04") is None
    assert state(on(XEN, VIF, kind="unheard-of.large"), "N04") is None


def test_a_host_that_only_calls_itself_ec2_has_virtio_cards() -> None:
    assert state(on(NITRO, replace(ENA, driver="virtio_net", bus="virtio")), "N04") is None


def test_an_ena_device_without_driver_has_another_remedy() -> None:
    device = PciDevice("0000:00:05.0", 0x1D0F, 0xEC20, 0x020000)
    unbound = judged(case((on(NITRO, replace(ENA, driver="e1000"), pci=(device,)),)), "N04").findings[0]
    assert "0000:00:05.0" in unbound.evidence[1]
    assert "modprobe ena" in unbound.remedy[0]
    off = judged(sick("N04"), "N04").findings[0]
    assert "--ena-support" in off.remedy[1]


def test_a_container_sees_its_own_cards_and_not_the_machines() -> None:
    veth = replace(ENA, name="eth0", driver="veth")
    inside = on(NITRO, veth, imds={"macs": (MAC,), "mac": MAC}, container=DOCKER)
    assert inside.verdict.layers.container is not None
    assert [state(inside, code) for code in ("N04", "N05", "N09", "N10", "N11")] == [None] * 5


@pytest.mark.parametrize(("kind", "expected"), [("m4.16xlarge", None), ("m4.10xlarge", "info"), ("t2.micro", None),
                                                ("i2.xlarge", "info"), ("r4.large", None)])  # fmt: skip
def test_the_intel_function_belongs_to_six_families(kind: str, expected: str | None) -> None:
    assert state(on(XEN, VIF, kind=kind), "N05") == expected


# N06: ixgbevf


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.12.1-k", "warning"), ("2.14.2", "ok"), ("2.16.4", "ok"), ("4.1.0-k", "ok"), ("1.0.0", "warning"), ("strange", "ok"),
     ("2.12", "ok"), ("2.x.1-k", "ok"), ("5.15.0-1001-aws", "ok"), (None, None)],
)  # fmt: skip
def test_old_versions_of_ixgbevf(version: str | None, expected: str | None) -> None:
    assert state(on(XEN, VF, ethtool=(driver(VF, "ixgbevf", version),)), "N06") == expected


def test_the_kernels_release_is_no_version_of_a_driver() -> None:
    assert XEN.system is not None
    kernel = replace(XEN.system, kernel="2.6.32")
    assert state(on(XEN, VF, system=kernel, ethtool=(driver(VF, "ixgbevf", "2.6.32"),)), "N06") == "ok"


# N07, N11: MTU


def test_scatter_gather_matters_below_jumbo_frames_and_for_netfront() -> None:
    off = driver(VIF, "vif", gather=False)
    assert state(on(XEN, VIF, ethtool=(off,)), "N07") == "ok"
    assert state(on(XEN, replace(VF, mtu=1500), ethtool=(off,)), "N07") is None
    assert state(on(XEN, replace(VIF, mtu=1500), ethtool=(driver(VIF, "vif"),)), "N07") is None


@pytest.mark.parametrize(
    ("nic", "kind", "zone", "mode", "expected"),
    [
        (replace(ENA, mtu=1500), None, None, 0, "info"),
        (replace(ENA, mtu=1500, operstate="down"), None, None, 0, None),
        (replace(ENA, mtu=1300), None, "us-east-1-wl1-bos-wlz-1", 0, None),
        (replace(ENA, mtu=8900), None, None, 3, "ok"),
        (replace(ENA, mtu=8899), None, None, 1, "info"),
        (replace(ENA, mtu=8900), None, None, 0, "info"),
        (replace(ENA, mtu=None), None, None, 0, None),
        (replace(VIF, mtu=1500), "m1.small", None, 0, None),
        (replace(VIF, mtu=1500), "m3.large", None, 0, "info"),
        (replace(ENA, mtu=1500), "unheard-of.large", None, 0, None),
        (replace(ENA, mtu=1500, driver="e1000"), None, None, 0, None),
    ],
)
def test_jumbo_frames_where_there_are_some(
    nic: NetworkDevice, kind: str | None, zone: str | None, mode: int, expected: str | None
) -> None:
    facts = XEN if nic.driver == "xen-netfront" else NITRO
    now = on(facts, nic, kind=kind, imds={"availability_zone": zone}, ethtool=(driver(nic, "ena", mode=mode),))
    assert state(now, "N11") == expected


# N08: packets not sent


def test_few_packets_say_nothing_and_counters_may_begin_anew() -> None:
    assert judged(case((sent(0, 0, 0), sent(900, 50, 49))), "N08").states["N08"] == "ok"
    assert judged(case((sent(9000, 9, 9), sent(2000, 0, 0))), "N08").states["N08"] == "ok"
    assert judged(case((sent(9000, 9, 9), sent(2000, 3, 0))), "N08").states["N08"] == "info"
    assert judged(case((sent(0, 0, 0),)), "N08").states["N08"] == "not_sampled"


# N09, N10: what is attached


def test_an_interface_that_is_down_is_not_up() -> None:
    second = replace(ENA, name="ens6", address=OTHER, operstate="down")
    assert state(on(NITRO, ENA, second, imds={"macs": (MAC, OTHER)}), "N09") == "info"
    assert state(on(NITRO, ENA, replace(second, operstate="unknown"), imds={"macs": (MAC, OTHER)}), "N09") == "ok"


def test_without_metadata_nothing_is_known_of_interfaces() -> None:
    assert state(on(NITRO, ENA), "N09") is None
    assert state(on(NITRO, ENA), "N10") is None
    assert state(reading_of(replace(NITRO, network=Network((ENA,)), imds=Imds("disabled"))), "N09") is None


def test_one_of_a_bonds_cards_is_enough() -> None:
    second = replace(ENA, name="ens6", address=OTHER)
    assert state(on(NITRO, second, ENA, imds={"mac": MAC}), "N10") == "ok"
    assert state(on(NITRO, replace(ENA, default_route=False), imds={"mac": OTHER}), "N10") is None


# N12: names by address


def test_rules_for_cards_that_are_gone_are_counted() -> None:
    here, gone = f'ATTR{{address}}=="{MAC.upper()}", NAME="eth0"', f'ATTR{{address}}=="{OTHER}", NAME="eth1"'
    both, fitting = (judged(case((named(*lines),)), "N12").findings[0].evidence[0] for lines in ((here, gone), (here,)))
    assert "names 2 by" in both
    assert "1 of them for cards that are not here" in both
    assert "not here" not in fitting
