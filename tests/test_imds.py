"""When the metadata service is asked, what for, and how often."""

from __future__ import annotations

import json

import pytest

from tests import corpus
from tests.machines import present, replay
from virt_agent.observe import reading_of
from virt_agent.rules import topics
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import Case
from virt_agent.rules.registry import RULES
from virt_collectors.block import BlockDevice
from virt_collectors.collect import COLLECTORS, Runner
from virt_collectors.errors import NoService
from virt_collectors.ethtool import DriverReport
from virt_collectors.facts import Facts
from virt_collectors.host import Metadata
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.imds import PARTS, Imds, read_imds
from virt_collectors.imds_events import ScheduledEvent
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.record import replace
from virt_collectors.source import Source

ROOT = "/latest/meta-data"
SPOT = f"{ROOT}/spot/instance-action"
CHANGING = {
    f"{ROOT}/autoscaling/target-lifecycle-state",
    f"{ROOT}/events/maintenance/scheduled",
    f"{ROOT}/events/recommendations/rebalance",
    SPOT,
}
DOCUMENT = "/latest/dynamic/instance-identity/document"
NITRO = {
    DOCUMENT: json.dumps({"instanceId": "i-0123456789abcdef0", "instanceType": "c5.large", "kernelId": None}),
    f"{ROOT}/system": "nitro",
    f"{ROOT}/services/domain": "amazonaws.com",
    f"{ROOT}/instance-life-cycle": "spot",
}
SIGNS = {
    "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "sys/class/dmi/id/bios_version": "4.11.amazon\n",
    "sys/hypervisor/version/extra": ".amazon\n",
}


class Guest(SnapshotHost):
    """A live guest whose service answers from a dict, at a time that the test sets."""

    live = True

    def __init__(self, files: dict[str, str], answers: dict[str, str] | None = None) -> None:
        tree = MemoryTree()
        for path, text in files.items():
            tree.add(path, text.encode())
        super().__init__(tree)
        self.answers = dict(NITRO if answers is None else answers)
        self.wanted: bool | None = None
        self.failure: NoService | None = None
        self.asked: list[str] = []
        self.now = 1_000_000.0

    def metadata_wanted(self) -> bool | None:
        return self.wanted

    def metadata(self, path: str) -> Metadata:
        self.asked.append(path)
        if self.failure:
            raise self.failure
        return Metadata(200, self.answers[path]) if path in self.answers else Metadata(404, "")

    def time(self) -> float | None:
        return self.now


class Bystander(SnapshotHost):
    """A snapshot's machine as if it were live: it fails where its metadata service is asked."""

    live = True

    def metadata_wanted(self) -> bool | None:
        return None

    def metadata(self, path: str) -> Metadata:
        raise AssertionError(path)


def again(guest: Guest, known: Imds, counters: dict[str, int] | None = None) -> Imds:
    """The next reading of the daemon."""
    guest.asked.clear()
    cards = (DriverReport("eth0", "ena", counters=counters),) if counters else None
    return present(read_imds(Source(guest, Facts(imds=known, ethtool=cards))))


@pytest.mark.parametrize("sign", SIGNS)
def test_it_is_asked_on_each_strong_sign(sign: str) -> None:
    found = present(read_imds(Source(Guest({sign: SIGNS[sign]}))))
    assert (found.state, found.system, found.instance_type, found.life_cycle) == ("ok", "nitro", "c5.large", "spot")


@pytest.mark.parametrize("files", [
    {"sys/hypervisor/type": "xen\n", "sys/hypervisor/version/extra": ".0\n"},
    {"sys/hypervisor/type": "xen\n", "sys/hypervisor/uuid": "ec2c5773-0000-4000-8000-000000000001\n"},
    {"sys/class/dmi/id/sys_vendor": "Xen\n", "sys/class/dmi/id/product_uuid": "ec2c5773-0000-4000-8000-000000000001\n"},
    {"sys/class/dmi/id/sys_vendor": "QEMU\n"}, {},
])  # fmt: skip
def test_it_is_not_asked_without_one(files: dict[str, str]) -> None:
    guest = Guest(files)
    assert read_imds(Source(guest)) is None
    assert guest.asked == []


NOT_EC2 = [name for name in corpus.MACHINES if corpus.expectation(name).get("cloud", "?") is None]


@pytest.mark.parametrize("name", NOT_EC2)
def test_a_machine_that_is_not_ec2s_sends_nothing(name: str) -> None:
    collectors = [collector for collector in COLLECTORS if collector.name == "imds"]
    (outcome,) = Runner(Bystander(corpus.tree(name)), 60.0).collect(collectors, 60.0).outcomes
    assert outcome.outcome == "absent", outcome


