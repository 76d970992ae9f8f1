"""The line that tells what a long run is at: on a terminal alone, within its width, and nothing of it left at the end."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests import corpus
from virt_agent.__main__ import main
from virt_agent.measure.rounds import NotMeasured, Planned, Probe, run
from virt_agent.measure.told import told
from virt_agent.modes.walk import ToldRunner
from virt_agent.options import parse
from virt_agent.render.progress import Progress, progress
from virt_collectors.collect import Outcome, Runner, choose
from virt_collectors.record import replace

PATHS = os.pathsep.join(str(corpus.HERE.parent / folder) for folder in ("agent", "collectors"))


class Terminal(io.StringIO):
    """Where a person reads; `broken` is one whose window was closed."""

    broken = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().write(text)


def screen(written: str) -> str:
    """What a terminal shows after all that."""
    line: list[str] = []
    at = 0
    for letter in written:
        if letter == "\r":
            at = 0
        else:
            line[at : at + 1] = [letter]
            at += 1
    return "".join(line).rstrip()


def test_a_line_is_written_over_and_gone_at_the_end() -> None:
    stream = Terminal()
    with Progress(stream) as line:
        line.tell("reading block_devices", 9, 33)
        assert screen(stream.getvalue()) == "virt-agent: reading block_devices (9 of 33)"
        line.tell("judging")
        assert screen(stream.getvalue()) == "virt-agent: judging"
    assert screen(stream.getvalue()) == ""
    assert stream.getvalue().endswith("\r")
    assert "\n" not in stream.getvalue()


def test_it_is_gone_where_something_was_raised() -> None:
    stream = Terminal()
    with contextlib.suppress(KeyboardInterrupt), Progress(stream) as line:
        line.tell("reading")
        raise KeyboardInterrupt
    assert "virt-agent: reading" in stream.getvalue()
    assert screen(stream.getvalue()) == ""


def test_nothing_was_told_and_nothing_is_cleared() -> None:
    stream = Terminal()
    with Progress(stream):
        pass
    assert stream.getvalue() == ""


def test_without_a_stream_it_is_silent() -> None:
    with Progress() as line:
        line.tell("reading", 1, 2)


def test_a_long_or_hostile_text_stays_one_line_of_a_terminal() -> None:
    stream = Terminal()
    line = Progress(stream)
    line.tell("a\nb|\x1b[31m" + "x" * 500, 3, 15)
    shown = screen(stream.getvalue())
    assert len(shown) == 79
    assert shown.startswith("virt-agent: a?b/?[31m")
    assert shown.endswith("... (3 of 15)")
    assert stream.getvalue().isascii()


def test_a_terminal_that_is_closed_disturbs_nobody() -> None:
    stream = Terminal()
    line = Progress(stream)
    line.tell("one")
    stream.broken = True
    line.tell("two")
    stream.broken = False
    line.clear()
    assert screen(stream.getvalue()) == "virt-agent: one", "it gave up"


@pytest.mark.parametrize(
    ("stream", "words", "environment", "shown"),
    [
        (Terminal(), [], {}, True),
        (Terminal(), [], {"TERM": "xterm"}, True),
        (Terminal(), [], {"TERM": "dumb"}, False),
        (Terminal(), ["-q"], {}, False),
        (io.StringIO(), [], {}, False),
        (None, [], {}, False),
    ],
)
def test_who_sees_it(
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO | None,
    words: list[str],
    environment: dict[str, str],
    shown: bool,
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert (progress(parse(["--bench", *words]), environment)._stream is not None) is shown


def test_a_walk_tells_each_collector_and_finds_what_any_walk_finds() -> None:
    stream = Terminal()
    host = corpus.host("pvhvm")
    chosen = choose(optional=("kernels", "space"))
    found = ToldRunner(host, Progress(stream)).collect(chosen, 60.0)
    usual = Runner(host).collect(chosen, 60.0)
    assert found.facts == usual.facts
    assert [_timeless(one) for one in found.outcomes] == [_timeless(one) for one in usual.outcomes]
    names = re.findall(r"reading (\w+) \((\d+) of (\d+)\)", stream.getvalue())
    assert names == [(one.name, str(number), str(len(chosen))) for number, one in enumerate(found.outcomes, 1)]


def _timeless(outcome: Outcome) -> Outcome:
    return replace(outcome, seconds=0.0)


def test_a_walk_whose_time_is_up_leaves_the_rest() -> None:
    found = ToldRunner(corpus.host("pvhvm"), Progress()).collect(choose(), 0.0)
    assert {one.outcome for one in found.outcomes} == {"stuck"}
    assert len(found.outcomes) == len(choose())


class Fixed(Probe):
    def __init__(self, name: str, last: int) -> None:
        self._name, self._left = name, last

    def batch(self, left: float) -> dict[str, float]:
        self._left -= 1
        if self._left < 0:
            raise NotMeasured("enough")
        return {self._name: 1.0}


def test_rounds_are_told_once_whoever_is_first() -> None:
    stream = Terminal()
    planned = (
        Planned(("work",), lambda _: Fixed("work", 1)),
        Planned(("clock",), lambda _: Fixed("clock", 9)),
        Planned(("syscall",), lambda _: Fixed("syscall", 9)),
    )
    found = run(told(planned, Progress(stream), 3), 1e18, 3)
    assert {name: len(each.values) for name, each in found.items()} == {"work": 0, "clock": 3, "syscall": 3}
    assert [line.strip() for line in stream.getvalue().split("\r") if line] == [
        "virt-agent: preparing SHA-256 of 64 KiB",
        "virt-agent: preparing clock read",
        "virt-agent: preparing system call",
        *(f"virt-agent: measuring in rounds ({number} of 3)" for number in (1, 2, 3)),
    ]


def test_a_readiness_in_a_pipe_has_no_such_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--readiness", "reboot", "--root", corpus.archive("pvhvm"), "--timeout", "60"])
    told_ = capsys.readouterr()
    assert told_.err == ""
    assert "\r" not in told_.out


def on_a_terminal(columns: int, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output, and what reached a terminal at standard error."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    command = [sys.executable, "-c", "from virt_agent.__main__ import run; run()", *words]
    environment = {**os.environ, "PYTHONPATH": PATHS, "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, env=environment) as process:
        os.close(follower)
        seen = b""
        while chunk := _read(leader):
            seen += chunk
        os.close(leader)
        assert process.stdout is not None
        printed = process.stdout.read().decode()
    return process.returncode, printed, seen.decode("ascii")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # the last one at the other side has gone
        return b""


@pytest.mark.subprocess
@pytest.mark.parametrize("columns", [80, 40, 0])
def test_a_snapshot_on_a_terminal(tmp_path: pathlib.Path, columns: int) -> None:
    path = str(tmp_path / "guest.tar.gz")
    code, printed, seen = on_a_terminal(columns, "--snapshot", path, "--imds", "off", "--timeout", "60")
    assert code == 0
    assert printed.startswith(f"{path}: ")
    first, *_ = seen.split("\n")
    steps = [step.rstrip() for step in first.split("\r")]
    assert "virt-agent: reading snapshot" in steps[1]
    assert max(map(len, steps)) < (columns or 80)
    assert any("redacting" in step for step in steps)
    assert screen(first) == "" or first != seen, "cleared, unless a collector had something to say after it"


@pytest.mark.subprocess
def test_the_bench_and_readiness_on_a_terminal(tmp_path: pathlib.Path) -> None:
    code, printed, seen = on_a_terminal(
        80, "--bench", "--force", "--timeout", "2.5", "--directory", str(tmp_path), "--json"
    )
    assert (code, screen(seen)) == (0, "")
    assert printed.startswith("{")
    assert "virt-agent: preparing disk read, depth 1" in seen
    assert re.search(r"measuring in rounds \(1 of 15\)", seen)
    code, printed, seen = on_a_terminal(80, "--readiness", "reboot", "--root", corpus.archive("pvhvm"))
    assert screen(seen) == ""
    assert "(4 of " in seen
    assert "virt-agent: judging" in seen
    assert printed.startswith("VIRT-AGENT ")
    code, _, seen = on_a_terminal(80, "--readiness", "reboot", "--root", corpus.archive("pvhvm"), "-q")
    assert seen == ""


@pytest.mark.subprocess
def test_what_goes_wrong_stands_on_a_line_of_its_own(tmp_path: pathlib.Path) -> None:
    missing = str(tmp_path / "none" / "guest.tar.gz")
    code, _, seen = on_a_terminal(80, "--snapshot", missing, "--imds", "off")
    assert code == 3
    assert screen(seen.split("\n", maxsplit=1)[0]).startswith("virt-agent: --snapshot: ")
