"""What the client never asks for and never lets out, proven by the records of the services it could have told.

Denied are user data, credentials, signatures and keys, however the path is spelled; a token goes to the service that
gave it and nowhere else: no redirect's target, no proxy, no log, no message, no snapshot, no metric.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import tarfile
import traceback
import unicodedata
import urllib.parse
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.imds import scenarios
from tests.imds.answers import C5_LARGE, CANARY, T2_MICRO
from tests.imds.server import Server
from tests.imds.service import TOKEN_PATH
from tests.test_imds_client import EXPECTED, LATE, breaches, client
from virt_agent.__main__ import main
from virt_collectors.errors import Denied, SourceError
from virt_collectors.host import archive
from virt_collectors.host.live import LiveHost
from virt_collectors.host.metadata import Client
from virt_collectors.host.recorder import Recorder
from virt_collectors.imds import read_imds
from virt_collectors.redact import redact
from virt_collectors.source import Source

Capture = pytest.CaptureFixture[str]
TRIES = 5
META = "/latest/meta-data/"
FORBIDDEN = (
    *sorted(f"/latest/{path}" for path, body in T2_MICRO.items() if CANARY in body),
    *(f"{META}iam/security-credentials/", f"{META}identity-credentials/", f"{META}identity-credentials/ec2/"),
    *(f"{META}public-keys/", f"{META}public-keys/0", f"{META}managed-ssh-keys/", "/latest/user-data/"),
)
WORDS = (
    *("user-data", "security-credentials", "identity-credentials", "pkcs7", "rsa2048", "signature"),
    *("public-keys", "openssh-key", "managed-ssh-keys"),
)


def forbidden(target: str) -> bool:
    """Whether a path, read with all the good will that a server may have, leads to what nobody may ask."""
    for _ in range(4):
        target = urllib.parse.unquote(target)
    plain = unicodedata.normalize("NFKC", target).casefold()
    return any(word in plain for word in WORDS)


def test_the_judge_knows_what_is_forbidden() -> None:
    assert [path for path in FORBIDDEN if not forbidden(path)] == []
    assert len(FORBIDDEN) == 15
    assert forbidden("/latest/%2575ser-data")
    assert forbidden("/latest/\uff35ser-data")
    assert not any(forbidden(f"{META}{path}") for path in ("instance-id", "iam/info", "events/maintenance/scheduled"))


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    """One for many examples; nothing forbidden ever reaches it."""
    with Server(answers=C5_LARGE) as server:
        yield server
    assert [request.path for request in server.requests if forbidden(request.path)] == []
    assert breaches(server.requests) == []
    assert server.errors == []


@pytest.mark.parametrize("path", FORBIDDEN)
def test_what_is_never_asked_for(service: Server, path: str) -> None:
    before = service.connections
    with pytest.raises(Denied):
        client(service.endpoint).get(path)
    assert service.connections == before, "not even a token was asked for"


def test_what_is_allowed_is_asked_for_as_it_is(service: Server) -> None:
    allowed = [f"/latest/{path}" for path in C5_LARGE if path.startswith("meta-data/") and not forbidden(path)]
    allowed += ["/latest/dynamic/instance-identity/document", META, f"{META}block-device-mapping/"]
    asking = client(service.endpoint)
    service.requests.clear()
    assert {asking.get(path).status for path in allowed} == {200}
    assert [request.path for request in service.requests] == [TOKEN_PATH, *allowed]


PIECES = st.sampled_from([
    *("/", "//", ".", "..", "/./", "/../", "%2e", "%2E%2e", "%2f", "%252e", "?", "#", ";", "\\", "@", ":", "&", "=", " "),
    *("\t", "\r\n", "\0", "\u2024", "\uff0f", "\u200b", "\uff55ser-data", "latest", "2021-03-23", "meta-data", "dynamic"),
    *("user-data", "USER-DATA", "instance-id", "document", "iam", "security-credentials", "instance-identity", "pkcs7"),
    "http://127.0.0.1",
])  # fmt: skip


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A forbidden path, or an allowed one, with something put in, letters encoded or their case changed."""
    path = draw(st.sampled_from([*FORBIDDEN, f"{META}instance-id", "/latest/dynamic/instance-identity/document"]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(path)))
        match draw(st.integers(0, 3)):
            case 0:
                path = path[:at] + draw(PIECES) + path[at:]
            case 1:
                path = path[:at] + path[at : at + 1].swapcase() + path[at + 1 :]
            case 2:
                path = path[:at] + "".join(f"%{byte:02x}" for byte in path[at : at + 1].encode()) + path[at + 1 :]
            case _:
                path = path.rstrip("/") + draw(PIECES)
    return path


