"""TLS of the listeners, made from tls_server_config by OpenSSL through Python's ssl.

Keys never lie on a disk because of us: what is written into the configuration goes to OpenSSL, which takes
certificates from files alone, by an unnamed file in memory (memfd_create(2)).
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import contextmanager

from ...option_table import UsageError
from .settings import IF_GIVEN, NO_CLIENT, REQUIRE, Material, Tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Fetch = Callable[[Material], bytes]

# Go's names (crypto/tls), which the format has, to OpenSSL's. Those of TLS 1.3 cannot be chosen among, there as here.
CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {REQUIRE: ssl.CERT_REQUIRED, IF_GIVEN: ssl.CERT_OPTIONAL, NO_CLIENT: ssl.CERT_NONE}


class _Encrypted(Exception):
    """The key asks for a passphrase, and nobody is there to give it."""


def make_context(tls: Tls, fetch: Fetch, wrong: Callable[[str, str], UsageError]) -> ssl.SSLContext:
    """A context for the server's side; `fetch` reads certificates, `wrong` makes the error for a key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.least], _VERSIONS[tls.most]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if tls.server_chooses:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _choose(context, tls, wrong)
    _load_pair(context, tls, fetch, wrong)
    _verify_clients(context, tls, fetch, wrong)
    return context


def _choose(context: ssl.SSLContext, tls: Tls, wrong: Callable[[str, str], UsageError]) -> None:
    chosen = [CIPHERS[name] for name in tls.ciphers if CIPHERS[name]]
    try:
        if chosen:
            context.set_ciphers(":".join(chosen))
    except ssl.SSLError:
        raise wrong("tls_server_config.cipher_suites", "this OpenSSL has none of them") from None
    try:
        if tls.curve:
            context.set_ecdh_curve(CURVES[tls.curve])
    except (ValueError, ssl.SSLError):
        raise wrong("tls_server_config.curve_preferences", f"this OpenSSL does not have {tls.curve}") from None


def _load_pair(context: ssl.SSLContext, tls: Tls, fetch: Fetch, wrong: Callable[[str, str], UsageError]) -> None:
    def ask() -> str:
        raise _Encrypted

    try:
        with _in_memory(fetch(tls.certificate)) as certificate, _in_memory(fetch(tls.key)) as key:
            context.load_cert_chain(certificate, key, ask)
    except _Encrypted:
        raise wrong(tls.key.key, "the key has a passphrase; give one without, readable to the service alone") from None
    except ssl.SSLError as error:
        places = tls.certificate.path or tls.certificate.key, tls.key.path or tls.key.key
        if error.reason == "KEY_VALUES_MISMATCH":
            raise wrong(tls.key.key, f"{places[1]} is not the key of {places[0]}") from None
        raise wrong(tls.certificate.key, f"{places[0]} and {places[1]} are no PEM certificate with its key") from None
    except OSError as error:
        raise wrong(tls.certificate.key, f"cannot be loaded by way of /proc: {error.strerror}") from None


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("virt-agent")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _verify_clients(context: ssl.SSLContext, tls: Tls, fetch: Fetch, wrong: Callable[[str, str], UsageError]) -> None:
    if tls.client_ca is None:
        return
    try:
        # Bundles have names in words beside the certificates, in any letters; OpenSSL passes over them.
        context.load_verify_locations(cadata=fetch(tls.client_ca).decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        place = tls.client_ca.path or tls.client_ca.key
        raise wrong(tls.client_ca.key, f"{place} holds no PEM certificates") from None
    context.verify_mode = _CLIENTS[tls.client]


def names_in(certificate: Mapping[str, object]) -> frozenset[str]:
    """The alternative names in what getpeercert() gives: DNS, mail, URI, and IP addresses in their usual form."""
    entries = certificate.get("subjectAltName", ())
    assert isinstance(entries, tuple)
    return frozenset(_address(value) if kind == "IP Address" else value for kind, value in entries)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text
