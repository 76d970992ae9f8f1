"""Requests that nobody well-behaved sends: what each is answered, and what nobody gets by them."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.reliability import hostility_table as table
from tests.web_server import connect, get, place, rest, serving
from virt_agent.metrics import negotiate
from virt_agent.serve.server import Server
from virt_agent.serve.web import head, reader
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.connections import Connection

_REAL = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)  # of Prometheus 3


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Access(None)) as made:
        yield made


@pytest.fixture(scope="module")
def strange() -> Iterator[Server]:
    """One whose clients all seem to come from elsewhere."""
    with serving(Access(None)) as made:
        admit = made.connections.admit

        def from_elsewhere(stream: socket.socket, address: str) -> Connection | None:
            return admit(stream, "192.0.2.7")

        made.connections.admit = from_elsewhere  # type: ignore[method-assign]
        yield made


def exchanged(server: Server, sent: bytes) -> bytes:
    with connect(server) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except ConnectionError:  # it did not want to hear it all
            pass
        return rest(client)


@pytest.mark.parametrize("case", table.ALL, ids=lambda case: case.what)
def test_each_gets_its_answer_and_then_the_end(
    server: Server, case: table.Case, caplog: pytest.LogCaptureFixture
) -> None:
    assert table.wrong(case, exchanged(server, case.sent)) is None
    assert caplog.records == []


@pytest.mark.parametrize("claim", table.CLAIMS, ids=lambda claim: claim.what)
def test_who_counts_as_local(server: Server, claim: table.Claim) -> None:
    (reply,) = table.replies(exchanged(server, claim.line + b"\r\n" + claim.fields + b"\r\n"))
    assert (None if reply.code == 400 else b"Left out" not in reply.body) is claim.local


@pytest.mark.parametrize(
    "claim", [claim for claim in table.CLAIMS if claim.local is not None], ids=lambda claim: claim.what
)
def test_a_stranger_stays_one_whatever_he_claims(strange: Server, claim: table.Claim) -> None:
    (reply,) = table.replies(exchanged(strange, claim.line + b"\r\n" + claim.fields + b"\r\n"))
    assert b"Left out" in reply.body


def test_the_answers_to_a_pipeline_are_in_order(server: Server) -> None:
    paths = [(b"/-/healthy", 200), (b"/nowhere", 404), (b"/check", 200)] * 20
    asked = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path, _ in paths)
    assert [reply.code for reply in table.replies(exchanged(server, asked))] == [code for _, code in paths]


def test_what_follows_the_last_request_of_a_pipeline_is_not_answered(server: Server) -> None:
    last = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert len(table.replies(exchanged(server, last + table.HIDDEN * 1000))) == 1, (
        "and what nobody read tears nothing away"
    )


def test_an_error_after_head_has_its_body(server: Server) -> None:
    head_ = b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    first, second = table.replies(exchanged(server, head_ + b"X\r\n\r\n"), heads=(0,))
    assert (first.code, second.code, second.body) == (200, 400, b"Bad Request\n")


field_bytes = st.binary(max_size=30) | st.sampled_from(
    [
        b"X: y",
        b"X : y",
        b"X",
        b" y",
        b": y",
        b"From x",
        b"Content-Length: 5",
        b"X: a\rY: b",
        b"X: y\r",
        b"X:\x85y",
        b"X:\x0by",
    ]
)


@hypothesis.given(st.lists(field_bytes, max_size=8))
def test_fields_of_the_form_are_each_what_the_parser_of_mail_sees(lines: list[bytes]) -> None:
    """It sees no more and no less: else one could be hidden from the agent, or from a proxy before it."""
    taken = [line + b"\r\n" for line in lines if head.is_field(line + b"\r\n")]
    found = http.client.parse_headers(io.BytesIO(b"".join(taken) + b"\r\n"))
    assert [name.encode("latin-1") for name in found] == [line.partition(b":")[0] for line in taken]
    assert [str(value).encode("latin-1").strip(b" \t") for value in found.values()] == [
        line.partition(b":")[2].strip(b" \t\r\n") for line in taken
    ]
    assert found.get_payload() == ""


@hypothesis.given(st.lists(field_bytes, max_size=8))
@hypothesis.settings(max_examples=50)
def test_no_field_hides_where_a_request_ends(server: Server, lines: list[bytes]) -> None:
    asked = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n" + b"".join(line + b"\r\n" for line in lines)
    body = b"Content-Length: %d\r\n\r\n" % len(table.HIDDEN) + table.HIDDEN
    found = table.replies(exchanged(server, asked + body))
    ended = any(line in (b"", b"\n") or b"\n\n" in line or b"\n\r\n" in line + b"\r\n" for line in lines)
    assert len(found) == 1 or ended
    assert all(reply.code < 500 for reply in found)


@hypothesis.given(st.text(max_size=60), st.text(max_size=60))
def test_any_target_and_host_can_be_told_apart(path: str, host: str) -> None:
    name, found = head.target(path, host)
    assert "?" not in found
    assert isinstance(head.is_own_name(name), bool)


@pytest.mark.parametrize("version", ["x", "1", "1.x", "2.0.0", "1.0.0.7", "9" * 5000, "\xb2", "1.0.0\r\n Evil: x"])
def test_a_version_that_a_client_makes_up_is_neither_an_error_nor_repeated(version: str) -> None:
    """What is encoded is kept by its content type: one for each word of a client would be kept for ever."""
    for kind in ("application/openmetrics-text", "text/plain"):
        assert negotiate(f"{kind};version={version}")[1] == negotiate("")[1]


def test_what_prometheus_asks_for_it_gets() -> None:
    assert negotiate(_REAL)[1].startswith("application/openmetrics-text; version=")
    assert negotiate("application/openmetrics-text")[1].startswith("application/openmetrics-text; version=")


@hypothesis.given(st.text(alphabet=" ,;=.q01txersionapclmg/-*", max_size=80))
def test_any_accept_header_has_one_of_few_content_types(accept: str) -> None:
    kinds = {negotiate(known)[1] for known in ("", "application/openmetrics-text", "text/plain;version=1.0.0")}
    kinds |= {negotiate(f"application/openmetrics-text;version={known}")[1] for known in ("1.0.0", "0.0.1")}
    assert negotiate(accept)[1] in kinds


def test_whoever_meets_an_error_of_ours_cannot_fill_the_log_with_it(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Access(None)) as broken:
        broken.watch._runner = None  # type: ignore[assignment]
        for number in range(5):
            assert get(broken, f"/check?{number}")[0] == 500
            assert get(broken, f"http://guest-{number}/check")[0] == 500
    assert len({record.getMessage() for record in caplog.records}) == 1


def test_a_request_that_has_begun_behind_another_has_no_idle_connections_time() -> None:
    now = [100.0]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = head.Lines(reader.Reader(ours, clock=lambda: now[0]))
        theirs.sendall(b"GET / HTTP/1.1\r\n\r\nG")
        lines.expect(90.0)
        assert (lines.readline(), lines.readline()) == (b"GET / HTTP/1.1\r\n", b"\r\n")
        lines.expect(90.0)
        now[0] += reader.REQUEST_SECONDS + 1
        with pytest.raises(TimeoutError):
            lines.readline()
        lines.close()


def test_a_kept_connection_remembers_nothing_of_what_was_asked(server: Server) -> None:
    kept = http.client.HTTPConnection(*place(server), timeout=20.0)
    for number in range(30):
        kept.request("GET", "/metrics", headers={"Accept": f"application/openmetrics-text;version=1.0.{number}"})
        assert kept.getresponse().read()
    kept.close()
    assert len({kind for kind, _ in server.site._exposition._encoded}) <= 2
