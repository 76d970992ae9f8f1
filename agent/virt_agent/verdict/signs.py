"""Every signal that was looked at: where it was read, what it said, and what it argues for.

A sign is `decisive` where the kernel or the processor itself says it, `strong` where the firmware or
a device does, `weak` where it fits but others could say the same. Signs that could not be read are
kept with their error: "could not read" is not "not there".
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.hypervisor import (
    FEATURE_AUTO_TRANSLATED_PHYSMAP,
    FEATURE_DOM0,
    FEATURE_HVM_CALLBACK_VECTOR,
    FEATURE_MMU_PT_UPDATE_PRESERVE_AD,
)
from virt_collectors.pci import XEN_PLATFORM
from virt_collectors.record import Record

from . import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DECISIVE, STRONG, WEAK = "decisive", "strong", "weak"
_BANNERS = {"Xen": "pv", "Xen PVH": "pvh", "Xen HVM": "hvm"}


class Evidence(Record):
    """One sign. `value` is None where it could not be read, and then `error` says why."""

    source: str
    value: str | None
    argues_for: dict[str, str]
    weight: str
    kind: str
    error: str | None = None


def read(facts: Facts) -> Iterator[Evidence]:
    """All signs of a machine, in no particular order."""
    for look in (_kernel, _features, _proc_xen, _device_tree, _platform, _processor, _cpuid, _firmware, _vm_bit):
        yield from look(facts)
    for look in (_pci, _xenbus, _metadata, _container, _log, _unreadable):
        yield from look(facts)


def _kernel(facts: Facts) -> Iterator[Evidence]:
    xen = facts.hypervisor
    if xen is None:
        return
    at = "/sys/hypervisor"
    if xen.type is not None:
        yield Evidence(f"{at}/type", xen.type, {"hypervisor": "xen"} if xen.type == "xen" else {}, DECISIVE, "kernel")
    if xen.guest_type is not None:
        mode = texts.GUEST_TYPES.get(xen.guest_type)
        says = {"hypervisor": "xen", **({"guest_mode": mode} if mode else {})}
        yield Evidence(f"{at}/guest_type", xen.guest_type, says, DECISIVE, "kernel")
    if xen.initial_domain is not None:
        role = "dom0" if xen.initial_domain else "guest"
        yield Evidence(f"{at}/start_flags/initdomain", str(int(xen.initial_domain)), {"role": role}, DECISIVE, "kernel")
    if xen.version is not None:
        cloud = {"cloud": "aws"} if ".amazon" in xen.version else {}
        yield Evidence(f"{at}/version", xen.version, cloud, STRONG, "kernel")
    if xen.uuid:
        yield Evidence(f"{at}/uuid", xen.uuid, {} if xen.uuid == texts.NIL_UUID else {"role": "guest"}, WEAK, "kernel")


def _features(facts: Facts) -> Iterator[Evidence]:
    """XENFEAT bits: bit 5 is PV's alone, bits 2 and 8 are HVM's and PVH's, bit 11 is dom0's."""
    bits = facts.hypervisor.features if facts.hypervisor else None
    if bits is None:
        return
    says = {"hypervisor": "xen", "role": "dom0" if bits & FEATURE_DOM0 else "guest"}
    if bits & FEATURE_MMU_PT_UPDATE_PRESERVE_AD:
        says["guest_mode"] = "pv"
    elif bits & (FEATURE_AUTO_TRANSLATED_PHYSMAP | FEATURE_HVM_CALLBACK_VECTOR):
        says["guest_mode"] = "not pv"
    yield Evidence("/sys/hypervisor/properties/features", f"{bits:08x}", says, DECISIVE, "kernel")


def _proc_xen(facts: Facts) -> Iterator[Evidence]:
    xen = facts.hypervisor
    if xen is None or not xen.proc_xen:
        return
    yield Evidence("/proc/xen", "exists", {"hypervisor": "xen"}, DECISIVE, "kernel")
    if xen.proc_xen_capabilities is not None:
        role = "dom0" if "control_d" in xen.proc_xen_capabilities else "guest"
        yield Evidence("/proc/xen/capabilities", xen.proc_xen_capabilities, {"role": role}, DECISIVE, "kernel")


def _device_tree(facts: Facts) -> Iterator[Evidence]:
    tree = facts.device_tree
    if tree is None:
        return
    for path, strings in (("hypervisor/compatible", tree.hypervisor), ("compatible", tree.compatible)):
        word = texts.device_tree_word(strings) if strings else None
        says = {"hypervisor": word} if word else {}
        if strings:
            weight = DECISIVE if path.startswith("hypervisor") else WEAK
            yield Evidence(f"/proc/device-tree/{path}", ", ".join(strings)[:80], says, weight, "device tree")


def _platform(facts: Facts) -> Iterator[Evidence]:
    if facts.platform:
        says = {"hypervisor": facts.platform.hypervisor}
        yield Evidence(f"/{facts.platform.path}", facts.platform.says, says, DECISIVE, "platform")


def _processor(facts: Facts) -> Iterator[Evidence]:
    cpu = facts.cpu
    if cpu is None or cpu.flags is None:
        return
    source = "/proc/cpuinfo flags"
    if "hypervisor" in cpu.flags:
        yield Evidence(source, "hypervisor", {"hypervisor": "any"}, STRONG, "processor")
    else:
        yield Evidence(source, "no hypervisor", {"hypervisor": "none"}, STRONG, "processor")
    # Some emulated processors lack vme too: worth telling only where the kernel does not say the mode.
    if facts.hypervisor is not None and facts.hypervisor.features is None and "vme" not in cpu.flags:
        yield Evidence(source, "no vme", {"guest_mode": "pv"}, WEAK, "processor")


def _cpuid(facts: Facts) -> Iterator[Evidence]:
    cpuid = facts.cpuid
    if cpuid is None:
        return
    how = "" if cpuid.method == "instruction" else f" by {cpuid.method}"
    if cpuid.hypervisor_bit is not None:
        # Clear is what Xen PV's user space sees of the bare processor: against Xen it says nothing.
        says = {"hypervisor": "any"} if cpuid.hypervisor_bit else {} if facts.hypervisor else {"hypervisor": "none"}
        value = str(int(cpuid.hypervisor_bit))
        yield Evidence(f"CPUID 0x1 ECX bit 31{how}", value, says, STRONG, "processor")
    for signature in cpuid.signatures:
        says_who = _named(facts, texts.cpuid_word(signature.text))
        yield Evidence(f"CPUID 0x{signature.base:08x}{how}", signature.text, says_who, DECISIVE, "processor")
    if cpuid.xen_pv:
        yield Evidence(f"CPUID Xen base+2 ECX bit 0{how}", "1", {"guest_mode": "pv"}, STRONG, "processor")


def _named(facts: Facts, word: str | None) -> dict[str, str]:
    """What a CPUID name argues for. Beside or instead of Xen's, another name tells of a layer."""
    names = {texts.cpuid_word(signature.text) for signature in facts.cpuid.signatures} if facts.cpuid else set()
    if word is None:
        return {"hypervisor": "any"}
    if word != "xen" and (facts.hypervisor is not None or "xen" in names):
        layer = "nested_in" if "xen" not in names else "emulated_by" if word == "kvm" else "masked_as"
        return {layer: word}
    if word not in ("kvm", "xen") and "kvm" in names:
        return {"masked_as": word}
    return {"hypervisor": word}


