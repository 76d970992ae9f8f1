"""Our client of the metadata service against every scenario of the test server: it ends, and knows in which state.

The server's own record proves what was asked, how often, and with which token.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imds import scenarios
from tests.imds.server import Deaf, Server, free_endpoint
from tests.imds.service import TOKEN_HEADER, TOKEN_PATH, TTL_HEADER, Request
from tests.test_imds_scenarios import wait_for
from virt_collectors.errors import NoService, SourceError
from virt_collectors.host.metadata import BODY_LIMIT, Client

META = "/latest/meta-data/"
SYSTEM = f"{META}system"
FINE = "200 xen-on-nitro"
PATIENCE = 20.0  # who is not back by then hangs
SHORT = 0.5, 1.5  # for what does last until the deadline; a busy machine must still manage the rest in time

# What the first answer is, at SYSTEM: a status and the body ("..." for more of it), or a state.
EXPECTED = {
    "ok": FINE, "hanging up": FINE, "closing unsaid": FINE, "slow": FINE, "token revoked": FINE,
    "no token is valid": "refused", "switched off": "disabled", "values forbidden": "disabled",
    "PUT: 400": "bad_request", "PUT: 404": "not_ec2", "PUT: 405": "not_ec2", "PUT: 500": "throttled",
    "web page": "not_ec2", "busy twice: 429": FINE, "busy twice: 503": FINE, "busy: 429": "throttled",
    "busy: 503": "throttled", "system: 500": "500 ...", "values: 500": "500 ...",
    "PUT: silent": "hop_limit_suspected", "GET: silent": "slow", "PUT: head drips": "hop_limit_suspected",
    "GET: head drips": "slow", "PUT: body drips": "hop_limit_suspected", "GET: body drips": "slow",
    "PUT: endless body": "broken", "GET: endless body": "broken", "GET: endless chunk": "broken",
    "GET: endless chunks": "broken", "GET: endless head": "broken", "GET: endless line": "broken",
    "GET: endless 100": "broken", "GET: endless redirect": "broken", "PUT: huge length": "broken",
    "GET: huge length": "broken", "GET: length too large": "slow", "GET: length is no number": "broken",
    "GET: length is negative": "broken", "PUT: empty body": "not_ec2", "PUT: binary body": "not_ec2",
    "PUT: two lines": "not_ec2", "GET: empty body": "200 ", "GET: binary body": "200 \0\1\2...",
    "GET: gzip bomb": "200 \x1f...", "GET: not gzip": "200 not packed", "GET: 301 to credentials": "not_ec2",
    "GET: 302 to credentials": "not_ec2", "GET: 307 to credentials": "not_ec2", "PUT: 302 to itself": "not_ec2",
    "GET: redirect to a gzip bomb": "not_ec2", "GET: redirect to no URL": "not_ec2", "PUT: closed": "broken",
    "GET: closed": "broken", "PUT: reset": "broken", "GET: reset": "broken", "GET: head cut": "broken",
    "GET: body cut": "broken", "PUT: body cut": "broken", "GET: no HTTP": "broken", "PUT: no HTTP": "broken",
    "GET: status 999": "999 ", "GET: no status": "broken", "GET: chunk sizes are no numbers": "broken",
    "GET: chunk is cut": "broken", "GET: chunk of all memory": "broken", "GET: chunk of negative size": "broken",
}  # fmt: skip
LATE = [name for name, answer in EXPECTED.items() if answer in ("slow", "hop_limit_suspected")]


class Clock:
    """A clock for both sides, and what is slept by it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Outcome(NamedTuple):
    """What came of one scenario: the first answer, the second with the clock at a standstill, and the server's record."""

    first: str
    second: str
    requests: list[Request]
    after_first: int
    counted: int


def client(*endpoints: str, clock: Clock | None = None, patience: tuple[float, float] = (PATIENCE, PATIENCE)) -> Client:
    clock = clock or Clock()
    return Client(endpoints, clock, clock.sleep, patience)


def asked(asking: Client, path: str = SYSTEM) -> str:
    try:
        answer = asking.get(path)
    except SourceError as error:
        return error.code
    assert len(answer.body) <= BODY_LIMIT
    return f"{answer.status} {answer.body}"


def played(name: str) -> Outcome:
    with Server(scenarios.SCENARIOS[name]()) as server:
        asking = client(server.endpoint, patience=SHORT if name in LATE else (PATIENCE, PATIENCE))
        first = ended(lambda: asked(asking))
        count = len(server.requests)
        second = first if " " in first else ended(lambda: asked(asking))
        assert server.errors == []
        assert server.sent < scenarios.ENDLESS, "it hung up long before"
    return Outcome(first, second, server.requests, count, sum(asking.requests.values()))


