"""Which of two releases is the newer: as dpkg, GRUB and rpm tell it. The keys are for sorted() and max().

Neither is the order of the text: 6.8.0-1069 is newer than 6.8.0-149.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[tuple[object, ...], ...]

# Words that GRUB's menu takes for "before" (util/grub-mkconfig_lib.in, version_test_gt)
_BEFORE = re.compile(r"[._-](?=(?:pre|rc|test|git|old|trunk))")
_DEBIAN = re.compile(r"([^0-9]*)([0-9]*)")
_RPM = re.compile(r"[0-9]+|[A-Za-z]+|~")
_END = 0


def debian_key(release: str) -> Key:
    """Words and numbers in turn; "~" is before the end, letters are before other signs (deb-version(7))."""
    parts = _DEBIAN.findall(_BEFORE.sub("~", release))
    return tuple((*_letters(word), _END, *_number(digits)) for word, digits in parts)


def _letters(word: str) -> tuple[int, ...]:
    return tuple(-1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 0x110000 for sign in word)


def _number(digits: str) -> tuple[int, str]:
    """As long as you like: int() would refuse 4,301 digits."""
    plain = digits.lstrip("0")
    return len(plain), plain


def rpm_key(name: str) -> Key:
    """Runs of digits or letters; numbers are newer than letters, more is newer than less (rpmvercmp, lib/rpmvercmp.c)."""
    return (*map(_rpm_part, _RPM.findall(name)), (_END,))


def _rpm_part(part: str) -> tuple[object, ...]:
    if part == "~":
        return (-1,)
    return (2, *_number(part)) if part[0].isdecimal() else (1, part)
