"""L49 to L51: tasks and CPUs that stood still, and a serial console that was flooded."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import ADVICE, INFO, YOU, Case
from ..host_side import DISK, GUEST
from .history import dead_frontend
from .line import Line, Verdict, rule
from .uses import inside


def _hung(case: Case, _event: LogEvent) -> Verdict:
    """Where the host closed a disk, that is why."""
    dead = any(dead_frontend(case.now, disk.name) for disk in case.now.facts.block_devices or ())
    return Verdict(cause="X02" if dead else None)


RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L49",
            "task-hung",
            "tasks waited for minutes without being able to run",
            "task SUBJECT hung",
            inside,
            "Mostly they wait for a disk that does not answer, or is very slow; such tasks cannot be killed. The kernel"
            " prints the first ten only.",
            (
                "Do tasks hang now? Those in state D do: ps -eo state,pid,wchan:30,comm --sort=state",
                "Which disk has requests in flight? grep . /sys/block/*/inflight",
                "Does any finish? Run virt-agent --check --sample 10: B07 names a disk that stands still.",
            ),
            "Do not touch the file system that they wait for: ls, df and lsof hang too.",
            "kernel/hung_task.c, check_hung_task",
            _hung,
            ask=DISK,
            together=True,
        ),
        Line(
            "L50",
            "cpu-stuck",
            "a CPU ran one thing for many seconds, or was not run by the host",
            "SUBJECT was stuck",
            inside,
            "In a guest the host mostly did not run the virtual CPU: an overloaded host, a long pause, a migration.",
            (
                "Compare the time of the line with steal, suspends and migrations.",
                "If it repeats and the line names the same function each time: it is the kernel; update it.",
            ),
            "Do not raise kernel.watchdog_thresh: it only hides it.",
            "kernel/watchdog.c, watchdog_timer_fn",
            ask=GUEST,
            together=True,
        ),
        Line(
            "L51",
            "serial-console-flooded",
            "the serial console could not keep up",
            "the serial console on SUBJECT was flooded",
            inside,
            "Each character to an emulated serial port is an exit to the host: what prints much there is slowed down.",
            (
                "Print less to it: console=ttyS0 with loglevel=4 on the kernel command line, or fewer lines from services.",
            ),
            "Do not remove the console: it is the only way in when the network fails.",
            "drivers/tty/serial/8250/8250_core.c, serial8250_interrupt",
            kind=ADVICE,
            severity=INFO,
            owner=YOU,
        ),
    )
)
