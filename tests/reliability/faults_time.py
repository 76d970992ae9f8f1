"""Clocks that jump, and a process that is stopped for a while."""

from __future__ import annotations

import pathlib
import shutil
import signal
import time

from . import daemon
from .daemon import eventually
from .health import failing, recovered, unharmed, well
from .promise import Bench, CannotRun, Promise, hold
from .scrapes import answered, scraping

_MOST_SECONDS = 3.0
_HOUR = 3600
_JUMPS = (_HOUR, -_HOUR, 400 * 24 * _HOUR, -400 * 24 * _HOUR, 0)
_RESUMES = "virt_guest_resumes_total"


def stopped(bench: Bench, seconds: float) -> str:
    """SIGSTOP, as a debugger or a frozen control group does; systemd's watchdog is not part of it."""
    with daemon.started(bench) as running, scraping(running) as scrapes:
        before = well(running, scrapes)
        running.send(signal.SIGSTOP)
        time.sleep(seconds)
        running.send(signal.SIGCONT)
        began = time.monotonic()
        after = recovered(running, scrapes, before, 15.0)
        last = scrapes.wait(2)
        hold(last.samples[_RESUMES] == 0, "taken for a resume of the guest")
        seen = answered(scrapes.since(began + 1.0), _MOST_SECONDS)
        hold("takes no connections" not in running.log(), "a listener was told as dead")
        unharmed(running)
        return f"{after}; then {seen}"


def stopped_for_a_moment(bench: Bench) -> str:
    return stopped(bench, 6.0)


def stopped_for_minutes(bench: Bench) -> str:
    return stopped(bench, 180.0)


def jumps(bench: Bench) -> str:
    """The wall clock is set an hour and a year forth and back under a running daemon; the others go on."""
    library = next((str(path) for path in _libraries()), None)
    if library is None or not shutil.which("faketime"):
        raise CannotRun("needs libfaketime (apt-get install faketime)")
    offset = bench.scratch / "offset"
    offset.write_text("+0\n")
    fake = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with daemon.started(bench, environment=fake) as running, scraping(running) as scrapes:
        before = well(running, scrapes)
        unknown = {name for name, value in running.metrics().items() if value == -1}  # an answer, as of virt_readiness
        for jump in _JUMPS:
            offset.write_text(f"{jump:+d}\n")
            _jumped(running, jump)
            last = scrapes.wait(2)
            hold(failing(last) == before.failing, f"after {jump:+d} s failing are {sorted(failing(last))}")
            negative = {name for name, value in last.samples.items() if value < 0} - unknown
            hold(not negative, f"after {jump:+d} s {sorted(negative)} are negative")
            hold(last.samples[_RESUMES] == 0, f"{jump:+d} s are taken for a resume of the guest")
        seen = answered(scrapes.taken, _MOST_SECONDS)
        running.send(signal.SIGTERM)
        hold(running.ended(5.0) == 0, f"exit {running.process.poll()}")
        return f"{len(_JUMPS)} jumps of up to 400 days, no series negative, no collector failed; {seen}"


def _jumped(running: daemon.Running, jump: int) -> None:
    """The report has the clock's time."""
    day = time.strftime("%Y-%m-%d %H", time.gmtime(time.time() + jump))
    told = eventually(lambda: day in running.get("/check").body.decode(), 5.0, 0.2)
    hold(told, f"the clock did not jump by {jump:+d} s")


def _libraries() -> list[pathlib.Path]:
    return sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


_STOP = "the scrape that waits is answered when it goes on, no resume is told and no collector stays stuck"
PROMISES = (
    Promise("faults", "stopped for 6 seconds (SIGSTOP)", _STOP, stopped_for_a_moment),
    Promise("faults", "stopped for 3 minutes (SIGSTOP)", _STOP, stopped_for_minutes, long=True),
    Promise(
        "faults",
        "the wall clock jumps by an hour and by 400 days, forth and back",
        "each scrape within 3 s, no negative series, no resume is told, exit 0 on SIGTERM",
        jumps,
    ),
)
