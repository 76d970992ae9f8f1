"""Our client against moto_server, a service that we did not write.

It finds its metadata service by the header Host: 169.254.169.254, gives one and the same token to everybody, never asks
for it back, and answers 500 where it knows no category. The requests pass through our own server, which keeps them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.imds.asking import Asking, address
from tests.imds.scenarios import Play, Step
from tests.imds.server import Server
from tests.imds.service import TOKEN_HEADER, Answer, Request, Service
from virt_collectors.host.metadata import Client

from .libraries import Said

_TOP = Path(__file__).parents[2]
_HOST = "169.254.169.254"
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
_SECONDS = 60.0
_TRIES = 5
_FACTS = ("state", "instance_type", "instance_id", "profile", "region", "availability_zone_id", "system")
# What it loads a part of itself for: seconds, once.
_SLOW_AT_FIRST = ("/latest/meta-data/system", "/latest/dynamic/instance-identity/document")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """moto_server on loopback; its address."""
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, map(_RUNNING.search, process.stderr)), None)
            if found is None:
                raise LookupError("moto_server does not start")
            yield found[1]
        finally:
            process.terminate()


def through(upstream: str) -> Play:
    """A play that passes each request on, with the header that moto looks for."""

    def play(_service: Service, request: Request) -> Iterator[Step]:
        connection = http.client.HTTPConnection(*address(upstream), timeout=_SECONDS)
        connection.request(request.method, request.path, headers={**request.headers, "Host": _HOST})
        got = connection.getresponse()
        content = got.read()
        connection.close()
        yield Answer(got.status, content, {"Content-Length": str(len(content))}).head() + content

    return play


def ours() -> Said:
    """What our client gets from it, what --json says, and what was asked."""
    with running() as upstream, Server(through(upstream)) as server:
        with Asking(server.endpoint) as asking:
            for path in _SLOW_AT_FIRST:
                asking("GET", path)
        server.requests.clear()
        client = Client((server.endpoint,), patience=(_SECONDS, _SECONDS))
        paths = ("instance-type", "profile", "system", "instance-type")
        answers = [client.get(f"/latest/meta-data/{path}") for path in paths]
        said: Said = {"answers": [(each.status, each.body if each.status == 200 else "") for each in answers]}
        said["requests"] = client.requests
        facts = _facts(server.endpoint)
        said["facts"] = {key: facts.get(key) for key in _FACTS}
        said["without a token"] = [each.path for each in server.requests if _naked(each)]
    return said


def _facts(endpoint: str) -> Said:
    """What --json knows from it; asked again where a busy machine made it miss the deadline."""
    facts: Said = {}
    for _ in range(_TRIES):
        facts = _document(endpoint)["facts"]["imds"] or {}
        if facts.get("state") == "ok":
            break
    return facts


def _document(endpoint: str) -> Said:
    command = [sys.executable, "-m", "virt_agent", "--json", "--sample", "0", "--imds.endpoint", endpoint]
    paths = os.pathsep.join(str(_TOP / name) for name in ("agent", "collectors"))
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": paths})
    document: Said = json.loads(done.stdout)
    return document


def _naked(request: Request) -> bool:
    return request.method != "PUT" and not request.header(TOKEN_HEADER)
