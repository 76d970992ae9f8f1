"""Texts for a terminal of 80 columns and for monitoring systems that cut a line at "|".

Device names, firmware texts and command lines come from outside: whatever is not printable ASCII
becomes "?", so that no escape sequence of a hostile name reaches a terminal.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 80


def clean(text: object, limit: int = 200) -> str:
    """Printable ASCII without "|", cut at limit."""
    found = "".join(c if " " <= c <= "~" else "?" for c in str(text)[: limit + 1]).replace("|", "/")
    return found if len(found) <= limit else found[: limit - 3] + "..."


def wrap(text: str, indent: str, first: str | None = None, width: int = WIDTH) -> list[str]:
    """Lines of at most width columns; the first begins with `first`, the others with indent."""
    lines, line, fresh = [], indent if first is None else first, True
    for word in _words(text, width - len(indent)):
        if len(line) + (not fresh) + len(word) > width:
            lines.append(line.rstrip())
            line, fresh = indent, True
        line += word if fresh else f" {word}"
        fresh = False
    return [*lines, line.rstrip()]


def _words(text: str, longest: int) -> Iterator[str]:
    """The words; one that no line can hold comes in parts."""
    for word in text.split(" "):
        for at in range(0, max(len(word), 1), longest):
            yield word[at : at + longest]


def table(rows: list[tuple[str, ...]], indent: str, width: int = WIDTH) -> list[str]:
    """Columns as wide as their widest cell; the last one is cut at the edge."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        line = "  ".join([cell.ljust(size) for cell, size in zip(row, widths, strict=False)] + [row[-1]])
        lines.append((indent + line)[:width].rstrip())
    return lines


def size(count: int | None) -> str:
    """Bytes in binary units, as disks are told."""
    if count is None:
        return "size unknown"
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or value == int(value) else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """The largest unit alone: "41 days", "2 hours"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(seconds)} seconds"
