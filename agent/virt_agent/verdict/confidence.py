"""How sure the verdict is, by a rule that docs/verdict.md states.

low     the hypervisor is unknown or guessed, or signs contradict each other
medium  an answer was inferred by elimination; or only one kind of sign names the hypervisor, and that is
        neither the kernel's own nor a processor that shows none; or an HVM guest's xenbus cannot be seen
high    otherwise
"""

from __future__ import annotations

from virt_collectors.facts import Facts
from virt_collectors.record import Record

from . import signs, texts
from .hypervisor import UNKNOWN, Answer, Below


class Confidence(Record):
    """high, medium or low, with the reason in words where it is not high."""

    word: str
    reason: str


def decide(facts: Facts, below: Below, mode: Answer, role: Answer, conflicts: tuple[str, ...]) -> Confidence:
    """The confidence in hypervisor, mode and role."""
    if conflicts:
        return Confidence("low", conflicts[0])
    if below.guessed:
        return Confidence("low", below.inferred or "a guess")
    if below.word == UNKNOWN:
        return Confidence("low", below.inferred or "no sign names a hypervisor")
    doubt = mode.inferred or role.inferred or below.inferred or _one_kind(facts, below) or _hidden_bus(facts, mode)
    return Confidence("medium", doubt) if doubt else Confidence("high", "")


def _one_kind(facts: Facts, below: Below) -> str | None:
    """Kernel signs count for themselves: only Xen's code can make them."""
    kinds = {sign.kind for sign in signs.read(facts) if supports(sign, below.word)}
    proven_absent = below.word == "none" and (texts.is_metal_product(facts.dmi) or facts.cpuid is not None)
    if below.kernel or proven_absent or len(kinds) > 1:
        return None
    return f"only the {next(iter(kinds))} says so" if kinds else "no sign says so straight"


def supports(sign: signs.Evidence, hypervisor: str) -> bool:
    """Whether a sign argues for the hypervisor, by name or as "any"."""
    said = sign.argues_for.get("hypervisor")
    return said == hypervisor or (said == "any" and hypervisor != "none")


def contradicts(sign: signs.Evidence, answers: dict[str, str | None]) -> bool:
    """Whether a sign argues for another word than the verdict's."""
    for answer, word in sign.argues_for.items():
        given = answers.get(answer)
        if given in (None, UNKNOWN) or (word == "any" and given != "none"):
            continue
        if (answer, word) == ("guest_mode", "not pv"):
            if given == "pv":
                return True
        elif word != given and not (answer == "guest_mode" and (word, given) == ("hvm", "pvhvm")):
            return True
    return False


def _hidden_bus(facts: Facts, mode: Answer) -> str | None:
    if mode.word == "hvm" and facts.hypervisor is not None and facts.xenbus is None:
        return "xenbus cannot be seen from here, so PV drivers in use would not show"
    return None
