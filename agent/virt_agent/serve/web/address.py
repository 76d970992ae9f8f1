"""Where to listen: HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat

from virt_collectors.record import Record

from ...option_table import UsageError

FLAG = "--web.listen-address"
_UNIX = "unix:"
_LONGEST_PATH = 107  # bytes of sun_path without its end, unix(7)
_UNIX_MODE = 0o660
_NAME_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
_FORMS = "HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH"


class Place(Record):
    """A listening address taken apart; `path` of a unix socket, else host ("" is all) and port."""

    host: str = ""
    port: int = 0
    path: str | None = None


def parse_place(address: str) -> Place:
    """The place that an address names."""
    if address.startswith(_UNIX):
        return Place(path=_socket_path(address))
    return Place(*parse_address(address))


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of ":10480", "127.0.0.1:10480" or "[::1]:10480"; an empty host means all."""
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65535:
        raise UsageError(f"{FLAG}: {address!r} is not {_FORMS}")
    if host.startswith("[") and host.endswith("]"):
        return _ipv6(host[1:-1], address), int(port)
    if not set(host) <= _NAME_LETTERS:
        raise UsageError(f"{FLAG}: {address!r} is not {_FORMS}")
    return host, int(port)


def _ipv6(host: str, address: str) -> str:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise UsageError(f"{FLAG}: {address!r}: {host!r} is no IPv6 address") from None
    return host


def _socket_path(address: str) -> str:
    path = address[len(_UNIX) :]
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise UsageError(f"{FLAG}: {address!r}: a unix socket has an absolute path, as unix:/run/virt-agent/http.sock")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise UsageError(f"{FLAG}: {address!r}: the path is longer than {_LONGEST_PATH} bytes")
    return path


def family(place: Place) -> socket.AddressFamily:
    """The socket's family; one for IPv6 takes IPv4 too where the host is all."""
    if place.path is not None:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in place.host or (not place.host and _has_ipv6()) else socket.AF_INET


def bind_tcp(listener: socket.socket, place: Place) -> None:
    """Bind to "all" for IPv4 too, and at once again after a restart (TIME_WAIT)."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(place.host)))
    listener.bind((place.host, place.port))


def bind_unix(listener: socket.socket, path: str) -> tuple[int, int]:
    """Bind, for owner and group alone, in the place of a dead daemon's socket; the new file's device and inode.

    Nobody connects between bind(2) and chmod(2): there is no listen(2) yet.
    """
    _clear(path)
    listener.bind(path)
    os.chmod(path, _UNIX_MODE)
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _clear(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "something that is no socket is there; it is left alone")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(path)
    if refused != errno.ECONNREFUSED:
        why = "another process listens there" if refused in (0, errno.EAGAIN) else os.strerror(refused)
        raise OSError(errno.EADDRINUSE, why)
    os.unlink(path)


def remove_unix(path: str, identity: tuple[int, int]) -> None:
    """Take the socket's file away, unless it is another by now or went already."""
    try:
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)
    except FileNotFoundError:
        return


def url(scheme: str, place: Place, bound: object) -> str:
    """Under which address it is reached from here; `bound` is what getsockname(2) says."""
    return f"{_UNIX}{place.path}" if place.path is not None else f"{scheme}://{reached(bound)}/"


def reached(bound: object) -> str:
    """HOST:PORT under which a TCP socket is reached from here."""
    assert isinstance(bound, tuple)
    host, port = str(bound[0]), int(bound[1])
    host = {"::": "localhost", "0.0.0.0": "localhost"}.get(host, host)  # noqa: S104 - told, not bound
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """An address of this machine to itself: 127.0.0.0/8 or ::1, also as ::ffff:127.0.0.1."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def neighbourhood(host: str) -> str:
    """Whom to count as one client: an IPv4 address, or the /64 of an IPv6 one, which a single host has whole."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
