"""Crowds of clients that are slow, silent, greedy or gone, while the daemon is scraped."""

from __future__ import annotations

import functools
from typing import NamedTuple

from .daemon import Running
from .flood import TOP, flooded
from .hostility_siege import BUSY, HUNG_UP, MOST_SECONDS, Around, besieged
from .promise import Bench, Promise

_SECONDS, _LONG_SECONDS = 2.0, 60.0
_SERVED = f"both scrapers get 200 within {MOST_SECONDS:.0f} s each time; threads, descriptors and memory are bounded"
_CERTIFICATES = TOP / "tests" / "web"
TLS = f"""tls_server_config:
  cert_file: {_CERTIFICATES}/server.pem
  key_file: {_CERTIFICATES}/server.key
"""


class Siege(NamedTuple):
    """Crowds that come one after the other, for so long each."""

    done: str
    crowds: tuple[str, ...]
    secure: bool = False
    seconds: float = _SECONDS
    codes: tuple[int, ...] = (200,)
    promised: str = _SERVED


SIEGES = (
    Siege("300 connections that send a byte a second each, and come again when hung up on: request lines, fields, bodies",
          ("slow lines", "slow fields", "slow bodies")),
    Siege("300 TLS handshakes of a byte a second each", ("slow handshakes",), secure=True),
    Siege("10,000 idle connections from 5,000 addresses", ("idle",), seconds=4.0),
    Siege("thousands of idle connections from one address", ("idle from one",)),
    Siege("thousands of TLS connections that say nothing, half a ClientHello, or one and nothing then",
          ("silent on TLS", "half a hello", "a hello"), secure=True),
    Siege("HTTP to the TLS port", ("plain on TLS",), secure=True),
    Siege("TLS to the HTTP port", ("TLS on plain",)),
    Siege("connections that are reset at once, and in the middle of a request", ("resets", "resets in the middle")),
    Siege("bodies without end, from many addresses and from one", ("bodies without end", "bodies without end from one")),
    Siege("40 connections of one address that pipeline requests as fast as they can", ("pipelines from one",)),
    Siege("100 connections from 100 addresses that pipeline requests as fast as they can", ("pipelines from everywhere",),
          codes=(200, BUSY, HUNG_UP), promised=f"each scrape gets 200, 503 or the end within {MOST_SECONDS:.0f} s,"
          " and 200 again when it is over"),
    Siege("500 connections a second with a request each, from one address", ("one request each",)),
    Siege("100 clients that ask and never read", ("never read",)),
    Siege("100 clients that read a byte at a time", ("read slowly",)),
)  # fmt: skip


def _run(siege: Siege, bench: Bench) -> str:
    around = Around(configured(bench, TLS) if siege.secure else (), codes=siege.codes)
    return besieged(bench, lambda running: _attack(siege, bench, running), around)


def _attack(siege: Siege, bench: Bench, running: Running) -> str:
    seconds = _LONG_SECONDS if bench.long else siege.seconds
    figures = [flooded(bench, name, running.port, seconds) for name in siege.crowds]
    return f"{sum(one.opened for one in figures):,} connections in {seconds * len(figures):.0f} s"


def configured(bench: Bench, text: str) -> tuple[str, ...]:
    """Arguments for a daemon with this web configuration."""
    path = bench.scratch / "web.yml"
    path.write_text(text)
    return ("--web.config.file", str(path))


PROMISES = tuple(Promise("hostility", siege.done, siege.promised, functools.partial(_run, siege)) for siege in SIEGES)
