"""P02 to P07: what EC2 says of this instance, against what the guest sees."""

from __future__ import annotations

from ... import instance_types
from ..form import ADVICE, FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..xen.unplug import disabled_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PROFILES = ("default-hvm", "default-paravirtual")


def _guest(reading: Reading) -> bool:
    return reading.on_ec2 and reading.virtual and reading.verdict.layers.container is None


def _profile(reading: Reading) -> str | None:
    profile = reading.facts.imds.profile if reading.facts.imds else None
    return profile if profile in _PROFILES else None


def _has_profile(reading: Reading) -> bool:
    known = reading.verdict.hypervisor in ("xen", "kvm") and _mode(reading) is not None
    return _guest(reading) and known and _profile(reading) is not None


def _mode(reading: Reading) -> str | None:
    return reading.verdict.guest_mode


def _check_profile(case: Case) -> Iterator[Hit]:
    profile, mode = _profile(case.now), _mode(case.now)
    if (profile == "default-paravirtual") != (mode == "pv"):
        yield Hit(
            "profile",
            f"EC2 says {profile}, the guest runs as {mode}",
            (f"metadata profile = {profile}", _guest_type(case.now)),
        )


def _guest_type(reading: Reading) -> str:
    found = reading.facts.hypervisor.guest_type if reading.facts.hypervisor else None
    return f"/sys/hypervisor/guest_type = {found or 'not offered'}; mode {_mode(reading)}"


def _has_kernel_id(reading: Reading) -> bool:
    imds = reading.facts.imds
    return _guest(reading) and imds is not None and imds.state == "ok" and _mode(reading) is not None


def _check_kernel_id(case: Case) -> Iterator[Hit]:
    imds = case.now.facts.imds
    if imds is not None and imds.kernel_id and _mode(case.now) != "pv":
        cause = "P02" if _has_profile(case.now) and next(_check_profile(case), None) else None
        yield Hit(
            "kernel-id",
            f"the image has a PV kernel ({imds.kernel_id}), the guest runs as {_mode(case.now)}",
            (f"metadata kernel-id = {imds.kernel_id}", _guest_type(case.now)),
            same_cause_as=cause,
        )


def _type(reading: Reading) -> instance_types.InstanceType | None:
    return instance_types.lookup(instance_types.name_of(reading.facts))


def _has_known_type(reading: Reading) -> bool:
    """A guest, or a whole machine; a dom0 on bare metal is neither, and right."""
    seen, container = reading.verdict.hypervisor, reading.verdict.layers.container
    whole = reading.on_ec2 and seen == "none" and container is None
    return (whole or (_guest(reading) and seen in ("xen", "kvm"))) and _type(reading) is not None


def _check_type(case: Case) -> Iterator[Hit]:
    known, seen = _type(case.now), case.now.verdict.hypervisor
    if known is None:
        return
    wanted = {"xen": "xen", "nitro": "kvm", "": "none"}.get(known.hypervisor, seen)
    if wanted != seen:
        what = {"xen": "a Xen type", "kvm": "a Nitro type", "none": "bare metal"}[wanted]
        yield Hit(
            known.name,
            f"{known.name} is {what}, this kernel runs on {'no hypervisor' if seen == 'none' else seen}",
            (f"instance type {known.name}: hypervisor {known.hypervisor or 'none'}", f"verdict: {seen}"),
        )
    elif _mode(case.now) == "pv" and "paravirtual" not in known.virtualization_types:
        yield Hit(
            known.name,
            f"{known.name} takes no PV image, and this guest runs as PV",
            (f"instance type {known.name}: {', '.join(known.virtualization_types)}", _guest_type(case.now)),
        )
    yield from _check_firmware(case.now, known.name)


def _check_firmware(reading: Reading, told: str) -> Iterator[Hit]:
    """Nitro and metal instances have their type in the firmware, too."""
    dmi = reading.facts.dmi
    product = dmi.product_name if dmi and dmi.sys_vendor == "Amazon EC2" else None
    if product and product != told and "." in product:
        yield Hit(
            "product_name",
            f"the metadata service says {told}, the firmware {product}",
            (f"metadata instance-type = {told}", f"/sys/class/dmi/id/product_name = {product}"),
        )


def _says_xen(reading: Reading) -> bool:
    imds = reading.facts.imds
    return _guest(reading) and imds is not None and (imds.system or "").startswith("xen")


def _check_no_xen(case: Case) -> Iterator[Hit]:
    hypervisor, imds = case.now.facts.hypervisor, case.now.facts.imds
    refused = any(path.startswith("sys/hypervisor") for path in case.now.facts.unreadable)
    seen = bool(case.now.frontends)  # it talks to Xen, whatever could not be read
    if imds is not None and not refused and not seen and (hypervisor is None or hypervisor.type is None):
        yield Hit(
            "system",
            f"EC2 says {imds.system}, and this kernel does not talk to Xen",
            (f"metadata system = {imds.system}", "/sys/hypervisor/type does not exist"),
            same_cause_as=disabled_by(case),
        )


def _has_type(reading: Reading) -> bool:
    return reading.on_ec2 and instance_types.name_of(reading.facts) is not None


def _check_unknown_type(case: Case) -> Iterator[Hit]:
    name = instance_types.name_of(case.now.facts)
    if name and _type(case.now) is None:
        yield Hit(name, f"instance type {name} is newer than this agent's list", (f"instance type {name}",))


