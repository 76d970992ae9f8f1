"""Where the value of a setting comes from: its flag, else its variable, else its key in the configuration.

Each layer is parsed by the option's own `parse`, and an error names the layer: the flag, the variable, or file and key.
"""

from __future__ import annotations

from .option_table import OPTIONS, SETTLED_IN, Option, UsageError
from .render.ascii import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SETTINGS = tuple(option for option in OPTIONS if option.environment)
TRACEBACK = "VIRT_AGENT_TRACEBACK"  # for bug reports (__main__)
_NUMBERS = ("SECONDS", "N")  # placeholders of options that take a number
_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def by_table() -> dict[str, dict[str, Option]]:
    """The settings of each table of the configuration, by key."""
    tables: dict[str, dict[str, Option]] = {}
    for option in SETTINGS:
        if option.key is not None:
            table, _, key = option.key.partition(".")
            tables.setdefault(table, {})[key] = option
    return tables


def counts(name: str, mode: str) -> bool:
    """Whether a setting that is not on the command line has a meaning in this mode."""
    return mode in SETTLED_IN[name]


def from_environment(environment: Mapping[str, str], mode: str) -> dict[str, Any]:
    """By option; an empty variable is as none."""
    found = {}
    for option in SETTINGS:
        text = environment.get(option.environment or "")
        if text and counts(option.name, mode):
            try:
                found[option.name] = of_variable(option, text)
            except UsageError as error:
                raise UsageError(f"{option.environment}: {error}") from None
    return found


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Those that look like ours and are not: a typo, or Kubernetes' for a service called virt-agent, so no error."""
    known = {option.environment or "" for option in SETTINGS} | {TRACEBACK}
    strange = sorted(name for name in environment if name.startswith("VIRT_AGENT_") and name not in known)
    return [f"{clean(name, 80)}: is no setting, and not used{_meant(name, known)}" for name in strange]


def _meant(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name[:80], known, 1, 0.9)
    return f"; did you mean {close[0]}?" if close else ""


def of_variable(option: Option, text: str) -> Any:
    """A switch is true or false; what may be repeated stands with blanks or commas between."""
    if option.value is None:
        if text.lower() not in _TRUTH:
            raise UsageError(f"{text!r} is neither true nor false")
        return _TRUTH[text.lower()]
    if option.many:
        return [option.parse(word) for word in text.replace(",", " ").split()] or None
    return option.parse(text)


def of_key(option: Option, value: object) -> Any:
    """What TOML gave: a switch is a boolean, a number a number or "auto", the rest texts."""
    if option.value is None:
        if not isinstance(value, bool):
            raise UsageError("must be true or false")
        return value
    if option.many:
        if not isinstance(value, list) or not value:
            raise UsageError('must be a list of texts, ["..."]')
        return [option.parse(_text(option, entry)) for entry in value]
    return option.parse(_text(option, value))


def _text(option: Option, value: object) -> str:
    if isinstance(value, str):
        return value
    if option.value in _NUMBERS and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise UsageError("must be a number" if option.value in _NUMBERS else 'must be a text, "..."')
