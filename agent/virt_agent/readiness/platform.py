"""R-01 to R-03 and R-17 to R-20, R-25: what the machine below is, and what only its owner can change.

An AMI's virtualization type is fixed when it is registered: modify-image-attribute and run-instances have no option for
it. What the EC2 API alone knows is told as such, with the command that asks it, and decides nothing here.
"""

from __future__ import annotations

from virt_collectors.nvme import INSTANCE_STORE_MODEL

from .. import block_mapping
from ..render.words import instance_id
from .form import BLOCKER, HVM, INFO, NITRO, OK, REBOOT, TARGETS, UNKNOWN, WARNING, Case, Check, Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_EBS = "(unknown)"  # what ami-manifest-path says of an image whose root is a volume
_TO_HVM_ON_EC2 = (
    "Launch a new instance from an HVM image and move application and data to it: AWS's documented way.",
    "Or: copy the root onto a partitioned disk on a helper instance (rsync -aAXH, grub-install, console=ttyS0), snapshot"
    " it, and aws ec2 register-image --virtualization-type hvm --architecture x86_64 --ena-support --boot-mode"
    " legacy-bios ... (without --virtualization-type it becomes paravirtual again).",
    "Or: AWS Application Migration Service, or aws ec2 import-image.",
)
_TO_HVM_ELSEWHERE = (
    "After the checks below: on the host set type = 'hvm' in the guest's configuration (xl.cfg), without kernel= and"
    " bootloader=; then stop and start it.",
)


def _platform(case: Case) -> Iterator[Found]:
    verdict = case.reading.verdict
    what = _seen(case)
    if verdict.layers.container:
        yield Found(UNKNOWN, "container", "a container boots nothing: its host does", (what,), ("Run it on the host.",))
    elif verdict.role == "dom0" or (case.next_boot.entry and case.next_boot.entry.hypervisor):
        said = "a dom0 boots Xen first, whose line in the menu is not judged"
        yield Found(UNKNOWN, "dom0", said, (what,), ("Look at the multiboot lines of grub.cfg.",))
    elif case.target == REBOOT and verdict.hypervisor == "unknown" and case.facts.mounts is None:
        said = "what this disk runs on is not known (mounted elsewhere?): ask for nitro or hvm, which say what it needs"
        yield Found(INFO, "platform", said, (what,))
    elif case.target == REBOOT:
        yield Found(OK, "platform", f"this is: {what}")
    elif not case.moving:
        yield Found(INFO, "platform", _already(case), (what,))
    elif verdict.cloud != "aws":
        yield Found(INFO, "platform", _elsewhere(case), (what,))
    else:
        yield Found(OK, "platform", f"this is: {what}")


def _seen(case: Case) -> str:
    verdict = case.reading.verdict
    return " ".join(word for word in (verdict.hypervisor, verdict.guest_mode, verdict.cloud) if word)


def _already(case: Case) -> str:
    verdict = case.reading.verdict
    if verdict.ec2_system == "metal":
        return "this is bare metal of EC2, which has ENA and NVMe as Nitro guests have: judged for its next boot"
    if verdict.hypervisor == "none":
        return "this is bare metal and no PV guest: judged for its next boot as it is"
    return f"this guest is on {'Nitro' if case.target == NITRO else 'HVM'} already: judged for its next boot there"


def _elsewhere(case: Case) -> str:
    wanted = "Nitro" if case.target == NITRO else "HVM"
    if case.reading.verdict.hypervisor == "unknown":
        return f"what this disk runs on is not known (mounted elsewhere?): judged as if it moved to {wanted}"
    return f"this machine is not on EC2: disk and kernels are judged as if it moved to {wanted}"


def _virtualization(case: Case) -> Iterator[Found]:
    verdict = case.reading.verdict
    if verdict.role == "dom0":
        return  # R-25 says what it is
    if verdict.guest_mode == "pv":
        on_ec2 = case.reading.on_ec2
        what = "PV guest: its image cannot be changed to HVM, a new one is needed"
        yield Found(
            BLOCKER,
            "virtualization type",
            what if on_ec2 else "PV guest: its host must be told to start it as HVM",
            (f"verdict: {verdict.hypervisor} pv", "modify-image-attribute has no --virtualization-type"),
            _TO_HVM_ON_EC2 if on_ec2 else _TO_HVM_ELSEWHERE,
        )
    elif verdict.guest_mode is not None:
        yield Found(OK, "virtualization type", f"this guest is {verdict.guest_mode}, no PV image")
    elif case.reading.on_ec2 and verdict.hypervisor != "none":
        yield Found(
            UNKNOWN, "virtualization type", "whether this guest is PV or HVM could not be told", ("see --check -v",)
        )


