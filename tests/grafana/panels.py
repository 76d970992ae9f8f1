"""The queries of the shipped dashboards, with their variables filled in as Grafana does."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

HERE = pathlib.Path(__file__).parents[2] / "packaging" / "grafana"
FLEET, GUEST = "fleet", "guest"
# Grafana's own, for a scrape every two seconds
TIMES = {"__rate_interval": "8s", "__range": "60s"}


class Query(NamedTuple):
    """One query of one panel."""

    dashboard: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def name(self) -> tuple[str, str, str]:
        """Where it stands."""
        return self.dashboard, self.panel["title"], self.target["refId"]

    def filled(self, job: str, instance: str = "", host: str = "") -> str:
        """PromQL, with what its variables stand for."""
        expr = self.target["expr"].replace("${host:regex}", re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", host))
        return fill(expr, **TIMES, job=job, instance=instance)

    def legend_labels(self) -> list[str]:
        """Labels that its legend tells of."""
        return re.findall(r"\{\{(\w+)\}\}", self.target["legendFormat"])

    def legend(self, labels: Mapping[str, str]) -> str:
        """As Grafana writes it: a label that is missing is empty."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), self.target["legendFormat"])

    def columns(self) -> dict[str, str]:
        """Titles by field, of a table."""
        found: dict[str, str] = self._organized()["renameByName"]
        return found

    def _organized(self) -> Mapping[str, Any]:
        steps = {step["id"]: step["options"] for step in self.panel["transformations"]}
        found: Mapping[str, Any] = steps["organize"]
        return found

    def words(self) -> set[str]:
        """Values that are told in words, where all are: one alone is a word for none."""
        mappings = [*self.panel["fieldConfig"]["defaults"]["mappings"], *self._words_of_its_column()]
        known = {value for mapping in mappings for value in mapping["options"]}
        return known if len(known) > 1 else set()

    def _words_of_its_column(self) -> list[Any]:
        if self.panel["type"] != "table":
            return []
        title = self.columns().get(f"Value #{self.target['refId']}")
        overrides = self.panel["fieldConfig"]["overrides"]
        return [
            mapping
            for override in overrides
            if override["matcher"] == {"id": "byName", "options": title}
            for each in override["properties"]
            if each["id"] == "mappings"
            for mapping in each["value"]
        ]


def dashboard(name: str) -> dict[str, Any]:
    """As it is shipped."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return found


class Variable(NamedTuple):
    """A choice at the top: label_values(series, label), and what its regex keeps of each."""

    series: str
    label: str
    regex: str

    def of(self, found: list[str]) -> list[str]:
        """The values that are offered."""
        kept = [re.search(self.regex, value) for value in found]
        return [each[1] if each.groups() else each[0] for each in kept if each] if self.regex else found


def variables(name: str) -> dict[str, Variable]:
    """Those that ask Prometheus."""
    found = {}
    for one in dashboard(name)["templating"]["list"]:
        if one["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", one["query"]["query"])
            assert asked, one["query"]
            found[one["name"]] = Variable(asked[1], asked[2], one["regex"].strip("/"))
    return found


def fill(text: str, **known: str) -> str:
    """Variables by their values; what is none stays."""
    return re.sub(r"\$(\w+)", lambda found: known.get(found[1], found[0]), text)


def queries(name: str) -> Iterator[Query]:
    """All of a dashboard."""
    for panel in dashboard(name)["panels"]:
        for target in panel.get("targets", ()):
            yield Query(name, panel, target)
