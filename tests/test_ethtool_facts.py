"""Drivers' answers as facts: the collector, the names of counters, recordings and their replay."""

from __future__ import annotations

import contextlib
import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import machines
from tests.test_ethtool import cards
from virt_collectors import ethtool as collector
from virt_collectors.errors import Malformed, SourceError, refusal
from virt_collectors.ethtool import DriverReport, counters, read_ethtool
from virt_collectors.host import Ethtool, Host, archive
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost, recorded_ethtool
from virt_collectors.host.tree import MemoryTree
from virt_collectors.record import plain
from virt_collectors.redact import redact
from virt_collectors.source import Source


class Answering(Host):
    """An interface with a device, whose driver answers as given."""

    def __init__(self, base: SnapshotHost, answer: Ethtool | SourceError) -> None:
        self._base, self._answer = base, answer

    def attribute(self, path: str) -> bytes:
        return self._base.attribute(path)

    def names(self, path: str) -> list[str]:
        return self._base.names(path)

    def link(self, path: str) -> str:
        return self._base.link(path)

    def real(self, path: str) -> str:
        return self._base.real(path)

    def exists(self, path: str) -> bool:
        return self._base.exists(path)

    def ethtool(self, interface: str) -> Ethtool:
        if isinstance(self._answer, SourceError):
            raise self._answer
        return self._answer


def card(tmp_path: pathlib.Path, files: machines.Files | None = None) -> SnapshotHost:
    found = machines.interface("ens5", "pci0000:00/0000:00:05.0") | machines.interface("br0", "virtual")
    return machines.machine(tmp_path, {**found, **(files or {})})


BARS = (
    "0x00000000febf8000 0x00000000febfbfff 0x0000000000040200\n"
    "{}\n"
    "0x00000000fea00000 0x00000000feafffff 0x0000000000042208\n"
)
USED, UNUSED = "0x00000000febfc000 0x00000000febfdfff 0x0000000000040200", "0x0 0x0 0x0"


@pytest.mark.parametrize(("bar", "expected"), [(USED, True), (UNUSED, False)])
def test_a_report_has_the_counters_by_our_names_and_the_devices_version(
    tmp_path: pathlib.Path, bar: str, expected: bool
) -> None:
    base = card(tmp_path, {"sys/devices/pci0000:00/0000:00:05.0/resource": BARS.format(bar)})
    answer = Ethtool(driver="ena", version="6.8.0-1021-aws", statistics={"wd_expired": 2, "suspend": 5})
    source = Source(Answering(base, answer))
    (report,) = machines.present(read_ethtool(source))
    assert report == DriverReport("ens5", "ena", "6.8.0-1021-aws", counters={"wd_expired": 2}, second_bar=expected)
    assert source.problems == []


def test_a_place_of_a_bar_without_its_form_is_a_problem(tmp_path: pathlib.Path) -> None:
    base = card(tmp_path, {"sys/devices/pci0000:00/0000:00:05.0/resource": "x\ny\nz\n"})
    source = Source(Answering(base, Ethtool(driver="ena")))
    assert [one.second_bar for one in machines.present(read_ethtool(source))] == [None]
    assert machines.problems(source) == ["sys/class/net/ens5/device/resource MALFORMED"]


@pytest.mark.parametrize(("code", "loud"), [("EOPNOTSUPP", False), ("ENODEV", False), ("EPERM", True), ("EIO", True)])
def test_no_ethtool_is_quiet_and_a_refusal_is_not(tmp_path: pathlib.Path, code: str, loud: bool) -> None:
    source = Source(Answering(card(tmp_path), refusal("ethtool:ens5", code)))
    assert read_ethtool(source) is None
    assert machines.problems(source) == ([f"ethtool:ens5 {code}"] if loud else [])


# names of counters

ENA_54 = {
    "tx_timeout": 1, "wd_expired": 2, "bw_in_allowance_exceeded": 3, "queue_0_tx_missed_tx": 4, "queue_0_rx_bad_csum": 5,
    "queue_1_tx_missed_tx": 6, "queue_1_rx_bad_csum": 7, "queue_1_rx_dma_mapping_err": 8, "queue_1_tx_dma_mapping_err": 9,
    "ena_admin_q_no_completion": 10, "queue_10_tx_cnt": 11, "suspend": 12,
}  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "statistics", "expected"),
    [
        ("ena", ENA_54, {"tx_timeout": 1, "wd_expired": 2, "bw_in_allowance_exceeded": 3, "missed_tx": 10, "csum_bad": 12,
                         "dma_mapping_err": 17, "admin_q_no_completion": 10}),
        ("ena", {"queue_0_rx_csum_bad": 1, "queue_31_rx_csum_bad": 2, "queue_32_xdp_tx_missed_tx": 3},
         {"csum_bad": 3, "missed_tx": 3}),
        ("ena", {"phc_cnt": 9, "phc_err_dv": 1, "phc_err_ts": 2, "phc_err_eb": 3}, {"phc_cnt": 9, "phc_errors": 6}),
        ("ena", {"phc_err": 4}, {"phc_errors": 4}),
        ("ena", {"queue__rx_csum_bad": 1, "queue_x_rx_csum_bad": 1, "queue_\u0663_rx_csum_bad": 1, "rx_csum_bad": 1}, {}),
        ("virtio_net", {"tx_queue_0_tx_timeouts": 1, "tx_queue_1_tx_timeouts": 2, "rx_queue_0_drops": 3}, {"tx_timeout": 3}),
        ("virtio_net", {"tx_tx_timeouts": 3, "tx0_tx_timeouts": 1, "tx1_tx_timeouts": 2}, {"tx_timeout": 3}),
        ("ixgbevf", {"tx_timeout_count": 1, "rx_csum_offload_errors": 2, "tx_busy": 3}, {"tx_timeout": 1, "csum_bad": 2}),
        ("vif", {"rx_gso_checksum_fixup": 7}, {"rx_gso_checksum_fixup": 7}),
        ("mlx5_core", {"tx_timeout": 1, "wd_expired": 1}, {}),
        ("", {"tx_timeout": 1}, {}),
    ],
)  # fmt: skip
def test_counters_of_all_spellings_have_one_name(
    driver: str, statistics: dict[str, int], expected: dict[str, int]
) -> None:
    assert counters(driver, statistics) == expected


