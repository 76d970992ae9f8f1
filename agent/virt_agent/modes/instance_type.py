"""--instance-type NAME: what an EC2 instance type can do, by the list in this package; no machine is read or asked."""

from __future__ import annotations

import sys

from .. import instance_types
from ..instance_types import InstanceType
from ..options import Options, UsageError
from ..render.ascii import clean
from ..render.instance_type import as_document, render, render_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 64
_CLOSE = 3


def instance_type(options: Options) -> int:
    """One type, or a table of those that a pattern with *, ? or [] matches; UsageError where there is none."""
    wanted, types = str(options.get("instance-type")), instance_types.every()
    found = matching(wanted, types)
    if not found:
        raise UsageError(f"--instance-type: {unknown(wanted, types)}")
    if options.get("json"):
        import json

        document = {"schema": 1, "types": [as_document(kind, types) for kind in found]}
        sys.stdout.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
    else:
        sys.stdout.write(render_table(found, types) if is_pattern(wanted) else render(found[0], types))
    return 0


def is_pattern(wanted: str) -> bool:
    """Whether it has a wildcard of fnmatch(3)."""
    return bool(set(wanted) & set("*?["))


def matching(wanted: str, types: Sequence[InstanceType]) -> tuple[InstanceType, ...]:
    """The type of that name, or those of that pattern, families with their sizes in order; upper case is as good."""
    if len(wanted) > _LONGEST or not wanted.isascii():
        return ()
    wanted = wanted.lower()
    if not is_pattern(wanted):
        return tuple(kind for kind in types if kind.name == wanted)
    from fnmatch import fnmatchcase

    found = [kind for kind in types if fnmatchcase(kind.name, wanted)]
    return tuple(sorted(found, key=lambda kind: (kind.family, kind.vcpus or 0, kind.memory_mib or 0, kind.name)))


def unknown(wanted: str, types: Sequence[InstanceType]) -> str:
    """Why there is no answer, what was perhaps meant, and how the list comes to know newer types."""
    told = clean(wanted, _LONGEST)
    close = _close(told.lower(), types)
    meant = f"; did you mean {' or '.join(close)}?" if close else "."
    return (
        f"none of the {len(types)} types in this agent's list is {told!r}{meant} For types newer than the list update"
        f" virt-agent, or write the list anew (docs/instance-types.md): {instance_types.path()}"
    )


def _close(told: str, types: Sequence[InstanceType]) -> list[str]:
    if any(kind.family == told.rstrip(".") for kind in types):
        return [f"{told.rstrip('.')}.*"]
    from difflib import get_close_matches

    return get_close_matches(told, [kind.name for kind in types], _CLOSE)
