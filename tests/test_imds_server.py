"""The metadata service of the tests keeps IMDSv2's rules: asked by http.client, and by sockets for what is no HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.imds import answers, service
from tests.imds.answers import CANARY, INSTANCES, M1_SMALL, T2_MICRO
from tests.imds.asking import PATIENCE, Asking, Got, address
from tests.imds.server import CONNECTIONS, Deaf, Server, free_endpoint
from tests.imds.service import TOKEN_HEADER, TOKEN_PATH, TTL_HEADER

DOCUMENT = "/latest/dynamic/instance-identity/document"
META = "/latest/meta-data/"
XHTML = "{http://www.w3.org/1999/xhtml}"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[Server]:
    with Server(clock=clock) as made:
        yield made
    assert made.errors == []


@pytest.fixture
def ask(server: Server) -> Iterator[Asking]:
    with Asking(server.endpoint) as made:
        yield made


@pytest.mark.parametrize(("seconds", "status"), [
    ("1", 200), ("60", 200), ("21600", 200), ("0060", 200),
    ("0", 400), ("21601", 400), ("-1", 400), ("+60", 400), ("6e1", 400), ("60.0", 400), ("", 400), ("six", 400),
    ("0x3c", 400), ("6 0", 400), ("\xb2", 400), ("9" * 400, 400),
])  # fmt: skip
def test_a_token_is_given_for_a_time_of_one_second_to_six_hours(ask: Asking, seconds: str, status: int) -> None:
    got = ask("PUT", TOKEN_PATH, {TTL_HEADER: seconds})
    assert got.status == status
    assert got.headers.get(TTL_HEADER) == (str(int(seconds)) if status == 200 else None)


TTL = {TTL_HEADER: "60"}


@pytest.mark.parametrize(("method", "path", "headers", "status"), [
    ("PUT", TOKEN_PATH, {}, 400),
    ("PUT", TOKEN_PATH, {**TTL, "X-Forwarded-For": "192.0.2.1"}, 403),
    ("PUT", TOKEN_PATH, {**TTL, "x-forwarded-for": ""}, 403),
    ("PUT", "/2021-03-23/api/token", TTL, 403),
    ("PUT", "/1.0/api/token", TTL, 403),
    ("PUT", f"{TOKEN_PATH}/", TTL, 405),
    ("PUT", f"{TOKEN_PATH}?ttl=60", TTL, 405),
    ("PUT", f"{META}instance-id", TTL, 405),
    ("GET", TOKEN_PATH, {}, 405),
    ("GET", f"{META}instance-id", {}, 401),
    ("GET", f"{META}instance-id", {TOKEN_HEADER: "guessed"}, 401),
    ("GET", f"{META}instance-id", {TOKEN_HEADER: ""}, 401),
    ("GET", "/", {}, 401),
    ("GET", f"{META}no-such-thing", {}, 401),
    ("HEAD", f"{META}instance-id", {}, 401),
    *((method, f"{META}instance-id", {}, 405) for method in ("POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")),
])  # fmt: skip
def test_what_is_refused(ask: Asking, method: str, path: str, headers: dict[str, str], status: int) -> None:
    got = ask(method, path, headers)
    assert got.status == status
    assert got.headers["Content-Length"] == str(len(got.body)) or method == "HEAD"
    assert ("Allow" in got.headers) == (status == 405)


def test_a_token_opens_all_until_its_time_is_over(ask: Asking, clock: Clock) -> None:
    token = ask.token(60)
    assert ask("GET", f"{META}instance-id", token) == Got(
        200, {"Content-Type": "text/plain", "Server": "EC2ws", "Content-Length": "19"}, answers.INSTANCE.encode()
    )
    clock.now += 59.9
    assert ask("GET", DOCUMENT, token).status == 200
    clock.now += 0.1
    assert ask("GET", f"{META}instance-id", token).status == 401
    assert ask("GET", f"{META}instance-id", ask.token(60)).status == 200


def test_tokens_are_each_their_own(ask: Asking, clock: Clock, server: Server) -> None:
    short, long = ask.token(1), ask.token(60)
    assert short != long
    assert server.service.issued == [short[TOKEN_HEADER], long[TOKEN_HEADER]]
    assert all(len(token) == 56 for token in server.service.issued)
    clock.now += 1
    assert [ask("GET", f"{META}mac", token).status for token in (short, long)] == [401, 200]
    server.service.revoke()
    assert ask("GET", f"{META}mac", long).status == 401


def test_a_token_is_good_for_its_own_instance_only(ask: Asking) -> None:
    with Server() as other, Asking(other.endpoint) as stranger:
        assert ask("GET", f"{META}mac", stranger.token()).status == 401


def test_a_service_that_is_switched_off_forbids_all(ask: Asking, server: Server) -> None:
    token = ask.token()
    server.service.enabled = False
    assert ask("PUT", TOKEN_PATH, TTL).status == 403
    assert ask("GET", f"{META}mac", token).status == 403
    assert ask("POST", "/").status == 403


@pytest.mark.parametrize(("path", "expected"), [
    ("/", "1.0\n2009-04-04\n2016-09-02\n2018-09-24\n2021-03-23\nlatest"),
    ("/latest/", "dynamic\nmeta-data\nuser-data"),
    ("/latest", "dynamic\nmeta-data\nuser-data"),
    ("/2021-03-23/meta-data/placement/", "availability-zone\navailability-zone-id\nregion"),
    ("/latest/meta-data/network/interfaces/macs/", "0e:49:61:0f:c3:11/"),
    ("/latest/meta-data/block-device-mapping", "ami\nroot"),
    ("/latest/meta-data/public-keys/", "0=admin"),
    ("/latest/meta-data/public-keys/0/", "openssh-key"),
    ("/latest/meta-data/system", "xen-on-nitro"),
    ("/latest/meta-data/system/", "xen-on-nitro"),
    ("/latest/meta-data/ami-manifest-path", "(unknown)"),
    ("/latest/meta-data/events/maintenance/scheduled", "[]"),
])  # fmt: skip
def test_values_and_listings(ask: Asking, path: str, expected: str) -> None:
    got = ask("GET", path, ask.token())
    assert (got.status, got.body.decode()) == (200, expected)
    assert got.headers["Content-Type"] == "text/plain"


def test_the_top_is_listed_with_directories_marked(ask: Asking) -> None:
    listed = ask("GET", META, ask.token()).body.decode().split("\n")
    assert listed == sorted(listed)
    assert {"ami-id", "block-device-mapping/", "events/", "iam/", "profile", "public-keys/", "system"} <= set(listed)


@pytest.mark.parametrize("path", [
    f"{META}kernel-id", f"{META}spot/instance-action", f"{META}tags/", f"{META}autoscaling/target-lifecycle-state",
    "/latest/nothing", "/2031-01-01/meta-data/mac", "/LATEST/meta-data/mac", "/latest/meta-data/MAC", "//latest/meta-data/mac",
    "/latest//meta-data/mac", "/latest/./meta-data/mac", "/latest/dynamic/../meta-data/mac", "/latest/meta-data/m%61c",
    "/latest/meta-data/mac?x=1", "/latest/meta-data/mac//",
])  # fmt: skip
def test_what_the_instance_has_not_is_a_page(ask: Asking, path: str) -> None:
    got = ask("GET", path, ask.token())
    assert (got.status, got.headers["Content-Type"]) == (404, "text/html")
    assert ET.fromstring(got.body).findtext(f"{XHTML}body/{XHTML}h1") == "404 - Not Found"


def test_head_is_get_without_its_body(ask: Asking) -> None:
    token = ask.token()
    whole, head = ask("GET", DOCUMENT, token), ask("HEAD", DOCUMENT, token)
    assert head == whole._replace(body=b"")
    assert int(head.headers["Content-Length"]) > 300
    assert ask("GET", f"{META}mac", token).status == 200, "the connection is not out of step"


def test_every_request_is_kept_as_it_came(ask: Asking, server: Server) -> None:
    token = ask.token()
    ask("GET", "//latest/../%2e/x?y=1", {**token, "X-Twice": "one"})
    with Asking(server.endpoint) as other:
        other("PUT", TOKEN_PATH, TTL, b"a body that nobody wants")
        other("GET", f"{META}mac")
    kept = server.requests
    assert [(each.method, each.path, each.connection) for each in kept] == [
        ("PUT", TOKEN_PATH, 1),
        ("GET", "//latest/../%2e/x?y=1", 1),
        ("PUT", TOKEN_PATH, 2),
        ("GET", f"{META}mac", 2),
    ]
    assert kept[0].header(TTL_HEADER) == "21600"
    assert kept[1].header(TOKEN_HEADER) == token[TOKEN_HEADER]
    assert kept[1].headers["x-twice"] == "one"
    assert kept[2].body == b"a body that nobody wants"
    assert [each.time for each in kept] == sorted(each.time for each in kept)
    assert server.connections == 2


def spoken(server: Server, text: bytes) -> bytes:
    """What comes back for these bytes, to the end of the connection."""
    with socket.create_connection(address(server.endpoint), PATIENCE) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_a_header_that_comes_twice_counts_as_both(server: Server) -> None:
    lines = f"PUT {TOKEN_PATH} HTTP/1.1\r\nHost: x\r\n{TTL_HEADER}: 60\r\n{TTL_HEADER}: 60\r\n\r\n"
    assert spoken(server, lines.encode()).startswith(b"HTTP/1.1 400 ")
    assert server.requests[0].header(TTL_HEADER) == "60, 60"


@pytest.mark.parametrize("text", [b"\r\n", b"SSH-2.0-x\r\n", b"GET / HTTP/9.9\r\n\r\n", b"a b c d e\r\n", b"\0" * 100])
def test_what_is_no_http_is_answered_and_not_kept(server: Server, text: bytes) -> None:
    assert spoken(server, text).startswith(b"HTTP/1.1 ") or text == b"\r\n"
    assert server.requests == []


def crawled(ask: Asking, token: dict[str, str], path: str) -> Iterator[str]:
    """Every value's path below a listing, as cloud-init walks."""
    for line in ask("GET", path, token).body.decode().split("\n"):
        name = line.partition("=")[0] + "/" if path.endswith("public-keys/") else line
        if name.endswith("/"):
            yield from crawled(ask, token, path + name)
        else:
            yield path + name


