"""The web configuration: what it says, what is refused and how, and that hostile files end in one stated error."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TypeVar

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.web_server import CERTIFICATES, CLIENTS, TLS, USERS, configured
from virt_agent.option_table import UsageError
from virt_agent.serve.web import document, settings
from virt_agent.serve.web.access import Access

T = TypeVar("T")
HASH = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"


def read(text: str) -> settings.Web:
    return settings.Reader("/etc/x/web.yml").web(document.parse("/etc/x/web.yml", text))


@pytest.mark.parametrize("text", ["", "# comments alone\n", "tls_server_config:\nbasic_auth_users: {}\n", "---\n"])
def test_what_says_nothing_sets_nothing(text: str) -> None:
    assert read(text) == settings.Web()


def test_the_whole_format() -> None:
    web = read(
        f"""tls_server_config:
  cert_file: server.pem
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca/clients.pem
  client_allowed_sans: [scraper.example.org]
  min_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  curve_preferences: [CurveP256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
basic_auth_users:
  on: {HASH}
  007: {HASH}
"""
    )
    assert web == settings.Web(
        settings.Tls(
            certificate=settings.Material("tls_server_config.cert_file", "/etc/x/server.pem"),
            key=settings.Material("tls_server_config.key_file", "/keys/server.key"),
            client="RequireAndVerifyClientCert",
            client_ca=settings.Material("tls_server_config.client_ca_file", "/etc/x/ca/clients.pem"),
            allowed_sans=("scraper.example.org",),
            least="TLS13",
            ciphers=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            curve="CurveP256",
            server_chooses=False,
        ),
        {"on": HASH, "007": HASH},
        {"X-Frame-Options": "deny"},
    )


def outcome(make: Callable[[], T]) -> T | str:
    """What is made, or the words of the one error that may come instead."""
    try:
        return make()
    except UsageError as error:
        return str(error)


PAIR = "tls_server_config: {cert_file: a, key_file: b, %s}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate_limit: {burst: 1}", "rate_limit: is not supported"),
        ("basic_auth_user: {}", "basic_auth_user: is not known here; did you mean basic_auth_users?"),
        ("zzz: 1", "zzz: is not known here; known are tls_server_config"),
        ("tls_server_config: {cert: a}", "tls_server_config: needs key_file"),
        ("tls_server_config: {key_file: a}", "tls_server_config: needs cert_file"),
        ("tls_server_config: {certfile: a}", "certfile: is not known here; did you mean cert_file?"),
        ("tls_server_config: [1]", "tls_server_config: must have keys and values"),
        (PAIR % "cert: c", "tls_server_config.cert: is given together with cert_file"),
        (PAIR % "min_version: TLS10", "min_version: TLS10 is not supported; TLS12 and TLS13 are"),
        (PAIR % "max_version: tls13", "max_version: 'tls13' is none of TLS12, TLS13"),
        (PAIR % "min_version: TLS13, max_version: TLS12", "min_version: TLS13 is above max_version"),
        (PAIR % "client_auth_type: RequestClientCert", "client_auth_type: RequestClientCert is not supported"),
        (PAIR % "client_auth_type: RequireAnyClientCert", "client_auth_type: RequireAnyClientCert is not supported"),
        (PAIR % "client_auth_type: RequireAndVerifyClientCerts", "did you mean RequireAndVerifyClientCert?"),
        (PAIR % "client_auth_type: RequireAndVerifyClientCert", "needs client_ca_file"),
        (PAIR % "client_ca_file: c", "client_ca_file: asks for nothing without client_auth_type"),
        (PAIR % "client_allowed_sans: [c]", "client_allowed_sans: lets in who shows no certificate"),
        (PAIR % "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "'TLS_RSA_WITH_RC4_128_SHA' is not supported"),
        (PAIR % "cipher_suites: all", "cipher_suites: must be a list of words"),
        (PAIR % "curve_preferences: [CurveP256, X25519]", "curve_preferences: more than one is not supported"),
        (PAIR % "curve_preferences: [P256]", "curve_preferences: 'P256' is not supported; CurveP256"),
        (PAIR % "prefer_server_cipher_suites: 2", "prefer_server_cipher_suites: must be true or false"),
        (PAIR % "cert_file: c", "line 1: cert_file stands here a second time"),
        ("http_server_config: {http3: true}", "http3: is not known here; did you mean http2?"),
        ("http_server_config: {http2: maybe}", "http2: must be true or false"),
        ("http_server_config: {headers: {Server: x}}", "headers.Server: this header cannot be set"),
        ("http_server_config: {headers: {X-Frame-Option: deny}}", "did you mean X-Frame-Options?"),
        ("http_server_config: {headers: {X-Frame-Options: maybe}}", "'maybe' is none of deny, sameorigin"),
        ('http_server_config: {headers: {X-XSS-Protection: "0\\r\\nA: b"}}', "must be printable ASCII in one line"),
        (
            PAIR % "client_auth_type: VerifyClientCertIfGiven, client_ca_file: c, client_allowed_sans: [c]",
            "client_allowed_sans: lets in who shows no certificate",
        ),
        ("basic_auth_users: {a: secret}", "basic_auth_users.a: is no bcrypt hash"),
        ("basic_auth_users: {a: $2x$10$" + "a" * 53 + "}", "basic_auth_users.a: is no bcrypt hash"),
        ("basic_auth_users: {a: $2y$10$" + "a" * 52 + "}", "basic_auth_users.a: is a bcrypt hash that is damaged"),
        ("basic_auth_users: {a: $2y$15$" + "a" * 53 + "}", "its cost 15 is not between 4 and 14"),
        ("basic_auth_users: {a: $2y$03$" + "a" * 53 + "}", "its cost 3 is not between 4 and 14"),
        ("basic_auth_users: {a: [1]}", "basic_auth_users.a: must be a single value"),
        ("basic_auth_users: {'a:b': " + HASH + "}", "a user's name has letters, no colon"),
        (f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n", "line 3: a stands here a second time"),
        ("a: &x 1\nb: *x\n", "line 1: anchors and aliases"),
        ("basic_auth_users: {<<: {a: b}}", "basic_auth_users.<<: must be a single value"),
        ("[" * 60000, "line 1: is nested more than 6 deep"),
        ("a: b: c", "line 1: is not YAML"),
        ("a: b\n---\nc: d\n", "is not YAML"),
        ('a: "\\UFFFFFFFF"', "is not YAML"),
        ("? [a]\n: b", "line 1: a key must be a word"),
        ("word", "must hold keys and values"),
        ("!!python/object/apply:os.system [echo]", "must hold keys and values"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read(text)
    assert str(error.value).startswith("/etc/x/web.yml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "aaaaaaaa" not in str(error.value), "a hash is a secret"
    assert "secret" not in str(error.value)


_WORDS = st.sampled_from(
    [
        "tls_server_config",
        "basic_auth_users",
        "http_server_config",
        "headers",
        "cert_file",
        "key_file",
        "cert",
        "client_auth_type",
        "min_version",
        "cipher_suites",
        "http2",
        "X-Frame-Options",
        "rate_limit",
        "<<",
    ]
)
_TEXTS = st.text(max_size=40) | _WORDS
_TREES = st.recursive(
    _TEXTS | st.booleans() | st.integers() | st.none(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_WORDS | _TEXTS, below, max_size=3),
    max_leaves=12,
)


@hypothesis.given(st.dictionaries(_WORDS, _TREES, max_size=4))
def test_any_tree_is_settings_or_one_error(tree: dict[str, object]) -> None:
    import yaml

    text = yaml.safe_dump(tree, allow_unicode=True)
    found = outcome(lambda: read(text))
    assert isinstance(found, settings.Web) or found.startswith("/etc/x/web.yml: ")


@hypothesis.given(st.text(max_size=200) | st.text(alphabet="{}[]:,-?!&*#|>'\"%@` \n\tab<1\\U", max_size=60))
def test_any_text_is_a_document_or_one_error(text: str) -> None:
    found = outcome(lambda: document.parse("f", text))
    assert isinstance(found, dict) or found.startswith("f: ")


@hypothesis.given(st.binary(max_size=300))
@hypothesis.settings(max_examples=30, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_file_is_access_or_one_error(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "web.yml"
    path.write_bytes(content)
    found = outcome(lambda: Access(str(path)))
    assert isinstance(found, Access) or found.startswith(str(path))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("server.pem", "absent.pem"), "tls_server_config.cert_file: {c}/absent.pem: does not exist"),
        (("server.key", "renewed.key"), "tls_server_config.key_file: {c}/renewed.key is not the key of {c}/server.pem"),
        (("server.key", "passphrase.key"), "tls_server_config.key_file: the key has a passphrase"),
        (("server.pem", "README.md"), "tls_server_config.cert_file: {c}/README.md and {c}/server.key are no PEM"),
        (("client.pem", "README.md"), "tls_server_config.client_ca_file: {c}/README.md holds no PEM certificates"),
        (("server.pem", "."), "tls_server_config.cert_file: {c}/.: is a directory"),
    ],
)
def test_certificates_that_do_not_fit_are_told(tmp_path: pathlib.Path, changed: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        configured(tmp_path, CLIENTS.replace(*changed))
    assert f"{tmp_path}/web.yml: {message.format(c=CERTIFICATES)}" in str(error.value)


def test_certificates_may_stand_in_the_file_itself(tmp_path: pathlib.Path) -> None:
    certificate, key = (
        (CERTIFICATES / f"server.{end}").read_text().replace("\n", "\n    ").rstrip() for end in ("pem", "key")
    )
    access = configured(tmp_path, f"tls_server_config:\n  cert: |\n    {certificate}\n  key: |\n    {key}\n")
    assert access.scheme == "https"
    assert access.files() == (f"{tmp_path}/web.yml",)


@pytest.mark.parametrize(
    "chosen", ["cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]", "curve_preferences: [CurveP384]"]
)
def test_ciphers_and_curves_reach_openssl(tmp_path: pathlib.Path, chosen: str) -> None:
    context = configured(tmp_path, TLS + f"  max_version: TLS12\n  {chosen}\n").terms.context
    assert context is not None
    names = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert (names == ["ECDHE-ECDSA-CHACHA20-POLY1305"]) is chosen.startswith("cipher")


def test_a_file_that_is_missing_or_too_large_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        UsageError, match=r"absent.yml: does not exist \(ENOENT\); --web.config.file names another file"
    ):
        Access(str(tmp_path / "absent.yml"))
    with pytest.raises(UsageError, match=r"web.yml: is far larger"):
        configured(tmp_path, "#" * (document.LIMIT + 1))


def test_users_are_those_of_the_file(tmp_path: pathlib.Path) -> None:
    assert configured(tmp_path, USERS).terms.passwords is not None
    assert configured(tmp_path, "").terms.passwords is None


def test_a_blank_header_is_not_sent() -> None:
    web = read("http_server_config: {headers: {X-Frame-Options: '', X-XSS-Protection: }}")
    assert web.headers == {}
