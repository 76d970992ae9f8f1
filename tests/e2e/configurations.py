"""Our shipped rules, recording rules, scrape example and routes with shorter durations, and nothing else changed.

`for`, intervals and Alertmanager's waits become a tenth, at most 8 s; a stall counts after 60 s as in the shipped rule.
Addresses, and receivers that tell nobody, are those of this run.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

SHIPPED = pathlib.Path(__file__).parents[2] / "packaging" / "prometheus"
SCRAPE_SECONDS = 2
_LONGEST_SECONDS = 8
_UNITS = {"s": 1, "m": 60, "h": 3600}
# group_interval too: after that much, Alertmanager tells that an alert has ended
_WAITS = ("group_wait", "group_interval")


def shorter(duration: str) -> str:
    """A tenth of it, in whole seconds, at most 8 s."""
    found = re.fullmatch(r"(\d+)([smh])", duration)
    assert found, duration
    return f"{min(round(int(found[1]) * _UNITS[found[2]] / 10), _LONGEST_SECONDS)}s"


def _shipped(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SHIPPED / path).read_text())
    return loaded


def alerts() -> dict[str, Any]:
    """The alerts."""
    made = _shipped("rules/virt-agent.yml")
    for group in made["groups"]:
        for rule in group["rules"]:
            rule["for"] = shorter(rule["for"])
    return made


def recording() -> dict[str, Any]:
    """The recording rules."""
    made = _shipped("recording/virt-agent.yml")
    for group in made["groups"]:
        group["interval"] = shorter(group["interval"])
    return made


def routes(webhooks: str) -> dict[str, Any]:
    """Alertmanager's configuration; each receiver is a page below `webhooks`."""
    made = _shipped("alertmanager.yml")
    for route in (made["route"], *made["route"]["routes"]):
        route.update({wait: shorter(route[wait]) for wait in _WAITS if wait in route})
    for receiver in made["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{webhooks}/{receiver['name']}", "send_resolved": True}]
    return made


def scrape(targets: Mapping[str, str], alertmanager: str) -> dict[str, Any]:
    """Prometheus' configuration: addresses by name."""
    made = _shipped("scrape/static.yml")
    scraping = f"{SCRAPE_SECONDS}s"
    made["global"] = {"scrape_interval": scraping, "scrape_timeout": scraping, "evaluation_interval": "1s"}
    made["rule_files"] = ["rules.yml", "recording.yml"]
    made["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (job,) = made["scrape_configs"]
    job["static_configs"] = [{"targets": [address], "labels": {"instance": name}} for name, address in targets.items()]
    return made


def write(path: pathlib.Path, content: dict[str, Any]) -> None:
    """As JSON, which is YAML too."""
    path.write_text(json.dumps(content, indent=1))
