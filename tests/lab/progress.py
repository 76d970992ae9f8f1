"""One line per step, with the time since the start."""

from __future__ import annotations

import sys
import time


class Progress:
    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, sentence: str) -> None:
        print(f"{self.seconds():7.1f} s  {sentence}", file=sys.stderr, flush=True)

    def seconds(self) -> float:
        return time.monotonic() - self.began
