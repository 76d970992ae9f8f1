"""EC2's instance metadata service, by IMDSv2 alone (EC2 user guide, "Use the Instance Metadata Service").

PUT /latest/api/token gives a token of at most six hours, each GET carries it; a request without one would be version 1
and is never sent. One connection is kept alive. No proxy of the environment is used and no redirect followed, for the
token would go with it. What proves or lends the instance's identity is refused here, whoever asks for it.

Where the reply's hop limit is too small (1, in a container behind a bridge), the answer to the PUT is dropped on its
way: the service takes the connection and stays silent.
"""

from __future__ import annotations

import random
import socket
import time

from ..errors import Denied, NoService
from ..record import Record
from . import Metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response, Session

IPV4, IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
TOKEN_PATH, TOKEN_SECONDS = "/latest/api/token", 21_600  # six hours, the most there is
CONNECT_SECONDS, ANSWER_SECONDS = 0.3, 0.6  # it answers in a few milliseconds
BODY_LIMIT = 65_536
_ANSWER_LIMIT = 2 * BODY_LIMIT  # with its head
_RENEW_AT = 0.8  # of a token's time
_TOKEN_LIMIT = 1024
_ALLOWED = ("/latest/meta-data/", "/latest/dynamic/instance-identity/document")
_NEVER = (
    *("user-data", "security-credentials", "identity-credentials", "pkcs7", "rsa2048", "signature"),
    *("public-keys", "openssh-key", "managed-ssh-keys"),
)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:")
_TOKEN_LETTERS = _PLAIN | frozenset("+=~")
_TOO_BUSY = (429, 503)
_PAUSES = (0.1, 0.2)  # seconds before a busy service is asked once more; longer waits are for the next look
# For how long nothing is asked after a failure; what may pass soon doubles each time up to the longest.
_WAIT_SECONDS = {
    "unreachable": 60,
    "slow": 60,
    "broken": 60,
    "throttled": 15,
    "disabled": 300,
    "hop_limit_suspected": 600,
}
_LONGEST_WAIT = 600
_UNREACHABLE = "unreachable", "the metadata service's address cannot be reached"
_NO_SERVICE = "what answers at the metadata service's address gives no token"
_BROKEN = "broken", "what answers at the metadata service's address breaks off, or is no HTTP"


