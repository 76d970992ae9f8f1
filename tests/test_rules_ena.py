"""E01 to E18: each fires on a guest with the illness, and is silent on the same guest without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests import corpus
from virt_agent.observe import reading_of
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import Judgement, evaluate
from virt_agent.rules.form import Case, Reading
from virt_agent.rules.network import driver_counters, ena_driver
from virt_agent.selection import Selection
from virt_collectors.ethtool import ALLOWANCES, RESET_REASONS, DriverReport
from virt_collectors.facts import Facts
from virt_collectors.network import NetworkDevice
from virt_collectors.record import replace
from virt_collectors.system import System

SAME = (
    *(*RESET_REASONS, *(f"{name}_allowance_exceeded" for name in ALLOWANCES)),
    *("wd_expired", "tx_timeout", "admin_q_pause", "total_resets", "admin_q_no_completion"),
    *("missed_tx", "dma_mapping_err", "prepare_ctx_err", "bad_req_id", "bad_desc_num", "csum_bad"),
    *("page_alloc_fail", "skb_alloc_fail", "refil_partial", "empty_rx_ring", "phc_errors"),
)
STILL = {
    **dict.fromkeys(SAME, 3),
    "reset_fail": 0,
    "conntrack_allowance_available": 100_000,
    "ena_srd_mode": 3,
    "ena_srd_tx_pkts": 90_000,
    "ena_srd_eligible_tx_pkts": 100_000,
    "phc_cnt": 10_000,
    "phc_exp": 0,
    "phc_skp": 0,
}
KERNEL = "5.4.0-1103-aws"
CARD = DriverReport("ens5", "ena", "2.13.3g", counters=STILL, second_bar=True)
FACTS = corpus.facts(corpus.host("D20-ec2-c5large"))


def guest(card: DriverReport = CARD, kernel: str = KERNEL, nic: dict[str, bool | str] | None = None) -> Reading:
    """A Nitro guest with one ENA card."""
    device = replace(NetworkDevice("ens5", "ena", "pci", default_route=True), **(nic or {}))
    network = replace(FACTS.network, devices=(device,)) if FACTS.network else None
    system = replace(FACTS.system or System(), kernel=kernel)
    return reading_of(replace(FACTS, network=network, ethtool=(card,), system=system))


def counting(**counters: int) -> Reading:
    return guest(replace(CARD, counters={**STILL, **counters}))


def over_time(readings: Iterable[Reading], seconds: float = 15.0, patient: bool = True) -> Case:
    """Readings so far apart, as a daemon keeps them."""
    timed = [replace(reading, monotonic=100.0 + seconds * number) for number, reading in enumerate(readings)]
    before, first = (timed[-2], timed[0]) if len(timed) > 1 else (None, None)
    return Case(timed[-1], before, first, tuple(timed[:-1]), patient=patient)


class Illness(NamedTuple):
    """Readings of the sick and of the healthy guest, and who is found how bad."""

    sick: tuple[Reading, ...]
    healthy: tuple[Reading, ...]
    subject: str = "ens5"
    severity: str = "warning"


QUIET = (counting(),) * 7
OLD = replace(CARD, version="2.1.4g", counters={"wd_expired": 0}, second_bar=False)
SRD = ("ena_srd_eligible_tx_pkts", "ena_srd_tx_pkts")


def grew(*names: str, severity: str = "warning", by: int = 1) -> Illness:
    """Once, two readings ago."""
    after = counting(**{name: STILL[name] + by for name in names})
    return Illness((*QUIET, after, after), QUIET, severity=severity)


def grows(name: str, severity: str, times: int = 3) -> Illness:
    """So often in the last five steps; healthy: once less."""
    rising = [counting(**{name: STILL[name] + n}) for n in range(times + 1)]
    return Illness((*QUIET, *rising), (*QUIET, *rising[:-1]), severity=severity)


ILLNESSES: dict[str, Illness] = {
    "E01": grew("wd_expired"),
    "E02": grew("reset_fail"),
    "E03": grew("total_resets", "missing_intr", by=3),
    "E04": grew("tx_timeout"),
    "E05": grew("admin_q_pause"),
    "E06": grows("missed_tx", "warning"),
    "E07": grows("bw_out_allowance_exceeded", "info"),
    "E08": grows("pps_allowance_exceeded", "info"),
    "E09": grew("conntrack_allowance_exceeded", severity="info"),
    "E10": Illness((*QUIET, counting(conntrack_allowance_available=9_999)),
                   (*QUIET, counting(conntrack_allowance_available=10_000)), severity="info"),
    "E11": grew("linklocal_allowance_exceeded", severity="info"),
    "E12": grew("empty_rx_ring"),
    "E13": grew("dma_mapping_err"),
    "E14": Illness((*QUIET, counting(csum_bad=3 + 7 * 15 + 1)), (*QUIET, counting(csum_bad=3 + 7 * 15))),
    "E15": Illness((counting(),) * 30 + (counting(**dict(zip(SRD, (110_000, 94_000), strict=True))),),
                   (counting(),) * 30 + (counting(**dict(zip(SRD, (110_000, 96_000), strict=True))),), severity="info"),
    "E16": Illness((guest(OLD),), (guest(),), severity="info"),
    "E17": Illness((guest(replace(CARD, version="2.1.0K"), "5.4.0-1024-aws"),),
                   (guest(replace(CARD, version="2.1.0K"), "5.4.0-1025-aws"),)),
    "E18": Illness((*QUIET, counting(phc_cnt=10_098, phc_errors=5)), (*QUIET, counting(phc_cnt=10_099, phc_errors=4))),
}  # fmt: skip


def sick(code: str) -> Case:
    return over_time(ILLNESSES[code].sick)


def healthy(code: str) -> Case:
    return over_time(ILLNESSES[code].healthy)


def judged(case: Case, code: str, settings: dict[str, float] | None = None) -> Judgement:
    rule = rules.find(code)
    assert rule is not None
    return evaluate((rule,), case, selection=Selection(settings=settings or {}))


def test_every_ena_rule_has_an_illness() -> None:
    assert set(ILLNESSES) == {rule.code for rule in rules.RULES if rule.code[0] == "E"}


@pytest.mark.parametrize("code", sorted(ILLNESSES))
def test_rule_finds_its_illness_and_nothing_on_the_healthy(code: str) -> None:
    illness, found = ILLNESSES[code], judged(sick(code), code)
    assert [(f.code, f.subject, f.severity) for f in found.findings] == [(code, illness.subject, illness.severity)]
    assert all(f.evidence and f.remedy and f.summary.isascii() for f in found.findings)
    assert all(line and line.isascii() and "|" not in line for f in found.findings for line in f.evidence)
    assert found.states[code] == illness.severity
    well = judged(healthy(code), code)
    assert (well.states[code], well.findings) == ("ok", ())


@pytest.mark.parametrize("code", sorted(set(ILLNESSES) - {"E02", "E16", "E17"}))
def test_one_reading_is_no_comparison(code: str) -> None:
    assert judged(over_time([sick(code).now]), code).states[code] == "not_sampled"


@pytest.mark.parametrize("code", sorted(set(ILLNESSES) - {"E03", "E16", "E17"}))
def test_two_readings_of_a_check_are_enough(code: str) -> None:
    """--sample: where no more will come, what grew in the only step counts."""
    case = over_time((ILLNESSES[code].sick[0], ILLNESSES[code].sick[-1]), seconds=2.0, patient=False)
    assert judged(case, code).states[code] == ILLNESSES[code].severity


@pytest.mark.parametrize("code", ["E01", "E02", "E04", "E05", "E09", "E11", "E12", "E13"])
def test_an_event_is_told_for_as_long_as_configured(code: str) -> None:
    counter = {"E01": "wd_expired", "E02": "reset_fail", "E04": "tx_timeout", "E05": "admin_q_no_completion",
               "E09": "conntrack_allowance_exceeded", "E11": "linklocal_allowance_exceeded", "E12": "refil_partial",
               "E13": "bad_tx_req_id"}[code]  # fmt: skip
    event = counting(**{counter: STILL[counter] + 1})
    case = over_time((counting(), *(event,) * 9), seconds=60.0)
    assert judged(case, code).states[code] in ("warning", "info")
    assert judged(case, code, {f"{code}.window_minutes": 8.0}).states[code] == "ok"


def test_a_counter_that_began_anew_has_not_run_backwards() -> None:
    """A driver that was loaded again counts from 0: what it counted since is news, the rest is not."""
    assert judged(over_time((counting(wd_expired=9), counting(wd_expired=0))), "E01").states["E01"] == "ok"
    assert judged(over_time((counting(wd_expired=9), counting(wd_expired=1))), "E01").states["E01"] == "warning"


@pytest.mark.parametrize(("nic", "severity"), [({"carrier": False}, "critical"), ({"operstate": "down"}, "critical"),
                                               ({"carrier": False, "default_route": False}, "ok"), ({"carrier": True}, "ok")])  # fmt: skip
def test_a_failed_reset_is_critical_where_the_card_in_use_is_dead(nic: dict[str, bool | str], severity: str) -> None:
    """Long after the counter grew, and with a single reading."""
    dead = guest(replace(CARD, counters={**STILL, "reset_fail": 1}), nic=nic)
    assert judged(over_time((dead,)), "E02").states["E02"] == severity
    assert judged(over_time((dead,) * 5), "E02").states["E02"] == severity


def test_a_link_that_was_down_for_one_reading_is_not_dead() -> None:
    failed = replace(CARD, counters={**STILL, "reset_fail": 1})
    assert judged(over_time((guest(failed), guest(failed, nic={"carrier": False}))), "E02").states["E02"] == "ok"


def test_three_resets_in_three_days_are_not_too_many() -> None:
    few = over_time((counting(), counting(total_resets=6)), seconds=3 * 86_400)
    many = over_time((counting(), counting(total_resets=12)), seconds=3 * 86_400)
    assert judged(few, "E03").states["E03"] == "ok"
    assert judged(many, "E03").states["E03"] == "warning"
    assert "missing_intr +3" in judged(sick("E03"), "E03").findings[0].evidence[1]


def test_missed_packets_of_an_old_driver_are_a_gauge() -> None:
    """Before 5.9 the driver set missed_tx anew at each look."""
    waves = [counting(missed_tx=n) for n in (0, 4, 0, 4, 0, 4)]
    assert judged(over_time(waves), "E06").states["E06"] == "warning"
    assert judged(over_time([counting(missed_tx=n) for n in (0, 4, 0, 0, 0, 0)]), "E06").states["E06"] == "ok"


@pytest.mark.parametrize("mode", [0, 2])
def test_ena_express_that_is_off_is_not_judged(mode: int) -> None:
    assert "E15" not in judged(over_time([counting(ena_srd_mode=mode)] * 2), "E15").states


@pytest.mark.parametrize(
    ("version", "kernel", "state"),
    [
        ("2.2.9g", "5.15.0-1001-aws", "info"),
        ("2.2.10", "5.15.0-1001-aws", "ok"),
        ("2.2.11g", "5.15.0-1001-aws", "ok"),
        ("1.5.0K", "4.15.0-1021-aws", "info"),
        ("5.15.0-1001-aws", "5.15.0-1001-aws", None),
        ("5.4.0", "5.4.0", None),
        (None, "5.15.0-1001-aws", None),
        ("2.x.9", "5.15.0-1001-aws", None),
    ],
)
def test_the_drivers_own_version_is_compared_and_the_kernels_is_not(
    version: str | None, kernel: str, state: str | None
) -> None:
    now = guest(replace(OLD, version=version), kernel)
    assert judged(over_time((now,)), "E16").states.get("E16") == state


def test_an_old_version_that_counts_allowances_was_brought_up_to_date() -> None:
    now = guest(replace(OLD, version="2.1.0K", counters=STILL))
    assert judged(over_time((now,)), "E16").states["E16"] == "ok"


@pytest.mark.parametrize(
    ("version", "kernel", "bar", "state"),
    [
        ("2.2.8g", "5.15.0-1001-aws", True, "warning"),
        ("2.2.9g", "5.4.0-1009-aws", True, "ok"),
        ("2.2.8g", "5.15.0-1001-aws", False, None),
        ("2.2.8g", "5.15.0-1001-aws", None, None),
        ("4.18.0-240.el8.x86_64", "4.18.0-240.el8.x86_64", True, "warning"),
        ("4.18.0-240.1.1.el8_3.x86_64", "4.18.0-240.1.1.el8_3.x86_64", True, "ok"),
        ("4.18.0-553.16.1.el8_10.x86_64", "4.18.0-553.16.1.el8_10.x86_64", True, "ok"),
        ("2.2.3", "4.14.181-140.257.amzn2.x86_64", True, "warning"),
        ("2.2.10g", "4.14.186-146.268.amzn2.x86_64", True, "ok"),
        ("6.8.0-1021-aws", "6.8.0-1021-aws", True, None),
        ("5.4.0-42-generic", "5.4.0-42-generic", True, None),
        ("5.4.0-x-aws", "5.4.0-x-aws", True, "warning"),
    ],
)
def test_enav3_needs_a_driver_that_knows_it(version: str, kernel: str, bar: bool | None, state: str | None) -> None:
    now = guest(replace(CARD, version=version, second_bar=bar), kernel)
    assert judged(over_time((now,)), "E17").states.get("E17") == state


@pytest.mark.parametrize("text", ["", "2.2", "2.2.10.1", "2.2.1_0", "-1.2.3", "2..3", None, "2.2.10gg", "g"])
def test_what_is_no_version_is_none(text: str | None) -> None:
    assert ena_driver.version(text) in (None, (2, 2, 10))


def test_rules_apply_only_where_the_driver_has_the_counter() -> None:
    facts = replace(FACTS, ethtool=(DriverReport("eth0", "virtio_net", counters={"tx_timeout": 0}),))
    states = evaluate(rules.RULES, Case(reading_of(facts))).states
    assert [code for code in states if code[0] == "E"] == ["E04"]
    none = evaluate(rules.RULES, Case(reading_of(replace(FACTS, ethtool=None)))).states
    assert [code for code in none if code[0] == "E"] == []


def test_a_driver_that_refused_makes_its_rules_unknown_and_not_ok() -> None:
    refused = guest(replace(CARD, interface="ens6"))
    now = replace(refused, facts=replace(refused.facts, unreadable={"ethtool:ens5": "EIO"}))
    assert driver_counters.ena_refused(now)
    states = evaluate(rules.RULES, over_time((now, now)), broken=("ethtool",)).states
    assert {states[code] for code in ILLNESSES} == {"unknown"}
    blind = evaluate(rules.RULES, Case(reading_of(replace(FACTS, ethtool=None))), broken=("ethtool",)).states
    assert {blind[code] for code in ILLNESSES} == {"unknown"}


def test_only_the_sick_card_is_named() -> None:
    other = replace(CARD, interface="ens6", counters={**STILL, "wd_expired": 4})
    before, now = (
        reading_of(replace(FACTS, ethtool=(CARD, card))) for card in (replace(CARD, interface="ens6"), other)
    )
    found = judged(over_time((before, now)), "E01").findings
    assert [(f.subject, f.evidence) for f in found] == [("ens6", ("ethtool -S ens6: wd_expired +1 in 15 s",))]


def test_a_card_that_was_plugged_in_meanwhile_has_no_history() -> None:
    before = reading_of(replace(FACTS, ethtool=(CARD,)))
    now = reading_of(replace(FACTS, ethtool=(CARD, replace(CARD, interface="ens6"))))
    states = evaluate(rules.RULES, over_time((before, now))).states
    assert {states[code] for code in ILLNESSES if code != "E10"} <= {"ok"}


def test_facts_without_network_are_judged_too() -> None:
    empty = Facts(ethtool=(CARD,))
    assert judged(over_time((reading_of(empty),) * 2), "E01").states["E01"] == "ok"
