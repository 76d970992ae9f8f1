"""`python -m tests.fleet.simulator --guests N`: as many guests on one port of loopback, /guest/NUMBER/metrics.

It prints where it listens. One thread: an answer is cut and pasted and takes a fraction of a millisecond, gzip
included, as the agent packs it.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import re
import time

from virt_agent.metrics import negotiate

from .guests import ACCEPT, Guest

_KIND = negotiate(ACCEPT)[1].encode()
_REQUEST = re.compile(rb"GET /guest/(\d{1,7})/metrics HTTP/1\.1\r\n")
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_HEAD_BYTES = 8192


class Fleet:
    """The guests, and the answers to requests for them."""

    def __init__(self, number: int) -> None:
        self._guests = [Guest(each, time.time()) for each in range(number)]

    def answer(self, head: bytes) -> bytes:
        """The response to a request's head."""
        asked = _REQUEST.match(head)
        if asked is None or int(asked[1]) >= len(self._guests):
            return _NOT_FOUND
        body, encoding = self._guests[int(asked[1])].exposition(time.time()), b""
        if b"accept-encoding: gzip" in head.lower():
            body, encoding = gzip.compress(body, compresslevel=1, mtime=0), b"Content-Encoding: gzip\r\n"
        form = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n"
        return form % (_KIND, encoding, len(body)) + body


class Conversation(asyncio.Protocol):
    """One connection, kept open for as long as its client likes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            self._transport.write(self._fleet.answer(head + b"\r\n"))
        if len(self._read) > _HEAD_BYTES:
            self._transport.close()


async def serve(number: int) -> None:
    """Until the process is ended."""
    fleet = Fleet(number)
    server = await asyncio.get_running_loop().create_server(lambda: Conversation(fleet), "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    print(f"listens on {host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, required=True)
    asyncio.run(serve(parser.parse_args().guests))
