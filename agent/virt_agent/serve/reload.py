"""The configuration taken anew, on SIGHUP, while the daemon goes on; what was wrong leaves the one before in force.

In a thread of its own, for its file may lie on a disk that hangs.
"""

from __future__ import annotations

import logging
import threading
import time

from virt_collectors.record import replace

from ..metrics.definition import Reload
from ..modes.chosen import chosen
from ..options import Options, UsageError
from ..rules.form import INFO, WARNING
from ..settings import SETTINGS
from .logs import event, set_level
from .watch import OPTIONAL, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("virt-agent")

_NOW = ("strict", "log.level", "config.file")
_OF_A_RUN = ("sample", "timeout", "color")  # no matter to a daemon


class Reloading:
    """Loads again when it is asked to; what is asked meanwhile is done once, after."""

    def __init__(self, options: Options, watch: Watch, refresh: Callable[[], bool], done: Callable[[], None]) -> None:
        self._options = options
        self._watch = watch
        self._refresh = refresh
        self._done = done
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._taken = True  # the configuration, when it was last read

    def start(self) -> None:
        """Wait for requests, for as long as the process lives."""
        threading.Thread(target=self._serve, name="reload", daemon=True).start()

    def ask(self) -> None:
        """Load again, soon."""
        self._asked.set()

    def _serve(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            try:
                self.load()
            except Exception:
                log.exception("an internal error in reloading; please report it")
            if not self._asked.is_set():
                self._done()

    def load(self) -> None:
        """Load here and now; the log and a metric tell how it went."""
        try:
            self._take(self._options.afresh())
        except UsageError as error:
            self._taken = False
            told = event(error=error)
            log.error("the configuration was not taken, the one before stays in force", extra=told)  # noqa: TRY400 - no error of ours
            self._note(WARNING, "the configuration was not taken, the one before stays in force", str(error))
        self.refresh()
        self._watch.files.again()

    def refresh(self) -> None:
        """Take certificates and users that changed; the metric tells of them too."""
        successful = self._refresh()
        with self._lock:
            self._watch.reload = replace(self._watch.reload, successful=self._taken and successful)

    def _take(self, fresh: Options) -> None:
        wanted = chosen(fresh)
        self._watch.adopt(wanted.selection, wanted.without_collectors, (*OPTIONAL, *wanted.with_collectors))
        set_level(fresh.settled("log.level"))
        with self._lock:
            self._taken, self._watch.reload = True, Reload(successful=True, time=time.time())
        log.info("the configuration was read again", extra=event())
        self._note(INFO, "the configuration was read again")
        kept = changed(self._options, fresh)
        if kept:
            log.warning("some settings that changed take a restart", extra=event(settings=", ".join(kept)))

    def _note(self, severity: str, text: str, detail: str = "") -> None:
        self._watch.changes.chronicle.note(("configuration",), severity, text, detail)


def changed(begun: Options, fresh: Options) -> tuple[str, ...]:
    """The keys of settings that differ from those at the start and are only read there."""
    return tuple(
        option.key
        for option in SETTINGS
        if option.key is not None
        and option.name not in (*_NOW, *_OF_A_RUN)
        and begun.get(option.name) != fresh.get(option.name)
    )
