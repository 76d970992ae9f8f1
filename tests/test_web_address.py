"""Listening addresses: their forms, and unix sockets that are taken over, refused, left alone and removed."""

from __future__ import annotations

import os
import pathlib
import socket
import stat
import threading

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.web_server import PATIENCE, Slow
from virt_agent.option_table import UsageError
from virt_agent.selection import Selection
from virt_agent.serve.server import Server
from virt_agent.serve.watch import Watch
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.address import Place, is_loopback, neighbourhood, parse_place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (":10480", Place("", 10480)),
        ("127.0.0.1:1", Place("127.0.0.1", 1)),
        ("[::1]:9", Place("::1", 9)),
        ("[::]:0", Place("::", 0)),
        ("localhost:0", Place("localhost", 0)),
        ("unix:/run/virt-agent/http.sock", Place(path="/run/virt-agent/http.sock")),
    ],
)
def test_forms(address: str, place: Place) -> None:
    assert parse_place(address) == place


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10480", r"is not HOST:PORT"),
        ("::1:80", r"is not HOST:PORT"),
        ("host:port", r"is not HOST:PORT"),
        (":99999", r"is not HOST:PORT"),
        (":\u0661", r"is not HOST:PORT"),
        ("", r"is not HOST:PORT"),
        ("http://x:1", r"is not HOST:PORT"),
        ("a\0b:80", r"is not HOST:PORT"),
        ("[::1:80", r"is not HOST:PORT"),
        ("[::g]:80", r"'::g' is no IPv6 address"),
        ("unix:relative", r"has an absolute path"),
        ("unix:", r"has an absolute path"),
        ("unix:/run/", r"has an absolute path"),
        ("unix:/" + "x" * 200, r"longer than 107 bytes"),
    ],
)
def test_nonsense_is_told_with_the_option(address: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as error:
        parse_place(address)
    assert str(error.value).startswith("--web.listen-address")


@hypothesis.given(st.text(max_size=40) | st.from_regex(r"\A(\[[0-9a-f:]{0,9}\]|[a-z.]{0,5}|unix):[0-9/a]{0,7}\Z"))
def test_any_text_is_a_place_or_an_error(address: str) -> None:
    try:
        place = parse_place(address)
    except UsageError:
        return
    assert place.path or 0 <= place.port <= 65535


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.2", "::1", "::ffff:127.0.0.1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "fe80::1%eth0", "::ffff:10.0.0.1", "", "localhost.example.org"])
def test_what_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_one_client_is_an_ipv4_address_or_64_bits_of_an_ipv6_one() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:10.0.0.1") == neighbourhood("10.0.0.1") != neighbourhood("10.0.0.2")
    assert neighbourhood("") == ""


def test_all_addresses_are_ipv4_and_ipv6() -> None:
    with _server(":0") as server:
        port = int(server.address.rpartition(":")[2])
        for host in ("127.0.0.1", "::1") if server.address_family == socket.AF_INET6 else ("127.0.0.1",):
            socket.create_connection((host, port), timeout=PATIENCE).close()


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(UsageError, match=r"--web.listen-address 192\.0\.2\.1:0: Cannot assign requested address"):
        _server("192.0.2.1:0")


def _server(address: str) -> Server:
    return Server(address, Watch(Slow("pvhvm"), Selection(), (), ()), Access(None))


def _ask(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(b"GET /check HTTP/1.0\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


def test_a_unix_socket_serves_owner_and_group_and_goes_at_the_end(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "http.sock")
    with _server(f"unix:{path}") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        assert server.address == server.url == f"unix:{path}"
        answer = _ask(path)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"Left out" not in answer, "whoever may open the socket sees all"
        server.shutdown()
        thread.join(PATIENCE)
    assert not os.path.exists(path)


def test_a_dead_daemons_socket_is_taken_over(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "http.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with _server(f"unix:{path}"):
        assert os.path.exists(path)


def test_a_living_daemons_socket_is_not(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "http.sock")
    with _server(f"unix:{path}"):
        with pytest.raises(UsageError, match=r"another process listens there"):
            _server(f"unix:{path}")
        assert os.path.exists(path)


def test_a_file_in_the_sockets_place_is_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(UsageError, match=r"no socket is there; it is left alone"):
        _server(f"unix:{path}")
    assert path.read_text() == "data"


def test_at_the_end_another_ones_socket_stays(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "http.sock")
    first = _server(f"unix:{path}")
    os.unlink(path)
    with _server(f"unix:{path}"):
        first.server_close()
        assert os.path.exists(path)


def test_a_missing_directory_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/http\.sock: No such file"):
        _server(f"unix:{tmp_path}/nowhere/http.sock")
