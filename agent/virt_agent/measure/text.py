"""A run, and a comparison of two, for a person: ASCII in 80 columns."""

from __future__ import annotations

from ..render.ascii import clean, size, wrap
from .busy import TOLD_STEAL_PERCENT
from .compare import BETTER_A, BETTER_B, MISSING, TOO_FEW, Comparison, Difference, Side
from .figures import BOOT, DISK, FIGURES, Figure
from .rounds import Measured
from .samples import FEWEST, half, median

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from .document import Run

_HEAD = f"{'':<26}{'MEDIAN':>12}  {'HALF OF ALL':^23}  {'VALUES':>6}"


def render(run: Run, quiet: bool = False) -> str:
    """The figures of a run; quiet leaves out what they mean."""
    lines = [f"virt-agent bench: {clean(run.verdict.get('headline'))}", "", *_about(run), "", _HEAD]
    for group in dict.fromkeys(figure.group for figure in FIGURES):
        figures = [figure for figure in FIGURES if figure.group == group and figure.name in run.figures]
        lines += _group(group, figures, run, quiet)
    lines += wrap(_CAUTION, "")
    return "\n".join(lines) + "\n"


_CAUTION = (
    "A figure of one run tells of this machine, this hour and these neighbours. To compare two guests, keep several"
    " runs of each: virt-agent --bench --json >> A.json, then virt-agent --bench --compare A.json B.json"
)


_CONDITIONS = (
    ("rounds", "{} rounds"),
    ("seconds", "{:.1f} s"),
    ("nice", "nice {}"),
    ("load", "load {:.1f}"),
    ("cpu_wait_percent", "CPU waits {:.0f} %"),
    ("io_wait_percent", "I/O waits {:.0f} %"),
    ("steal_percent", "steal {:.1f} %"),
)


def _about(run: Run) -> list[str]:
    """Where and under which conditions."""
    host, conditions = run.host, run.conditions
    lines = [
        *_row("On", f"{host.get('cpus')} x {host.get('processor') or 'unknown processor'}"),
        *_row("Kernel", f"{host.get('kernel')}, clocksource {conditions.get('clocksource') or 'unknown'}"),
        *_row("Run", _run_sentence(conditions)),
    ]
    stolen = conditions.get("steal_percent")
    if isinstance(stolen, (int, float)) and stolen > TOLD_STEAL_PERCENT:
        lines += _row("Beware", f"the host took {stolen:.0f} % of the CPU time meanwhile: do not trust these figures")
    if conditions.get("forced"):
        lines += _row("Beware", f"measured by --force on a busy machine: {conditions.get('busy')}")
    return lines


def _run_sentence(conditions: Mapping[str, Any]) -> str:
    said = []
    for key, what in _CONDITIONS:
        value = conditions.get(key)
        if isinstance(value, (int, float)):
            said.append(what.format(value))
    return ", ".join(said)


def _row(heading: str, text: str) -> list[str]:
    return wrap(clean(text), " " * 10, f"  {heading:<8}")


def _group(group: str, figures: Sequence[Figure], run: Run, quiet: bool) -> list[str]:
    """Its title, what was measured, and what was not, by reason."""
    title = f"{group}: {_file(run.disk)}" if group == DISK and run.disk else group
    lines, missing = wrap(title, "  ", ""), dict[str, list[str]]()
    for figure in figures:
        measured = run.figures[figure.name]
        if measured.values:
            lines += _figure(figure, measured, quiet)
        else:
            missing.setdefault(measured.reason or "no reason given", []).append(figure.title)
    for reason, titles in missing.items():
        which = f"{'; '.join(titles)}: " if len(titles) < len(figures) else ""
        lines += wrap(f"{which}{clean(reason)}", " " * 6, "  not measured: ")
    return [*lines, ""]


