"""The tables as arrays of zsh, each with the text of --help."""

from __future__ import annotations

import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from virt_agent.option_table import Option


def tables(top: str) -> Iterator[str]:
    """Lines of zsh."""
    expectations = table.expectations(top)
    yield from _mapping("told", {word: option.help for option in _every() for word in table.words(option)})
    yield from _mapping("fitting", {word: " ".join(table.going_with(mode)) for mode, word in _modes()})
    yield from _mapping("kinds", {word: table.kind(option) for option, word in _with_value()})
    yield from _mapping("counts", {word: str(option.count) for option, word in _with_value()})
    yield from _mapping("allowed", {word: " ".join(table.allowed(option)) for option, word in _with_value()})
    yield from _mapping("verdict", {key: " ".join(values) for key, values in expectations.items()})
    yield from _array("modes", (word for _, word in _modes()))
    yield from _array("others", (word for option in table.OTHERS for word in table.words(option)))
    yield from _array("repeated", table.REPEATED)
    yield from _array("codes", table.CODES)
    yield from _array("rules", table.RULE_NAMES)
    yield from _array("collectors", table.COLLECTORS)
    yield from _array("types", table.TYPES)


def _every() -> tuple[Option, ...]:
    return (*table.MODES, *table.OTHERS)


def _modes() -> list[tuple[Option, str]]:
    return [(mode, word) for mode in table.MODES for word in table.words(mode)]


def _with_value() -> list[tuple[Option, str]]:
    return [(option, word) for option in _every() if option.value for word in table.words(option)]


def _mapping(name: str, found: dict[str, str]) -> Iterator[str]:
    yield f"    local -A {name}=("
    yield from (f"        {quoted(key)} {quoted(value)}" for key, value in found.items())
    yield "    )"


def _array(name: str, found: Iterable[str]) -> Iterator[str]:
    yield f"    local -a {name}=({' '.join(quoted(word) for word in found)})"


def quoted(text: str) -> str:
    """In quotes of zsh, where nothing is expanded."""
    return "'" + text.replace("'", "'\\''") + "'"
