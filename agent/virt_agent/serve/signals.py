"""What the daemon is told by signals, and what wakes its main loop.

A handler only notes it; the byte that Python writes for each signal (signal.set_wakeup_fd) ends the wait, which a lock
could not do without danger: the handler runs in the thread that waits.
"""

from __future__ import annotations

import os
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Flags that stay up until they are taken down."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        self._woken, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen(self) -> None:
        """From the main thread: take SIGTERM and SIGINT for the end, SIGHUP for a reload."""
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._again)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if self.stop:
            os._exit(128 + number)  # whoever asks twice does not want to wait
        self.stop = True

    def _again(self, _number: int, _frame: FrameType | None) -> None:
        self.reload = True

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        asked, self.reload = self.reload, False
        return asked

    def wake(self) -> None:
        """End the wait, from any thread."""
        try:
            os.write(self._bell, b"\0")
        except BlockingIOError:
            return  # it is awake

    def wait(self, seconds: float) -> None:
        """Until a signal comes, somebody wakes us, or so long."""
        if select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 4096)

    def close(self) -> None:
        """Give the pipe back; for tests, which go on."""
        os.close(self._woken)
        os.close(self._bell)
