"""What the web configuration says, in the format of Prometheus' exporter-toolkit (docs/web-configuration.md there).

    tls_server_config:
      cert_file: server.pem          # paths are relative to this file
      key_file: server.key
      client_ca_file: clients.pem
      client_auth_type: RequireAndVerifyClientCert
    basic_auth_users:
      prometheus: $2y$10$...         # htpasswd -nBC 10 prometheus
    http_server_config:
      headers: {X-Frame-Options: deny}

A key that is not supported here is an error, never passed over: it may be what somebody relies on.
"""

from __future__ import annotations

import os

from virt_collectors.record import Record

from ...option_table import UsageError
from ...render.ascii import clean
from . import hashes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

REQUIRE, IF_GIVEN, NO_CLIENT = "RequireAndVerifyClientCert", "VerifyClientCertIfGiven", "NoClientCert"
# Python's ssl hands out no certificate that it has not verified.
_CLIENT_UNSUPPORTED = ("RequireAnyClientCert", "RequestClientCert")
_TABLES = ("tls_server_config", "http_server_config", "basic_auth_users")
_TLS_KEYS = (
    *("cert_file", "key_file", "cert", "key", "client_auth_type", "client_ca_file", "client_ca"),
    *("client_allowed_sans", "min_version", "max_version", "cipher_suites", "curve_preferences"),
    "prefer_server_cipher_suites",
)
_UNSUPPORTED = {
    "rate_limit": "the agent bounds its work by itself: --web.max-requests, and looks that are shared",
    "auth_excluded_paths": "here every path needs the password",
}
_VERSIONS = ("TLS12", "TLS13")
_OLD_VERSIONS = ("TLS10", "TLS11", "SSL30")
# The headers that the format lets an admin set, and their values where only some make sense.
_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_LONGEST_HEADER = 4096
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_MOST_USERS = 1000


class Material(Record):
    """A certificate or key: in a file, or written out under its key."""

    key: str
    path: str | None = None
    text: str | None = None


class Tls(Record):
    """tls_server_config."""

    certificate: Material
    key: Material
    client: str = NO_CLIENT
    client_ca: Material | None = None
    allowed_sans: tuple[str, ...] = ()
    least: str = "TLS12"
    most: str = "TLS13"
    ciphers: tuple[str, ...] = ()
    curve: str | None = None
    server_chooses: bool = True


class Web(Record):
    """The whole file."""

    tls: Tls | None = None
    users: dict[str, str] = {}
    headers: dict[str, str] = {}


