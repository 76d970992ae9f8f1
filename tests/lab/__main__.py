"""The lab's command."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from . import course, images, table
from .guests import GUESTS
from .images import Release
from .progress import Progress
from .shapes import Guest

TREE = Path(__file__).resolve().parents[2]
PACKAGES = [
    "qemu-system-x86",
    "seabios",
    "ipxe-qemu",
    "mmdebstrap",
    "cpio",
    "zstd",
    "e2fsprogs",
    "kmod",
    "busybox-static",
    "genisoimage",
    "debian-archive-keyring",
]
AGENT_WRONG, LAB_FAILED = 1, 2  # exit codes: what the run tells of the agent, or only of itself
NEEDS = """\
The lab needs root, 2 cores, 5 GB of memory and a Debian host, and no virtualization hardware.
Packages, installed by apt where they are missing: {packages}.
Disk: 3 GB for each Debian release (12 and 13) and 3 GB while it runs, in {cache}.
"""


def main() -> int:
    chosen = arguments().parse_args()
    cache = chosen.cache.resolve()
    print(NEEDS.format(packages=" ".join(PACKAGES), cache=cache), file=sys.stderr)
    if os.geteuid() != 0:
        raise SystemExit("the lab must be run as root")
    cache.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once: nobody waits for a lane of guests
    with (cache / "lock").open("w") as lock:
        try:
            return boot_and_judge(chosen, cache, lock)
        except (subprocess.CalledProcessError, images.Unsuited) as error:
            print(f"the lab could not be set up: {error}", file=sys.stderr)
            return LAB_FAILED


def boot_and_judge(chosen: argparse.Namespace, cache: Path, lock: TextIO) -> int:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"another lab is at work in {cache}; --cache gives this one its own") from None
    install_packages()
    run = course.Run(cache, chosen.agent.resolve(), chosen.ask, chosen.jobs, Progress())
    guests = select(chosen)
    releases = course.prepare(run, guests)
    if not chosen.judge:
        course.boot(run, releases, guests)
    if chosen.ask:
        return show(run, guests)
    return finish(run, guests, chosen, versions(releases.values()))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab", description=__doc__)
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "virt-agent-lab"
    parser.add_argument("--guests", metavar="NAME,..", help=f"of: {' '.join(GUESTS)}")
    parser.add_argument("--core", action="store_true", help="the guests that CI boots")
    parser.add_argument(
        "--into",
        dest="ask",
        default="",
        metavar="COMMAND",
        help="run this in the guests instead, and print what it says",
    )
    parser.add_argument("--agent", type=Path, default=TREE, metavar="DIR", help="working tree")
    parser.add_argument("--cache", type=Path, default=default, metavar="DIR")
    parser.add_argument(
        "--update",
        type=Path,
        metavar="DIR",
        nargs="?",
        const=TREE / "tests/guests",
        help="copy each guest's snapshot into this folder (tests/guests)",
    )
    parser.add_argument("--table", type=Path, default=TREE / "docs/lab.md", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2, help="machines at a time (default 2)")
    parser.add_argument(
        "--enough", type=int, metavar="COUNT", help="so many right ones are enough where others did not boot (all)"
    )
    parser.add_argument("--judge", action="store_true", help="judge the last results, boot nothing")
    return parser


def select(chosen: argparse.Namespace) -> list[Guest]:
    names = chosen.guests.split(",") if chosen.guests else GUESTS
    unknown = set(names) - set(GUESTS)
    if unknown:
        raise SystemExit(f"no such guest: {' '.join(sorted(unknown))}")
    return [GUESTS[name] for name in names if GUESTS[name].core or not chosen.core]


def install_packages() -> None:
    """Only what is missing, so that a host that has all needs no network here."""
    query = ("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
    installed = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")
    missing = [name for name in PACKAGES if f"{name} installed" not in installed]
    if missing:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(install, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def finish(run: course.Run, guests: Sequence[Guest], chosen: argparse.Namespace, made_of: Sequence[str]) -> int:
    found = course.outcomes(run, guests)
    seconds = run.progress.seconds()
    table.write(found, seconds, made_of, chosen.table)
    print("\n".join([*table.table(found), "", *table.mismatches(found)]))
    if chosen.update:
        keep_snapshots(run, guests, chosen.update)
    marks = [table.mark(outcome) for outcome in found]
    run.progress.say(f"{marks.count('ok')} of {len(found)} guests right; table: {chosen.table}")
    if "WRONG" in marks:
        return AGENT_WRONG
    enough = len(found) if chosen.enough is None else chosen.enough
    return 0 if marks.count("ok") >= enough else LAB_FAILED


def show(run: course.Run, guests: Iterable[Guest]) -> int:
    for guest in guests:
        folder = run.results / guest.name
        for file in (folder / "asked.txt", folder / "asked.err"):
            if file.exists():
                print(f"== {guest.name} {file.name}\n{file.read_text(errors='replace')}")
    return 0


def keep_snapshots(run: course.Run, guests: Iterable[Guest], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for guest in guests:
        snapshot = run.results / guest.name / "snapshot.tar.gz"
        if snapshot.exists():
            shutil.copy(snapshot, folder / f"{guest.name}.tar.gz")
            (folder / f"{guest.name}.tar.xz").unlink(missing_ok=True)
            (folder / f"{guest.name}.expect.json").write_text(json.dumps(expectation(guest), indent=1) + "\n")


def expectation(guest: Guest) -> dict[str, object]:
    """The truth about a guest in the form of tests/corpus.py, but what lies deeper than the verdict's own words."""
    words = {key: list(word) if isinstance(word, tuple) else word for key, word in guest.truth.verdict.items()}
    return {
        "name": guest.name,
        "made": f"{guest.made} (Debian {guest.suite}, tests/lab)",
        "expect": {key: word for key, word in words.items() if "." not in key},
        "findings": {"want": list(guest.truth.want), "allow": list(guest.truth.allow)},
    }


def versions(releases: Iterable[Release]) -> list[str]:
    command = ["qemu-system-x86_64", "--version"]
    qemu = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [qemu.splitlines()[0], *(name for release in releases for name in release.packages())]


if __name__ == "__main__":
    sys.exit(main())
