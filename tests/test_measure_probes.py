"""Rounds and calls: what they make of given times, and that each probe runs on this machine."""

from __future__ import annotations

import ctypes
import errno
import os
import pathlib
import platform
import re
import threading
import time
from collections.abc import Mapping

import pytest

from virt_agent.measure import calls, faults, rounds
from virt_agent.measure.rounds import Measured, NotMeasured, Planned, Probe
from virt_collectors import record

MACHINE = platform.machine()
MEBIBYTE = 1 << 20


class Clock:
    """A clock that goes on by a step with each look at it, and by as much as it is told."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Counting(Probe):
    """Gives 1, 2, 3, … and then fails."""

    def __init__(self, clock: Clock, seconds: float = 1.0, error: Exception | None = None, after: int = 99) -> None:
        self.clock, self.seconds, self.error, self.after = clock, seconds, error, after
        self.count = 0
        self.left: list[float] = []

    def batch(self, left: float) -> Mapping[str, float]:
        self.count += 1
        self.left.append(left)
        self.clock.now += self.seconds
        if self.error and self.count > self.after:
            raise self.error
        return {"work": float(self.count)}


# Rounds


def planned(probe: Probe, *names: str) -> Planned:
    return Planned(names or ("work",), lambda _left: probe)


def test_probes_go_in_turn_so_many_rounds() -> None:
    clock = Clock()
    one, other = Counting(clock), Counting(clock)
    found = rounds.run([planned(one), planned(other, "work", "clock")], 1000, 5, clock)
    assert found["work"].values == (1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
    assert one.left == [1000, 998, 996, 994, 992]
    assert found["clock"] == Measured(reason="the time for the run was up")


def test_no_round_begins_that_would_end_too_late() -> None:
    clock = Clock()
    found = rounds.run([planned(Counting(clock, seconds=3.0))], 10.0, 15, clock)
    assert found["work"].values == (1, 2, 3)
    assert clock.now <= 10
    assert rounds.run([planned(Counting(clock))], 5.0, 15, clock)["work"].reason == "the time for the run was up"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotMeasured("it may hang"), "it may hang"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_probe_that_fails_is_told_and_costs_no_other_its_values(error: Exception, reason: str) -> None:
    clock = Clock()
    failing, other = Counting(clock, error=error, after=0), Counting(clock)
    found = rounds.run([planned(failing, "clock"), planned(other)], 1000, 4, clock)
    assert found["work"].values == (1, 2, 3, 4)
    assert found["clock"] == Measured((), reason)
    assert failing.count == 1


def test_values_before_a_failure_are_not_kept() -> None:
    clock = Clock()
    failing = Counting(clock, error=NotMeasured("gone"), after=2)
    assert rounds.run([planned(failing)], 1000, 9, clock)["work"] == Measured((), "gone")
    assert failing.count == 3


def test_a_probe_that_cannot_be_made_is_told() -> None:
    def refuse(_left: float) -> Probe:
        raise NotMeasured("not here")

    assert rounds.run([Planned(("work", "clock"), refuse)], 10, 3, Clock()) == {
        "work": Measured((), "not here"),
        "clock": Measured((), "not here"),
    }


def test_what_hangs_is_left_behind() -> None:
    never = threading.Event()
    with pytest.raises(NotMeasured, match=r"has not returned for 0\.1 s"):
        rounds.aside(never.wait, 0.05)
    never.set()
    assert rounds.aside(lambda: 3, 5) == 3
    with pytest.raises(NotMeasured, match="why"):
        rounds.aside(lambda: (_ for _ in ()).throw(NotMeasured("why")), 5)


# Calls and faults


FULL, EMPTY = 1, 2


def test_the_empty_calls_are_taken_off_and_a_stray_chunk_does_not_count() -> None:
    clock = Clock()
    strays = iter([0.03, *[0.0] * 10_000])

    def repeat(times: int, function: int) -> None:
        clock.now += times * (500e-9 if function == FULL else 200e-9) + next(strays)

    found = calls.Call("syscall", repeat, FULL, EMPTY, timer=clock).batch(1000)
    assert found == {"syscall": pytest.approx(300)}


def test_a_batch_of_slow_calls_ends_early_and_is_never_negative() -> None:
    clock, chunks = Clock(), []

    def repeat(times: int, function: int) -> None:
        chunks.append((times, function))
        clock.now += 0.2 if function == EMPTY else 0.1

    assert calls.Call("clock", repeat, FULL, EMPTY, timer=clock).batch(1000) == {"clock": 0}
    assert chunks == [(calls.CHUNK, FULL), (calls.CHUNK, EMPTY)]


@pytest.mark.parametrize("name", ["work", "clock", "clock_syscall", "syscall", "vm_exit", "page_fault"])
def test_each_runs_here(name: str) -> None:
    plans = {figure: plan for plan in (*calls.planned(MACHINE), *faults.PLANNED) for figure in plan.figures}
    if name == "vm_exit" and MACHINE != "x86_64":
        pytest.skip("CPUID is an x86 instruction")
    found = plans[name].make(9.0).batch(9.0)
    assert list(found) == [name]
    assert 0 <= found[name] < 1e7


def test_the_loop_calls_as_often_as_it_says_with_what_it_is_given() -> None:
    told: list[tuple[int, ...]] = []

    def count(*arguments: int) -> int:
        told.append(arguments)
        return 7

    counting = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)(count)
    repeat = calls.Loop(MACHINE).on(-3, 1 << 40, 0x7FFF_FFFF_FFFF)
    repeat(5, ctypes.cast(counting, ctypes.c_void_p).value or 0)
    assert told == [(-3, 1 << 40, 0x7FFF_FFFF_FFFF)] * 5
    repeat(3, calls.Loop(MACHINE).empty)  # comes back


def test_the_calls_are_those_they_are_taken_for() -> None:
    """A wrong number would be measured as well as the right one."""
    loop = calls.Loop(MACHINE)
    for probe in (calls.clock(loop), calls.clock_syscall(loop)):
        assert list(probe._keep) == [0, 0]
        before = time.monotonic()
        probe._repeat(1, probe._function)
        assert before - 1e-6 <= probe._keep[0] + probe._keep[1] / 1e9 <= time.monotonic()
    probed = calls.syscall(loop)
    libc = ctypes.CDLL(None)
    assert probed._function == ctypes.cast(libc.syscall, ctypes.c_void_p).value
    assert libc.syscall(loop.getppid) == os.getppid()


@pytest.mark.skipif(MACHINE != "x86_64", reason="CPUID is an x86 instruction")
def test_the_exit_is_a_cpuid() -> None:
    probe = calls.vm_exit(calls.Loop(MACHINE))
    probe._repeat(1, probe._function)
    assert list(probe._keep.answer) == list(record.values(probe._keep.read(0)))


@pytest.mark.parametrize("machine_name", [None, "sparc64"])
def test_unknown_machines_are_told(machine_name: str | None) -> None:
    for plan in calls.planned(machine_name)[1:]:
        with pytest.raises(NotMeasured, match="no loop of machine code"):
            plan.make(1.0)


@pytest.mark.parametrize(("name", "comment", "ret"), [("x86_64", "#", "c3"), ("aarch64", "//", "c0035fd6")])
def test_the_code_files_are_their_commented_sources(name: str, comment: str, ret: str) -> None:
    folder = pathlib.Path(calls.__file__).parent
    source = (folder / f"repeat_{name}.s").read_text()
    commented = re.findall(rf"^    [a-z].*?{comment} ((?:[0-9a-f]{{2}} ?)+)", source, flags=re.MULTILINE)
    code = (folder / f"repeat_{name}.bin").read_bytes()
    assert code == bytes.fromhex("".join(commented))
    assert code.endswith(bytes.fromhex(ret))
    assert len(bytes.fromhex(ret)) == calls._MACHINES[name][0]
