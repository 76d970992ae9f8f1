"""The promise to whoever pays for the series: 200 for two disks and one card, 8 for each more disk, 12 for each more card."""

from __future__ import annotations

import pytest

from tests.fleet.kinds import ENA_COUNTERS, KINDS, Kind, reported, watched
from tests.test_rules_ena import CARD
from virt_agent import metrics
from virt_agent.metrics.definition import Watched
from virt_agent.report import Report
from virt_collectors.facts import Facts
from virt_collectors.imds_events import ScheduledEvent
from virt_collectors.record import replace

BASE, PER_DISK, PER_CARD = 200, 8, 12
# As many cards as an EC2 instance may have, and more disks than most
MACHINES = [(2, 1), (1, 1), (3, 1), (8, 1), (26, 1), (2, 2), (2, 4), (2, 15), (8, 8)]


def series(report: Report, told: Watched) -> int:
    """As a scraping Prometheus would count them."""
    return sum(len(family.samples) for family in metrics.families(report, told))


def of(facts: Facts) -> int:
    return series(reported(facts), watched(facts))


@pytest.mark.parametrize(("disks", "cards"), MACHINES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_guest_has_more_series_than_its_devices_pay_for(kind: Kind, disks: int, cards: int) -> None:
    assert of(kind.facts(disks, cards)) <= BASE + PER_DISK * max(disks - 2, 0) + PER_CARD * max(cards - 1, 0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_further_device_keeps_to_its_own(kind: Kind) -> None:
    usual = of(kind.facts(2, 1))
    assert 0 < of(kind.facts(3, 1)) - usual <= PER_DISK
    assert 0 < of(kind.facts(2, 2)) - usual <= PER_CARD


def test_an_announcement_is_one_series_more() -> None:
    """A maintenance, a rebalance recommendation: for the days that they last."""
    facts = KINDS[0].facts()
    assert facts.imds
    reboot = ScheduledEvent("system-reboot", "active", 1.8e9)
    announced = replace(facts, imds=replace(facts.imds, maintenance=(reboot,), rebalance_time=1.76e9))
    assert of(announced) - of(facts) == 2


def test_the_kinds_have_what_costs_most() -> None:
    """Lest the budget hold for guests that tell little."""
    facts = KINDS[0].facts()
    names = [sample.name for family in metrics.families(reported(facts), watched(facts)) for sample in family.samples]
    assert names.count("virt_ebs_limit_exceeded_seconds_total") == 4 * 2
    assert names.count("virt_ena_allowance_exceeded_packets_total") == 5
    assert names.count("virt_network_driver_errors_total") == 4
    assert names.count("virt_kernel_log_events_total") > 20
    assert names.count("virt_rule_state") > 60
    assert set(CARD.counters) == set(ENA_COUNTERS)


def test_a_guest_with_thousands_of_devices_stays_below_the_cap() -> None:
    """What is left out is counted, and is of devices."""
    facts = KINDS[0].facts(400, 15)
    report, told = reported(facts), watched(facts)
    values = {s.name: s.value for family in metrics.families(report, told) for s in family.samples}
    assert series(report, told) == metrics.CAP + 1
    assert values["virt_agent_series_dropped"] == len(list(metrics.samples(report, told))) - metrics.CAP > 0
    assert "virt_check_status" in values
