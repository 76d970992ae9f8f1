"""Devices that come, go and change between two reports, and what a collector that brings nothing leaves as it was."""

from __future__ import annotations

import pytest

from tests import corpus
from virt_agent import observe
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_agent.serve.device_states import Became, DeviceStates
from virt_collectors.block import BlockDevice
from virt_collectors.collect import ABSENT, FAILED, STUCK
from virt_collectors.facts import Facts
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.record import replace
from virt_collectors.xenbus import Xenbus, XenDevice

VBD = "sys/devices/vbd-832"


def seen(tree: MemoryTree) -> Report:
    return observe.observe(SnapshotHost(tree), Selection())


def of(facts: Facts, **outcomes: str) -> Report:
    """A report on these facts, all collectors fine but those named."""
    first = observe.observe(corpus.host("pvhvm"), Selection())
    ended = tuple(replace(one, outcome=outcomes.get(one.name, one.outcome)) for one in first.outcomes)
    return replace(first, reading=observe.reading_of(facts), outcomes=ended)


def told(states: DeviceStates, found: Report) -> list[str]:
    return [" ".join(filter(None, (each.label, each.happened, each.how))) for each in states.changes(found)]


def disk(name: str, state: str | None = None, xenbus: str | None = None) -> BlockDevice:
    return BlockDevice(name, "xen-blkfront" if xenbus else "nvme", "xen" if xenbus else "pci", xenbus, state=state)


def nic(name: str, link: str | None) -> Network:
    return Network((NetworkDevice(name, "ena", "pci", operstate=link),))


def frontend(state: str | None, driver: str | None = "vbd") -> Xenbus:
    return Xenbus((XenDevice("vbd-51712", "vbd", state, driver),), visible=True)


PLAIN = Facts(block_devices=(disk("nvme0n1", "live"),), network=nic("ens5", "up"))
XEN = Facts(xenbus=frontend("Connected"), block_devices=(disk("xvda", xenbus="vbd-51712"),))


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_a_guest_that_stays_as_it_is_tells_nothing(name: str) -> None:
    states, found = DeviceStates(), observe.observe(corpus.host(name), Selection())
    assert told(states, found) == told(states, found) == []
    facts = found.reading.facts
    assert (facts.block_devices or facts.network or facts.xenbus) is not None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (PLAIN, replace(PLAIN, network=nic("ens5", "down")), ["nic ens5 changed link up -> down"]),
        (PLAIN, replace(PLAIN, network=nic("ens5", None)), []),
        (PLAIN, replace(PLAIN, block_devices=(disk("nvme0n1", "resetting"),)),
         ["disk nvme0n1 changed state live -> resetting"]),
        (PLAIN, replace(PLAIN, block_devices=(disk("nvme0n1", "live"), disk("nvme1n1", "live"))),
         ["disk nvme1n1 appeared driver nvme, state live"]),
        (PLAIN, replace(PLAIN, network=Network()), ["nic ens5 vanished driver ena, link up"]),
        (XEN, replace(XEN, xenbus=frontend("Closed")), ["disk xvda changed state Connected -> Closed"]),
        (XEN, replace(XEN, xenbus=frontend("Closed", None)),
         ["disk xvda changed driver vbd -> none, state Connected -> Closed"]),
        (XEN, replace(XEN, xenbus=Xenbus(visible=True), block_devices=None),
         ["disk xvda vanished driver xen-blkfront"]),
        (XEN, replace(XEN, block_devices=None), ["disk xvda vanished driver xen-blkfront"]),
        (replace(XEN, xenbus=Xenbus(visible=True)), replace(XEN, block_devices=None, xenbus=frontend("Initialising", None)),
         ["disk vbd-51712 appeared driver none, state Initialising", "disk xvda vanished driver xen-blkfront"]),
    ],
)  # fmt: skip
def test_what_became_of_a_device(before: Facts, after: Facts, words: list[str]) -> None:
    states = DeviceStates()
    assert told(states, of(before)) == []
    assert told(states, of(after)) == words
    assert told(states, of(after)) == []


def test_a_state_that_was_not_known_for_a_while_is_compared_with_the_one_before() -> None:
    states = DeviceStates()
    for link in ("up", None):
        assert told(states, of(replace(PLAIN, network=nic("ens5", link)))) == []
    assert told(states, of(replace(PLAIN, network=nic("ens5", "down")))) == ["nic ens5 changed link up -> down"]


@pytest.mark.parametrize("outcome", [FAILED, STUCK])
def test_a_collector_that_brings_nothing_loses_no_device(outcome: str) -> None:
    states = DeviceStates()
    told(states, of(PLAIN))
    assert told(states, of(replace(PLAIN, block_devices=None), block_devices=outcome)) == []
    assert told(states, of(PLAIN)) == []
    assert told(states, of(replace(PLAIN, block_devices=None), block_devices=ABSENT)) != []


def test_a_collector_that_failed_in_part_still_tells_what_it_saw() -> None:
    states = DeviceStates()
    told(states, of(XEN))
    assert told(states, of(replace(XEN, xenbus=frontend("Closed", None)), xenbus=FAILED)) == [
        "disk xvda changed state Connected -> Closed"
    ], "a driver that may not have been read is not gone"
    assert told(states, of(replace(XEN, xenbus=frontend("Closed", None)))) == ["disk xvda changed driver vbd -> none"]


@pytest.mark.parametrize("outcome", [FAILED, STUCK])
def test_what_a_collector_shows_for_the_first_time_has_not_appeared(outcome: str) -> None:
    states = DeviceStates()
    assert told(states, of(Facts(), block_devices=outcome, network=outcome)) == []
    assert told(states, of(PLAIN)) == []


def test_a_collector_that_was_switched_off_and_on_begins_anew() -> None:
    states, found = DeviceStates(), of(PLAIN)
    told(states, found)
    off = of(replace(PLAIN, network=None))
    off = replace(off, outcomes=tuple(one for one in off.outcomes if one.name != "network"))
    for each in (off, found):
        assert told(states, each) == []


def test_on_a_guest_s_own_files() -> None:
    tree, states = corpus.copy("pvhvm"), DeviceStates()
    assert told(states, seen(tree)) == []
    tree.add(f"{VBD}/state", b"Closing\n")
    found = list(states.changes(seen(tree)))
    assert found == [Became("xenbus", "vbd-832", "disk xvdb", "changed", "state Connected -> Closing")]
