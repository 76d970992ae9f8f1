"""Reads what `packaging/manual` writes."""

from __future__ import annotations

import re

_ESCAPES = {r"\e": "\\", r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(ga": "`", r"\(ha": "^", r"\(ti": "~",
            r"\&": "", r"\:": "", r"\fB": "", r"\fI": "", r"\fR": ""}  # fmt: skip


def told(text: str) -> str:
    """What a formatter shows of escaped text."""
    return re.sub(r"\\(?:\(..|f.|.)", lambda found: _ESCAPES[found[0]], text)
