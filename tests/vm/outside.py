"""Scrapes of the daemon from outside the machine, by the port that QEMU forwards: no loopback for the daemon."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request

PATHS = ("/metrics", "/check", "/", "/-/healthy", "/-/ready", "/nothing")
SCRAPES = 20
LIMIT_SECONDS = 30.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def look(port: int) -> dict[str, object]:
    """Each path once, then `/metrics` as Prometheus asks for it, many times."""
    told: dict[str, object] = {}
    for path in PATHS:
        told[path] = code, _ = fetch(port, path)
        if not code:
            return told  # the next would only wait for the time limit, too
    began = time.monotonic()
    answers = [fetch(port, "/metrics", OPENMETRICS) for _ in range(SCRAPES)]
    told["scrapes"] = {
        "codes": sorted({code for code, _ in answers}),
        "seconds": round((time.monotonic() - began) / SCRAPES, 3),
        "ended": all(body.endswith("# EOF\n") for _, body in answers),
    }
    return told


def fetch(port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Status and body; 0 and the reason where none came."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=LIMIT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def tell(port: int, seen: dict[str, object]) -> None:
    """The course inside waits for this on its own forwarded port."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as connection:
        connection.sendall(json.dumps(seen).encode())
