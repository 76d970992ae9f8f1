"""Documents that are made from the code; `pytest --update` writes them anew."""

from __future__ import annotations

import os
import pathlib

from virt_agent.metric_table import METRICS

TOP = pathlib.Path(__file__).parent.parent
UPDATE = "VIRT_AGENT_UPDATE"


def metrics() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "`/metrics` of the daemon and `virt-agent --metrics`. Names are a promise: once released, a metric keeps",
        "its name and meaning. What node_exporter exports already (steal, clocksource, memory) is not here again.",
        "",
        "A guest with two disks and one network card has fewer than 200 series; beyond 2,000 the rest is counted in",
        "`virt_agent_series_dropped`. A rule that passes is exported too, so that an alert can be written on it.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "-"
        lines.append(f"| `{each.name}` | {each.type} | {labels} | {each.help} |")
    return "\n".join(lines) + "\n"


def hold(path: str, content: str) -> None:
    """The file is as the code makes it; with --update it is made so."""
    file = TOP / path
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert file.exists(), f"{path} is missing: run python -m pytest --update"
    assert file.read_text() == content, (
        f"{path} is not what the code makes: run python -m pytest --update, read the diff"
    )
