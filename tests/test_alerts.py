"""What is shipped for Prometheus asks for metrics, labels and words that the agent has, and leads to pages that exist.

Whether an alert fires when it should is asked of promtool itself (tests/prometheus).
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

from tests import corpus
from virt_agent import metrics, observe
from virt_agent.metrics import METRICS
from virt_agent.readiness import TARGETS
from virt_agent.rules.registry import RULES
from virt_agent.selection import Selection
from virt_collectors.ethtool import ALLOWANCES

ROOT = pathlib.Path(__file__).parents[1]
SHIPPED = ROOT / "packaging" / "prometheus"
SCRAPES = sorted((SHIPPED / "scrape").glob("*.yml"))
TWELVE = [
    *("GuestDiskStalled", "DisksStalledInOneZone", "XenFrontendDown", "NvmeControllerNotLive", "GuestDiskErrors"),
    *("DiskSeenTwice", "XenGuestOnEmulatedDevice", "EnaDeviceResets", "EnaDropsFlowsOrDns"),
    *("Ec2MaintenanceWithin48h", "NextBootNotReady", "VirtAgentBlind"),
]
LABELS = {definition.name: {*definition.labels, "job", "instance"} for definition in METRICS}
LABELS["up"] = {"job", "instance"}  # Prometheus' own
# Ill in all the ways that alerts ask for by a word
TELLING = ("hvm-nopv", "pvh-closed", "pv")


def read(path: str) -> Any:
    return yaml.safe_load((SHIPPED / path).read_text())


def rules(path: str) -> list[dict[str, Any]]:
    return [rule for group in read(path)["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("rules/virt-agent.yml")}
RECORDS = {rule["record"]: rule for rule in rules("recording/virt-agent.yml")}
EXPRESSIONS = {name: rule["expr"] for name, rule in (ALERTS | RECORDS).items()}


def bare(expression: str) -> str:
    """Without strings."""
    return re.sub(r'"[^"]*"', '""', expression)


def asked(expression: str) -> set[str]:
    """Metrics and recorded series."""
    return set(re.findall(r"\b(?:virt_\w+|up\b|job\w*:[\w:]+)", bare(expression)))


def matchers(expression: str) -> list[tuple[str, str, str, str]]:
    """Metric, label, operator and text of each matcher."""
    selectors = re.findall(r"([\w:]+)\{([^}]*)\}", expression)
    one = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
    return [(metric, *found) for metric, inside in selectors for found in one.findall(inside)]


def grouped(expression: str) -> set[str]:
    """Labels by which an expression groups or matches."""
    lists = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare(expression))
    return {label for words in lists for label in re.findall(r"\w+", words)}


def offered(expression: str) -> set[str]:
    """Labels that the metrics of an expression have."""
    return set().union(*(LABELS[metric] for metric in asked(expression) if metric in LABELS))


def words() -> dict[str, set[str]]:
    """What a label may say, as far as an expression names it."""
    found = {"code": {rule.code for rule in RULES}, "allowance": {*ALLOWANCES}, "target": {*TARGETS}}
    for machine in TELLING:
        report = observe.observe(corpus.host(machine), Selection())
        for family in metrics.families(report):
            for sample in family.samples:
                for label, value in sample.labels.items():
                    found.setdefault(label, set()).add(value)
    return found


def headings(path: pathlib.Path) -> set[str]:
    """Anchors of a page, as GitHub and most wikis make them of its headings."""
    titles = re.findall(r"^#+ +(.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_twelve_and_nothing_else() -> None:
    assert [path.name for path in (SHIPPED / "rules").iterdir()] == ["virt-agent.yml"]
    assert [rule.get("alert") for rule in rules("rules/virt-agent.yml")] == TWELVE


@pytest.mark.parametrize("name", TWELVE)
def test_an_alert_has_what_a_person_at_three_in_the_morning_needs(name: str) -> None:
    alert = ALERTS[name]
    assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["labels"]) == {"severity"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    texts = alert["annotations"]
    assert "\n" not in texts["summary"]
    assert len(texts["summary"]) < 200
    assert 200 < len(texts["description"]) < 700  # what it means and what to do first, and no more
    assert all(text.isascii() for text in texts.values())


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_metrics_and_labels_exist(name: str) -> None:
    expression = EXPRESSIONS[name]
    assert asked(expression)
    assert asked(expression) <= {*LABELS, *RECORDS}
    assert grouped(expression) <= offered(expression)
    for metric, label, _, _ in matchers(expression):
        assert label in LABELS[metric], (metric, label)


def test_what_matchers_look_for_can_be_there() -> None:
    known = words()
    for name, expression in EXPRESSIONS.items():
        for _, label, operator, text in matchers(expression):
            if label != "job" and text:
                assert operator in ("=", "=~")
                assert {*text.split("|")} <= known[label], (name, label, text)


@pytest.mark.parametrize("name", TWELVE)
def test_guests_are_matched_by_job_and_instance(name: str) -> None:
    """Two jobs may scrape one guest, and two guests of two jobs may have one address."""
    lists = re.findall(r"\bon\s*\(([^)]*)\)", ALERTS[name]["expr"])
    assert all({"job", "instance"} <= set(re.findall(r"\w+", each)) for each in lists)


@pytest.mark.parametrize("name", TWELVE)
def test_texts_tell_what_the_alert_knows(name: str) -> None:
    alert = ALERTS[name]
    expression = alert["expr"]
    first = re.match(r"\s*count by \(([^)]*)\)", expression)
    known = set(re.findall(r"\w+", first[1])) if first else offered(expression) | grouped(expression)
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
    assert used
    assert used <= known


@pytest.mark.parametrize("name", TWELVE)
def test_runbooks_exist(name: str) -> None:
    url = ALERTS[name]["annotations"]["runbook_url"]
    codes = next((text for _, label, _, text in matchers(ALERTS[name]["expr"]) if label == "code"), "")
    page, _, place = url.partition("#")
    said = re.findall(r"\}\}(\w+)\{\{", place) if "{{" in place else [place]
    anchors = codes.lower().split("|") if place == "{{ $labels.code | toLower }}" else said
    assert anchors
    assert set(anchors) <= headings(ROOT / page)


@pytest.mark.parametrize("name", TWELVE)
def test_the_document_tells_of_it(name: str) -> None:
    assert name.lower() in headings(ROOT / "docs" / "prometheus.md")


@pytest.mark.parametrize("name", RECORDS)
def test_recorded_series_are_named_for_what_is_left(name: str) -> None:
    level, metric, operation = name.split(":")
    expression = EXPRESSIONS[name]
    by = re.search(r"\bby \(([^)]*)\)", expression)
    counted = re.findall(r'\bcount_values by \([^)]*\) \("(\w+)"', expression)
    left = [*re.findall(r"\w+", by[1]), *counted] if by else ["job"]
    assert level == "_".join(left)
    assert re.fullmatch(r"up|virt_\w+", metric)
    assert re.fullmatch(r"(count|rate|increase)(\d+[mh])?|avg|sum|min|ratio", operation)


@pytest.mark.parametrize("path", SCRAPES, ids=lambda path: path.name)
def test_a_scrape_example(path: pathlib.Path) -> None:
    """Once a minute, by a job that VirtAgentBlind knows, with no label that would push one of ours aside."""
    example = yaml.safe_load(path.read_text())
    assert example["global"]["scrape_interval"] == "60s"
    blind = next(text for _, label, _, text in matchers(ALERTS["VirtAgentBlind"]["expr"]) if label == "job")
    ours = set().union(*(definition.labels for definition in METRICS))
    for job in example["scrape_configs"]:
        assert re.fullmatch(blind, job["job_name"])
        assert job["sample_limit"] > metrics.CAP
        given = {rule["target_label"] for rule in job.get("relabel_configs", [])}
        given |= {label for targets in job.get("static_configs", []) for label in targets.get("labels", {})}
        assert not given & ours


def test_the_example_of_targets_pushes_no_label_aside() -> None:
    ours = set().union(*(definition.labels for definition in METRICS))
    for targets in read("scrape/targets/example.yml"):
        assert targets["targets"]
        assert not set(targets["labels"]) & ours


def names(given: list[str]) -> set[str]:
    """Alerts that matchers of Alertmanager name."""
    found = [re.fullmatch(r'alertname=~?"([^"]+)"', text) for text in given]
    return {name for each in found if each for name in each[1].split("|")}


def test_inhibitions_name_alerts_and_the_labels_that_they_have() -> None:
    config = read("alertmanager.yml")
    for inhibition in config["inhibit_rules"]:
        sources, targets = names(inhibition["source_matchers"]), names(inhibition["target_matchers"])
        assert sources
        assert targets
        for name in sources | targets:
            expression = ALERTS[name]["expr"]
            assert set(inhibition["equal"]) <= offered(expression) | grouped(expression), name


def test_nobody_restarts_a_guest_without_being_told_that_it_will_not_come_up() -> None:
    config = read("alertmanager.yml")
    held = set().union(*(names(inhibition["target_matchers"]) for inhibition in config["inhibit_rules"]))
    assert not held & {"NextBootNotReady", "Ec2MaintenanceWithin48h"}
