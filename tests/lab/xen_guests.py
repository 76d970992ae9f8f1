"""The guests that Xen's dom0 creates, and dom0 itself."""

from __future__ import annotations

from .hot import HOT_LINES
from .shapes import (
    DOM0,
    EC2_UUID,
    EMULATED_CLOCK,
    EMULATED_DEVICES,
    HVM,
    PV,
    PVH,
    PVHVM,
    XEN,
    Dom0,
    Truth,
    XenGuest,
    disk_lost,
    healthy,
)

XEN_GUESTS = (
    XenGuest("pv", "xl type=pv", healthy(PV), "pv", core=True),
    XenGuest("pvh", "xl type=pvh", healthy(PVH), "pvh", core=True),
    XenGuest("pvhvm", "xl type=hvm, the kernel unplugs the emulated devices", healthy(PVHVM), "hvm", core=True),
    XenGuest(
        "hvm-nopv",
        "xl type=hvm, kernel argument xen_nopv",
        Truth({**HVM, "pv_drivers": None}, ("X05",), EMULATED_DEVICES),
        "hvm",
        "xen_nopv",
        core=True,
    ),
    XenGuest(
        "hvm-never-unplug",
        "xl type=hvm, xen_emul_unplug=never: emulated devices only",
        Truth({**HVM, "pv_drivers": "none"}, ("X05",), EMULATED_DEVICES),
        "hvm",
        "xen_emul_unplug=never",
    ),
    XenGuest(
        "hvm-noplatform",
        "xl type=hvm, xen_platform_pci=0: nothing can be unplugged",
        Truth({**HVM, "pv_drivers": "none"}, ("X06",), ("X05", "L20", *EMULATED_DEVICES)),
        "hvm",
        settings=("xen_platform_pci=0",),
    ),
    XenGuest(
        "hvm-nics-unplug",
        "xl type=hvm, xen_emul_unplug=nics: each disk is there twice",
        Truth(PVHVM, ("B11",), ("X06", "B02", "B12", *EMULATED_CLOCK)),
        "hvm",
        "xen_emul_unplug=nics",
        core=True,
    ),
    XenGuest(
        "hvm-unnecessary",
        "xl type=hvm, xen_emul_unplug=unnecessary: the NIC twice",
        Truth({**XEN, "guest_mode": "pvhvm", "pv_drivers": "some"}, ("N13",), ("X05", *EMULATED_DEVICES)),
        "hvm",
        "xen_emul_unplug=unnecessary",
    ),
    XenGuest(
        "pvhvm-viridian",
        "xl type=hvm with viridian=1: CPUID says Hyper-V first",
        healthy({**PVHVM, "layers.masked_as": "hyperv"}),
        "hvm",
        settings=("viridian=1",),
    ),
    XenGuest("pvhvm-cdrom-empty", "xl type=hvm with an empty CD drive", healthy(PVHVM), "hvm", cdrom="empty"),
    XenGuest("pvhvm-cdrom-iso", "xl type=hvm with an ISO in the CD drive", healthy(PVHVM), "hvm", cdrom="iso"),
    XenGuest(
        "pvhvm-nonet",
        "xl type=hvm, xen_netfront kept out: the NIC has no driver",
        Truth({**PVHVM, "pv_drivers": "some"}, ("X04",), EMULATED_CLOCK),
        "hvm",
        "modprobe.blacklist=xen_netfront",
    ),
    XenGuest(
        "pv-nofront",
        "xl type=pv, no frontend loaded, root in memory",
        Truth({**PV, "pv_drivers": "none"}, ("X04",), EMULATED_CLOCK),
        "pv",
        "modprobe.blacklist=xen_blkfront,xen_netfront",
        root="ram",
    ),
    XenGuest("pvh-cloud", "xl type=pvh, the cloud kernel", healthy(PVH), "pvh", flavour="cloud-amd64"),
    XenGuest(
        "pvhvm-cloud",
        "xl type=hvm, the cloud kernel (nvme built in, no kbdfront)",
        healthy(PVHVM),
        "hvm",
        flavour="cloud-amd64",
    ),
    XenGuest(
        "pvhvm-ec2-uuid",
        "xl type=hvm with a uuid that begins ec2: no proof of EC2",
        healthy(PVHVM),
        "hvm",
        settings=(f'uuid="{EC2_UUID}"',),
    ),
    XenGuest(
        "pvh-closed",
        "xl type=pvh; dom0 closes vif and a mounted disk behind its back",
        Truth(PVH, ("X02", "X16"), ("X03", "L45", "L48", *EMULATED_CLOCK), status=("critical",)),
        "pvh",
        disturb=(
            "xenstore-write /local/domain/0/backend/vif/{id}/0/state 6",
            "xenstore-write /local/domain/0/backend/vbd/{id}/51744/state 5",
        ),
    ),
    XenGuest(
        "pv-detached",
        "xl type=pv; xl block-detach of a mounted disk: it is gone for good",
        disk_lost(PV),
        "pv",
        disturb=("xl block-detach {id} xvdc",),
        core=True,
    ),
    XenGuest(
        "pv-torn-off",
        "xl type=pv; xl block-detach --force of a mounted disk",
        disk_lost(PV),
        "pv",
        disturb=("xl block-detach {id} xvdc --force",),
    ),
    XenGuest(
        "pvhvm-detached",
        "xl type=hvm; xl block-detach of a mounted disk",
        disk_lost(PVHVM),
        "hvm",
        disturb=("xl block-detach {id} hdc",),
    ),
    XenGuest(
        "pvhvm-unplugged",
        "xl type=hvm; the NIC detached, memory down and up again",
        healthy(PVHVM),
        "hvm",
        settings=("maxmem=512",),
        disturb=("xl network-detach {id} 0", "xl mem-set {id} 384", "sleep 4", "xl mem-set {id} 500"),
    ),
    XenGuest(
        "pv-ballooned",
        "xl type=pv; the NIC detached, memory down and up again",
        healthy(PV),
        "pv",
        settings=("maxmem=512",),
        disturb=("xl network-detach {id} 0", "xl mem-set {id} 384", "sleep 4", "xl mem-set {id} 500"),
    ),
    XenGuest(
        "pv-watched", "xl type=pv, alive while dom0 looks at itself", healthy(PV), "pv", disturb=("look dom0-busy",)
    ),
)
HOT_GUEST = XenGuest(
    "pvhvm-hot",
    "xl type=hvm; disks and NICs come and go, pause, save and restore, migration",
    healthy(PVHVM),
    "hvm",
    watched=True,
    disturb=HOT_LINES,
)
SHIM_GUEST = XenGuest(
    "pv-shim",
    "xl type=pvh pvshim=1: a PV kernel in a shim of Xen in a PVH guest",
    healthy({**PV, "layers.nested_in": ("xen", "qemu", None)}),
    "pvh",
    settings=("pvshim=1",),
)
DOM0S = (
    Dom0("dom0", "Xen's dom0 (PV), before any guest", healthy(DOM0), core=True),
    Dom0("dom0-busy", "Xen's dom0 (PV), serving the guest pv-watched", healthy(DOM0), during="pv-watched"),
)
SECOND_GENERATION = (
    Dom0("trixie-dom0", "Debian 13's Xen and kernel: dom0", healthy(DOM0), "trixie"),
    XenGuest("trixie-pv", "Debian 13: xl type=pv", healthy(PV), "pv", suite="trixie"),
    XenGuest("trixie-pvh", "Debian 13: xl type=pvh", healthy(PVH), "pvh", suite="trixie"),
    XenGuest(
        "trixie-pvhvm", "Debian 13: xl type=hvm, feature word of a PVH guest", healthy(PVHVM), "hvm", suite="trixie"
    ),
    XenGuest(
        "trixie-pvhvm-ec2",
        "xl type=hvm with EC2's Xen-era SMBIOS strings; not matched: Xen's own version, metadata",
        Truth({**PVHVM, "cloud": "aws", "ec2_system": ("xen", "unknown")}, allow=EMULATED_CLOCK),
        "hvm",
        settings=(f'uuid="{EC2_UUID}"', 'smbios=["bios_version=4.2.amazon"]'),
        suite="trixie",
    ),
)
