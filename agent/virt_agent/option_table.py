"""The options of the command line, as a table: what each takes, and what it goes with. --help is made from it too."""

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


def _endpoint(text: str) -> str:
    """http://HOST[:PORT], nothing behind it."""
    host = text.removeprefix("http://").rstrip("/")
    if not text.startswith("http://") or not host or set(host) & set("/?#@ \\") or not host.isascii():
        raise UsageError(f"{text!r} is no endpoint; it looks like http://127.0.0.1:1338")
    return f"http://{host}"


OPTIONS = (
    Option("check", "one line for a monitoring system, then a report for a person", mode=True),
    Option("detect", "the verdict in words, for scripts: xen pvhvm, xen pv dom0, kvm hvm, none, unknown", mode=True),
    Option("json", "the whole report as JSON; beside another mode, its output format", mode=True),
    Option("metrics", "the Prometheus exposition once", mode=True),
    Option("serve", "the daemon: /metrics, /check, /, /-/healthy, /-/ready", mode=True),
    Option("snapshot", "record this guest into a .tar.gz, redacted unless --full", "FILE", mode=True),
    Option("list", "what is inside a snapshot", "FILE", mode=True),
    Option("diff", "what changed between two snapshots", "A B", mode=True, count=2),
    Option(
        "readiness",
        "will this guest come up again: after a reboot, as HVM, on Nitro",
        "TARGET",
        mode=True,
        parse=_words("reboot", "hvm", "nitro"),
    ),
    Option("instance-type", "what an EC2 instance type can do; m3.* for a family", "NAME", mode=True),
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
    Option("without", "with --readiness reboot: as if this kernel parameter were gone", "PARAM", many=True),
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
    Option(
        "imds",
        "ask the EC2 metadata service: auto (only on strong signs of EC2), on or off",
        "WHEN",
        parse=_words("auto", "on", "off"),
    ),
    Option("imds.endpoint", "where to ask it instead, for tests (implies --imds on)", "URL", parse=_endpoint),
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

FORMATTED_AS_JSON = ("check", "detect", "rules", "explain", "diff", "bench", "readiness", "instance-type")


# Options that would be passed over in silence elsewhere; an image test must not believe it was one.
_LOOKS = ("check", "json", "detect", "metrics", "serve", "snapshot", "readiness")
GOES_WITH = {
    "textfile": ("metrics",),
    "full": ("snapshot",),
    "without": ("readiness",),
    "imds": _LOOKS,
    "imds.endpoint": _LOOKS,
    "compare": ("bench",),
    "directory": ("bench",),
    "force": ("bench",),
    "format": ("check",),
    "expect": ("check", "json", "detect"),
    "sample": ("check", "json", "metrics"),
    "web.listen-address": ("serve",),
    "log.level": ("serve",),
    "privileged.directory": (*_LOOKS, "collect-privileged"),
}
WITHOUT_ROOT = {
    "snapshot": "records this machine",
    "collect-privileged": "reads this machine",
    "bench": "measures this machine",
    "instance-type": "looks at no machine",
}