def _check_old_type(case: Case) -> Iterator[Hit]:
    known = _type(case.now)
    if known is not None and known.hypervisor == "xen":
        age = "of the previous generation" if known.generation == "old" else "one of the last on Xen"
        yield Hit(
            known.name,
            f"instance type {known.name} is {age}",
            (f"instance type {known.name}: hypervisor xen, generation {known.generation}",),
        )


RULES = (
    Rule(
        code="P02",
        name="profile-contradicts-mode",
        kind=FAULT,
        severity=WARNING,
        title="the metadata service and the kernel disagree about PV or HVM",
        needs=("imds", "hypervisor"),
        applies=_has_profile,
        check=_check_profile,
        means="One of two sources is wrong: metadata of another instance (a proxy, a nested guest), or a kernel that"
        " was booted in another way than its image says.",
        remedy=(
            "Compare with the image: aws ec2 describe-images --image-ids AMI --query 'Images[].VirtualizationType'",
            "Is the metadata this instance's own? Compare its instance-id with the console's.",
        ),
        source="awslabs/aws-ec2rescue-linux, prediag.py (get_virt_type); drivers/xen/sys-hypervisor.c",
        owner=YOU,
        avoid="Do not plan a migration on either answer before both agree.",
    ),
    Rule(
        code="P03",
        name="pv-kernel-id",
        kind=FAULT,
        severity=WARNING,
        title="the image names a PV kernel, and the guest is not PV",
        needs=("imds", "hypervisor"),
        applies=_has_kernel_id,
        check=_check_kernel_id,
        means="Only PV images have a kernel id (aki-...): the metadata does not belong to this guest, or the image was"
        " registered wrongly and the next launch from it may fail.",
        remedy=(
            "Look at the image: aws ec2 describe-images --image-ids AMI --query 'Images[].[VirtualizationType,KernelId]'",
        ),
        source="EC2 user guide, User provided kernels",
        owner=YOU,
        avoid="Do not register new images from this one before it is clear which it is.",
    ),
    Rule(
        code="P04",
        name="type-contradicts-hypervisor",
        kind=FAULT,
        severity=WARNING,
        title="the instance type contradicts the hypervisor, the mode or the firmware",
        needs=("hypervisor",),
        applies=_has_known_type,
        check=_check_type,
        means="The type that EC2 or the firmware tells runs on another hypervisor than the one below this kernel, takes no"
        " PV image while this guest is PV, or is another than the firmware's: a guest inside the instance, metadata of"
        " another machine, or a list that is out of date.",
        remedy=(
            "Is this a guest inside an EC2 instance? Then it sees the metadata of its host: run virt-agent there too.",
            "Else compare with: aws ec2 describe-instance-types --instance-types TYPE --query 'InstanceTypes[].Hypervisor'",
        ),
        source="EC2, DescribeInstanceTypes; DescribeInstances says xen for every instance and is no source",
        owner=YOU,
        avoid="Do not act on limits of the instance type (EBS, network) before this is clear.",
    ),
    Rule(
        code="P05",
        name="kernel-without-xen",
        kind=FAULT,
        severity=WARNING,
        title="the instance is a Xen one, and the kernel does not talk to Xen",
        needs=("imds", "hypervisor"),
        applies=_says_xen,
        check=_check_no_xen,
        means="The kernel was built or booted without Xen's guest support: emulated disks and network cards, no clean"
        " shutdown by EC2.",
        remedy=(
            "See the command line: cat /proc/cmdline; remove nopv and xen_nopv",
            "See the kernel: grep CONFIG_XEN_PVHVM /boot/config-$(uname -r); boot the distribution's own",
        ),
        source="drivers/xen/sys-hypervisor.c, hyper_sysfs_init; EC2 user guide, metadata category system",
        owner=YOU,
        avoid="Do not reboot before root= and fstab name disks by UUID or LABEL.",
    ),
    Rule(
        code="P06",
        name="unknown-instance-type",
        kind=ADVICE,
        severity=INFO,
        title="the instance type is not in this agent's list",
        needs=(),
        applies=_has_type,
        check=_check_unknown_type,
        means="Rules that know a type's limits and drivers are silent for it.",
        remedy=(
            "See what EC2 says: aws ec2 describe-instance-types --instance-types TYPE",
            "Update virt-agent, or write its list anew (docs/instance-types.md).",
        ),
        source="EC2, DescribeInstanceTypes",
        owner=YOU,
    ),
    Rule(
        code="P07",
        name="old-instance-type",
        kind=ADVICE,
        severity=INFO,
        title="the instance type is one of the Xen generation",
        needs=(),
        applies=lambda reading: _guest(reading) and _type(reading) is not None,
        check=_check_old_type,
        means="Nothing is broken. Types on Nitro give more for the money, and Xen types come without newer features.",
        remedy=(
            "Plan the move: an HVM image, ENA and NVMe drivers in its kernel, fstab and root= by UUID or LABEL.",
            "Find the type to move to, and what stands in the way: virt-agent --instance-type TYPE",
        ),
        source="EC2, DescribeInstanceTypes, Hypervisor and CurrentGeneration",
        owner=YOU,
    ),
)
