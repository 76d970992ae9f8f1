"""Too few descriptors, too little memory, too few threads."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

from . import daemon
from .daemon import HOST, Running, eventually
from .health import failing, recovered, unharmed, well
from .promise import Bench, Broken, CannotRun, Promise, hold
from .scrapes import answered, scraping

_MOST_SECONDS = 3.0
_MEMORY = (48, 80, 112, 160, 256)  # MiB of address space
_ENOUGH = 1024
_BAD, _WORD = 3, "no memory or no thread"
_GROUPS = pathlib.Path("/sys/fs/cgroup")


def descriptors_used_up(bench: Bench) -> str:
    """By clients that connect and say nothing, more than there are descriptors."""
    with daemon.started(bench, limits={"nofile": 32}) as running, scraping(running) as scrapes:
        before = well(running, scrapes)
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection((HOST, running.port), 5.0))
            scrapes.wait(6)
        seen = answered(scrapes.since(began), _MOST_SECONDS)
        after = recovered(running, scrapes, before, 10.0)
        unharmed(running)
        return f"100 clients on 32 descriptors, {seen}; {after}"


def few_descriptors(bench: Bench) -> str:
    """Not enough for the collectors, taken away from a running daemon and given back."""
    with daemon.started(bench) as running, scraping(running) as scrapes:
        before = well(running, scrapes)
        _limit(running, "nofile", before.cost.descriptors + 1)  # for the connection
        began = time.monotonic()
        scrapes.wait(6)
        found = scrapes.since(began)
        seen = answered(found, _MOST_SECONDS)
        hold(any(failing(one) > before.failing for one in found), "no collector tells that it could not read")
        _limit(running, "nofile", 1024)
        after = recovered(running, scrapes, before, 10.0)
        unharmed(running)
        return f"{seen}, up to {max(len(failing(one)) for one in found)} collectors failed; {after}"


def _limit(running: Running, name: str, most: int) -> None:
    subprocess.run(["prlimit", "--pid", str(running.pid), f"--{name}={most}:"], check=True)


def little_memory_at_the_start(bench: Bench) -> str:
    """Under each of some limits of the address space it serves, or ends with a word."""
    serves: list[int] = []
    ends: list[int] = []
    for most in _MEMORY:
        with daemon.launched(bench, limits={"as": most << 20}) as running:
            (serves if _answers(running) else ends).append(most)
            hold("Traceback" not in running.log(), f"a traceback within {most} MiB: {running.log()[-300:]}")
            if most in ends:
                _ended_clearly(running, most)
    with daemon.started(bench, limits={"as": _ENOUGH << 20}) as running:
        hold(running.get("/metrics").status == 200, f"no answer within {_ENOUGH} MiB")
    return f"of {len(_MEMORY)} limits it serves within {len(serves)} and ends with a word within {len(ends)}"


def _answers(running: Running) -> bool:
    """A client is hung up on where there is no thread for it."""
    with contextlib.suppress(Broken, ConnectionError, http.client.HTTPException):
        running.await_listening(20.0)
        running.get("/metrics")
    return running.ended(0.5) is None


def _ended_clearly(running: Running, most: int) -> None:
    code, log = running.ended(10.0), running.log().strip()
    hold(code == _BAD and _WORD in log.splitlines()[-1], f"within {most} MiB exit {code}: {log[-300:]}")


def memory_taken_away(bench: Bench) -> str:
    """No new memory for a running daemon; then some again."""
    with daemon.started(bench) as running, scraping(running) as scrapes:
        before = well(running, scrapes)
        size = int((pathlib.Path(f"/proc/{running.pid}/statm").read_text().split())[0]) * os.sysconf("SC_PAGE_SIZE")
        began = time.monotonic()
        _limit(running, "as", size)
        eventually(lambda: len(scrapes.since(began)) >= 6, 8.0)
        if not running.alive:
            code, log = running.process.returncode, running.log()
            hold("Traceback" not in log, f"exit {code}: {log[-300:]}")
            return f"exit {code}, for systemd to start it again: {log.strip().splitlines()[-1][-120:]}"
        found = scrapes.since(began)
        good = sum(one.status == 200 for one in found)
        _limit(running, "as", 1 << 40)
        after = recovered(running, scrapes, before, 10.0)
        slow = max((one.seconds for one in found), default=0.0)
        hold(slow < 2 * _MOST_SECONDS, f"a client waited {slow:.1f} s")
        hold("Traceback" not in running.log(), f"a traceback: {running.log()[-300:]}")
        return f"{good} of {len(found)} scrapes answered meanwhile, none waited longer than {slow:.1f} s; {after}"


@contextlib.contextmanager
def group(kind: str, limit: str, most: int) -> Iterator[pathlib.Path]:
    """A control group of that kind with a limit; version 1 has a tree for each kind."""
    above = _GROUPS if (_GROUPS / "cgroup.controllers").exists() else _GROUPS / kind
    place = above / f"virt-agent-reliability-{kind}-{os.getpid()}"
    try:
        place.mkdir()
        (place / limit).write_text(f"{most}\n")
    except OSError as error:
        with contextlib.suppress(OSError):
            place.rmdir()
        raise CannotRun(f"no control group can be made: {error}") from None
    try:
        yield place
    finally:
        hold(eventually(lambda: _removed(place), 5.0), f"{place} stays")


def _removed(place: pathlib.Path) -> bool:
    with contextlib.suppress(OSError):
        place.rmdir()
    return not place.exists()


def _entering(place: pathlib.Path) -> tuple[str, ...]:
    return "sh", "-c", f'echo $$ >{place}/cgroup.procs && exec "$@"', "sh"


def _memory_limit() -> str:
    return "memory.max" if (_GROUPS / "cgroup.controllers").exists() else "memory.limit_in_bytes"


def small_group(bench: Bench) -> str:
    """Room for the daemon and little more; and then none."""
    with (
        group("memory", _memory_limit(), 64 << 20) as place,
        daemon.started(bench, within=_entering(place)) as running,
        scraping(running, every=0.05) as scrapes,
    ):
        scrapes.wait(60)
        seen = answered(scrapes.taken, _MOST_SECONDS)
        resident = running.cost().rss_bytes
        running.send(signal.SIGTERM)
        hold(running.ended(5.0) == 0, f"exit {running.process.poll()}")
    with (
        group("memory", _memory_limit(), 16 << 20) as place,
        daemon.launched(bench, within=_entering(place)) as running,
    ):
        code = running.ended(30.0)
        hold(code == -signal.SIGKILL, f"exit {code} within 16 MiB: {running.log()[-200:]}")
    return f"within 64 MiB {seen}, {resident / 2**20:.0f} MB resident; within 16 MiB the kernel kills it"


def few_threads(bench: Bench) -> str:
    """No thread for a connection or a collector."""
    with (
        group("pids", "pids.max", 64) as place,
        daemon.started(bench, within=_entering(place)) as running,
        scraping(running) as scrapes,
    ):
        before = well(running, scrapes)
        (place / "pids.max").write_text(f"{before.cost.threads}\n")
        began = time.monotonic()
        eventually(lambda: len(scrapes.since(began)) >= 6, 20.0)
        found = scrapes.since(began)
        good = sum(one.status == 200 for one in found)
        slow = [one for one in found if one.seconds > _MOST_SECONDS]
        hold(not slow, f"{len(slow)} clients waited {max((one.seconds for one in slow), default=0):.1f} s")
        (place / "pids.max").write_text("64\n")
        after = recovered(running, scrapes, before, 10.0)
        hold("Traceback" not in running.log(), f"a traceback: {running.log()[-300:]}")
        return f"{good} of {len(found)} scrapes answered without a thread, the others closed at once; {after}"


PROMISES = (
    Promise(
        "faults",
        "100 silent clients take all 32 file descriptors",
        "each scrape within 3 s; as before when they have gone",
        descriptors_used_up,
    ),
    Promise(
        "faults",
        "a running daemon has no descriptor left to read with",
        "each scrape within 3 s, collectors tell that they could not read; well again by itself",
        few_descriptors,
    ),
    Promise(
        "faults",
        "started with too little memory (RLIMIT_AS of 48 to 256 MiB)",
        "it serves, or ends with a clear line and not with 0, so that systemd starts it again; no traceback",
        little_memory_at_the_start,
    ),
    Promise(
        "faults",
        "a running daemon gets no more memory (RLIMIT_AS)",
        "a client gets its answer or a close within 6 s; no traceback; well again by itself",
        memory_taken_away,
    ),
    Promise(
        "faults",
        "a control group of 64 MiB, then one of 16 MiB",
        "serves within 64 MiB, each scrape within 3 s; within 16 MiB the kernel ends it, which systemd mends",
        small_group,
    ),
    Promise(
        "faults",
        "no thread can be made (pids.max)",
        "each client has its answer or a close within 3 s; well again by itself",
        few_threads,
    ),
)