def _architecture(case: Case) -> Iterator[Found]:
    machine = case.facts.system.architecture if case.facts.system else None
    if machine is None:
        yield Found(UNKNOWN, "architecture", "the architecture is not known", ("no uname was seen",), ("uname -m",))
    elif machine == "x86_64" or not case.moving:
        yield Found(OK, "architecture", f"the architecture is {machine}")
    else:
        what = f"the architecture is {machine}: the types to move to are x86_64"
        state = INFO if case.target == HVM else BLOCKER
        yield Found(state, "architecture", what, (f"uname -m = {machine}",), ("Install a 64-bit system anew.",))


def _root_volume(case: Case) -> Iterator[Found]:
    imds = case.facts.imds
    if not case.reading.on_ec2 or not case.moving:
        return
    path = imds.manifest_path if imds else None
    if path == _OF_EBS:
        yield Found(OK, "root volume", "the root is an EBS volume")
    elif path:
        what = "the root is instance store: this instance cannot be stopped, and so not changed"
        saw = (f"metadata ami-manifest-path = {path}",)
        yield Found(BLOCKER, "root volume", what, saw, ("Launch anew from an image whose root is EBS.",))
    else:
        command = _describe(case, "RootDeviceType")
        yield Found(
            INFO, "root volume", "whether the root is EBS is not known without metadata", ("no metadata",), (command,)
        )


def _describe(case: Case, fields: str) -> str:
    identity = instance_id(case.reading) or "INSTANCE-ID"
    return f"aws ec2 describe-instances --instance-ids {identity} --query 'Reservations[].Instances[].[{fields}]'"


def _instance_store(case: Case) -> Iterator[Found]:
    if not case.reading.on_ec2 or not case.moving:
        return
    mapped = {m.disk: m.device for m in block_mapping.matched(case.facts) if m.disk and m.name.startswith("ephemeral")}
    models = {d.name: d.name for d in case.facts.block_devices or () if d.model == INSTANCE_STORE_MODEL}
    for disk in sorted({**mapped, **models}):
        points = case.reading.mounts.get(disk, ())
        used = f", mounted on {', '.join(points)}" if points else ""
        what = f"{disk} is instance store{used}: its data is lost when the instance stops"
        yield Found(WARNING, disk, what, (f"EC2 calls it {mapped.get(disk, disk)}",), ("Copy what is needed to EBS or S3 first.",))  # fmt: skip
    if mapped or models:
        return
    if case.facts.imds is None or case.facts.imds.state != "ok":
        what = "which disks are instance store is not known without metadata"
        yield Found(INFO, "instance store", what, ("no metadata",), (_describe(case, "BlockDeviceMappings"),))
    else:
        yield Found(OK, "instance store", "no disk here is instance store")


def _boot_mode(case: Case) -> Iterator[Found]:
    boot = case.facts.boot
    if not case.moving or boot is None:
        return
    mode = "uefi" if boot.efi else "legacy-bios"
    what = f"this disk boots by {'UEFI' if boot.efi else 'BIOS'}: its image needs boot mode {mode} or none"
    yield Found(INFO, "boot mode", what, (f"/sys/firmware/efi {'exists' if boot.efi else 'does not exist'}",))


def _ties(case: Case) -> Iterator[Found]:
    imds = case.facts.imds
    if not case.reading.on_ec2 or not case.moving:
        return
    if imds is None or imds.state != "ok":
        yield Found(INFO, "life cycle", "spot and auto scaling are not known without metadata", ("no metadata",))
        return
    if imds.life_cycle == "spot":
        what = "this is a spot instance: its type cannot be changed"
        yield Found(
            WARNING,
            "life cycle",
            what,
            ("metadata instance-life-cycle = spot",),
            ("Request a new one of another type.",),
        )
    if imds.autoscaling_state:
        what = "this instance belongs to an Auto Scaling group, which replaces one that is stopped"
        saw = (f"metadata autoscaling/target-lifecycle-state = {imds.autoscaling_state}",)
        remedy = ("Change the launch template; or aws autoscaling enter-standby for this instance first.",)
        yield Found(WARNING, "auto scaling", what, saw, remedy)
    if case.next_boot.boot and case.next_boot.boot.value("resume"):
        what = "resume= is set: an instance that may hibernate cannot change its type"
        yield Found(WARNING, "hibernation", what, (f"resume={case.next_boot.boot.value('resume')}",), (_describe(case, "HibernationOptions"),))  # fmt: skip
    elif imds.life_cycle != "spot" and not imds.autoscaling_state:
        yield Found(OK, "life cycle", "no spot instance, no Auto Scaling group, no resume= on the command line")


