"""The options of the command line, as a table: what each takes, and what it goes with. --help is made from it too.

An option that has a key or a variable is a setting: it can be given in the environment and in the configuration too
(`settings`).
"""

from __future__ import annotations

from virt_collectors.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class UsageError(Exception):
    """What the user gave makes no sense; the message says which word, variable or key, and what would."""


class Option(Record):
    """One option. `value` is its placeholder in the help, None for a switch; `many` keeps all its values.

    A setting's `key` is its place in the configuration ("log.level"), `default` its value there; `variable` is true of
    what the environment may give and the configuration may not.
    """

    name: str
    help: str
    value: str | None = None
    short: str | None = None
    mode: bool = False
    many: bool = False
    count: int = 1
    parse: Callable[[str], Any] = str
    key: str | None = None
    default: Any = None
    variable: bool = False

    @property
    def environment(self) -> str | None:
        """The variable that gives it, as VIRT_AGENT_LOG_LEVEL; None where it is no setting."""
        if self.key is None and not self.variable:
            return None
        return "VIRT_AGENT_" + self.name.upper().replace(".", "_").replace("-", "_")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number of seconds") from None
    if not 0 <= seconds <= 3600:
        raise UsageError(f"{text!r} is not between 0 and 3600 seconds")
    return seconds


def _auto(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The word "auto" for what is chosen where nothing is said: None."""
    return lambda text: None if text == AUTO else parse(text)


def _requests(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 4 or not 1 <= int(text) <= 1000:
        raise UsageError(f"{text!r} is not a number of requests between 1 and 1000")
    return int(text)


def _address(text: str) -> str:
    from .serve.web.address import FLAG, parse_place

    try:
        parse_place(text)
    except UsageError as error:
        raise UsageError(str(error).removeprefix(f"{FLAG}: ")) from None  # it may have been a key or a variable
    return text


def _path(text: str) -> str | None:
    return text or None


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


AUTO = "auto"
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
    Option("check-config", "read the configuration and say what is wrong with it; 0 or 3", mode=True),
    Option("version", "the version", short="V", mode=True),
    Option("help", "all modes and options, a line or two for each", short="h", mode=True),
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
    Option(
        "strict",
        "what could not be checked for want of a privilege makes the status unknown",
        key="check.strict",
        default=False,
    ),
    Option(
        "sample",
        "take two readings so far apart; 0 never; auto: only on suspicion",
        "SECONDS",
        parse=_auto(_seconds),
        key="check.sample",
        default=AUTO,
    ),
    Option(
        "timeout",
        "for the whole run; late collectors are told as stuck (auto: 8; --bench 10)",
        "SECONDS",
        parse=_auto(_seconds),
        key="check.timeout",
        default=AUTO,
    ),
    Option(
        "color",
        "always, never or auto (on a terminal)",
        "WHEN",
        parse=_words("always", "never", AUTO),
        key="check.color",
        default=AUTO,
    ),
    Option("config.file", "the configuration (/etc/virt-agent/config.toml, where it exists)", "PATH", variable=True),
    Option(
        "privileged.directory",
        "where --collect-privileged leaves its files (/run/virt-agent)",
        "DIR",
        key="privileged.directory",
        default="/run/virt-agent",
    ),
    Option(
        "imds",
        "ask the EC2 metadata service: auto (only on strong signs of EC2), on or off",
        "WHEN",
        parse=_words(AUTO, "on", "off"),
        key="imds.mode",
        default=AUTO,
    ),
    Option(
        "imds.endpoint",
        "where to ask it instead, for tests (implies --imds on)",
        "URL",
        parse=_endpoint,
        variable=True,
    ),
    Option("collector.NAME", "run a collector that is off by default"),
    Option("no-collector.NAME", "do not run a collector"),
    Option(
        "web.listen-address",
        "with --serve: where to listen (:10480), or unix:PATH; may be repeated",
        "ADDRESS",
        many=True,
        parse=_address,
        key="web.listen_addresses",
        default=(":10480",),
    ),
    Option(
        "web.config.file",
        "with --serve: TLS and users, in the form of Prometheus' exporters",
        "PATH",
        parse=_path,
        key="web.config_file",
        default="",
    ),
    Option(
        "web.max-requests",
        "with --serve: requests answered at a time; more get 503 (40)",
        "N",
        parse=_requests,
        key="web.max_requests",
        default=40,
    ),
    Option(
        "log.level",
        "with --serve: debug, info, warning or error (info)",
        "LEVEL",
        parse=_words("debug", "info", "warning", "error"),
        key="log.level",
        default="info",
    ),
)

FORMATTED_AS_JSON = ("check", "detect", "rules", "explain", "diff", "bench", "readiness", "instance-type")


# Options that would be passed over in silence elsewhere; an image test must not believe it was one.
_LOOKS = ("check", "json", "detect", "metrics", "serve", "snapshot", "readiness", "check-config")
_SERVES = ("serve", "check-config")
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
    "sample": ("check", "json", "metrics", "check-config"),
    "web.listen-address": _SERVES,
    "web.config.file": _SERVES,
    "web.max-requests": _SERVES,
    "log.level": _SERVES,
    "privileged.directory": (*_LOOKS, "collect-privileged"),
}
CONFIGURED = (*_LOOKS, "collect-privileged")  # the modes that read the configuration
# Where a setting counts that is not on the command line: one for the daemon must not break --check.
SETTLED_IN = {
    **GOES_WITH,
    "config.file": CONFIGURED,
    "strict": _LOOKS,
    "timeout": ("check", "json", "detect", "metrics", "check-config"),
    "color": ("check", "readiness", "check-config"),
}
WITHOUT_ROOT = {
    "check-config": "looks at no machine",
    "snapshot": "records this machine",
    "collect-privileged": "reads this machine",
    "bench": "measures this machine",
    "instance-type": "looks at no machine",
}