def test_the_user_may_want_it_or_not() -> None:
    guest = Guest({})
    guest.wanted = True
    assert present(read_imds(Source(guest))).system == "nitro"
    guest = Guest(SIGNS)
    guest.wanted = False
    assert read_imds(Source(guest)) is None
    assert guest.asked == []


def test_what_the_identity_document_tells_is_not_asked_again() -> None:
    guest = Guest(SIGNS)
    read_imds(Source(guest))
    assert f"{ROOT}/instance-type" not in guest.asked
    assert f"{ROOT}/kernel-id" not in guest.asked  # null there: an HVM image has none
    assert f"{ROOT}/ramdisk-id" in guest.asked
    assert len(guest.asked) == len(set(guest.asked))


def test_the_daemon_asks_each_minute_for_what_changes() -> None:
    guest = Guest(SIGNS)
    first = present(read_imds(Source(guest)))
    guest.now += 59
    assert again(guest, first) is first
    assert guest.asked == []
    guest.now += 1
    guest.answers[SPOT] = '{"action": "terminate", "time": "2017-09-18T08:22:00Z"}'
    second = again(guest, first)
    assert set(guest.asked) == CHANGING
    assert second.spot_action is not None
    assert (second.instance_type, second.requests, second.asked) == ("c5.large", first.requests + 4, guest.now)
    del guest.answers[SPOT]
    guest.now += 60
    assert again(guest, second).spot_action is None


def test_it_asks_less_while_the_card_drops_such_packets() -> None:
    guest = Guest(SIGNS)
    first = present(
        read_imds(
            Source(guest, Facts(ethtool=(DriverReport("eth0", "ena", counters={"linklocal_allowance_exceeded": 5}),)))
        )
    )
    guest.now += 60
    assert again(guest, first, {"linklocal_allowance_exceeded": 6}) is first
    guest.now += 240
    second = again(guest, first, {"linklocal_allowance_exceeded": 6})
    assert guest.asked
    guest.now += 60
    again(guest, second, {"linklocal_allowance_exceeded": 6})
    assert guest.asked, "no more were dropped since"


def test_a_clock_that_went_back_does_not_keep_it_from_asking() -> None:
    guest = Guest(SIGNS)
    first = present(read_imds(Source(guest)))
    guest.now -= 86_400
    again(guest, first)
    assert set(guest.asked) == CHANGING


def test_what_was_known_stays_when_the_service_falls_silent() -> None:
    guest = Guest(SIGNS)
    first = present(read_imds(Source(guest)))
    guest.now += 60
    guest.failure = NoService(SPOT, "unreachable", "no route")
    second = again(guest, first)
    assert second == replace(first, state="unreachable", tried=guest.now)
    guest.now += 60
    guest.failure = None
    assert again(guest, second).state == "ok"


def test_what_came_before_a_failure_is_kept() -> None:
    class Failing(Guest):
        def metadata(self, path: str) -> Metadata:
            if path == SPOT:
                raise NoService(path, "throttled", "too busy")
            return super().metadata(path)

    guest = Failing(SIGNS)
    found = present(read_imds(Source(guest)))
    assert (found.state, found.instance_type, found.asked) == ("throttled", "c5.large", guest.now)
    guest.now += 60
    assert again(guest, found).instance_type == "c5.large"
    assert DOCUMENT not in guest.asked, "it goes on where it was"


def test_a_slow_service_is_read_part_by_part_and_loses_nothing() -> None:
    class Slow(Guest):
        left = 0

        def begin_metadata(self, seconds: float) -> None:
            self.left = 8

        def metadata(self, path: str) -> Metadata:
            self.left -= 1
            if self.left < 0:
                raise NoService(path, "slow", "its answers took too long in all")
            return super().metadata(path)

    guest = Slow(SIGNS)
    known = present(read_imds(Source(guest)))
    states = [known.state]
    while known.parts < PARTS and len(states) < 10:
        guest.now += 300
        known = again(guest, known)
        states.append(known.state)
        assert len(guest.asked) <= 8
        assert known.instance_type == "c5.large"
    assert known.system == "nitro"
    assert states[:-1] == ["slow"] * (len(states) - 1)
    guest.now += 300
    assert again(guest, known).state == "ok"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_it_is_out_of_order_for_is_neither_absent_nor_over(status: int) -> None:
    class Broken(Guest):
        broken: tuple[str, ...] = (f"{ROOT}/system",)

        def metadata(self, path: str) -> Metadata:
            answer = super().metadata(path)
            return Metadata(status, "") if path in self.broken else answer

    guest = Broken(SIGNS)
    first = present(read_imds(Source(guest)))
    assert (first.state, first.system, first.parts) == ("ok", None, 2)
    guest.broken = ()
    guest.now += 300
    guest.answers[SPOT] = '{"action": "stop", "time": "2017-09-18T08:22:00Z"}'
    second = again(guest, first)
    assert (second.system, second.parts) == ("nitro", PARTS)
    guest.broken, guest.now = (SPOT,), guest.now + 60
    assert again(guest, second).spot_action == second.spot_action