@pytest.mark.parametrize("kind", INSTANCES)
def test_a_crawl_finds_all_that_an_instance_says(kind: str) -> None:
    with Server(answers=INSTANCES[kind]) as server, Asking(server.endpoint) as ask:
        token = ask.token()
        found = {path for top in (META, "/latest/dynamic/") for path in crawled(ask, token, top)}
        assert json.loads(ask("GET", DOCUMENT, token).body)["instanceType"] == kind
    named = {f"/latest/{path}" for path in INSTANCES[kind] if path and not path.endswith("/")}
    assert found == named - {"/latest/user-data"}


@pytest.mark.parametrize("kind", INSTANCES)
def test_the_canary_sits_where_nobody_may_ask_and_nowhere_else(kind: str) -> None:
    secret = {path for path, body in INSTANCES[kind].items() if CANARY in body}
    words = ("user-data", "security-credentials", "pkcs7", "rsa2048", "signature", "openssh-key", "managed-ssh-keys")
    assert secret == {path for path in INSTANCES[kind] if any(word in path for word in words)}


def test_the_paravirtual_instance_has_what_only_such_have() -> None:
    document = json.loads(M1_SMALL["dynamic/instance-identity/document"])
    assert document["kernelId"] == M1_SMALL["meta-data/kernel-id"] == "aki-5c21674b"
    assert "meta-data/system" not in M1_SMALL
    assert "meta-data/kernel-id" not in T2_MICRO


def test_ipv6() -> None:
    try:
        server = Server(host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with server, Asking(server.endpoint) as ask:
        assert server.endpoint.startswith("http://[::1]:")
        assert ask("GET", f"{META}system", ask.token()).body == b"xen-on-nitro"


def test_more_connections_than_it_takes_are_closed(server: Server) -> None:
    clients = [socket.create_connection(address(server.endpoint), PATIENCE) for _ in range(CONNECTIONS + 3)]
    refused = [client for client in clients[CONNECTIONS:] if client.recv(1) == b""]
    assert (len(refused), server.refused) == (3, 3)
    clients[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert clients[0].recv(12) == b"HTTP/1.1 401"
    for client in clients:
        client.close()


def test_deaf_and_free_endpoints() -> None:
    with Deaf() as deaf, pytest.raises(TimeoutError):
        socket.create_connection(address(deaf.endpoint), 0.2)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(free_endpoint()), PATIENCE)


def test_ttl_is_read_strictly() -> None:
    assert service.ttl("21600") == 21600
    assert [service.ttl(text) for text in (None, "", "٣٠", "1_0", "00021600", " 60")] == [None] * 6
