"""IMDSv2's rules, without sockets (EC2 user guide, "Use the Instance Metadata Service to access instance metadata").

    PUT /latest/api/token   200 with a token for its TTL; 400 without a TTL of 1 to 21600; 403 through a proxy
    PUT /VERSION/api/token  403: only /latest/ gives tokens
    GET, HEAD               200 with a token that is valid now; 401 without; 404 where the instance has nothing
    anything else           405
    switched off            403, always

Version 1 is off, as with HttpTokens=required. Values are text/plain, JSON too; errors are small XHTML pages.
"""

from __future__ import annotations

import base64
import http
import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .answers import Answers, body

TOKEN_PATH = "/latest/api/token"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TTL = 21_600
VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")
_TOKEN_BYTES = 40  # 56 letters in base64, as long as the real ones
_PAGE = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{0}</title></head><body><h1>{0}</h1></body></html>
"""


class Request(NamedTuple):
    """One request as it came: the path with nothing folded, headers by their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    connection: int = 0
    time: float = 0.0

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]

    def head(self) -> bytes:
        """Status line and headers, up to the empty line."""
        reason = http.HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def value(content: bytes, **headers: str) -> Answer:
    """What a path holds; headers by name, with "_" for "-"."""
    return _answer(200, content, "text/plain", headers)


def page(status: int, **headers: str) -> Answer:
    """An error."""
    title = f"{status} - {http.HTTPStatus(status).phrase}"
    return _answer(status, _PAGE.format(title).encode(), "text/html", headers)


def _answer(status: int, content: bytes, kind: str, headers: Mapping[str, str]) -> Answer:
    named = {
        "Content-Type": kind,
        "Server": "EC2ws",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return Answer(status, content, {**named, "Content-Length": str(len(content))})


class Service:
    """One instance's service. `issued` holds all tokens there ever were; it is switched off by `enabled`."""

    def __init__(self, answers: Answers, clock: Callable[[], float]) -> None:
        self.answers = answers
        self.enabled = True
        self.issued: list[str] = []
        self._clock = clock
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """The one right answer."""
        if not self.enabled:
            return page(403)
        if request.method == "PUT":
            return self._token(request)
        if request.method not in ("GET", "HEAD"):
            return page(405, Allow="GET, HEAD, PUT")
        if request.path == TOKEN_PATH:
            return page(405, Allow="PUT")
        return self._value(request.path) if self.valid(request.header(TOKEN_HEADER)) else page(401)

    def _token(self, request: Request) -> Answer:
        if request.header("X-Forwarded-For") is not None or request.path in _VERSIONED:
            return page(403)
        if request.path != TOKEN_PATH:
            return page(405, Allow="GET, HEAD")
        seconds = ttl(request.header(TTL_HEADER))
        if seconds is None:
            return page(400)
        token = base64.urlsafe_b64encode(os.urandom(_TOKEN_BYTES)).decode()
        with self._lock:
            self.issued.append(token)
            self._ends[token] = self._clock() + seconds
        return value(token.encode(), **{TTL_HEADER: str(seconds)})

    def _value(self, path: str) -> Answer:
        version, _, below = path.removeprefix("/").partition("/")
        if path == "/":
            return value("\n".join(VERSIONS).encode())
        known = path.startswith("/") and version in VERSIONS
        found = body(self.answers, below) if known else None
        return page(404) if found is None else value(found.encode())

    def valid(self, token: str | None) -> bool:
        """Whether this is a token of this service, not run out and not revoked."""
        with self._lock:
            return token is not None and self._clock() < self._ends.get(token, float("-inf"))

    def revoke(self) -> None:
        """Forget all tokens, as a service does that was started anew."""
        with self._lock:
            self._ends.clear()


_VERSIONED = frozenset(f"/{version}/api/token" for version in VERSIONS) - {TOKEN_PATH}


def ttl(text: str | None) -> int | None:
    """Seconds for which a token is wanted; None where the header does not say a whole number from 1 to 21600."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 5):
        return None
    return int(text) if 1 <= int(text) <= LONGEST_TTL else None
