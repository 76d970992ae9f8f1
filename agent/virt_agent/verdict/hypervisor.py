"""Whom this kernel talks to, and the layers beside that.

Kernel-confirmed Xen comes first. Then CPUID: Xen anywhere in its list, KVM anywhere (it beats the
Hyper-V mask at the first leaf), else the first known name; VirtualBox and Parallels show KVM's leaves
and are told by their firmware. Then the firmware. `none` needs proof of absence, never just silence.
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.pci import XEN_PLATFORM
from virt_collectors.record import Record

from . import texts

NONE, UNKNOWN = "none", "unknown"
_MASKED_BY_FIRMWARE = ("virtualbox", "parallels")


class Answer(Record):
    """One word of the verdict; `inferred` says by which elimination, where no sign said it straight."""

    word: str | None
    inferred: str | None = None
    conflicts: tuple[str, ...] = ()


class Below(Record):
    """The hypervisor. `names` are the CPUID names in the order of their leaves, known ones only."""

    word: str
    virtual: bool | None  # there is some hypervisor below; None where that cannot be told
    kernel: bool = False  # the kernel itself talks to it
    inferred: str | None = None
    guessed: bool = False
    conflicts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    outer: str | None = None  # what the firmware says is below, for a Xen that is nested
    masked_as: str | None = None

    @property
    def emulated_by(self) -> str | None:
        """KVM beside Xen in one list: KVM pretends to be Xen."""
        return "kvm" if self.word == "xen" and {"xen", "kvm"} <= set(self.names) else None

    def nested_in(self, role: str | None, mode: str | None) -> str | None:
        """The hypervisor under this Xen: in PV the plain CPUID is the outer machine's, a dom0 has its firmware."""
        if self.word != "xen":
            return None
        if mode == "pv":
            others = [name for name in self.names if name != "xen"]
            if others:
                return "kvm" if "kvm" in others else others[0]
        return self.outer if role == "dom0" else None


def decide(facts: Facts) -> Below:
    """The hypervisor of a machine."""
    names = _names(facts)
    if kernel_on_xen(facts):
        return _xen(facts, names, kernel=True)
    if "xen" in names or (not names and _looks_like_xen_hvm(facts)):
        return _xen(facts, names, kernel=False)
    return _by_name(facts, names) or _without_name(facts)


def kernel_on_xen(facts: Facts) -> bool:
    """Whether the kernel makes hypercalls to Xen: files that only its Xen code makes."""
    xen, tree = facts.hypervisor, facts.device_tree
    if xen and (xen.type == "xen" or xen.proc_xen or xen.guest_type or xen.features is not None):
        return True
    return tree is not None and texts.device_tree_word(tree.hypervisor) == "xen"


def has_xen_platform(facts: Facts) -> bool:
    """PCI 5853:0001, bound or not."""
    return any((device.vendor, device.device) == XEN_PLATFORM for device in facts.pci or ())


def _looks_like_xen_hvm(facts: Facts) -> bool:
    return texts.xen_hvm_firmware(facts.dmi) or has_xen_platform(facts)


def _names(facts: Facts) -> tuple[str, ...]:
    signatures = facts.cpuid.signatures if facts.cpuid else ()
    words = (texts.cpuid_word(signature.text) for signature in signatures)
    return tuple(dict.fromkeys(word for word in words if word))


def _xen(facts: Facts, names: tuple[str, ...], kernel: bool) -> Below:
    masked = "hyperv" if "hyperv" in names and "xen" in names else None
    why = None if kernel else "the kernel does not talk to Xen; told by CPUID, firmware or the platform device"
    outer = _outer_by_firmware(facts)
    return Below("xen", True, kernel, inferred=why, names=names, outer=outer, masked_as=masked)


def _outer_by_firmware(facts: Facts) -> str | None:
    """For a dom0, whose firmware is the machine's: the hypervisor it names, if it is a virtual machine's."""
    if texts.is_amazon(facts.dmi):
        return None if texts.is_metal_product(facts.dmi) else "kvm"
    word = texts.firmware_hypervisor(facts.dmi)
    return None if word == "xen" else word


def _by_name(facts: Facts, names: tuple[str, ...]) -> Below | None:
    """CPUID named somebody who is not Xen."""
    if not names:
        return None
    firmware = texts.firmware_hypervisor(facts.dmi)
    if firmware in _MASKED_BY_FIRMWARE:
        mask = next((name for name in names if name != firmware), None)
        return Below(firmware, True, names=names, masked_as=mask)
    word = "kvm" if "kvm" in names else names[0]
    mask = next((name for name in names if name != word), None)
    conflicts = []
    if _looks_like_xen_hvm(facts):
        conflicts.append(f"firmware or PCI 5853:0001 say Xen, CPUID says {word} and the kernel talks to no Xen")
    if texts.is_metal_product(facts.dmi):
        conflicts.append(f"firmware names a bare-metal product, CPUID names {word}")
    elif texts.is_amazon(facts.dmi) and word != "kvm":
        conflicts.append(f"firmware is that of a Nitro instance, whose hypervisor is KVM, CPUID names {word}")
    return Below(word, True, conflicts=tuple(conflicts), names=names, masked_as=mask)


