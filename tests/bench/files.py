"""Modes that read or write much: --snapshot beside tar, --readiness beside lsinitramfs, --json beside --check.

No other program does what these do. The peers do the part that cannot be left out: tar packs the very files that the
snapshot holds, from a disk and as they are; lsinitramfs lists the one initramfs that --readiness looks into. So a ratio
says what all the rest costs: looking, redacting, judging.
"""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.generate import RELEASE, Guest, write

from . import debian
from .rows import Row, absent, ratio
from .run import in_turn, seconds
from .staged import Staged

RUNS = 7
_MODULES, _MODULE_BYTES = 1500, 16 << 10  # an initramfs of Debian's with MODULES=most, somewhat smaller
_FILE, _TRAILER = 0o100644, "TRAILER!!!"


def rows(staged: Staged, above: Path, runs: int) -> Iterator[Row]:
    yield from _snapshot(staged, above, min(runs, RUNS))
    yield from _readiness(staged, above, min(runs, RUNS))
    yield from _document(staged, min(runs, RUNS))


def _snapshot(staged: Staged, above: Path, runs: int) -> Iterator[Row]:
    what, against = "--snapshot", "tar -cz of what it holds"
    made, packed, content = above / "made.tar.gz", above / "packed.tar.gz", above / "content"
    mine = [*staged.whole, "--snapshot", str(made), "--imds", "off"]
    seconds(mine)
    content.mkdir()
    seconds(["tar", "-C", str(content), "-xzf", str(made)])

    def written(command: Sequence[str]) -> float:
        made.unlink(missing_ok=True)  # it overwrites nothing
        return seconds(command)

    tar = ["tar", "-C", str(content), "-czf", str(packed), "."]
    yield ratio(what, against, in_turn({what: mine, against: tar}, runs, written))


def _readiness(staged: Staged, above: Path, runs: int) -> Iterator[Row]:
    what, against = "--readiness reboot", "lsinitramfs"
    guest = above / "boots"
    write(Guest(), str(guest))
    image = guest / "boot" / f"initrd.img-{RELEASE}"
    image.parent.mkdir(exist_ok=True)
    image.write_bytes(initramfs())
    (image.parent / f"vmlinuz-{RELEASE}").write_bytes(bytes(512))
    lister = _lister(above)
    if lister is None:
        yield absent(what, against)
        return
    commands = {what: [*staged.whole, "--readiness", "reboot", "--root", str(guest)], against: [*lister, str(image)]}
    yield ratio(what, against, in_turn(commands, runs))


def _lister(above: Path) -> list[str] | None:
    """Installing its package would make an initramfs of this machine; unpacked it is two shell scripts."""
    place = debian.unpacked(["initramfs-tools-core"], above / "initramfs-tools")
    if place is None or not debian.installed("cpio"):
        return None
    path = f"{place}/usr/bin:{os.environ.get('PATH', os.defpath)}"
    return ["env", f"PATH={path}", "lsinitramfs"]


def initramfs() -> bytes:
    """Modules in a cpio archive of the new form (Documentation/driver-api/early-userspace/buffer-format.rst), by gzip."""
    chance = random.Random(1)
    half = _MODULE_BYTES // 2
    files = [_entry(f"usr/lib/modules/{RELEASE}/kernel/drivers/module-{at:04d}.ko", chance.randbytes(half) + bytes(half))
             for at in range(_MODULES)]  # fmt: skip
    return gzip.compress(b"".join([*files, _entry(_TRAILER, b"")]), compresslevel=1, mtime=0)


def _entry(name: str, content: bytes) -> bytes:
    raw = name.encode() + b"\0"
    numbers = (7, _FILE, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + raw
    return _padded(header) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def _document(staged: Staged, runs: int) -> Iterator[Row]:
    what, against = "--json", "--check"
    usual = ["--sample", "0", "--imds", "off"]
    commands = {what: [*staged.whole, what, *usual], against: [*staged.whole, against, *usual]}
    yield ratio(what, against, in_turn(commands, runs))
