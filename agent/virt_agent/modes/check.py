"""--check, --json and --detect: one look at the machine, told in three ways."""

from __future__ import annotations

import sys

from virt_collectors.record import plain

from .. import observe, report
from ..options import Options, UsageError
from .chosen import chosen, host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..verdict import Verdict

_DIFFERS = 2


def look(options: Options, optional: tuple[str, ...] = ()) -> report.Report:
    """The report that the options ask for."""
    sample = options.get("sample")
    seconds = options.get("timeout", observe.RUN_SECONDS + (sample or 0.0))
    if sample and sample + 1.0 > seconds:
        raise UsageError(f"--sample {sample:g} does not fit into --timeout {seconds:g}")
    wanted = chosen(options)
    return observe.observe(
        host(options),
        wanted.selection,
        without=wanted.without_collectors,
        optional=(*optional, *wanted.with_collectors),
        seconds=seconds,
        sample=sample,
        tell=lambda message: print(f"virt-agent: {message}", file=sys.stderr),
    )


def check(options: Options) -> int:
    """The report for a person; the exit code is the status."""
    form = "json" if options.get("json") else options.get("format", "text")
    if form == "json":
        return json_document(options)
    from ..render import text

    found = look(options)
    differences = differing(found.reading.verdict, options)
    style = text.Style(
        options.verbosity, bool(options.get("quiet")), colour(options.get("color", "auto")), form == "nagios"
    )
    sys.stdout.write(text.render(found, style, differences))
    return _DIFFERS if differences else report.EXIT_CODES[found.status]


def json_document(options: Options) -> int:
    """The whole report. Beside --check it has that mode's exit code, alone 0 where it could print."""
    from ..render import document

    found = look(options, optional=("processor",))
    differences = differing(found.reading.verdict, options)
    sys.stdout.write(document.render(found))
    if differences:
        return _DIFFERS
    return report.EXIT_CODES[found.status] if options.mode == "check" else 0


def detect(options: Options) -> int:
    """The verdict in words."""
    wanted = chosen(options)
    verdict = observe.verdict(
        host(options),
        (*observe.NOT_FOR_VERDICT, *wanted.without_collectors),
        options.get("timeout", observe.RUN_SECONDS),
    )
    if options.get("json"):
        import json

        sys.stdout.write(json.dumps(plain(verdict), indent=2, sort_keys=True) + "\n")
    else:
        print(words(verdict.hypervisor, verdict.guest_mode, verdict.role))
    return _DIFFERS if differing(verdict, options) else 0


def words(hypervisor: str, mode: str | None, role: str) -> str:
    """`xen pvhvm`, `xen pv dom0`, `kvm hvm`, `none`, `unknown`."""
    return " ".join([hypervisor, *([mode] if mode else []), *([role] if role == "dom0" else [])])


def differing(verdict: Verdict, options: Options) -> list[str]:
    """The expectations that the verdict does not meet, in words."""
    given: dict[str, Any] = plain(verdict)
    given = {**given["layers"], **given}
    differences = []
    for key, wanted in options.get("expect", ()):
        if key not in given or isinstance(given[key], (list, dict)):
            known = ", ".join(name for name, value in given.items() if not isinstance(value, (list, dict)))
            raise UsageError(f"--expect: the verdict has no {key!r}; it has {known}")
        value = (
            "null" if given[key] is None else str(given[key]).lower() if isinstance(given[key], bool) else given[key]
        )
        if value != wanted:
            differences.append(f"{key} is {value}, expected {wanted}")
    return differences


def colour(when: str) -> bool:
    """--color, then NO_COLOR, then FORCE_COLOR, then whether a terminal reads (no-color.org)."""
    import os

    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and sys.stdout.isatty()
