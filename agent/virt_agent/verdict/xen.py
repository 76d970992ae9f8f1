"""Mode, role and PV drivers under Xen.

`guest_type` (since 4.13) names the mode; before it the XENFEAT bits tell, and below them the firmware.
A dom0 is told by bit 11, by `control_d` or by the start flags; where none of these can be read, a uuid of
zeros is no proof (a PV guest in a PVH shim shows it too) and the role stays open.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.hypervisor import (
    FEATURE_AUTO_TRANSLATED_PHYSMAP,
    FEATURE_DOM0,
    FEATURE_HVM_CALLBACK_VECTOR,
    FEATURE_HVM_PIRQS,
    FEATURE_MMU_PT_UPDATE_PRESERVE_AD,
)

from .. import devices
from . import texts
from .hypervisor import UNKNOWN, Answer, Below, has_xen_platform
from .hypervisor import container as container_of


def mode(facts: Facts, below: Below) -> Answer:
    """pv, pvh, hvm or arm; None where it cannot be told. PVHVM is hvm with a frontend in use."""
    if not below.kernel:
        return _mode_without_kernel(facts)
    stated = texts.GUEST_TYPES.get((facts.hypervisor.guest_type or "") if facts.hypervisor else "")
    bits = facts.hypervisor.features if facts.hypervisor else None
    if stated == "arm" or _is_arm(facts):
        return Answer("arm")
    if stated:
        return Answer(stated, conflicts=_against(stated, bits))
    return _mode_by_features(facts, bits) if bits is not None else _mode_by_firmware(facts)


def _is_arm(facts: Facts) -> bool:
    architecture = (facts.system.architecture or "") if facts.system else ""
    tree = facts.device_tree
    on_arm_tree = tree is not None and texts.device_tree_word(tree.hypervisor) == "xen"
    return architecture.startswith(("aarch64", "arm")) or on_arm_tree


def _against(stated: str, bits: int | None) -> tuple[str, ...]:
    if bits is None:
        return ()
    pv_bit = bool(bits & FEATURE_MMU_PT_UPDATE_PRESERVE_AD)
    if pv_bit != (stated == "pv") and (pv_bit or bits & FEATURE_HVM_CALLBACK_VECTOR):
        said = "only PV has bit 5" if pv_bit else "bit 8 without bit 5 is not PV"
        return (
            f"/sys/hypervisor/guest_type says {stated.upper()}, properties/features {bits:08x} says otherwise ({said})",
        )
    return ()


def _mode_by_features(facts: Facts, bits: int) -> Answer:
    if bits & FEATURE_MMU_PT_UPDATE_PRESERVE_AD:
        hvm = not bits & FEATURE_DOM0 and (texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts))
        against = (f"properties/features {bits:08x} says PV, firmware or the platform device say HVM",) if hvm else ()
        return Answer("pv", conflicts=against)
    if not bits & (FEATURE_HVM_CALLBACK_VECTOR | FEATURE_AUTO_TRANSLATED_PHYSMAP):
        return _mode_by_firmware(facts)
    if bits & FEATURE_DOM0:
        return Answer("pvh")  # a dom0 is never HVM
    if texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts) or bits & FEATURE_HVM_PIRQS:
        return Answer("hvm")
    if facts.dmi is None and container_of(facts) is None:
        return Answer("pvh", "no firmware tables, no platform device, and feature bits that PV does not have")
    return Answer(None, "feature bits that HVM and PVH share since Xen 4.19")


def _mode_by_firmware(facts: Facts) -> Answer:
    flags = facts.cpu.flags if facts.cpu else None
    if texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts):
        return Answer("hvm", "neither guest_type nor features; firmware or the platform device are HVM's")
    if facts.cpuid and facts.cpuid.xen_pv is not None:
        # Xen's leaves by the plain instruction: it is PV only where they say so.
        return Answer("pv" if facts.cpuid.xen_pv else None, "neither guest_type nor features; told by CPUID")
    if flags is not None and "vme" not in flags:
        return Answer("pv", "neither guest_type nor features; the CPU flag vme is missing, as in PV")
    return Answer(None, "neither guest_type nor features could be read")


def _mode_without_kernel(facts: Facts) -> Answer:
    if facts.cpuid and facts.cpuid.xen_pv:
        return Answer("pv", "told by CPUID alone")
    if texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts):
        return Answer("hvm", "told by firmware or the platform device")
    return Answer(None, "the kernel does not talk to Xen")


def role(facts: Facts, below: Below, mode_word: str | None) -> Answer:
    """dom0 or guest."""
    if not below.kernel:
        hvm = texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts)
        return Answer("guest" if hvm else UNKNOWN)
    said = _said_of_role(facts)
    if said:
        words = sorted(set(said.values()))
        contradiction = ", ".join(f"{source} says {word}" for source, word in said.items())
        return Answer("dom0" if "dom0" in words else "guest", conflicts=() if len(words) == 1 else (contradiction,))
    return _role_by_weak_signs(facts, mode_word)


def _said_of_role(facts: Facts) -> dict[str, str]:
    """What the kernel itself says. An absent capabilities file says nothing: xenfs is seldom mounted."""
    xen = facts.hypervisor
    said: dict[str, str] = {}
    if xen is None:
        return said
    if xen.features is not None:
        said["properties/features"] = "dom0" if xen.features & FEATURE_DOM0 else "guest"
    if xen.initial_domain is not None:
        said["start_flags/initdomain"] = "dom0" if xen.initial_domain else "guest"
    if xen.proc_xen_capabilities and "control_d" in xen.proc_xen_capabilities:
        said["/proc/xen/capabilities"] = "dom0"
    return said


def _role_by_weak_signs(facts: Facts, mode_word: str | None) -> Answer:
    if mode_word in ("hvm", "arm"):
        return Answer("guest", None if mode_word == "hvm" else "no sign of dom0")
    frontends = facts.xenbus.frontends if facts.xenbus else ()
    uuid = facts.hypervisor.uuid if facts.hypervisor else None
    # An absent capabilities file says nothing, a readable one without control_d does.
    no_control = facts.hypervisor is not None and facts.hypervisor.proc_xen_capabilities is not None
    if no_control or any(device.type in ("vbd", "vif") for device in frontends) or (uuid and uuid != texts.NIL_UUID):
        return Answer("guest", "no feature bits; no control_d, a uuid of its own or frontends on xenbus")
    if mode_word == "pv" and facts.dmi is not None and not texts.xen_hvm_firmware(facts.dmi):
        return Answer("dom0", "no feature bits; a PV kernel that sees the machine's firmware")
    return Answer(UNKNOWN, "no feature bits, no start flags, no capabilities")


def pv_drivers(facts: Facts, below: Below, mode_word: str | None) -> str | None:
    """all, some or none of the disks and NICs on xenbus have their driver; None where that has no meaning."""
    if below.word != "xen" or not below.kernel or facts.xenbus is None:
        return None
    counted = [device for device in devices.frontends(facts, mode_word) if device.kind in ("disk", "nic")]
    bound = [device for device in counted if device.driver]
    if not counted:
        return None
    return "all" if len(bound) == len(counted) else "some" if bound else "none"
