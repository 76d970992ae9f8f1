"""The same fleet scraped by a Prometheus in agent mode, which keeps nothing and sends all of it on.

A receiver on loopback takes what comes by remote write, and counts its bytes.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.e2e.programs import prometheus

from .own import cpu_seconds, memory, own_figures

_WARM_SECONDS = 45
_SENT, _FAILED = "prometheus_remote_storage_samples_total", "prometheus_remote_storage_samples_failed_total"


class AgentFigures(NamedTuple):
    """Memory in bytes, processors, and bytes sent for each sample."""

    resident: int
    cores: float
    sent_per_sample: float


NO_AGENT = AgentFigures(0, 0.0, 0.0)


class Received:
    """How much came."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self.bytes += size


def agent_figures(directory: pathlib.Path, seconds: int) -> AgentFigures:
    """By the targets that the other Prometheus had, over as long a time."""
    with _receiving() as (received, url):
        config = json.loads((directory / "prometheus.yml").read_text())
        del config["rule_files"]
        config["remote_write"] = [{"url": url}]
        (directory / "agent.yml").write_text(json.dumps(config))
        with prometheus(directory, "--enable-feature=agent", config="agent.yml", storage="agent") as (address, pid):
            time.sleep(_WARM_SECONDS)
            before, came, cpu, began = own_figures(address), received.bytes, cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            after, more = own_figures(address), received.bytes - came
            if after[_FAILED]:
                raise RuntimeError(f"remote write lost {after[_FAILED]:.0f} samples")
            cores = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
            return AgentFigures(memory(pid)[0], cores, more / (after[_SENT] - before[_SENT]))


@contextlib.contextmanager
def _receiving() -> Iterator[tuple[Received, str]]:
    received = Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            received.add(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False  # its clients keep their connections
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield received, f"http://127.0.0.1:{server.server_port}/write"
        finally:
            server.shutdown()
