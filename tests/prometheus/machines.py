"""The alerts over every known machine: those that are ill in a way that is alerted on, and no other, fire."""

from __future__ import annotations

import json
import pathlib
import tempfile

from prometheus_client.parser import text_string_to_metric_families as parse

from tests import corpus

from . import expositions
from .promtool import RULES, complaint

# Machine: alert, and how many of it. A disk that merely lacks its driver (pvhvm-nonet, D56-...) is a warning of the
# agent's and no alert; CD drives are everywhere.
FIRING = {
    "hvm-nics-unplug": {"DiskSeenTwice": 1, "XenGuestOnEmulatedDevice": 3},
    "hvm-nopv": {"XenGuestOnEmulatedDevice": 4},
    "pvh-closed": {"XenFrontendDown": 2},
}
_MINUTES = 65  # the longest `for` is an hour


def check() -> list[str]:
    """How the alerts that fire differ from those that should."""
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": _series(), "promql_expr_test": [_expected()]}],
    }
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "machines.json")  # YAML too
        path.write_text(json.dumps(test))
        return complaint("alerts of the known machines", "test", "rules", str(path))


def _series() -> list[dict[str, str]]:
    found = []
    for machine in corpus.MACHINES:
        for family in parse(expositions.exposition(machine).decode()):
            for sample in family.samples:
                labels = {"job": "virt-agent", "instance": machine, **sample.labels}
                words = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
                found.append({"series": f"{sample.name}{{{words}}}", "values": f"{sample.value:g}x{_MINUTES}"})
    return found


def _expected() -> dict[str, object]:
    samples = [
        {"labels": f'{{alertname="{alert}", instance="{machine}"}}', "value": count}
        for machine, alerts in FIRING.items()
        for alert, count in alerts.items()
    ]
    expression = 'count by (alertname, instance) (ALERTS{alertstate="firing"})'
    return {"expr": expression, "eval_time": f"{_MINUTES}m", "exp_samples": samples}
