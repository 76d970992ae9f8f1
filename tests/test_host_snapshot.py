"""A snapshot answers as its machine did, and nothing in it reaches outside."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.machines import Files, Link, collect, machine, signed, write
from virt_collectors.errors import Absent, Denied, Malformed, SourceError, Unreadable
from virt_collectors.host import Metadata, Uname
from virt_collectors.host.snapshot import SnapshotHost, parse_time
from virt_collectors.host.tree import DirectoryTree, MemoryTree, Tree

PATHS = st.lists(st.sampled_from(["", ".", "..", "a", "b", "up", "abs", "loop", "f"]), max_size=8).map("/".join)


def files(tree: dict[str, bytes | str | None]) -> SnapshotHost:
    """In memory: bytes is a file, text a link, None a directory."""
    made = MemoryTree()
    for path, entry in tree.items():
        made.add(path, entry)
    return SnapshotHost(made)


def code_of(host: SnapshotHost, path: str, method: str = "attribute") -> str:
    with pytest.raises(SourceError) as caught:
        getattr(host, method)(path)
    return caught.value.code


@pytest.mark.parametrize(
    ("link", "asked", "real"),
    [
        ("/etc/secret", "a/link", "etc/secret"),
        ("../../../../../../etc/secret", "a/link", "etc/secret"),
        ("../etc/secret", "a/link", "etc/secret"),
        ("/../etc/./secret", "a/link", "etc/secret"),
        ("b", "a/link/../../etc/secret", "etc/secret"),
        ("/", "a/link/etc/secret", "etc/secret"),
    ],
)
def test_links_resolve_inside_the_root(tmp_path: pathlib.Path, link: str, asked: str, real: str) -> None:
    write(tmp_path, {"etc/secret": "the outer machine's"})
    inside: Files = {"etc/secret": "the guest's", "a/b/c": "", "a/link": Link(link)}
    host = machine(tmp_path / "guest/root", inside)
    assert host.real(asked) == real
    assert host.file(asked) == b"the guest's"


@pytest.mark.parametrize("link", ["/outer", "../../outer", "../../../../../../../../../../../../../outer"])
def test_a_link_to_what_only_the_outer_machine_has_is_absent(tmp_path: pathlib.Path, link: str) -> None:
    write(tmp_path, {"outer": "secret"})
    host = machine(tmp_path / "root", {"a/link": Link(link)})
    assert code_of(host, "a/link") == "ENOENT"
    assert code_of(host, "../outer") == "ENOENT"
    assert not host.exists("a/link")


def test_loops_end(tmp_path: pathlib.Path) -> None:
    loops = {"a": Link("b"), "b": Link("/a"), "self": Link("self/x"), "d/up": Link("../d/up")}
    host = machine(tmp_path, loops)
    assert [code_of(host, path, "real") for path in ("a", "self", "d/up", "a/b/c")] == ["ELOOP"] * 4
    assert not host.exists("a")


def test_forty_links_are_followed_and_no_more(tmp_path: pathlib.Path) -> None:
    chain = {f"l{at}": Link(f"l{at + 1}") for at in range(41)}
    host = machine(tmp_path, {**chain, "l41": "end"})
    assert host.file("l1") == b"end"
    assert code_of(host, "l0") == "ELOOP"


@given(PATHS)
def test_every_path_is_answered_inside_or_by_a_typed_error(path: str) -> None:
    host = files({"a/b": None, "a/up": "../..", "abs": "/a", "a/loop": "loop", "loop": "a/loop", "f": b"x", "b": "f"})
    for method in (host.attribute, host.names, host.link, host.real):
        with contextlib.suppress(SourceError):
            method(path)
    assert host.exists(path) is can_be_resolved(host, path)


def can_be_resolved(host: SnapshotHost, path: str) -> bool:
    try:
        return ".." not in host.real(path).split("/")
    except SourceError:
        return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS)
def test_paths_resolve_as_the_kernel_resolves_them(tmp_path: pathlib.Path, path: str) -> None:
    if not (tmp_path / "a").exists():
        write(tmp_path, {"a/b/f": "x", "a/up": Link("b/../b"), "a/b/a": Link(".."), "f": "x", "b": Link("a/b/./f")})
        write(tmp_path, {"loop": Link("a/../loop"), "a/f": Link("../nowhere")})
    host = SnapshotHost(DirectoryTree(str(tmp_path)))
    asked = f"{tmp_path}/{path.lstrip('/')}"
    expected = os.path.relpath(os.path.realpath(asked), tmp_path)
    if expected.startswith(".."):
        return  # the kernel leaves the root and we do not
    assert can_be_resolved(host, path) is os.path.exists(asked)
    if os.path.exists(asked):
        assert host.real(path) == ("" if expected == "." else expected)


def test_a_page_is_the_limit_of_an_attribute_here_too(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"a": b"x" * 4096, "b": b"x" * 4097})
    assert len(host.attribute("a")) == 4096
    assert code_of(host, "b") == "EFBIG"
    assert len(host.file("b")) == 4097


def test_what_is_no_file_is_refused(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"d": None})
    os.mkfifo(tmp_path / "fifo")
    assert [code_of(host, path) for path in ("d", "fifo")] == ["EISDIR", "EFTYPE"]
    assert [code_of(host, path, "names") for path in ("fifo", "nowhere")] == ["ENOTDIR", "ENOENT"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("EIO", Unreadable),
        ("EAGAIN", Unreadable),
        ("EINVAL", Unreadable),
        ("EACCES", Denied),
        ("EPERM", Denied),
        ("ENODEV", Absent),
        ("ENOENT", Absent),
        ("EMADEUP", Unreadable),
    ],
)
def test_a_recorded_refusal_is_given_back_by_either_path(
    tmp_path: pathlib.Path, code: str, kind: type[SourceError]
) -> None:
    # as recorded: by the real path, and the file itself is not in the snapshot
    links: Files = {
        "sys/devices/vif-0/net/eth0/mtu": "1500\n",
        "sys/class/net/eth0": Link("../../devices/vif-0/net/eth0"),
    }
    host = machine(tmp_path, links, errors={"sys/devices/vif-0/net/eth0/speed": code})
    for path in ("sys/devices/vif-0/net/eth0/speed", "sys/class/net/eth0/speed"):
        with pytest.raises(kind) as caught:
            host.attribute(path)
        assert (caught.value.path, caught.value.code) == (path, code)
        assert host.exists(path) is (code != "ENOENT")
    assert host.names("sys/class/net/eth0") == ["mtu", "speed"]


def test_a_refusal_counts_above_a_file_that_is_there(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"a/b": "x", "link": Link("a/b")}, errors={"/a/b": "EIO", "link": "EACCES"})
    assert (code_of(host, "a/b"), code_of(host, "link")) == ("EIO", "EACCES")


def test_answers_that_are_no_files(tmp_path: pathlib.Path) -> None:
    host = machine(
        tmp_path,
        {},
        cpuid={0x40000000: signed("XenVMMXenVMM", 0x40000005)},
        method="/dev/cpu/0/cpuid",
        imds={"/latest/meta-data/system": "nitro"},
        kernel_log="[    0.000000] Linux\n",
        meta={"uname": ["Linux", "n", "6.1", "#1", "x86_64"], "time": "2026-11-20T12:00:00Z", "privileged": True},
    )
    assert host.cpuid_method() == "/dev/cpu/0/cpuid"
    assert host.cpuid(0x40000000) == signed("XenVMMXenVMM", 0x40000005)
    with pytest.raises(Absent):
        host.cpuid(1)
    assert host.metadata("/latest/meta-data/system") == Metadata(200, "nitro")
    assert host.metadata("/else") == Metadata(404, "")
    assert host.kernel_log() == "[    0.000000] Linux\n"
    assert host.uname() == Uname("Linux", "n", "6.1", "#1", "x86_64")
    assert (host.time(), host.privileged(), host.live) == (1795176000.0, True, False)


def test_a_bare_tree_has_no_such_answers_and_never_the_live_machines(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"proc/version": "x"})
    for ask in (host.cpuid_method, lambda: host.cpuid(1), lambda: host.metadata("/x"), host.kernel_log, host.uname):
        with pytest.raises(Absent):
            ask()
    assert (host.time(), host.privileged(), host.damage()) == (None, None, [])


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T01:00:10.500+01:00", 10.5),
        ("1970-01-01T00:00:10", 10.0),
        ("yesterday", None),
        ("", None),
        ("2026-13-01T00:00:00Z", None),
    ],
)
def test_times_are_iso_8601(stamp: str, seconds: float | None) -> None:
    assert parse_time(stamp) == seconds


@given(st.text())
def test_no_text_breaks_the_time(stamp: str) -> None:
    assert isinstance(parse_time(stamp), float | None)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("meta.json", "{", "not JSON"),
        ("meta.json", '{"schema": 2}', "schema 2"),
        ("meta.json", '{"time": "noon"}', "noon"),
        ("errors.json", "[]", "not a JSON object"),
        ("errors.json", '{"a": 1}', "errno"),
        ("errors.json", "\xff", "not JSON"),
        ("errors.json", "[" * 100_000, "not JSON"),
    ],
)
def test_a_damaged_answer_file_is_a_failed_collector(tmp_path: pathlib.Path, name: str, content: str, why: str) -> None:
    host = machine(tmp_path, {f"virt-agent/{name}": content.encode("latin-1")})
    (error,) = host.damage()
    assert error.path == f"virt-agent/{name}"
    assert why in error.why
    (outcome,) = collect(host, "snapshot").outcomes
    assert (outcome.outcome, why in (outcome.reason or "")) == ("failed", True)


@pytest.mark.parametrize("answer", ["cpuid", "imds", "errors", "meta"])
@pytest.mark.parametrize("stands_there", ["directory", "fifo", "dangling"])
def test_what_is_no_file_in_an_answers_place_breaks_nothing_else(
    tmp_path: pathlib.Path, answer: str, stands_there: str
) -> None:
    host = machine(tmp_path, {"proc/cmdline": "quiet\n", "virt-agent": None})
    place = tmp_path / f"virt-agent/{answer}.json"
    if stands_there == "directory":
        place.mkdir()
    elif stands_there == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere")
    collection = collect(host)
    assert collection.facts.boot is not None
    assert not [outcome for outcome in collection.outcomes if "internal error" in (outcome.reason or "")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("0x5"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["schema", "time", "uname", "privileged", "method", "leaves", "0x40000000", "eax", "ebx"])
            | st.sampled_from(["ecx", "edx", "state", "responses", "status", "body", "sys/hypervisor", "0x00000001"])
            | st.sampled_from(["/latest/meta-data/system", "/latest/dynamic/instance-identity/document"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(["meta", "errors", "cpuid", "imds"]), answer=JSON)
@example(name="imds", answer={"responses": {"/latest/meta-data/system": {"status": math.inf, "body": ""}}})
@example(name="meta", answer={"uname": ["Linux", "n", "6.1\0", "#1", "x86_64"]})
def test_no_json_in_an_answer_file_is_an_internal_error(name: str, answer: Any) -> None:
    if name == "imds" and isinstance(answer, dict):
        answer = {**answer, "state": "ok"}
    host = files({"proc/cmdline": b"quiet", f"virt-agent/{name}.json": json.dumps(answer).encode()})
    collection = collect(host)
    assert collection.facts.boot is not None or name == "errors"
    assert not [outcome for outcome in collection.outcomes if "internal error" in (outcome.reason or "")]


def test_a_malformed_leaf_names_the_file_and_the_leaf(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"virt-agent/cpuid.json": '{"leaves": {"0x00000001": {"eax": "0x0"}}}'})
    with pytest.raises(Malformed, match=r"virt-agent/cpuid.json: leaf 0x00000001"):
        host.cpuid(1)


def test_a_name_with_a_nul_is_nowhere(tmp_path: pathlib.Path) -> None:
    trees: list[Tree] = [DirectoryTree(str(tmp_path)), MemoryTree()]
    assert [code_of(SnapshotHost(tree), path) for tree in trees for path in ("a\0b", "\ud800")] == ["ENOENT"] * 4
