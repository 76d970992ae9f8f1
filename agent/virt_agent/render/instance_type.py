"""What an EC2 instance type can do: one in lines for a person, several in a table, any as a document for a program.

What EC2 does not tell is said to be so, and is never a "no".
"""

from __future__ import annotations

from virt_collectors.record import plain

from ..instance_types import InstanceType, has_82599, has_ebs_nvme, lookup
from ..successors import has_aged, obstacles, successors
from .ascii import clean, table, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_MARGIN = 18
_UNTOLD = "not told by EC2"
_BELOW = {"xen": "Xen", "nitro": "Nitro", "": "bare metal"}
_HYPERVISORS = {
    "xen": "Xen; if on Nitro hardware, only the metadata service tells",
    "nitro": "Nitro (KVM)",
    "": "none, bare metal",
}
_GENERATIONS = {"old": "previous", "current": "current"}
_IMAGES = {"hvm": "HVM", "paravirtual": "PV"}
_BOOTS = {"legacy-bios": "legacy BIOS", "uefi": "UEFI"}
_ROOTS = {"ebs": "EBS", "instance-store": "instance store"}
_ENA = {"required": "yes, always", "supported": "yes, where EnaSupport is set", "unsupported": "no"}
_OPTIMISED = {"default": "always", "supported": "can be switched on", "unsupported": "no"}
_ANSWERS = {True: "yes", False: "no", None: _UNTOLD}


def render(kind: InstanceType, types: Sequence[InstanceType]) -> str:
    """All that is known of a type, and what to move to among the others."""
    lines = [f"{clean(kind.name)}: {_headline(kind)}", ""]
    for heading, told in _ROWS:
        lines += _row(heading, told(kind))
    return "\n".join([*lines, "", *_way_on(kind, successors(kind, types))]) + "\n"


def _headline(kind: InstanceType) -> str:
    below = (
        "bare metal"
        if kind.bare_metal
        else f"{_said(kind.hypervisor, _BELOW)}, {_listed(kind.virtualization_types, _IMAGES)}"
    )
    return f"{below}, {_said(kind.generation, _GENERATIONS)} generation"


def _row(heading: str, text: str) -> list[str]:
    return wrap(clean(text), " " * _MARGIN, _head(heading))


def _head(heading: str) -> str:
    return f"  {heading}".ljust(_MARGIN)


def _said(word: str, names: dict[str, str]) -> str:
    """EC2's word in ours; as it is where EC2 has a new one."""
    return names.get(word, word or _UNTOLD)


def _listed(words: Sequence[str], names: dict[str, str]) -> str:
    return " or ".join(_said(word, names) for word in words) or _UNTOLD


def _processors(kind: InstanceType) -> str:
    count = _UNTOLD if kind.vcpus is None else f"{kind.vcpus} vCPU{'s' * (kind.vcpus != 1)}"
    return f"{count}, {' or '.join(kind.architectures) or 'architecture ' + _UNTOLD}"


def gibibytes(kind: InstanceType) -> str:
    """The memory in GiB, as short as it can be told."""
    return _UNTOLD if kind.memory_mib is None else f"{round(kind.memory_mib / 1024, 2):g} GiB"


def _82599(kind: InstanceType) -> str:
    return "yes (Intel 82599 VF), for HVM, where sriovNetSupport is set" if has_82599(kind) else "no"


def _nvme(kind: InstanceType) -> str:
    store = kind.hypervisor == "xen" and (kind.nvme != "unsupported" or kind.instance_store_nvme == "required")
    if has_ebs_nvme(kind):
        return "yes: EBS volumes are nvme* disks"
    return ("the instance store's alone" if store else "no") + "; EBS volumes are xvd* disks (xen-blkfront)"


def _iops(kind: InstanceType) -> str:
    base, most = kind.ebs_base_iops, kind.ebs_max_iops
    if base is None or most is None:
        return _UNTOLD
    told = f"{most}" if base == most else f"{base}, in bursts {most}"
    return f"{told} (each volume has its own limit, too)"


def _store(kind: InstanceType) -> str:
    if not kind.instance_store:
        return _ANSWERS[kind.instance_store]
    return "yes, NVMe" if kind.instance_store_nvme == "required" else "yes, not NVMe"


_ROWS: tuple[tuple[str, Callable[[InstanceType], str]], ...] = (
    ("Hypervisor", lambda kind: _said(kind.hypervisor, _HYPERVISORS)),
    ("Image", lambda kind: _listed(kind.virtualization_types, _IMAGES)),
    ("Generation", lambda kind: _said(kind.generation, _GENERATIONS)),
    ("Processors", _processors),
    ("Memory", gibibytes),
    ("Burstable", lambda kind: "yes, by CPU credits" if kind.burstable else "no"),
    ("Boot", lambda kind: _listed(kind.boot_modes, _BOOTS)),
    ("Root disk", lambda kind: _listed(kind.root_device_types, _ROOTS)),
    ("NVMe", _nvme),
    ("EBS optimised", lambda kind: _said(kind.ebs_optimized, _OPTIMISED)),
    ("EBS IOPS", _iops),
    ("Instance store", _store),
    ("Network", lambda kind: kind.network or _UNTOLD),
    ("ENA", lambda kind: _said(kind.ena, _ENA)),
    ("ENA Express", lambda kind: _ANSWERS[kind.ena_srd]),
    ("ixgbevf", _82599),
    ("EFA", lambda kind: _ANSWERS[kind.efa]),
    ("IPv6", lambda kind: _ANSWERS[kind.ipv6]),
)


