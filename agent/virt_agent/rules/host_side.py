"""How to ask the host about this guest, in the host's own dialect."""

from __future__ import annotations

from .form import Reading


def is_xenserver(reading: Reading) -> bool:
    """XenServer and XCP-ng number their Xen builds "4.13.5-9.15" or "4.7.5-xs12": two numbers behind the dash, or xs."""
    hypervisor = reading.facts.hypervisor
    _, dash, build = ((hypervisor.version or "") if hypervisor else "").rpartition("-")
    first, dot, second = build.partition(".")
    return bool(dash) and (build.startswith("xs") or (bool(dot) and first.isdecimal() and second.isdecimal()))


def guest_name(reading: Reading) -> str | None:
    """The uuid, instance id or domain id by which the host knows this guest."""
    imds, dmi, hypervisor = reading.facts.imds, reading.facts.dmi, reading.facts.hypervisor
    if reading.verdict.cloud == "aws":
        return (imds.instance_id if imds else None) or (dmi.board_asset_tag if dmi else None)
    return (hypervisor.uuid if hypervisor else None) or (dmi.product_uuid if dmi else None)


def ask_host(reading: Reading, kind: str) -> str:
    """A command for whoever has the host: `kind` is disk or nic."""
    name = guest_name(reading)
    if reading.verdict.cloud == "aws":
        target = name or "INSTANCE-ID"
        if kind == "disk":
            return f"aws ec2 describe-volumes --filters Name=attachment.instance-id,Values={target}"
        return f"aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values={target}"
    if reading.verdict.hypervisor != "xen":
        return f"what became of this guest's {'disk' if kind == 'disk' else 'network card'} there"
    if is_xenserver(reading):
        return f"xe {'vbd' if kind == 'disk' else 'vif'}-list vm-uuid={name or 'UUID'}"
    domain = reading.facts.cpuid.xen_domid if reading.facts.cpuid else None
    return f"xl {'block' if kind == 'disk' else 'network'}-list {domain or name or 'DOMAIN'}"