def test_a_card_that_comes_or_goes_is_looked_up() -> None:
    guest = Guest(SIGNS)
    first = present(read_imds(Source(guest)))
    network = Network((NetworkDevice("eth1", "ena", "pci", address="0e:49:61:0f:c3:12"),))
    guest.answers[f"{ROOT}/network/interfaces/macs/"] = "0e:49:61:0f:c3:12/"
    guest.now += 60
    guest.asked.clear()
    second = present(read_imds(Source(guest, Facts(imds=first, network=network))))
    assert second.macs == ("0e:49:61:0f:c3:12",)
    guest.now += 60
    guest.asked.clear()
    read_imds(Source(guest, Facts(imds=second, network=network)))
    assert set(guest.asked) == CHANGING


def test_a_service_that_forbids_all_is_disabled_and_asked_again_later() -> None:
    class Forbidding(Guest):
        def metadata(self, path: str) -> Metadata:
            self.asked.append(path)
            return Metadata(403, "")

    guest = Forbidding(SIGNS)
    first = present(read_imds(Source(guest)))
    assert first.state == "disabled"
    guest.now += 299
    assert again(guest, first) is first
    guest.now += 1
    assert again(guest, first).state == "disabled"
    assert DOCUMENT in guest.asked, "once it is switched on, all is read"


@pytest.mark.parametrize("state", ["unreachable", "disabled", "hop_limit_suspected", "slow", "not_ec2"])
def test_why_there_is_no_answer_is_told(state: str) -> None:
    guest = Guest(SIGNS)
    guest.failure = NoService("/latest/api/token", state, "why")
    source = Source(guest)
    assert read_imds(source) == Imds(state, tried=guest.now)
    assert source.problems == []


def test_the_replay_of_a_failure_is_that_failure_with_all_that_came_before() -> None:
    class Failing(Guest):
        def metadata(self, path: str) -> Metadata:
            if path == SPOT:
                raise NoService(path, "slow", "too late")
            return super().metadata(path)

    recorder = Recorder(Failing(SIGNS))
    live = present(read_imds(Source(recorder)))
    assert (live.state, live.instance_type) == ("slow", "c5.large")
    again = present(read_imds(Source(replay(recorder.recording))))
    assert replace(again, asked=live.asked, tried=live.tried) == live


def test_what_was_announced_counts_though_the_service_fell_silent() -> None:
    facts = corpus.facts(corpus.host("D20-ec2-c5large"))
    retired = ScheduledEvent("instance-retirement", "active", 1.0)
    for state in ("ok", "throttled"):
        imds = replace(present(facts.imds), maintenance=(retired,), state=state)
        found = evaluate(RULES, Case(reading_of(replace(facts, imds=imds))))
        assert "I01" in [finding.code for finding in found.findings], state


def test_a_kernel_that_has_frontends_talks_to_xen() -> None:
    facts = corpus.facts(corpus.host("pvhvm"))
    imds = Imds("ok", domain="amazonaws.com", system="xen", parts=PARTS)
    dmi = replace(present(facts.dmi), bios_version="4.11.amazon", sys_vendor="Xen")
    for xenbus, found in ((facts.xenbus, 0), (None, 1)):
        reading = reading_of(replace(facts, imds=imds, dmi=dmi, hypervisor=None, xenbus=xenbus))
        findings = evaluate(RULES, Case(reading)).findings
        assert [finding.code for finding in findings].count("P05") == found, reading.verdict.cloud


def test_log_rules_on_nvme_are_loaded_for_a_disk_alone() -> None:
    reading = reading_of(Facts(block_devices=(BlockDevice("nvme0n1", "nvme", "pci"),)))
    assert "L39" in {rule.code for rule in topics.relevant(reading, ())}
