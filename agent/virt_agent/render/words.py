"""The verdict in sentences: what kind of machine, what lies below, how sure."""

from __future__ import annotations

from virt_collectors.facts import Facts

from ..instance_types import name_of
from ..rules.form import Reading
from ..rules.host_side import is_xenserver
from ..verdict.confidence import contradicts, supports
from ..verdict.signs import Evidence
from .ascii import clean

HYPERVISORS = {
    "xen": "Xen",
    "kvm": "KVM",
    "qemu": "QEMU",
    "vmware": "VMware",
    "hyperv": "Hyper-V",
    "virtualbox": "VirtualBox",
    "parallels": "Parallels",
    "bhyve": "bhyve",
    "acrn": "ACRN",
    "apple": "Apple Virtualization",
    "powervm": "PowerVM",
    "zvm": "z/VM",
    "uml": "User Mode Linux",
}
_CLOUDS = {"aws": "EC2", "gcp": "Google Cloud", "azure": "Azure", "alibaba": "Alibaba Cloud", "oracle": "Oracle Cloud"}
_XEN_MODES = {
    "pv": "PV: paravirtual Xen guest, disk and network by hypercall",
    "pvh": "PVH: Xen guest on VT-x/AMD-V with PV devices only",
    "hvm": "HVM: Xen full virtual machine, no PV driver in use",
    "pvhvm": "PVHVM: Xen full virtual machine (HVM) using PV drivers",
    "arm": "Xen guest on Arm, which has one mode",
    None: "Xen guest; its mode could not be told",
}


def hypervisor_name(word: str) -> str:
    """The hypervisor's own spelling."""
    return HYPERVISORS.get(word, word)


def headline(reading: Reading) -> str:
    """The machine in a few words: "Xen PVHVM guest, EC2 t2.micro (xen-on-nitro)"."""
    verdict = reading.verdict
    if verdict.hypervisor == "none":
        kind = "bare metal" if verdict.cloud else "bare metal, no hypervisor below"
    elif verdict.hypervisor == "unknown":
        kind = (
            "virtual machine, hypervisor unknown" if verdict.role == "guest" else "could not tell what this machine is"
        )
    elif verdict.hypervisor == "xen":
        mode = f" {verdict.guest_mode.upper()}" if verdict.guest_mode and verdict.guest_mode != "arm" else ""
        kind = f"Xen{mode} {verdict.role if verdict.role in ('guest', 'dom0') else 'machine'}"
    elif verdict.ec2_system == "nitro":
        kind = "Nitro guest"
    else:
        kind = f"{hypervisor_name(verdict.hypervisor)} guest"
    if verdict.layers.container:
        kind = f"{verdict.layers.container} in a {kind}"
    return kind + _headline_cloud(reading)


def _headline_cloud(reading: Reading) -> str:
    verdict = reading.verdict
    if verdict.cloud is None:
        return ""
    kind = name_of(reading.facts)
    system = f" ({verdict.ec2_system})" if verdict.ec2_system in ("xen", "xen-on-nitro") else ""
    return f", {_CLOUDS.get(verdict.cloud, verdict.cloud)}{' ' + kind if kind else ''}{system}"


def instance_id(reading: Reading) -> str | None:
    """By the metadata service, else by the firmware of a Nitro instance (board_asset_tag, readable by all)."""
    facts = reading.facts
    if facts.imds and facts.imds.instance_id:
        return facts.imds.instance_id
    tag = facts.dmi.board_asset_tag if facts.dmi else None
    return tag if tag and tag.startswith("i-") else None


def kind_of(reading: Reading) -> str:
    """The line "Type"."""
    verdict, dmi = reading.verdict, reading.facts.dmi
    if verdict.hypervisor == "none":
        model = " ".join(text for text in ((dmi.sys_vendor, dmi.product_name) if dmi else ()) if text)
        return f"bare metal: {model}" if model else "bare metal"
    if verdict.hypervisor == "unknown":
        return "virtual machine of an unknown hypervisor" if verdict.role == "guest" else "unknown"
    if verdict.hypervisor == "xen" and verdict.role == "dom0":
        return f"dom0 ({(verdict.guest_mode or '?').upper()}): the domain that manages Xen and serves devices to its guests"
    if verdict.hypervisor == "xen" and verdict.guest_mode == "hvm" and verdict.pv_drivers is None:
        bus = reading.facts.xenbus is None and reading.facts.hypervisor is not None
        return "HVM: Xen full virtual machine" + (
            "; PV drivers cannot be seen from here" if bus else ", no PV driver in use"
        )
    if verdict.hypervisor == "xen":
        return _XEN_MODES[verdict.guest_mode]
    return f"HVM: full virtual machine on {hypervisor_name(verdict.hypervisor)}"