@settings(max_examples=400)
@given(path=st.one_of(spelled(), st.text(max_size=40).map(lambda text: META + text), st.text(max_size=60)))
@example(path=f"{META}./instance-id")
@example(path=f"{META}m/./anaged-ssh-keys/signer-cert")
@example(path=f"{META}instance-id/.")
def test_no_spelling_gets_there(service: Server, path: str) -> None:
    service.requests.clear()
    with contextlib.suppress(SourceError):
        client(service.endpoint).get(path)
    sent = [request.path for request in service.requests]
    assert [target for target in sent if forbidden(target)] == []
    assert sent in ([], [TOKEN_PATH, path]), "what is asked is asked as it was given, or not at all"


# Where a token could go


class Log(logging.Handler):
    """Everything that anybody logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    made, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    yield made
    root.removeHandler(made)
    root.setLevel(level)


def leaks(server: Server, *texts: str) -> list[str]:
    """Which of the texts hold one of the server's tokens or what only a forbidden path tells."""
    secrets = [*server.service.issued, CANARY]
    return [text for text in texts if any(secret in text for secret in secrets)]


def spoken(asking: Client) -> list[str]:
    """All that is said by a client, its answers and its errors."""
    said = [repr(asking), str(asking), repr(asking.requests)]
    for path in (f"{META}system", f"{META}instance-id", f"{META}iam/security-credentials/"):
        try:
            said.append(repr(asking.get(path)))
        except SourceError as error:
            said += [repr(error), str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    return said


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in LATE])
def test_no_scenario_makes_it_talk(name: str, log: Log) -> None:
    with Server(scenarios.SCENARIOS[name]()) as server:
        said = spoken(client(server.endpoint))
        assert len(said) > 4
        assert any(line.startswith("urllib3.connectionpool ") for line in log.lines), "somebody logs what is sent"
        assert leaks(server, *said, *log.lines) == []
        assert not any(forbidden(request.path) for request in server.requests)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_no_redirect_is_followed(code: int, method: str) -> None:
    with Server() as elsewhere:
        for target in (f"{elsewhere.endpoint}{META}system", f"{META}iam/security-credentials/"):
            with Server(scenarios.on(method, scenarios.redirect(target, code))) as server:
                with pytest.raises(SourceError):
                    client(server.endpoint).get(f"{META}system")
                assert {request.path for request in server.requests} <= {TOKEN_PATH, f"{META}system"}
        assert elsewhere.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Server() as proxy, Server() as server:
        monkeypatch.setenv(name, proxy.endpoint)
        assert client(server.endpoint).get(f"{META}system").body == "xen-on-nitro"
        assert proxy.connections == 0


