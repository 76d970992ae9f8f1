"""The guests that QEMU boots itself, given as its arguments."""

from __future__ import annotations

from .shapes import EC2_UUID, EMULATED_CLOCK, QEMU, PlainGuest, Truth, healthy

DISK = "-drive if=none,format=raw,snapshot=on"
COURIER = "-drive if=none,format=raw,id=courier,file={courier}"
NET = "-netdev user,id=net,restrict=on"
VIRTIO = "virtio_pci virtio_blk ext4"
PLAIN_GUESTS = (
    PlainGuest(
        "qemu-q35-virtio",
        "q35: virtio-blk, virtio-scsi, NVMe, virtio-net",
        healthy(QEMU),
        f"-machine q35 {DISK},id=root,file={{root}} -device virtio-blk-pci,drive=root,serial=root "
        f"{COURIER} -device virtio-scsi-pci -device scsi-hd,drive=courier "
        f"{DISK},id=data,file={{data}} -device nvme,drive=data,serial=lab1 "
        f"{NET} -device virtio-net-pci,netdev=net",
        f"{VIRTIO} virtio_scsi sd_mod",
        core=True,
    ),
    PlainGuest(
        "qemu-pc-emulated",
        "i440fx: IDE disks and CD drive, e1000 and rtl8139",
        healthy(QEMU),
        f"-machine pc {DISK},id=root,file={{root}} -device ide-hd,drive=root,bus=ide.0,unit=0 "
        f"{COURIER} -device ide-hd,drive=courier,bus=ide.0,unit=1 "
        f"{DISK},id=data,file={{data}} -device ide-hd,drive=data,bus=ide.1,unit=0 "
        "-drive if=none,id=cd,readonly=on,format=raw,file={iso} "
        "-device ide-cd,drive=cd,bus=ide.1,unit=1 "
        f"{NET} -device e1000,netdev=net,romfile= -netdev user,id=net2,restrict=on "
        "-device rtl8139,netdev=net2,romfile=",
        "ata_piix sd_mod ext4",
        core=True,
    ),
    PlainGuest(
        "nitro-like",
        "q35 with EC2 Nitro's SMBIOS strings, NVMe and a metadata service; not matched: ENA, EBS's vendor log page",
        Truth(
            {**QEMU, "hypervisor": ("qemu", "kvm"), "cloud": "aws", "ec2_system": "nitro"},
            allow=("N04", "V10", "P04", "B05", *EMULATED_CLOCK),
        ),
        "-machine q35 -smbios type=0,vendor=Amazon\\ EC2,version=1.0,date=10/16/2017 "
        f"-smbios type=1,manufacturer=Amazon\\ EC2,product=m5.large,uuid={EC2_UUID},"
        f"serial={EC2_UUID} -smbios type=2,manufacturer=Amazon\\ EC2,asset=i-0123456789abcdef0 "
        "-smbios type=3,manufacturer=Amazon\\ EC2,asset=i-0123456789abcdef0 "
        f"{DISK},id=root,file={{root}} -device nvme,drive=root,serial=vol0123456789abcdef0 "
        f"{COURIER} -device nvme,drive=courier,serial=vol0123456789abcdef1 "
        f"{DISK},id=data,file={{data}} -device nvme,drive=data,serial=vol0123456789abcdef2 "
        "-netdev 'user,id=net,restrict=on,net=169.254.0.0/16,host=169.254.0.2,"
        "dhcpstart=169.254.10.15,guestfwd=tcp:169.254.169.254:80-cmd:{imds}' "
        "-device virtio-net-pci,netdev=net",
        "nvme ext4",
        "169.254.10.15/16",
        "169.254.0.2",
        core=True,
    ),
    PlainGuest(
        "ec2-xen-dmi",
        "i440fx with EC2's Xen-era DMI strings and no Xen below",
        Truth(
            {**QEMU, "cloud": ("aws", None), "ec2_system": ("xen", "unknown", None)},
            allow=EMULATED_CLOCK,
            has_conflicts=True,
        ),
        "-machine pc -smbios type=0,vendor=Xen,version=4.11.amazon,date=08/24/2006 "
        f"-smbios type=1,manufacturer=Xen,product=HVM\\ domU,version=4.11.amazon,uuid={EC2_UUID},"
        f"serial={EC2_UUID} -smbios type=3,manufacturer=Xen "
        f"{DISK},id=root,file={{root}} -device ide-hd,drive=root,bus=ide.0,unit=0 "
        f"{COURIER} -device ide-hd,drive=courier,bus=ide.0,unit=1 "
        f"{NET} -device e1000,netdev=net,romfile=",
        "ata_piix sd_mod ext4",
    ),
    PlainGuest(
        "dom0-pvh",
        "Xen's dom0 as PVH, with no guest and xenfs not mounted",
        Truth({"hypervisor": "xen", "guest_mode": "pvh", "role": "dom0", "cloud": None}, allow=EMULATED_CLOCK),
        "-machine q35 -device amd-iommu -m 2048 -cpu EPYC,+svm,-smap,-monitor,-rdtscp -net none",
        "",
        root="ram",
        xen="dom0=pvh dom0_mem=1024M,max:1024M dom0_max_vcpus=1 iommu=on "
        "com1=115200,8n1 console=com1 loglvl=warning cpuidle=0 spec-ctrl=no",
    ),
    PlainGuest(
        "ec2-metal-like",
        "q35 with the SMBIOS strings of EC2 metal, no hypervisor bit or leaf; "
        "not matched: SMBIOS's virtual machine bit, which QEMU sets",
        Truth(
            {"hypervisor": ("none", "unknown"), "role": ("host", "unknown"), "cloud": "aws", "ec2_system": "metal"},
            allow=EMULATED_CLOCK,
        ),
        "-machine q35 -cpu EPYC,-hypervisor,tcg-cpuid=off "
        "-smbios type=0,vendor=Amazon\\ EC2,version=1.0,date=10/16/2017 "
        f"-smbios type=1,manufacturer=Amazon\\ EC2,product=c5.metal,uuid={EC2_UUID},"
        f"serial={EC2_UUID} -smbios type=3,manufacturer=Amazon\\ EC2,asset=i-0123456789abcdef0 "
        f"{DISK},id=root,file={{root}} -device nvme,drive=root,serial=vol0123456789abcdef0 "
        f"{COURIER} -device nvme,drive=courier,serial=vol0123456789abcdef1 -net none",
        "nvme ext4",
    ),
)
