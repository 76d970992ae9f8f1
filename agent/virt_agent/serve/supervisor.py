"""What systemd is told of the daemon (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names.

A name that begins with "@" is in the abstract namespace. WATCHDOG_USEC says within which time a service must give a
sign of life, and WATCHDOG_PID which process is meant (sd_watchdog_enabled(3)). A full socket is not waited for; what
systemd waits for is told again with the next sign of life.
"""

from __future__ import annotations

import collections
import os
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_USEC = 1_000_000
_STATUS = 400  # characters
_OWED = 4  # messages: two reloads


class Supervisor:
    """Who started the daemon and wants to know how it fares; nobody, where the environment names none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = address(environment.get("NOTIFY_SOCKET", ""))
        self._socket = None if self._address is None else _opened()
        self._status = ""
        self._owed: collections.deque[str] = collections.deque(maxlen=_OWED)
        self.watchdog_seconds = watchdog_seconds(environment, os.getpid()) if self._socket else None

    def ready(self) -> None:
        """It listens, or goes on with what it loaded."""
        self._surely("READY=1")

    def reloading(self) -> None:
        """It reads its configuration again; the time is what Type=notify-reload waits to see (systemd 253)."""
        self._surely(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """It is about to end."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The watchdog's sign of life."""
        self._catch_up()
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; told where it is another than before."""
        line = "".join(letter if letter.isprintable() else "?" for letter in text[:_STATUS])
        if line != self._status and self._tell(f"STATUS={line}"):
            self._status = line

    def close(self) -> None:
        """Give the socket back; for tests, which go on."""
        if self._socket is not None:
            self._socket.close()

    def _surely(self, message: str) -> None:
        self._owed.append(message)
        self._catch_up()

    def _catch_up(self) -> None:
        while self._owed and self._tell(self._owed[0]):
            self._owed.popleft()

    def _tell(self, message: str) -> bool:
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto(message.encode("utf-8", "replace"), socket.MSG_NOSIGNAL, self._address)
        except OSError:
            return False  # it went away or does not read: nothing that this daemon could mend
        return True


def address(name: str) -> str | bytes | None:
    """The address that NOTIFY_SOCKET names; None where it names none that we know."""
    if name.startswith("@") and len(name) > 1:
        return b"\0" + os.fsencode(name[1:])
    return name if name.startswith("/") else None


def watchdog_seconds(environment: Mapping[str, str], process: int) -> float | None:
    """Within which time the watchdog wants a sign of life; None where it is not on for this process."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if environment.get("WATCHDOG_PID", str(process)) != str(process) or not _number(microseconds):
        return None
    return int(microseconds) / _USEC or None


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


def _opened() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.setblocking(False)
    return made