def test_nothing_of_the_users_goes_along(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login admin password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Server(scenarios.body(b"value", Set_Cookie="a=b")) as server:
        asking = client(server.endpoint)
        for _ in range(3):
            with contextlib.suppress(SourceError):
                asking.get(f"{META}system")
        sent = {name for request in server.requests for name in request.headers}
    tokens = {"x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds"}
    assert (
        sent <= {"host", "user-agent", "accept", "accept-encoding", "connection", "content-length", "cookie"} | tokens
    )
    assert "authorization" not in sent


def test_a_token_does_not_go_to_another_service() -> None:
    with Server() as server, Server() as other:
        for endpoint in (server.endpoint, other.endpoint):
            client(endpoint).get(f"{META}system")
        given_out = set(server.service.issued)
        assert not any(token in str(request) for token in given_out for request in other.requests)
        assert any(token in str(request) for token in given_out for request in server.requests)


def walked(server: Server) -> Recorder:
    """All that we ask of a service; once more where a busy machine made it miss the deadline."""
    for _ in range(TRIES):
        server.requests.clear()
        recorder = Recorder(LiveHost(metadata="on", endpoint=server.endpoint))
        found = read_imds(Source(recorder))
        if found is not None and found.state == "ok":
            return recorder
    pytest.fail("the service is never read to its end")


def test_a_snapshot_holds_answers_and_no_token() -> None:
    with Server(answers=C5_LARGE) as server:
        recording = walked(server).recording
        for noted, redaction in ((recording, None), redact(recording)):
            entries = archive.entries(noted, "0", redaction)
            whole = b"\n".join(entry for entry in entries.values() if isinstance(entry, bytes)).decode()
            assert "c5.large" in whole
            assert leaks(server, whole) == []
        assert not any(forbidden(request.path) for request in server.requests)


def test_the_walk_asks_for_little() -> None:
    """About thirty requests for everything, on one connection, none of them twice."""
    with Server(answers=C5_LARGE) as server:
        host = walked(server)
        paths = [request.path for request in server.requests]
        assert paths[0] == TOKEN_PATH
        assert len(set(paths)) == len(paths) <= 40
        assert len({request.connection for request in server.requests}) == 1
        assert sum(host.metadata_requests().values()) == len(paths)


MODES = (["--check", "-v"], ["--json"], ["--metrics"], ["--detect"], ["--snapshot"], ["--snapshot", "--full"])


@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_no_mode_tells(mode: list[str], tmp_path: pathlib.Path, capsys: Capture, log: Log) -> None:
    """The command as a person runs it, on this machine, with a metadata service beside it."""
    knows = False
    for turn in range(TRIES):
        file = tmp_path / f"{turn}.tar.gz"
        words = [mode[0], str(file), *mode[1:]] if mode[0] == "--snapshot" else mode
        with Server(answers=C5_LARGE) as server:
            main([*words, "--imds.endpoint", server.endpoint, "--timeout", "60"])
            printed = capsys.readouterr()
            told = [printed.out, printed.err, unpacked(file) if file.exists() else ""]
            assert leaks(server, *told, *log.lines) == []
            assert [request for request in server.requests if forbidden(request.path)] == []
            assert breaches(server.requests) == []
            paths = [request.path for request in server.requests]
            knows = f"{META}system" in paths and (mode == ["--detect"] or any("c5.large" in text for text in told))
        if knows:
            break
    assert knows, "the service was asked, and what it said is told"


def unpacked(path: pathlib.Path) -> str:
    with tarfile.open(path) as opened:
        files = [opened.extractfile(member) for member in opened.getmembers() if member.isfile()]
        return b"\n".join(file.read() for file in files if file).decode("utf-8", "replace")


HOSTILE = {
    "not JSON": "{",
    "deep": "[" * 60_000,
    "a number without end": "1" * 60_000,
    "wrong types": json.dumps({"instanceId": 5, "instanceType": ["c5.large"], "region": {"a": None}, "kernelId": True}),
    "a list of wrong types": json.dumps([{"Code": 5, "NotBefore": {}, "State": None}, {}]),
    "half a character": json.dumps({"instanceId": "\ud800", "instanceType": "\ud800|\x1b[31m"}),
    "control characters": "i-1|\x1b[31m\0\r\nVIRT-AGENT OK\u202e\U000e0001",
    "a long line": "x" * 60_000,
    "many lines": "x/\n" * 20_000,
    "many names": "\n".join(f"ebs{number}" for number in range(6_000)),
    "blank": " \n\t ",
    "nothing": "",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_rubbish_in_every_answer_stays_harmless(name: str, capsys: Capture) -> None:
    with Server(scenarios.on("GET", scenarios.body(HOSTILE[name].encode("utf-8", "replace")))) as server:
        found = read_imds(Source(LiveHost(metadata="on", endpoint=server.endpoint)))
        assert found is None or found.instance_type is None or len(found.instance_type) <= 256
        assert len(server.requests) < 150
        for mode in (["--check", "-v"], ["--json"], ["--metrics"]):
            code = main([*mode, "--imds.endpoint", server.endpoint, "--timeout", "60", "--sample", "0"])
            printed = capsys.readouterr()
            assert "internal error" not in printed.err
            assert "Traceback" not in printed.err
            assert code in (0, 1, 2, 3)
            assert printed.out.isascii()
            assert "\x1b" not in printed.out
            assert "|" not in printed.out or mode[0] != "--check"
            assert sum(line.startswith("VIRT-AGENT ") for line in printed.out.split("\n")) == (mode[0] == "--check")
        assert breaches(server.requests) == []
