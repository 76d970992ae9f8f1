"""Snapshots made to harm: archives and directories that lead out, grow, hang or lie, each refused in one line or harmless."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pathlib
import socket
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.machines import Link, collect, write
from tests.tar_headers import END, file, flood, header, members, padded, pax, raw_pax, sparse
from tests.test_tree import PACK, saved, small
from virt_agent.__main__ import main
from virt_collectors.errors import DamagedSnapshot, SourceError
from virt_collectors.host import tar
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import FILE, OTHER, DirectoryTree, MemoryTree, open_tree

__all__ = ("small",)  # a fixture

WHOLE = b"".join(file(f"sys/{at}", bytes([at]) * (at * 37)) for at in range(40)) + file("proc/a", b"1")
LARGE = 1 << 50


def refused(directory: pathlib.Path, content: bytes, name: str = "guest.tar") -> str:
    """Why it is refused, behind the file's name; one line that a person can read."""
    path = saved(directory, content, name)
    with pytest.raises(DamagedSnapshot) as caught:
        open_tree(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 500
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize(
    ("content", "why"),
    [
        # Sizes that are not true: what tarfile passes over must be there.
        (sparse(LARGE, 10) + END, "sparse file"),
        (sparse(0, LARGE) + END, "sparse file"),
        (header(size=LARGE) + END, "more than 256 MiB"),
        (header(size=-1) + END, "below zero"),
        (header(size=-512) + END, "not a readable|below zero"),
        (header(size=-LARGE) + END, "not a readable|below zero"),
        (pax(("size", str(LARGE))) + file("sys/a") + END, "more than 256 MiB"),
        (pax(("size", "-512")) + file("sys/a", b"1") + file("sys/b") + END, ""),
        (pax(("GNU.sparse.size", "10"), ("size", str(LARGE))) + file("sys/a") + END, ""),
        (pax(("GNU.sparse.realsize", "5"), ("GNU.sparse.map", "0,5,9,1")) + file("sys/a", b"12345") + END, ""),
        (header("x", LARGE, tarfile.GNUTYPE_LONGNAME) + file("sys/a") + END, "not a readable|more than 256 MiB"),
        (header("x", LARGE, tarfile.XHDTYPE) + file("sys/a") + END, "not a readable|more than 256 MiB"),
        # Headers that cost more than they weigh.
        (raw_pax(b"1" * 200_000) + file("sys/a") + END, "more than 256 MiB"),
        (raw_pax(b"1" * 200_000, tarfile.XGLTYPE) + file("sys/a") + END, "more than 256 MiB"),
        (file("x", b"a" * 1_000_000, tarfile.GNUTYPE_LONGNAME) + file("sys/a") + END, "more than 256 MiB"),
        (pax(("path", "sys/" + "a/" * 20_000 + "b")) + file("sys/a") + END, "longer than 1024 letters"),
        (pax(("path", "a" * 1025)) + file("sys/a") + END, "longer than 1024 letters"),
        (pax(("linkpath", "../" * 2000)) + header("sys/a", kind=tarfile.SYMTYPE) + END, "longer than 1024 letters"),
        (pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")) + file("sys/a", b"9999999\n" * 20_000) + END, ""),
        (header("x", 0, tarfile.XHDTYPE) * 5000 + file("sys/a") + END, ""),
        # What leads out, in every place that a path can stand.
        (file("../x") + END, "leads out"),
        (file("sys/../../x") + END, "leads out"),
        (pax(("path", "/../../etc/passwd")) + file("sys/a") + END, "leads out"),
        (pax(("path", "../x"), kind=tarfile.XGLTYPE) + file("sys/a") + END, "leads out"),
        (file("x", b"../../x\0", tarfile.GNUTYPE_LONGNAME) + file("sys/a") + END, "leads out"),
        (pax(("GNU.sparse.name", "../x"), ("GNU.sparse.size", "1")) + file("sys/a", b"1") + END, "leads out|sparse"),
        (file("../\x1b]0;owned\x07\n" + "é" * 20) + END, "leads out"),
    ],
)  # fmt: skip
def test_an_archive_that_is_made_to_harm_is_refused_in_one_line(
    tmp_path: pathlib.Path, form: str, content: bytes, why: str
) -> None:
    import re

    assert re.search(why, refused(tmp_path, PACK[form](content), f"guest.{form}"))


def test_a_header_is_searched_no_longer_than_it_may_be(tmp_path: pathlib.Path) -> None:
    # a pattern of tarfile's takes quadratic time over digits: at this length a moment, beyond it the header is refused
    made = open_tree(saved(tmp_path, raw_pax(b"1" * 20_000) + file("sys/a") + END))
    assert made.kind("sys/a") == FILE


@pytest.mark.parametrize("at", range(512, len(WHOLE), 512))
def test_an_archive_cut_at_any_block_is_damaged_never_shorter(tmp_path: pathlib.Path, at: int) -> None:
    refused(tmp_path, WHOLE[:at])


@pytest.mark.parametrize("form", ["tar.gz", "tar.xz"])
def test_a_compressed_archive_cut_anywhere_is_damaged(tmp_path: pathlib.Path, form: str) -> None:
    content = PACK[form](WHOLE + END)
    for at in range(1, len(content), max(len(content) // 60, 1)):
        refused(tmp_path, content[:at], f"guest.{form}")


@pytest.mark.parametrize("at", [0, 148, 156, 257, 345])
def test_a_wrong_checksum_in_any_header_is_damage(tmp_path: pathlib.Path, at: int) -> None:
    content = bytearray(file("sys/a", b"1") + file("sys/b", b"2") + END)
    content[1024 + at] ^= 1
    refused(tmp_path, bytes(content))


def test_concatenated_gzip_members_are_one_archive(tmp_path: pathlib.Path) -> None:
    content = WHOLE + END
    packed = members(content, 1, 511, 512, 7000) + gzip.compress(b"") * 2000
    host = SnapshotHost(open_tree(saved(tmp_path, packed, "guest.tar.gz")))
    assert host.names("sys") == sorted(map(str, range(40)))
    assert host.file("proc/a") == b"1"


def test_what_is_behind_a_gzip_member_and_is_none_is_damage(tmp_path: pathlib.Path) -> None:
    assert "not a readable" in refused(tmp_path, gzip.compress(WHOLE + END) + b"rest", "guest.tar.gz")


@pytest.fixture
def in_a_hurry() -> Iterator[None]:
    before, tar.TAR_SECONDS = tar.TAR_SECONDS, 0.05
    yield
    tar.TAR_SECONDS = before


@pytest.mark.usefixtures("in_a_hurry")
@pytest.mark.parametrize(
    "content",
    [flood(header("sys/a"), 20_000), gzip.compress(b"") * 200_000, flood(raw_pax(b"1" * 8000) + header("a"), 300)],
    ids=["entries", "members", "headers"],
)
def test_what_takes_too_long_is_refused(tmp_path: pathlib.Path, content: bytes) -> None:
    assert "to unpack" in refused(tmp_path, content, "guest.tar.gz")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "content",
    [
        flood(header("sys/a"), 1000),  # one name again and again
        flood(header("sys/b", kind=tarfile.SYMTYPE, link="a"), 1000),
        b"".join(file(f"{at}/b/c/d") for at in range(20)) + END,  # eighty entries, of which sixty are directories above
        b"".join(pax(("path", f"{at}/" + "a/" * 500)) + file("x") for at in range(2)) + END,
    ],
    ids=["duplicates", "links", "directories", "depth"],
)
def test_entries_are_counted_with_what_they_bring_along(tmp_path: pathlib.Path, content: bytes) -> None:
    name = "guest.tar.gz" if content.startswith(b"\x1f\x8b") else "guest.tar"
    assert "50 entries" in refused(tmp_path, content, name)


def test_the_memory_that_an_archive_takes_is_that_of_its_contents(tmp_path: pathlib.Path) -> None:
    content = b"".join(file(f"sys/{at}", b"x") for at in range(3000)) + END
    path = saved(tmp_path, gzip.compress(content), "guest.tar.gz")
    tracemalloc.start()
    open_tree(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 << 20  # tarfile alone would keep twice as much, of headers that nobody asks for


def test_memory_that_is_not_there_is_said_to_be_too_much(tmp_path: pathlib.Path) -> None:
    class Empty(bytes):
        pass

    path, before = saved(tmp_path, WHOLE + END), tar._entries
    tar._entries = raising(MemoryError)
    try:
        with pytest.raises(DamagedSnapshot, match="more than 256 MiB"):
            open_tree(path)
    finally:
        tar._entries = before


def raising(error: type[BaseException]) -> Callable[..., Any]:
    def raise_it(*_arguments: object) -> None:
        raise error

    return raise_it


# Names and kinds


NAMES = ("a\nb", "\x1b[31m", "a\\b", "\u202e", "-rf", " ", "*", "é" * 100, "\udcff", "...", ".. ")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("form", ["tar", "directory"])
def test_a_strange_name_is_a_name_and_is_printed_plainly(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], form: str, name: str
) -> None:
    if form == "tar":
        path = saved(tmp_path, pax(("path", f"sys/{name}")) + file("x", name.encode("utf-8", "replace")) + END)
    else:
        path = str(write(tmp_path / "root", {f"sys/{name}": name.encode("utf-8", "replace")}))
    assert SnapshotHost(open_tree(path)).names("sys") == [name]
    assert main(["--list", path]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert all(line.isascii() and (not line or line.isprintable()) for line in told.out.split("\n"))


def test_a_nul_in_a_name_ends_it_or_is_in_no_directory(tmp_path: pathlib.Path) -> None:
    made = open_tree(saved(tmp_path, pax(("path", "sys/a\0b")) + file("x", b"1") + file("sys/c\0d") + END))
    assert {name.partition("\0")[0] for name in made.names("sys")} == {"a", "c"}


def test_a_file_that_has_entries_below_it_stays_a_file(tmp_path: pathlib.Path) -> None:
    made = open_tree(saved(tmp_path, file("sys/a", b"1") + file("sys/a/b", b"2") + END))
    host = SnapshotHost(made)
    assert (made.kind("sys/a"), host.file("sys/a")) == (FILE, b"1")
    with pytest.raises(SourceError, match="ENOTDIR"):
        host.file("sys/a/b")
    with pytest.raises(SourceError, match="ENOTDIR"):
        host.names("sys/a")


def test_hard_links_lead_to_what_stood_before_them(tmp_path: pathlib.Path) -> None:
    chain = [header(f"sys/l{at}", kind=tarfile.LNKTYPE, link=f"sys/l{at - 1}") for at in range(1, 200)]
    lost = [
        ("self", "sys/self"),
        ("folder", "sys"),
        ("out", "../../etc/passwd"),
        ("device", "sys/device"),
        ("later", "sys/z"),
    ]
    odd = [header(f"sys/{name}", kind=tarfile.LNKTYPE, link=to) for name, to in lost]
    content = file("sys/l0", b"end") + header("sys/device", kind=tarfile.CHRTYPE) + b"".join([*chain, *odd]) + END
    made = open_tree(saved(tmp_path, content))
    assert made.content("sys/l199", 10) == b"end"
    assert {name: made.kind(f"sys/{name}") for name, _ in lost} == dict.fromkeys(dict(lost), OTHER)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"D", b"M", b"V", b"N"])
def test_what_is_no_file_is_never_one(tmp_path: pathlib.Path, kind: bytes) -> None:
    made = open_tree(saved(tmp_path, header("sys/a", kind=kind) + file("sys/b") + END))
    host = SnapshotHost(made)
    if made.kind("sys/a") == OTHER:
        with pytest.raises(SourceError, match="EFTYPE"):
            host.file("sys/a")


# Directories


@pytest.fixture
def touched() -> Iterator[list[str]]:
    """What is opened and listed, by the interpreter's own audit; it cannot be taken off again, so it is told to stop."""
    seen, active = list[str](), [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
            seen.append(arguments[0])

    sys.addaudithook(hook)
    yield seen
    active.clear()


def test_nothing_outside_of_a_directory_is_opened(tmp_path: pathlib.Path, touched: list[str]) -> None:
    outside = write(tmp_path / "outside", {"secret": "x", "net/eth0/address": "x", "proc/cpuinfo": "processor: 0\n"})
    up = os.path.relpath(outside, "/")
    root = write(
        tmp_path / "root",
        {
            "proc": Link(str(outside / "proc")),
            "sys/class/net": Link(f"{'../' * 20}{up}/net"),
            "sys/class/dmi/id": Link(str(outside)),
            "sys/hypervisor/type": Link("../../../outside/secret"),
            "sys/block": Link("/"),
            "etc/fstab": Link(str(outside / "secret")),
            "boot": Link(str(outside)),
            "virt-agent": Link(str(outside)),
            "dev/cpu": Link("/dev/cpu"),
        },
    )
    touched.clear()
    collection = collect(SnapshotHost(open_tree(str(root))))
    assert not [outcome for outcome in collection.outcomes if "internal error" in (outcome.reason or "")]
    assert collection.facts.cpu is None
    assert any(path.startswith(str(root)) for path in touched)
    assert [path for path in touched if path.startswith((str(outside), "/proc", "/sys", "/dev", "/etc"))] == []


def test_sockets_devices_and_fifos_are_no_files(tmp_path: pathlib.Path) -> None:
    write(tmp_path, {"sys": None})
    os.mkfifo(tmp_path / "sys/fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "sys/socket"))
    made_tree = DirectoryTree(str(tmp_path))
    for name in ("fifo", "socket"):
        assert made_tree.kind(f"sys/{name}") == OTHER
        with pytest.raises(SourceError, match="EFTYPE"):
            SnapshotHost(made_tree).file(f"sys/{name}")


@contextlib.contextmanager
def deep(directory: pathlib.Path, levels: int, name: str) -> Iterator[str]:
    """Deeper than a path can name, made from one level to the next, and taken away so: rmtree() would recurse."""
    (directory / "sys").mkdir(parents=True)
    above = os.open(directory / "sys", os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=above)
        below = os.open(name, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    try:
        yield str(directory)
    finally:
        first, spare = directory / "sys" / name, directory / "spare"
        for _ in range(levels - 1):
            (first / name).rename(spare)
            first.rmdir()
            spare.rename(first)


@pytest.mark.parametrize(("levels", "name"), [(1000, "a"), (40, "d" * 200)])
def test_a_thousand_levels_and_more_than_a_path_can_name_are_listed(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], levels: int, name: str
) -> None:
    with deep(tmp_path / "root", levels, name) as root:
        assert main(["--list", root]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        assert told.out.count("\n") < 12
        assert main(["--root", root, "--detect"]) == 0


def test_a_thousand_levels_in_an_archive_are_listed(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, pax(("path", "sys/" + "a/" * 500 + "b")) + file("x") + END)
    assert main(["--list", path]) == 0
    assert "1 entries" in capsys.readouterr().out


# Answer files


@pytest.mark.parametrize(
    "name", ["meta", "errors", "cpuid", "imds", "ethtool/eth0", "nvme/names", "initramfs", "heads", "space"]
)
def test_a_gigabyte_of_json_is_not_read(tmp_path: pathlib.Path, name: str) -> None:
    write(
        tmp_path,
        {f"virt-agent/{name}.json": "", "sys/class/net/eth0/mtu": "1500\n", "sys/class/nvme/nvme0/state": "live\n"},
    )
    with open(tmp_path / f"virt-agent/{name}.json", "r+b") as answer:
        answer.truncate(1 << 30)  # with no block on the disk
    tracemalloc.start()
    collection = collect(SnapshotHost(open_tree(str(tmp_path))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not [outcome for outcome in collection.outcomes if "internal error" in (outcome.reason or "")]
    assert peak < 40 << 20


@pytest.mark.parametrize("name", ["meta", "errors", "cpuid", "imds", "initramfs", "heads", "space"])
@pytest.mark.parametrize(
    "content",
    [
        '{"a": ' * 10_000 + "1" + "}" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        *('{"schema": %s, "state": %s, "method": %s}' % (("[" * n + "]" * n,) * 3) for n in (940, 970, 980, 985, 990)),
    ],
)  # fmt: skip
def test_json_of_any_depth_is_damage_or_an_answer(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    tree = MemoryTree()
    tree.add("sys/class/dmi/id/sys_vendor", b"Amazon EC2\n")
    tree.add(f"virt-agent/{name}.json", content.encode())
    collection = collect(SnapshotHost(tree))
    assert not [outcome for outcome in collection.outcomes if "internal error" in (outcome.reason or "")]
    root = write(tmp_path, {f"virt-agent/{name}.json": content})
    assert main(["--list", str(root)]) == 0
    assert capsys.readouterr().err == ""


def test_a_list_of_errors_as_long_as_you_like_costs_no_more_than_reading_it(tmp_path: pathlib.Path) -> None:
    errors = {f"sys/block/{at}": "EIO" for at in range(60_000)}
    host = SnapshotHost(tree_of({"virt-agent/errors.json": json.dumps(errors).encode(), "sys/block/a/size": b"1"}))
    for _ in range(2000):  # each of these looked at all of them once
        host.names("sys")
    assert len(host.names("sys/block")) == 60_001


def tree_of(files: dict[str, bytes]) -> MemoryTree:
    tree = MemoryTree()
    for path, content in files.items():
        tree.add(path, content)
    return tree


def test_padding_is_to_blocks() -> None:
    assert [len(padded(b"x" * size)) for size in (0, 1, 512, 513)] == [0, 512, 512, 1024]
