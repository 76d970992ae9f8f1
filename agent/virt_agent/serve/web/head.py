"""The head of a request as RFC 9112 has it: which lines http.server may see, and which fields it may believe.

http.server hands the fields to Python's parser of mail, which is as lenient as mail must be: from the first line that is
no field on, all is text, and a bare CR ends a line too. What a proxy adds at the end, who asked or where a body ends,
would be lost behind such a line. So each line is looked at before; what is not of the form is answered 400.
"""

from __future__ import annotations

import io

from .address import is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from email.message import Message

    from .reader import Reader

_ENDS = (b"\r\n", b"\n")  # section 2.2 allows the bare one
_VISIBLE = bytes(range(0x21, 0x7F))
_TOKEN = bytes(set(_VISIBLE) - set(b'"(),/:;<=>?@[\\]{}'))
_VALUE = b"\t " + _VISIBLE + bytes(range(0x80, 0x100))
_DIGITS = frozenset("0123456789")
_SCHEMES = ("http", "https")


class Misformed(Exception):
    """A line that no request may have, or its end where no end may be."""


class Lines(io.BufferedReader):
    """The lines of a connection's requests, each of which is of the form or Misformed."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self._reader = reader
        self._read = 0
        self._among_fields = False

    def expect(self, patience: float) -> None:
        """From now on it is a new request, which may lie here already, in part or whole."""
        self._among_fields = False
        self._reader.expect(patience, begun=self._reader.count > self._read)

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line; b"" where the client ended instead of asking."""
        line = super().readline(size)
        self._read += len(line)
        if not (line or self._among_fields):
            return line
        fits = (is_field(line) or line in _ENDS) if self._among_fields else is_request_line(line)
        self._among_fields = True
        if not fits:
            raise Misformed
        return line


def is_request_line(line: bytes) -> bool:
    """Words between single blanks (section 3); whether they are the right ones, http.server sees."""
    return line.endswith(b"\n") and not _without_end(line).translate(None, _VISIBLE + b" ")


def is_field(line: bytes) -> bool:
    """field-name ":" OWS field-value OWS (section 5), neither folded (5.2) nor with a blank before the colon (5.1)."""
    name, colon, value = _without_end(line).partition(b":")
    strange = name.translate(None, _TOKEN) + value.translate(None, _VALUE)
    return line.endswith(b"\n") and bool(name and colon) and not strange


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def is_certain(fields: Message, version: str) -> bool:
    """Whether it is certain for whom it is, by one Host (section 3.2), and where it ends (6.3)."""
    hosts, lengths = fields.get_all("Host", ()), set(fields.get_all("Content-Length", ()))
    return (
        len(hosts) <= 1
        and (len(hosts) == 1 or version < "HTTP/1.1")
        and all(length.strip(" \t") and set(length.strip(" \t")) <= _DIGITS for length in lengths)
        and len(lengths) + ("Transfer-Encoding" in fields) <= 1
    )


def target(path: str, host: str) -> tuple[str, str]:
    """The name under which is asked, and the path; Host counts for nothing where the target names one (3.2.2)."""
    path = path.partition("?")[0]
    scheme, mark, rest = path.partition("://")
    if mark and scheme.lower() in _SCHEMES:
        host, _, path = rest.partition("/")
        return host, f"/{path}"
    return host, path


def is_own_name(host: str) -> bool:
    """Whether NAME or NAME:PORT is this machine's name for itself: localhost or a loopback address."""
    name, colon, port = host.rpartition(":")
    if not colon or not set(port) <= _DIGITS:
        name = host
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name.lower() == "localhost" or ("%" not in name and is_loopback(name))
