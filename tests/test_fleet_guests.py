"""The simulated fleet is made of guests that a real Prometheus would take for real ones, and no two alike."""

from __future__ import annotations

import collections
import pathlib

import hypothesis
import pytest
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from tests.fleet import page, panels
from tests.fleet.guests import ILL_SECONDS, ILL_SHARE, Guest
from tests.fleet.kinds import KINDS
from tests.fleet.simulator import Fleet
from virt_agent.metrics import METRICS

NOW = 1_790_000_000.0
COUNTERS = {definition.name for definition in METRICS if definition.type == "counter"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(guest: Guest, now: float) -> Samples:
    """As a strict parser sees them."""
    families = parse(guest.exposition(now).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_a_hundred_guests_have_the_shares_of_the_kinds() -> None:
    counted = collections.Counter(Guest(number, NOW).kind.name for number in range(300, 400))
    assert counted == {kind.name: kind.share for kind in KINDS}


def test_no_two_guests_have_one_identity() -> None:
    seen = [samples(Guest(number, NOW), NOW) for number in range(60)]
    identities = [labels for found in seen for name, labels in found if name == "virt_guest_identity_info"]
    volumes = [
        dict(labels)["volume_id"] for found in seen for name, labels in found if name == "virt_block_device_info"
    ]
    named = [volume for volume in volumes if volume]
    uuids = [dict(labels)["vm_uuid"] for labels in identities if dict(labels)["vm_uuid"]]
    assert len(set(uuids)) == len(uuids) > 40
    assert len(set(named)) == len(named) > 40
    assert len({Guest(number, NOW).instance for number in range(60)}) == 60


def test_series_stay_and_counters_never_fall_from_scrape_to_scrape() -> None:
    for number in range(40):
        guest = Guest(number, NOW)
        before, after = samples(guest, NOW + 1), samples(guest, NOW + 16)
        assert before.keys() == after.keys()
        assert all(after[key] >= before[key] for key in before if key[0] in COUNTERS)
        moved = {key[0] for key in before if after[key] != before[key]}
        assert {"virt_agent_collector_duration_seconds", "virt_agent_process_cpu_seconds_total"} <= moved


@hypothesis.given(st.integers(0, 100_000), st.integers(0, 10_000))
@hypothesis.settings(max_examples=30)
def test_each_guest_falls_ill_for_a_while_and_gets_well(number: int, at: int) -> None:
    guest = Guest(number, NOW)
    ill = [guest.ill(NOW + (at + turn) * ILL_SECONDS) for turn in range(ILL_SHARE)]
    assert ill.count(True) == 1


@pytest.mark.parametrize("name", ["ec2-nitro", "xen-pvhvm"])
def test_an_ill_guest_says_so_in_status_rule_and_device(name: str) -> None:
    guest = next(guest for guest in (Guest(number, NOW) for number in range(100)) if guest.kind.name == name)
    turn = next(turn for turn in range(ILL_SHARE) if guest.ill(NOW + turn * ILL_SECONDS))
    ill, well = (samples(guest, NOW + when * ILL_SECONDS) for when in (turn, turn + 1))
    assert (ill["virt_check_status", ()], well["virt_check_status", ()]) == (2, 0)
    code, device = ("V01", "virt_nvme_controller_live") if name == "ec2-nitro" else ("X02", "virt_xen_frontend_state")
    for found, state in ((ill, 3), (well, 0)):
        assert [
            value for (metric, labels), value in found.items() if ("code", code) in labels and "rule" in metric
        ] == [state]
    differ = [key for key in ill if key[0] == device and ill[key] != well[key]]
    assert len(differ) == 1


@pytest.mark.parametrize(
    "head", [b"GET /guest/3/metrics HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n", b"GET /guest/2/metrics HTTP/1.1\r\n"]
)
def test_only_guests_that_there_are_answer(head: bytes) -> None:
    answer = Fleet(3).answer(head + b"Host: x\r\n")
    known = b"/guest/2/" in head
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n" if known else b"HTTP/1.1 404 ")
    top, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in top
    assert body.endswith(b"# EOF\n") == known


def test_packed_answers_are_the_same_guest() -> None:
    top, _, body = Fleet(1).answer(b"GET /guest/0/metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n").partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in top
    assert len(body) < 8000


def test_every_query_of_the_dashboards_can_be_filled_in() -> None:
    asked = [query.expression for panel in panels.panels() for query in panel.queries]
    assert len(asked) > 50
    for text in asked:
        assert "$job" not in panels.filled(text, Guest(0, NOW).instance, 600)
    with pytest.raises(LookupError, match=r"\$team"):
        panels.filled('up{team="$team"}', "x", 600)


def test_the_document_has_a_place_for_what_is_measured(tmp_path: pathlib.Path) -> None:
    kept = page.DOCUMENT.read_text()
    copy = tmp_path / "scale.md"
    copy.write_text(kept)
    page.write({"measured": "| 1 |", "plan": "| 2 |"}, copy)
    page.write({"measured": "| 3 |"}, copy)
    written = copy.read_text()
    assert [word in written for word in ("| 1 |", "| 2 |", "| 3 |")] == [False, True, True]
    assert written.partition("<!--")[0] == kept.partition("<!--")[0]
    assert written.rpartition("-->")[2] == kept.rpartition("-->")[2]