def boot_seconds() -> float:
    """CLOCK_BOOTTIME: a token ages while the guest is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Token(Record):
    text: str
    renew_at: float


class Client:
    """The service behind one or several endpoints, of which the first that answers is kept.

    After a failure it stays away for a while (a minute, then longer) and answers with the same failure.
    """

    def __init__(
        self,
        endpoints: tuple[str, ...] = (IPV4,),
        clock: Callable[[], float] = boot_seconds,
        sleep: Callable[[float], None] = time.sleep,
        patience: tuple[float, float] = (CONNECT_SECONDS, ANSWER_SECONDS),
    ) -> None:
        self.requests: dict[str, int] = {}
        self._endpoints = endpoints
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._bounds = _Bounds()
        self._session: Session | None = None
        self._token: _Token | None = None
        self._failures = 0
        self._failure: tuple[str, str] | None = None  # state and why; an error raised again would grow its traceback
        self._again_at = 0.0
        self._until = float("inf")
        self._ever_answered = False

    def __repr__(self) -> str:
        return f"Client({', '.join(self._endpoints)})"

    def begin(self, seconds: float) -> None:
        """All that is asked from now on is answered within so many seconds, or NoService says that it is slow."""
        import requests  # noqa: F401  # what its import takes is not the service's fault

        self._until = time.monotonic() + seconds

    def get(self, path: str) -> Metadata:
        """The answer at a path; NoService says why there is none, Denied that the path is never asked for."""
        if not allowed(path):
            raise Denied(f"imds:{path[:80]}", "is never asked for", "EPERM")
        if self._failure is not None and self._clock() < self._again_at:
            raise NoService(path, *self._failure)
        try:
            answer = self._ask(path)
        except NoService as failure:
            self._stay_away(failure)
            raise
        self._failures, self._failure = 0, None
        return answer

    def _ask(self, path: str) -> Metadata:
        for _ in range(2):
            answer = self._answer(path, "GET", {"X-aws-ec2-metadata-token": self._valid_token()})
            if answer.status != 401:
                return _judged(path, answer)
            self._token = None  # it ran out, or the service forgot it: one new token, no more
        raise NoService(path, "refused", "the metadata service takes no token, not even a new one (HTTP 401)")

    def _valid_token(self) -> str:
        if self._token is None or self._clock() >= self._token.renew_at:
            self._token = self._new_token()
        return self._token.text

    def _new_token(self) -> _Token:
        began = self._clock()
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
        answer = self._answer(TOKEN_PATH, "PUT", headers)
        if answer.status != 200:
            raise _no_token(answer.status)
        text = answer.body.strip()
        if not text or len(text) > _TOKEN_LIMIT or set(text) - _TOKEN_LETTERS:
            raise NoService(TOKEN_PATH, "not_ec2", _NO_SERVICE)
        return _Token(text, began + _RENEW_AT * TOKEN_SECONDS)

    def _answer(self, path: str, method: str, headers: dict[str, str]) -> Metadata:
        """The answer to a request, which is repeated where the service was too busy for it."""
        for pause in map(_about, _PAUSES):
            answer = self._request(path, method, headers)
            if answer.status not in _TOO_BUSY or time.monotonic() + pause > self._until:
                return answer
            self._sleep(pause)
        return self._request(path, method, headers)

    def _request(self, path: str, method: str, headers: dict[str, str]) -> Metadata:
        """Sent once more where the connection broke, for a kept one may have ended meanwhile.

        A token is asked for at each endpoint in turn, and the one that answers comes first from then on.
        """
        try:
            return self._send(self._endpoints[0], path, method, headers)
        except NoService as failure:
            if failure.state == "unreachable" and method == "PUT" and len(self._endpoints) > 1:
                first, *others = self._endpoints
                answer = self._send(others[0], path, method, headers)
                self._endpoints = (*others, first)
                return answer
            if failure.state == "unreachable":
                self._token = None  # the next one may come from elsewhere
            if failure.state != "broken":
                raise
        return self._send(self._endpoints[0], path, method, headers)

    def _send(self, endpoint: str, path: str, method: str, headers: dict[str, str]) -> Metadata:
        from requests import exceptions
        from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

        left = self._until - time.monotonic()
        if left <= 0:
            raise NoService(path, "slow", "its answers took too long in all")
        self._bounds.begin(min(sum(self._patience), left))
        timeout = min(self._patience[0], left), min(self._patience[1], left)
        try:
            if self._session is None:
                self._session = _session(self._bounds)
            with self._session.request(
                method, endpoint + path, headers=headers, timeout=timeout, allow_redirects=False, stream=True
            ) as response:
                body = _body(response)
        except exceptions.ConnectTimeout:
            raise self._failed(path, "unreachable", "nobody answers at the metadata service's address") from None
        except (exceptions.ReadTimeout, ReadTimeoutError):
            raise self._failed(path, *_late(method, self._ever_answered)) from None
        except exceptions.ConnectionError as error:
            broken = isinstance(error.args[0] if error.args else None, ProtocolError)
            raise self._failed(path, *(_BROKEN if broken else _UNREACHABLE)) from None
        except (exceptions.RequestException, HTTPError, ValueError):
            raise self._failed(path, *_BROKEN) from None
        self._count(str(response.status_code))
        self._ever_answered = True
        return Metadata(response.status_code, body)

    def _failed(self, path: str, state: str, why: str) -> NoService:
        self._count("timeout" if state in ("slow", "hop_limit_suspected") else "error")
        return NoService(path, state, why)

    def _count(self, status: str) -> None:
        self.requests[status] = self.requests.get(status, 0) + 1

    def _stay_away(self, failure: NoService) -> None:
        seconds = _WAIT_SECONDS.get(failure.state, _LONGEST_WAIT) * 2**self._failures
        self._failure, self._failures = (failure.state, failure.why), min(self._failures + 1, 10)
        self._again_at = self._clock() + _about(min(seconds, _LONGEST_WAIT))


def _about(seconds: float) -> float:
    """Jitter: guests that one event silenced must not come back together."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311