def _without_name(facts: Facts) -> Below:
    """No CPUID name: Arm, a hidden or unknown hypervisor, unreadable CPUID, or bare metal."""
    if facts.cpu and facts.cpu.vendor == "User Mode Linux":
        return Below("uml", True)
    if facts.platform:
        return Below(facts.platform.hypervisor, True)
    virtual = _is_virtual(facts)
    firmware = texts.firmware_hypervisor(facts.dmi)
    if virtual is False:
        return _metal(facts, texts.firmware_hypervisor(facts.dmi, proven_metal=True))
    tree = _word_by_device_tree(facts)
    if firmware == "qemu":  # whose texts KVM guests show too
        firmware = tree or ("kvm" if texts.firmware_cloud(facts.dmi) else firmware)
    word = firmware or tree or _word_by_cloud(facts, virtual)
    if word:
        proven = virtual and (facts.dmi is None or facts.dmi.vm_bit or facts.cpuid is not None)
        return Below(word, True, inferred=None if proven else "told by firmware texts alone")
    if texts.firmware_cloud(facts.dmi) == "gcp" and virtual is None:
        # Arm: the SMBIOS VM bit is 0 on Google's virtual machines and on its metal alike (systemd#38125).
        return Below(
            "kvm", True, inferred="a guess: Google's Arm machines look the same with and without", guessed=True
        )
    return Below(UNKNOWN, virtual, inferred="no sign names a hypervisor")


def _is_virtual(facts: Facts) -> bool | None:
    """Whether there is a hypervisor at all: True, False with proof, None."""
    flags = facts.cpu.flags if facts.cpu else None
    bit = facts.cpuid.hypervisor_bit if facts.cpuid else None
    if flags is not None and "hypervisor" in flags:
        # The kernel sees a hypervisor, the plain instruction none: so it is in Xen PV, whose other signs are missing.
        return None if bit is False else True
    if bit:
        return True
    if bit is False:
        return False
    if facts.dmi is None:
        return None
    if facts.dmi.vm_bit:
        return True
    if flags is not None:
        # Kernels before 2.6.31 do not know the flag; a machine with firmware tables and no name in them is real.
        return False
    if texts.is_metal_product(facts.dmi) or (texts.is_amazon(facts.dmi) and facts.dmi.vm_bit is False):
        return False
    return True if texts.is_amazon(facts.dmi) and facts.dmi.product_name else None


def _metal(facts: Facts, firmware: str | None) -> Below:
    """No hypervisor bit. A firmware that says virtual machine contradicts that: the bit can be hidden."""
    vm_bit = facts.dmi.vm_bit if facts.dmi else None
    if firmware or (vm_bit and not texts.is_metal_product(facts.dmi)):
        said = f"firmware says {firmware}" if firmware else "the SMBIOS VM bit is set"
        word = firmware if firmware and firmware != "qemu" else UNKNOWN  # QEMU's texts do not say who runs it
        return Below(word, True, conflicts=(f"{said}, but the processor shows no hypervisor",))
    conflicts = ("the SMBIOS VM bit is set on a bare-metal product",) if vm_bit else ()
    return Below(NONE, False, conflicts=conflicts)


def _word_by_cloud(facts: Facts, virtual: bool | None) -> str | None:
    """EC2's and Google's virtual machines of today are KVM, but their metal has the same firmware texts."""
    if not virtual:
        return None
    return "kvm" if texts.is_amazon(facts.dmi) or texts.firmware_cloud(facts.dmi) in ("gcp", "oracle") else None


def _word_by_device_tree(facts: Facts) -> str | None:
    tree = facts.device_tree
    return (texts.device_tree_word(tree.hypervisor) or texts.device_tree_word(tree.compatible)) if tree else None


def mode(below: Below) -> Answer:
    """Guest mode off Xen: `hvm` for a full virtual machine, None on bare metal and where it cannot be told."""
    return Answer("hvm" if below.word not in (NONE, UNKNOWN) else None)


def role(below: Below) -> Answer:
    """Role off Xen."""
    if below.word == NONE:
        return Answer("host")
    return Answer("guest" if below.virtual else UNKNOWN)


def container(facts: Facts) -> str | None:
    """The container we look out of; a mark alone is nothing against the kernel's first namespaces."""
    found = facts.container
    if found is None or (found.first_namespaces and not (found.kind or "").startswith(("wsl", "openvz"))):
        return None
    return found.kind
