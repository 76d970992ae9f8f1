"""From facts to the verdict: which hypervisor, which mode, which role, which cloud, and how sure.

    signs       every signal that was looked at, with what it argues for
    hypervisor  whom the kernel talks to, and the layers beside that
    xen         the mode and the role under Xen
    cloud       whose machine it is, and EC2's system
    confidence  how sure, by a stated rule

The procedure is that of the reference on virtualization signals: kernel-confirmed Xen beats every text,
the answers are separate, bare metal needs proof, and a contradiction is told in a sentence.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record

from . import cloud, confidence, hypervisor, signs, xen
from .signs import Evidence

_WEIGHTS = {"decisive": 0, "strong": 1, "weak": 2}


class Layers(Record):
    """What lies around or between: each a word or None."""

    container: str | None = None
    nested_in: str | None = None
    masked_as: str | None = None
    emulated_by: str | None = None


class Verdict(Record):
    """The answers, in the words of docs/verdict.md."""

    hypervisor: str
    guest_mode: str | None
    virtualization_type: str | None
    pv_drivers: str | None
    role: str
    can_host_vms: bool
    cloud: str | None
    ec2_system: str | None
    ec2_system_hint: str | None
    layers: Layers
    confidence: str
    confidence_reason: str
    evidence: tuple[Evidence, ...]
    conflicts: tuple[str, ...]


def judge(facts: Facts) -> Verdict:
    """The verdict on a machine."""
    below = hypervisor.decide(facts)
    mode = xen.mode(facts, below) if below.word == "xen" else hypervisor.mode(below)
    role = xen.role(facts, below, mode.word) if below.word == "xen" else hypervisor.role(below)
    drivers = xen.pv_drivers(facts, below, mode.word)
    guest_mode = "pvhvm" if mode.word == "hvm" and drivers in ("all", "some") else mode.word
    place = cloud.decide(facts, below.word, role.word)
    conflicts = (*below.conflicts, *mode.conflicts, *role.conflicts, *place.conflicts)
    sure = confidence.decide(facts, below, mode, role, conflicts)
    return Verdict(
        hypervisor=below.word,
        guest_mode=guest_mode,
        virtualization_type=_virtualization_type(guest_mode),
        pv_drivers=drivers,
        role=role.word or hypervisor.UNKNOWN,
        can_host_vms=can_host_vms(facts),
        cloud=place.cloud,
        ec2_system=place.ec2_system,
        ec2_system_hint=place.ec2_system_hint,
        layers=Layers(
            hypervisor.container(facts), below.nested_in(role.word, mode.word), below.masked_as, below.emulated_by
        ),
        confidence=sure.word,
        confidence_reason=sure.reason,
        evidence=tuple(sorted(signs.read(facts), key=lambda sign: _WEIGHTS[sign.weight])),
        conflicts=conflicts,
    )


def _virtualization_type(guest_mode: str | None) -> str | None:
    """EC2's word: `paravirtual` or `hvm`."""
    return None if guest_mode is None else "paravirtual" if guest_mode == "pv" else "hvm"


def can_host_vms(facts: Facts) -> bool:
    """VT-x or AMD-V visible and KVM's device there; on Arm the device alone tells."""
    cpu = facts.cpu
    if cpu is None or not cpu.kvm_device:
        return False
    return cpu.hardware_virtualization is not None or cpu.form == "arm64"