def _file(disk: Mapping[str, Any]) -> str:
    count = disk.get("file_bytes")
    length = size(count) if isinstance(count, int) else "a file"
    on = " on ".join(clean(disk[key]) for key in ("file_system", "device") if disk.get(key))
    drivers = ", ".join(clean(disk[key]) for key in ("driver", "volume_id") if disk.get(key))
    place = f"{length} in {clean(disk.get('directory'))}"
    return place + (f", {on}" if on else "") + (f" ({drivers})" if drivers else "")


def _figure(figure: Figure, measured: Measured, quiet: bool) -> Iterator[str]:
    low, high = half(measured.values)
    spread = f"{_number(low)} - {_number(high)}" if len(measured.values) > 1 else ""
    value = f"{_number(median(measured.values))} {figure.unit:<2}"
    yield f"  {figure.title:<24}{value:>12}  {spread:^23}  {len(measured.values):>6}".rstrip()
    if not quiet:
        yield from wrap(figure.means, " " * 9, "    is   ")
        yield from wrap(figure.means_not, " " * 9, "    not  ")


def _number(value: float) -> str:
    """Five characters: three digits that count, and no more than two behind the point."""
    units, limit = ["T", "G", "M", "k", ""], 99_999.5
    while value >= limit and len(units) > 1:
        value, limit = value / 1000, 999.5
        units.pop()
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}{units[-1]}"


def compared(
    names: tuple[str, str], runs: tuple[int, int], found: Sequence[Comparison], others: Iterable[Difference]
) -> str:
    """The table of both, with the verdict on each figure."""
    lines = []
    for letter, name, count in zip("AB", names, runs, strict=True):
        lines += wrap(f"{clean(name)}, {count} run{'s' * (count != 1)}", "   ", f"{letter}  ")
    lines += ["", *_others(others)]
    lines.append(f"{'':<25}{_column('A', runs[0])} {_column('B', runs[1])} VERDICT")
    for each in found:
        title = f"{'boot: ' * (each.figure.group == BOOT)}{each.figure.title}, {each.figure.unit}"
        lines.append(f"{title:<25}{_side(each.a):<19} {_side(each.b):<19} {_verdict(each)}".rstrip())
    return "\n".join([*lines, "", *_footnotes(found, runs)]) + "\n"


def _column(letter: str, runs: int) -> str:
    return f"{f'{letter}, most rounds' if runs == 1 else f'{letter}, 95 % of median':<19}"


def _others(others: Iterable[Difference]) -> list[str]:
    lines = []
    for other in others:
        lines += wrap(clean(f"{other.what}: A {other.a}, B {other.b}", 300), " " * 6, "    ")
    if not lines:
        return []
    return ["They also differ in this, which may be the cause of what differs below:", *lines, ""]


def _side(side: Side | None) -> str:
    if side is None:
        return "-"
    if side.interval is None:
        return _number(side.median)
    return f"{_number(side.median)} ({_number(side.interval[0])}-{_number(side.interval[1])})"


def _verdict(each: Comparison) -> str:
    if each.verdict not in (BETTER_A, BETTER_B):
        return {TOO_FEW: "too few", MISSING: "-"}.get(each.verdict, "none shown")
    word = "more" if each.figure.more_is_better else "faster"
    return f"{each.verdict[0]} {word}" + (f" {_number(each.ratio)}x" if each.ratio else "")


def _footnotes(found: Sequence[Comparison], runs: tuple[int, int]) -> list[str]:
    notes = ["A verdict stands only where the intervals in brackets do not overlap. None shown: they may differ less."]
    if 1 in runs:
        notes.append(
            "Of a single run they hold most of its rounds, all but the lowest and highest tenth; another hour, boot,"
            " host or neighbour may differ more. Append more runs: virt-agent --bench --json >> FILE"
        )
    if any(each.verdict == TOO_FEW for each in found):
        notes.append(
            f"Too few: an interval needs {FEWEST} values. A boot gives one, and so does each run of a file with"
            " several runs."
        )
    return [line for note in notes for line in wrap(note, "")]