def _attributes(case: Case) -> Iterator[Found]:
    if not case.moving or case.reading.verdict.cloud not in ("aws", None):
        return
    if case.target == NITRO:
        what = "the instance's attributes EnaSupport and SriovNetSupport (EnaSupport must be true)"
        remedy = (
            _describe(case, "EnaSupport,SriovNetSupport"),
            "Where it is not: stop the instance, then aws ec2 modify-instance-attribute --ena-support --instance-id"
            f" {instance_id(case.reading) or 'INSTANCE-ID'}",
        )
        yield Found(INFO, "EnaSupport", what, (), remedy)
    what = "the image's virtualization type and boot mode"
    image = case.facts.imds.image_id if case.facts.imds else None
    ask = f"aws ec2 describe-images --image-ids {image or 'IMAGE-ID'} --query 'Images[].[VirtualizationType,BootMode]'"
    yield Found(INFO, "image", what, (), (ask,))


CHECKS = (
    Check(
        code="R-25",
        name="platform",
        targets=TARGETS,
        title="what is below, and whether the question makes sense there",
        judge=_platform,
        means="The answer holds for a machine that boots its own kernel from its own disk.",
        source="docs/verdict.md",
    ),
    Check(
        code="R-01",
        name="virtualization-type",
        targets=(HVM, NITRO),
        title="the guest is HVM",
        judge=_virtualization,
        means="PV guests run on the oldest types alone. The type belongs to the image and is fixed when it is registered.",
        source="EC2 user guide, Linux AMI virtualization types, Change the instance type; EC2 API, RegisterImage",
    ),
    Check(
        code="R-02",
        name="architecture",
        targets=(HVM, NITRO),
        title="the architecture is x86_64",
        judge=_architecture,
        means="Types of today take 64-bit images alone, and x86 images do not run on Arm.",
        source="EC2, DescribeInstanceTypes, ProcessorInfo.SupportedArchitectures",
        decides=False,
    ),
    Check(
        code="R-03",
        name="ebs-root",
        targets=(HVM, NITRO),
        title="the root is an EBS volume",
        judge=_root_volume,
        means="Only an instance that can be stopped can change its type.",
        source="EC2 user guide, Instance metadata categories, ami-manifest-path",
        decides=False,
    ),
    Check(
        code="R-17",
        name="instance-store-data",
        targets=(HVM, NITRO),
        title="no data lies on instance store",
        judge=_instance_store,
        means="Instance store lives as long as the instance runs on its host: a stop ends it, a reboot does not.",
        source="EC2 user guide, Data persistence for instance store volumes",
        decides=False,
    ),
    Check(
        code="R-18",
        name="boot-mode",
        targets=(HVM, NITRO),
        title="how the disk boots",
        judge=_boot_mode,
        means="Xen types boot by BIOS alone, most Nitro types by both.",
        source="EC2, DescribeInstanceTypes, SupportedBootModes",
        decides=False,
    ),
    Check(
        code="R-19",
        name="instance-ties",
        targets=(HVM, NITRO),
        title="nothing forbids a stop or a change of type",
        judge=_ties,
        means="Who owns the life of this instance may replace or refuse it while it is stopped for the change.",
        source="EC2 user guide, Change the instance type, considerations",
        decides=False,
    ),
    Check(
        code="R-20",
        name="ec2-attributes",
        targets=(HVM, NITRO),
        title="what the EC2 API alone knows",
        judge=_attributes,
        means="Nothing inside a guest shows these attributes; the driver's presence does not mean that one is set.",
        source="EC2 API, DescribeInstances, ModifyInstanceAttribute",
        decides=False,
        outside=True,
    ),
)
