"""Requests that nobody well-behaved sends, with the codes of the answers that each gets before the connection is closed.

RFC 9112 is HTTP/1.1's form, RFC 9110 its meaning. No code of the 5xx but 505 may come: an error of ours is one even
where the client is to blame. `HIDDEN` is a request that must not be answered where it lies in the body of another.
"""

from __future__ import annotations

from typing import NamedTuple

HIDDEN = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
_HOST = b"Host: guest.example.org\r\n"
_GET = b"GET /-/healthy HTTP/1.1\r\n" + _HOST
_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)


class Case(NamedTuple):
    """Bytes, after which the client sends nothing more; `codes` are () where it is hung up on without a word."""

    what: str
    sent: bytes
    codes: tuple[int, ...]


def _asked(what: str, fields: bytes, code: int, behind: bytes = b"") -> Case:
    return Case(what, _GET + fields + b"\r\n" + behind, (code,))


def _line(what: str, line: bytes, *codes: int) -> Case:
    return Case(what, line + b"\r\n" + _HOST + b"\r\n", codes)


# RFC 9112, sections 2 and 3
LINES = (
    _line("a NUL in the method", b"G\0T /-/healthy HTTP/1.1", 400),
    _line("a NUL in the target", b"GET /-/heal\0thy HTTP/1.1", 400),
    _line("a vertical tab for a blank", b"GET\x0b/-/healthy\x0bHTTP/1.1", 400),
    _line("tabs for blanks", b"GET\t/-/healthy\tHTTP/1.1", 400),
    _line("a no-break space for a blank", b"GET /-/healthy\xa0HTTP/1.1", 400),
    _line("a bare CR in the line", b"GET /-/healthy HTTP/1.1\rX: y", 400),
    _line("an escape sequence", b"GET /\x1b[2J HTTP/1.1", 400),
    _line("four words", b"GET /-/healthy and HTTP/1.1", 400),
    _line("no version that is one", b"GET /-/healthy HTTP/one", 400),
    _line("a version of three numbers", b"GET /-/healthy HTTP/1.1.1", 400),
    _line("a version of 5,000 digits", b"GET /-/healthy HTTP/1." + b"1" * 5000, 400),
    _line("another protocol", b"GET /-/healthy RTSP/1.0", 400),
    _line("HTTP/2 without asking", b"PRI * HTTP/2.0", 505),
    _line("a version to come", b"GET /-/healthy HTTP/9.1", 505),
    _line("a method in small letters", b"get /-/healthy HTTP/1.1", 405),
    _line("CONNECT", b"CONNECT evil.example:22 HTTP/1.1", 405),
    _line("the asterisk", b"OPTIONS * HTTP/1.1", 405),
    _line("TRACE", b"TRACE / HTTP/1.1", 405),
    _line("the asterisk for GET", b"GET * HTTP/1.1", 404),
    _line("the absolute form", b"GET http://evil.example/-/healthy HTTP/1.1", 200),
    _line("the absolute form in capitals", b"GET HTTP://evil.example/-/healthy HTTP/1.1", 200),
    _line("a method of 64 KB", b"G" * 65536 + b" /-/healthy HTTP/1.1", 431),
    _line("a target of 64 KB", b"GET /" + b"a" * 65536 + b" HTTP/1.1", 431),
    Case("HTTP/0.9 for another method", b"HELO example.org\r\n", (400,)),
    Case("another protocol's greeting", b"SSH-2.0-OpenSSH_9.2\r\n", (400,)),
    Case("the beginning of a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\n", (400,)),
    Case("a line without its end", b"GET /-/healthy HTTP/1.1", (400,)),
    Case("a line of blanks", b"   \r\n", ()),
    Case("an empty line", b"\r\n", ()),
    Case("nothing", b"", ()),
)  # fmt: skip

