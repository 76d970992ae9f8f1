"""The course of a run: what is booted in which order, tried again once, and judged."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from . import courier, images, plain
from .guests import GUESTS
from .progress import Progress
from .results import Outcome, failed, judge
from .shapes import Dom0, Guest, PlainGuest, XenGuest
from .xen import Session, by_itself

ATTEMPTS = 2


class Run(NamedTuple):
    cache: Path
    agent: Path
    ask: str
    jobs: int
    progress: Progress

    @property
    def results(self) -> Path:
        return self.cache / "results"


def prepare(run: Run, guests: Iterable[Guest]) -> dict[str, images.Release]:
    return {suite: build(run, suite) for suite in dict.fromkeys(g.suite for g in guests)}


def build(run: Run, suite: str) -> images.Release:
    run.progress.say(f"images of {suite}: rootfs, disks, ramdisks (minutes when not yet cached)")
    release = images.release(run.cache, suite)
    for role in images.ROOT_UUIDS:
        images.root_disk(release, role)
    run.progress.say(f"images of {suite} are ready")
    return release


def boot(run: Run, releases: Mapping[str, images.Release], guests: Sequence[Guest]) -> None:
    """Xen guests share an outer machine and come one at a time; plain ones run beside."""
    for guest in guests:
        shutil.rmtree(run.results / guest.name, ignore_errors=True)
    with ThreadPoolExecutor(run.jobs) as lanes:
        works = [lanes.submit(boot_xen, run, release, guests) for release in releases.values()]
        plains = [guest for guest in guests if isinstance(guest, PlainGuest)]
        works += [lanes.submit(boot_plain, run, releases[g.suite], g) for g in plains]
        for work in works:
            work.result()


def boot_xen(run: Run, release: images.Release, guests: Sequence[Guest]) -> None:
    mine = [guest for guest in guests if guest.suite == release.suite]
    for attempt in range(ATTEMPTS):
        missing = [guest for guest in mine if not came(run, guest)]
        domains, dom0 = needed(missing), by_itself(missing)
        if domains or dom0:
            announce(run, [*([dom0] if dom0 else []), *domains], attempt)
            boot_outer(run, release, domains, dom0)


def boot_outer(run: Run, release: images.Release, domains: Sequence[XenGuest], dom0: Dom0 | None) -> None:
    folder = run.cache / f"machine-{release.suite}"
    session = Session(release, run.cache, run.agent, run.ask)
    try:
        for told in session.run(domains, dom0, folder):
            run.progress.say(told)
            verb, _, rest = told.partition(" ")
            if verb == "ended":
                collect(run, GUESTS[rest.partition(":")[0]], folder / "share" / "results")
    except TimeoutError as error:
        run.progress.say(f"the outer machine: {error}")


def needed(guests: Iterable[Guest]) -> list[XenGuest]:
    """The domains to create; a dom0 that is looked at while it serves needs one too."""
    names = [
        guest.name if isinstance(guest, XenGuest) else guest.during
        for guest in guests
        if isinstance(guest, XenGuest) or (isinstance(guest, Dom0) and guest.during)
    ]
    found = (GUESTS[name] for name in dict.fromkeys(names) if name)
    return [guest for guest in found if isinstance(guest, XenGuest)]


def collect(run: Run, guest: Guest, brought: Path) -> None:
    into = run.results / guest.name
    into.mkdir(parents=True, exist_ok=True)
    for kind in ("console", "model"):
        if (brought / f"{guest.name}.{kind}").exists():
            shutil.copy(brought / f"{guest.name}.{kind}", into / f"lab.{kind}")
    try:
        if isinstance(guest, XenGuest) and guest.root == "ram":
            courier.unpack_console(brought / f"{guest.name}.console", into)
        else:
            courier.unpack(brought / f"{guest.name}.tar", into)
    except courier.NothingCame as error:
        run.progress.say(f"{guest.name}: {error}")


def boot_plain(run: Run, release: images.Release, guest: PlainGuest) -> None:
    folder = run.cache / "plain" / guest.name
    for attempt in range(ATTEMPTS):
        announce(run, [guest], attempt)
        try:
            plain.boot(guest, release, run.cache, run.agent, run.ask, folder, run.progress)
            plain.unpack(guest, folder, run.results / guest.name)
        except (TimeoutError, courier.NothingCame) as error:
            run.progress.say(f"{guest.name}: {error}")
        else:
            return


def announce(run: Run, guests: Sequence[Guest], attempt: int) -> None:
    names = " ".join(guest.name for guest in guests)
    run.progress.say(f"{'once more' if attempt else 'booting'}: {names}")


def came(run: Run, guest: Guest) -> bool:
    return isinstance(guest, PlainGuest) or (run.results / guest.name / "commands.json").exists()


def outcomes(run: Run, guests: Sequence[Guest]) -> list[Outcome]:
    return [outcome(run.results / guest.name, guest) for guest in guests]


def outcome(folder: Path, guest: Guest) -> Outcome:
    if not (folder / "commands.json").exists():
        return failed(guest, f"no results in {ATTEMPTS} attempts (the lab's failure)")
    return judge(guest, folder)
