"""The metrics of network drivers: what is exported, what is not, and how many series that makes."""

from __future__ import annotations

import pytest

from tests.test_rules_ena import CARD, FACTS, STILL
from virt_agent import report
from virt_agent.metrics import ena, render
from virt_agent.observe import reading_of
from virt_agent.rules.evaluate import Judgement
from virt_agent.selection import Selection
from virt_collectors.ethtool import DriverReport, counters
from virt_collectors.record import replace


def reported(*cards: DriverReport) -> report.Report:
    return report.make(reading_of(replace(FACTS, ethtool=cards)), Judgement((), {}), (), Selection())


def exported(card: DriverReport) -> dict[str, float]:
    found = ena.samples(reported(card), None)
    return {f"{name.removeprefix('virt_')}{{{','.join(labels)}}}": value for name, labels, value in found}


def card(driver: str, statistics: dict[str, int]) -> DriverReport:
    return DriverReport("eth0", driver, counters=counters(driver, statistics))


def test_all_that_ena_can_count_is_twelve_series_and_two_for_express() -> None:
    express, without = exported(CARD), exported(replace(CARD, counters={**STILL, "ena_srd_mode": 0}))
    assert (len(without), len(express)) == (12, 14)
    assert set(express) - set(without) == {
        "ena_srd_eligible_packets_total{ens5}",
        "ena_srd_transmitted_packets_total{ens5}",
    }


def test_names_labels_and_values() -> None:
    statistics = {
        "wd_expired": 1,
        "total_resets": 2,
        "bw_in_allowance_exceeded": 3,
        "linklocal_allowance_exceeded": 4,
        "conntrack_allowance_available": 5,
        "tx_timeout": 6,
        "queue_0_tx_missed_tx": 7,
        "queue_1_tx_missed_tx": 8,
        "queue_0_rx_page_alloc_fail": 9,
        "queue_3_rx_empty_rx_ring": 10,
        "admin_q_pause": 11,
        "queue_0_rx_bad_req_id": 12,
    }
    assert exported(card("ena", statistics)) == {
        "ena_watchdog_expirations_total{eth0}": 1,
        "ena_resets_total{eth0}": 2,
        "ena_allowance_exceeded_packets_total{eth0,bw_in}": 3,
        "ena_allowance_exceeded_packets_total{eth0,linklocal}": 4,
        "ena_conntrack_available_connections{eth0}": 5,
        "network_driver_errors_total{eth0,tx_timeout}": 6,
        "network_driver_errors_total{eth0,late_completion}": 15,
        "network_driver_errors_total{eth0,memory}": 19,
        "network_driver_errors_total{eth0,device}": 23,
    }


@pytest.mark.parametrize(
    ("driver", "statistics", "expected"),
    [
        ("virtio_net", {"tx0_tx_timeouts": 0}, {"network_driver_errors_total{eth0,tx_timeout}": 0}),
        ("ixgbevf", {"tx_timeout_count": 2}, {"network_driver_errors_total{eth0,tx_timeout}": 2}),
        ("vif", {"rx_gso_checksum_fixup": 1}, {}),
        ("mlx5_core", {"tx_timeout": 1}, {}),
    ],
)
def test_what_a_driver_does_not_offer_has_no_series(
    driver: str, statistics: dict[str, int], expected: dict[str, float]
) -> None:
    assert exported(card(driver, statistics)) == expected


def test_no_report_no_series() -> None:
    assert list(ena.samples(reported(), None)) == []
    assert (
        list(
            ena.samples(report.make(reading_of(replace(FACTS, ethtool=None)), Judgement((), {}), (), Selection()), None)
        )
        == []
    )


def test_the_exposition_has_them_with_their_types() -> None:
    text = render(reported(CARD)).decode()
    assert 'virt_ena_allowance_exceeded_packets_total{allowance="bw_in",device="ens5"} 3.0' in text
    assert "# TYPE virt_ena_conntrack_available_connections gauge" in text
    for definition in ena.METRICS:
        assert f"# TYPE {definition.name} {definition.type}" in text
        assert (definition.type == "counter") == definition.name.endswith("_total")
