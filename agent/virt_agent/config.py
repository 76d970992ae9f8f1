"""The configuration, a TOML file: rules off or with another severity or threshold, collectors on or off, settings.

    [rules.P01]
    enabled = false
    reason = "rebuilt as HVM in spring"
    until = 2027-03-31

    [rules.B02.subjects.sda]
    severity = "info"
    reason = "the installer's disk, nobody reads it"

    [rules.E07]
    samples = 4

    [kernel_log]
    hours = 48

    [collectors]
    ethtool = false

    [log]
    level = "debug"

A file of comments alone costs no parser. Whatever is wrong is an error that names file, key and what was meant.
"""

from __future__ import annotations

from virt_collectors.collect import NAMES
from virt_collectors.record import Record

from .option_table import UsageError
from .render.ascii import clean
from .rules.form import SEVERITIES, Rule, Setting
from .selection import Override

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .option_table import Option

DEFAULT = "/etc/virt-agent/config.toml"
LIMIT = 1 << 16  # bytes; the packaged file, with all its comments, has 10,000
_DEPTH = 8  # rules.B02.subjects.sda.reason has five
_DOTS = 500  # in one line; the parser takes half a minute for 30,000 in a key
_RULE_KEYS = ("enabled", "severity", "reason", "until", "subjects")
_SHARED = "kernel_log"  # settings of many rules, in a table of their own


class Config(Record):
    """What the file says; everything empty where there is none. `values` are of options, by name."""

    overrides: tuple[Override, ...] = ()
    settings: dict[str, float] = {}
    with_collectors: tuple[str, ...] = ()
    without_collectors: tuple[str, ...] = ()
    values: dict[str, Any] = {}


def load(path: str | None) -> Config:
    """The configuration at path; at the default place, where it need not be, without one."""
    text = _text(path or DEFAULT, must_exist=path is not None)
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        return Config()
    return Reader(path or DEFAULT).config(_parsed(path or DEFAULT, text))


def is_there(path: str) -> bool:
    """Whether something is at the path, be it readable or not."""
    from virt_collectors.errors import Absent, SourceError
    from virt_collectors.host.live import read

    try:
        read(path, path, LIMIT, once=False)
    except SourceError as error:
        return not isinstance(error, Absent)
    return True


def _text(path: str, must_exist: bool) -> str:
    from virt_collectors.errors import Absent, SourceError
    from virt_collectors.host.live import read

    try:
        return read(path, path, LIMIT, once=False).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None
    except SourceError as error:
        if isinstance(error, Absent) and not must_exist:
            return ""
        raise UsageError(f"{path}: {error.why}; --config.file names another file") from None


