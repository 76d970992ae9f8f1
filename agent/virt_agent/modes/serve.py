"""--serve: the daemon. It looks once before it says that it listens, and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time

from .. import __version__
from ..options import Options
from ..render import text
from ..serve import logs
from ..serve.daemon import Daemon
from ..serve.server import Server
from ..serve.supervisor import Supervisor
from ..serve.watch import OPTIONAL, Watch
from ..serve.web.access import Access
from .chosen import chosen, host

log = logging.getLogger("virt-agent")


def serve(options: Options) -> int:
    """Serve until told to stop; 0 then."""
    gc.enable()
    _keep_to_utc()
    wanted = chosen(options)
    supervisor = Supervisor(os.environ)
    writing = logs.begin(options.settled("log.level"), os.environ)
    try:
        watch = Watch(
            host(options),
            wanted.selection,
            wanted.without_collectors,
            (*OPTIONAL, *wanted.with_collectors),
            tell=lambda report: supervisor.status(text.headline(report)),
        )
        log.info("virt-agent begins", extra=logs.fields(version=__version__, root=options.get("root")))
        requests, addresses = options.settled("web.max-requests"), options.settled("web.listen-address")
        access = Access(options.get("web.config.file"), requests)
        with contextlib.ExitStack() as unless_all:  # else the file of a unix socket would stay
            servers = [unless_all.enter_context(Server(address, watch, access, requests)) for address in addresses]
            unless_all.pop_all()
        Daemon(options, watch, servers, access, supervisor).run()
    finally:
        writing.end()
    return 0


def _keep_to_utc() -> None:
    """All times are told in UTC; else strftime(3) looks at /etc/localtime each time, which may lie on a disk that hangs."""
    os.environ["TZ"] = "UTC0"
    time.tzset()
