"""What asking the metadata service adds to --check, with a service on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from tests.lab.imds import Service

from .rows import Row
from .run import in_turn
from .staged import Staged

LIMIT = 1.3  # the import is nearly all of it, and stands in both


def rows(staged: Staged, runs: int) -> Iterator[Row]:
    """Against what nobody who asks by `requests` can do without: importing it."""
    with serving() as endpoint:
        check = [*staged.whole, "--check", "--sample", "0"]
        commands = {
            "asks": [*check, "--imds.endpoint", endpoint],
            "does not": [*check, "--imds", "off"],
            "imports": staged.code("import requests"),
            "does nothing": staged.code("pass"),
        }
        samples = in_turn(commands, runs)
    mine = samples["asks"].beyond(samples["does not"])
    peer = samples["imports"].beyond(samples["does nothing"])
    what, against = "--check, what the metadata service adds", "what `import requests` adds"
    yield Row(what, mine.over(peer), "x", against, mine.median, peer.median, limit=LIMIT)


@contextmanager
def serving() -> Iterator[str]:
    """The lab's metadata service, on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
