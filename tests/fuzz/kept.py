"""The inputs that are kept: corpus/TARGET, a file each, named for what it holds. A plain test runs them all.

What fuzzing finds worth keeping comes in by --keep, a crash by hand, once what it showed is mended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from random import Random

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES, MOST_FILES = 2048, 8  # of one target
_SCRAPS = (
    *(
        b"\0",
        b"\xff",
        b"\n",
        b" ",
        b"=",
        b":",
        b'"',
        b"'",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"/../",
        b"%n",
        b"-1",
        b"1e999",
    ),
    *(
        b"9" * 40,
        b"\x1b[31m",
        b"\xc2\x85",
        b"\xe2\x80\xae",
        b"\xed\xa0\x80",
        b"\n----\n",
        b"\x7f\xff\xff\xff",
        b"0" * 12,
    ),
)


def kept(target: str) -> list[Path]:
    """The files of a target, smallest first."""
    return sorted((CORPUS / target).glob("*"), key=lambda path: (path.stat().st_size, path.name))


def keep(target: str, found: Iterable[bytes]) -> int:
    """Take in some of what was found, small ones and large ones, as far as there is room; how many came in."""
    folder, before = CORPUS / target, {path.name for path in kept(target)}
    new = sorted({each for each in found if len(each) <= MOST_BYTES and name_of(each) not in before}, key=len)
    room = min(MOST_FILES - len(before), len(new))
    for number in range(room):
        content = new[number * len(new) // room]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name_of(content)).write_bytes(content)
    return max(room, 0)


def name_of(content: bytes) -> str:
    """The name under which an input is kept."""
    return hashlib.sha256(content).hexdigest()[:16]


def changed(content: bytes, chance: Random) -> bytes:
    """The input with one to four small changes, the same ones for the same chance."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randint(0, len(made)), chance.randint(0, len(made))))
        end = min(end, at + 64)
        how = chance.randrange(5)
        if how == 0 and at < len(made):
            made[at] = chance.randrange(256)
        elif how == 1:
            del made[at:end]
        elif how == 2:
            made[at:at] = made[at:end] * chance.randint(1, 4)
        elif how == 3:
            made[at:at] = chance.choice(_SCRAPS)
        else:
            made[at:end] = chance.choice(_SCRAPS)
    return bytes(made)