def endpoints(nitro: bool) -> tuple[str, ...]:
    """Where the service is asked for, in order; its IPv6 address exists on Nitro alone."""
    return (IPV4, IPV6) if nitro else (IPV4,)


def allowed(path: str) -> bool:
    """The deny-list, in this one place: only plain paths below the metadata, and none that lends or proves identity."""
    lowered = path.lower()
    return (
        path.startswith(_ALLOWED)
        and not set(path) - _PLAIN
        and not {".", ".."} & set(path.split("/"))
        and "//" not in path
        and not any(word in lowered for word in _NEVER)
        and (path.startswith(_ALLOWED[0]) or path == _ALLOWED[1])
    )


def _judged(path: str, answer: Metadata) -> Metadata:
    if answer.status in _TOO_BUSY:
        raise NoService(path, "throttled", f"the metadata service is too busy (HTTP {answer.status})")
    if answer.status == 403:
        raise NoService(path, "disabled", "the metadata service is switched off (HTTP 403)")
    if 300 <= answer.status < 400 or answer.status == 405:
        raise NoService(path, "not_ec2", f"what answers at its address is not the service (HTTP {answer.status})")
    return answer


def _no_token(status: int) -> NoService:
    """Why the PUT brought no token (EC2 user guide; botocore takes 404 and 405 for a machine that is not EC2's)."""
    if status == 403:
        return NoService(TOKEN_PATH, "disabled", "the metadata service is switched off (HTTP 403)")
    if status == 400:
        return NoService(TOKEN_PATH, "bad_request", "the metadata service does not understand the request (HTTP 400)")
    if status in _TOO_BUSY or status >= 500:
        return NoService(TOKEN_PATH, "throttled", f"the metadata service is too busy or out of order (HTTP {status})")
    return NoService(TOKEN_PATH, "not_ec2", f"what answers at its address is not the service (HTTP {status})")


def _late(method: str, ever_answered: bool) -> tuple[str, str]:
    if method == "PUT" and not ever_answered:
        return "hop_limit_suspected", "it takes connections, and its answer to the request for a token does not come"
    return "slow", "its answer does not come, or not whole, in time"


def _body(response: Response) -> str:
    """The body as it was sent: what is compressed stays so. ValueError for one that is too long, or not whole."""
    announced = response.headers.get("Content-Length", "")
    sent_in_chunks = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
    if not sent_in_chunks and not (announced.isdecimal() and len(announced) < 9):
        raise ValueError("nothing tells where the answer ends")
    body: bytes = response.raw.read(BODY_LIMIT + 1, decode_content=False)
    if len(body) > BODY_LIMIT or (not sent_in_chunks and len(body) != int(announced)):
        raise ValueError("too long, or cut short")
    return body.decode("utf-8", "replace")


class _Bounds:
    """When the answer to a request must have come whole, and how long it may be: one that drips never ends."""

    def __init__(self) -> None:
        self._end, self._left = 0.0, 0

    def begin(self, seconds: float) -> None:
        self._end, self._left = time.monotonic() + seconds, _ANSWER_LIMIT

    def seconds(self) -> float:
        """What is left of the time; TimeoutError where nothing is."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def take(self, count: int) -> None:
        """So many bytes came; ConnectionError where they are too many, whatever the head says of their length."""
        self._left -= count
        if self._left < 0:
            raise ConnectionError("too long")


def _session(bounds: _Bounds) -> Session:
    """One connection over a socket that keeps the bounds; no proxy, no redirect."""
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    class Socket(socket.socket):
        def recv_into(self, *arguments: object, **named: object) -> int:
            self.settimeout(bounds.seconds())
            count = super().recv_into(*arguments, **named)  # type: ignore[arg-type]
            bounds.take(count)
            return count

    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = Socket(fileno=super()._new_conn().detach())
            made.settimeout(bounds.seconds())  # the descriptor does not block, and the new object must know
            return made

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class Staying(Session):
        def get_redirect_target(self, resp: Response) -> None:
            """None, or else the library looks at a redirect even where it does not follow."""

    made, transport = Staying(), HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    transport.poolmanager.pool_classes_by_scheme = {"http": Pool}
    made.trust_env = False
    made.mount("http://", transport)
    made.headers.update({"User-Agent": "virt-agent", "Accept-Encoding": "identity"})
    return made
