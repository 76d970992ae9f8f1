"""Whether Prometheus' answer is what a panel needs."""

from __future__ import annotations

from collections.abc import Iterator

from .panels import Query
from .prometheus import Prometheus, Refused, Series

MOST = 200  # rows or series of one query


class Answer:
    """What came of one query, and what is wrong with it."""

    def __init__(self, server: Prometheus, query: Query, job: str, instance: str = "", host: str = "") -> None:
        self.query, self.job, self.where = query, job, f"{' / '.join(query.name)} of {instance or job}"
        self.series: list[Series] = []
        self.complaints: list[str] = []
        ask = server.instant if query.target["instant"] else server.range
        try:
            self.series = ask(query.filled(job, instance, host))
        except Refused as error:
            self.complaints = [f"{self.where}: {error}"]
        self.complaints += [f"{self.where}: {complaint}" for complaint in self._judged()]

    def _judged(self) -> Iterator[str]:
        if len(self.series) > MOST:
            yield f"{len(self.series)} series, more than {MOST}"
        if "NaN" in {value for one in self.series for _, value in one["values"][-1:]}:
            yield "not a number"
        known = self.query.words()
        strange = {value for one in self.series for _, value in one["values"]} - known
        if known and strange:
            yield f"values without a word: {sorted(strange)}"
        yield from self._rows() if self.query.panel["type"] == "table" else self._legends()

    def _rows(self) -> Iterator[str]:
        columns = set(self.query.columns())
        for one in self.series[:1]:
            hidden = {*one["metric"]} - columns
            if hidden:
                yield f"labels without a column: {sorted(hidden)}"
        rows = [tuple(sorted(one["metric"].items())) for one in self.series]
        if len(set(rows)) < len(rows):
            yield "a row comes twice"

    def _legends(self) -> Iterator[str]:
        legends = [self.query.legend(one["metric"]) for one in self.series]
        for legend in {each for each in legends if legends.count(each) > 1}:
            yield f"two series have the legend {legend!r}"
        if "" in (each.strip() for each in legends):
            yield "a series has no legend"

    def labels(self) -> set[str]:
        """That some series has."""
        return {label for one in self.series for label in one["metric"]}

    def by_legend(self) -> dict[tuple[str, ...], float]:
        """The last values, by what the legend tells."""
        labels = self.query.legend_labels()
        return {tuple(one["metric"].get(x, "") for x in labels): float(one["values"][-1][1]) for one in self.series}


def labels_missing(query: Query, found: set[str]) -> set[str]:
    """Labels of the legend, or of columns, that no series of a query has."""
    if query.panel["type"] != "table":
        return {*query.legend_labels()} - found
    return set() if query.target["refId"] != "A" else {f for f in query.columns() if not f.startswith("Value")} - found