WORDS = st.sampled_from(
    ["queue_", "tx_", "rx_", "0", "12", "tx_missed_tx", "csum_bad", "wd_expired", "_", "tx", "\u0663"]
)
NAMES = st.one_of(st.text(max_size=32), st.lists(WORDS, max_size=5).map("".join))


@given(
    st.sampled_from([*collector._DEVICE, *collector._QUEUE, "e1000"]), st.dictionaries(NAMES, st.integers(0, 2**64 - 1))
)
def test_counters_of_any_name_are_added_up_and_never_invented(driver: str, statistics: dict[str, int]) -> None:
    found = counters(driver, statistics)
    assert sum(found.values()) <= sum(statistics.values())
    assert set(found) <= {*collector._DEVICE.get(driver, {}).values(), *collector._QUEUE.get(driver, {}).values()}


# recorded

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.one_of(st.sampled_from(Ethtool.fields), st.text(max_size=8)), JSON))
def test_any_recorded_answer_is_an_answer_or_malformed(answer: dict[str, object]) -> None:
    with contextlib.suppress(Malformed):
        found = recorded_ethtool("virt-agent/ethtool/x.json", answer)
        assert recorded_ethtool("x", json.loads(json.dumps(plain(found)))) == found
        assert all(0 <= value < 2**64 for value in found.statistics.values())


def test_the_collector_runs_in_the_walkers_thread() -> None:
    collection = machines.collect(LiveHost(), "ethtool")
    assert [outcome.outcome for outcome in collection.outcomes] == ["ok" if collection.facts.ethtool else "absent"]


@pytest.mark.parametrize("number", [-1, 2**64, 10**400, 1.5, True, "7", None])
def test_a_counter_that_no_kernel_has_is_malformed(number: object) -> None:
    with pytest.raises(Malformed):
        recorded_ethtool("x", {"statistics": {"a": number}})


def replayed(recorder: Recorder) -> SnapshotHost:
    tree = MemoryTree()
    for path, entry in archive.entries(recorder.recording, "1", None).items():
        tree.add(path, entry)
    return SnapshotHost(tree)


def test_a_recording_of_the_live_drivers_replays_the_same() -> None:
    recorder = Recorder(LiveHost())
    live = read_ethtool(Source(recorder))
    assert read_ethtool(Source(replayed(recorder))) == live
    assert len(live or ()) <= len(cards())


@pytest.mark.parametrize("code", ["EOPNOTSUPP", "EPERM"])
def test_a_recorded_refusal_is_refused_again(tmp_path: pathlib.Path, code: str) -> None:
    recorder = Recorder(Answering(card(tmp_path), refusal("ethtool:ens5", code)))
    outcomes = []
    for host in (recorder, None):
        source = Source(host or replayed(recorder))
        outcomes.append((read_ethtool(source), source.unreadable, machines.problems(source)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1] == {"ethtool:ens5": code}


def test_a_redacted_recording_keeps_the_counters() -> None:
    recorder = Recorder(LiveHost())
    odd = {"wd_expired": 1, "owner@example.com": 2, "rx/02:42:ac:11:00:02": 3, "tab\t": 4}
    recorder.recording.ethtool["eth0"] = Ethtool("ena", "2.13.3g", "0000:00:05.0", statistics=odd, scatter_gather=False)
    clean, counts = redact(recorder.recording)
    answer = clean.ethtool["eth0"]
    assert (answer.driver, answer.version, answer.bus_info, answer.scatter_gather) == (
        "ena",
        "2.13.3g",
        "0000:00:05.0",
        False,
    )
    assert answer.statistics["wd_expired"] == 1
    assert not any("02:42:ac:11:00:02" in name or "@" in name or "\t" in name for name in answer.statistics)
    assert counts["driver counters dropped"] == 2
