"""GRUB's test and [ command: True, False, or None where nobody can tell but GRUB (GRUB manual, test).

An argument that is None is not known. What GRUB knows and this module does not (times, devices) is None too.
"""

from __future__ import annotations

from ..source import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Argument = str | None
    # What is to be known of a file: by -e, -f, -d or -s, and its path
    Files = Callable[[str, str], bool | None]

_COMPARED = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}


def holds(arguments: Sequence[Argument], files: Files) -> bool | None:
    """The outcome of `test ARGUMENTS`; -a binds closer than -o."""
    return _some([_all([_single(term, files) for term in _split(part, "-a")]) for part in _split(arguments, "-o")])


def _split(arguments: Sequence[Argument], at: str) -> list[list[Argument]]:
    parts: list[list[Argument]] = [[]]
    for argument in arguments:
        if argument == at:
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


def _all(outcomes: list[bool | None]) -> bool | None:
    return False if False in outcomes else None if None in outcomes else True


def _some(outcomes: list[bool | None]) -> bool | None:
    return True if True in outcomes else None if None in outcomes else False


def negated(outcome: bool | None) -> bool | None:
    """What "!" makes of it."""
    return None if outcome is None else not outcome


def _single(term: list[Argument], files: Files) -> bool | None:
    signs = 0
    while signs < len(term) and term[signs] == "!":
        signs += 1
    outcome = _plain(term[signs:], files)
    return negated(outcome) if signs % 2 else outcome


def _plain(term: list[Argument], files: Files) -> bool | None:
    if not term:
        return False
    if None in term or "(" in term:
        return None
    words = [str(word) for word in term]
    if len(words) == 1:
        return words[0] != ""
    if len(words) == 2:
        return _of_one(words[0], words[1], files)
    return _of_two(*words) if len(words) == 3 else None


def _of_one(operator: str, value: str, files: Files) -> bool | None:
    if operator in ("-z", "-n"):
        return (value == "") == (operator == "-z")
    return files(operator, value) if operator in ("-e", "-f", "-d", "-s") else None


def _of_two(left: str, operator: str, right: str) -> bool | None:
    if operator in ("=", "==", "!="):
        return (left == right) == (operator != "!=")
    compare, a, b = _COMPARED.get(operator), whole(left), whole(right)
    return None if compare is None or a is None or b is None else compare(a, b)
