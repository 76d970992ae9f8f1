"""What an initramfs holds, by the names of its files.

An initramfs is one or more parts, with zero bytes between them: cpio archives as they are, then as a rule one that is
compressed (Documentation/driver-api/early-userspace/buffer-format.rst). The first ones hold microcode, and
since Debian 13 what is compressed already: kernel modules and firmware. A boot configuration may be behind all
(Documentation/admin-guide/bootconfig.rst).

The image is read to its last byte, for only that tells a whole one from one that was cut off when /boot was full; what
the uncompressed archives hold is passed over. gzip, xz and bzip2 have checksums, zstd has them as a rule, lz4 has none.
"""

from __future__ import annotations

import os
import stat
from io import BytesIO, FileIO

from ...errors import Malformed, from_os, refusal
from .cpio import NOT_COMPLETE, Contents
from .decompress import Decompressed
from .stream import RawStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .stream import Raw

FILE_LIMIT = 512 << 20  # bytes of the image
UNPACKED_LIMIT = 2 << 30  # bytes of all that its compressed parts hold
PARTS_LIMIT = 100  # compressed ones
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_BOOTCONFIG, _BOOTCONFIG_TAIL = b"#BOOTCONFIG\n", 20  # size and checksum are before it, 32 bits each


def read_names(full: str, path: str) -> tuple[str, ...]:
    """The sorted names of all files and links in the image at `full`; `path` is its name in errors.

    Malformed where it is cut short or damaged, ENOPKG where the library to decompress it with is missing, EFBIG where
    it is beyond the limits.
    """
    try:
        descriptor = os.open(full, _FLAGS)
    except OSError as error:
        raise from_os(path, error) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(path, "EISDIR" if stat.S_ISDIR(status.st_mode) else "EFTYPE")
        return names_of(FileIO(descriptor, closefd=False), status.st_size, path)
    except OSError as error:
        raise from_os(path, error) from None
    finally:
        os.close(descriptor)


def names(content: bytes, path: str) -> tuple[str, ...]:
    """The same of an image in memory."""
    return names_of(BytesIO(content), len(content), path)


def names_of(raw: Raw, size: int, path: str) -> tuple[str, ...]:
    """The same of an open image of that many bytes."""
    if size > FILE_LIMIT:
        raise refusal(path, "EFBIG")
    try:
        return _names(RawStream(raw, size - _bootconfig(raw, size)), path)
    except MemoryError:
        raise refusal(path, "ENOMEM") from None


def _bootconfig(raw: Raw, size: int) -> int:
    """How many bytes at the end are a boot configuration."""
    raw.seek(max(size - _BOOTCONFIG_TAIL, 0), os.SEEK_SET)
    tail = raw.read(_BOOTCONFIG_TAIL) or b""
    raw.seek(0, os.SEEK_SET)
    length = _BOOTCONFIG_TAIL + int.from_bytes(tail[:4], "little")
    return length if tail.endswith(_BOOTCONFIG) and length <= size else 0


def _names(image: RawStream, path: str) -> tuple[str, ...]:
    contents, left = Contents(path), UNPACKED_LIMIT
    for _ in range(PARTS_LIMIT):
        contents.add(image, "the archive")
        if not image.peek(1):
            return _complete(contents, image.position, path)
        left -= _part(image, contents, left, path)
    raise refusal(path, "EFBIG")


def _part(image: RawStream, contents: Contents, limit: int, path: str) -> int:
    """Takes in the compressed part that begins here; how many bytes it holds."""
    part, before = Decompressed(image, path, limit), contents.entries
    contents.add(part, part.name)
    if part.peek(1):
        raise Malformed(path, f"{part.name} is damaged: no entry begins at byte {part.position}")
    if contents.entries == before:
        raise Malformed(path, f"{part.name} holds nothing; {NOT_COMPLETE}")
    return part.position


def _complete(contents: Contents, size: int, path: str) -> tuple[str, ...]:
    if contents.ended is None:
        raise Malformed(path, f"holds {'nothing but zero bytes' if size else 'nothing'}; {NOT_COMPLETE}")
    if not contents.ended:
        raise Malformed(path, f"ends without the end mark of its archive (TRAILER!!!); {NOT_COMPLETE}")
    return contents.names()
