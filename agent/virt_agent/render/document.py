"""The report as one JSON document, schema 1: keys are only ever added. `schema.json` beside this describes it."""

from __future__ import annotations

import json

from virt_collectors.record import plain

from .. import __version__, devices
from ..report import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = 1


def render(report: Report) -> str:
    """The document as text."""
    return json.dumps(document(report), indent=2, sort_keys=True) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The document."""
    return {
        "schema": SCHEMA,
        "agent": {"name": "virt-agent", "version": __version__},
        "host": _host(report),
        "status": report.status,
        "verdict": plain(report.reading.verdict),
        "facts": _facts(report),
        "findings": plain(report.findings),
        "not_checked": plain(report.not_checked),
        "rules": dict(report.states),
        "collectors": plain(report.outcomes),
        "selection": plain(report.selection),
        "sampled_seconds": report.sampled_seconds,
        "resumes": plain(report.resumes),
    }


def _facts(report: Report) -> dict[str, Any]:
    """The facts, and with each device its kind, which depends on the verdict."""
    facts, virtual = report.reading.facts, report.reading.virtual
    found = {name: plain(getattr(facts, name)) for name in type(facts).fields if name not in ("system", "os")}
    roots = devices.root_disks(facts)
    for disk, entry in zip(facts.block_devices or (), found["block_devices"] or (), strict=True):
        entry["kind"] = devices.block_kind(disk, virtual)
        entry["mounts"] = list(report.reading.mounts.get(disk.name, ()))
        entry["root"] = disk.name in roots
    network = found.pop("network") or {"devices": None, "default_interface": None}
    found |= {"network_devices": network["devices"], "default_interface": network["default_interface"]}
    for nic, entry in zip(facts.network.devices if facts.network else (), network["devices"] or (), strict=True):
        entry["kind"] = devices.network_kind(nic, virtual)
    return found


def _host(report: Report) -> dict[str, Any]:
    facts = report.reading.facts
    system, clock = facts.system, facts.clock
    return {
        "hostname": system.hostname if system else None,
        "kernel": system.kernel if system else None,
        "architecture": system.architecture if system else None,
        "os": facts.os,
        "live": system.live if system else None,
        "privileged": system.privileged if system else None,
        "time": clock.time if clock else None,
        "uptime_seconds": clock.uptime_seconds if clock else None,
    }
