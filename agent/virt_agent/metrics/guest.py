"""The verdict, the identity, the status."""

from __future__ import annotations

from ..instance_types import name_of
from ..render import words
from ..report import EXIT_CODES, Report
from .definition import Definition, Sample, Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = (
    Definition(
        "virt_guest_info",
        "gauge",
        ("hypervisor", "guest_mode", "virtualization_type", "role", "cloud", "ec2_system", "container", "xen_version"),
        "The verdict in words; always 1. An empty label does not apply, unknown could not be told.",
    ),
    Definition(
        "virt_guest_identity_info",
        "gauge",
        ("vm_uuid", "instance_id", "instance_type", "availability_zone_id", "image_id"),
        "How host and cloud know this guest; always 1.",
    ),
    Definition("virt_verdict_confidence", "gauge", (), "How sure the verdict is: 1 low, 2 medium, 3 high."),
    Definition("virt_verdict_conflicts", "gauge", (), "Contradictions between the signs of the verdict."),
    Definition(
        "virt_check_status",
        "gauge",
        (),
        "What virt-agent --check would exit with now: 0 ok, 1 warning, 2 critical, 3 unknown.",
    ),
    Definition("virt_can_host_vms", "gauge", (), "1 where VT-x or AMD-V and /dev/kvm are usable in here."),
)

_CONFIDENCE = {"low": 1, "medium": 2, "high": 3}


def samples(report: Report, _watched: Watched | None) -> Iterator[Sample]:
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
        name_of(facts),
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
