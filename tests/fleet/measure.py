"""One fleet of one size: how a real Prometheus fares that scrapes it, by its own figures and the kernel's."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from tests.e2e.programs import ask, prometheus, query, running

from .agent_mode import NO_AGENT, AgentFigures, agent_figures
from .guests import Guest
from .kinds import KINDS
from .own import cpu_seconds, memory, own_figures
from .panels import JOB, Timing, timings

SHIPPED = pathlib.Path(__file__).parents[2] / "packaging" / "prometheus"
SCRAPE_SECONDS = 15
WARM_SECONDS = 45  # until each guest was scraped three times
OWN = 5  # series that Prometheus adds for each target: up and four scrape_*
_SAMPLES = "prometheus_tsdb_head_samples_appended_total"
_CPU = "process_cpu_seconds_total"


class KindFigures(NamedTuple):
    """Series of a guest as Prometheus counts them, bytes of a scrape, and of the same with gzip."""

    series: float
    size: int
    packed: int


class Figures(NamedTuple):
    """What one size cost. Times in seconds, sizes in bytes."""

    guests: int
    seconds: float
    by_kind: dict[str, KindFigures]
    up: float
    scrape_median: float
    scrape_p99: float
    series: float
    samples_per_second: float
    resident: int
    peak: int
    cores: float
    wal_per_sample: float
    chunks_per_sample: float
    index_per_series: float
    simulator_cores: float
    agent: AgentFigures
    rules: dict[str, float]
    panels: list[Timing]


def measured(directory: pathlib.Path, guests: int, seconds: int, runs: int) -> Figures:
    """Start the fleet, then a Prometheus, then one in agent mode; look at each; end all."""
    with _simulator(directory, guests) as (address, fleet):
        instances = _write(directory, address, guests)
        figures = _of_prometheus(directory, fleet, instances, seconds, runs)
        agent = agent_figures(directory, seconds)
        return figures._replace(agent=agent)


def _of_prometheus(directory: pathlib.Path, fleet: int, instances: list[str], seconds: int, runs: int) -> Figures:
    with prometheus(directory, "--web.enable-admin-api") as (url, pid):
        time.sleep(WARM_SECONDS)
        before, cpu, began = own_figures(url), cpu_seconds(fleet), time.monotonic()
        time.sleep(seconds)
        after, window = own_figures(url), time.monotonic() - began
        simulating = (cpu_seconds(fleet) - cpu) / window
        up, median, p99 = _scraping(url, seconds)
        wal = sum(file.stat().st_size for file in (directory / "tsdb" / "wal").glob("*[0-9]"))
        resident, peak = memory(pid)
        by_kind, rules = _by_kind(url), _rules(url)
        chunks, index = _block(directory, url)
        return Figures(
            guests=len(instances),
            seconds=window,
            by_kind=by_kind,
            up=up,
            scrape_median=median,
            scrape_p99=p99,
            series=after["prometheus_tsdb_head_series"],
            samples_per_second=(after[_SAMPLES] - before[_SAMPLES]) / window,
            resident=resident,
            peak=peak,
            cores=(after[_CPU] - before[_CPU]) / window,
            wal_per_sample=wal / after[_SAMPLES],
            chunks_per_sample=chunks,
            index_per_series=index,
            simulator_cores=simulating,
            agent=NO_AGENT,
            rules=rules,
            panels=timings(url, instances[0], seconds, runs),
        )


@contextlib.contextmanager
def _simulator(directory: pathlib.Path, guests: int) -> Iterator[tuple[str, int]]:
    """Its address and process id."""
    log = directory / "simulator.log"
    command = [sys.executable, "-m", "tests.fleet.simulator", "--guests", str(guests)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    with running(command, log, environment) as process:
        yield _listening(process, log), process.pid


def _listening(process: subprocess.Popen[bytes], log: pathlib.Path) -> str:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        found = re.search(r"listens on (\S+)\n", log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"the simulator does not listen: {log.read_text()[-500:]}")


def _write(directory: pathlib.Path, address: str, guests: int) -> list[str]:
    """The shipped example for file_sd with our rules, scraping every 15 s; the instances."""
    config = yaml.safe_load((SHIPPED / "scrape" / "file_sd.yml").read_text())
    config["global"]["scrape_interval"] = f"{SCRAPE_SECONDS}s"
    config["rule_files"] = [str(SHIPPED / "rules" / "*.yml"), str(SHIPPED / "recording" / "*.yml")]
    del config["alerting"]
    (job,) = config["scrape_configs"]
    assert job["job_name"] == JOB
    job["file_sd_configs"] = [{"files": [str(directory / "targets.json")]}]
    instances = [Guest(number, 0.0).instance for number in range(guests)]
    targets = [
        {"targets": [address], "labels": {"__metrics_path__": f"/guest/{number}/metrics", "instance": instance}}
        for number, instance in enumerate(instances)
    ]
    (directory / "targets.json").write_text(json.dumps(targets))
    (directory / "prometheus.yml").write_text(json.dumps(config))
    return instances


def _one(url: str, expression: str) -> float:
    (series,) = query(url, expression)
    return float(series["value"][1])


def _scraping(url: str, seconds: int) -> tuple[float, float, float]:
    """Part of the scrapes in that time that were answered; how long the last one of each guest took: median, 99 %."""
    lasted = "quantile({}, scrape_duration_seconds)"
    answered = f"avg(avg_over_time(up[{seconds}s]))"
    return _one(url, answered), _one(url, lasted.format(0.5)), _one(url, lasted.format(0.99))


def _by_kind(url: str) -> dict[str, KindFigures]:
    """Of the guests that there are."""
    kinds = 'label_replace(scrape_samples_scraped, "kind", "$1", "instance", "(.*)-[0-9]+[.].*")'
    counted = {s["metric"]["kind"]: float(s["value"][1]) for s in query(url, f"avg by (kind) ({kinds})")}
    bodies: dict[str, bytes] = {}
    for guest in (Guest(number, time.time()) for number in range(100)):
        bodies.setdefault(guest.kind.name, guest.exposition(time.time()))
    return {
        kind.name: KindFigures(counted[kind.name] + OWN, len(body), len(gzip.compress(body, compresslevel=1)))
        for kind in KINDS
        if kind.name in counted
        for body in (bodies[kind.name],)
    }


def _block(directory: pathlib.Path, url: str) -> tuple[float, float]:
    """Bytes of chunks for each sample and of index for each series, in a block made of all that is in the head."""
    request = urllib.request.Request(f"{url}/api/v1/admin/tsdb/snapshot", method="POST")
    with urllib.request.urlopen(request, timeout=600) as answer:
        name = json.load(answer)["data"]["name"]
    blocks = [path.parent for path in (directory / "tsdb" / "snapshots" / name).glob("*/meta.json")]
    stats = [json.loads((block / "meta.json").read_text())["stats"] for block in blocks]
    chunks = sum(file.stat().st_size for block in blocks for file in (block / "chunks").iterdir())
    index = sum((block / "index").stat().st_size for block in blocks)
    return chunks / sum(s["numSamples"] for s in stats), index / sum(s["numSeries"] for s in stats)


def _rules(url: str) -> dict[str, float]:
    """Seconds that the last evaluation of each group took."""
    return {group["name"]: group["evaluationTime"] for group in ask(f"{url}/api/v1/rules")["data"]["groups"]}
