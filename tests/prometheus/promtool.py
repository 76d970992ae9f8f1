"""Where the shipped files lie, and what promtool and amtool say about them."""

from __future__ import annotations

import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
SHIPPED = HERE.parents[1] / "packaging" / "prometheus"
RULES = SHIPPED / "rules" / "virt-agent.yml"
RECORDING = SHIPPED / "recording" / "virt-agent.yml"
ALERTMANAGER = SHIPPED / "alertmanager.yml"


def run(*command: str) -> tuple[bool, str]:
    """Whether it was content, and all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def complaint(what: str, *arguments: str) -> list[str]:
    """Nothing, or what promtool is not content with."""
    content, said = run("promtool", *arguments)
    return [] if content else [f"{what}: {said}"]
