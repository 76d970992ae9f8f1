"""What the kernel log tells of: its lines that mean something, counted by kind and by what they are about.

The patterns are in `kernel_patterns`. Most of a log is none of them, so their literals are looked for in the whole
text first, and a regular expression is compiled and tried only for the lines in which one stands.
"""

from __future__ import annotations

from .kernel_patterns import GROUPS
from .record import Record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

    from .kernel_patterns.form import Pattern

SUBJECTS = 64  # of one kind that are told apart, the first ones
OTHERS = "others"
_RECENT = 16
_KNOWN = 1000
_MESSAGE, _SUBJECT = 200, 64
_LINE = 1000  # what a pattern is tried on; the kernel cuts its messages at 1024 (LOG_LINE_MAX)

_compiled: dict[str, re.Pattern[str]] = {}


class LogEvent(Record):
    """Lines of one kind about one thing. `code` is that of a rule (L01 to L55), or a word for a sign of recovery.

    `count` is of all lines seen, `since_start` of those seen after the first reading. Seconds are the kernel's time
    stamps, since boot and without the time it was suspended; None where the lines have none. `recent_seconds` are
    the last ones, oldest first; `message` is the last line.
    """

    code: str
    subject: str
    count: int = 1
    since_start: int = 0
    first_seconds: float | None = None
    last_seconds: float | None = None
    recent_seconds: tuple[float, ...] = ()
    message: str = ""


def find_events(text: str) -> tuple[LogEvent, ...]:
    """The events in a log, by code, and by first appearance within a code."""
    found: list[LogEvent] = []
    for group in GROUPS:
        if not group.words or any(word in text for word in group.words):
            for pattern in group.patterns:
                found += _count(pattern, _lines(text, pattern.literals))
    return tuple(sorted(found, key=lambda event: event.code))


def merge_events(earlier: Iterable[LogEvent], later: Iterable[LogEvent]) -> tuple[LogEvent, ...]:
    """The events of a log whose two parts are known."""
    found = {(event.code, event.subject): event for event in earlier}
    for event in later:
        _add(found, event)
    return _sorted(found)


def _sorted(found: dict[tuple[str, str], LogEvent]) -> tuple[LogEvent, ...]:
    return tuple(sorted(found.values(), key=lambda event: (event.code, event.subject == OTHERS)))


def _lines(text: str, literals: tuple[str, ...]) -> Iterator[str]:
    """The lines in which one of the literals stands, in their order, each once."""
    if len(literals) == 1:
        yield from (text[start:end] for start, end in _places(text, literals[0]))
        return
    places = {place for literal in literals for place in _places(text, literal)}
    yield from (text[start:end] for start, end in sorted(places))


def _places(text: str, literal: str) -> Iterator[tuple[int, int]]:
    at = text.find(literal)
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        if end < 0:
            end = len(text)
        yield start, min(end, start + _LINE)
        at = text.find(literal, end)


class _Tally:
    """The lines of one kind about one thing, while they are counted."""

    __slots__ = ("count", "first", "message", "recent")

    def __init__(self) -> None:
        self.count = 0
        self.first: float | None = None
        self.message = ""
        self.recent: list[float] = []

    def see(self, seconds: float | None, message: str) -> None:
        self.count += 1
        self.message = message
        if seconds is not None:
            self.first = seconds if self.first is None else self.first
            self.recent.append(seconds)
            if len(self.recent) > 64 * _RECENT:
                del self.recent[:-_RECENT]

    def event(self, code: str, subject: str) -> LogEvent:
        recent = tuple(self.recent[-_RECENT:])
        last = recent[-1] if recent else None
        return LogEvent(code, subject, self.count, 0, self.first, last, recent, self.message[:_MESSAGE])


def _count(pattern: Pattern, lines: Iterator[str]) -> list[LogEvent]:
    found: dict[str, _Tally] = {}
    known: dict[tuple[str | None, ...], _Tally] = {}  # by the words found, for a fault is told again and again
    for line in lines:
        seconds, message = split_stamp(line)
        words = None if is_of_program(message) else match(pattern, message)
        if words is None:
            continue
        key = tuple(words.values())
        if key not in known:
            if len(known) > _KNOWN:
                known.clear()
            subject = _subject(pattern.subjects, words)
            if subject not in found and len(found) - (OTHERS in found) >= SUBJECTS:
                subject = OTHERS
            known[key] = found.setdefault(subject, _Tally())
        known[key].see(seconds, message)
    return [tally.event(pattern.code, subject) for subject, tally in found.items()]


