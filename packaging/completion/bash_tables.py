"""The tables as functions of bash that set variables, which costs no process."""

from __future__ import annotations

import shlex
from textwrap import fill

import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tables(top: str) -> Iterator[str]:
    """Lines of bash."""
    modes = [word for mode in table.MODES for word in table.words(mode)]
    yield from _function("options", _options())
    yield from _function("value", _values())
    yield from _function("expectation", _expectations(table.expectations(top)))
    yield from _function("known", _known(modes, table.expectations(top)))


def _function(name: str, body: Iterable[str]) -> Iterator[str]:
    yield f"_virt_agent_{name}()"
    yield "{"
    yield from (f"    {line}" for line in body)
    yield "}"
    yield ""


def _options() -> Iterator[str]:
    """$1: the mode. Sets options."""
    yield "case $1 in"
    for mode in table.MODES:
        yield from _case(table.words(mode), options=table.going_with(mode))
    yield from _case(("*",), options=[word for option in table.OTHERS for word in table.words(option)])
    yield "esac"


def _values() -> Iterator[str]:
    """$1: an option. Sets kind, count and allowed."""
    yield "kind=none count=0 allowed="
    yield "case $1 in"
    for option in (*table.MODES, *table.OTHERS):
        if option.value:
            yield from _case(
                table.words(option), kind=[table.kind(option)], count=[str(option.count)], allowed=table.allowed(option)
            )
    yield "esac"


def _expectations(expectations: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """$1: a key of the verdict. Sets allowed."""
    yield "allowed="
    yield "case $1 in"
    for key, values in expectations.items():
        if values:
            yield from _case((key,), allowed=values)
    yield "esac"


def _known(modes: list[str], expectations: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Sets the lists of words."""
    yield from _assigned("modes", modes)
    yield from _assigned("repeated", table.REPEATED)
    lists = {
        "codes": table.CODES,
        "rules": table.RULE_NAMES,
        "collectors": table.COLLECTORS,
        "keys": [f"{key}=" for key in expectations],
        "types": table.TYPES,
    }
    for name, found in lists.items():
        lines = fill(" ".join(found), 100, break_long_words=False, break_on_hyphens=False)
        yield from f"{name}='\n{lines}'".split("\n")


def _case(patterns: Iterable[str], **variables: Iterable[str]) -> Iterator[str]:
    yield f"    {' | '.join(patterns)})"
    for name, found in variables.items():
        yield from (f"        {line}" for line in _assigned(name, found))
    yield "        ;;"


def _assigned(name: str, found: Iterable[str]) -> Iterator[str]:
    yield f"{name}={shlex.quote(' '.join(found))}"
