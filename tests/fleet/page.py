"""The measured figures as tables, and what follows from them for larger fleets; docs/scale.md holds them between marks."""

from __future__ import annotations

import pathlib
import platform
from collections.abc import Iterable, Sequence

from .measure import OWN, SCRAPE_SECONDS, Figures
from .panels import STEP_SECONDS, Timing

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "scale.md"
_BEGIN, _END = "<!-- {}: begin, written by python -m tests.fleet -->", "<!-- {}: end -->"
_MIB, _GIB = 1 << 20, 1 << 30
FLEETS = (10_000, 100_000, 1_000_000)
INTERVAL = 60  # seconds between scrapes in production
_BLOCKS_A_DAY = 12  # of two hours; larger ones are made of them, and share an index
_SLOWEST = 12


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(machine: str, all_figures: Sequence[Figures]) -> str:
    """What was seen."""
    return "\n\n".join(
        (machine, _costs(all_figures), _kinds(all_figures[-1]), _boards(all_figures), _slowest(all_figures))
    )


def machine() -> str:
    """Where and with what it was measured."""
    processors = pathlib.Path("/proc/cpuinfo").read_text().split("model name")
    model = processors[1].partition(":")[2].partition("\n")[0].strip() if len(processors) > 1 else platform.machine()
    return f"On {len(processors) - 1 or 1} processors ({model}), which the simulator shares."


def _costs(all_figures: Sequence[Figures]) -> str:
    rows: list[tuple[str, list[str]]] = [
        ("minutes measured", [f"{f.seconds / 60:.3g}" for f in all_figures]),
        ("scrapes that were answered", [f"{f.up:.2%}" for f in all_figures]),
        ("a scrape, median", [f"{f.scrape_median * 1000:.0f} ms" for f in all_figures]),
        ("a scrape, 99 %", [f"{f.scrape_p99 * 1000:.0f} ms" for f in all_figures]),
        ("series in the head", [f"{f.series:,.0f}" for f in all_figures]),
        ("series for each guest", [f"{f.series / f.guests:.0f}" for f in all_figures]),
        ("samples a second", [f"{f.samples_per_second:,.0f}" for f in all_figures]),
        ("Prometheus, resident", [f"{f.resident / _MIB:,.0f} MiB" for f in all_figures]),
        ("Prometheus, resident at most", [f"{f.peak / _MIB:,.0f} MiB" for f in all_figures]),
        ("resident for each series", [f"{f.resident / f.series / 1024:.1f} KiB" for f in all_figures]),
        ("resident for each guest", [f"{f.resident / f.guests / 1024:,.0f} KiB" for f in all_figures]),
        ("Prometheus, processors", [f"{f.cores:.2f}" for f in all_figures]),
        ("disk: chunks for each sample", [f"{f.chunks_per_sample:.2f} B" for f in all_figures]),
        ("disk: index for each series and block", [f"{f.index_per_series:.0f} B" for f in all_figures]),
        ("disk: a guest's day, at a scrape a minute", [f"{_day(f) / f.guests / 1024:,.0f} KiB" for f in all_figures]),
        ("disk: write-ahead log for each sample", [f"{f.wal_per_sample:.1f} B" for f in all_figures]),
        ("our alerts, one evaluation", [f"{f.rules['virt-agent'] * 1000:.0f} ms" for f in all_figures]),
        (
            "our recording rules, one evaluation",
            [f"{sum(t for name, t in f.rules.items() if name != 'virt-agent') * 1000:.0f} ms" for f in all_figures],
        ),
        ("agent mode, resident", [f"{f.agent.resident / _MIB:,.0f} MiB" for f in all_figures]),
        ("agent mode, processors", [f"{f.agent.cores:.2f}" for f in all_figures]),
        ("agent mode, remote write for each sample", [f"{f.agent.sent_per_sample:.1f} B" for f in all_figures]),
        ("the simulator, processors", [f"{f.simulator_cores:.2f}" for f in all_figures]),
    ]
    head = [f"scraped every {SCRAPE_SECONDS} s", *(f"{f.guests:,} guests" for f in all_figures)]
    return table(head, [[name, *cells] for name, cells in rows])


def _day(figures: Figures) -> float:
    """Bytes on disk of all guests of that size in a day of production."""
    samples = figures.samples_per_second * SCRAPE_SECONDS / INTERVAL * 86400
    return samples * figures.chunks_per_sample + figures.series * figures.index_per_series * _BLOCKS_A_DAY


def _kinds(figures: Figures) -> str:
    rows = [
        [name, f"{kind.series:.0f}", f"{kind.size:,}", f"{kind.packed:,}"] for name, kind in figures.by_kind.items()
    ]
    head = ["a guest with two disks and one card", f"series, {OWN} of Prometheus' own", "bytes of a scrape", "packed"]
    return table(head, rows)


