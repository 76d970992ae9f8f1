"""When the metadata service is asked, what for, and how often."""

from __future__ import annotations

import json

import pytest

from tests import corpus
from tests.machines import present
from virt_collectors.collect import COLLECTORS, Runner
from virt_collectors.errors import NoService
from virt_collectors.ethtool import DriverReport
from virt_collectors.facts import Facts
from virt_collectors.host import Metadata
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.imds import Imds, read_imds
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
    assert second == replace(first, state="unreachable")
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
    assert (found.state, found.instance_type, found.asked) == ("throttled", "c5.large", None)
    guest.asked.clear()
    read_imds(Source(guest, Facts(imds=found)))
    assert DOCUMENT in guest.asked, "it begins anew"


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
    assert read_imds(source) == Imds(state, asked=guest.now if state in ("slow", "disabled") else None)
    assert source.problems == []