def _firmware(facts: Facts) -> Iterator[Evidence]:
    dmi = facts.dmi
    if dmi is None:
        return
    for name in ("sys_vendor", "product_name", "bios_vendor", "bios_version", "chassis_asset_tag", "board_asset_tag"):
        text = getattr(dmi, name)
        if text:
            says = texts.firmware_says(name, text, dmi)
            if facts.hypervisor and says.get("hypervisor", "xen") not in ("xen", "any"):
                says["nested_in"] = says.pop("hypervisor")  # a dom0 sees the firmware of the machine below its Xen
            yield Evidence(f"/sys/class/dmi/id/{name}", text, says, STRONG, "firmware")
    if dmi.product_uuid:
        # A random uuid begins with "ec2" once in 4,096: it argues for nothing.
        yield Evidence("/sys/class/dmi/id/product_uuid", dmi.product_uuid, {}, WEAK, "firmware")


def _vm_bit(facts: Facts) -> Iterator[Evidence]:
    if facts.dmi is not None and facts.dmi.vm_bit is not None:
        says = {"hypervisor": "any"} if facts.dmi.vm_bit else {}
        value = "virtual machine" if facts.dmi.vm_bit else "not set"
        yield Evidence(f"SMBIOS VM bit in /{facts.dmi.vm_bit_path}", value, says, STRONG, "smbios bit")


