"""The shipped rules, scrape examples and routes, as Prometheus and Alertmanager take them."""

from __future__ import annotations

import pathlib
import shutil
import tempfile

from .promtool import ALERTMANAGER, HERE, RECORDING, RULES, SHIPPED, complaint, run

_SECRETS = ("password", "ca.pem", "client.pem", "client.key")
_RECEIVERS = {"critical": "on-call", "warning": "tickets"}


def rules() -> list[str]:
    """What the linter says of the rules."""
    return complaint("rules", "check", "rules", "--lint=all", "--lint-fatal", str(RULES), str(RECORDING))


def alerts() -> list[str]:
    """Each alert, firing and not firing."""
    return complaint("alerts", "test", "rules", str(HERE / "alerts.yml"))


def recorded() -> list[str]:
    """What the recording rules make of a small fleet."""
    return complaint("recording rules", "test", "rules", str(HERE / "recording.yml"))


def scrapes() -> list[str]:
    """Each scrape example, in a directory like /etc/prometheus as its first line has it."""
    complaints = []
    for example in sorted((SHIPPED / "scrape").glob("*.yml")):
        with tempfile.TemporaryDirectory() as directory:
            content, said = run("promtool", "check", "config", str(_installed(example, pathlib.Path(directory))))
        if not content or "2 rule files found" not in said:
            complaints.append(f"{example.name}: {said}")
    return complaints


def _installed(example: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    ours = directory / "virt-agent"
    for name in ("rules", "recording"):
        shutil.copytree(SHIPPED / name, ours / name)
    shutil.copytree(SHIPPED / "scrape" / "targets", ours / "targets")
    for name in _SECRETS:
        (ours / name).write_text("")
    return pathlib.Path(shutil.copy(example, directory / "prometheus.yml"))


def routes() -> list[str]:
    """What amtool says of the fragment for Alertmanager, and whom each severity reaches."""
    content, said = run("amtool", "check-config", str(ALERTMANAGER))
    complaints = [] if content else [f"alertmanager.yml: {said}"]
    for severity, receiver in _RECEIVERS.items():
        route = ("config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}")
        content, said = run("amtool", *route, f"severity={severity}")
        complaints += [] if content else [f"route of {severity}: {said}"]
    return complaints
