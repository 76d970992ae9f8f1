"""The command line, as a table.

argparse costs fifteen times as much at start-up for this many options
(`tests/bench/startup.py` prints it), so a small parser walks the table; --help is made from it too.
"""

from __future__ import annotations

from virt_collectors.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class UsageError(Exception):
    """The command line makes no sense; the message says which word, and what would."""


class Option(Record):
    """One option. `value` is its placeholder in the help, None for a switch; `many` keeps all its values."""

    name: str
    help: str
    value: str | None = None
    short: str | None = None
    mode: bool = False
    many: bool = False
    count: int = 1
    parse: Callable[[str], Any] = str


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number of seconds") from None
    if not 0 <= seconds <= 3600:
        raise UsageError(f"{text!r} is not between 0 and 3600 seconds")
    return seconds


def _words(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise UsageError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def _codes(text: str) -> tuple[str, ...]:
    """Rule codes or names, by their codes."""
    from .rules import registry as rules

    found = []
    for code in text.split(","):
        rule = rules.find(code.strip())
        if rule is None:
            raise UsageError(f"{code!r} is no rule; did you mean {rules.nearest(code)}? --rules lists them")
        found.append(rule.code)
    return tuple(found)


def _expectation(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{text!r} is not KEY=VALUE, as in --expect guest_mode=pvhvm")
    return key, value


OPTIONS = (
    Option("check", "one line for a monitoring system, then a report for a person", mode=True),
    Option("detect", "the verdict in words, for scripts: xen pvhvm, xen pv dom0, kvm hvm, none, unknown", mode=True),
    Option("json", "the whole report as JSON; beside another mode, its output format", mode=True),
    Option("metrics", "the Prometheus exposition once", mode=True),
    Option("serve", "the daemon: /metrics, /check, /, /-/healthy, /-/ready", mode=True),
    Option("snapshot", "record this guest into a .tar.gz, redacted unless --full", "FILE", mode=True),
    Option("list", "what is inside a snapshot", "FILE", mode=True),
    Option("diff", "what changed between two snapshots", "A B", mode=True, count=2),
    Option("bench", "measure this guest: clock, calls, VM exit, page faults, disk reads, boot", mode=True),
    Option("rules", "what is checked", mode=True),
    Option("explain", "why a rule matters and what to do", "CODE", mode=True),
    Option(
        "collect-privileged",
        "as root: leave what only root may read to the daemon: static, nvme or all",
        "WHAT",
        mode=True,
        parse=_words("static", "nvme", "all"),
    ),
    Option("version", "the version", short="V", mode=True),
    Option("help", "this text", short="h", mode=True),
    Option("root", "replay a snapshot (directory or tar) instead of this machine", "DIR-OR-TAR"),
    Option("textfile", "with --metrics (implied): write atomically to a file for node_exporter", "PATH"),
    Option("full", "with --snapshot: do not redact"),
    Option("compare", "with --bench: two of its --json documents, instead of measuring", "A B", count=2),
    Option("directory", "with --bench: where to make and delete the file that is read (/var/tmp)", "DIR"),
    Option("force", "with --bench: measure although the machine is busy"),
    Option(
        "format",
        "of --check: text, json or nagios (with performance data)",
        "FORMAT",
        parse=_words("text", "json", "nagios"),
    ),
    Option("verbose", "show hints, evidence and every device; more so with -vv", short="v"),
    Option("quiet", "the first line only", short="q"),
    Option("only", "judge these rules alone", "CODES", many=True, parse=_codes),
    Option("ignore", "do not judge these rules", "CODES", many=True, parse=_codes),
    Option(
        "expect",
        "exit 2 where the verdict differs, for image tests; may be repeated",
        "KEY=VALUE",
        many=True,
        parse=_expectation,
    ),
    Option("strict", "what could not be checked for want of a privilege makes the status unknown"),
    Option(
        "sample", "take two readings so far apart; 0 never; without it, only on suspicion", "SECONDS", parse=_seconds
    ),
    Option(
        "timeout", "for the whole run; late collectors are told as stuck (8; --bench 10)", "SECONDS", parse=_seconds
    ),
    Option("color", "always, never or auto", "WHEN", parse=_words("always", "never", "auto")),
    Option("config.file", "the configuration (/etc/virt-agent/config.toml, where it exists)", "PATH"),
    Option("privileged.directory", "where --collect-privileged leaves its files (/run/virt-agent)", "DIR"),
    Option("collector.NAME", "run a collector that is off by default"),
    Option("no-collector.NAME", "do not run a collector"),
    Option("web.listen-address", "with --serve: where to listen (:10480); may be repeated", "ADDRESS", many=True),
    Option(
        "log.level",
        "with --serve: debug, info, warning or error (info)",
        "LEVEL",
        parse=_words("debug", "info", "warning", "error"),
    ),
)
_BY_NAME = {f"--{option.name}": option for option in OPTIONS} | {
    f"-{option.short}": option for option in OPTIONS if option.short
}


class Options:
    """What was asked for: a mode, and the values of options by name."""

    def __init__(self) -> None:
        self.mode = ""
        self.given: dict[str, Any] = {}
        self.with_collectors: list[str] = []
        self.without_collectors: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an option, or the default."""
        return self.given.get(name, default)

    def codes(self, name: str) -> tuple[str, ...]:
        """The rule codes of --only or --ignore."""
        return tuple(code for codes in self.get(name, ()) for code in codes)

    @property
    def verbosity(self) -> int:
        """0, or how often -v was given."""
        return int(self.get("verbose", 0))


def parse(arguments: list[str]) -> Options:
    """The options; UsageError says what is wrong with a word."""
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


_FORMATTED_AS_JSON = ("check", "detect", "rules", "explain", "diff", "bench")


# Options that would be passed over in silence elsewhere; an image test must not believe it was one.
_GOES_WITH = {
    "textfile": ("metrics",),
    "full": ("snapshot",),
    "compare": ("bench",),
    "directory": ("bench",),
    "force": ("bench",),
    "format": ("check",),
    "expect": ("check", "json", "detect"),
    "sample": ("check", "json", "metrics"),
    "web.listen-address": ("serve",),
    "log.level": ("serve",),
    "privileged.directory": ("check", "json", "detect", "metrics", "serve", "snapshot", "collect-privileged"),
}


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
    if options.get("json") and mode not in ("json", *_FORMATTED_AS_JSON):
        raise UsageError(f"--{mode} has no JSON form")
    if options.get("root") and mode == "snapshot":
        raise UsageError("--snapshot records this machine and takes no --root")
    if options.get("root") and mode == "collect-privileged":
        raise UsageError("--collect-privileged reads this machine and takes no --root")
    if options.get("root") and mode == "bench":
        raise UsageError("--bench measures this machine and takes no --root")
    for name, allowed in _GOES_WITH.items():
        if options.get(name) and mode not in allowed:
            fitting = " and ".join(f"--{other}" for other in allowed)
            raise UsageError(f"--{name} goes with {fitting}, not with --{mode}")
    return mode


def help_text() -> str:
    """--help, in 80 columns."""
    lines = [
        "usage: virt-agent MODE [options]",
        "",
        "What this guest runs on, whether its drivers are healthy, and what to do.",
        "",
    ]
    for title, is_mode in (("modes:", True), ("options:", False)):
        lines.append(title)
        for option in OPTIONS:
            if option.mode == is_mode:
                lines += _help_lines(option)
        lines.append("")
    return "\n".join([*lines, "Exit codes of --check: 0 ok, 1 warning, 2 critical, 3 unknown or bad arguments.", ""])


def _help_lines(option: Option) -> list[str]:
    short = f"-{option.short}, " if option.short else ""
    head = f"  {short}--{option.name}" + (f" {option.value}" if option.value else "")
    words, lines, line = option.help.split(), [], f"{head:<26}" if len(head) < 25 else ""
    if not line:
        lines.append(head)
        line = " " * 26
    for word in words:
        if len(line) + 1 + len(word) > 79:
            lines.append(line)
            line = " " * 26
        line += (" " if line.strip() and len(line) > 26 else "") + word
    return [*lines, line.rstrip()]
