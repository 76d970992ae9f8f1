"""What to move to from an instance type of a previous generation, or of the last ones on Xen.

AWS's page "Previous Generation Instances" (aws.amazon.com/ec2/previous-generation, "Upgrade Paths", 2024) names t3 and
t4g for t1, m7i and m7g for m1 and m3, and i3 for i2, which is itself on Xen. The other rows are ours, in its manner:
the same series (the letters before the number in EC2's names) of the seventh generation, or where there is none, what
has the same processors, memory and kind of disks today. Of several families in a row the first counts that EC2 still
calls current, so that a refreshed list does not send anybody to what has aged since.
"""

from __future__ import annotations

from .instance_types import InstanceType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_T = ("t3", "t4g")
_M = ("m7i m8i", "m7g m8g")
_C = ("c7i c8i", "c7g c8g")
_R = ("r7i r8i", "r7g r8g")
_I = ("i4i i7i", "i4g i8g")
# Family → families on x86 and on Graviton. GPUs and FPGAs: the nearest of the series by processors and memory alone.
PATHS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("t1", "t2"), _T),
    **dict.fromkeys(("m1", "m3", "m4", "m5", "m6i"), _M),
    **dict.fromkeys(("c1", "cc2", "c3", "c4", "c5"), _C),
    **dict.fromkeys(("m2", "r3", "r4", "r5", "r6i"), _R),
    **dict.fromkeys(("i2", "i3"), _I),
    **dict.fromkeys(("d2", "hs1"), ("d3", "")),
    "h1": ("d3en", ""),
    "x1": ("x2idn x8i", "x8g"),
    "x1e": ("x2iedn", "x8g"),
    "a1": ("", "c7g c8g"),
    "c6gn": ("", "c7gn c8gn"),
    "r7g": ("", "r8g"),
    "r7gd": ("", "r8gd"),
    **dict.fromkeys(("g2", "g3", "g3s", "g4ad", "g5"), ("g6", "")),
    **dict.fromkeys(("p2", "p3"), ("g6e", "")),
    "f1": ("f2", ""),
    **dict.fromkeys(("u-9tb1", "u-12tb1"), ("u7i-12tb", "")),
    **dict.fromkeys(("u-18tb1", "u-24tb1"), ("u7in-24tb", "")),
}
_ACCELERATED = ("f", "g", "p")  # FPGAs and GPUs, which the list does not count


def has_aged(kind: InstanceType) -> bool:
    """Whether there is a reason to move: EC2 calls it old, or it is on Xen."""
    return kind.generation == "old" or kind.hypervisor == "xen"


def successors(kind: InstanceType, types: Iterable[InstanceType]) -> tuple[InstanceType, ...]:
    """The current type on x86, then the one on Graviton, of at least its processors and memory.

    Where none is as large, the largest of the family; () where no family is known.
    """
    families = tuple(row.split() for row in PATHS.get(kind.family, ())) if has_aged(kind) else ()
    wanted = {family for row in families for family in row}
    known = [
        each for each in types if each.family in wanted and not has_aged(each) and each.bare_metal == kind.bare_metal
    ]
    found = tuple(to for row in families for to in _first(row, kind, known))
    return found or tuple(sorted(known, key=_size)[-1:])


def _first(families: Sequence[str], kind: InstanceType, known: Sequence[InstanceType]) -> Iterator[InstanceType]:
    """The smallest that is large enough, of the first family that has one."""
    for family in families:
        fitting = [each for each in known if each.family == family and _fits(each, kind)]
        if fitting:
            yield min(fitting, key=_size)
            return


def _size(kind: InstanceType) -> tuple[int, int]:
    return kind.vcpus or 0, kind.memory_mib or 0


def _fits(candidate: InstanceType, kind: InstanceType) -> bool:
    """At least as large; of the same size's name where EC2 does not tell how large."""
    if None in (candidate.vcpus, candidate.memory_mib, kind.vcpus, kind.memory_mib):
        return candidate.name.rpartition(".")[2] == kind.name.rpartition(".")[2]
    return not _is_smaller(candidate, kind)


def _is_smaller(candidate: InstanceType, kind: InstanceType) -> bool:
    return any(has < had for has, had in zip(_size(candidate), _size(kind), strict=True))


# What stands between a type and the one to move to, in the order in which it is to be done.
_OBSTACLES: tuple[tuple[Callable[[InstanceType, InstanceType], bool], str], ...] = (
    (
        lambda kind, _: "paravirtual" in kind.virtualization_types,
        "A guest that runs as PV (virt-agent --detect tells) needs a new instance from an HVM image: neither image nor"
        " instance can be switched over. See virt-agent --readiness hvm",
    ),
    (
        lambda kind, to: "i386" in kind.architectures and "i386" not in to.architectures,
        "A 32-bit image does not run there: install anew.",
    ),
    (
        lambda kind, to: kind.hypervisor == "xen" and to.hypervisor != "xen",
        "Nitro: every kernel that may boot needs ENA and NVMe drivers, fstab and root= must go by UUID or LABEL, and the"
        " EnaSupport attribute must be set. See virt-agent --readiness nitro",
    ),
    (
        lambda kind, _: "instance-store" in kind.root_device_types,
        "An instance whose root disk is on the instance store cannot be stopped: it needs an image on EBS.",
    ),
    (
        lambda kind, to: kind.instance_store is True and to.instance_store is True,
        "What lies on the instance store is lost when the instance stops.",
    ),
    (
        lambda kind, to: kind.instance_store is True and to.instance_store is False,
        "What lies on the instance store is lost when the instance stops, and the new type has none.",
    ),
    (
        lambda kind, _: kind.family.startswith(_ACCELERATED),
        "GPUs and FPGAs are not in this list: the new type was chosen by processors and memory. Compare them, and their"
        " drivers.",
    ),
    (
        lambda kind, _: None in (kind.vcpus, kind.memory_mib),
        "EC2 does not tell how large the old type is: the new one was chosen by the name of its size.",
    ),
    (
        lambda kind, to: _is_smaller(to, kind),
        "{to} is the largest of its family, and smaller than the old type: is that enough?",
    ),
    (
        lambda kind, to: "arm64" in to.architectures and "arm64" not in kind.architectures,
        "{to} is arm64: another image, and all software built for it.",
    ),
)


def obstacles(kind: InstanceType, to: InstanceType) -> tuple[str, ...]:
    """What has to be done before the move, a sentence each; () where stop, change the type, start is all."""
    return tuple(text.format(to=to.name) for stands, text in _OBSTACLES if stands(kind, to))
