"""No room: on the disk of the textfile and the snapshot, and in /run.

A small tmpfs in the mount namespace of a process that only holds it; its files are reached through /proc/PID/root.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from . import daemon
from .daemon import eventually
from .promise import Bench, CannotRun, Promise, hold
from .scrapes import answered, scraping

_KILOBYTES, _FILES = 4096, 16
_UNSHARE = ("unshare", "--mount", "--propagation", "private")
_NO_ROOM = "No space left"
_BAD = 3  # the exit code of what cannot be done
_TIMEOUT = 60.0


class Done(NamedTuple):
    """How a command ended."""

    code: int
    complaint: str


@contextlib.contextmanager
def small_disk(bench: Bench) -> Iterator[pathlib.Path]:
    """A directory with little room; nothing of it stays."""
    if os.geteuid() != 0:
        raise CannotRun("needs root, to mount a file system")
    place = bench.scratch / "d"
    place.mkdir()
    script = f"mount -t tmpfs -o mode=755,size={_KILOBYTES}k,nr_inodes={_FILES} none '{place}' && echo mounted && exec sleep 600"
    with subprocess.Popen([*_UNSHARE, "sh", "-c", script], stdout=subprocess.PIPE) as holder:
        try:
            if not (holder.stdout and holder.stdout.readline()):
                raise CannotRun("no tmpfs can be mounted here")
            yield pathlib.Path(f"/proc/{holder.pid}/root{place}")
        finally:
            holder.kill()


def fill(directory: pathlib.Path) -> None:
    """Until not a byte more fits."""
    with (directory / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def use_up_names(directory: pathlib.Path) -> None:
    """Until not a file more fits."""
    with contextlib.suppress(OSError):
        for number in range(2 * _FILES):
            (directory / f"name{number}").touch()


def run(bench: Bench, *arguments: str) -> Done:
    """virt-agent with these words, to its end."""
    done = subprocess.run(
        daemon.command(bench, *arguments),
        cwd=bench.scratch,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=daemon.environment_of(),
        timeout=_TIMEOUT,
        check=False,
        text=True,
    )
    return Done(done.returncode, done.stderr.strip())


def kept_whole(bench: Bench, spoil: Callable[[pathlib.Path], None], name: str, arguments: Sequence[str]) -> str:
    """A file that is there stays as it was, and nothing lies beside it, where a new one finds no room."""
    with small_disk(bench) as disk:
        path = disk / name
        words = [word.replace("FILE", str(path)).replace("PLACE", str(disk)) for word in arguments]
        first = run(bench, *words)
        hold(first.code == 0, f"exit {first.code} where there is room: {first.complaint}")
        before = path.read_bytes()
        spoil(disk)
        names = sorted(os.listdir(disk))
        done = run(bench, *words)
        hold(path.read_bytes() == before, "the file that was there is another or cut off")
        more = sorted(set(os.listdir(disk)) - set(names))
        hold(not more, f"left behind: {more}")
        return f"the old file whole, {refused(done, _NO_ROOM)}"


def refused(done: Done, why: str) -> str:
    """One clear line with the reason, and the exit code; in words."""
    line = done.complaint
    hold("\n" not in line and "Traceback" not in line and why in line, f"exit {done.code}, said {line[-300:]!r}")
    hold(done.code == _BAD, f"exit {done.code}, where {_BAD} is promised; said {line[-300:]!r}")
    return f"exit {done.code}, {line[line.index(why) :]!r}"


_TEXTFILE = ("--metrics", "--imds", "off", "--textfile", "FILE")
_SNAPSHOT = ("--snapshot", "FILE", "--imds", "off", "-q")
_HELPER = ("--collect-privileged", "static", "--privileged.directory", "PLACE")


def a_little_left(disk: pathlib.Path) -> None:
    """Room for the beginning of a file, and not for its end."""
    fill(disk)
    os.truncate(disk / "filler", (disk / "filler").stat().st_size - 4096)


def socket_without_room(bench: Bench) -> str:
    """A unix socket cannot be made where no name is left."""
    with small_disk(bench) as disk:
        use_up_names(disk)
        with daemon.launched(bench, "--web.listen-address", f"unix:{disk}/http.sock") as running:
            code = running.ended(20.0)
            hold(code is not None, "it runs on without its socket")
            line = running.log().strip().splitlines()[-1]
            return refused(Done(code or 0, line), _NO_ROOM)


def goes_on(bench: Bench) -> str:
    """A daemon that has its socket there, when all is used up."""
    with (
        small_disk(bench) as disk,
        daemon.started(bench, "--web.listen-address", "127.0.0.1:0", "--web.listen-address", f"unix:{disk}/s") as one,
        scraping(one) as scrapes,
    ):
        scrapes.wait(1)
        fill(disk)
        use_up_names(disk)
        scrapes.wait(4)
        seen = answered(scrapes.taken, 3.0)
        one.send(signal.SIGTERM)
        hold(one.ended(10.0) == 0, f"exit {one.process.poll()} on SIGTERM")
        hold(eventually(lambda: not (disk / "s").exists(), 1.0), "the socket's file stayed")
        return f"{seen}; exit 0, the socket's file taken away"


_WHOLE = "the old file stays whole, nothing is left beside it, exit 3 and one line that says why"
_CASES = (
    ("the textfile's disk is full", fill, "v.prom", _TEXTFILE),
    ("the textfile's disk has room for a part of it", a_little_left, "v.prom", _TEXTFILE),
    ("the textfile's disk has no inode left", use_up_names, "v.prom", _TEXTFILE),
    ("/run is full when the privileged helper writes", fill, "static.json", _HELPER),
    ("the disk of a snapshot is full", fill, "guest.tar.gz", _SNAPSHOT),
)
PROMISES = (
    *(
        Promise("faults", done, _WHOLE, functools.partial(kept_whole, spoil=spoil, name=name, arguments=words))
        for done, spoil, name, words in _CASES
    ),
    Promise(
        "faults",
        "/run has no inode left for the unix socket",
        "exit 3 at once, and one line that says why",
        socket_without_room,
    ),
    Promise(
        "faults",
        "/run becomes full under a daemon that has its socket there",
        "each scrape within 3 s; ends with 0 and takes its socket away",
        goes_on,
    ),
)
