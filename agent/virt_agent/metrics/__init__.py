"""The report as Prometheus metric families; the only module that knows prometheus_client.

Of that library only the metric families and the encoders are used, over a registry of our own: its
server cannot be stopped in the versions that Ubuntu ships, and one silent client blocks its TLS.
Series are made anew for every exposition, so nothing of a vanished device lingers.

A metric's definition stands beside the code that gives its samples, in the module of its topic.
"""

from __future__ import annotations

from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from ..report import Report
from . import agent, devices, ena, guest, imds, kernel_log, latencies, memory, nvme, readiness, resumes, rules
from .definition import SUM, Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CAP = 2000
_END = b"# EOF\n"  # of OpenMetrics
_LABEL = 128  # characters of a label's value
_VERSIONS = frozenset({"", "0.0.1", "0.0.4", "1.0.0"})  # of both formats, as scrapers name them
# Devices come last, so that a cap cuts there.
TOPICS = (agent, guest, rules, imds, readiness, memory, resumes, kernel_log, devices, nvme, ena, latencies)
METRICS: tuple[Definition, ...] = tuple(definition for topic in TOPICS for definition in topic.METRICS)


def render(report: Report, watched: Watched | None = None) -> bytes:
    """The exposition in Prometheus' text format."""
    return bytes(generate_latest(_Families(list(families(report, watched)))))


def negotiate(accept: str) -> tuple[Callable[[_Families], bytes], str]:
    """The encoder and content type for an Accept header: OpenMetrics where it is asked for, else text.

    The library (0.22 and newer) repeats in the content type whatever version a client makes up, and compares it with
    numbers even where it is a word; so it sees those alone that there are.
    """
    encoder, kind = choose_encoder(",".join(entry for entry in accept.split(",") if _version(entry) in _VERSIONS))
    return encoder, kind


def _version(entry: str) -> str:
    """The version in an entry of an Accept header; "" where it has none."""
    parameters = (parameter.strip().partition("=") for parameter in entry.split(";")[1:])
    return next((value for name, _, value in parameters if name == "version"), "")


class Page:
    """One exposition after the other: a family whose samples are as before, and most are, is not encoded again."""

    def __init__(self) -> None:
        self._encoded: dict[tuple[str, str], tuple[list[Sample], bytes]] = {}

    def render(self, accept: str, report: Report, watched: Watched | None) -> tuple[bytes, str]:
        """The exposition for an Accept header, and its content type."""
        encode, kind = negotiate(accept)
        parts, end = [], b""
        for definition, found in grouped(report, watched):
            known, part = self._encoded.get((kind, definition.name), ([], b""))
            if known != found:
                part = encode(_Families([_family(definition, found)]))
                self._encoded[kind, definition.name] = found, part
            end = _END if part.endswith(_END) else b""
            parts.append(part.removesuffix(_END))
        return b"".join(parts) + end, kind


class _Families:
    """Families in the form of a registry that prometheus_client's encoders take."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """What an encoder asks a registry."""
        return self._families


def families(report: Report, watched: Watched | None = None) -> Iterator[Metric]:
    """Families in the order of the table, each once."""
    return (_family(definition, found) for definition, found in grouped(report, watched))


def grouped(report: Report, watched: Watched | None) -> Iterator[tuple[Definition, list[Sample]]]:
    """The samples of each family, in the order of the table; those beyond the cap are counted, not exported."""
    by_name: dict[str, list[Sample]] = {}
    dropped = 0
    for number, sample in enumerate(samples(report, watched)):
        if number < CAP:
            by_name.setdefault(sample[0], []).append(sample)
        else:
            dropped += 1
    by_name["virt_agent_series_dropped"] = [("virt_agent_series_dropped", (), dropped)]
    for definition in METRICS:
        if definition.name in by_name:
            yield definition, by_name[definition.name]


def _family(definition: Definition, found: list[Sample]) -> Metric:
    if definition.type == "histogram":
        return _histogram(definition, found)
    make = CounterMetricFamily if definition.type == "counter" else GaugeMetricFamily
    family = make(definition.name, definition.help, labels=definition.labels)
    values = {labels: value for _, labels, value in found}
    for labels, shown in _shown(values).items():
        family.add_metric(shown, values[labels])
    return family


def _shown(rows: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The labels as they are told. Names that differ only in what is not told get a number, for no series may be twice."""
    told: dict[tuple[str, ...], tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    for labels in rows:
        shown, number = tuple([label(text) for text in labels]), 1
        first = shown[:1]
        while shown in taken:
            number += 1
            shown = (f"{first[0][: _LABEL - 6]}~{number}", *shown[1:])
        taken.add(shown)
        told[labels] = shown
    return told


def _histogram(definition: Definition, found: list[Sample]) -> Metric:
    family = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels[:-1])
    for labels, shown in _shown(dict.fromkeys(labels[:-1] for _, labels, _ in found)).items():
        mine = {sample[1][-1]: sample[2] for sample in found if sample[1][:-1] == labels}
        spent = mine.pop(SUM, 0.0)  # the cap may have cut it
        buckets = [(end, float(count)) for end, count in mine.items()]
        if buckets and buckets[-1][0] == "+Inf":
            family.add_metric(shown, buckets, spent)
    return family


def label(text: object) -> str:
    """A label's value: what is not printable becomes "?", so that a hostile name stays one short line."""
    text = str(text)
    if len(text) <= _LABEL and text.isprintable():  # which a lone surrogate is not
        return text
    return "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else "?" for c in text[:_LABEL])


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    """All samples, topic by topic."""
    for topic in TOPICS:
        yield from topic.samples(report, watched)
