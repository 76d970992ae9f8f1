"""The daemon's log: one line an event, never waited for, and nothing in it that a hostile name could forge."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from virt_agent.serve import logs
from virt_agent.serve.logs import Complaints, Log, event, fields, in_journal, line, quoted

PATIENCE = 10.0


def record(message: str, *arguments: object, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("virt-agent", level, "f.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def written(reading: int) -> list[str]:
    os.set_blocking(reading, False)
    return os.read(reading, 1 << 20).decode().splitlines()


def test_sentence_and_fields_in_their_order() -> None:
    made = record("a finding came", **fields(code="X02", subject="vbd 51712", saw=None, many=3, none=""))
    assert line(made) == 'a finding came code=X02 subject="vbd 51712" many=3 none=""'


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("xvda", "xvda"),
        (3.5, "3.5"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("line\nMar 1 kernel: forged", '"line\\nMar 1 kernel: forged"'),
        ("\x1b[31m", '"\\x1b[31m"'),
        ("\u202ereversed", '"\\u202ereversed"'),
        ("\udcff", '"\\udcff"'),
        ("Gerät", "Gerät"),
    ],
)
def test_values_are_quoted_where_they_must(value: object, told: str) -> None:
    assert quoted(value) == told


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_any_text_stays_one_printable_line(message: str, value: str) -> None:
    told = line(record("%s", message, **fields(name=value)))
    assert told.isprintable()
    assert told.encode()
    inside = re.fullmatch(r'name=("(?:[^"\\]|\\.)*"|[^" =\\]+)', told[len(logs.printable(message)) + 1 :])
    assert inside, "the value cannot be told from what follows"


def test_what_is_too_long_is_cut() -> None:
    assert len(line(record("x" * 10**6, **fields(a="y" * 10**6)))) < 3 * logs.LETTERS


def test_an_error_is_told_with_its_place_and_without_its_sources() -> None:
    opened: list[object] = []
    armed = threading.Event()
    sys.addaudithook(lambda name, arguments: opened.append(arguments) if name == "open" and armed.is_set() else None)
    try:
        int("nonsense\n")
    except ValueError:
        made = record("internal error", level=logging.ERROR)
        made.exc_info = sys.exc_info()
    armed.set()
    told = line(made)
    armed.clear()
    assert opened == []
    assert re.fullmatch(r'internal error error="ValueError\(.*\)" at="test_logs\.py:\d+ test_an_error_is_told.*"', told)


def test_a_call_with_wrong_arguments_is_told_all_the_same() -> None:
    assert line(record("%d disks", "no number")) == "%d disks arguments=\"('no number',)\""


def test_the_journal_gets_priorities_and_others_the_time(pipe: tuple[int, int]) -> None:
    for journal, expected in ((True, r"<4>gone"), (False, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning gone")):
        log = Log(pipe[1], journal=journal)
        log.handle(record("gone", level=logging.WARNING))
        log.end(PATIENCE)
        assert re.fullmatch(expected, written(pipe[0])[0])


def test_levels_have_the_priorities_of_syslog(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], journal=True)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log.handle(record("x", level=level))
    log.end(PATIENCE)
    assert written(pipe[0]) == ["<7>x", "<6>x", "<4>x", "<3>x"]


def test_the_journal_is_known_by_its_device_and_inode(pipe: tuple[int, int]) -> None:
    status = os.fstat(pipe[1])
    assert in_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, pipe[1])
    assert not in_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}, pipe[1])
    assert not in_journal({}, pipe[1])
    assert not in_journal({"JOURNAL_STREAM": "1:1"}, 10**6)


def test_nobody_waits_for_a_reader_and_losses_are_counted(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], lines=10, journal=True)
    big = "y" * 1500  # a pipe holds 64 KiB
    for number in range(200):
        log.handle(record(f"{number} {big}"))
    assert log._lost > 0
    reader: list[str] = []

    def drain() -> None:
        with os.fdopen(os.dup(pipe[0])) as file:
            for text in file:
                reader.append(text)
                if "the last" in text:
                    return

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    while not log._waiting.empty():
        thread.join(0.01)
    log.handle(record("the last"))
    log.end(PATIENCE)
    thread.join(PATIENCE)
    told = [re.fullmatch(r"<4>(\d+) lines of this log were lost\n", text) for text in reader if "lost" in text]
    lost = sum(int(match[1]) for match in told if match)
    assert lost > 0
    assert len(reader) == 200 - lost + len(told) + 1


def test_the_end_waits_only_so_long(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe[1], b"full" * 1024)
    os.set_blocking(pipe[1], True)
    log = Log(pipe[1], lines=10)
    for _ in range(100):
        log.handle(record("z" * 1900))
    log.end(0.1)
    assert log._writer.is_alive(), "nobody reads the pipe"


def test_a_descriptor_that_is_gone_or_slow_loses_lines_only() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = Log(writing)
    log.handle(record("to nobody"))
    log.end(PATIENCE)
    assert not log._writer.is_alive()
    os.close(writing)


def test_a_complaint_is_counted_and_not_repeated(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], journal=True)
    for _ in range(5):
        log.handle(record("cannot", level=logging.ERROR))
        log.handle(record("went", level=logging.WARNING, **event(code="X02")))
        log.handle(record("news"))
    log._complaints._known[logging.ERROR, "cannot"] = (time.monotonic() - logs.AGAIN_SECONDS - 1, 4)
    log.handle(record("cannot", level=logging.ERROR))
    log.end(PATIENCE)
    told = written(pipe[0])
    assert told.count("<3>cannot") == 1
    assert told[-1] == "<3>cannot repeated=4"
    assert told.count("<4>went code=X02") == told.count("<6>news") == 5


def test_few_complaints_are_remembered() -> None:
    complaints = Complaints()
    for number in range(10_000):
        assert complaints.told(logging.ERROR, str(number)) == 0
    assert len(complaints._known) <= 64
    assert complaints.told(logging.ERROR, "9999") is None


_UNCAUGHT = """
import sys, threading, warnings
from virt_agent.serve import logs
log = logs.begin("info", {})
opened = []
sys.addaudithook(lambda event, what: opened.append(what) if event == "open" else None)
class Ending:
    def __del__(self): raise ValueError("at the end")
Ending()
threading.Thread(target=lambda: 1 / 0, name="divides").start()
for thread in threading.enumerate():
    if thread.name == "divides": thread.join()
warnings.warn("old ways", UserWarning)
log.end()
print(opened)
"""


@pytest.mark.subprocess
def test_what_nobody_caught_is_logged_without_a_look_at_the_sources() -> None:
    path = [str(corpus.HERE.parent / part) for part in ("agent", "collectors")]
    words = [sys.executable, "-c", f"import sys; sys.path[:0] = {path}\n{_UNCAUGHT}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    lines = [text.partition("Z ")[2] for text in done.stderr.splitlines()]
    assert lines[0].startswith('error an error that could not be raised; please report it error="ValueError(')
    assert lines[1].startswith('error a thread ended; please report it thread=divides error="ZeroDivisionError(')
    assert lines[2] == 'warning a warning from Python; please report it kind=UserWarning warning="old ways"'
    assert len(lines) == 3
