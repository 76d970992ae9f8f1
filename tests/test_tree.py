"""Archives: what a tar may hold, and what of it is refused."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import pathlib
import tarfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.machines import Link, write
from virt_collectors.errors import DamagedSnapshot, SourceError
from virt_collectors.host import tar
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DIRECTORY, FILE, LINK, OTHER, open_tree

Member = tuple[str, bytes | Callable[[tarfile.TarInfo], None] | None]
PACK: dict[str, Callable[[bytes], bytes]] = {"tar": bytes, "tar.gz": gzip.compress, "tar.xz": lzma.compress}


def member(name: str, content: bytes | Callable[[tarfile.TarInfo], None] | None) -> tuple[tarfile.TarInfo, bytes]:
    """One entry: bytes is a file, None a directory, a function makes something else of it."""
    info = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        info.size = len(content)
        return info, content
    info.type = tarfile.DIRTYPE
    if content is not None:
        content(info)
    return info, b""


def packed(*members: Member) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info, data = member(name, content)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def saved(directory: pathlib.Path, content: bytes, name: str = "guest.tar") -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)


def kind(number: bytes, link: str = "") -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = number, link

    return change


@pytest.fixture
def small() -> Iterator[None]:
    """Limits that a small archive exceeds."""
    before = tar.TAR_BYTES, tar.TAR_ENTRIES, tar.ENTRY_BYTES
    tar.TAR_BYTES, tar.TAR_ENTRIES, tar.ENTRY_BYTES = 1 << 20, 50, 1 << 16
    yield
    tar.TAR_BYTES, tar.TAR_ENTRIES, tar.ENTRY_BYTES = before


@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize("top", ["", "./", "/", "sosreport-guest/", "./a-b/"])
def test_every_form_of_archive_gives_the_same_machine(tmp_path: pathlib.Path, form: str, top: str) -> None:
    content = packed(
        (f"{top}sys/hypervisor/type", b"xen\n"),
        (f"{top}proc/", None),
        (f"{top}sys/link", kind(tarfile.SYMTYPE, "hypervisor/type")),
    )
    host = SnapshotHost(open_tree(saved(tmp_path, PACK[form](content), f"guest.{form}")))
    assert host.attribute("sys/link") == b"xen\n"
    assert host.names("") == ["proc", "sys"]


@pytest.mark.parametrize("top", ["", "host-2026/"])
def test_a_directory_may_have_a_single_folder_on_top_too(tmp_path: pathlib.Path, top: str) -> None:
    write(tmp_path, {f"{top}sys/hypervisor/type": "xen\n", f"{top}sys/link": Link("/sys/hypervisor/type")})
    assert SnapshotHost(open_tree(str(tmp_path))).attribute("sys/link") == b"xen\n"


def test_a_single_machine_folder_is_not_taken_for_a_top_folder(tmp_path: pathlib.Path) -> None:
    # sys/proc is nothing that exists, but nobody shall lose a snapshot that has only sys/
    made = open_tree(saved(tmp_path, packed(("sys/proc/x", b"1"))))
    assert made.kind("sys/proc/x") == FILE


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "sys/..", "/../x", ".."])
def test_an_entry_that_leads_out_condemns_the_archive(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(DamagedSnapshot, match="leads out"):
        open_tree(saved(tmp_path, packed(("sys/a", b"1"), (name, b"evil"))))


def test_links_out_of_the_archive_lead_nowhere(tmp_path: pathlib.Path) -> None:
    outside = write(tmp_path, {"secret": "x"})
    host = SnapshotHost(
        open_tree(
            saved(
                tmp_path,
                packed(
                    ("sys/absolute", kind(tarfile.SYMTYPE, str(outside / "secret"))),
                    ("sys/relative", kind(tarfile.SYMTYPE, "../../../../../../secret")),
                    ("sys/hard", kind(tarfile.LNKTYPE, "../secret")),
                    ("sys/hard-absolute", kind(tarfile.LNKTYPE, str(outside / "secret"))),
                ),
            )
        )
    )
    for name in ("absolute", "relative", "hard", "hard-absolute"):
        with pytest.raises(SourceError):
            host.file(f"sys/{name}")


def test_kinds_of_entries(tmp_path: pathlib.Path) -> None:
    made = open_tree(
        saved(
            tmp_path,
            packed(
                ("sys/a", b"content"),
                ("sys/hard", kind(tarfile.LNKTYPE, "sys/a")),
                ("sys/too-early", kind(tarfile.LNKTYPE, "sys/later")),
                ("dev/sda", kind(tarfile.BLKTYPE)),
                ("dev/kmsg", kind(tarfile.CHRTYPE)),
                ("fifo", kind(tarfile.FIFOTYPE)),
                ("link", kind(tarfile.SYMTYPE, "sys/a")),
            ),
        )
    )
    paths = ("sys", "sys/a", "sys/hard", "sys/too-early", "dev/sda", "dev/kmsg", "fifo", "link", "nothing")
    assert [made.kind(path) for path in paths] == [DIRECTORY, FILE, FILE, OTHER, OTHER, OTHER, OTHER, LINK, None]
    assert made.content("sys/hard", 100) == b"content"
    with pytest.raises(SourceError, match="EFTYPE"):
        SnapshotHost(made).file("fifo")


def test_a_later_entry_replaces_an_earlier_one(tmp_path: pathlib.Path) -> None:
    made = open_tree(saved(tmp_path, packed(("sys/a", b"old"), ("sys/a", b"new"), ("sys/d/e", b""), ("sys/d", None))))
    assert made.content("sys/a", 10) == b"new"
    assert made.names("sys/d") == ["e"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize(
    "members",
    [
        [("sys/large", b"\0" * (1 << 17))],
        [(f"sys/{at}", b"\0" * 60_000) for at in range(20)],
        [(f"sys/{at}", b"") for at in range(60)],
        [("n" * 2_000_000, b"")],
        [(f"sys/{at}" + "/a" * 20, b"") for at in range(3)],
    ],
    ids=["one entry", "sum", "count", "a header alone", "folders that nothing names"],
)
def test_bombs_are_refused(tmp_path: pathlib.Path, form: str, members: list[Member]) -> None:
    with pytest.raises(DamagedSnapshot, match=r"more than 1 MiB or 50 entries"):
        open_tree(saved(tmp_path, PACK[form](packed(*members))))


@pytest.mark.parametrize("entry", [("proc/" + "a/" * 100_000, b""), ("sys/a", kind(tarfile.SYMTYPE, "b/" * 100_000))])
def test_a_name_of_many_folders_is_refused_before_it_is_taken_apart(tmp_path: pathlib.Path, entry: Member) -> None:
    """Its folders would take 10 GB: one for each, each with all the letters before it."""
    with pytest.raises(DamagedSnapshot, match=r"name is longer than 1024 letters|more than 256 MiB"):
        open_tree(saved(tmp_path, packed(entry)))


@pytest.mark.usefixtures("small")
def test_a_bomb_behind_the_archives_end_is_refused(tmp_path: pathlib.Path) -> None:
    content = gzip.compress(packed(("sys/a", b"1")) + b"\0" * (2 << 20))
    with pytest.raises(DamagedSnapshot, match="more than 1 MiB"):
        open_tree(saved(tmp_path, content))


@pytest.mark.usefixtures("small")
def test_a_snapshot_below_the_limits_is_read(tmp_path: pathlib.Path) -> None:
    made = open_tree(saved(tmp_path, packed(*((f"sys/{at}", b"\0" * 4096) for at in range(40)))))
    assert len(made.names("sys")) == 40


WHOLE = packed(*((f"sys/{at}", bytes([at]) * (at * 37)) for at in range(40)), ("proc/a", b"1"))


@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.77, 0.9])
def test_a_truncated_archive_is_damaged_not_shorter(tmp_path: pathlib.Path, form: str, part: float) -> None:
    content = PACK[form](WHOLE)
    cut = content[: int(len(content.rstrip(b"\0")) * part)]
    with pytest.raises(DamagedSnapshot, match="copy it again"):
        open_tree(saved(tmp_path, cut))


def test_an_archive_cut_between_two_entries_is_damaged(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DamagedSnapshot):
        open_tree(saved(tmp_path, packed(("sys/a", b"1"), ("sys/b", b"2"))[:1024]))


def test_a_wrong_checksum_is_damage(tmp_path: pathlib.Path) -> None:
    content = bytearray(gzip.compress(WHOLE))
    content[-6] ^= 1
    with pytest.raises(DamagedSnapshot, match="CRC"):
        open_tree(saved(tmp_path, bytes(content)))


def test_a_broken_header_in_the_middle_is_damage(tmp_path: pathlib.Path) -> None:
    content = bytearray(packed(("sys/a", b"1"), ("sys/b", b"2")))
    content[1024 + 150] ^= 1  # in the checksum of the second header
    with pytest.raises(DamagedSnapshot):
        open_tree(saved(tmp_path, bytes(content)))


def test_headers_before_headers_without_end_are_damage(tmp_path: pathlib.Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    content = header.tobuf(tarfile.USTAR_FORMAT) * 5000 + packed(("sys/a", b"1"))
    with pytest.raises(DamagedSnapshot):
        open_tree(saved(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", b"\xfd7zXZ\0", b"\0" * 511, b"PK\3\4" * 300])
def test_what_is_no_tar_says_so(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(DamagedSnapshot, match=r"guest\.tar: not a readable"):
        open_tree(saved(tmp_path, content))


def test_what_is_not_there_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DamagedSnapshot, match="no such file"):
        open_tree(str(tmp_path / "nothing"))
    with pytest.raises(DamagedSnapshot, match="neither a directory nor a regular file"):
        open_tree("/dev/null")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_listed_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(DamagedSnapshot, match=r"closed: permission denied"):
        open_tree(str(tmp_path / "closed"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_archive_is_a_tree_or_one_error(tmp_path: pathlib.Path, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(sorted(PACK)))
    content = bytearray(PACK[form](packed(("sys/a", b"content"), ("l", kind(tarfile.SYMTYPE, "sys/a")), ("p/d", None))))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 3000) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = open_tree(saved(tmp_path, bytes(content)))
    except DamagedSnapshot:
        return
    for name in found.names(""):
        assert found.kind(name) in (FILE, DIRECTORY, LINK, OTHER)