def _pci(facts: Facts) -> Iterator[Evidence]:
    for device in facts.pci or ():
        if (device.vendor, device.device) == XEN_PLATFORM:
            driver = f"driver {device.driver}" if device.driver else "no driver"
            says = {"hypervisor": "xen", "guest_mode": "hvm", "role": "guest"}
            yield Evidence(f"PCI 5853:0001 at {device.address}", driver, says, STRONG, "pci")


def _xenbus(facts: Facts) -> Iterator[Evidence]:
    if facts.xenbus is None:
        return
    devices = [device for device in facts.xenbus.frontends if device.type in ("vbd", "vif")]
    if devices:
        value = ", ".join(f"{d.name} ({d.driver or 'no driver'})" for d in devices[:6])
        more = f", {len(devices) - 6} more" if len(devices) > 6 else ""
        # A dom0 can have frontends too, for disks and networks of its own domains.
        yield Evidence("/sys/bus/xen/devices", value + more, {"hypervisor": "xen"}, WEAK, "kernel")


def _metadata(facts: Facts) -> Iterator[Evidence]:
    imds = facts.imds
    if imds is None or imds.state != "ok":
        return
    at = "metadata service"
    if imds.domain:
        says = {"cloud": "aws"} if imds.domain.startswith("amazonaws.com") else {}
        yield Evidence(f"{at} services/domain", imds.domain, says, STRONG, "metadata")
    if imds.system:
        says = {"ec2_system": imds.system} if imds.system in texts.EC2_SYSTEMS else {}
        yield Evidence(f"{at} system", imds.system, says, DECISIVE, "metadata")
    if imds.profile:
        word = {"default-paravirtual": "paravirtual", "default-hvm": "hvm"}.get(imds.profile)
        says = {"virtualization_type": word} if word else {}
        yield Evidence(f"{at} profile", imds.profile, says, STRONG, "metadata")


def _container(facts: Facts) -> Iterator[Evidence]:
    container = facts.container
    if container is None:
        return
    if container.mark and container.kind:
        says = {"container": container.kind, **({"hypervisor": "hyperv"} if container.kind == "wsl2" else {})}
        yield Evidence(f"/{container.mark}", container.kind, says, STRONG, "container")
    if container.first_namespaces:
        says = {"container": "none"}
        yield Evidence("/proc/self/ns", "the kernel's first pid, uts and ipc", says, DECISIVE, "container")


def _log(facts: Facts) -> Iterator[Evidence]:
    for line in facts.kernel_log.banners if facts.kernel_log else ():
        if line.startswith("Booting "):
            below = line.partition(" kernel on ")[2]
            mode = _BANNERS.get(below)
            if mode and (mode != "pv" or not line.startswith("Booting paravirtualized kernel on Xen ")):
                yield Evidence("kernel log", line, {"hypervisor": "xen", "guest_mode": mode}, WEAK, "kernel log")


def _unreadable(facts: Facts) -> Iterator[Evidence]:
    wanted = ("sys/hypervisor/", "sys/class/dmi/", "sys/firmware/dmi/", "proc/xen", "proc/cpuinfo", "dev/")
    for path, code in sorted(facts.unreadable.items()):
        if path.startswith(wanted) or path.startswith("virt-agent/"):
            yield Evidence(f"/{path}", None, {}, WEAK, "unreadable", code)