def below(reading: Reading) -> str:
    """The line "Below"."""
    verdict, facts = reading.verdict, reading.facts
    if verdict.hypervisor == "none":
        return "none (proof: " + _proof_of_metal(reading) + ")"
    if verdict.hypervisor == "unknown":
        return "unknown: " + verdict.confidence_reason
    if verdict.hypervisor == "xen":
        return _below_xen(reading)
    if verdict.ec2_system == "nitro":
        return f"AWS Nitro ({_nitro_sign(facts)})"
    sign = next((s for s in verdict.evidence if s.argues_for.get("hypervisor") == verdict.hypervisor), None)
    name = hypervisor_name(verdict.hypervisor)
    tcg = sign is not None and sign.value == "TCGTCGTCGTCG"
    emulated = ": software emulation (TCG), no hardware virtualization" if tcg else ""
    return f"{name}{emulated} ({sign.source} says {sign.value})" if sign else name + emulated


def _nitro_sign(facts: Facts) -> str:
    if facts.dmi and facts.dmi.sys_vendor == "Amazon EC2":
        return f"firmware says Amazon EC2 {facts.dmi.product_name or ''}".rstrip()
    system = facts.imds.system if facts.imds else None
    return f"metadata service: {system}" if system else "firmware says Amazon EC2"


def _below_xen(reading: Reading) -> str:
    verdict, facts = reading.verdict, reading.facts
    version = (facts.hypervisor.version if facts.hypervisor else None) or (
        facts.cpuid.xen_version if facts.cpuid else None
    )
    text = f"Xen {version}" if version else "Xen"
    if is_xenserver(reading):
        text += " (XCP-ng or XenServer)"
    if facts.hypervisor is None or facts.hypervisor.type != "xen":
        told = "the kernel" if facts.hypervisor and (facts.hypervisor.proc_xen or facts.hypervisor.guest_type) else None
        text += "" if told else " (from CPUID or firmware: this kernel does not talk to it)"
    domain = facts.cpuid.xen_domid if facts.cpuid else None
    if domain:
        text += f", domain {domain}"
    if verdict.ec2_system == "xen-on-nitro":
        text += ", on Nitro hardware (metadata service: xen-on-nitro)"
    elif verdict.ec2_system_hint:
        text += f"; perhaps {verdict.ec2_system_hint}, which only the metadata service tells"
    return text


def _proof_of_metal(reading: Reading) -> str:
    facts, proofs = reading.facts, []
    if facts.cpu and facts.cpu.flags is not None and "hypervisor" not in facts.cpu.flags:
        proofs.append('CPU flags lack "hypervisor"')
    if facts.cpuid and facts.cpuid.hypervisor_bit is False:
        proofs.append("CPUID.1 ECX bit 31 is 0")
    if not proofs:
        proofs.append(f"firmware product {facts.dmi.product_name if facts.dmi else '?'}")
    return ", ".join(proofs)


def cloud(reading: Reading) -> str | None:
    """The line "Cloud"; None off any cloud."""
    verdict, facts = reading.verdict, reading.facts
    if verdict.cloud is None:
        return None
    name = "AWS EC2" if verdict.cloud == "aws" else _CLOUDS.get(verdict.cloud, verdict.cloud)
    zone = facts.imds.availability_zone_id or facts.imds.availability_zone if facts.imds else None
    parts = [part for part in (name_of(reading.facts), instance_id(reading), zone) if part]
    told = "" if facts.imds or verdict.cloud != "aws" or not parts else " (from firmware, not metadata)"
    system = f"; system {verdict.ec2_system}" if verdict.ec2_system == "unknown" else ""
    return (name + (" " if parts else "") + ", ".join(parts) + told + system).strip()


def layers(reading: Reading) -> list[tuple[str, str]]:
    """What lies around or between, a heading and a sentence each."""
    found, layers_ = [], reading.verdict.layers
    if layers_.container:
        found.append(("Around", f"{layers_.container} container: /sys is the machine's, parts of it may be hidden"))
    if layers_.nested_in:
        found.append(("Nested", f"this Xen itself runs inside {hypervisor_name(layers_.nested_in)}"))
    if layers_.masked_as:
        found.append(("Mask", f"CPUID also shows {hypervisor_name(layers_.masked_as)}, which is only pretended"))
    if layers_.emulated_by:
        found.append(("Host", f"{hypervisor_name(layers_.emulated_by)} emulates Xen here"))
    return found


def sure(reading: Reading) -> str:
    """The line "Sure"."""
    verdict = reading.verdict
    answers = {
        "hypervisor": verdict.hypervisor,
        "guest_mode": verdict.guest_mode,
        "role": verdict.role,
        "cloud": verdict.cloud,
    }
    against = [s for s in verdict.evidence if contradicts(s, answers)]
    agree = [s for s in verdict.evidence if s not in against and s.argues_for and _agrees(s, answers)]
    opposed = f"{len(against)} against" if against else "none against"
    reason = f"; {clean(verdict.confidence_reason, 300)}" if verdict.confidence_reason and not verdict.conflicts else ""
    if verdict.hypervisor == "unknown":
        return f"{verdict.confidence}{reason or '; signs contradict each other'}"
    return f"{verdict.confidence}: {len(agree)} sign{'s' * (len(agree) != 1)} agree{'s' * (len(agree) == 1)}, {opposed}{reason}"


def _agrees(sign: Evidence, answers: dict[str, str | None]) -> bool:
    says = sign.argues_for.items()
    return supports(sign, str(answers["hypervisor"])) or any(answers.get(key) == word for key, word in says)
