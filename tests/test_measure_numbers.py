"""What is told of values, the documents that hold them, and the verdict on two of them."""

from __future__ import annotations

import json
import random
import statistics
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import documents
from virt_agent.measure import compare, document, samples, text
from virt_agent.measure.document import Run, Unfit
from virt_agent.measure.figures import BOOT, FIGURES
from virt_agent.measure.rounds import Measured

SCHEMA = json.loads((documents.TOP / "agent/virt_agent/measure/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

values = st.lists(st.floats(0, 1e12, allow_nan=False), min_size=1, max_size=40)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["schema", "bench", "host", "values", "work", "syscall", "verdict"]), inner)
    ),
    max_leaves=12,
)


# Where they are: on which guest, how fast. A first-generation PV guest and its HVM successor, made up but for the
# IOPS of the old claim.
PV = {"work": 210, "clock": 330, "clock_syscall": 390, "syscall": 410, "vm_exit": 95, "page_fault": 2100,
      "disk_latency": 720, "disk_latency_p99": 1900, "disk_iops_1": 1300, "disk_iops_16": 4500, "boot_kernel": 3.1,
      "boot_initrd": 1.2, "boot_userspace": 14}  # fmt: skip
HVM = {"work": 210, "clock": 27, "clock_syscall": 190, "syscall": 120, "vm_exit": 1100, "page_fault": 640,
       "disk_latency": 700, "disk_latency_p99": 1850, "disk_iops_1": 1350, "disk_iops_16": 3800, "boot_kernel": 3.6,
       "boot_initrd": 1.1, "boot_userspace": 13}  # fmt: skip


def run(
    medians: dict[str, float],
    seed: int = 0,
    spread: float = 0.02,
    words: str = "xen pvhvm",
    instance_type: str = "m3.medium",
    **conditions: Any,
) -> Run:
    """A run of fifteen rounds around these medians."""
    dice = random.Random(seed)
    figures = {}
    for figure in FIGURES:
        median = medians.get(figure.name)
        if median is None:
            figures[figure.name] = Measured(reason="only EFI firmware tells it, by a boot loader that passes it on")
            continue
        count = 1 if figure.group == BOOT else 15
        figures[figure.name] = Measured(tuple(median * (1 + spread * dice.uniform(-1, 1)) for _ in range(count)))
    return Run(
        {"hostname": "db-17", "kernel": "5.15.0-203-generic", "architecture": "x86_64", "os": "Ubuntu 22.04.5 LTS",
         "processor": "Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz", "cpus": 1, "python": "3.10.12",
         "openssl": "OpenSSL 3.0.2 15 Mar 2022", "time": 1.7636e9, "uptime_seconds": 4000.0, "boot_id": f"b{seed}"},
        {"words": words, "headline": f"Xen {words.split()[1].upper()} guest, EC2 {instance_type} (xen)",
         "instance_type": instance_type, "hypervisor": "xen", "guest_mode": words.split()[1], "role": "guest",
         "cloud": "aws", "ec2_system": "xen", "container": None, "confidence": "high"},
        {"rounds": 15, "seconds": 6.1, "nice": 10, "load": 0.03, "cpu_wait_percent": 0.4, "io_wait_percent": None,
         "steal_percent": 0.1, "clocksource": "xen" if words == "xen pv" else "tsc", "forced": False, "busy": None,
         **conditions},
        {"directory": "/var/tmp", "file_system": "ext4", "device": "xvda1", "driver": "xen-blkfront",
         "volume_id": None, "file_bytes": 64 << 20},
        figures,
    )  # fmt: skip


def lot(medians: dict[str, float], count: int, **named: Any) -> tuple[Run, ...]:
    return tuple(run(medians, seed, **named) for seed in range(count))


