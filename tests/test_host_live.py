"""The live reader, on a directory that stands for "/"."""

from __future__ import annotations

import errno
import os
import pathlib
import socket
import threading

import pytest

from tests.machines import Link, write
from virt_collectors import errors
from virt_collectors.errors import Absent, Denied, SourceError, Unreadable, from_os, refusal
from virt_collectors.host import ATTRIBUTE_LIMIT, FILE_LIMIT
from virt_collectors.host.live import LiveHost, something_there

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def error_of(host: LiveHost, path: str, method: str = "attribute") -> SourceError:
    with pytest.raises(SourceError) as caught:
        getattr(host, method)(path)
    return caught.value


@pytest.fixture
def host(tmp_path: pathlib.Path) -> LiveHost:
    return LiveHost(str(tmp_path))


def test_reads_what_a_file_holds(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"sys/a": b"xen\n\xff", "sys/empty": ""})
    assert host.attribute("sys/a") == b"xen\n\xff"
    assert host.file("sys/a") == b"xen\n\xff"
    assert host.attribute("sys/empty") == b""


@pytest.mark.parametrize("size", [ATTRIBUTE_LIMIT - 1, ATTRIBUTE_LIMIT, ATTRIBUTE_LIMIT + 1])
def test_an_attribute_is_one_page_at_most(tmp_path: pathlib.Path, host: LiveHost, size: int) -> None:
    write(tmp_path, {"a": b"x" * size})
    if size <= ATTRIBUTE_LIMIT:
        assert len(host.attribute("a")) == size
    else:
        assert error_of(host, "a").code == "EFBIG"


@pytest.mark.parametrize("method", ["attribute", "file"])
def test_ten_megabytes_where_forty_bytes_belong_are_refused(
    tmp_path: pathlib.Path, host: LiveHost, method: str
) -> None:
    with open(tmp_path / "a", "wb") as file:
        file.truncate(10 << 20)
    error = error_of(host, "a", method)
    assert (type(error), error.code, error.path) == (Unreadable, "EFBIG", "a")


def test_a_file_is_read_to_its_end_and_not_beyond_its_limit(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"a": b"y" * 70_000})
    assert len(host.file("a")) == 70_000
    assert len(host.file("a", 70_000)) == 70_000
    with pytest.raises(Unreadable, match="EFBIG"):
        host.file("a", 69_999)
    assert FILE_LIMIT > 70_000


@pytest.mark.parametrize("with_writer", [False, True], ids=["no writer", "silent writer"])
@pytest.mark.parametrize("method", ["attribute", "file"])
def test_a_fifo_is_refused_at_once(tmp_path: pathlib.Path, host: LiveHost, method: str, with_writer: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR) if with_writer else None
    told: list[SourceError] = []
    asking = threading.Thread(target=lambda: told.append(error_of(host, "fifo", method)), daemon=True)
    asking.start()
    asking.join(timeout=30)
    if writer is not None:
        os.close(writer)
    assert [error.code for error in told] == ["EFTYPE"]


@pytest.mark.parametrize("method", ["attribute", "file"])
def test_what_is_no_regular_file_is_refused(tmp_path: pathlib.Path, host: LiveHost, method: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "null").symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        codes = [error_of(host, name, method).code for name in ("directory", "null", "s")]
    assert codes == ["EISDIR", "EFTYPE", "ENXIO"]


def test_what_is_not_there_is_absent(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"file": "", "dangling": Link("nowhere")})
    for path in ("nothing", "file/below", "dangling", "no/such/folder"):
        for method in ("attribute", "file", "names", "real"):
            assert isinstance(error_of(host, path, method), Absent), (path, method)
    assert not host.exists("nothing")
    assert not host.exists("dangling")
    assert host.link("dangling") == "nowhere"


