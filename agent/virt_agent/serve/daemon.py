"""The daemon's life: it becomes ready, gives signs of life, reloads, and ends.

The main loop reads nothing and waits for nobody, so that a disk or a collector that hangs stops no sign of life: systemd
would restart the one program that reports it. The signs follow this loop and the listeners alone.
"""

from __future__ import annotations

import logging
import threading
import time

from . import resident
from .logs import fields
from .preload import preload
from .reload import Reloading
from .signals import Signals
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..options import Options
    from .server import Server
    from .watch import Watch
    from .web.access import Access

log = logging.getLogger("virt-agent")

TURN_SECONDS = 5.0  # of the main loop, and between two looks at certificates
_RELOAD_SECONDS = 10.0  # after which systemd is not kept waiting for a reload that hangs
_END_SECONDS = 3.0  # for what is under way
_CLOSE_SECONDS = 0.5  # for the sockets after that


class Daemon:
    """The threads of the process, and the loop that looks after them."""

    def __init__(
        self, options: Options, watch: Watch, servers: Sequence[Server], access: Access, supervisor: Supervisor
    ) -> None:
        self._watch = watch
        self._servers = servers
        self._supervisor = supervisor
        self.signals = Signals()
        self._reloading = Reloading(options, watch, access.refresh, self._reloaded)
        self._reload_until: float | None = None  # while systemd waits for its end
        self._reload_ended = False
        self._looked = False
        self._failure: Exception | None = None
        self._ready = False
        self._quiet: tuple[str, ...] = ()  # listeners that give no sign of life
        watchdog = supervisor.watchdog_seconds
        self._pause = min(watchdog / 4, TURN_SECONDS) if watchdog else TURN_SECONDS
        self._patience = watchdog / 2 if watchdog else 2 * TURN_SECONDS

    def run(self) -> None:
        """Until a signal ends it; raises what went wrong before it was ready."""
        self.signals.listen()
        threading.Thread(target=self._begin, name="begin", daemon=True).start()
        try:
            while not self.signals.stop:
                self.turn()
                self.signals.wait(self._pause)
        finally:
            self._end()

    def _begin(self) -> None:
        """Whatever may take long before it is ready, where SIGTERM need not wait for it."""
        try:
            preload()
            self._watch.look()
            resident.keep()  # where it may; without, a hung disk is only likely to be survived
        except Exception as error:  # noqa: BLE001 - the main loop raises it
            self._failure = error
        self._looked = True
        self.signals.wake()

    def turn(self) -> None:
        """One turn of the main loop."""
        if self._failure:
            raise self._failure
        if not self._ready:
            if self._looked:
                self._open()
            return
        if self.signals.take_reload():
            self._supervisor.reloading()
            self._reload_ended = False  # or an end that came late would count as that of this one
            self._reload_until = time.monotonic() + _RELOAD_SECONDS
            self._reloading.ask()
        self._look_after_reload()
        if self._listeners_live():
            self._supervisor.alive()

    def _open(self) -> None:
        for server in self._servers:
            server.beat = time.monotonic()
            threading.Thread(target=server.serve_forever, name=f"listen {server.address}", daemon=True).start()
            log.info("virt-agent listens", extra=fields(address=server.url))
        self._watch.start()
        self._reloading.start()
        threading.Thread(target=self._refresh, name="certificates", daemon=True).start()
        self._ready = True
        self._supervisor.ready()

    def _refresh(self) -> None:
        """Takes certificates and users that were renewed; the log tells what is wrong with them."""
        while True:
            time.sleep(TURN_SECONDS)
            try:
                self._reloading.refresh()
            except Exception:
                log.exception("an internal error with the web configuration; please report it")

    def _reloaded(self) -> None:
        """In the thread of the reload."""
        self._reload_ended = True
        self.signals.wake()

    def _look_after_reload(self) -> None:
        if self._reload_until is None:
            return
        if not self._reload_ended:
            if time.monotonic() < self._reload_until:
                return
            log.error("the configuration cannot be read yet, and the one before stays in force; does its disk hang?")
        self._reload_until, self._reload_ended = None, False
        self._supervisor.ready()

    def _listeners_live(self) -> bool:
        now = time.monotonic()
        quiet = tuple(server.address for server in self._servers if now - server.beat > self._patience)
        if quiet and quiet != self._quiet:
            log.error("a listener takes no connections any more", extra=fields(address=", ".join(quiet)))
        self._quiet = quiet
        return not quiet

    def _end(self) -> None:
        """No new requests; those under way have a moment."""
        self._supervisor.stopping()
        log.info("virt-agent ends")
        until = time.monotonic() + _END_SECONDS
        closing = [
            threading.Thread(target=_close, args=(server, self._ready, until), daemon=True) for server in self._servers
        ]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(max(until + _CLOSE_SECONDS - time.monotonic(), 0.0))


def _close(server: Server, accepting: bool, until: float) -> None:
    if accepting:
        server.shutdown()
    while len(server.connections) and time.monotonic() < until:
        server.connections.close_waiting()
        time.sleep(0.02)
    server.server_close()
