"""What asking the metadata service adds to --check, with a service on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from tests.lab.imds import Service

from .rows import Row
from .run import Sample, in_turn

TARGET_MILLISECONDS = 120


def rows(agent: Sequence[str], runs: int) -> Iterator[Row]:
    with serving() as endpoint:
        check = [*agent, "--check", "--sample", "0"]
        samples = in_turn({"asks": [*check, "--imds.endpoint", endpoint], "does not": [*check, "--imds", "off"]}, runs)
    asks, plain = samples["asks"], samples["does not"]
    added = Sample(tuple((a - b) * 1000 for a, b in zip(asks.values, plain.values, strict=True)))
    yield Row(
        "--check, what the metadata service adds",
        added,
        "ms",
        "--imds off",
        asks.median,
        plain.median,
        TARGET_MILLISECONDS,
    )


@contextmanager
def serving() -> Iterator[str]:
    """The lab's metadata service, on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