@pytest.mark.parametrize("name", ["ENOENT", "ENOTDIR", "ENODEV", "EACCES", "ELOOP", "ENAMETOOLONG"])
def test_a_look_that_found_nothing_says_so(name: str) -> None:
    assert something_there("a", OSError(getattr(errno, name), "")) is False


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "ENOMEM", "ETIMEDOUT"])
def test_a_look_that_failed_is_not_taken_for_nothing(name: str) -> None:
    with pytest.raises(Unreadable) as caught:
        something_there("a", OSError(getattr(errno, name), ""))
    assert (caught.value.path, caught.value.code) == ("a", name)


def test_names_that_no_file_can_have_are_nothing(host: LiveHost) -> None:
    assert not any(host.exists(name) for name in ("a" * 256, "a/" * 3000, "a\0b"))


def test_a_file_that_vanishes_between_listing_and_reading_is_absent(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"devices/vif-0": "x"})
    (name,) = host.names("devices")
    (tmp_path / "devices/vif-0").unlink()
    assert isinstance(error_of(host, f"devices/{name}"), Absent)


def test_a_loop_of_links_ends(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"a": Link("b"), "b": Link("a")})
    assert [error_of(host, "a", method).code for method in ("attribute", "file", "names", "real")] == ["ELOOP"] * 4
    assert not host.exists("a")


def test_links_and_real_paths_are_told_below_the_root(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"sys/devices/vbd-1/block/xvda/size": "8", "sys/block/xvda": Link("../devices/vbd-1/block/xvda")})
    assert host.link("sys/block/xvda") == "../devices/vbd-1/block/xvda"
    assert host.real("sys/block/xvda") == "sys/devices/vbd-1/block/xvda"
    assert host.real("sys/block/xvda/size") == "sys/devices/vbd-1/block/xvda/size"
    assert error_of(host, "sys/devices", "link").code == "EINVAL"


def test_names_are_sorted(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"d/b": "", "d/a": "", "d/c/e": ""})
    assert host.names("d") == ["a", "b", "c"]
    assert error_of(host, "d/a", "names").code == "ENOTDIR"


@not_root
def test_what_needs_a_privilege_is_denied(tmp_path: pathlib.Path, host: LiveHost) -> None:
    write(tmp_path, {"secret": "x", "closed/inside": "x"})
    (tmp_path / "secret").chmod(0)
    (tmp_path / "closed").chmod(0)
    try:
        found = [error_of(host, "secret"), error_of(host, "closed", "names"), error_of(host, "closed/inside")]
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [(type(error), error.code) for error in found] == [(Denied, "EACCES")] * 3


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, Absent),
        (errno.ENOTDIR, Absent),
        (errno.ENODEV, Absent),
        (errno.ENXIO, Absent),
        (errno.EACCES, Denied),
        (errno.EPERM, Denied),
        (errno.EIO, Unreadable),
        (errno.EAGAIN, Unreadable),
        (errno.EINVAL, Unreadable),
        (errno.EBUSY, Unreadable),
        (errno.EOPNOTSUPP, Unreadable),
        (errno.ENAMETOOLONG, Unreadable),
    ],
)
def test_the_kernels_refusals_become_typed_errors(number: int, kind: type[SourceError]) -> None:
    error = from_os("sys/x", OSError(number, "text"))
    assert type(error) is kind
    assert error.code == errno.errorcode[number]
    assert str(error) == f"sys/x: {error.why}"
    assert error.code in error.why


def test_an_error_without_a_known_number_is_still_an_error() -> None:
    assert from_os("sys/x", OSError("odd")).code == "EIO"
    assert type(refusal("sys/x", "EWHATEVER")) is errors.Unreadable


def test_a_name_too_long_is_a_typed_error(host: LiveHost) -> None:
    assert error_of(host, "x" * 5000).code == "ENAMETOOLONG"


def test_the_live_machine_knows_its_name_its_time_and_its_privilege() -> None:
    host = LiveHost()
    assert host.uname().release == os.uname().release
    assert host.privileged() is (os.geteuid() == 0)
    assert host.time() is not None
    assert host.live
    assert host.damage() == []
    with pytest.raises(Absent):
        host.metadata("/latest/meta-data/system")
