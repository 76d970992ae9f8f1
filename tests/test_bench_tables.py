"""The bench's arithmetic, its table, and the page that it writes."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import files, growth, page
from tests.bench.__main__ import SECTIONS, summary
from tests.bench.commands import PEERS, TABLE
from tests.bench.rows import BUSY, Row, Section, absent, ratio, table
from tests.bench.run import Sample, quantile
from virt_collectors.host import initramfs

FAST, SLOW = Sample((1.0, 2.0, 4.0)), Sample((2.0, 8.0, 4.0))
FIGURES = st.lists(st.floats(0.001, 1e6), min_size=1)


def row(value: float, aim: float | None = None, limit: float | None = None) -> Row:
    return Row("--it", Sample((value,)), aim=aim, limit=limit)


def test_ratios_are_made_turn_by_turn() -> None:
    assert FAST.over(SLOW).values == (0.5, 0.25, 1.0)
    assert FAST.over(SLOW).median == 0.5  # that of the medians


def test_differences_are_made_turn_by_turn() -> None:
    assert SLOW.beyond(FAST).times(1000).values == (1000.0, 6000.0, 0.0)


@given(FIGURES, st.floats(0.0, 1.0))
def test_so_large_a_share_is_not_above_its_quantile(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) <= share * len(values)


def test_the_highest_of_a_hundred_is_beyond_the_99th() -> None:
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile(range(1, 101), 1.0) == 100
    assert quantile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(
    ("one", "met", "over", "judged"),
    [
        (row(2.5, 2.5, 3.0), True, False, "met"),
        (row(2.9, 2.5, 3.0), False, False, "not met"),
        (row(3.1, 2.5, 3.0), False, True, "OVER THE LIMIT"),
        (row(9.0), None, False, ""),
        (row(9.0, limit=8.0), None, True, "OVER THE LIMIT"),
        (row(0.0, limit=0.0), None, False, ""),
        (absent("--it", "a peer"), None, False, "not installed"),
    ],
)
def test_a_row_is_judged_by_its_median(one: Row, met: bool | None, over: bool, judged: str) -> None:
    assert (one.met, one.over, one.judged()) == (met, over, judged)
    assert one.cells()[-1] == judged


def test_a_limit_stands_above_its_aim() -> None:
    one = ratio("it", "peer", {"it": SLOW, "peer": FAST}, 2.0)
    assert one.limit == 2.0 * BUSY
    assert one.over is False
    assert ratio("it", "peer", {"it": SLOW, "peer": FAST}).limit is None


def test_the_table_has_a_column_for_each_cell() -> None:
    rows = [ratio("it", "peer", {"it": SLOW, "peer": FAST}, 2.0), absent("it", "another")]
    head, first, second = table(rows).splitlines()
    assert " ".join(first.split()) == "it peer 4000.0 ms 2000.0 ms 2.00 x 1.50 - 3.00 <= 2 x <= 2.5 x met"
    assert " ".join(second.split()) == "it another not installed"
    assert head.index("AIM") == first.index("<= 2 x")
    assert first.index("met") == second.index("not installed")


def test_amounts_have_their_unit() -> None:
    assert row(1.5)._replace(mine=30.0, peer=20.0, amounts="MB").cells()[2:4] == ("30.0 MB", "20.0 MB")


def test_a_row_is_json() -> None:
    assert json.loads(json.dumps(row(1.0, 2.0).plain()))["met"] is True
    assert json.loads(json.dumps(absent("--it", "a peer").plain()))["value"] is None


def test_the_summary_counts_aims_and_limits() -> None:
    assert summary([row(1, 2, 3), row(2.5, 2, 3), row(4, 2, 3), row(4)]) == "1 of 3 aims met, 1 beyond the limit"


def test_every_peer_is_compared() -> None:
    against = {compared.against for compared in TABLE}
    assert set(PEERS) < against
    assert len(TABLE) == len({compared[:2] for compared in TABLE})


@pytest.mark.parametrize(("exponent", "over"), [(1.0, False), (1.1, False), (1.5, True), (2.0, True)])
def test_growth_faster_than_the_number_of_devices_is_over_the_limit(exponent: float, over: bool) -> None:
    costs = [Sample((0.05 + 0.001 * size**exponent,) * 3) for size in growth.SIZES]
    assert growth.further("disk", *costs).over is over


def test_the_initramfs_is_one() -> None:
    names = initramfs.names(files.initramfs(), "boot/initrd.img")
    assert len(names) == 1500
    assert names[0].endswith("/module-0000.ko")


# the page


def document(directory: pathlib.Path) -> pathlib.Path:
    made = directory / "performance.md"
    made.write_text(
        "# Cost\n\n<!-- table one -->\nold\n<!-- end -->\n\nprose\n\n<!-- table two -->\nolder\n<!-- end -->\n"
    )
    return made


def test_a_section_stands_between_its_marks_and_the_others_stay(tmp_path: pathlib.Path) -> None:
    made = document(tmp_path)
    page.write("A machine", [Section("one", [row(2.9, 2.5, 3.0)])], made)
    before, _, after = made.read_text().partition("prose")
    assert "A machine" in before
    assert "| `--it` |  |  |  | 2.90 x |  | <= 2.5 x | <= 3 x | not met |" in before
    assert "old\n" not in before
    assert after == "\n\n<!-- table two -->\nolder\n<!-- end -->\n"


def test_writing_twice_leaves_one_table(tmp_path: pathlib.Path) -> None:
    made = document(tmp_path)
    for _ in range(2):
        page.write("A machine", [Section("two", [row(1.0)])], made)
    assert made.read_text().count("A machine") == 1


@pytest.mark.parametrize("text", ["", "<!-- table one -->", "<!-- end -->\n<!-- table one -->"])
def test_a_document_without_the_marks_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is missing"):
        page.between(text, "<!-- table one -->", "x")


def test_the_document_has_a_table_for_each_section() -> None:
    text = page.DOCUMENT.read_text()
    for name in SECTIONS:
        assert page.between(text, f"<!-- table {name} -->", "written") != text
