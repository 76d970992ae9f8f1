"""How to ask the host about this guest, in the host's own dialect."""

from __future__ import annotations

from .form import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DISK, NIC, MEMORY, GUEST = "disk", "nic", "memory", "guest"
QUBES_AGENT = "qubes-qrexec-agent"

_EC2 = {
    DISK: "aws ec2 describe-volumes --filters Name=attachment.instance-id,Values={}",
    NIC: "aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values={}",
    GUEST: "aws ec2 describe-instance-status --include-all-instances --instance-ids {}",
}
_XENSERVER = {
    DISK: "xe vbd-list vm-uuid={}",
    NIC: "xe vif-list vm-uuid={}",
    MEMORY: "xe vm-list uuid={} params=memory-target,memory-dynamic-max",
    GUEST: "xe vm-list uuid={}",
}
_XL = {
    DISK: "xl block-list {}",
    NIC: "xl network-list {}",
    MEMORY: "xl list {}",
    GUEST: "xl list {}",
}
_QUBES = {
    DISK: "qvm-block list {}",
    NIC: "qvm-prefs {} netvm",
    MEMORY: "qvm-prefs {} memory",
    GUEST: "qvm-ls {}",
}
_LIBVIRT = {
    DISK: "virsh domblklist {} --details",
    NIC: "virsh domiflist {}",
    MEMORY: "virsh dommemstat {}",
    GUEST: "virsh dominfo {}",
}
_THING = {DISK: "disk", NIC: "network card", MEMORY: "memory", GUEST: "state"}


def is_xenserver(reading: Reading) -> bool:
    """XenServer and XCP-ng number their Xen builds "4.13.5-9.15" or "4.7.5-xs12": two numbers behind the dash, or xs."""
    hypervisor = reading.facts.hypervisor
    _, dash, build = ((hypervisor.version or "") if hypervisor else "").rpartition("-")
    first, dot, second = build.partition(".")
    return bool(dash) and (build.startswith("xs") or (bool(dot) and first.isdecimal() and second.isdecimal()))


def is_qubes(reading: Reading) -> bool:
    """Qubes names its kernels ("6.1.62-1.qubes.fc37.x86_64"); guests with another kernel have its agent."""
    facts = reading.facts
    kernel = (facts.system.kernel or "") if facts.system else ""
    running = facts.guest_tools.running if facts.guest_tools else ()
    installed = facts.configuration.installed_tools if facts.configuration else ()
    return reading.xen_guest and (".qubes." in kernel or QUBES_AGENT in (*running, *installed))


def guest_name(reading: Reading) -> str | None:
    """The uuid, instance id or domain id by which the host knows this guest."""
    imds, dmi, hypervisor = reading.facts.imds, reading.facts.dmi, reading.facts.hypervisor
    if reading.verdict.cloud == "aws":
        return (imds.instance_id if imds else None) or (dmi.board_asset_tag if dmi else None)
    return (hypervisor.uuid if hypervisor else None) or (dmi.product_uuid if dmi else None)


def called(reading: Reading) -> str:
    """By what the host knows this guest, in words: "VM a4c1…, domain 12"."""
    name, domain = guest_name(reading), _domain(reading)
    return ", ".join([f"VM {name or 'of unknown uuid'}", *([f"domain {domain}"] if domain else [])])


def _domain(reading: Reading) -> int | None:
    return (reading.facts.cpuid.xen_domid if reading.facts.cpuid else None) or None


def ask_host(reading: Reading, kind: str) -> str:
    """A command for whoever has the host: `kind` is DISK, NIC, MEMORY or GUEST."""
    dialect, name = _dialect(reading)
    if kind not in dialect:
        return f"what became of this guest's {_THING[kind]} there"
    return dialect[kind].format(name)


def _dialect(reading: Reading) -> tuple[Mapping[str, str], object]:
    """The commands, and what they call this guest."""
    verdict, name = reading.verdict, guest_name(reading)
    if verdict.cloud == "aws":
        return _EC2, name or "INSTANCE-ID"
    if verdict.hypervisor in ("kvm", "qemu") and verdict.cloud is None and reading.virtual:
        return _LIBVIRT, name or "GUEST"
    if verdict.hypervisor != "xen" or verdict.role == "dom0":
        return {}, name
    if is_xenserver(reading):
        return _XENSERVER, name or "UUID"
    if is_qubes(reading):
        hostname = reading.facts.system.hostname if reading.facts.system else None
        return _QUBES, hostname or "QUBE"
    return _XL, _domain(reading) or name or "DOMAIN"
