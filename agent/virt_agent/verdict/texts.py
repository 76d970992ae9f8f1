"""The texts by which hypervisors and clouds name themselves, and what each stands for.

CPUID signatures: systemd src/basic/virt.c, virt-what, xen/include/public/arch-x86/cpuid.h. Firmware texts:
systemd's dmi_vendor_table, cloud-init's ds-identify and DataSource modules. Words are docs/verdict.md's.
"""

from __future__ import annotations

from virt_collectors.dmi import Dmi

GUEST_TYPES = {"PV": "pv", "HVM": "hvm", "PVH": "pvh", "Xen": "arm"}  # of /sys/hypervisor/guest_type
NIL_UUID = "00000000-0000-0000-0000-000000000000"  # a dom0's, and that of a PV guest in a PVH shim
EC2_SYSTEMS = ("xen", "xen-on-nitro", "nitro")  # what the metadata service calls the host, as far as AWS tells

_CPUID = {
    "XenVMMXenVMM": "xen",
    "KVMKVMKVM": "kvm",
    "Linux KVM Hv": "kvm",
    "TCGTCGTCGTCG": "qemu",
    "VMwareVMware": "vmware",
    "Microsoft Hv": "hyperv",
    "VBoxVBoxVBox": "virtualbox",
    "bhyve bhyve": "bhyve",
    "ACRNACRNACRN": "acrn",
    "QNXQVMBSQG": "qnx",
    "SRESRESRESRE": "sre",
    "Apple VZ": "apple",
    "LKVMLKVMLKVM": "kvm",
    "OpenBSDVMM58": "openbsd",
    "prl hyperv": "parallels",
    "lrpepyh vr": "parallels",
    "UnisysSpar64": "unisys",
    "Jailhouse": "jailhouse",
}

# (file of /sys/class/dmi/id, beginning of its text, hypervisor). A vendor that also builds real
# machines (Oracle, Microsoft, Google, Amazon) needs its product's name, or proof of a VM.
_HYPERVISORS = (
    ("sys_vendor", "Xen", "xen"),
    ("bios_vendor", "Xen", "xen"),
    ("product_name", "HVM domU", "xen"),
    ("sys_vendor", "innotek GmbH", "virtualbox"),
    ("product_name", "VirtualBox", "virtualbox"),
    ("bios_vendor", "innotek GmbH", "virtualbox"),
    ("sys_vendor", "Parallels", "parallels"),
    ("bios_vendor", "Parallels", "parallels"),
    ("product_name", "Parallels", "parallels"),
    ("sys_vendor", "VMware", "vmware"),
    ("product_name", "VMware", "vmware"),
    ("bios_vendor", "VMW", "vmware"),
    ("product_name", "KVM", "kvm"),
    ("product_name", "RHEV Hypervisor", "kvm"),
    ("product_name", "oVirt", "kvm"),
    ("product_family", "KubeVirt", "kvm"),
    ("sys_vendor", "KubeVirt", "kvm"),
    ("product_name", "AHV", "kvm"),
    ("product_name", "OpenStack", "kvm"),
    ("product_name", "CloudStack KVM", "kvm"),
    ("sys_vendor", "BHYVE", "bhyve"),
    ("bios_vendor", "BHYVE", "bhyve"),
    ("product_name", "BHYVE", "bhyve"),
    ("sys_vendor", "Apple Virtualization", "apple"),
    ("product_name", "Apple Virtualization", "apple"),
    ("bios_vendor", "Hyper-V", "hyperv"),
    ("product_version", "Hyper-V", "hyperv"),
    ("sys_vendor", "QEMU", "qemu"),
    ("bios_vendor", "Bochs", "qemu"),
    ("sys_vendor", "Bochs", "qemu"),
)

# Clouds whose virtual machines are KVM's; what they rent as bare metal has the same vendor text.
_KVM_CLOUDS = (
    "OpenStack",
    "Alibaba Cloud",
    "DigitalOcean",
    "Hetzner",
    "Scaleway",
    "Tencent Cloud",
    "UpCloud",
    "Vultr",
)

