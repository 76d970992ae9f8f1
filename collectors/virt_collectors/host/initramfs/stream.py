"""Bytes that are read once, from the front, with one piece of them in memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Raw(Protocol):
        """A file without a buffer of its own: io.FileIO, io.BytesIO."""

        def read(self, size: int, /) -> bytes | None: ...
        def seek(self, offset: int, whence: int, /) -> int: ...


PIECE = 1 << 17  # bytes; what libzstd advises, and small enough that malloc() uses the same memory again
_ZEROS = 4096  # bytes compared at a time: padding is short as a rule


class Ended(Exception):
    """The stream ended before what was asked for."""


class Stream:
    """A front that moves forward only. `position` is the offset of the next byte."""

    def __init__(self) -> None:
        self._piece, self._at, self._before = b"", 0, 0

    @property
    def position(self) -> int:
        return self._before + self._at

    def _next(self) -> bytes:
        """The next piece; empty at the end."""
        raise NotImplementedError

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay; fewer than size only at the end."""
        while len(self._piece) - self._at < size:
            more = self._next()
            if not more:
                break
            self._before += self._at
            self._piece, self._at = self._piece[self._at :] + more, 0
        return self._piece[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """The next size bytes."""
        found = self.peek(size)
        if len(found) < size:
            raise Ended
        self._at += size
        return found

    def skip(self, size: int) -> None:
        """Go on by size bytes without a look at them."""
        held = len(self._piece) - self._at
        if size <= held:
            self._at += size
            return
        self._before += len(self._piece)
        self._piece, self._at = b"", 0
        self._pass(size - held)

    def _pass(self, size: int) -> None:
        """Skip what no piece holds yet."""
        while size:
            piece = self._next()
            if not piece:
                raise Ended
            if len(piece) >= size:
                self._piece, self._at = piece, size
                return
            self._before += len(piece)
            size -= len(piece)

    def skip_zeros(self) -> None:
        """Go on to the next byte that is not zero, or to the end."""
        while self.peek(1) == b"\0":
            window = self._piece[self._at : self._at + _ZEROS]
            self._at += len(window) - len(window.lstrip(b"\0"))

    def piece(self) -> bytes:
        """All that is held, or the next piece; empty at the end."""
        self.peek(1)
        found = self._piece[self._at :]
        self._at = len(self._piece)
        return found

    def give_back(self, size: int) -> None:
        """Stand size bytes before the end of the last piece()."""
        self._at -= size


class RawStream(Stream):
    """The first `size` bytes of a file. What is skipped is not read."""

    def __init__(self, raw: Raw, size: int) -> None:
        super().__init__()
        self._raw, self._left = raw, size

    def _next(self) -> bytes:
        found = self._raw.read(min(PIECE, self._left)) or b""
        self._left -= len(found)
        return found

    def _pass(self, size: int) -> None:
        if size > self._left:
            raise Ended
        self._raw.seek(size, 1)
        self._left -= size
        self._before += size
