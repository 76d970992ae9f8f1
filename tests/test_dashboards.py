"""Grafana's dashboards as they are shipped: made from their data, whole, and asking for what the agent has.

Whether each query brings what its panel needs is asked of Prometheus itself (tests/grafana).
"""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import documents
from tests.grafana.panels import FLEET, GUEST, Query, dashboard, queries
from virt_agent.metrics import METRICS
from virt_agent.option_table import OPTIONS
from virt_agent.rules.registry import RULES

PROGRAM = documents.TOP / "packaging" / "grafana"
PAGE = documents.TOP / "docs" / "dashboards.md"
NAMES = (FLEET, GUEST)
UIDS = {FLEET: "virt-agent-fleet", GUEST: "virt-agent-guest"}  # links lead there: never to be changed
COLUMNS = 24
TARGET = {"job", "instance"}
OWN = {definition.name: {*definition.labels, *TARGET} for definition in METRICS}
OTHERS = {  # Prometheus' own, and what node_exporter 1.5 exports
    "up": TARGET,
    "node_uname_info": {"release", *TARGET},
    "node_cpu_seconds_total": {"cpu", "mode", *TARGET},
    "node_time_clocksource_current_info": {"clocksource", *TARGET},
}
LABELS = OWN | OTHERS | {f"{one.name}_bucket": OWN[one.name] for one in METRICS if one.type == "histogram"}
BUILT_IN = {"__rate_interval", "__range", "__url_time_range", "__data", "__field", "__all"}
QUERIES = [query for name in NAMES for query in queries(name)]


def identity(query: Query) -> str:
    return "-".join(query.name)


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


EVERY = [(name, panel) for name in NAMES for panel in panels(name)]
every_panel = pytest.mark.parametrize(
    ("name", "panel"), EVERY, ids=[f"{name}-{panel['title']}" for name, panel in EVERY]
)
every_query = pytest.mark.parametrize("query", QUERIES, ids=identity)
both = pytest.mark.parametrize("name", NAMES)


def bare(expr: str) -> str:
    """Without strings."""
    return re.sub(r'"[^"]*"|`[^`]*`', '""', expr)


def metrics_of(expr: str) -> set[str]:
    return set(re.findall(r"\b(?:virt_\w+|node_\w+|up\b|\w+:\w+)", bare(expr)))


def matchers(expr: str) -> Iterator[tuple[str, str]]:
    """Metric and label of each matcher."""
    for metric, inside in re.findall(r"(\w+)\{([^}]*)\}", re.sub(r"\$\{[^}]*\}", "", expr)):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", bare(inside)):
            yield metric, label


def made_labels(expr: str) -> set[str]:
    """Labels that the query itself makes."""
    replaced = re.findall(r', "(\w+)", "[^"]*", "\w*", "[^"]*"\)', expr)
    return {*replaced, *re.findall(r'count_values by \([^)]*\) \("(\w+)"', expr)}


