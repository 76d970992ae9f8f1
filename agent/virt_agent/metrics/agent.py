"""The agent itself: its version, its collectors, its process."""

from __future__ import annotations

from virt_collectors.collect import ABSENT, COLLECTORS, OK, Outcome

from .. import __version__
from ..report import Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_agent_build_info", "gauge", ("version", "python"), "The agent's version and its Python's; always 1."
    ),
    Definition(
        "virt_agent_collector_success",
        "gauge",
        ("collector",),
        "1 where the collector read its sources or does not apply here, 0 where it failed or hangs.",
    ),
    Definition(
        "virt_agent_collector_duration_seconds",
        "gauge",
        ("collector",),
        "Time of the collector's last run, where it runs for each scrape or failed; grows while it hangs.",
    ),
    Definition(
        "virt_agent_series_dropped", "gauge", (), "Series left out of this exposition, beyond the cap of 2,000."
    ),
    Definition(
        "virt_agent_config_last_reload_successful",
        "gauge",
        (),
        "1 where the configuration, and that of the web layer, was taken when it was last read, 0 where one was wrong and the one before is in force.",
    ),
    Definition(
        "virt_agent_config_last_reload_success_timestamp_seconds",
        "gauge",
        (),
        "When a configuration was last taken, since the epoch: at the start or on SIGHUP.",
    ),
    Definition(
        "virt_agent_process_cpu_seconds_total", "counter", (), "CPU time of the agent's own process, user and system."
    ),
    Definition("virt_agent_process_resident_memory_bytes", "gauge", (), "Resident memory of the agent's own process."),
    Definition("virt_agent_process_open_fds", "gauge", (), "File descriptors that the agent's own process holds."),
    Definition("virt_agent_process_threads", "gauge", (), "Threads of the agent's own process."),
    Definition(
        "virt_agent_process_start_time_seconds", "gauge", (), "Start of the agent's own process since the epoch."
    ),
)

_AT_EACH_SCRAPE = frozenset(collector.name for collector in COLLECTORS if collector.changes)


def _takes_time(outcome: Outcome) -> bool:
    """What was read once at the start, or does not apply here, costs no scrape anything, and would cost a series."""
    return outcome.outcome != ABSENT and (outcome.outcome != OK or outcome.name in _AT_EACH_SCRAPE)


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    import platform

    yield "virt_agent_build_info", (__version__, platform.python_version()), 1
    for outcome in report.outcomes:
        yield "virt_agent_collector_success", (outcome.name,), outcome.outcome in (OK, ABSENT)
        if _takes_time(outcome):
            yield "virt_agent_collector_duration_seconds", (outcome.name,), outcome.seconds
    if watched and watched.reload:
        yield "virt_agent_config_last_reload_successful", (), watched.reload.successful
        yield "virt_agent_config_last_reload_success_timestamp_seconds", (), watched.reload.time
    for name, value in (watched.process if watched else {}).items():
        yield name, (), value