def _boards(all_figures: Sequence[Figures]) -> str:
    """All panels of a dashboard one after the other; a browser asks for some at a time."""
    names = dict.fromkeys(timing.panel.dashboard for timing in all_figures[0].panels)
    rows = [
        [name, *(cell for f in all_figures for cell in _board([t for t in f.panels if t.panel.dashboard == name]))]
        for name in names
    ]
    head = ["dashboard, p50", *(word for f in all_figures for word in (f"{f.guests:,}: all panels", "slowest panel"))]
    return table(head, rows)


def _board(found: list[Timing]) -> tuple[str, str]:
    return f"{sum(t.median for t in found):,.0f} ms", f"{max(t.median for t in found):,.0f} ms"


def _slowest(all_figures: Sequence[Figures]) -> str:
    last = all_figures[-1]
    order = sorted(range(len(last.panels)), key=lambda at: -last.panels[at].median)
    rows = [_panel(all_figures, at) for at in order[:_SLOWEST]]
    others = [[f.panels[at] for at in order[_SLOWEST:]] for f in all_figures]
    most = [cell for found in others for cell in _times(max(t.median for t in found), max(t.p95 for t in found))]
    rows.append([f"each of the other {len(order) - _SLOWEST}, at most", "", *most, ""])
    head = ["slowest panels, ms", "", *(w for f in all_figures for w in (f"{f.guests:,}: p50", "p95")), "series"]
    return table(head, rows)


def _panel(all_figures: Sequence[Figures], at: int) -> list[str]:
    last = all_figures[-1]
    one = last.panels[at]
    points = f"{last.seconds / STEP_SECONDS:.0f} points" if one.panel.ranged else "now"
    cells = [cell for f in all_figures for cell in _times(f.panels[at].median, f.panels[at].p95)]
    return [f"{one.panel.dashboard}: {one.panel.title}", points, *cells, f"{one.series:,}"]


def _times(median: float, p95: float) -> tuple[str, str]:
    return f"{median:,.0f}", f"{p95:,.0f}"


def plan(all_figures: Sequence[Figures]) -> str:
    """Arithmetic from the largest size to larger fleets, at a scrape a minute."""
    largest = all_figures[-1]
    series = largest.series / largest.guests
    samples = largest.samples_per_second * SCRAPE_SECONDS / largest.guests  # of one guest in one scrape
    memory, agent = _for_each_series(all_figures)
    rows = []
    for guests in FLEETS:
        rate = guests * samples / INTERVAL
        sent = rate * largest.agent.sent_per_sample * 8 / 1e6
        rows.append(
            [
                f"{guests:,}",
                f"{guests * series / 1e6:,.1f} million",
                f"{rate:,.0f}",
                f"{guests * series * memory / _GIB:,.0f} GiB",
                f"{guests * series * agent / _GIB:,.0f} GiB",
                f"{sent:,.0f} Mbit/s",
                f"{_day(largest) / largest.guests * guests / _GIB:,.0f} GiB",
            ]
        )
    head = ["guests", "series", "samples/s", "memory, Prometheus", "memory, agents", "remote write", "disk a day"]
    said = (
        f"From {' and '.join(f'{f.guests:,}' for f in all_figures)} guests: {series:.0f} series and {samples:.0f} samples"
        f" in a scrape for each guest; for each series {memory / 1024:.1f} KiB of memory in Prometheus and"
        f" {agent / 1024:.1f} KiB in agent mode; for each sample {largest.chunks_per_sample:.2f} bytes on disk and"
        f" {largest.agent.sent_per_sample:.1f} bytes sent; {largest.index_per_series:.0f} bytes of index for each series in"
        f" each of {_BLOCKS_A_DAY} blocks a day. A scrape every {INTERVAL} s."
    )
    return f"{said}\n\n{table(head, rows)}"


def _for_each_series(all_figures: Sequence[Figures]) -> tuple[float, float]:
    """Bytes of memory of Prometheus and of agent mode: what further series add, where two sizes were measured."""
    first, last = all_figures[0], all_figures[-1]
    if first.guests == last.guests:
        return last.resident / last.series, last.agent.resident / last.series
    more = last.series - first.series
    return (last.resident - first.resident) / more, (last.agent.resident - first.agent.resident) / more


def write(blocks: dict[str, str], document: pathlib.Path = DOCUMENT) -> None:
    """Into the document, between its marks."""
    text = document.read_text()
    for name, content in blocks.items():
        begin, end = _BEGIN.format(name), _END.format(name)
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{document} lacks the marks of {name}"
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    document.write_text(text)
