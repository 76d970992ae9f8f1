"""Prometheus' own linter over the exposition of every known machine and of this one."""

from __future__ import annotations

import subprocess

from tests import corpus
from virt_agent import metrics, observe
from virt_agent.metrics.definition import Watched
from virt_agent.selection import Selection
from virt_collectors.host.live import LiveHost

_PROCESS = {"virt_agent_process_cpu_seconds_total": 1.0}


def check() -> list[str]:
    """What `promtool check metrics` has to say, machine by machine."""
    complaints = []
    for name in [*corpus.MACHINES, "this machine"]:
        said = lint(exposition(name))
        complaints += [f"exposition of {name}: {said}"] if said else []
    return complaints


def exposition(name: str) -> bytes:
    """What a daemon on that machine would export: disks that do not stall, and its process."""
    host = LiveHost() if name == "this machine" else corpus.host(name)
    report = observe.observe(host, Selection())
    stalled = {disk.name: 0.0 for disk in report.reading.facts.block_devices or ()}
    return metrics.render(report, Watched(stalled, _PROCESS))


def lint(text: bytes) -> str:
    """Nothing where promtool is content."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode() if done.returncode or done.stdout or done.stderr else ""