def named_labels(expr: str) -> set[str]:
    """Labels by which it groups and joins."""
    lists = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare(expr))
    return {label for words in lists for label in re.findall(r"\w+", words)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("grafana")
    subprocess.run([sys.executable, "-I", "-S", str(PROGRAM), str(directory)], check=True)
    return directory


@pytest.mark.subprocess
@pytest.mark.parametrize("path", ["packaging/grafana/fleet.json", "packaging/grafana/guest.json", "docs/dashboards.md"])
def test_it_is_what_the_program_makes(made: pathlib.Path, path: str) -> None:
    documents.hold(path, (made / pathlib.Path(path).name).read_text())


@pytest.mark.subprocess
@pytest.mark.parametrize("arguments", [["--help"], ["one", "two"]])
def test_arguments_that_are_none(arguments: list[str], tmp_path: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: ")
    assert not list(tmp_path.iterdir())


@both
def test_a_dashboard_is_one_that_grafana_9_takes(name: str) -> None:
    whole = dashboard(name)
    assert whole["uid"] == UIDS[name]
    assert whole["schemaVersion"] == 36
    assert "id" not in whole
    assert whole["tags"] == ["virt-agent"]
    assert {panel["type"] for panel in whole["panels"]} <= {
        *("row", "stat", "bargauge", "timeseries", "state-timeline", "table", "text")
    }


@both
def test_panels_have_their_own_ids_titles_and_places(name: str) -> None:
    whole = dashboard(name)["panels"]
    assert len({panel["id"] for panel in whole}) == len(whole)
    titles = [(panel["type"] == "row", panel["title"]) for panel in whole]
    assert len(set(titles)) == len(titles)
    cells: set[tuple[int, int]] = set()
    for panel in whole:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        covered = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not covered & cells, panel["title"]
        cells |= covered


@both
def test_no_line_of_panels_has_a_hole(name: str) -> None:
    widths: dict[int, int] = {}
    for panel in dashboard(name)["panels"]:
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {COLUMNS}


@every_panel
def test_a_panel_says_what_it_answers_and_what_its_emptiness_means(name: str, panel: dict[str, Any]) -> None:
    assert panel["description"].count("\n\n") in (1, 2), "what it answers, what to do then, what it needs"
    assert panel["description"].endswith((".", "?"))
    assert panel["title"].isascii()
    assert panel["description"].isascii()
    if panel["type"] == "text":
        return
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["noValue"]
    assert defaults["noValue"].isascii()
    assert defaults["noValue"] != "No data"
    assert defaults["thresholds"]["steps"][0]["value"] is None


@every_panel
def test_texts_name_rules_and_options_that_exist(name: str, panel: dict[str, Any]) -> None:
    codes = {rule.code for rule in RULES}
    text = " ".join([panel["description"], *re.findall(r'"(?:noValue|content)": "([^"]*)"', json.dumps(panel))])
    assert set(re.findall(r"\b[A-Z]\d\d\b", text)) <= codes
    known = {option.name for option in OPTIONS} | {"collector.nvme_latencies"}
    assert {word.rstrip(".") for word in re.findall(r"--([a-z][\w.-]*)", text)} <= known


@both
def test_variables_that_are_used_are_defined(name: str) -> None:
    whole = dashboard(name)
    defined = [one["name"] for one in whole["templating"]["list"]]
    assert defined[0] == "datasource"
    text = json.dumps(whole)
    used = {one for pair in re.findall(r"\$(?:\{(\w+)[^}]*\}|([a-z_]\w*))", text) for one in pair if one}
    assert used - BUILT_IN <= {*defined}
    assert {*defined} <= used
    asked = {one["query"]["query"] for one in whole["templating"]["list"] if one["type"] == "query"}
    for query in asked:
        (metric,) = metrics_of(query)
        label = query.rpartition(",")[2].strip(" )")
        assert {label, *(each for _, each in matchers(query))} <= LABELS[metric]


@every_query
def test_metrics_and_labels_exist(query: Query) -> None:
    expr = query.target["expr"]
    asked = metrics_of(expr)
    assert asked
    assert asked <= {*LABELS}
    offered = set().union(*(LABELS[metric] for metric in asked)) | made_labels(expr)
    assert named_labels(expr) <= offered
    assert {*query.legend_labels()} <= offered
    for metric, label in matchers(expr):
        assert label in LABELS[metric], (metric, label)


@every_query
def test_a_query_asks_the_chosen_source_for_the_chosen_guests(query: Query) -> None:
    expr = query.target["expr"]
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert query.target["datasource"] == query.panel["datasource"] == source
    chosen = {FLEET: 'job=~"$job"', GUEST: 'job="$job", instance="$instance"'}[query.dashboard]
    selectors = re.findall(r"\b(?:virt_\w+|up)\{([^}]*)\}", expr)
    assert all(inside.startswith(chosen) for inside in selectors)
    assert len(selectors) == len(re.findall(r"\b(?:virt_\w+|up)\b", bare(expr)))
    beside = re.findall(r"\bnode_\w+\{([^}]*\}[^}]*)\}", expr) if query.dashboard == GUEST else []
    assert all("instance=~`${host:regex}(:[0-9]+)?`" in inside for inside in beside)


@every_query
def test_a_query_looks_back_as_far_as_its_panel_does(query: Query) -> None:
    """$__rate_interval is four minutes at least, for agents are scraped once a minute."""
    target = query.target
    assert target["instant"] is not target["range"]
    windows = set(re.findall(r"\[([^\]]*)\]", bare(target["expr"])))
    assert windows - {"0-9"} <= ({"$__rate_interval"} if target["range"] else {"$__range", "1h"})
    assert target["interval"] == ("1m" if target["range"] else "")
    assert target["format"] == ("table" if query.panel["type"] == "table" else "time_series")


@every_query
def test_what_may_be_long_has_an_end(query: Query) -> None:
    """A table or bar for each guest of a fleet is cut; a curve for each there is none of."""
    expr = query.target["expr"]
    each = re.search(r"\b(?:by|on) \(job, instance", bare(expr)) and query.dashboard == FLEET
    cut = re.search(r"\b(?:topk|bottomk)\(\d+,", expr)
    counted = re.search(r"^\s*(?:sum|count|sort_desc\(count|count by|sum by)\b", expr)
    assert not each or cut or counted


@pytest.mark.parametrize("name", [FLEET])
def test_guests_of_tables_lead_to_their_dashboard(name: str) -> None:
    tables = [panel for panel in panels(name) if panel["type"] == "table"]
    with_guests = [panel for panel in tables if "instance" in panel["transformations"][-1]["options"]["renameByName"]]
    assert len(with_guests) >= 6
    for panel in with_guests:
        columns = panel["transformations"][-1]["options"]["renameByName"]
        links = [
            link["url"]
            for override in panel["fieldConfig"]["overrides"]
            if override["matcher"]["options"] == columns["instance"]
            for each in override["properties"]
            if each["id"] == "links"
            for link in each["value"]
        ]
        assert len(links) == 1
        assert links[0].startswith(f"/d/{UIDS[GUEST]}/")
        assert "job" in columns, "the link is made of the row's job"
        wanted = {one["name"] for one in dashboard(GUEST)["templating"]["list"] if one["hide"] == 0}
        assert set(re.findall(r"var-(\w+)=", links[0])) == wanted


@every_panel
def test_a_table_sorts_and_colours_columns_that_it_has(name: str, panel: dict[str, Any]) -> None:
    if panel["type"] != "table":
        assert "sortBy" not in panel["options"]
        return
    columns = {*panel["transformations"][-1]["options"]["renameByName"].values()}
    assert {one["displayName"] for one in panel["options"]["sortBy"]} <= columns
    named = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["id"] == "byName"}
    assert named <= columns
    merged = panel["transformations"][0]["id"] == "merge"
    assert merged == (len(panel["targets"]) > 1)


@every_panel
def test_the_page_tells_of_it(name: str, panel: dict[str, Any]) -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {panel['title']} |")]
    answers = panel["description"].partition("\n")[0].replace("_", r"\_").replace("*", r"\*").replace("|", r"\|")
    assert any(f"| {answers}" in line for line in lines)
