"""Every recorded guest, and machines of each kind, in every output format: the reviewer reads the diff."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests import corpus, documents
from virt_agent import metrics, observe
from virt_agent.render import document, text
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_collectors.record import replace

MACHINES = [
    *corpus.GUESTS,
    "D01-ec2-m1small-pv",
    "D07-ec2-t2micro-xen-on-nitro",
    "D16-docker-on-ec2-xen",
    "D20-ec2-c5large",
    "D27-ec2-i3metal",
    "D32-ec2-nitro-as-xen-dom0",
    "D41-xenserver-viridian",
    "D56-hvm-no-platform-device",
    "D59-xen-arm64",
    "D94-xen-guest-in-unprivileged-container",
    "D101-kvm-xen-and-hyperv",
    "D104-guest_type-vs-features",
    "D106-xen-host-booted-without-xen",
]
SCHEMA = json.loads((documents.TOP / "agent/virt_agent/render/schema.json").read_text())


def timeless(name: str) -> Report:
    """The report, with the collectors' seconds taken out."""
    report = observe.observe(corpus.host(name), Selection())
    return replace(report, outcomes=tuple(replace(outcome, seconds=0.0) for outcome in report.outcomes))


@pytest.mark.parametrize("name", MACHINES)
def test_check(name: str) -> None:
    documents.hold(f"tests/goldens/{name}.txt", text.render(timeless(name), text.Style(verbosity=1)))


@pytest.mark.parametrize("name", MACHINES)
def test_json(name: str) -> None:
    documents.hold(f"tests/goldens/{name}.json", document.render(timeless(name)))


@pytest.mark.parametrize("name", MACHINES)
def test_metrics(name: str) -> None:
    lines = metrics.render(timeless(name)).decode().splitlines()
    kept = [line for line in lines if not line.startswith(("#", "virt_agent_build_info"))]
    documents.hold(f"tests/goldens/{name}.prom", "\n".join(kept) + "\n")


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_every_document_has_the_schema(name: str) -> None:
    made: dict[str, Any] = json.loads(document.render(timeless(name)))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(made)] == []


@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("name", corpus.MACHINES)
def test_text_is_ascii_of_80_columns_without_bars(name: str, verbosity: int) -> None:
    printed = text.render(timeless(name), text.Style(verbosity=verbosity))
    assert printed.isascii()
    assert "|" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_colour_only_comes_on_top() -> None:
    report = timeless("pvhvm-nonet")
    plain, coloured = (text.render(report, text.Style(colour=colour)) for colour in (False, True))
    assert "\033[" not in plain
    assert "\033[1;33mVIRT-AGENT WARNING:\033[0m" in coloured
    for code in ("\033[1;33m", "\033[1;32m", "\033[31m", "\033[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain
