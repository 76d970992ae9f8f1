"""P: what kind of machine this is, and whether that is a reason to move."""

from __future__ import annotations

from ..form import ADVICE, INFO, YOU, Case, Hit, Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _pv_guest(reading: Reading) -> bool:
    return reading.xen_guest and reading.verdict.guest_mode == "pv"


def _check_pv(case: Case) -> Iterator[Hit]:
    hypervisor = case.now.facts.hypervisor
    guest_type = hypervisor.guest_type if hypervisor else None
    saw = f"/sys/hypervisor/guest_type = {guest_type}" if guest_type else "no guest_type; told by the XENFEAT bits"
    yield Hit("guest mode", "this guest is paravirtual (PV)", (saw,))


def _in_container(reading: Reading) -> bool:
    return reading.verdict.layers.container is not None


def _check_container(case: Case) -> Iterator[Hit]:
    container = case.now.facts.container
    mark = container.mark if container else None
    kind = str(case.now.verdict.layers.container)
    yield Hit(kind, f"looking out of a container ({kind})", (f"/{mark} says {kind}",))


RULES = (
    Rule(
        code="P01",
        name="pv-guest",
        kind=ADVICE,
        severity=INFO,
        title="the guest is paravirtual (PV)",
        needs=("hypervisor",),
        applies=_pv_guest,
        check=_check_pv,
        means="PV works, but it is the oldest mode: on EC2 only c1, c3, hs1, m1, m2, m3 and t1 run it, without"
        " enhanced networking and without a way to Nitro.",
        remedy=("Plan a move to HVM when the guest is next rebuilt; nothing is broken today.",),
        source="EC2 user guide, Linux AMI virtualization types; sys-hypervisor.c",
        owner=YOU,
    ),
    Rule(
        code="P09",
        name="inside-container",
        kind=ADVICE,
        severity=INFO,
        title="the agent runs in a container",
        needs=("container",),
        applies=_in_container,
        check=_check_container,
        means="What /sys shows is the host's, and parts of it are hidden: PV drivers in use may not be seen.",
        remedy=("Run virt-agent on the machine itself for the whole picture.",),
        source="systemd, src/basic/virt.c; seen on EC2 and in LXC",
        owner=YOU,
    ),
)