def told(a: tuple[Run, ...], b: tuple[Run, ...]) -> str:
    names = f"pv.json: {a[0].verdict['headline']}", f"hvm.json: {b[0].verdict['headline']}"
    return text.compared(names, (len(a), len(b)), compare.compare(a, b), compare.differences(a, b))


def verdicts(a: tuple[Run, ...], b: tuple[Run, ...]) -> dict[str, str]:
    return {each.figure.name: each.verdict for each in compare.compare(a, b)}


# Statistics


@given(values)
def test_every_interval_holds_the_median(found: list[float]) -> None:
    middle = samples.median(found)
    for low, high in filter(None, (samples.half(found), samples.most(found), samples.interval(found))):
        assert low <= middle <= high


@given(values, st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_unit_changes_nothing_but_the_unit(found: list[float], factor: float) -> None:
    scaled = [value * factor for value in found]
    for told_of in (samples.most, samples.interval):
        before = told_of(found)
        assert told_of(scaled) == (before and tuple(value * factor for value in before))


@given(st.lists(st.integers(0, 1000), min_size=6, max_size=40))
def test_what_is_left_between_the_tenths_is_alike_from_both_ends(found: list[int]) -> None:
    low, high = samples.most(found) or (0, 0)
    mirrored_low, mirrored_high = samples.most([-value for value in found]) or (0, 0)
    assert (mirrored_low, mirrored_high) == (-high, -low)
    assert sum(low <= value <= high for value in found) >= 0.6 * len(found)


@pytest.mark.parametrize(
    ("count", "ranks"), [(5, None), (6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (15, (4, 12)), (20, (6, 15))]
)
def test_the_ranks_are_those_of_the_published_table(count: int, ranks: tuple[int, int] | None) -> None:
    """Conover, table A.3 and every table of the sign test: n = 15 gives the 4th and the 12th at 96.5 %."""
    assert samples.interval(range(1, count + 1)) == ranks
    assert (samples.FEWEST == 6) is (samples.interval(range(6)) is not None and samples.interval(range(5)) is None)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    dice = random.Random(7)
    hits = 0
    for _ in range(2000):
        low, high = samples.interval([dice.expovariate(1) for _ in range(15)]) or (0, 0)
        hits += low <= 0.6931 <= high
    assert 0.95 <= hits / 2000 <= 0.98


def test_percentile_is_the_nearest_rank() -> None:
    hundred = [float(value) for value in range(1, 101)]
    assert (samples.percentile(hundred, 99), samples.percentile(hundred, 0)) == (99, 1)
    assert samples.percentile([5.0], 99) == 5


# Documents


@pytest.mark.parametrize("medians", [PV, {}], ids=["measured", "nothing measured"])
def test_a_document_has_the_schema_and_comes_back_as_it_was(medians: dict[str, float]) -> None:
    made = document.render(run(medians))
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(made))] == []
    (back,) = document.parse(made)
    assert document.render(back) == made


def test_the_schema_refuses_what_is_none() -> None:
    made = json.loads(document.render(run(PV)))
    for broken in ({**made, "schema": 2}, {**made, "bench": {"work": {}}}, {**made, "disk": []}, {"schema": 1}):
        assert not VALIDATOR.is_valid(broken)


def test_several_documents_may_follow_each_other() -> None:
    made = [document.render(each) for each in lot(PV, 3)]
    for between in ("", "\n\n", "   "):
        assert len(document.parse(between.join(made))) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("{", "no JSON document begins in line 1"),
        ('{"schema": 1, "bench": {}}\n[', "no JSON document begins in line 2"),
        ("[" * 100_000, "no JSON document begins"),
        ("[]", "it is not a document of virt-agent"),
        ("3", "it is not a document of virt-agent"),
        ('{"schema": 2, "bench": {}}', "its schema is 2, this virt-agent knows 1"),
        ('{"schema": 1, "status": "ok"}', "it has no figures"),
        ('{"schema": 1, "bench": {"work": 3}}', "its values of work are not a list of numbers"),
        ('{"schema": 1, "bench": {"work": {"values": [-1]}}}', "its values of work are not"),
        ('{"schema": 1, "bench": {"work": {"values": [NaN]}}}', "its values of work are not"),
        ('{"schema": 1, "bench": {"work": {"values": [Infinity]}}}', "its values of work are not"),
        ('{"schema": 1, "bench": {"work": {"values": [true]}}}', "its values of work are not"),
        ('{"schema": 1, "bench": {"work": {"values": [1' + "0" * 400 + "]}}}", "its values of work are not"),
    ],
)
def test_what_is_no_document_is_told(content: str, why: str) -> None:
    with pytest.raises(Unfit, match=why.replace("(", r"\(")):
        document.parse(content)