def ended(function: Callable[[], str]) -> str:
    """What a function gives, in a thread of its own; a failure where it does not come back."""
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(function()), daemon=True)
    thread.start()
    thread.join(3 * PATIENCE)
    assert said, "it hangs, or raised something else"
    return said[0]


@pytest.fixture(scope="module")
def late() -> Iterator[dict[str, concurrent.futures.Future[Outcome]]]:
    """The scenarios that last until the deadline, all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(LATE)) as pool:
        yield {name: pool.submit(played, name) for name in LATE}


def breaches(requests: list[Request]) -> list[Request]:
    """Requests that are no IMDSv2: a PUT for anything but a token of six hours, a GET without one, any other method."""

    def lawful(request: Request) -> bool:
        if request.method == "PUT":
            wants_token = request.path == TOKEN_PATH and request.header(TTL_HEADER) == "21600"
            return wants_token and request.header(TOKEN_HEADER) is None and not request.body
        return request.method == "GET" and bool(request.header(TOKEN_HEADER)) and not request.body

    return [request for request in requests if not lawful(request)]


def test_every_scenario_is_expected_to_end_somehow() -> None:
    assert set(EXPECTED) == set(scenarios.SCENARIOS)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_ends_in_the_right_state(name: str, late: dict[str, concurrent.futures.Future[Outcome]]) -> None:
    outcome = late[name].result(7 * PATIENCE) if name in late else played(name)
    begun = EXPECTED[name].removesuffix("...")
    assert outcome.first == begun or (begun != EXPECTED[name] and outcome.first.startswith(begun))
    assert breaches(outcome.requests) == []
    assert {request.path for request in outcome.requests} <= {TOKEN_PATH, SYSTEM}
    assert outcome.second == outcome.first
    assert len(outcome.requests) == outcome.after_first, "after a failure it stays away"
    assert outcome.counted >= len(outcome.requests), "each request is counted"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("ok", "PUT GET"),
        ("token revoked", "PUT GET"),
        ("no token is valid", "PUT GET PUT GET"),
        ("switched off", "PUT"),
        ("PUT: 400", "PUT"),
        ("PUT: 405", "PUT"),
        ("busy: 429", "PUT GET GET GET"),
        ("busy: 503", "PUT PUT PUT"),
        ("GET: closed", "PUT GET GET"),
        ("GET: 302 to credentials", "PUT GET"),
        ("PUT: 302 to itself", "PUT"),
        ("GET: gzip bomb", "PUT GET"),
    ],
)
def test_how_often_it_tries(name: str, sent: str) -> None:
    assert " ".join(request.method for request in played(name).requests) == sent


def test_many_questions_share_one_token_and_one_connection() -> None:
    with Server() as server:
        asking = client(server.endpoint)
        assert [asked(asking) for _ in range(30)] == [FINE] * 30
        assert [request.method for request in server.requests] == ["PUT", *["GET"] * 30]
        assert server.connections == 1
        assert {request.header(TOKEN_HEADER) for request in server.requests[1:]} == set(server.service.issued)
        assert asking.requests == {"200": 31}


def test_a_token_is_renewed_before_it_runs_out() -> None:
    clock = Clock()
    with Server(clock=clock) as server:
        asking = client(server.endpoint, clock=clock)
        for _ in range(24):  # two days, by the hour
            asked(asking)
            clock.now += 7200
        assert set(asking.requests) == {"200"}, "never a 401"
        assert 8 <= len(server.service.issued) <= 24


def test_a_token_that_ran_out_in_its_sleep_is_replaced() -> None:
    clock = Clock()
    with Server(clock=clock) as server:
        asking = client(server.endpoint, clock=clock)
        asked(asking)
        clock.now += 100_000
        assert asked(asking) == FINE
        assert asking.requests == {"200": 4}


def test_a_token_that_the_service_forgot_costs_one_401() -> None:
    with Server() as server:
        asking = client(server.endpoint)
        asked(asking)
        server.service.revoke()
        assert asked(asking) == FINE
        assert asking.requests == {"200": 4, "401": 1}
        old, new = server.service.issued
        assert [request.header(TOKEN_HEADER) for request in server.requests] == [None, old, old, None, new]


@pytest.mark.parametrize("name", ["busy: 503", "switched off", "GET: closed", "web page", "no token is valid"])
def test_it_comes_back_and_then_less_often(name: str) -> None:
    clock = Clock()
    with Server(scenarios.SCENARIOS[name]()) as server:
        asking = client(server.endpoint, clock=clock)
        waits: list[float] = []
        for _ in range(6):
            asked(asking)
            waits.append(waited(asking, clock, server))
        assert waits[0] > 11
        assert 350 < waits[-1] < 760
        server.scenario, server.service.enabled = scenarios.honest, True
        clock.now += 1000
        assert asked(asking) == FINE


def test_a_failure_told_again_and_again_does_not_grow() -> None:
    with Server(scenarios.switched_off) as server:
        asking = client(server.endpoint)
        depths = [depth(asking) for _ in range(20)]
    assert max(depths[1:]) <= depths[0]


def depth(asking: Client) -> int:
    with pytest.raises(NoService) as raised:
        asking.get(SYSTEM)
    return len(list(traceback.walk_tb(raised.value.__traceback__)))


def waited(asking: Client, clock: Clock, server: Server) -> float:
    """For how long it sends nothing."""
    began, count = clock.now, len(server.requests)
    while len(server.requests) == count:
        clock.now += 2
        asked(asking)
    return clock.now - began


def test_pauses_before_it_asks_a_busy_service_again_are_short_and_differ() -> None:
    clocks = [Clock() for _ in range(8)]
    with Server(scenarios.status(503)) as server:
        for clock in clocks:
            asked(client(server.endpoint, clock=clock))
    pauses = [pause for clock in clocks for pause in clock.slept]
    assert len(pauses) == len(set(pauses)) == 16, "jitter"
    assert 0.01 < min(pauses) <= max(pauses) < 0.5


def test_a_connection_that_ended_meanwhile_is_no_failure() -> None:
    with Server(scenarios.on("GET", scenarios.cut(1))) as server:
        asking = client(server.endpoint)
        for _ in range(3):
            assert asked(asking) == FINE
            wait_for(lambda: server.standing() == 0)
        assert asking.requests == {"200": 4}


def test_ipv6() -> None:
    try:
        server = Server(host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with server:
        assert asked(client(server.endpoint)) == FINE


def test_the_next_address_is_tried_where_one_cannot_be_reached() -> None:
    with Deaf() as deaf, Server() as server, Server() as other:
        for nobody in (deaf.endpoint, free_endpoint()):
            asking = client(nobody, server.endpoint, other.endpoint, patience=(0.3, PATIENCE))
            assert [asked(asking), asked(asking)] == [FINE, FINE]
            assert asking.requests == {"error": 1, "200": 3}, "it keeps to the one that answers"
        assert breaches(server.requests) == []
        assert other.connections == 0


def test_nobody_there_is_unreachable() -> None:
    assert asked(client(free_endpoint())) == "unreachable"
    assert asked(client(free_endpoint(), free_endpoint())) == "unreachable"
    with Deaf() as deaf:
        assert ended(lambda: asked(client(deaf.endpoint, patience=(0.3, PATIENCE)))) == "unreachable"


BYTES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda head, body: b"HTTP/1.1 " + head + b"\r\n\r\n" + body, st.binary(max_size=80), st.binary(max_size=80)),
    st.builds(
        lambda status, name, text, body: b"HTTP/1.1 %d X\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (status, name, text, len(body), body),
        st.integers(0, 1200),
        st.sampled_from([b"Location", b"Content-Encoding", b"Transfer-Encoding", b"Content-Length", b"Set-Cookie", b"Connection"]),
        st.binary(max_size=40),
        st.binary(max_size=80),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> Iterator[Server]:
    with Server() as server:
        yield server
    assert server.errors == []


@settings(max_examples=150)
@given(content=BYTES, method=st.sampled_from(["PUT", "GET"]))
def test_no_bytes_raise_anything_else(hostile: Server, content: bytes, method: str) -> None:
    hostile.scenario = scenarios.on(method, scenarios.raw(content))
    hostile.requests.clear()
    asking = client(hostile.endpoint)
    asked(asking)
    assert breaches(hostile.requests) == []
    assert len(hostile.requests) <= 6
    assert sum(asking.requests.values()) >= len(hostile.requests) > 0


def test_the_endpoint_that_answered_comes_first_and_the_other_is_not_forgotten() -> None:
    with Server() as server:
        asking = client(free_endpoint(), server.endpoint)
        asking.get(SYSTEM)
        assert asking._endpoints[0] == server.endpoint
        assert len(asking._endpoints) == 2


def test_a_token_stays_where_it_was_given() -> None:
    with Server() as other:
        with Server() as first:
            clock = Clock()
            asking = client(first.endpoint, other.endpoint, clock=clock)
            asking.get(SYSTEM)
            given = {request.header(TOKEN_HEADER) for request in first.requests} - {None}
        with contextlib.suppress(NoService):
            asking.get(SYSTEM)
        clock.now += 4000
        asking.get(SYSTEM)
        assert given.isdisjoint({request.header(TOKEN_HEADER) for request in other.requests})
