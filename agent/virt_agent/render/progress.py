"""What a run of more than a moment is at: one line on a terminal, written over again and again, and gone at its end.

It goes to standard error, and only where a terminal is there to read it and the user did not ask for quiet: a pipe or
a log never sees it. Nothing but carriage return and blanks moves the cursor, which every terminal understands.
"""

from __future__ import annotations

import os
import sys

from .ascii import WIDTH, clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from typing_extensions import Self

    from ..options import Options

_START = "virt-agent: "


class Progress:
    """The line. Leaving it as a context clears it, also where something was raised."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Nothing is written where there is no stream."""
        self._stream = stream
        self._length = 0

    def tell(self, what: str, done: int = 0, of: int = 0) -> None:
        """What is done now, the first of so many being 1."""
        count = f" ({done} of {of})" if of else ""
        room = _columns(self._stream) - 1 - len(count)
        self._write(clean(f"{_START}{what}", max(room, 3)) + count)

    def clear(self) -> None:
        """An empty line, with the cursor at its beginning."""
        if self._length:
            self._write("")  # blanks over it
            self._write("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.clear()

    def _write(self, text: str) -> None:
        """In one piece, over what is longer there."""
        if self._stream is None:
            return
        try:
            self._stream.write("\r" + text.ljust(self._length))
            self._stream.flush()
        except OSError:  # the terminal was closed; what was asked for goes on without it
            self._stream = None
        self._length = len(text)


def progress(options: Options, environment: Mapping[str, str] = os.environ) -> Progress:
    """The line on this process's standard error, as far as somebody there wants to see it."""
    shown = terminal(sys.stderr) and not options.get("quiet") and environment.get("TERM") != "dumb"
    return Progress(sys.stderr if shown else None)


def terminal(stream: TextIO | None) -> bool:
    """Whether a person may read there; Python has no stream at all where its descriptor was closed at the start."""
    return stream is not None and stream.isatty()


def _columns(stream: TextIO | None) -> int:
    """Of the terminal, 80 at most: a longer line would be broken in two, and the first part stay."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream else 0
    except (OSError, ValueError):
        columns = 0
    return min(columns, WIDTH) if columns > 0 else WIDTH
