"""--serve: the daemon. It looks once before it says that it listens, and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading

from .. import __version__
from ..options import Options
from ..render import text
from ..serve.server import Server
from ..serve.watch import Watch
from .chosen import chosen, host

DEFAULT_ADDRESS = ":10480"

log = logging.getLogger("virt-agent")


def serve(options: Options) -> int:
    """Serve until told to stop; 0 then."""
    gc.enable()
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=_level(options))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    wanted = chosen(options)
    optional = ("processor", *wanted.with_collectors)
    watch = Watch(
        host(options),
        wanted.selection,
        wanted.without_collectors,
        optional,
    )
    servers = [Server(address, watch) for address in options.get("web.listen-address", [DEFAULT_ADDRESS])]
    found, _ = watch.look()
    log.info("virt-agent %s: %s", __version__, text.headline(found))
    for server in servers:
        threading.Thread(target=server.serve_forever, name=server.address, daemon=True).start()
        log.info("listening on http://%s/ (metrics, check)", server.address)
    watch.readiness.start()
    stop.wait()
    for server in servers:
        server.shutdown()
        server.server_close()
    log.info("stopped")
    return 0


def _level(options: Options) -> int:
    level: int = getattr(logging, str(options.get("log.level", "info")).upper())
    return level
