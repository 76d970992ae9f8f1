"""lz4 in its old form, the only one that the kernel takes (lib/decompress_unlz4.c): "lz4 -l", magic 02 21 4c 18.

A block is its size (32 bits, little-endian) and its bytes, which hold at most 8 MiB. There is no end mark: four zero
bytes in the place of a size, or fewer than four bytes, are the end. The magic may come again between blocks. A block is
decompressed by LZ4_decompress_safe() of liblz4.so.1 (lz4/lz4, lib/lz4.h), which neither reads nor writes outside of the
sizes it is given.
"""

from __future__ import annotations

import ctypes

from .libraries import Damaged, load

MAGIC = b"\x02\x21\x4c\x18"
BLOCK = 8 << 20
_MOST = BLOCK + BLOCK // 255 + 16  # LZ4_COMPRESSBOUND
WORDS = 16_384  # sizes and magics that are looked at; 2 GiB in whole blocks have 256


class Decompressor:
    """Of the old form; see `decompress` for its interface. It gives a block at a time, whatever is asked for."""

    def __init__(self) -> None:
        self.eof, self.needs_input, self.unused_data = False, True, b""
        self._held, self._at, self._words = bytearray(), 0, 0
        self._begun = False  # with the magic
        self._room = ctypes.create_string_buffer(BLOCK)
        self._safe = load("liblz4.so.1", "liblz4-1").LZ4_decompress_safe
        self._safe.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)

    def decompress(self, data: bytes, _max_length: int) -> bytes:
        """The next block, or nothing where not all of it is there yet."""
        no_more = self.needs_input and not data
        if data:
            del self._held[: self._at]
            self._held += data
            self._at = 0
        size = self._size()
        self.eof = size == 0 or (size is None and no_more)
        if self.eof:
            self.unused_data = bytes(self._held[self._at + 4 :])
            return b""
        self.needs_input = size is None or len(self._held) - self._at - 4 < size
        return b"" if self.needs_input or size is None else self._block(size)

    def _size(self) -> int | None:
        """What the next block's size says, behind any magic; None where it is not there yet."""
        while len(self._held) - self._at >= 4:
            word = self._held[self._at : self._at + 4]
            self._words += 1
            if self._words > WORDS:
                raise Damaged(f"more than {WORDS} blocks")
            if word != MAGIC:
                return self._possible(int.from_bytes(word, "little"))
            self._begun = True
            self._at += 4
        return None

    def _possible(self, size: int) -> int:
        if not self._begun:
            raise Damaged("another magic")
        if size > _MOST:
            raise Damaged(f"a block of {size} bytes")
        return size

    def _block(self, size: int) -> bytes:
        begin = self._at + 4
        self._at = begin + size
        made = self._safe(bytes(self._held[begin : self._at]), self._room, size, BLOCK)
        if made < 0:
            raise Damaged("a block that is not lz4")
        return bytes(memoryview(self._room)[:made])