_CLOUDS = (
    ("sys_vendor", "Amazon EC2", "aws"),
    ("bios_vendor", "Amazon EC2", "aws"),
    ("product_name", "Google Compute Engine", "gcp"),
    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"),
    ("sys_vendor", "Alibaba Cloud", "alibaba"),
    ("product_name", "Alibaba Cloud", "alibaba"),
    ("chassis_asset_tag", "OracleCloud.com", "oracle"),
    ("sys_vendor", "DigitalOcean", "digitalocean"),
    ("sys_vendor", "Hetzner", "hetzner"),
    ("sys_vendor", "Scaleway", "scaleway"),
    ("sys_vendor", "Tencent Cloud", "tencent"),
    ("sys_vendor", "UpCloud", "upcloud"),
    ("sys_vendor", "Vultr", "vultr"),
    ("sys_vendor", "Exoscale", "exoscale"),
    ("sys_vendor", "Akamai", "akamai"),
    ("sys_vendor", "Linode", "akamai"),
    ("chassis_asset_tag", "ibmcloud", "ibm"),
    ("chassis_asset_tag", "HUAWEICLOUD", "huawei"),
    ("sys_vendor", "3DS Outscale", "outscale"),
    ("sys_vendor", "e24cloud", "e24cloud"),
    ("product_name", "AHV", "nutanix-ahv"),
    ("product_name", "OpenStack Nova", "openstack"),
    ("product_name", "OpenStack Compute", "openstack"),
    ("sys_vendor", "OpenStack Foundation", "openstack"),
    ("chassis_asset_tag", "OpenStack", "openstack"),
    ("product_name", "CloudStack", "cloudstack"),
    ("sys_vendor", "Apache Software Foundation", "cloudstack"),
)


def cpuid_word(signature: str) -> str | None:
    """The hypervisor that a CPUID signature names; None for one that is not known."""
    return _CPUID.get(signature.strip())


def device_tree_word(strings: tuple[str, ...]) -> str | None:
    """The hypervisor that a compatible list names."""
    for string in strings:
        if string == "xen" or string.startswith("xen,"):
            return "xen"
        if string in ("linux,kvm", "linux,dummy-virt"):
            return "kvm"
        if string.startswith("vmware"):
            return "vmware"
        if string == "qemu,pseries":
            return "qemu"
    return None


def firmware_says(name: str, text: str, dmi: Dmi) -> dict[str, str]:
    """What one firmware text argues for. QEMU's texts stand for QEMU, KVM and others that use its firmware."""
    says = {}
    for answer, table in (("hypervisor", _HYPERVISORS), ("cloud", _CLOUDS)):
        word = next((word for file, start, word in table if file == name and text.startswith(start)), None)
        if word:
            says[answer] = "any" if word == "qemu" else word
    if name == "sys_vendor" and text.startswith(_KVM_CLOUDS):
        says["hypervisor"] = "kvm"
    if name == "product_name" and is_amazon(dmi):
        says["hypervisor"] = "none" if is_metal_product(dmi) else "kvm"
    if name == "product_name" and text == "Virtual Machine" and firmware_hypervisor(dmi) == "hyperv":
        says["hypervisor"] = "hyperv"
    if name in ("bios_version", "product_version") and text.endswith(".amazon"):
        says["cloud"] = "aws"
    return says


def firmware_hypervisor(dmi: Dmi | None, proven_metal: bool = False) -> str | None:
    """The hypervisor that the firmware names, by the first entry that fits; None where it names none.

    Microsoft's name is on Surface tablets too: it needs the product "Virtual Machine". A cloud's name alone
    does not stand against a processor that shows no hypervisor.
    """
    if dmi is None:
        return None
    for name, start, word in _HYPERVISORS:
        if (getattr(dmi, name) or "").startswith(start):
            return word
    if (dmi.sys_vendor or "").startswith(_KVM_CLOUDS) and not proven_metal:
        return "kvm"
    microsoft = any((text or "").startswith("Microsoft") for text in (dmi.sys_vendor, dmi.board_vendor))
    return "hyperv" if microsoft and dmi.product_name == "Virtual Machine" else None


def firmware_cloud(dmi: Dmi | None) -> str | None:
    """The cloud that the firmware names; None where it names none."""
    if dmi is None:
        return None
    for name, start, word in _CLOUDS:
        if (getattr(dmi, name) or "").startswith(start):
            return word
    amazon = any((text or "").endswith(".amazon") for text in (dmi.bios_version, dmi.product_version))
    return "aws" if amazon else None


def xen_hvm_firmware(dmi: Dmi | None) -> bool:
    """Whether hvmloader made the firmware tables: only HVM guests have those."""
    return dmi is not None and (dmi.sys_vendor == "Xen" or dmi.bios_vendor == "Xen" or dmi.product_name == "HVM domU")


def is_amazon(dmi: Dmi | None) -> bool:
    """Firmware of a Nitro or metal instance."""
    return dmi is not None and "Amazon EC2" in (dmi.sys_vendor, dmi.bios_vendor, dmi.board_vendor)


def is_metal_product(dmi: Dmi | None) -> bool:
    """An EC2 instance type of bare metal: "i3.metal", "c7i.metal-24xl"."""
    size = (dmi.product_name or "").partition(".")[2] if dmi else ""
    return is_amazon(dmi) and (size == "metal" or size.startswith("metal-"))
