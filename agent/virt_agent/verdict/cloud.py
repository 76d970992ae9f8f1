"""Whose machine it is, and which of EC2's systems.

A cloud needs one strong sign: the firmware's own words, ".amazon" in the Xen or BIOS version, or a
metadata service of Amazon's domain where the firmware does not say something else. A uuid that
begins with "ec2" is no sign. Only the metadata service tells Xen-on-Nitro from Xen.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record

from . import texts


class Place(Record):
    """Cloud and EC2 system, None off EC2."""

    cloud: str | None
    ec2_system: str | None = None
    ec2_system_hint: str | None = None
    conflicts: tuple[str, ...] = ()


def decide(facts: Facts, hypervisor: str, role: str | None) -> Place:
    """The place of a machine."""
    firmware = texts.firmware_cloud(facts.dmi)
    amazon_xen = hypervisor == "xen" and _xen_amazon(facts) is not None
    metadata = facts.imds is not None and (facts.imds.domain or "").startswith("amazonaws.com")
    silent = facts.dmi is None or firmware == "aws" or (firmware is None and texts.xen_hvm_firmware(facts.dmi))
    if firmware == "aws" or (firmware is None and amazon_xen) or (metadata and silent):
        return _ec2(facts, hypervisor, role)
    if metadata:
        vendor = facts.dmi.sys_vendor if facts.dmi else None
        told = f"the metadata service answers for EC2, the firmware says {vendor}: a machine inside an EC2 instance"
        return Place(firmware, conflicts=(told,))
    return Place(firmware)


def _ec2(facts: Facts, hypervisor: str, role: str | None) -> Place:
    if hypervisor == "none":
        return Place("aws", "metal")
    told = facts.imds.system if facts.imds else None
    if told in texts.EC2_SYSTEMS and not texts.is_metal_product(facts.dmi):
        return Place("aws", told, conflicts=_against(told, hypervisor, role))
    if hypervisor == "xen" and role != "dom0":
        version = _xen_amazon(facts)
        hint = "xen-on-nitro" if version == (4, 11) else None
        return Place("aws", "xen" if version and not hint else "unknown", hint)
    if texts.is_amazon(facts.dmi) and hypervisor != "unknown":
        return Place("aws", "metal" if texts.is_metal_product(facts.dmi) else "nitro")
    return Place("aws", "unknown")


def _against(told: str, hypervisor: str, role: str | None) -> tuple[str, ...]:
    on_xen = hypervisor == "xen" and role != "dom0"
    if on_xen != told.startswith("xen") and hypervisor != "unknown" and role != "unknown":
        return (f"the metadata service says system {told}, this kernel's hypervisor is {hypervisor}",)
    return ()


def _xen_amazon(facts: Facts) -> tuple[int, int] | None:
    """(4, 11) for "4.11.amazon" in the Xen version or the firmware's, (3, 4) for "3.4.3.amazon"; else None."""
    dmi = facts.dmi
    versions = [facts.hypervisor.version if facts.hypervisor else None]
    versions += [dmi.bios_version, dmi.product_version] if dmi else []
    for version in versions:
        numbers, amazon, _ = (version or "").partition(".amazon")
        parts = numbers.split(".")
        if amazon and len(parts) > 1 and all(part.isdecimal() and len(part) < 5 for part in parts):
            return int(parts[0]), int(parts[1])
    return None
