"""zstd by libzstd.so.1: ZSTD_decompressStream() on one frame (facebook/zstd, lib/zstd.h).

The library gets two buffers with their sizes, writes into one that is ours and stays, and refuses a frame with a window
above 128 MiB. A code is an error where ZSTD_isError() says so, and 0 at the end of the frame, behind its checksum.
"""

from __future__ import annotations

import ctypes

from .libraries import Damaged, load
from .stream import PIECE


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer, which are alike."""

    _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t))


class Decompressor:
    """Of one frame; see `decompress` for its interface."""

    def __init__(self) -> None:
        self.eof, self.needs_input, self.unused_data = False, True, b""
        self._rest = b""
        self._room = ctypes.create_string_buffer(PIECE)
        self._library = library = load("libzstd.so.1", "libzstd1")
        library.ZSTD_createDStream.restype = ctypes.c_void_p
        library.ZSTD_freeDStream.argtypes = (ctypes.c_void_p,)
        library.ZSTD_decompressStream.restype = ctypes.c_size_t
        library.ZSTD_decompressStream.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        library.ZSTD_isError.argtypes = library.ZSTD_getErrorName.argtypes = (ctypes.c_size_t,)
        library.ZSTD_getErrorName.restype = ctypes.c_char_p
        self._stream = library.ZSTD_createDStream()
        if not self._stream:
            raise MemoryError

    def __del__(self) -> None:
        if getattr(self, "_stream", None):
            self._library.ZSTD_freeDStream(self._stream)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """The next bytes, PIECE of them at most."""
        given = self._rest + data  # it is alive while the library reads it
        taken = _Buffer(ctypes.cast(ctypes.c_char_p(given), ctypes.c_void_p), len(given), 0)
        made = _Buffer(ctypes.addressof(self._room), min(PIECE, max_length), 0)
        code = self._library.ZSTD_decompressStream(self._stream, ctypes.byref(made), ctypes.byref(taken))
        if self._library.ZSTD_isError(code):
            raise Damaged(self._library.ZSTD_getErrorName(code).decode("ascii", "replace"))
        self.eof, self._rest = code == 0, given[taken.position :]
        self.needs_input = not self._rest and made.position < made.size
        if self.eof:
            self.unused_data = self._rest
        return bytes(memoryview(self._room)[: made.position])
