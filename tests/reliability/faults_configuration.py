"""The configuration replaced by something else, and read again."""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Callable
from typing import NamedTuple

from . import daemon
from .daemon import Running, eventually
from .faults_fuse import OPENS, READS, Illness, showing
from .health import unharmed
from .promise import Bench, Promise, hold
from .scrapes import Scrapes, answered, scraping

_REASON = "a word that only this configuration has"
_GOOD = f'[rules.P01]\nenabled = false\nreason = "{_REASON}"\n'
_TAKEN = "virt_agent_config_last_reload_successful"
_SOON, _MOST_SECONDS = 5.0, 3.0


def _garbage(path: pathlib.Path) -> None:
    path.write_bytes(os.urandom(4096))


def _cut_off(path: pathlib.Path) -> None:
    path.write_text(_GOOD[:-4])


def _directory(path: pathlib.Path) -> None:
    path.mkdir()


def _fifo(path: pathlib.Path) -> None:
    os.mkfifo(path)


def _huge(path: pathlib.Path) -> None:
    with path.open("wb") as file:
        file.write(b"#" * 4096)
        file.truncate(100 << 20)


def _endless(path: pathlib.Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: pathlib.Path) -> None:
    path.symlink_to(path)


def _nothing(_path: pathlib.Path) -> None:
    pass


class Damage(NamedTuple):
    """What takes the file's place, and a word of what the log has against it."""

    name: str
    make: Callable[[pathlib.Path], None]
    said: str


_DAMAGES = (
    Damage("random bytes", _garbage, "not UTF-8"),
    Damage("its own first half", _cut_off, "not TOML"),
    Damage("a directory", _directory, "is a directory"),
    Damage("a FIFO", _fifo, "not a regular file"),
    Damage("100 MB", _huge, "far larger"),
    Damage("a link to /dev/zero", _endless, "not a regular file"),
    Damage("a link to itself", _loop, "form a loop"),
    Damage("nothing", _nothing, "does not exist"),
)


def replaced(bench: Bench) -> str:
    """One after the other, each read again, and the right one after each."""
    path = bench.scratch / "config.toml"
    path.write_text(_GOOD)
    with daemon.started(bench, "--config.file", str(path)) as running, scraping(running) as scrapes:
        scrapes.wait(1)
        before = running.cost()
        for damage in _DAMAGES:
            _one(running, path, damage)
        scrapes.wait(1)
        seen = answered(scrapes.taken, _MOST_SECONDS)
        more = running.cost().rss_bytes - before.rss_bytes
        hold(more < 8 << 20, f"memory grew by {more / 2**20:.1f} MB")
        unharmed(running)
        return f"{len(_DAMAGES)} kinds, all refused and named; {seen}; memory {more / 2**20:+.1f} MB"


def _one(running: Running, path: pathlib.Path, damage: Damage) -> None:
    lines = len(running.log())
    _remove(path)
    damage.make(path)
    running.send(signal.SIGHUP)
    refused = eventually(lambda: running.metrics()[_TAKEN] == 0, _SOON)
    hold(refused, f"{damage.name} was taken for a configuration")
    told = running.log()[lines:]
    hold(damage.said in told and "stays in force" in told, f"of {damage.name} the log says {told[-200:]!r}")
    hold(_in_force(running), f"under {damage.name} the configuration before is not in force any more")
    _remove(path)
    path.write_text(_GOOD)
    running.send(signal.SIGHUP)
    hold(eventually(lambda: running.metrics()[_TAKEN] == 1, _SOON), f"not taken again after {damage.name}")


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _in_force(running: Running) -> bool:
    page = running.get("/check").body.decode()
    return _REASON in " ".join(page.split())


def hangs(bench: Bench) -> str:
    """Its file lies on a disk that hangs; systemd waits for a reload, and is told."""
    source = bench.scratch / "etc"
    source.mkdir()
    (source / "config.toml").write_text(_GOOD)
    mounted = bench.scratch / "mounted"
    mounted.mkdir()
    with showing(str(source)) as files:
        enter = [bench.python, str(_ENTER), str(files.descriptor), str(mounted)]
        path = str(mounted / "config.toml")
        with (
            daemon.started(bench, "--config.file", path, within=enter, descriptors=(files.descriptor,)) as running,
            scraping(running) as scrapes,
        ):
            try:
                return _hangs(running, scrapes, lambda: files.sicken("config.toml", Illness(OPENS | READS)), files.heal)
            finally:
                files.heal()


def _hangs(running: Running, scrapes: Scrapes, sicken: Callable[[], None], heal: Callable[[], None]) -> str:
    scrapes.wait(1)
    sicken()
    running.send(signal.SIGHUP)
    hold(running.logged("cannot be read yet", 15.0), "the log does not tell that it hangs")
    hold(_in_force(running), "the configuration before is not in force any more")
    heal()
    hold(running.logged("the configuration was read again"), "not read when the disk was well again")
    unharmed(running)
    return f"told after 10 s, read when the disk came back; {answered(scrapes.taken, _MOST_SECONDS)}"


_ENTER = pathlib.Path(__file__).with_name("faults_enter.py")

PROMISES = (
    Promise(
        "faults",
        "SIGHUP after the configuration became " + ", ".join(damage.name for damage in _DAMAGES),
        "the one before stays in force, the log says why, the metric is 0, and 1 again with the right file;"
        " each scrape within 3 s",
        replaced,
    ),
    Promise(
        "faults",
        "SIGHUP while the configuration's disk hangs",
        "told within 15 s, the one before in force, read when the disk comes back; each scrape within 3 s",
        hangs,
    ),
)
