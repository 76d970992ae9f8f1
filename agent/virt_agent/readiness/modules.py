"""R-12 and R-13: modules that are built for one kernel, and kernels that are too old for newer network cards."""

from __future__ import annotations

from .form import INFO, NITRO, OK, TARGETS, WARNING, Case, Check, Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ENA_V3 = (5, 4, 0, 1025)


def _out_of_tree(case: Case) -> Iterator[Found]:
    """DKMS builds for the kernels whose headers were there at the time."""
    running = case.facts.system.kernel if case.facts.system else None
    now = next((kernel for kernel in case.kernels if kernel.release == running), None)
    if now is None:
        return  # nothing to compare with
    for kernel in case.kernels:
        lost = sorted(set(now.out_of_tree) - set(kernel.out_of_tree))
        if lost and kernel != now and (case.boots(kernel) or case.next_boot.entry is None):
            what = f"{', '.join(lost)} built for {running} only, not for {kernel.release}"
            saw = (f"/lib/modules/{running}/updates or extra has it, /lib/modules/{kernel.release} has not",)
            yield Found(WARNING, kernel.release, what, saw, (f"sudo dkms autoinstall -k {kernel.release}",))
            return
    yield Found(OK, "modules", "no module outside the kernel's own is lost with the next kernel")


def _ena_v3(case: Case) -> Iterator[Found]:
    kernel = case.next_boot.kernel
    if kernel is None:
        return
    release = numbers(kernel.release)
    aws = kernel.release.endswith("-aws") and release[:3] == _ENA_V3[:3]
    if release[:2] < _ENA_V3[:2] or (aws and release < _ENA_V3):
        what = f"{kernel.release} is older than newer network cards of EC2 want (5.4.0-1025-aws)"
        saw = (f"the next kernel is {kernel.release}",)
        yield Found(INFO, kernel.release, what, saw, ("Upgrade the kernel before choosing a type of the 6th generation or later.",))  # fmt: skip
    else:
        yield Found(OK, kernel.release, f"{kernel.release} knows the network cards of newer types")


def numbers(release: str) -> tuple[int, ...]:
    """The numbers of a release up to the first word: 5.4.0-1025-aws is (5, 4, 0, 1025)."""
    found: list[int] = []
    for part in release.replace("-", ".").split(".")[:6]:
        if not (part.isascii() and part.isdecimal() and len(part) < 10):
            break
        found.append(int(part))
    return tuple(found)


CHECKS = (
    Check(
        code="R-13",
        name="out-of-tree-modules",
        targets=TARGETS,
        title="no module built for one kernel alone is lost with the next",
        judge=_out_of_tree,
        means="The next kernel takes its own driver of that name in place of the newer one, or has none.",
        source="dkms(8): modules lie in /lib/modules/RELEASE/updates; RHEL has extra and weak-updates",
        decides=False,
    ),
    Check(
        code="R-12",
        name="kernel-for-new-types",
        targets=(NITRO,),
        title="the next kernel is new enough for network cards of newer types",
        judge=_ena_v3,
        means="It does for types of the 5th generation (c5, m5, t3); newer ones have cards that older kernels drive badly.",
        source="amzn-drivers, ENA_Linux_Best_Practices.rst",
        decides=False,
    ),
)
