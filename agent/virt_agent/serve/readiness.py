"""What --readiness would say, kept by the daemon: soon after its start, each day, and when /boot changes.

It reads ordinary files, which hang with their disk: in a thread of its own, for which no scrape waits.
"""

from __future__ import annotations

import logging
import threading
import time

from virt_collectors.collect import Runner, choose
from virt_collectors.errors import SourceError
from virt_collectors.facts import Facts
from virt_collectors.host import Host

from .. import observe, report
from ..readiness import COLLECTORS, TARGETS, answer
from ..readiness.form import OK, READY, UNKNOWN, WARNING
from ..rules.form import Reading
from .logs import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection as Names

log = logging.getLogger("virt-agent")

_LOOK_SECONDS = 60.0  # between two glances at /boot
_DAY_SECONDS = 86_400.0
_RUN_SECONDS = 120.0  # an initramfs is long, and nobody waits
_HOUR_SECONDS = 3_600.0
_HANGS_SECONDS = 10 * _LOOK_SECONDS  # without a sign of life of the thread
_FILES = (
    *("boot/grub/grub.cfg", "boot/grub/grubenv", "boot/grub2/grub.cfg", "boot/grub2/grubenv", "boot/grub/menu.lst"),
    "etc/fstab",
)
_FOLDERS = ("boot", "boot/loader/entries")


class ReadinessWatch:
    """The answers by target; none before the first look has ended."""

    def __init__(
        self,
        host: Host,
        facts: Callable[[], Facts | None],
        without: Names[str] = (),
        clock: Callable[[], float] = time.monotonic,
        note: Callable[[tuple[str, ...], str, str], None] = lambda _about, _severity, _text: None,
    ) -> None:
        """`note` gets what changed: see `Chronicle`."""
        self._note = note
        self._host = host
        self._facts = facts
        self._without = without
        self._clock = clock
        self._runner = Runner(host, _RUN_SECONDS)
        self._seen: tuple[object, ...] | None = None
        self._due = 0.0
        self._alive = clock()
        self._answers: dict[str, str] = {}

    def told(self) -> dict[str, str]:
        """The answers; unknown, all of them, where the thread hangs in a read or its last look went wrong."""
        hangs = self._clock() - self._alive > _HANGS_SECONDS
        return dict.fromkeys(self._answers, UNKNOWN) if hangs else self._answers

    def adopt(self, without: Names[str]) -> None:
        """Run other collectors from now on, and look anew at the next turn."""
        self._without, self._seen = without, None

    def start(self) -> None:
        """Look again and again, for as long as the process lives."""
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("readiness could not be judged; please report it")
                self._answers = dict.fromkeys(self._answers, UNKNOWN)
            self._alive = self._clock()
            time.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """New answers where something changed, a day has passed, or an hour since a look that could not read all."""
        facts, seen = self._facts(), boot_state(self._host)
        if facts is None or (seen == self._seen and self._clock() < self._due):
            return
        wanted = (*COLLECTORS, "configuration")
        known = choose(optional=COLLECTORS, without=self._without)
        collection = self._runner.collect([one for one in known if one.name in wanted], _RUN_SECONDS, facts)
        reading = observe.reading_of(collection.facts)
        answers = {target: answer(reading, target).answer for target in targets(reading)}
        for target, told in answers.items():
            self._tell(target, self._answers.get(target), told)
        again = _HOUR_SECONDS if report.broken(collection.outcomes) else _DAY_SECONDS
        self._seen, self._due, self._answers = seen, self._clock() + again, answers

    def _tell(self, target: str, before: str | None, now: str) -> None:
        """To the log each answer, to people each that became another."""
        if before == now:
            return
        log.info("readiness changed", extra=event(target=target, answer=now, see=f"virt-agent --readiness {target}"))
        if before is not None:
            severity = {READY: OK, UNKNOWN: UNKNOWN}.get(now, WARNING)
            self._note(("readiness", target), severity, f"readiness for {target} {before} -> {now}")


def targets(reading: Reading) -> tuple[str, ...]:
    """What makes sense to ask of this machine, each time anew: containers do not boot."""
    verdict = reading.verdict
    if verdict.layers.container is not None:
        return ()
    on_xen = reading.on_ec2 and reading.xen_guest
    wanted = {"reboot": True, "hvm": on_xen and verdict.guest_mode == "pv", "nitro": on_xen}
    return tuple(target for target in TARGETS if wanted[target])


def boot_state(host: Host) -> tuple[object, ...]:
    """What changes when a kernel comes, goes or is made anew: names and sizes in /boot, GRUB's files and fstab."""
    found: list[object] = [_content(host, path) for path in _FILES]
    for folder in _FOLDERS:
        try:
            found += [(name, _size(host, f"{folder}/{name}")) for name in host.names(folder)]
        except SourceError as error:
            found.append(error.code)
    return tuple(found)


def _size(host: Host, path: str) -> object:
    try:
        return host.head(path, 0)[1]
    except SourceError as error:
        return error.code


def _content(host: Host, path: str) -> object:
    try:
        return host.file(path)
    except SourceError as error:
        return error.code
