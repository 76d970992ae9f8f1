"""Whose machine it is, and which of EC2's systems.

A cloud needs one strong sign: the firmware's own words, ".amazon" in the Xen or BIOS version, or a
metadata service of Amazon's domain where the firmware does not say something else. A uuid that
begins with "ec2" is no sign. Only the metadata service tells Xen-on-Nitro from Xen.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record

from . import texts

_SYSTEMS = ("xen", "xen-on-nitro", "nitro")


class Place(Record):
    """Cloud and EC2 system, None off EC2."""

    cloud: str | None
    ec2_system: str | None = None
    ec2_system_hint: str | None = None
    conflicts: tuple[str, ...] = ()


def decide(facts: Facts, hypervisor: str, role: str | None) -> Place:
    """The place of a machine."""
    firmware = texts.firmware_cloud(facts.dmi)
    amazon_xen = hypervisor == "xen" and _xen_amazon_minor(facts) is not None
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
    if told in _SYSTEMS:
        return Place("aws", told, conflicts=_against(told, hypervisor, role))
    if texts.is_amazon(facts.dmi) and hypervisor != "unknown":
        return Place("aws", "nitro")
    minor = _xen_amazon_minor(facts) if hypervisor == "xen" else None
    if minor is None:
        return Place("aws", "unknown")
    if minor[0] < 4 or minor[1] < 11:
        return Place("aws", "xen")
    return Place("aws", "unknown", "xen-on-nitro" if minor == (4, 11) else None)


def _against(told: str, hypervisor: str, role: str | None) -> tuple[str, ...]:
    on_xen = hypervisor == "xen" and role != "dom0"
    if on_xen != told.startswith("xen") and hypervisor != "unknown" and role != "unknown":
        return (f"the metadata service says system {told}, this kernel's hypervisor is {hypervisor}",)
    return ()


def _xen_amazon_minor(facts: Facts) -> tuple[int, int] | None:
    """(4, 11) for "4.11.amazon" in the Xen version or the firmware's; None where neither says .amazon."""
    dmi = facts.dmi
    versions = [facts.hypervisor.version if facts.hypervisor else None]
    versions += [dmi.bios_version, dmi.product_version] if dmi else []
    for version in versions:
        major, dot, rest = (version or "").partition(".")
        minor, amazon, _ = rest.partition(".amazon")
        if dot and amazon and major.isdecimal() and minor.isdecimal() and len(major + minor) < 9:
            return int(major), int(minor)
    return None
