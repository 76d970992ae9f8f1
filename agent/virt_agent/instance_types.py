"""What EC2 says of its instance types: instance_types.csv beside this module, a line for each.

The columns, from EC2's DescribeInstanceTypes (the retired types from its earlier answers, hs1.8xlarge from the EC2
user guide, "Linux AMI virtualization types"); lists are separated by "|", an empty field was not told:

    instance_type, hypervisor (xen, nitro, none for bare metal), virt_types (hvm, paravirtual), bare_metal,
    ena, nvme (required, supported, unsupported; nvme for EBS, and for the instance store alone on Xen: i3, f1),
    ebs_optimized (default, supported, unsupported), ipv6, generation (current, old), instance_store,
    instance_store_nvme, arch, boot_modes (legacy-bios, uefi), root_device_types (ebs, instance-store),
    vcpus, memory_mib, burstable, ena_srd, efa, ebs_max_iops, ebs_base_iops, net_perf, ena_queues

The rules search the file for one line and do not parse the rest: that takes a tenth of a millisecond.
packaging/instance_types.py writes the file anew from EC2's answer (docs/instance-types.md).
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record
from virt_collectors.source import whole

_FILE = "instance_types.csv"
_INTEL_82599 = (
    "c3",
    "c4",
    "d2",
    "i2",
    "m4",
    "r3",
)  # EC2 user guide, enhanced networking; but m4.16xlarge, which has ENA
_FLAGS = {"true": True, "false": False}


_asked: dict[str, InstanceType | None] = {}


class InstanceType(Record):
    """One type; "", () and None where EC2 does not tell. `hypervisor` is "" for bare metal. Only T types are burstable."""

    name: str
    family: str
    hypervisor: str
    virtualization_types: tuple[str, ...]
    bare_metal: bool
    ena: str
    nvme: str
    ebs_optimized: str
    ipv6: bool | None
    generation: str
    instance_store: bool | None
    instance_store_nvme: str
    architectures: tuple[str, ...]
    boot_modes: tuple[str, ...]
    root_device_types: tuple[str, ...]
    vcpus: int | None
    memory_mib: int | None
    burstable: bool
    ena_srd: bool | None
    efa: bool | None
    ebs_max_iops: int | None
    ebs_base_iops: int | None
    network: str
    ena_queues: int | None


def name_of(facts: Facts) -> str | None:
    """This instance's type by the metadata service, else by the firmware of a Nitro or metal instance."""
    if facts.imds and facts.imds.instance_type:
        return facts.imds.instance_type
    amazon = facts.dmi is not None and facts.dmi.sys_vendor == "Amazon EC2"
    return facts.dmi.product_name if amazon and facts.dmi else None


def lookup(name: str | None) -> InstanceType | None:
    """The type of that name; None where the list does not have it."""
    if not name or len(name) > 64 or not name.isascii() or "," in name or not name.isprintable():
        return None
    if name not in _asked:
        text = _text()
        at = text.find(f"\n{name},")
        _asked.clear()  # a guest has one type
        _asked[name] = None if at < 0 else parse_line(text[at + 1 :].partition("\n")[0])
    return _asked[name]


def path() -> str:
    """Where the list lies: beside this module, in a zip file too."""
    folder, slash, _ = __file__.rpartition("/")
    return f"{folder}{slash}{_FILE}"


def _text() -> str:
    """By the loader that brought this module, so that a zip file will do too."""
    content: bytes = globals()["__loader__"].get_data(path())
    return content.decode("ascii")


def names() -> tuple[str, ...]:
    """All types in the list, in its order."""
    return tuple(line.partition(",")[0] for line in _text().splitlines()[1:])


def every() -> tuple[InstanceType, ...]:
    """The whole list, parsed; that takes some 10 ms."""
    return tuple(parse_line(line) for line in _text().splitlines()[1:])


def parse_line(line: str) -> InstanceType:
    """One line of the list."""
    fields = line.split(",")
    name, hypervisor = fields[0], fields[1]
    return InstanceType(
        name=name,
        family=name.partition(".")[0],
        hypervisor="" if hypervisor == "none" else hypervisor,
        virtualization_types=_several(fields[2]),
        bare_metal=fields[3] == "true",
        ena=fields[4],
        nvme=fields[5],
        ebs_optimized=fields[6],
        ipv6=_FLAGS.get(fields[7]),
        generation=fields[8],
        instance_store=_FLAGS.get(fields[9]),
        instance_store_nvme=fields[10],
        architectures=_several(fields[11]),
        boot_modes=_several(fields[12]),
        root_device_types=_several(fields[13]),
        vcpus=whole(fields[14]),
        memory_mib=whole(fields[15]),
        burstable=fields[16] == "true",
        ena_srd=_FLAGS.get(fields[17]),
        efa=_FLAGS.get(fields[18]),
        ebs_max_iops=whole(fields[19]),
        ebs_base_iops=whole(fields[20]),
        network=fields[21],
        ena_queues=whole(fields[22]),
    )


def _several(field: str) -> tuple[str, ...]:
    return tuple(part for part in field.split("|") if part)


def has_82599(kind: InstanceType) -> bool:
    """Whether its enhanced networking is Intel's 82599 virtual function (ixgbevf), which EC2 gives to HVM alone."""
    return kind.family in _INTEL_82599 and kind.ena == "unsupported"


def has_ebs_nvme(kind: InstanceType) -> bool:
    """Whether EBS volumes are NVMe disks: never on Xen, whatever `nvme` says of the instance store."""
    return kind.hypervisor != "xen" and kind.nvme in ("required", "supported")
