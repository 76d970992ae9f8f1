"""The form of a pattern: which line of the kernel log is meant, and of which device it speaks."""

from __future__ import annotations

from ..record import Record


class Pattern(Record):
    """One kind of line.

    `code` is that of the rule, or a word for a line that tells of a recovery. A line is looked at only where one
    of `literals` stands in it; then `regex` must be found in its message, the text behind the time stamp. Kinds of
    which healthy machines have lines are told by `forms` instead, which need no compiler: the message begins so, and
    each name in braces stands for a word; `unless` one of those texts is in it.

    `subjects` are templates over the groups of the regex or the names of the form: the first of which all took part
    tells what the line is about. `healed_by` are the codes of lines on the same device after which this one is
    history. `samples` are lines as kernels print them, of each generation where they differ.
    """

    code: str
    literals: tuple[str, ...]
    regex: str
    subjects: tuple[str, ...]
    samples: tuple[str, ...]
    healed_by: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class Group(Record):
    """Patterns whose lines have a word in common: where none of `words` is in the log, none of them is."""

    words: tuple[str, ...]
    patterns: tuple[Pattern, ...]