def match(pattern: Pattern, message: str) -> dict[str, str | None] | None:
    """The words that the pattern finds in a message; None where it is another kind of line."""
    if pattern.forms:
        if any(text in message for text in pattern.unless):
            return None
        return next((words for words in (fill(form, message) for form in pattern.forms) if words is not None), None)
    if pattern.regex not in _compiled:
        import re

        _compiled[pattern.regex] = re.compile(pattern.regex, re.ASCII)
    found = _compiled[pattern.regex].search(message)
    return None if found is None else found.groupdict()


def fill(form: str, message: str) -> dict[str, str | None] | None:
    """The words in the places of the names: "XFS ({device}): Ending" and "XFS (xvdb): Ending …" give xvdb."""
    before, *places = form.split("{")
    if not message.startswith(before):
        return None
    words: dict[str, str | None] = {}
    rest = message[len(before) :]
    for place in places:
        name, _, behind = place.partition("}")
        word, found, rest = rest.partition(behind or " ")
        if not word or " " in word or (behind and not found):
            return None
        words[name] = word
    return words


def _subject(templates: tuple[str, ...], words: dict[str, str | None]) -> str:
    """The first template whose names all have a word."""
    known = {name: word for name, word in words.items() if word is not None}
    for template in templates:
        try:
            return template.format_map(known)[:_SUBJECT]
        except KeyError:
            continue
    return ""


def _add(found: dict[tuple[str, str], LogEvent], event: LogEvent) -> None:
    """Counts an event with those of its kind and subject; with the others where there are too many subjects."""
    key = (event.code, event.subject)
    if key not in found and event.subject != OTHERS:
        named = sum(code == event.code and subject != OTHERS for code, subject in found)
        if named >= SUBJECTS:
            key, event = (event.code, OTHERS), replace(event, subject=OTHERS)
    found[key] = _sum(found[key], event) if key in found else event


def _sum(older: LogEvent, newer: LogEvent) -> LogEvent:
    return LogEvent(
        code=older.code,
        subject=older.subject,
        count=older.count + newer.count,
        since_start=older.since_start + newer.since_start,
        first_seconds=newer.first_seconds if older.first_seconds is None else older.first_seconds,
        last_seconds=older.last_seconds if newer.last_seconds is None else newer.last_seconds,
        recent_seconds=(older.recent_seconds + newer.recent_seconds)[-_RECENT:],
        message=newer.message,
    )


def split_stamp(line: str) -> tuple[float | None, str]:
    """Seconds since boot and message of "[    5.140900] text".

    Also of "[    5.140900][  T123] text" (CONFIG_PRINTK_CALLER) and "<6>[    5.140900] text" (dmesg -r). The seconds
    are None where the brackets hold something else.
    """
    if line[:1] == "<":
        level, bracket, behind = line[:8].partition(">")
        line = line[len(level) + 1 :] if bracket and level[1:].isdecimal() else line
    stamp, bracket, message = line.partition("]")
    if not bracket or stamp[:1] != "[":
        return None, line
    seconds = _seconds(stamp[1:].strip())
    if seconds is None and not stamp[1:2].isalpha():
        return None, line
    if message[:1] == "[" and message[1:14].lstrip()[:1] in ("T", "C"):
        caller, closed, behind = message.partition("]")
        message = behind if closed and len(caller) < 16 else message
    return seconds, message.removeprefix(" ")


def _seconds(text: str) -> float | None:
    digits = text.replace(".", "", 1)
    return float(text) if digits.isdigit() and digits.isascii() and len(text) < 21 else None


def is_of_program(message: str) -> bool:
    """True for "systemd[1]: text": a program's line, which /dev/kmsg marks and a text does not."""
    if "]: " not in message:
        return False
    head, colon, _ = message[:100].partition("]: ")
    name, bracket, number = head.rpartition("[")
    return bool(colon and bracket and name) and number.isdecimal() and " " not in name
