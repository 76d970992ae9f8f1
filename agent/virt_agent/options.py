"""The command line, taken apart.

argparse costs six times as much at start-up for this many options
(`tests/bench/startup.py` prints it), so a small parser walks the table.
"""

from __future__ import annotations

from .option_table import FORMATTED_AS_JSON, GOES_WITH, OPTIONS, WITHOUT_ROOT, Option, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .config import Config

__all__ = ("Options", "UsageError", "parse")

_BY_NAME = {f"--{option.name}": option for option in OPTIONS} | {
    f"-{option.short}": option for option in OPTIONS if option.short
}


class Options:
    """What was asked for: a mode, and the values of options by name, from three places of which the first counts most."""

    def __init__(self) -> None:
        self.mode = ""
        self.given: dict[str, Any] = {}
        self.environment: dict[str, Any] = {}
        self.configured: dict[str, Any] = {}
        self.config: Config | None = None  # None: not read so far
        self.with_collectors: list[str] = []
        self.without_collectors: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an option; the default where none was given, or "auto"."""
        return self._first(name, default, self.given, self.environment, self.configured)

    def settled(self, name: str) -> Any:
        """The value of a setting, its own default where none was given."""
        return self.get(name, _BY_NAME[f"--{name}"].default)

    def stated(self, name: str) -> Any:
        """The value where it was given for this run, not by the configuration."""
        return self._first(name, None, self.given, self.environment)

    def _first(self, name: str, default: Any, *layers: dict[str, Any]) -> Any:
        value = next((layer[name] for layer in layers if name in layer), None)
        return default if value is None else value

    def afresh(self) -> Options:
        """The same command line and environment, before the configuration is read."""
        made = Options()
        made.__dict__.update(self.__dict__, config=None, configured={})
        return made

    def codes(self, name: str) -> tuple[str, ...]:
        """The rule codes of --only or --ignore."""
        return tuple(code for codes in self.get(name, ()) for code in codes)

    @property
    def verbosity(self) -> int:
        """0, or how often -v was given."""
        return int(self.get("verbose", 0))


def parse(arguments: list[str], environment: Mapping[str, str] | None = None) -> Options:
    """The options of the command line and of the environment; UsageError says what is wrong with a word."""
    options = Options()
    modes: list[str] = []
    words = _spread(arguments)
    while words:
        word = words.pop(0)
        if word.startswith(("--collector.", "--no-collector.")):
            _collector(options, word)
            continue
        option, value = _lookup(word)
        taken = _take(option, value, words)
        if option.mode and not (option.name == "json" and modes):
            modes.append(option.name)
        _keep(options, option, taken)
    options.mode = _mode(modes, options)
    if environment:
        from .settings import from_environment

        options.environment = from_environment(environment, options.mode)
    return options


def _spread(arguments: list[str]) -> list[str]:
    """Short switches written together ("-vv", "-qv") as single ones."""
    words: list[str] = []
    for word in arguments:
        together = len(word) > 2 and word[0] == "-" and word[1] != "-"
        words += [f"-{letter}" for letter in word[1:]] if together else [word]
    return words


def _lookup(word: str) -> tuple[Option, str | None]:
    name, equals, value = word.partition("=")
    option = _BY_NAME.get(name)
    if option is None:
        raise UsageError(f"unknown option {word!r}{_meant(name)}; virt-agent --help lists all")
    if equals and option.value is None:
        raise UsageError(f"{name} takes no value")
    return option, value if equals else None


def _meant(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _BY_NAME, 1)
    return f", did you mean {close[0]}?" if close else ""


def _take(option: Option, value: str | None, words: list[str]) -> Any:
    """The option's value or values, out of the words that follow it."""
    if option.value is None:
        return True
    texts = [value] if value is not None else []
    while len(texts) < option.count and words and not (words[0].startswith("--") and len(words[0]) > 2):
        texts.append(words.pop(0))
    if len(texts) < option.count:
        raise UsageError(f"--{option.name} needs {option.value}")
    try:
        parsed = [option.parse(text) for text in texts]
    except UsageError as error:
        raise UsageError(f"--{option.name}: {error}") from None
    return parsed[0] if option.count == 1 else parsed


def _keep(options: Options, option: Option, taken: Any) -> None:
    if option.name == "verbose":
        options.given["verbose"] = options.verbosity + 1
    elif option.many:
        options.given.setdefault(option.name, []).append(taken)
    else:
        options.given[option.name] = taken


def _collector(options: Options, word: str) -> None:
    from virt_collectors.collect import NAMES

    name = word.partition(".")[2]
    if name not in NAMES:
        raise UsageError(f"{word}: no such collector; there are {', '.join(NAMES)}")
    (options.without_collectors if word.startswith("--no-") else options.with_collectors).append(name)


def _mode(modes: list[str], options: Options) -> str:
    """The one mode; --json beside another is that one's format."""
    if "help" in modes:
        return "help"
    if len(modes) > 1 and "json" in modes:
        modes = [mode for mode in modes if mode != "json"]
    if not modes and options.get("textfile"):
        return "metrics"
    if not modes:
        raise UsageError("say what to do: --check, --json, --detect, --metrics or --serve; --help lists all")
    if len(modes) > 1:
        raise UsageError(f"one mode at a time, not {' and '.join('--' + mode for mode in modes)}")
    mode = modes[0]
    if options.get("json") and mode not in ("json", *FORMATTED_AS_JSON):
        raise UsageError(f"--{mode} has no JSON form")
    if options.get("root") and mode in WITHOUT_ROOT:
        raise UsageError(f"--{mode} {WITHOUT_ROOT[mode]} and takes no --root")
    for name, allowed in GOES_WITH.items():
        if name in options.given and mode not in allowed:
            fitting = " and ".join(f"--{other}" for other in allowed)
            raise UsageError(f"--{name} goes with {fitting}, not with --{mode}")
    return mode
