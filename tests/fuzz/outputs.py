"""How each output is judged: by a reader of its own form, which knows nothing of the code that wrote it.

A text of the machine's own may be anything. It must not reach a terminal as an escape sequence, begin a second line of a
log, add a label or a series, end an element of the page or begin one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from virt_agent import metrics
from virt_agent.metrics import METRICS
from virt_agent.readiness import TARGETS, answer
from virt_agent.render import document, readiness, text
from virt_agent.report import Report
from virt_agent.serve import page

Judge = Callable[[str], Iterator[str]]

COLUMNS = 80
LABEL = 128  # characters of a label's value
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z0-9_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')
_LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\\n]|\\["\\n])*)"')
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,8}m")
_SUFFIXES = ("_bucket", "_sum", "_count")
_OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
_NAMES = {definition.name: definition for definition in METRICS}

# Elements and attributes of the page, and what the values of those look like that lead somewhere.
_PLAIN = "head style title strong code bdi dl dt dd summary thead tbody"
_MARKED = "tr h1 h2 h3 ol ul li p div span section article body header footer nav main table th td"
_MARKS = frozenset(("class", "id", "role", "aria-hidden", "aria-label", "aria-labelledby", "tabindex", "scope"))
ELEMENTS: dict[str, frozenset[str]] = {
    **{element: frozenset() for element in _PLAIN.split()},
    **dict.fromkeys(_MARKED.split(), _MARKS),
    "html": frozenset(("lang",)),
    "meta": frozenset(("charset", "name", "content")),
    "link": frozenset(("rel", "href")),
    "a": frozenset(("href", "class")),
    "time": frozenset(("datetime",)),
    "details": frozenset(("class", "open")),
}
_VOID = {"meta", "link"}
_PLACES = re.compile(r"#[a-z0-9-]+|/(?:metrics|check|-/healthy|-/ready)")
_WORDS = re.compile(r"[A-Za-z0-9 _:.-]*")
_ICON = re.compile(r"data:image/svg\+xml,<svg xmlns='http://www\.w3\.org/2000/svg' viewBox='0 0 16 16' fill='%23[0-9a-f]{6}'>"
                   r"<[a-zA-Z0-9 ='.-]+/></svg>")  # fmt: skip


def every(report: Report) -> Iterator[str]:
    """What there is to complain about in any output of a report."""
    for verbosity in (0, 1, 2):
        yield from terminal(f"--check{' -v' * verbosity}", text.render(report, text.Style(verbosity)))
    yield from terminal("--check --format nagios", text.render(report, text.Style(nagios=True)), bars=1)
    coloured = text.render(report, text.Style(2, colour=True))
    if _COLOUR.sub("", coloured) != text.render(report, text.Style(2)):
        yield f"--color always prints other words, or other escape sequences: {coloured!r:.400}"
    yield from terminal("/check", text.render(report, text.Style(public=True)))
    for target in TARGETS:
        found = answer(report.reading, target)
        told = readiness.text(found, report.reading, report.outcomes, readiness.Style(2))
        yield from terminal(f"--readiness {target}", told)
        yield from as_json(
            f"--readiness {target} --json", json.dumps(readiness.document(found, report.reading, report.outcomes))
        )
    yield from as_json("--json", document.render(report))
    yield from exposition(metrics.render(report).decode())
    yield from open_metrics(metrics.Page().render(_OPEN_METRICS, report, None)[0].decode())
    for public in (False, True):
        yield from html(page.render(report, public))


def terminal(what: str, printed: str, bars: int = 0) -> Iterator[str]:
    """Printable ASCII, one status line, the first; no "|", where a monitoring system cuts, but for performance data."""
    for line in printed.split("\n"):
        if not (line.isascii() and line.isprintable()):
            yield f"{what} prints {line!r}"
        if len(line) > COLUMNS and " " in line.strip() and not bars:  # a path is not broken, so that it can be copied
            yield f"{what} prints {len(line)} columns: {line!r}"
    if printed.count("|") > bars:
        yield f"{what} prints a bar"
    if [line.startswith("VIRT-AGENT ") for line in printed.split("\n")].count(True) != 1 or not printed.startswith(
        "VIRT-AGENT "
    ):
        yield f"{what} has not one status line"


def as_json(what: str, printed: str) -> Iterator[str]:
    """ASCII without control characters, as any terminal and any parser can take it; finite numbers."""
    if not (printed.isascii() and printed.replace("\n", "").isprintable()):
        yield f"{what} prints what is not printable ASCII"
    try:
        json.loads(printed, parse_constant=_no_constant)
    except ValueError as error:
        yield f"{what}: {error}"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def exposition(printed: str) -> Iterator[str]:
    """Prometheus' text format, line by line, and what promtool finds: each family once, together, described."""
    seen: set[tuple[str, str]] = set()
    described: dict[str, set[str]] = {}
    latest = ""
    for line in printed.removesuffix("\n").split("\n"):
        if line.startswith("# "):
            kind, name = line.split(" ", 3)[1:3]
            if kind not in ("HELP", "TYPE") or kind in described.setdefault(name, set()) or name not in _NAMES:
                yield f"--metrics has {line!r}"
            described.setdefault(name, set()).add(kind)
            latest = name
            continue
        found = _SAMPLE.fullmatch(line)
        if found is None or not line.isprintable():
            yield f"--metrics has {line!r}"
            continue
        name, labels, value = found[1], found[2] or "", found[3]
        family = next((name.removesuffix(end) for end in _SUFFIXES if name.removesuffix(end) in _NAMES), name)
        if family != latest or described.get(family) != {"HELP", "TYPE"}:
            yield f"--metrics has {line!r} apart from its family"
        if (name, labels) in seen:
            yield f"--metrics has {name}{labels} twice"
        seen.add((name, labels))
        yield from _labels(family, labels, value)
    yield from _read_by(parse_text, "--metrics", printed, len(seen))


