"""The test machine's command: build the packages, boot, and tell of each promise whether the package keeps it."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.lab import images
from tests.lab.__main__ import install_packages
from tests.lab.progress import Progress
from tests.lab.qemu import Machine

from . import image, machine, monitor, outside, packages, parcel, table
from .frozen_disk import FrozenDisk

SUITES = ("bookworm", "trixie")
SILENCE_SECONDS = 1200
BROKEN, NO_MACHINE = 1, 2  # exit codes: what the run tells of the package, or only of itself
LEAST_PROMISES = 31  # a course that ends early has proved less


def main() -> int:
    chosen = arguments().parse_args()
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print("the test machine needs root and Debian's apt-get (and 1 GB of memory, 3 GB of disk)", file=sys.stderr)
        return NO_MACHINE
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cache: Path = chosen.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another test machine is at work in {cache}; --cache gives this one its own", file=sys.stderr)
            return NO_MACHINE
        return run(chosen, cache)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.vm", description=__doc__)
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "virt-agent-vm"
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0], help="the Debian release (bookworm)")
    parser.add_argument(
        "--tree", type=Path, default=packages.TREE, metavar="DIR", help="build the packages of this tree"
    )
    parser.add_argument("--cache", type=Path, default=default, metavar="DIR")
    parser.add_argument("--keep", action="store_true", help="keep the evidence and the console though all is well")
    return parser


def run(chosen: argparse.Namespace, cache: Path) -> int:
    progress, results, scratch = Progress(), cache / "results" / chosen.suite, cache / "scratch"
    for folder in (results, scratch):  # a run that was killed leaves its own
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        made = prepare(chosen, cache, scratch, progress)
        promises = course(*made, cache, results, progress)
    except (subprocess.CalledProcessError, images.Unsuited, TimeoutError, tarfile.ReadError) as error:
        said = getattr(error, "stderr", None) or ""
        print(f"the test machine failed: {error}\n{said}see {results}", file=sys.stderr)
        return NO_MACHINE
    finally:
        shutil.rmtree(scratch)
    return finish(chosen, promises, results, progress)


def prepare(chosen: argparse.Namespace, cache: Path, scratch: Path, progress: Progress) -> tuple[images.Release, Path]:
    install_packages()
    built = packages.build(chosen.tree.resolve(), scratch)
    progress.say("two packages built")
    release = image.release(cache, chosen.suite)
    image.root_disk(release)
    image.ramdisk(release)
    progress.say(f"root disk of {chosen.suite} at hand, kernel {release.version(image.FLAVOUR)}")
    return release, parcel.pack(built, cache / "results" / chosen.suite / "parcel")


def course(release: images.Release, disk: Path, cache: Path, results: Path, progress: Progress) -> list[table.Promise]:
    """What the machine told of each promise, in the end with the evidence unpacked."""
    ports = machine.free_ports()
    with tempfile.TemporaryDirectory(prefix="virt-agent-") as place:
        socket = Path(place, "monitor")
        booted = machine.boot(release, cache, disk, results, ports, socket)
        with booted as running, contextlib.closing(FrozenDisk(socket, *ports.values())) as frozen:
            promises = follow(running, ports, frozen, progress)
    parcel.unpack(disk, results / "evidence")
    return promises


def follow(running: Machine, ports: dict[int, int], frozen: FrozenDisk, progress: Progress) -> list[table.Promise]:
    promises = []
    daemon, course = (ports[port] for port in machine.FORWARDED)
    for told in running.follow(SILENCE_SECONDS):
        word, _, rest = told.partition(" ")
        if word == "check":
            promises.append(table.promise(rest))
            progress.say("\n".join(table.lines("", promises[-1:])).strip(": "))
        elif word == "scrape":
            scrape(daemon, course, progress)
        elif word == "disk":
            freeze(frozen, rest, progress)
        else:
            progress.say(told)
    return promises


def scrape(daemon: int, course: int, progress: Progress) -> None:
    seen = outside.look(daemon)
    try:
        outside.tell(course, seen)
    except OSError as error:  # the course tells that it waited in vain
        progress.say(f"the machine did not wait for the scrapes' end: {error}")


def freeze(frozen: FrozenDisk, word: str, progress: Progress) -> None:
    progress.say(f"root disk: {word}")
    try:
        progress.say(f"root disk: {frozen.step(word)}")
    except (OSError, monitor.Refused) as error:  # the course tells that it waited in vain
        progress.say(f"root disk: {word}: {error}")


def finish(chosen: argparse.Namespace, promises: list[table.Promise], results: Path, progress: Progress) -> int:
    print("\n".join(table.lines(chosen.suite, promises)))
    broken = [promise for promise in promises if not promise.kept]
    kept = len(promises) - len(broken)
    progress.say(f"{chosen.suite}: {kept} of {len(promises)} promises kept; evidence: {results}")
    if broken:
        return BROKEN
    if len(promises) < LEAST_PROMISES:
        print(f"the course ended after {len(promises)} promises of at least {LEAST_PROMISES}", file=sys.stderr)
        return NO_MACHINE
    if not chosen.keep:
        shutil.rmtree(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
