"""The cpio archives in an initramfs: "newc" (070701) and its form with checksums (070702).

An entry is a header of 110 characters, the name with a NUL, and the content, each padded to four bytes; the numbers in
the header are hexadecimal text. An entry named TRAILER!!! ends an archive. The kernel does not insist on it
(Documentation/driver-api/early-userspace/buffer-format.rst), and every program that makes an initramfs writes it: the
last archive without it was cut off. Between entries the kernel passes over zero bytes, so archives may be written one
behind the other, and an entry begins at a multiple of four (init/initramfs.c). There is no checksum over the names.
"""

from __future__ import annotations

from binascii import Error as NotHexadecimal
from binascii import unhexlify
from struct import unpack

from ...errors import Malformed, refusal
from .stream import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .stream import Stream

ENTRIES = 200_000  # Debian's with MODULES=most has 1,400
NAME_BYTES = 4096  # PATH_MAX
ALL_NAMES_BYTES = 16 << 20
_HEADER = 110
_MAGICS, _OLD_MAGIC = (b"070701", b"070702"), b"070707"
_MODE, _SIZE, _NAME_SIZE = 1, 6, 11  # which of the header's thirteen numbers
_TYPE, _DIRECTORY = 0o170000, 0o040000
_TRAILER = b"TRAILER!!!"
NOT_COMPLETE = "it was not written completely"


class Contents:
    """What the archives of one image hold. `ended` is False behind an entry that is no end mark, None before any."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ended: bool | None = None
        self._names: set[bytes] = set()
        self.entries = self._bytes = 0

    def add(self, stream: Stream, where: str) -> None:
        """All entries up to the end of the stream, or to what is neither an entry nor padding."""
        try:
            while first := stream.peek(1):
                if first == b"\0":
                    stream.skip_zeros()
                elif first == b"0":
                    self._entry(stream, where)
                else:
                    return
        except Ended:
            raise Malformed(self.path, f"{where} ends in the middle of a file; {NOT_COMPLETE}") from None

    def _entry(self, stream: Stream, where: str) -> None:
        begin, magic = stream.position, stream.peek(6)
        if magic == _OLD_MAGIC:
            raise Malformed(self.path, f"{where} is cpio of a form that no kernel takes (cpio -H newc makes another)")
        if begin % 4 or not any(known.startswith(magic) for known in _MAGICS):
            raise Malformed(self.path, f"{where} is damaged: no entry begins at byte {begin}")
        try:
            numbers = _numbers(stream.take(_HEADER)[6:])
            name = _name(stream, numbers[_NAME_SIZE])
        except ValueError as error:
            raise Malformed(self.path, f"{where} is damaged: the entry at byte {begin} has {error}") from None
        size = numbers[_SIZE]
        stream.skip(size + -size % 4)
        self._keep(name, numbers[_MODE])

    def _keep(self, name: bytes, mode: int) -> None:
        self.ended = name == _TRAILER
        self.entries += 1
        if not self.ended and mode & _TYPE != _DIRECTORY:
            self._names.add(name)
            self._bytes += len(name)
        if self.entries > ENTRIES or self._bytes > ALL_NAMES_BYTES:
            raise refusal(self.path, "EFBIG")

    def names(self) -> tuple[str, ...]:
        """The paths of all files and links, sorted, without "./" and "/" in front."""
        return tuple(sorted({_plain(name.decode("utf-8", "replace")) for name in self._names} - {""}))


def _numbers(digits: bytes) -> tuple[int, ...]:
    try:
        return unpack(">13I", unhexlify(digits))
    except NotHexadecimal:
        raise ValueError("a header without numbers") from None


def _name(stream: Stream, size: int) -> bytes:
    """The name with its padding; what is behind the first NUL is padding too (dracut-cpio aligns contents with it)."""
    if not 0 < size <= NAME_BYTES:
        raise ValueError(f"a name of {size} bytes")
    name, nul, _ = stream.take(size).partition(b"\0")
    if not nul or not name:
        raise ValueError("no name")
    stream.skip(-stream.position % 4)
    return name


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))
