"""--help, made from the table of options."""

from __future__ import annotations

from ..option_table import OPTIONS, Option


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
    return "\n".join(
        [
            *lines,
            "Exit codes of --check: 0 ok, 1 warning, 2 critical, 3 unknown or bad arguments.",
            "Of --readiness: 0 ready, 1 not ready, 2 would not boot, 3 unknown.",
            "",
        ]
    )


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
