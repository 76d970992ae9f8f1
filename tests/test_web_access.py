"""TLS, passwords, client certificates and their renewal, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import pathlib
import resource
import socket
import ssl
import threading

import pytest

from tests.web_server import (
    CERTIFICATES,
    CLIENTS,
    PATIENCE,
    TLS,
    USERS,
    basic,
    configured,
    connect,
    get,
    place,
    rest,
    serving,
    trusting,
)
from virt_agent.serve.web.access import Access

RIGHT = basic("alice", "secret")


def test_a_scrape_over_tls(tmp_path: pathlib.Path) -> None:
    with serving(configured(tmp_path, TLS)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        status, _, body = get(server, "/metrics", tls=trusting())
        assert status == 200
        assert b"virt_guest_info" in body


def test_silent_clients_on_tls_block_no_scrape(tmp_path: pathlib.Path) -> None:
    with serving(configured(tmp_path, TLS), most=4) as server:
        silent = [connect(server) for _ in range(3)]
        assert [get(server, "/metrics", tls=trusting())[0] for _ in range(20)] == [200] * 20
        more = [connect(server) for _ in range(20)]
        assert [get(server, "/-/healthy", tls=trusting())[0] for _ in range(5)] == [200] * 5
        for client in (*silent, *more):
            client.close()


def test_plain_http_on_a_tls_port_is_told(tmp_path: pathlib.Path) -> None:
    with serving(configured(tmp_path, TLS)) as server, connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = rest(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"ask here with https://\r\n"
    assert b"Content-Length: %d" % len(body) in head


@pytest.mark.parametrize("limit", ["min_version: TLS13", "max_version: TLS12"])
def test_versions(tmp_path: pathlib.Path, limit: str) -> None:
    with serving(configured(tmp_path, TLS + f"  {limit}\n")) as server:
        older, newer = trusting(), trusting()
        older.maximum_version, newer.minimum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
        fitting, other = (newer, older) if limit.startswith("min") else (older, newer)
        assert get(server, "/-/healthy", tls=fitting)[0] == 200
        with pytest.raises(ssl.SSLError):
            get(server, "/-/healthy", tls=other)


@pytest.mark.parametrize("path", ["/", "/metrics", "/check", "/-/healthy", "/-/ready", "/nowhere"])
def test_everything_needs_the_password(tmp_path: pathlib.Path, path: str) -> None:
    with serving(configured(tmp_path, USERS)) as server:
        status, headers, body = get(server, path)
        assert (status, body) == (401, b"Unauthorized\n")
        assert headers["WWW-Authenticate"].startswith('Basic realm="')
        assert get(server, path, Authorization=basic("alice", "wrong"))[0] == 401
        assert get(server, path, Authorization=basic("nobody", "secret"))[0] == 401
        assert get(server, path, method="POST")[0] == 401
        assert get(server, path, Authorization=RIGHT)[0] == (404 if path == "/nowhere" else 200)


def test_a_flood_of_wrong_passwords_stops_no_scrape(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(configured(tmp_path, USERS)) as server:
        assert get(server, "/metrics", Authorization=RIGHT)[0] == 200
        seen: list[int] = []

        def flood() -> None:
            guesses = [basic("alice", f"guess-{number}") for number in range(5)]
            seen.extend(get(server, "/metrics", Authorization=guess)[0] for guess in guesses)

        floods = [threading.Thread(target=flood) for _ in range(8)]
        for thread in floods:
            thread.start()
        assert [get(server, "/metrics", Authorization=RIGHT)[0] for _ in range(10)] == [200] * 10
        for thread in floods:
            thread.join(PATIENCE)
        assert set(seen) <= {401, 429}
        told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(told) == 1, "the log is not flooded"
        assert told[0].startswith("127.0.0.1 is not let in")
        assert "guess" not in caplog.text


def test_client_certificates(tmp_path: pathlib.Path) -> None:
    with serving(configured(tmp_path, CLIENTS)) as server:
        assert get(server, "/check", tls=trusting(own="client"))[0] == 200
        for stranger in (trusting(), trusting(own="renewed")):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                get(server, "/check", tls=stranger)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("client.example.org", True),
        ("127.0.0.1", True),
        ("2001:db8::1", True),
        ("spiffe://example.org/client", True),
        ("example.org", False),
        ("client", False),
    ],
)
def test_names_that_a_client_certificate_must_have(tmp_path: pathlib.Path, name: str, allowed: bool) -> None:
    with serving(configured(tmp_path, CLIENTS + f"  client_allowed_sans: ['{name}']\n")) as server:
        if allowed:
            assert get(server, "/-/healthy", tls=trusting(own="client"))[0] == 200
        else:
            with pytest.raises((ConnectionError, ssl.SSLError)):
                get(server, "/-/healthy", tls=trusting(own="client"))


def test_a_client_certificate_may_be_left_away_where_it_is_only_verified_if_given(tmp_path: pathlib.Path) -> None:
    text = CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")
    with serving(configured(tmp_path, text)) as server:
        assert get(server, "/check", tls=trusting())[0] == 200
        assert get(server, "/check", tls=trusting(own="client"))[0] == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(server, "/check", tls=trusting(own="renewed"))


def test_headers_are_those_of_the_configuration_in_every_answer(tmp_path: pathlib.Path) -> None:
    text = (
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Content-Security-Policy: default-src 'self'\n"
    )
    with serving(configured(tmp_path, text)) as server:
        for path in ("/", "/nowhere"):
            headers = get(server, path)[1]
            assert headers["X-Frame-Options"] == "deny"
            assert headers["Content-Security-Policy"] == "default-src 'self'"
            assert headers["X-Content-Type-Options"] == "nosniff"


def install(directory: pathlib.Path, name: str) -> None:
    """Put a pair in place, as a renewal does: each file whole."""
    for end in ("pem", "key"):
        fresh = directory / f"fresh.{end}"
        fresh.write_bytes((CERTIFICATES / f"{name}.{end}").read_bytes())
        os.replace(fresh, directory / f"server.{end}")


RELATIVE = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"


def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path: pathlib.Path) -> None:
    install(tmp_path, "server")
    access = configured(tmp_path, RELATIVE)
    with serving(access) as server:
        kept = http.client.HTTPSConnection(*place(server), timeout=PATIENCE, context=trusting("server"))
        kept.request("GET", "/-/healthy")
        assert kept.getresponse().read() == b"OK\n"
        install(tmp_path, "renewed")
        access.refresh()
        assert get(server, "/-/healthy", tls=trusting("renewed"))[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            get(server, "/-/healthy", tls=trusting("server"))
        assert kept.sock.recv(1) == b"", "idle connections under the old one are closed"
        kept.close()


def test_a_renewal_that_is_half_done_leaves_the_old_certificate_in_force(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, "server")
    access = configured(tmp_path, RELATIVE)
    with serving(access) as server:
        (tmp_path / "server.key").write_bytes((CERTIFICATES / "renewed.key").read_bytes())
        for _ in range(5):
            access.refresh()
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(told) == 1, "once, not at each look"
        assert "tls_server_config.key_file" in told[0]
        assert told[0].endswith("what was loaded before stays in force")
        assert get(server, "/-/healthy", tls=trusting("server"))[0] == 200
        (tmp_path / "server.pem").write_bytes((CERTIFICATES / "renewed.pem").read_bytes())
        access.refresh()
        assert get(server, "/-/healthy", tls=trusting("renewed"))[0] == 200


def test_what_could_not_be_read_for_want_of_descriptors_is_read_when_there_are_some(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, "server")
    access = configured(tmp_path, RELATIVE)
    terms = access.terms
    install(tmp_path, "renewed")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        for _ in range(3):
            access.refresh()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert access.terms is terms
    assert len(caplog.records) == 1
    access.refresh()
    assert access.terms is not terms


def test_a_key_that_cannot_be_read_leaves_no_descriptor_open(tmp_path: pathlib.Path) -> None:
    install(tmp_path, "server")
    access = configured(tmp_path, RELATIVE)
    (tmp_path / "server.key").unlink()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        access.refresh()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_bundle_of_authorities_may_have_words_in_any_letters(tmp_path: pathlib.Path) -> None:
    bundle = tmp_path / "clients.pem"
    bundle.write_bytes("# Főtanúsítvány\n".encode() + (CERTIFICATES / "client.pem").read_bytes())
    access = configured(tmp_path, CLIENTS.replace(f"{CERTIFICATES}/client.pem", str(bundle)))
    with serving(access) as server:
        assert get(server, "/-/healthy", tls=trusting(own="client"))[0] == 200


def test_a_renewed_certificate_makes_nobody_prove_a_password_again(tmp_path: pathlib.Path) -> None:
    """Else who guesses at that moment could keep the scraper out."""
    install(tmp_path, "server")
    access = configured(tmp_path, RELATIVE + USERS)
    assert access.admit(RIGHT, "x").user == "alice"
    install(tmp_path, "renewed")
    access.refresh()
    access._gate.enter("guesser")  # and never leaves
    assert access.admit(RIGHT, "x").user == "alice"
    access._gate.leave(0.0)
    (tmp_path / "web.yml").write_text(
        (RELATIVE + USERS).replace("$2y$04$abcdefghijklmnopqrstuu2r9", "$2y$04$abcdefghijklmnopqrstuu2r8")
    )
    access.refresh()
    assert access.admit(RIGHT, "x").answer == "wrong", "another hash is another password"


def test_users_are_taken_without_a_restart_and_the_gone_are_out_at_once(tmp_path: pathlib.Path) -> None:
    access = configured(tmp_path, USERS)
    with serving(access) as server:
        kept = http.client.HTTPConnection(*place(server), timeout=PATIENCE)
        kept.request("GET", "/-/healthy", headers={"Authorization": RIGHT})
        assert kept.getresponse().read() == b"OK\n"
        (tmp_path / "web.yml").write_text("".join(line for line in USERS.splitlines(True) if "alice" not in line))
        access.refresh()
        kept.request("GET", "/-/healthy", headers={"Authorization": RIGHT})
        assert kept.getresponse().status == 401
        kept.close()
        assert get(server, "/-/healthy", Authorization=basic("bob", "other"))[0] == 200


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (TLS + USERS, "", "switch off TLS"),
        (TLS + USERS, USERS, "switch off TLS"),
        (TLS + USERS, TLS, "switch off the passwords"),
        (USERS, "", "switch off the passwords"),
        (USERS, TLS + USERS, "switch on TLS"),
        (CLIENTS, TLS, "ask less of the clients' certificates"),
        (CLIENTS + "  client_allowed_sans: [a]\n", CLIENTS, "let in every client's certificate"),
        (CLIENTS, CLIENTS.replace("RequireAndVerify", "Verify").replace("Cert\n", "CertIfGiven\n"), "ask less of"),
        (USERS, "basic_auth_users: [", "is not YAML"),
        (USERS, None, "does not exist"),
    ],
)
def test_no_change_takes_protection_away(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, before: str, after: str | None, what: str
) -> None:
    """An editor may empty the file before it writes it."""
    access = configured(tmp_path, before)
    terms = access.terms
    path = tmp_path / "web.yml"
    path.unlink()
    if after is not None:
        path.write_text(after)
    for _ in range(3):
        access.refresh()
    assert access.terms is terms
    (record,) = caplog.records
    assert what in record.getMessage()
    assert str(path) in record.getMessage()
    path.write_text(before)
    access.refresh()
    assert access.terms is not terms, "and when it is whole again it is taken"


def test_nothing_is_read_again_while_nothing_changes(tmp_path: pathlib.Path) -> None:
    access = configured(tmp_path, TLS + USERS)
    terms = access.terms
    access.refresh()
    assert access.terms is terms


def test_without_a_configuration_there_is_nothing_to_refresh() -> None:
    access = Access(None)
    access.refresh()
    assert access.scheme == "http"
    assert access.admit(None, "x").answer == "right"


def test_passwords_and_hashes_are_in_no_log(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(configured(tmp_path, USERS)) as server:
        get(server, "/check", Authorization=RIGHT)
        get(server, "/check", Authorization=basic("alice", "hunter2"))
    encoded = RIGHT.partition(" ")[2]
    assert "alice" not in caplog.text
    assert not [secret for secret in ("secret", "hunter2", "$2y$", encoded) if secret in caplog.text]


def test_a_handshake_that_ends_early_is_no_error(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(configured(tmp_path, TLS)) as server:
        for opening in (b"", b"\x16\x03\x01", b"\xff" * 100):
            with connect(server) as client, contextlib.suppress(OSError):  # it may hang up before us
                client.sendall(opening)
                client.shutdown(socket.SHUT_WR)
                rest(client)
        assert get(server, "/-/healthy", tls=trusting())[0] == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
