"""The plainest client, http.client's, for those who judge the server."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, NamedTuple

from .service import LONGEST_TTL, TOKEN_HEADER, TOKEN_PATH, TTL_HEADER

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 20.0


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Asking:
    """One connection that is kept."""

    def __init__(self, endpoint: str, patience: float = PATIENCE) -> None:
        self.connection = http.client.HTTPConnection(*address(endpoint), timeout=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.connection.close()

    def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Got:
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return Got(answer.status, dict(answer.getheaders()), answer.read())

    def token(self, seconds: int = LONGEST_TTL) -> dict[str, str]:
        """The header that a new token makes."""
        got = self("PUT", TOKEN_PATH, {TTL_HEADER: str(seconds)})
        assert got.status == 200, got
        return {TOKEN_HEADER: got.body.decode()}


def address(endpoint: str) -> tuple[str, int]:
    """Host and port."""
    host, _, port = endpoint.removeprefix("http://").rpartition(":")
    return host.strip("[]"), int(port)
