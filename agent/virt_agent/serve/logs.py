"""The daemon's log, on standard error: one line an event, a short sentence and then fields as key=value.

systemd reads a priority from the beginning of a line, "<4>" (sd-daemon(3)), where standard error is its journal's, which
JOURNAL_STREAM tells by device and inode (systemd.exec(5)); elsewhere a line begins with time and level. Whoever logs
never waits: a thread writes, from a queue that is bounded, and what did not fit is counted and told.

Fields come by `extra=fields(disk="xvda")`. Values stand in quotes where they must, as in logfmt, and what is not
printable is escaped, so that a name in the guest cannot forge a line.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LINES = 1000  # that may wait
LETTERS = 2000  # of a sentence or value; the rest is cut off
AGAIN_SECONDS = 3600.0  # after which a complaint is repeated
_KINDS = 64  # of complaints that are remembered
_STDERR = 2
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def fields(**values: object) -> dict[str, Any]:
    """For `extra`: what stands behind the sentence, in this order; None is left out."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


def event(**values: object) -> dict[str, Any]:
    """Fields of a state that changed: told each time, even in the same words."""
    return {**fields(**values), "event": True}


class Log(logging.Handler):
    """Takes records from any thread, and writes them in its own."""

    def __init__(self, descriptor: int = _STDERR, lines: int = LINES, journal: bool = False) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._journal = journal
        self._waiting: queue.Queue[bytes | None] = queue.Queue(lines)
        self._lost = 0
        self._complaints = Complaints()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held."""
        text = line(record)
        if record.levelno >= logging.WARNING and not getattr(record, "event", False):
            repeated = self._complaints.told(record.levelno, text)
            if repeated is None:
                return
            text += f" repeated={repeated}" if repeated else ""
        if self._lost and self._put(self._dressed(logging.WARNING, f"{self._lost} lines of this log were lost")):
            self._lost = 0
        if not self._put(self._dressed(record.levelno, text)):
            self._lost += 1

    def end(self, seconds: float = 1.0) -> None:
        """Write what waits, for so long at most."""
        until = time.monotonic() + seconds
        if self._lost:
            self._put(self._dressed(logging.WARNING, f"{self._lost} lines of this log were lost"), seconds / 2)
        self._put(None, seconds / 2)
        self._writer.join(max(until - time.monotonic(), 0.0))

    def _put(self, content: bytes | None, seconds: float = 0.0) -> bool:
        try:
            self._waiting.put(content, block=seconds > 0, timeout=seconds or None)
        except queue.Full:
            return False
        return True

    def _dressed(self, level: int, text: str) -> bytes:
        if self._journal:
            start = f"<{_PRIORITIES.get(level, 6)}>"
        else:
            now = time.time()
            start = f"{clock(now)}.{int(now % 1 * 1000):03d}Z {logging.getLevelName(level).lower()} "
        return f"{start}{text}\n".encode()

    def _write(self) -> None:
        while (content := self._waiting.get()) is not None:
            while content:
                try:
                    content = content[os.write(self._descriptor, content) :]
                except BlockingIOError:
                    time.sleep(0.05)  # somebody made it non-blocking, and its reader is slow
                except OSError:
                    break  # nobody reads any more


class Complaints:
    """Warnings and errors of the last hour: each is told once, and how often it came when it is told again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[float, int]] = {}

    def told(self, level: int, text: str) -> int | None:
        """How often this came since it was told, 0 for the first time; None where it was told not long ago."""
        key = level, text
        now = time.monotonic()
        since, count = self._known.pop(key, (now, -1))
        if count >= 0 and now - since < AGAIN_SECONDS:
            self._known[key] = since, count + 1
            return None
        if len(self._known) >= _KINDS:
            del self._known[next(iter(self._known))]
        self._known[key] = now, 0
        return max(count, 0)


def line(record: logging.LogRecord) -> str:
    """Sentence and fields, in one line of printable characters."""
    values = dict(getattr(record, "fields", {}))
    try:
        sentence = record.getMessage()
    except (TypeError, ValueError):  # the caller's mistake; better a raw line than none
        sentence, values = str(record.msg), {"arguments": record.args, **values}
    if record.exc_info and record.exc_info[1]:
        values |= raised(record.exc_info[1])
    return " ".join([printable(sentence), *(f"{name}={quoted(value)}" for name, value in values.items())])


def raised(error: BaseException) -> dict[str, str]:
    """What was raised and where, the innermost first; the sources are not opened for it, as traceback does."""
    places, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return {"error": repr(error), "at": " < ".join(reversed(places[-12:]))}


def quoted(value: object) -> str:
    """The value as logfmt has it: bare where it is one word."""
    text = printable(str(value).replace("\\", "\\\\").replace('"', '\\"'))
    bare = text and "\\" not in text and not set(text) & set(' ="')
    return text if bare else f'"{text}"'


def printable(text: str) -> str:
    """One line: what is not printable is escaped, what is too long is cut off."""
    cut = text if len(text) <= LETTERS else text[:LETTERS] + "..."
    if cut.isprintable():
        return cut
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)


def clock(seconds: float) -> str:
    """Date and time of day by ISO 8601, UTC. Not strftime(3), which looks at /etc/localtime each time."""
    at = time.gmtime(seconds)
    return f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"


def in_journal(environment: Mapping[str, str], descriptor: int = _STDERR) -> bool:
    """Whether what is written there reaches systemd's journal by its own stream."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def begin(level: str, environment: Mapping[str, str]) -> Log:
    """Every logger's records go here; errors that nobody caught too, and without a look at the sources."""
    made = Log(journal=in_journal(environment))
    logging.raiseExceptions = False
    logging.getLogger().handlers[:] = [made]
    set_level(level)
    log = logging.getLogger("virt-agent")

    def uncaught(arguments: threading.ExceptHookArgs) -> None:
        name = arguments.thread.name if arguments.thread else None
        log.error("a thread ended; please report it", exc_info=arguments.exc_value, extra=fields(thread=name))

    def unraisable(arguments: sys.UnraisableHookArgs) -> None:
        log.error("an error that could not be raised; please report it", exc_info=arguments.exc_value)

    def warned(message: Warning | str, category: type[Warning], *_place: object, **_options: object) -> None:
        log.warning("a warning from Python; please report it", extra=fields(kind=category.__name__, warning=message))

    threading.excepthook, sys.unraisablehook = uncaught, unraisable
    warnings.showwarning = warned
    return made


def set_level(level: str) -> None:
    """From which level on is logged: debug, info, warning or error."""
    logging.getLogger("virt-agent").setLevel(level.upper())
