"""`python -m tests.grafana`: every query of every panel, asked of a real Prometheus that scraped real agents.

Needs prometheus (Debian: prometheus), no service of it: one is started on loopback with a directory of its own, and
ended. The guests are the recorded ones, this machine, and some that are made where nobody recorded any.
"""

from __future__ import annotations

import collections
import pathlib
import shutil
import sys
import tempfile
import time

from . import agents, made, panels, prometheus
from .answers import Answer, labels_missing
from .expected import EMPTY_ON_THE_RECORDED, NUMBERS, Name
from .panels import FLEET, GUEST, Query
from .prometheus import EVERY_JOB, LIVE_JOB, RECORDED, Prometheus

ALWAYS = {("guest", title, "A") for title in ("Status", "Agent", "What it is", "The verdict in words", "Collectors")}


def main() -> int:
    """1 where something is wrong or missing."""
    if not shutil.which("prometheus"):
        print("tests.grafana: not run, for this is missing: apt-get install prometheus")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, made.Server() as others:
        directory = pathlib.Path(name)
        with (
            agents.running(directory) as addresses,
            prometheus.running(directory, addresses, others.address) as server,
        ):
            found = list(_asked(server))
    complaints = [complaint for answer in found for complaint in answer.complaints]
    complaints += [*_empty(found), *_labels(found), *_strangers(found), *_numbers(found)]
    for complaint in complaints:
        print(complaint)
    seconds = time.monotonic() - began
    print(
        f"{'FAILED' if complaints else 'passed'}  {len(found)} queries, {len(complaints)} complaints, {seconds:.0f} s"
    )
    return 1 if complaints else 0


def _asked(server: Prometheus) -> list[Answer]:
    """Fleet for the recorded guests and for all; Guest for each guest that its variables offer."""
    found = [Answer(server, query, job) for job in (RECORDED, EVERY_JOB) for query in panels.queries(FLEET)]
    for job in _offered(server, "job"):
        for instance in _offered(server, "instance", job=job):
            (host,) = _offered(server, "host", job=job, instance=instance)
            found += [Answer(server, query, job, instance, host) for query in panels.queries(GUEST)]
    return found


def _offered(server: Prometheus, name: str, **known: str) -> list[str]:
    """What a variable of Guest lets one choose from."""
    variable = panels.variables(GUEST)[name]
    return variable.of(server.values(variable.label, panels.fill(variable.series, **known)))


def _of(found: list[Answer], job: str) -> dict[Name, int]:
    """Series of each query, for a job of Guest or of Fleet."""
    counted: dict[Name, int] = collections.defaultdict(int)
    for answer in found:
        counted[answer.query.name] += len(answer.series) if job in (answer.job, "") else 0
    return counted


def _empty(found: list[Answer]) -> list[str]:
    """Panels that nobody has seen with data, and a list of the empty ones that is not right."""
    complaints = [f"{' / '.join(name)}: empty everywhere" for name, count in _of(found, "").items() if not count]
    for name, count in _of(found, RECORDED).items():
        if not count and name not in EMPTY_ON_THE_RECORDED:
            complaints.append(f"{' / '.join(name)}: empty on the recorded guests, and not in expected.py")
        if count and name in EMPTY_ON_THE_RECORDED:
            complaints.append(f"{' / '.join(name)}: {count} series, though expected.py says it is empty")
    lives = _of(found, LIVE_JOB)
    complaints += [f"{' / '.join(name)}: empty on this machine" for name in ALWAYS if not lives[name]]
    names = {answer.query.name for answer in found}
    return complaints + [f"expected.py: no such query: {name}" for name in EMPTY_ON_THE_RECORDED if name not in names]


def _labels(found: list[Answer]) -> list[str]:
    """Labels of legends and columns that no guest has."""
    by_query: dict[Name, tuple[Query, set[str]]] = {}
    for answer in found:
        by_query.setdefault(answer.query.name, (answer.query, set()))[1].update(answer.labels())
    return [
        f"{' / '.join(name)}: no series has {sorted(missing)}"
        for name, (query, labels) in by_query.items()
        if (missing := labels_missing(query, labels))
    ]


def _numbers(found: list[Answer]) -> list[str]:
    """Numbers of Fleet that are known beforehand."""
    answers = {(answer.job, *answer.query.name[1:]): answer for answer in found if answer.query.dashboard == FLEET}
    return [
        f"{answers[name].where}: {told}, not {known}"
        for name, known in NUMBERS.items()
        if (told := answers[name].by_legend()) != known
    ]


def _strangers(found: list[Answer]) -> list[str]:
    """node_exporter of a machine without an agent has no place in Fleet."""
    return [
        f"{answer.where}: tells of a machine without agent"
        for answer in found
        if any("4.4.0" in one["metric"].values() or "stranger" in str(one["metric"]) for one in answer.series)
    ]


if __name__ == "__main__":
    sys.exit(main())