def _labels(family: str, labels: str, value: str) -> Iterator[str]:
    if family not in _NAMES:
        yield f"--metrics has {family}, which is none of ours"
        return
    pairs = _LABEL.findall(labels)
    if sorted(name for name, _ in pairs if name != "le") != sorted(set(_NAMES[family].labels) - {"le"}):
        yield f"--metrics: {family} has the labels {labels!r}"
    if any(len(said) > 2 * LABEL for _, said in pairs):  # each escaped
        yield f"--metrics: {family} has a label of {len(labels)} characters"
    try:
        float(value)
    except ValueError:
        yield f"--metrics: {family} is {value!r}"


def open_metrics(printed: str) -> Iterator[str]:
    """OpenMetrics by prometheus_client's own strict parser."""
    if not printed.endswith("\n# EOF\n") or printed.split("\n").count("# EOF") != 1:
        yield "OpenMetrics does not end once"
    yield from _read_by(parse_open_metrics, "OpenMetrics", printed)


def _read_by(
    parse: Callable[[str], Iterable[Metric]], what: str, printed: str, count: int | None = None
) -> Iterator[str]:
    try:
        families = list(parse(printed))
    except ValueError as error:
        yield f"{what}: prometheus_client cannot read it: {error}"
        return
    samples = sum(len(family.samples) for family in families)
    if not samples or samples != (count or samples):
        yield f"{what} has {count} lines of samples, and prometheus_client reads {samples}"


class _Page(HTMLParser):
    """Takes the page apart; what it complains of is kept."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.complaints: list[str] = []
        self._open: list[str] = []

    def read(self, printed: str) -> list[str]:
        self.feed(printed)
        self.close()
        return self.complaints + [f"the page leaves {element} open" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if tag not in ELEMENTS or not set(names) <= ELEMENTS[tag] or len(set(names)) < len(names):
            self.complaints.append(f"the page has <{tag} {' '.join(names)}>")
        self.complaints += [
            f"the page has {name}={value!r}" for name, value in attrs if not _harmless(tag, name, value or "")
        ]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.complaints.append(f"the page ends {tag} where it is not open")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"] and not data.strip("\n").isprintable():
            self.complaints.append(f"the page shows {data!r}")

    def handle_comment(self, data: str) -> None:
        self.complaints.append(f"the page has a comment: {data!r}")

    def unknown_decl(self, data: str) -> None:
        self.complaints.append(f"the page declares {data!r}")

    def handle_pi(self, data: str) -> None:
        self.complaints.append(f"the page has an instruction: {data!r}")


def _harmless(tag: str, name: str, value: str) -> bool:
    if name == "href":
        return bool(_ICON.fullmatch(value) if tag == "link" else _PLACES.fullmatch(value))
    return name == "content" or bool(_WORDS.fullmatch(value))


def html(printed: str) -> Iterator[str]:
    """Elements and attributes of ours alone, each closed by its own end, and nothing that turns or hides what is read."""
    yield from _Page().read(printed)
    if len(printed) > 1 << 21:
        yield f"the page has {len(printed)} characters"


def log_line(line: str, names: list[str]) -> Iterator[str]:
    """One printable line, which read back as logfmt has just these fields behind the sentence."""
    if not line.isprintable():
        yield f"the log has {line!r}"
    values = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    if values.count('"') % 2 or (names and re.findall(r" ([a-z_]+)=", values)[-len(names) :] != names):
        yield f"the log has other fields than {names}: {line!r}"
