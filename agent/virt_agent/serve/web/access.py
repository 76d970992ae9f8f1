"""Who may ask, and how the connection is secured: the web configuration, in force and read again when it changes.

The terms in force are one immutable record, put in place whole. Renewed certificates and changed users are taken
without a restart; what is wrong leaves the old terms in force, and so does a file that would take protection away
(an editor that empties it first): that needs a restart.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from virt_collectors.errors import SourceError
from virt_collectors.host.live import read
from virt_collectors.record import Record

from ...option_table import UsageError
from . import document, hashes, settings
from .connections import MAX_REQUESTS
from .passwords import RIGHT, WRONG, Gate, Passwords

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl

    from .hashes import Hasher
    from .settings import Material

    Stamp = tuple[int, ...] | str

log = logging.getLogger("virt-agent")

_CERTIFICATE_BYTES = 1 << 20
_APART_SECONDS = 60.0  # between two lines about clients that are not let in
_STRICTNESS = {settings.NO_CLIENT: 0, settings.IF_GIVEN: 1, settings.REQUIRE: 2}


class Stranger(OSError):
    """A client's certificate is verified and has none of the names that are allowed."""


class Terms(Record):
    """What holds for new connections (`context`) and for each request."""

    context: ssl.SSLContext | None = None
    allowed_sans: tuple[str, ...] = ()
    passwords: Passwords | None = None
    headers: dict[str, str] = {}
    client: str = settings.NO_CLIENT


class Admission(Record):
    """Whether a request is let in: RIGHT, WRONG or BUSY; `user` where a password was asked and right."""

    answer: str
    user: str | None = None


class Access:
    """The terms of one web configuration; without one, everybody is let in over plain HTTP.

    `places` is how many connections a listener takes, of which those who wait for a password leave some free.
    """

    def __init__(self, path: str | None, places: int = MAX_REQUESTS) -> None:
        self._path = path
        self._gate = Gate(places=places)
        self._hasher: Hasher | None = None
        self._stamps: dict[str, Stamp] = {}
        self._told = ""
        self._told_of_strangers = -_APART_SECONDS
        self._lock = threading.Lock()
        self.terms = Terms()
        if path is not None:
            from . import tls  # noqa: F401 - loaded now: a refresh may find it on a disk that hangs

            self.terms = self._load(path)

    @property
    def scheme(self) -> str:
        """Scheme of its addresses, http or https; one does not become the other without a restart."""
        return "http" if self.terms.context is None else "https"

    def files(self) -> tuple[str, ...]:
        """The files that were read, the configuration first."""
        return tuple(self._stamps)

    def refresh(self) -> bool:
        """Take the files where they changed; what is wrong is logged once, and what held before still holds.

        After an error they are tried each time: what was wrong may have been this process, short of descriptors.
        False where what holds is not what the files say.
        """
        if self._path is None or not self._lock.acquire(blocking=False):  # another one is at it, on a slow disk maybe
            return not self._told
        try:
            if self._told or any(_stamp(path) != stamp for path, stamp in self._stamps.items()):
                self._reload(self._path)
        finally:
            self._lock.release()
        return not self._told

    def _reload(self, path: str) -> None:
        try:
            terms = self._load(path)
            self._keep_protection(path, terms)
        except UsageError as error:
            if str(error) != self._told:
                log.error("%s; what was loaded before stays in force", error)  # noqa: TRY400 - the message says it all
            self._told = str(error)
            return
        self.terms, self._told = terms, ""
        log.info("read again: %s", ", ".join(self._stamps))

    def _load(self, path: str) -> Terms:
        self._stamps = {}
        reader = settings.Reader(path)
        web = reader.web(document.parse(path, self._text(path)))
        context = None
        if web.tls:
            from . import tls

            context = tls.make_context(web.tls, lambda material: self._material(material, reader), reader.wrong)
        return Terms(
            context,
            web.tls.allowed_sans if web.tls else (),
            self._passwords(web.users),
            web.headers,
            web.tls.client if web.tls else settings.NO_CLIENT,
        )

    def _passwords(self, users: dict[str, str]) -> Passwords | None:
        if not users:
            return None
        if self._hasher is None:
            self._hasher = hashes.hasher()
        return Passwords(users, self._hasher, self._gate, self.terms.passwords)

    def _text(self, path: str) -> str:
        try:
            return self._content(path, document.LIMIT).decode()
        except SourceError as error:
            raise UsageError(f"{path}: {error.why}; --web.config.file names another file") from None
        except UnicodeDecodeError:
            raise UsageError(f"{path}: is not UTF-8 text") from None

    def _material(self, material: Material, reader: settings.Reader) -> bytes:
        if material.path is None:
            return (material.text or "").encode()
        try:
            return self._content(material.path, _CERTIFICATE_BYTES)
        except SourceError as error:
            raise reader.wrong(material.key, f"{material.path}: {error.why}") from None

    def _content(self, path: str, limit: int) -> bytes:
        """The file; its stamp is taken first, so that a change while it is read is seen the next time."""
        self._stamps[path] = _stamp(path)
        return read(path, path, limit, once=False)

    def _keep_protection(self, path: str, new: Terms) -> None:
        old = self.terms
        for what, lost in (
            ("switch off TLS", old.context is not None and new.context is None),
            ("switch on TLS", old.context is None and new.context is not None),
            ("switch off the passwords", old.passwords is not None and new.passwords is None),
            ("ask less of the clients' certificates", _STRICTNESS[new.client] < _STRICTNESS[old.client]),
            ("let in every client's certificate", bool(old.allowed_sans) and not new.allowed_sans),
        ):
            if lost:
                raise UsageError(f"{path}: would {what}, which needs a restart")

    # for the connections

    def secure(self, connection: socket.socket) -> tuple[socket.socket, ssl.SSLContext | None]:
        """The connection under TLS where that is configured; the handshake comes later, in the client's own time."""
        context = self.terms.context
        if context is None:
            return connection, None
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), context

    def certified(self, connection: ssl.SSLSocket) -> bool:
        """Whether the client has shown a certificate; Stranger where it is not one of those that may."""
        certificate = connection.getpeercert()
        if not certificate:
            return False
        allowed = self.terms.allowed_sans
        if allowed:
            from .tls import names_in

            if not names_in(certificate).intersection(allowed):
                raise Stranger("the client's certificate has none of client_allowed_sans")
        return True

    def admit(self, header: str | None, client: str) -> Admission:
        """Whether a request with this Authorization header is let in."""
        passwords = self.terms.passwords
        if passwords is None:
            return Admission(RIGHT)
        if header is None:
            return Admission(WRONG)
        answer, user = passwords.check(header, client)
        if answer != RIGHT:
            self.tell(f"{client} is not let in: {'no such user and password' if answer == WRONG else 'too many tries'}")
        return Admission(answer, user if answer == RIGHT else None)

    def tell(self, message: str) -> None:
        """Log a client that is not let in, not more often than once a minute."""
        now = time.monotonic()
        if now - self._told_of_strangers >= _APART_SECONDS:
            self._told_of_strangers = now
            log.warning("%s", message)


def _stamp(path: str) -> Stamp:
    """What changes when a file is written or replaced."""
    try:
        found = os.stat(path)
    except OSError as error:
        return error.strerror or str(error)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