def test_figures_of_a_later_version_are_passed_over() -> None:
    (found,) = document.parse('{"schema": 1, "bench": {"warp": {"values": [1]}, "work": {"values": [1]}}, "new": 1}')
    assert list(found.figures) == ["work"]


@settings(max_examples=50)
@given(junk | st.fixed_dictionaries({"schema": st.just(1), "bench": st.dictionaries(st.just("work"), junk)}))
def test_junk_is_refused_or_taken_and_never_breaks(found: Any) -> None:
    try:
        runs = document.parse(json.dumps(found))
    except Unfit:
        return
    assert told_without_breaking(runs)


@given(st.text(max_size=200))
def test_text_of_any_form_is_refused(content: str) -> None:
    with pytest.raises(Unfit):
        document.parse("x" + content)


def told_without_breaking(runs: tuple[Run, ...]) -> bool:
    pages = [text.render(runs[0]), text.compared(("a", "b"), (len(runs), 1), compare.compare(runs, runs), ())]
    return all(page.isascii() and max(map(len, page.splitlines())) <= 80 for page in pages)


# Comparison

sides = st.lists(values, min_size=1, max_size=8)


def runs_of(lots: list[list[float]]) -> tuple[Run, ...]:
    return tuple(Run({"boot_id": str(at)}, {}, {}, {}, {f.name: Measured(tuple(v)) for f in FIGURES})
                 for at, v in enumerate(lots))  # fmt: skip


@given(sides, sides)
def test_the_verdict_is_the_same_from_both_sides(one: list[list[float]], other: list[list[float]]) -> None:
    a, b = runs_of(one), runs_of(other)
    swapped = {compare.BETTER_A: compare.BETTER_B, compare.BETTER_B: compare.BETTER_A}
    for forth, back in zip(compare.compare(a, b), compare.compare(b, a), strict=True):
        assert back.verdict == swapped.get(forth.verdict, forth.verdict)
        assert back.ratio == forth.ratio
        assert forth.ratio is None or forth.ratio >= 1
    assert told_without_breaking(a)


@given(sides)
def test_nothing_is_better_than_itself(lots: list[list[float]]) -> None:
    a = runs_of(lots)
    assert set(verdicts(a, a).values()) <= {compare.NONE_SHOWN, compare.TOO_FEW}


@given(values, values)
def test_a_verdict_needs_intervals_apart(one: list[float], other: list[float]) -> None:
    given_verdict = compare.compare(runs_of([one]), runs_of([other]))[0]
    assert given_verdict.a
    assert given_verdict.b
    apart = bool(
        given_verdict.a.interval
        and given_verdict.b.interval
        and (
            given_verdict.a.interval[1] < given_verdict.b.interval[0]
            or given_verdict.b.interval[1] < given_verdict.a.interval[0]
        )
    )
    assert (given_verdict.verdict in (compare.BETTER_A, compare.BETTER_B)) is apart
    if given_verdict.verdict == compare.BETTER_A:  # of a cost
        assert statistics.median(one) < statistics.median(other)


