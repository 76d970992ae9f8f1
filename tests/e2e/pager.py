"""Whom Alertmanager tells: a receiver of its webhooks on loopback, which notes what a person would get.

The form is of Alertmanager's documentation, "webhook_config".
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

FIRING, RESOLVED = "firing", "resolved"


class Message(NamedTuple):
    """One alert in one notification. `where` is the guest, or the zone; `seconds` is since the pager began."""

    seconds: float
    receiver: str
    status: str
    alert: str
    where: str
    text: str
    runbook: str

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s  {self.receiver:8}{self.status:9} {self.text}  [{self.runbook}]"


class Pager:
    """All messages so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.messages: list[Message] = []
        self.broken: list[str] = []
        self._latest: dict[tuple[str, str], str] = {}

    def take(self, receiver: str, body: bytes) -> None:
        """A notification repeats what still fires beside what is new; each change is noted once."""
        try:
            for alert in json.loads(body)["alerts"]:
                self._note(receiver, alert)
        except (ValueError, KeyError, TypeError) as error:
            self.broken.append(f"{error!r} in {body[:200]!r}")

    def _note(self, receiver: str, alert: dict[str, Any]) -> None:
        change = receiver, alert["fingerprint"], alert["status"]
        if self._latest.get(change[:2]) == alert["status"]:
            return
        self._latest[change[:2]] = alert["status"]
        labels, texts = alert["labels"], alert["annotations"]
        where = labels.get("instance") or labels["availability_zone_id"]
        told = (receiver, alert["status"], labels["alertname"], where, texts["summary"], texts["runbook_url"])
        self.messages.append(Message(time.monotonic() - self._began, *told))

    def told(self, status: str, receiver: str) -> set[tuple[str, str]]:
        """Alerts and where, so far."""
        return {
            (one.alert, one.where) for one in tuple(self.messages) if (one.status, one.receiver) == (status, receiver)
        }


@contextlib.contextmanager
def receiving() -> Iterator[tuple[Pager, str]]:
    """A pager, and the URL below which each receiver has its page."""
    pager = Pager()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pager.take(self.path.strip("/"), self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield pager, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