class Reader:
    """Turns the document into a Web; errors name the file and the key."""

    def __init__(self, path: str) -> None:
        self._path = path

    def web(self, document: dict[str, Any]) -> Web:
        """All tables."""
        self._known("", document, _TABLES)
        tables = {name: self._table(name, document.get(name)) for name in _TABLES}
        tls = self._tls(tables["tls_server_config"]) if tables["tls_server_config"] else None
        return Web(tls, self._users(tables["basic_auth_users"]), self._http(tables["http_server_config"]))

    def wrong(self, key: str, why: str) -> UsageError:
        """The error for a key."""
        return UsageError(f"{self._path}: {clean(key)}: {why}")

    def _tls(self, table: dict[str, Any]) -> Tls:
        self._known("tls_server_config", table, _TLS_KEYS)
        least, most = (
            self._version(f"{end}_version", table, default)
            for end, default in zip(("min", "max"), _VERSIONS, strict=True)
        )
        if least > most:
            raise self.wrong("tls_server_config.min_version", f"{least} is above max_version, {most}")
        client = self._client(table)
        return Tls(
            certificate=self._needed("cert", table),
            key=self._needed("key", table),
            client=client,
            client_ca=self._client_ca(table, client),
            allowed_sans=self._sans(table, client),
            least=least,
            most=most,
            ciphers=tuple(self._ciphers(table)),
            curve=self._curve(table),
            server_chooses=self._boolean("tls_server_config", table, "prefer_server_cipher_suites", True),
        )

    def _version(self, name: str, table: dict[str, Any], default: str) -> str:
        value = table.get(name) or default
        if value in _OLD_VERSIONS:
            raise self.wrong(f"tls_server_config.{name}", f"{value} is not supported; {' and '.join(_VERSIONS)} are")
        if value not in _VERSIONS:
            raise self.wrong(f"tls_server_config.{name}", f"{value!r} is none of {', '.join(_VERSIONS)}")
        return str(value)

    def _material(self, name: str, table: dict[str, Any]) -> Material | None:
        """NAME_file or NAME, of which one may be given."""
        above = "tls_server_config"
        path, text = (self._text(f"{above}.{key}", table.get(key)) for key in (f"{name}_file", name))
        if path and text:
            raise self.wrong(f"{above}.{name}", f"is given together with {name}_file; one of them is enough")
        if path:
            return Material(f"{above}.{name}_file", os.path.join(os.path.dirname(self._path), path))
        return Material(f"{above}.{name}", text=text) if text else None

    def _needed(self, name: str, table: dict[str, Any]) -> Material:
        found = self._material(name, table)
        if found is None:
            raise self.wrong("tls_server_config", f"needs {name}_file (or {name})")
        return found

    def _client(self, table: dict[str, Any]) -> str:
        key, allowed = "tls_server_config.client_auth_type", (REQUIRE, IF_GIVEN, NO_CLIENT)
        value = self._text(key, table.get("client_auth_type")) or NO_CLIENT
        if value in _CLIENT_UNSUPPORTED:
            raise self.wrong(
                key, f"{value} is not supported: it trusts certificates that nobody verified; use {REQUIRE}"
            )
        if value not in allowed:
            raise self.wrong(key, f"{value!r} is not known{_meant(value, allowed)}")
        return value

    def _client_ca(self, table: dict[str, Any], client: str) -> Material | None:
        found = self._material("client_ca", table)
        if found and client == NO_CLIENT:
            raise self.wrong(found.key, f"asks for nothing without client_auth_type: {REQUIRE}")
        if client != NO_CLIENT and not found:
            raise self.wrong("tls_server_config.client_auth_type", f"{client} needs client_ca_file (or client_ca)")
        return found

    def _sans(self, table: dict[str, Any], client: str) -> tuple[str, ...]:
        key = "tls_server_config.client_allowed_sans"
        found = self._texts(key, table.get("client_allowed_sans"))
        if found and client != REQUIRE:
            raise self.wrong(key, f"lets in who shows no certificate; it needs client_auth_type: {REQUIRE}")
        return found

    def _ciphers(self, table: dict[str, Any]) -> Iterator[str]:
        from .tls import CIPHERS

        for name in self._texts("tls_server_config.cipher_suites", table.get("cipher_suites")):
            if name not in CIPHERS:
                why = f"{name!r} is not supported{_meant(name, CIPHERS)}"
                raise self.wrong("tls_server_config.cipher_suites", why)
            yield name

    def _curve(self, table: dict[str, Any]) -> str | None:
        from .tls import CURVES

        key = "tls_server_config.curve_preferences"
        names = self._texts(key, table.get("curve_preferences"))
        if len(names) > 1:
            raise self.wrong(key, "more than one is not supported; leave it away for OpenSSL's own choice")
        if names and names[0] not in CURVES:
            raise self.wrong(key, f"{names[0]!r} is not supported; {', '.join(CURVES)} are")
        return names[0] if names else None

    def _http(self, table: dict[str, Any]) -> dict[str, str]:
        self._known("http_server_config", table, ("http2", "headers"))
        self._boolean("http_server_config", table, "http2", True)  # either way it is HTTP/1.1, which all clients speak
        headers = self._table("http_server_config.headers", table.get("headers"))
        told = {name: self._header(f"http_server_config.headers.{name}", name, headers[name]) for name in headers}
        return {name: value for name, value in told.items() if value}

    def _header(self, key: str, name: str, value: object) -> str:
        if name not in _HEADERS:
            raise self.wrong(key, f"this header cannot be set{_meant(name, _HEADERS)}; {', '.join(_HEADERS)} can")
        text = self._text(key, value) or ""
        if text and _HEADERS[name] and text not in _HEADERS[name]:
            raise self.wrong(key, f"{text!r} is none of {', '.join(_HEADERS[name])}")
        if len(text) > _LONGEST_HEADER or not all(" " <= letter <= "~" for letter in text):
            raise self.wrong(key, f"must be printable ASCII in one line, at most {_LONGEST_HEADER} characters")
        return text

    def _users(self, table: dict[str, Any]) -> dict[str, str]:
        if len(table) > _MOST_USERS:
            raise self.wrong("basic_auth_users", f"more than {_MOST_USERS} users")
        for name, value in table.items():
            key = f"basic_auth_users.{name}"
            if not name or ":" in name or not name.isprintable():
                raise self.wrong(key, "a user's name has letters, no colon and no control characters")
            problem = hashes.problem(self._text(key, value) or "")
            if problem:
                raise self.wrong(key, problem)
        return {str(name): str(value) for name, value in table.items()}

    def _boolean(self, above: str, table: dict[str, Any], name: str, default: bool) -> bool:
        value = self._text(f"{above}.{name}", table.get(name))
        if value is not None and value.lower() not in _BOOLEANS:
            raise self.wrong(f"{above}.{name}", "must be true or false")
        return default if value is None else _BOOLEANS[value.lower()]

    def _table(self, key: str, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(key, "must have keys and values below it")
        return value

    def _text(self, key: str, value: object) -> str | None:
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "must be a single value")
        return value

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(key, "must be a list of words")
        return tuple(value)

    def _known(self, above: str, table: dict[str, Any], known: Iterable[str]) -> None:
        for name in table:
            key = f"{above}.{name}".lstrip(".")
            if not above and name in _UNSUPPORTED:
                raise self.wrong(key, f"is not supported: {_UNSUPPORTED[name]}")
            if name not in known:
                raise self.wrong(key, f"is not known here{_meant(name, known) or '; known are ' + ', '.join(known)}")


def _meant(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word[:80], list(known), 1, 0.5)
    return f"; did you mean {close[0]}?" if close else ""