def _parsed(path: str, text: str) -> dict[str, Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _DOTS:
            raise UsageError(f"{path}: line {number} is nested too deeply: it has more than {_DOTS} dots")
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one, and a number of thousands of digits is another
        raise UsageError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: is nested too deeply") from None
    inside: list[Any] = [document]
    for _ in range(_DEPTH):
        inside = [each for value in inside for each in _inside(value)]
    if inside:  # "until.a.a.a.a = 1" nests without a bracket, and whoever tells of such a value recurses
        raise UsageError(f"{path}: is nested too deeply")
    return document


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


class Reader:
    """Turns the parsed file into a Config; errors name the file and the key."""

    def __init__(self, path: str) -> None:
        self._path = path

    def config(self, document: dict[str, Any]) -> Config:
        """All tables."""
        from .rules import registry
        from .settings import by_table

        tables = by_table()
        self._known("", document, ("rules", _SHARED, "collectors", *tables))
        overrides: list[Override] = []
        settings = self._settings(_SHARED, self._table(_SHARED, document.get(_SHARED, {})), shared_settings())
        for name, given in self._table("rules", document.get("rules", {})).items():
            rule = registry.find(name)
            if rule is None:
                raise self._wrong(f"rules.{name}", f"there is no such rule; did you mean {registry.nearest(name)}?")
            key = f"rules.{name}"
            own = {setting.name: setting for setting in rule.settings if setting.code == rule.code}
            table = self._table(key, given)
            self._known(key, table, (*_RULE_KEYS, *own))
            settings |= self._settings(key, {k: v for k, v in table.items() if k in own}, own)
            overrides += self._overrides(key, rule, table)
        on, off = self._switches(self._table("collectors", document.get("collectors", {})))
        values = {name: value for table, options in tables.items()
                  for name, value in self._values(table, self._table(table, document.get(table, {})), options)}  # fmt: skip
        return Config(tuple(overrides), settings, on, off, values)

    def _values(self, table: str, given: dict[str, Any], options: dict[str, Option]) -> Iterator[tuple[str, Any]]:
        from .settings import of_key

        self._known(table, given, options)
        for key, value in given.items():
            try:
                yield options[key].name, of_key(options[key], value)
            except UsageError as error:
                raise self._wrong(f"{table}.{key}", str(error)) from None

    def _overrides(self, key: str, rule: Rule, table: dict[str, Any]) -> Iterator[Override]:
        if {"enabled", "severity"} & set(table):
            yield self._override(key, rule, table, None)
        elif {"reason", "until"} & set(table):
            raise self._wrong(key, "a reason or an until goes with enabled = false or a severity")
        for subject, own in self._table(f"{key}.subjects", table.get("subjects", {})).items():
            below = f"{key}.subjects.{subject}"
            self._known(below, self._table(below, own), _RULE_KEYS[:-1])
            yield self._override(below, rule, own, subject)

    def _override(self, key: str, rule: Rule, table: dict[str, Any], subject: str | None) -> Override:
        enabled, severity, reason = table.get("enabled", True), table.get("severity"), table.get("reason")
        if not isinstance(enabled, bool):
            raise self._wrong(f"{key}.enabled", "must be true or false")
        if enabled and severity is None:
            raise self._wrong(key, 'says nothing: give enabled = false, or a severity ("info", "warning", "critical")')
        if severity is not None and severity not in SEVERITIES:
            raise self._wrong(f"{key}.severity", f"{severity!r} is none of {', '.join(SEVERITIES)}")
        if not isinstance(reason, str) or not reason.strip():
            raise self._wrong(key, 'needs a reason = "...", for whoever reads the report later')
        chosen = severity if enabled else None
        return Override(rule.code, reason.strip()[:200], chosen, subject, self._day(f"{key}.until", table.get("until")))

    def _day(self, key: str, value: object) -> str | None:
        from datetime import date, datetime

        if value is None:
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise self._wrong(key, f"{value!r} is not a day like 2027-03-31") from None

    def _settings(self, key: str, table: dict[str, Any], known: dict[str, Setting]) -> dict[str, float]:
        self._known(key, table, tuple(known))
        found = {}
        for name, value in table.items():
            setting = known[name]
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self._wrong(f"{key}.{name}", f"must be a number ({setting.unit})")
            if not setting.least <= value <= setting.most:
                raise self._wrong(
                    f"{key}.{name}", f"{value} is not between {setting.least:g} and {setting.most:g} ({setting.unit})"
                )
            found[f"{setting.code}.{name}"] = float(value)
        return found

    def _switches(self, table: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The collectors that are switched on, and those that are switched off."""
        self._known("collectors", table, NAMES)
        for name, value in table.items():
            if not isinstance(value, bool) and value != "auto":
                raise self._wrong(f"collectors.{name}", 'must be true or false, or "auto" for what a mode needs')
        on, off = (tuple(name for name, wanted in table.items() if wanted is state) for state in (True, False))
        return on, off

    def _table(self, key: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(key, f"must be a table, [{key}]")
        return value

    def _known(self, key: str, table: dict[str, Any], known: Iterable[str]) -> None:
        from difflib import get_close_matches

        for name in table:
            if name not in known:
                close = get_close_matches(name, known, 1, 0.4)
                meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                raise self._wrong(f"{key}.{name}".lstrip("."), f"is not known here; {meant}")

    def _wrong(self, key: str, why: str) -> UsageError:
        return UsageError(f"{self._path}: {clean(key)}: {why}")


def shared_settings() -> dict[str, Setting]:
    """The settings that several rules have in common, by name."""
    from .rules.registry import RULES

    return {setting.name: setting for rule in RULES for setting in rule.settings if setting.code == _SHARED}
