"""Tables of file systems: mountinfo as the kernel prints it, fstab and crypttab as people write them.

Lines keep their fields, so that they parse as they did; comments go, for anything may stand there.
"""

from __future__ import annotations

import re

from . import names as called
from .identifiers import Scrubber
from .mount_options import options

_TYPE = re.compile(r"[a-z0-9_.,-]{1,32}")


def _unescape(text: str) -> str:
    """Blanks stand as octal escapes (fs/proc_namespace.c, mangle; fstab(5))."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)


def mountinfo(scrubber: Scrubber, text: str) -> str:
    """/proc/self/mountinfo (proc_pid_mountinfo(5))."""
    return "".join(_mountinfo_line(scrubber, line) + "\n" for line in text.splitlines())


def _mountinfo_line(scrubber: Scrubber, line: str) -> str:
    before, separator, after = line.partition(" - ")
    left, right = before.split(" "), after.split(" ")
    if not separator or len(left) < 6 or len(right) < 2 or ":" not in left[2]:
        return "?"
    names = scrubber.names
    number = left[2] if re.fullmatch(r"\d+:\d+", left[2], re.ASCII) else "0:0"
    places = [_place(scrubber, left[3]), _place(scrubber, left[4])]
    # Optional fields: shared:1, master:2, unbindable
    tags = [tag for tag in left[6:] if re.fullmatch(r"[a-z_]+(?::\d+)?", tag, re.ASCII)]
    fields = [_digits(left[0]), _digits(left[1]), number, *places, options(scrubber, left[5], "?"), *tags, "-"]
    kind = right[0] if _TYPE.fullmatch(right[0]) else "?"
    source = called.device(names, _unescape(right[1])) or "none"
    return " ".join([*fields, kind, source, options(scrubber, " ".join(right[2:]), "?")])


def _digits(text: str) -> str:
    return text if text.isascii() and text.isdecimal() else "0"


def _place(scrubber: Scrubber, text: str) -> str:
    """A directory; of nsfs and other inner file systems "net:[4026531840]"."""
    place = _unescape(text)
    if place.startswith("/"):
        return called.directory(scrubber.names, place)
    return place if re.fullmatch(r"[a-z_]+:\[\d+\]", place, re.ASCII) else "?"


def fstab(scrubber: Scrubber, text: str) -> str:
    """fstab(5), and /proc/mounts, which has its form."""
    found = [_fstab_line(scrubber, line.split()) for line in text.splitlines() if _is_entry(line)]
    return "".join(line + "\n" for line in found)


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _fstab_line(scrubber: Scrubber, fields: list[str]) -> str:
    source = called.device(scrubber.names, _unescape(fields[0]))
    found = [source, *(_place_or_word(scrubber, field) for field in fields[1:2])]
    found += [field if _TYPE.fullmatch(field) else "?" for field in fields[2:3]]
    found += [options(scrubber, field, "defaults") for field in fields[3:4]]
    return " ".join(found + [_digits(field) for field in fields[4:6]])


def _place_or_word(scrubber: Scrubber, text: str) -> str:
    return text if text in ("none", "swap", "-") else _place(scrubber, text)


def crypttab(scrubber: Scrubber, text: str) -> str:
    """crypttab(5): name, device, key file, options."""
    found = [_crypttab_line(scrubber, line.split()) for line in text.splitlines() if _is_entry(line)]
    return "".join(line + "\n" for line in found)


def _crypttab_line(scrubber: Scrubber, fields: list[str]) -> str:
    names = scrubber.names
    found = [called.mapped(names, fields[0]), *(called.device(names, field) for field in fields[1:3])]
    return " ".join(found + [options(scrubber, field, "luks") for field in fields[3:4]])