def test_less_is_better_of_costs_and_more_of_iops() -> None:
    found = verdicts(lot(PV, 1), lot(HVM, 1))
    assert (found["syscall"], found["vm_exit"]) == (compare.BETTER_B, compare.BETTER_A)
    assert found["disk_iops_16"] == compare.BETTER_A
    assert found["work"] == compare.NONE_SHOWN


def test_what_one_side_lacks_has_no_verdict_and_what_both_lack_no_line() -> None:
    without = {name: value for name, value in HVM.items() if name != "vm_exit"}
    found = verdicts(lot(PV, 1), lot(without, 1))
    assert found["vm_exit"] == compare.MISSING
    assert "boot_firmware" not in found


def test_a_boot_counts_once_however_often_it_is_told() -> None:
    again = tuple(run(PV, 3, spread=0) for _ in range(8))
    side = compare.side(again, "boot_kernel")
    assert side
    assert (side.count, side.interval) == (1, None)
    side = compare.side(lot(PV, 8), "boot_kernel")
    assert side
    assert side.count == 8
    assert compare.side(again, "work") != side


def test_zero_has_no_ratio() -> None:
    found = compare.compare(runs_of([[0.0] * 9]), runs_of([[1.0] * 9]))
    assert {each.ratio for each in found} == {None}
    assert "A faster\n" in text.compared(("a", "b"), (1, 1), found, ())


def test_what_else_differs_is_told() -> None:
    a, b = lot(PV, 2, words="xen pv", instance_type="m1.small"), (run(HVM), run(HVM, forced=True))
    found = {each.what: (each.a, each.b) for each in compare.differences(a, b)}
    assert found["virtualization"] == ("xen pv", "xen pvhvm")
    assert found["forced on a busy machine"] == ("no", "no and yes")
    assert "kernel" not in found
    assert compare.differences(a, a) == ()
    mixed = (*a, run(HVM))
    assert [each.what for each in compare.differences(mixed, mixed)] == [
        "virtualization",
        "instance type",
        "clocksource",
    ]


# Texts


def test_what_a_figure_means_fits_into_a_line() -> None:
    for figure in FIGURES:
        assert len(figure.means) <= 71, figure.means
        assert len(figure.means_not) <= 71, figure.means_not
        assert len(f"{'boot: ' * (figure.group == BOOT)}{figure.title}, {figure.unit}") <= 24
        assert (figure.means + figure.means_not).isascii()
        assert "|" not in figure.means + figure.means_not


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("pv.txt", lambda: text.render(run(PV, words="xen pv", instance_type="m1.small"))),
        ("pv-quiet.txt", lambda: text.render(run(PV, words="xen pv", instance_type="m1.small"), quiet=True)),
        ("busy.txt", lambda: text.render(run({}, steal_percent=31.4, forced=True, busy="load 7.0 on 1 CPU"), quiet=True)),
        ("pv.json", lambda: document.render(run(PV, words="xen pv", instance_type="m1.small"))),
        ("one-run-each.txt", lambda: told(lot(PV, 1, words="xen pv", instance_type="m1.small"), lot(HVM, 1))),
        ("eight-runs-each.txt", lambda: told(lot(PV, 8, words="xen pv", instance_type="m1.small"), lot(HVM, 8))),
        ("the-same-twice.txt", lambda: told(lot(HVM, 1), (run(HVM, seed=5),))),
    ],
)  # fmt: skip
def test_golden(name: str, made: Any) -> None:
    page = made()
    documents.hold(f"tests/goldens/bench/{name}", page)
    if name.endswith(".txt"):
        assert page.isascii()
        assert "|" not in page
        assert max(map(len, page.splitlines())) <= 80


def test_names_from_outside_cannot_reach_the_terminal() -> None:
    found = run(PV)
    hostile = Run({**found.host, "kernel": "\033[31mred|"}, found.verdict, found.conditions, found.disk, found.figures)
    assert "\033" not in text.render(hostile)
    assert "|" not in told((hostile,), (found,))
