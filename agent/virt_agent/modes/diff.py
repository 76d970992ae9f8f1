"""--diff A B: what changed between two snapshots, in what the report tells of them."""

from __future__ import annotations

import sys

from virt_collectors.record import plain

from .. import observe
from ..options import Options
from ..render.ascii import clean, wrap
from ..selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Moves by itself from one moment to the next.
_MOVING = (
    *("facts.clock.time", "facts.clock.uptime_seconds", "facts.clock.read_seconds", "facts.memory."),
    *("facts.kernel_log.lines", "facts.kernel_journal.lines"),
)
_ENDINGS = (
    *(".completed", ".flushed", ".in_flight", ".seconds", ".tx_packets", ".tx_errors", ".tx_dropped"),
    *(".events", ".spurious_events", ".jiffies_eoi_delayed", ".last_seconds", ".statistics_time"),
)
_WITHIN = (".counters.", ".statistics.")


class Change:
    """One value that differs; None where one side lacks it."""

    def __init__(self, path: str, before: object, after: object) -> None:
        self.path, self.before, self.after = path, before, after


def diff(options: Options) -> int:
    """0 where nothing differs, 1 where something does."""
    first, second = (_flat(_look(path, options)) for path in options.get("diff"))
    changes = list(compare(first, second))
    if options.get("json"):
        import json

        found = [{"path": change.path, "before": change.before, "after": change.after} for change in changes]
        sys.stdout.write(json.dumps({"schema": 1, "changes": found}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_told(changes)) + "\n")
    return 1 if changes else 0


def _look(path: str, options: Options) -> dict[str, Any]:
    selection = Selection(options.codes("only"), options.codes("ignore"))
    found = observe.observe(observe.open_host(path), selection, seconds=options.get("timeout", observe.RUN_SECONDS))
    return {
        "status": found.status,
        "verdict": {key: value for key, value in plain(found.reading.verdict).items() if key != "evidence"},
        "facts": plain(found.reading.facts),
        "rules": found.states,
        "findings": {f"{f.code} {f.subject}": f"{f.severity}: {f.summary}" for f in found.findings},
        "collectors": {outcome.name: outcome.outcome for outcome in found.outcomes},
    }


def _flat(value: object, path: str = "") -> dict[str, object]:
    """Leaves by dotted path; members of a list go by their name where they have one."""
    if isinstance(value, dict):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(_member(item, number), item) for number, item in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, object] = {}
    for key, item in pairs:
        found |= _flat(item, f"{path}.{key}" if path else key)
    return found


def _member(item: object, number: int) -> str:
    """A device's name or address, a scalar itself, else the place in the list."""
    if isinstance(item, dict):
        return str(item.get("name") or item.get("address") or item.get("point") or number)
    return str(item) if isinstance(item, str) else str(number)


def compare(first: dict[str, object], second: dict[str, object]) -> Iterator[Change]:
    """What differs and does not move by itself, in the order of the paths."""
    for path in sorted(first.keys() | second.keys()):
        if path.startswith(_MOVING) or path.endswith(_ENDINGS) or any(part in path for part in _WITHIN):
            continue
        before, after = first.get(path), second.get(path)
        if before != after:
            yield Change(path, before, after)


def _told(changes: list[Change]) -> list[str]:
    if not changes:
        return ["no difference in what the report tells; counters, clock and memory left aside"]
    lines = []
    for change in changes:
        before, after = ("(nothing)" if value is None else clean(value, 120) for value in (change.before, change.after))
        lines += wrap(f"{clean(change.path)}: {before} -> {after}", "    ", "")
    return [*lines, f"{len(changes)} difference{'s' * (len(changes) != 1)}"]
