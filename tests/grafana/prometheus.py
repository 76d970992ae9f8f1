"""A real Prometheus on loopback that scrapes every two seconds, and its HTTP API."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import made
from .agents import LIVE, end, free_ports, until_it_answers

RECORDED, LIVE_JOB, MADE = "virt-agent-recorded", "virt-agent-live", "virt-agent-made"
EVERY_JOB = f"({RECORDED}|{LIVE_JOB}|{MADE})"  # what Grafana makes of All
STEP = "2s"
_SCRAPES = 6  # of each target before questions are asked
_PATIENCE = 60.0
Series = dict[str, Any]


class Refused(Exception):
    """Prometheus did not take a query; the message is its own."""


class Prometheus(NamedTuple):
    """Its address, and when it began."""

    address: str
    began: float

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["error"]) from None

    def instant(self, query: str) -> list[Series]:
        """Series with their value of now."""
        found: list[Series] = self.ask("query", query=query)["result"]
        return [{"metric": one["metric"], "values": [one["value"]]} for one in found]

    def range(self, query: str) -> list[Series]:
        """Series with their values since the beginning."""
        data = self.ask("query_range", query=query, start=f"{self.began}", end=f"{time.time()}", step=STEP)
        found: list[Series] = data["result"]
        return found

    def values(self, label: str, series: str) -> list[str]:
        """label_values() of Grafana."""
        found: list[str] = self.ask(f"label/{label}/values", **{"match[]": series})
        return found


@contextlib.contextmanager
def running(directory: pathlib.Path, agents: dict[str, str], others: str) -> Iterator[Prometheus]:
    """Prometheus once it has scraped each target a few times."""
    (address,) = free_ports(1)
    config = directory / "prometheus.yml"
    config.write_text(json.dumps(_config(agents, others)))  # YAML too
    words = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"]
    words += [
        f"--web.listen-address={address}",
        "--log.level=warn",
        "--web.console.templates=",
        "--web.console.libraries=",
    ]
    said = directory / "prometheus.log"
    with open(said, "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=directory)
    try:
        until_it_answers(f"http://{address}/-/ready", process, said, _PATIENCE)
        server = Prometheus(address, time.time())
        _until_scraped(server, len(agents) + len(made.GUESTS) + len(made.NODES) + 2)
        yield server
    finally:
        end(process)


def _until_scraped(server: Prometheus, targets: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if len(server.instant(f"count_over_time(up[5m]) >= {_SCRAPES}")) == targets:
            return
        time.sleep(0.5)
    raise RuntimeError(f"Prometheus did not scrape {targets} targets {_SCRAPES} times within {_PATIENCE:.0f} s")


def _config(agents: dict[str, str], others: str) -> dict[str, Any]:
    recorded = [_target(address, f"{name}:10480") for name, address in agents.items() if name != LIVE]
    guests = [_target(others, f"{name}:10480", f"/guest/{name}") for name in (*made.GUESTS, made.GONE)]
    nodes = [_target(others, f"{name}:9100", f"/node/{name}") for name in (*made.NODES, made.GONE)]
    jobs = {
        RECORDED: recorded,
        LIVE_JOB: [_target(agents[LIVE], f"{LIVE}:10480")],
        MADE: guests,
        "node": nodes,
    }
    return {
        "global": {"scrape_interval": STEP, "scrape_timeout": STEP},
        "scrape_configs": [{"job_name": name, "static_configs": targets} for name, targets in jobs.items()],
    }


def _target(address: str, instance: str, path: str = "/metrics") -> dict[str, Any]:
    return {"targets": [address], "labels": {"instance": instance, "__metrics_path__": path}}
