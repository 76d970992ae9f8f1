"""Will this guest come up again: after its next reboot, as HVM, on Nitro.

    next_boot  which menu counts and what it boots; shift, what its command line does to a Xen guest's devices
    drivers    which drivers the next boot needs, and what each installed kernel has of them
    names      whether a disk's name leads to a disk afterwards
    checks     the table of checks: kernels, boot, settings, mounts, network, platform

Pure: the same reading gives the same answer. What could not be read is unknown, and nothing that is known makes up
for it.
"""

from __future__ import annotations

from .form import (
    BLOCKER,
    INFO,
    NOT_READY,
    OK,
    READY,
    TARGETS,
    UNKNOWN,
    WARNING,
    WOULD_NOT_BOOT,
    Case,
    Check,
    Found,
    Readiness,
    Result,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..rules.form import Reading

# The optional collectors whose facts are judged.
COLLECTORS = ("kernels", "boot_loader", "device_names", "space")

__all__ = ("COLLECTORS", "TARGETS", "answer", "decide", "make_case")

_RANKS = {BLOCKER: 0, UNKNOWN: 2, WARNING: 3, INFO: 5, OK: 6}
_UNDECIDED = 4  # where an unknown that does not decide stands


def answer(reading: Reading, target: str, without: tuple[str, ...] = ()) -> Readiness:
    """The answer on one of TARGETS; `without` names kernel parameters that are taken to be gone."""
    from .checks import CHECKS
    from .table import states

    case = make_case(reading, target, without)
    results = [_result(check, found) for check in CHECKS if target in check.targets for found in check.judge(case)]
    results.sort(key=_rank)
    word = decide(results)
    return Readiness(
        target,
        word,
        _reason(case, word, results),
        tuple(results),
        states(case),
        case.next_boot,
        case.needs,
        without,
    )


def make_case(reading: Reading, target: str, without: tuple[str, ...] = ()) -> Case:
    """What the checks are asked about."""
    from .drivers import find_needs
    from .next_boot import find_next_boot, is_moving
    from .shift import find_shift

    following, moving = find_next_boot(reading, target, without), is_moving(reading, target)
    shift = find_shift(reading, target, following.boot)
    return Case(reading, target, following, find_needs(reading, target, moving, shift), moving, shift, without)


def _rank(result: Result) -> int:
    """What stops the boot, other blockers, what decides and is unknown, and so on."""
    if result.state == UNKNOWN and not result.decides:
        return _UNDECIDED
    return -1 if result.stops_boot and result.state == BLOCKER else _RANKS[result.state]


def _result(check: Check, found: Found) -> Result:
    return Result(
        code=check.code,
        name=check.name,
        state=found.state,
        subject=found.subject,
        summary=found.summary,
        evidence=found.saw,
        means=check.means,
        remedy=found.remedy,
        stops_boot=found.stops_boot,
        decides=check.decides,
        outside=check.outside,
        source=check.source,
    )


def decide(results: list[Result]) -> str:
    """WOULD_NOT_BOOT where that is proven, else NOT_READY, else UNKNOWN; READY only where all that decides is known."""
    if any(result.state == BLOCKER and result.stops_boot for result in results):
        return WOULD_NOT_BOOT
    if any(result.state == BLOCKER for result in results):
        return NOT_READY
    return UNKNOWN if any(result.state == UNKNOWN and result.decides for result in results) else READY


def _reason(case: Case, word: str, results: list[Result]) -> str:
    """The gravest, in words."""
    if word != READY:
        return f"{results[0].summary} ({results[0].code})"
    kernel = case.next_boot.kernel
    warnings = sum(result.state == WARNING for result in results)
    more = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
    return f"{kernel.release if kernel else 'the next kernel'} has what it needs{more}"
