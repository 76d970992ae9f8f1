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

from .. import observe
from ..readiness import COLLECTORS, TARGETS, answer
from ..rules.form import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("virt-agent")

_LOOK_SECONDS = 60.0  # between two glances at /boot
_DAY_SECONDS = 86_400.0
_RUN_SECONDS = 120.0  # an initramfs is long, and nobody waits
_MENUS = ("boot/grub/grub.cfg", "boot/grub/grubenv", "boot/grub2/grub.cfg", "boot/grub2/grubenv")


class ReadinessWatch:
    """The answers by target; none before the first look has ended."""

    def __init__(
        self, host: Host, facts: Callable[[], Facts | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._host = host
        self._facts = facts
        self._clock = clock
        self._runner = Runner(host, _RUN_SECONDS)
        self._seen: tuple[object, ...] | None = None
        self._at = 0.0
        self.answers: dict[str, str] = {}

    def start(self) -> None:
        """Look again and again, for as long as the process lives."""
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """New answers where /boot changed or a day has passed."""
        facts = self._facts()
        seen = boot_state(self._host)
        if facts is None or (seen == self._seen and self._clock() - self._at < _DAY_SECONDS):
            return
        wanted = (*COLLECTORS, "configuration")
        chosen = [collector for collector in choose(optional=COLLECTORS) if collector.name in wanted]
        collection = self._runner.collect(chosen, _RUN_SECONDS, facts)
        reading = observe.reading_of(collection.facts)
        answers = {target: answer(reading, target).answer for target in targets(reading)}
        for target, told in answers.items():
            if told != self.answers.get(target):
                log.info("readiness for %s: %s; virt-agent --readiness %s tells why", target, told, target)
        self._seen, self._at, self.answers = seen, self._clock(), answers


def targets(reading: Reading) -> tuple[str, ...]:
    """What makes sense to ask of this machine, each time anew: containers do not boot."""
    verdict = reading.verdict
    if verdict.layers.container is not None:
        return ()
    on_xen = reading.on_ec2 and reading.xen_guest
    wanted = {"reboot": True, "hvm": on_xen and verdict.guest_mode == "pv", "nitro": on_xen}
    return tuple(target for target in TARGETS if wanted[target])


def boot_state(host: Host) -> tuple[object, ...]:
    """What changes when a kernel comes, goes or is made anew: names and sizes in /boot, and GRUB's files."""
    try:
        names = host.names("boot")
    except SourceError as error:
        return (error.code,)
    return (*((name, _size(host, f"boot/{name}")) for name in names), *(_content(host, path) for path in _MENUS))


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
