"""The report as Prometheus metric families; the only module that knows prometheus_client.

Of that library only the metric families and the encoders are used, over a registry of our own: its
server cannot be stopped in the versions that Ubuntu ships, and one silent client blocks its TLS.
Series are made anew for every exposition, so nothing of a vanished device lingers.
"""

from __future__ import annotations

from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from virt_collectors.collect import ABSENT, OK
from virt_collectors.record import Record
from virt_collectors.xenbus import STATES

from . import __version__, devices
from .metric_table import METRICS, Definition
from .render import words
from .report import EXIT_CODES, Report
from .rules import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CAP = 2000
_CONFIDENCE = {"low": 1, "medium": 2, "high": 3}
_RULE_STATES = {"unknown": -1, "not_sampled": -1, "ok": 0, "info": 1, "warning": 2, "critical": 3}
_OUTCOMES = ("ok", "info", "warning", "critical", "unknown", "not_sampled", "off")

Sample = tuple[str, tuple[str, ...], float]


class Watched(Record):
    """What only a daemon knows: seconds stalled by disk, and its own process's figures by metric."""

    stalled_seconds: dict[str, float] = {}
    process: dict[str, float] = {}


class Exposition:
    """The families of one report, in the form of a registry that prometheus_client's encoders take."""

    def __init__(self, report: Report, watched: Watched | None = None) -> None:
        self._families = list(families(report, watched))

    def collect(self) -> list[Metric]:
        """What an encoder asks a registry."""
        return self._families


def render(report: Report, watched: Watched | None = None) -> bytes:
    """The exposition in Prometheus' text format."""
    return bytes(generate_latest(Exposition(report, watched)))


def negotiate(accept: str) -> tuple[Callable[[Exposition], bytes], str]:
    """The encoder and content type for an Accept header: OpenMetrics where it is asked for, else text."""
    encoder, kind = choose_encoder(accept)
    return encoder, kind


def families(report: Report, watched: Watched | None = None) -> Iterator[Metric]:
    """Families in the order of the table, each once; samples beyond the cap are counted, not exported."""
    by_name: dict[str, list[Sample]] = {}
    dropped = 0
    for number, sample in enumerate(samples(report, watched)):
        if number < CAP:
            by_name.setdefault(sample[0], []).append(sample)
        else:
            dropped += 1
    by_name["virt_agent_series_dropped"] = [("virt_agent_series_dropped", (), dropped)]
    for definition in METRICS:
        if definition.name in by_name:
            yield _family(definition, by_name[definition.name])


def _family(definition: Definition, found: list[Sample]) -> Metric:
    make = CounterMetricFamily if definition.type == "counter" else GaugeMetricFamily
    family = make(definition.name, definition.help, labels=definition.labels)
    for _, labels, value in found:
        family.add_metric([label(text) for text in labels], value)
    return family


def label(text: object) -> str:
    """A label's value: what is not printable becomes "?", so that a hostile name stays one short line."""
    return "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else "?" for c in str(text)[:128])


def samples(report: Report, watched: Watched | None) -> Iterator[Sample]:
    """All samples; those of devices come last, so that a cap cuts there."""
    yield from _agent(report, watched)
    yield from _guest(report)
    yield from _rules(report)
    yield from _memory(report)
    yield from _devices(report, watched)


def _agent(report: Report, watched: Watched | None) -> Iterator[Sample]:
    import platform

    yield "virt_agent_build_info", (__version__, platform.python_version()), 1
    for outcome in report.outcomes:
        yield "virt_agent_collector_success", (outcome.name,), outcome.outcome in (OK, ABSENT)
        yield "virt_agent_collector_duration_seconds", (outcome.name,), outcome.seconds
    for name, value in (watched.process if watched else {}).items():
        yield name, (), value


def _guest(report: Report) -> Iterator[Sample]:
    reading = report.reading
    verdict, facts = reading.verdict, reading.facts
    around = (verdict.role, verdict.cloud, verdict.ec2_system, verdict.layers.container)
    hypervisor, imds, dmi = facts.hypervisor, facts.imds, facts.dmi
    version = (hypervisor.version if hypervisor else None) or (facts.cpuid.xen_version if facts.cpuid else None)
    mode = _mode_label(verdict.guest_mode, verdict.hypervisor)
    yield (
        "virt_guest_info",
        (verdict.hypervisor, mode, verdict.virtualization_type or "", *(word or "" for word in around), version or ""),
        1,
    )
    identity = (
        (hypervisor.uuid if hypervisor else None) or (dmi.product_uuid if dmi else None),
        words.instance_id(reading),
        words.instance_type(reading),
        imds.availability_zone_id if imds else None,
        imds.image_id if imds else None,
    )
    yield "virt_guest_identity_info", tuple(word or "" for word in identity), 1
    yield "virt_verdict_confidence", (), _CONFIDENCE[verdict.confidence]
    yield "virt_verdict_conflicts", (), len(verdict.conflicts)
    yield "virt_check_status", (), EXIT_CODES[report.status]
    yield "virt_can_host_vms", (), verdict.can_host_vms


def _mode_label(mode: str | None, hypervisor: str) -> str:
    """Empty where no mode applies, `unknown` where it could not be told."""
    return mode or ("" if hypervisor == "none" else "unknown")


def _rules(report: Report) -> Iterator[Sample]:
    for rule in RULES:
        state = report.states.get(rule.code)
        if state in _RULE_STATES:
            yield "virt_rule_state", (rule.code, rule.name), _RULE_STATES[state]
    states = list(report.states.values())
    for outcome in _OUTCOMES:
        yield "virt_rules", (outcome,), states.count(outcome)


def _memory(report: Report) -> Iterator[Sample]:
    memory = report.reading.facts.memory
    if memory and memory.balloon_target_bytes is not None:
        yield "virt_xen_balloon_target_bytes", (), memory.balloon_target_bytes
    if memory and memory.balloon_current_bytes is not None:
        yield "virt_xen_balloon_current_bytes", (), memory.balloon_current_bytes


def _devices(report: Report, watched: Watched | None) -> Iterator[Sample]:
    reading = report.reading
    roots = devices.root_disks(reading.facts)
    for frontend in reading.frontends:
        if frontend.state is not None:
            labels = (frontend.name, frontend.device or "", frontend.kind)
            yield "virt_xen_frontend_state", labels, STATES[frontend.state]
    for disk in reading.facts.block_devices or ():
        kind = devices.block_kind(disk, reading.virtual)
        root = "1" if disk.name in roots else ""
        yield "virt_block_device_info", (disk.name, disk.driver or "", kind, disk.volume_id or "", root), 1
        if watched and disk.in_flight is not None:
            yield "virt_block_device_stalled_seconds", (disk.name,), watched.stalled_seconds.get(disk.name, 0.0)
    for nic in reading.facts.network.devices if reading.facts.network else ():
        kind = devices.network_kind(nic, reading.virtual)
        route = "1" if nic.default_route else ""
        yield "virt_network_device_info", (nic.name, nic.driver or "", kind, route), 1
    yield from _nvme_controllers(report)


def _nvme_controllers(report: Report) -> Iterator[Sample]:
    disks = report.reading.facts.block_devices or ()
    states = {_controller(disk.name): disk.state for disk in disks if disk.state is not None}
    for controller, state in sorted(states.items()):
        yield "virt_nvme_controller_live", (controller,), state == "live"


def _controller(disk: str) -> str:
    """The controller's name, nvme0, in that of its namespace, nvme0n1."""
    return disk[: disk.find("n", 4)] if "n" in disk[4:] else disk