# RFC 9112, sections 2.2, 3.2 and 5
FIELDS = (
    Case("bare LF for each end", _GET.replace(b"\r\n", b"\n") + b"\n", (200,)),
    _asked("a blank before the colon", b"X : y\r\n", 400),
    _asked("a blank in a name", b"X Y: z\r\n", 400),
    _asked("no name", b": y\r\n", 400),
    _asked("no colon", b"X\r\n", 400),
    _asked("a name of no ASCII", b"X\xe9: y\r\n", 400),
    _asked("a NUL in a name", b"X\0: y\r\n", 400),
    _asked("a NUL in a value", b"X: y\0\r\n", 400),
    _asked("a bare CR in a value", b"X: y\rZ: y\r\n", 400),
    _asked("a bare CR before an end", b"X: y\r\r\n", 400),
    _asked("a value that is folded", b"X: y\r\n z\r\n", 400),
    Case("a first field that is folded", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", (400,)),
    _asked("a letter's envelope", b"From me Mon Jan  1 00:00:00 2024\r\n", 400),
    Case("fields without an end", _GET + b"X: y\r\nZ", (400,)),
    Case("no Host", b"GET /-/healthy HTTP/1.1\r\n\r\n", (400,)),
    _asked("two Hosts", b"Host: localhost\r\n", 400),
    Case("no Host in HTTP/1.0, which had none", b"GET /-/healthy HTTP/1.0\r\n\r\n", (200,)),
    _asked("101 fields", b"X: y\r\n" * 101, 431),
    _asked("a field of 32 KB", b"X: " + b"y" * 32768 + b"\r\n", 431),
    _asked("a name of 32 KB", b"X" * 32768 + b": y\r\n", 431),
    _asked("messages in messages, a thousand deep", b"Content-Type: message/rfc822\r\r" * 1000 + b"\r\n", 400),
    _asked("a message in parts", b"Content-Type: multipart/mixed; boundary=x\r\n", 200),
    _asked("a wish for another protocol", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n", 200),
    _asked("a wish to be told to go on", b"Expect: 100-continue\r\n", 200),
    _asked("30 KB of what it accepts", b"Accept: " + b"," * 30000 + b"\r\n", 200),
    _asked("30 KB of packings", b"Accept-Encoding: " + b"gzip;q=0," * 3000 + b"\r\n", 200),
    _asked("3,000 ranges", b"Range: bytes=" + b"0-0," * 3000 + b"0-\r\n", 200),
    _asked("conditions", b"If-None-Match: *\r\nIf-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\nIf-Match: x\r\n", 200),
)  # fmt: skip

# RFC 9112, sections 6 and 11.2: what lies behind is a body, or the connection ends
BODIES = (
    _asked("a length", b"Content-Length: %d\r\n" % len(HIDDEN), 200, HIDDEN),
    _asked("no length, which is 0", b"Content-Length: 0\r\n", 200, HIDDEN),
    _asked("a negative length", b"Content-Length: -1\r\n", 400, HIDDEN),
    _asked("a length with a sign", b"Content-Length: +5\r\n", 400, HIDDEN),
    _asked("a length in hexadecimal", b"Content-Length: 0x10\r\n", 400, HIDDEN),
    _asked("a length that is empty", b"Content-Length:\r\n", 400, HIDDEN),
    _asked("a length of no digits", b"Content-Length: \xb2\r\n", 400, HIDDEN),
    _asked("a length of 10,000 digits", b"Content-Length: " + b"9" * 10000 + b"\r\n", 200, HIDDEN),
    _asked("two lengths in one", b"Content-Length: 5, 5\r\n", 400, HIDDEN),
    _asked("two lengths", b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(HIDDEN), 400, HIDDEN),
    _asked("an empty length and another", b"Content-Length:\r\nContent-Length: 0\r\n", 400, HIDDEN),
    _asked("chunks", b"Transfer-Encoding: chunked\r\n", 200, _CHUNK),
    _asked("chunks and a length", b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400, _CHUNK),
    _asked("a coding that nobody knows", b"Transfer-Encoding: xchunked\r\n", 200, HIDDEN),
    _asked("an empty coding and chunks", b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", 200, _CHUNK),
    _asked("a coding behind a blank", b"Transfer-Encoding : chunked\r\n", 400, _CHUNK),
    _asked("a coding in a fold", b"X: y\r\n Transfer-Encoding: chunked\r\n", 400, _CHUNK),
    _asked("a coding behind a line that is none", b"X y\r\nTransfer-Encoding: chunked\r\n", 400, _CHUNK),
    _asked("a coding behind a bare CR", b"X: y\r\r\nTransfer-Encoding: chunked\r\n", 400, _CHUNK),
    _asked("a chunk of a negative size", b"Transfer-Encoding: chunked\r\n", 200, b"-1\r\n" + HIDDEN),
    Case("HTTP/1.0 that is kept, with a length", b"GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n" + HIDDEN, (200,)),
    Case("HEAD with a body", _GET.replace(b"GET", b"HEAD") + b"Content-Length: 5\r\n\r\n" + HIDDEN, (200,)),
    Case("POST without a length", _GET.replace(b"GET", b"POST") + b"\r\n" + HIDDEN, (405,)),
    Case("DELETE in chunks", _GET.replace(b"GET", b"DELETE") + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK, (405,)),
)  # fmt: skip


def _path(what: str, path: bytes, code: int = 404) -> Case:
    return Case(what, b"GET " + path + b" HTTP/1.1\r\n" + _HOST + b"\r\n", (code,))


# Nothing is decoded, and nothing is a file.
PATHS = (
    _path("upwards", b"/../../../../etc/passwd"),
    _path("upwards from a path there is", b"/metrics/../../etc/passwd"),
    _path("upwards in hexadecimal", b"/%2e%2e/%2e%2e/etc/passwd"),
    _path("upwards in hexadecimal of hexadecimal", b"/%252e%252e/etc/passwd"),
    _path("upwards by backslashes", b"/..\\..\\etc\\passwd"),
    _path("a dot that is too long by a byte", b"/%c0%ae%c0%ae/etc/passwd"),
    _path("the same in bytes", b"/\xc0\xae\xc0\xae/etc/passwd", 400),
    _path("a path in UTF-8", "/métriques".encode(), 400),
    _path("a NUL in hexadecimal", b"/metrics%00.html"),
    _path("a letter in hexadecimal", b"/%6detrics"),
    _path("a line's end in hexadecimal", b"/metrics%0d%0aX-Evil:%20y"),
    _path("a slash behind", b"/metrics/"),
    _path("two slashes behind", b"/metrics//"),
    _path("a dot before", b"/./metrics"),
    _path("two slashes before, which http.server takes for one", b"//-/healthy", 200),
    _path("a parameter", b"/metrics;x=y"),
    _path("a query", b"/-/healthy?../../etc/passwd", 200),
    _path("a fragment", b"/metrics#x"),
    _path("no path", b"?x"),
    _path("a path of 20 KB", b"/" + b"../" * 7000),
    _path("upwards in the absolute form", b"http://localhost/../etc/passwd"),
    _path("another scheme", b"file:///etc/passwd"),
    _path("a name without a path", b"http://localhost", 200),
)  # fmt: skip

ALL = (*LINES, *FIELDS, *BODIES, *PATHS)


class Claim(NamedTuple):
    """A request for /check from loopback: whether it counts as one from this machine; None where it is refused."""

    what: str
    line: bytes
    fields: bytes
    local: bool | None


def _claim(what: str, fields: bytes, local: bool | None, line: bytes = b"GET /check HTTP/1.1") -> Claim:
    return Claim(what, line, fields, local)


def _behind(what: str, field: bytes, local: bool | None = False) -> Claim:
    return _claim(what, b"Host: localhost\r\n" + field + b"\r\n", local)


# What docs/web.md says under "Who sees what".
CLAIMS = (
    _claim("localhost", b"Host: localhost:10480\r\n", True),
    _claim("LOCALHOST", b"Host: LOCALHOST\r\n", True),
    _claim("loopback", b"Host: 127.0.0.1:1\r\n", True),
    _claim("another loopback", b"Host: 127.8.9.10\r\n", True),
    _claim("IPv6's loopback", b"Host: [::1]:80\r\n", True),
    _claim("IPv4's loopback in IPv6", b"Host: [::ffff:127.0.0.1]\r\n", True),
    _claim("another name", b"Host: evil.example\r\n", False),
    _claim("another name that begins so", b"Host: localhost.evil.example\r\n", False),
    _claim("another name that begins with an address", b"Host: 127.0.0.1.evil.example\r\n", False),
    _claim("a zone", b"Host: 127.0.0.1%evil.example\r\n", False),
    _claim("something behind a bracket", b"Host: [::1].evil.example\r\n", False),
    _claim("a user before the name", b"Host: evil@localhost\r\n", False),
    _claim("the unspecified address", b"Host: 0.0.0.0\r\n", False),
    _claim("no name", b"Host:\r\n", False),
    _claim("no Host", b"", None),
    _claim("two names", b"Host: localhost\r\nHost: evil.example\r\n", None),
    _claim("another name in the target", b"Host: localhost\r\n", False, b"GET http://evil.example/check HTTP/1.1"),
    _claim("localhost in the target", b"Host: evil.example\r\n", True, b"GET http://localhost/check HTTP/1.1"),
    _claim("HTTP/1.0", b"Host: localhost\r\n", False, b"GET /check HTTP/1.0"),
    _claim("HTTP/1.2", b"Host: localhost\r\n", False, b"GET /check HTTP/1.2"),
    _behind("passed on for a stranger", b"X-Forwarded-For: 192.0.2.7"),
    _behind("passed on for loopback", b"X-Forwarded-For: 127.0.0.1"),
    _behind("passed on for nobody", b"X-Forwarded-For:"),
    _behind("passed on for nobody, and then a stranger", b"X-Forwarded-For:\r\nX-Forwarded-For: 192.0.2.7"),
    _behind("passed on, in small letters", b"x-forwarded-for: 192.0.2.7"),
    _behind("passed on, RFC 7239", b"Forwarded:\r\nForwarded: for=192.0.2.7"),
    _behind("passed on, Via", b"Via: 1.1 proxy"),
    _behind("passed on, X-Real-IP", b"X-Real-IP: 127.0.0.1"),
    _behind("passed on behind a line that is none", b"X y: z\r\nX-Forwarded-For: 192.0.2.7", None),
    _behind("passed on behind a bare CR", b"X: y\r\r\nX-Forwarded-For: 192.0.2.7", None),
    _behind("passed on behind a blank", b"X-Forwarded-For : 192.0.2.7", None),
    _behind("passed on in a fold", b"X: y\r\n X-Forwarded-For: 192.0.2.7", None),
)  # fmt: skip


class Reply(NamedTuple):
    """One answer; header names in small letters."""

    code: int
    headers: dict[str, str]
    body: bytes


def replies(raw: bytes, heads: tuple[int, ...] = ()) -> list[Reply]:
    """All that came until the end, taken apart by lengths; ValueError where a byte is left. `heads` answer HEAD."""
    found: list[Reply] = []
    while raw:
        head, end, raw = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        if not end or not status.startswith("HTTP/1.1 "):
            raise ValueError(f"{head[:60]!r} is no answer")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = 0 if len(found) in heads else int(headers["content-length"])
        if len(raw) < length:
            raise ValueError(f"an answer ends {length - len(raw)} bytes early")
        found.append(Reply(int(status.split()[1]), headers, raw[:length]))
        raw = raw[length:]
    return found


def wrong(case: Case, raw: bytes) -> str | None:
    """What is wrong with the answer to a case; None where nothing is."""
    try:
        found = replies(raw, heads=(0,) if case.sent.startswith(b"HEAD") else ())
    except ValueError as error:
        return f"{case.what}: {error}"
    codes = tuple(reply.code for reply in found)
    if codes != case.codes:
        return f"{case.what}: answered {codes}, not {case.codes}"
    if any("evil" in name + value for reply in found for name, value in reply.headers.items()):
        return f"{case.what}: a header repeats what the client sent"
    return None