def _way_on(kind: InstanceType, targets: Sequence[InstanceType]) -> list[str]:
    if not has_aged(kind):
        return _row("Move to", "no need: current generation, not on Xen")
    if not targets:
        return _row("Move to", f"this agent knows no successor of the family {kind.family}")
    lines: list[str] = []
    for number, to in enumerate(targets):
        what = f"{to.name}: {_processors(to)}, {gibibytes(to)}, {_said(to.hypervisor, _BELOW)}"
        lines += _row("or" if number else "Move to", what)
    stands = dict.fromkeys(sentence for to in targets for sentence in obstacles(kind, to))
    for number, sentence in enumerate(stands, 1):
        lines += wrap(sentence, " " * (_MARGIN + 3), f"{_head('' if number > 1 else 'Before')}{number}. ")
    return [*lines, *_commands(targets[0])]


def _commands(to: InstanceType) -> list[str]:
    """EC2 changes the type of a stopped instance alone, whose id and EBS volumes stay."""
    steps = (
        "aws ec2 stop-instances --instance-ids INSTANCE-ID",
        "aws ec2 modify-instance-attribute --instance-id INSTANCE-ID \\",
        f"    --instance-type Value={to.name}",
        "aws ec2 start-instances --instance-ids INSTANCE-ID",
    )
    return [_head("" if number else "Then") + step for number, step in enumerate(steps)]


_HEADINGS = ("TYPE", "ON", "PV", "CPU", "GIB", "NIC", "IOPS", "MOVE TO")
_LEGEND = (
    "PV: takes PV images, too. NIC ena?: where EnaSupport is set; ixgbevf: where sriovNetSupport is set, else vif"
    " (xen-netfront). IOPS: the most for EBS. ?: not told by EC2. More: virt-agent --instance-type NAME"
)


def render_table(kinds: Sequence[InstanceType], types: Sequence[InstanceType]) -> str:
    """A line for each type."""
    lines = table([_HEADINGS, *[_columns(kind, types) for kind in kinds]], "")
    count = f"{len(kinds)} type{'s' * (len(kinds) != 1)}. "
    return "\n".join([*lines, "", *wrap(count + _LEGEND, "")]) + "\n"


def _columns(kind: InstanceType, types: Sequence[InstanceType]) -> tuple[str, ...]:
    to = next(iter(successors(kind, types)), None)
    return (
        clean(kind.name),
        kind.hypervisor or "metal",
        "pv" if "paravirtual" in kind.virtualization_types else "",
        "?" if kind.vcpus is None else str(kind.vcpus),
        "?" if kind.memory_mib is None else gibibytes(kind).removesuffix(" GiB"),
        _nic(kind),
        "?" if kind.ebs_max_iops is None else f"{round(kind.ebs_max_iops / 1000, 1):g}k",
        to.name if to else "?" if has_aged(kind) else "-",
    )


def _nic(kind: InstanceType) -> str:
    if kind.ena in ("required", "supported"):
        return "ena" if kind.ena == "required" else "ena?"
    return "ixgbevf" if has_82599(kind) else "vif"


def as_document(kind: InstanceType, types: Sequence[InstanceType]) -> dict[str, Any]:
    """The type for a program; null is what EC2 does not tell."""
    told = {key: value or None if isinstance(value, (str, list)) else value for key, value in plain(kind).items()}
    ways = [
        {
            **{key: told_of for key, told_of in plain(to).items() if key in _OF_SUCCESSOR},
            "obstacles": obstacles(kind, to),
        }
        for to in successors(kind, types)
    ]
    return {
        **told,
        "hypervisor": kind.hypervisor or "none",
        "ebs_nvme": has_ebs_nvme(kind),
        "ixgbevf": has_82599(kind),
        "successors": ways,
    }


_OF_SUCCESSOR = ("name", "hypervisor", "architectures", "vcpus", "memory_mib")


def listed(name: str | None) -> str | None:
    """What the list says of a guest's type, beside what the guest sees and what the metadata service says."""
    if name is None:
        return None
    kind = lookup(name)
    if kind is None:
        return f"{name} is not in this agent's list (P06)"
    disks = "nvme* disks" if has_ebs_nvme(kind) else "xvd* disks"
    return f"{kind.name} is {_headline(kind)}; network {_nic(kind)}, EBS volumes {disks}"
