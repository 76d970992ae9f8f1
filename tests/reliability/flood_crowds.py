"""The crowds by name, and what each sends."""

from __future__ import annotations

import base64
import ssl

from .flood import Crowd

_HOST = b"Host: guest.example.org\r\n"
_HEAD = b"GET /check HTTP/1.1\r\n" + _HOST
_FIELDS = b"X-A: b\r\n" * 50
_ENDLESS = b"POST /check HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
_ASK = b"GET /check HTTP/1.1\r\n" + _HOST + b"\r\n"
_SCRAPE = b"GET /metrics HTTP/1.1\r\n" + _HOST + b"\r\n"
_GUESS = b"GET /metrics HTTP/1.1\r\n%sAuthorization: Basic %s\r\n\r\n" % (_HOST, base64.b64encode(b"alice:a guess"))


def hello() -> bytes:
    """The first message of a client that speaks TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="guest.example.org").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("nobody answers here")


_HELLO = hello()

CROWDS = {
    # A byte a second each, for ever.
    "slow lines": Crowd(300, 150, b"G", b"ET /" + b"a" * 20000),
    "slow fields": Crowd(300, 150, _HEAD, _FIELDS),
    "slow bodies": Crowd(300, 150, _ENDLESS, _CHUNK),
    "slow handshakes": Crowd(300, 150, _HELLO[:1], _HELLO[1:]),
    # Nothing at all, or the beginning and then nothing.
    "idle": Crowd(10_000, 2_500),
    "idle from one": Crowd(2_000, 2_000, addresses=1),
    "half a hello": Crowd(2_000, 400, _HELLO[: len(_HELLO) // 2]),
    "a hello": Crowd(2_000, 400, _HELLO),
    "silent on TLS": Crowd(2_000, 400),
    "plain on TLS": Crowd(200, 400, _ASK),
    "TLS on plain": Crowd(200, 400, _HELLO),
    "resets": Crowd(64, 2_000, resets=True),
    "resets in the middle": Crowd(64, 1_000, _HEAD, resets=True),
    # All they can.
    "bodies without end": Crowd(60, 200, _ENDLESS, _CHUNK, len(_CHUNK), 0.01, reads=0),
    "bodies without end from one": Crowd(60, 200, _ENDLESS, _CHUNK, len(_CHUNK), 0.01, reads=0, addresses=1),
    "pipelines from one": Crowd(40, 100, _ASK * 20, _ASK * 20, len(_ASK) * 20, 0.02, addresses=1),
    "pipelines from everywhere": Crowd(100, 300, _ASK * 20, _ASK * 20, len(_ASK) * 20, 0.02),
    "one request each": Crowd(100, 500, _ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), addresses=1),
    # Asking without taking what comes.
    "never read": Crowd(100, 50, _SCRAPE * 10, reads=0, receives=2304),
    "read slowly": Crowd(100, 50, _SCRAPE * 10, reads=1, receives=2304),
    # Wrong passwords.
    "guesses": Crowd(32, 32, _GUESS, _GUESS, len(_GUESS), 0.05, addresses=32),
    "guesses from some": Crowd(32, 64, _GUESS, _GUESS, len(_GUESS), 0.05, addresses=4),
    "guesses from one": Crowd(32, 64, _GUESS, _GUESS, len(_GUESS), 0.05, addresses=1),
    "guesses from everywhere": Crowd(32, 200, _GUESS.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
}
