"""What the compressed parts of an initramfs hold, a piece at a time.

The kernel tells the format by two bytes (lib/decompress.c). The standard library knows gzip, xz, lzma and bzip2, and
zstd from Python 3.14 on. Before that, zstd is asked of libzstd.so.1, and lz4 always of liblz4.so.1, by ctypes: on
Debian and Ubuntu apt needs both.

A decompressor has the interface of lzma.LZMADecompressor: decompress(data, max_length) gives what it can; `eof` tells
that the data have ended, `unused_data` what came behind them, `needs_input` that nothing comes without more of them. No
data where they are needed say that there are no more.
"""

from __future__ import annotations

import sys

from ...errors import Malformed, SourceError, Unreadable, refusal
from ...record import Record
from .cpio import NOT_COMPLETE
from .libraries import Damaged, Missing
from .stream import PIECE, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Decompressor(Protocol):
        """See the module."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    # and the exception by which it tells of damage
    Made = tuple[Decompressor, type[Exception]]


LZMA_MEMORY = 256 << 20  # bytes; xz -9 needs 65 MiB


class Format(Record):
    """A compression, and the two bytes by which the kernel knows it."""

    name: str
    magic: bytes
    make: Callable[[], Made]


class _Inflate:
    """zlib with its leftovers."""

    def __init__(self) -> None:
        import zlib

        self._zlib = zlib.decompressobj(31)  # with gzip's header and checksum

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _gzip() -> Made:
    import zlib

    return _Inflate(), zlib.error


def _xz() -> Made:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_MEMORY), lzma.LZMAError


def _lzma() -> Made:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, LZMA_MEMORY), lzma.LZMAError


def _bzip2() -> Made:
    import bz2

    return bz2.BZ2Decompressor(), OSError


def _zstd() -> Made:
    if sys.version_info >= (3, 14):
        from compression import zstd as standard

        return standard.ZstdDecompressor(), standard.ZstdError
    from . import zstd

    return zstd.Decompressor(), Damaged


def _lz4() -> Made:
    from . import lz4

    return lz4.Decompressor(), Damaged


FORMATS: tuple[Format, ...] = (
    Format("gzip", b"\x1f\x8b", _gzip),
    Format("zstd", b"\x28\xb5", _zstd),
    Format("xz", b"\xfd\x37", _xz),
    Format("lz4", b"\x02\x21", _lz4),
    Format("bzip2", b"BZ", _bzip2),
    Format("lzma", b"\x5d\x00", _lzma),
)
_LZO, _NEW_LZ4 = b"\x89L", b"\x04\x22\x4d\x18"


class Decompressed(Stream):
    """What one compressed part of a stream holds; the stream stands behind the part when this one is at its end."""

    def __init__(self, image: Stream, path: str, limit: int) -> None:
        """Of the part that begins here. EFBIG where it holds more than limit bytes."""
        super().__init__()
        self._image, self._path, self._left = image, path, limit
        self._format = format_at(image, path)
        try:
            self._decompressor, self._damaged = self._format.make()
        except (ImportError, Missing) as error:
            raise Unreadable(path, f"is compressed by {self._format.name}, and {error}", "ENOPKG") from None

    @property
    def name(self) -> str:
        return f"its {self._format.name} data"

    def _next(self) -> bytes:
        piece = b""
        while not piece and not self._decompressor.eof:
            piece = self._step()
        self._left -= len(piece)
        if self._left < 0:
            raise refusal(self._path, "EFBIG")
        return piece

    def _step(self) -> bytes:
        """What the decompressor gives for the next piece of its input, or without one; it may be nothing."""
        asked = self._decompressor.needs_input
        data = self._image.piece() if asked else b""
        try:
            piece = self._decompressor.decompress(data, PIECE)
        except self._damaged as error:
            raise self._refused(str(error)) from None
        if self._decompressor.eof:
            self._image.give_back(len(self._decompressor.unused_data))
        elif asked and not data and not piece:
            raise Malformed(self._path, f"ends in the middle of {self.name}; {NOT_COMPLETE}")
        return piece

    def _refused(self, why: str) -> SourceError:
        if "emory" in why:  # liblzma and libzstd say so of a dictionary that is larger than we allow
            return Unreadable(self._path, f"more memory is needed for {self.name} than this program takes", "ENOMEM")
        return Malformed(self._path, f"{self.name} is damaged ({why})")


def format_at(image: Stream, path: str) -> Format:
    """The format of the part that begins here, by the two bytes that the kernel looks at."""
    magic = image.peek(4)
    for known in FORMATS:
        if magic.startswith(known.magic):
            return known
    if magic.startswith(_LZO):
        raise Unreadable(path, "is compressed by lzo, which this program cannot read", "EOPNOTSUPP")
    if magic == _NEW_LZ4:
        raise Malformed(path, "is compressed by lz4 in a form that no kernel takes (lz4 -l makes the one it takes)")
    raise Malformed(path, f"is damaged: at byte {image.position} begins nothing that the kernel knows")
