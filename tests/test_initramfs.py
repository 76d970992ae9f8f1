"""An initramfs: its archives, their compressions, and everything by which it can be cut short, damaged or hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import operator
import os
import pathlib
import random
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from virt_collectors.errors import Absent, Malformed, SourceError, Unreadable
from virt_collectors.host import initramfs
from virt_collectors.host.initramfs import cpio, decompress, libraries, lz4, stream, zstd
from virt_collectors.host.initramfs.decompress import Format
from virt_collectors.host.live import LiveHost
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree

FILE, DIRECTORY, SYMLINK, DEVICE = 0o100644, 0o040755, 0o120777, 0o020600
PATH = "boot/initrd.img-6.8.0-1021-aws"
UNFINISHED = "not written completely"

# images, byte by byte


def padded(content: bytes, to: int = 4) -> bytes:
    return content + bytes(-len(content) % to)


def entry(
    name: str | bytes,
    content: bytes = b"",
    mode: int = FILE,
    magic: bytes = b"070701",
    size: int | None = None,
    name_size: int | None = None,
) -> bytes:
    raw = (name if isinstance(name, bytes) else name.encode()) + b"\0"
    numbers = (
        *(7, mode, 0, 0, 1, 0x6553F100, len(content) if size is None else size, 8, 1, 0, 0),
        *(len(raw) if name_size is None else name_size, 0),
    )
    header = magic + b"".join(b"%08X" % number for number in numbers)
    return padded(header + raw) + padded(content)


TRAILER = entry("TRAILER!!!", mode=0)
TRAILER_PADDING = 3  # behind its name, without which nothing is lost


def archive(*names: str, content: bytes = b"\x7fELF\2\1\1" * 5) -> bytes:
    """As GNU cpio writes it: an end mark, and zero bytes to a whole block."""
    return padded(b"".join(entry(name, content) for name in names) + TRAILER, 512)


def xz(content: bytes) -> bytes:
    return lzma.compress(content, check=lzma.CHECK_CRC32)  # the one that the kernel checks


def lzma_alone(content: bytes) -> bytes:
    return lzma.compress(content, lzma.FORMAT_ALONE)


def zstd_raw(content: bytes, block: int = 1000, window: int = 0x58) -> bytes:
    """A frame of raw blocks, without a checksum (RFC 8878)."""
    pieces = [content[at : at + block] for at in range(0, len(content), block)] or [b""]
    blocks = [
        (len(piece) << 3 | (number == len(pieces))).to_bytes(3, "little") + piece
        for number, piece in enumerate(pieces, 1)
    ]
    return b"\x28\xb5\x2f\xfd\0" + bytes([window]) + b"".join(blocks)


def zeros_behind(blocks: int) -> bytes:
    """An archive as a frame of zstd, with blocks that repeat a zero 128 Ki times behind it."""
    before = zstd_raw(archive("a"), 4096)
    return before[:6] + bytes([before[6] & 0xFE]) + before[7:] + b"\2\0\x10\0" * (blocks - 1) + b"\3\0\x10\0"


def literals(content: bytes) -> bytes:
    """A block of lz4 that repeats nothing."""
    if len(content) < 15:
        return bytes([len(content) << 4]) + content
    more, rest = divmod(len(content) - 15, 255)
    return b"\xf0" + b"\xff" * more + bytes([rest]) + content


def lz4_literals(content: bytes, block: int = 1000) -> bytes:
    """lz4's old form."""
    blocks = [literals(content[at : at + block]) for at in range(0, len(content), block)]
    return lz4.MAGIC + b"".join(len(one).to_bytes(4, "little") + one for one in blocks)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "xz": xz,
    "bzip2": bz2.compress,
    "lzma": lzma_alone,
    "zstd": zstd_raw,
    "lz4": lz4_literals,
}
COMPRESSED = [name for name in PACK if name != "none"]
DRIVERS = (
    "usr/lib/modules/6.8.0-1021-aws/kernel/drivers/nvme/host/nvme.ko.zst",
    "usr/lib/modules/6.8.0-1021-aws/ena.ko",
)
MICROCODE = "kernel/x86/microcode/GenuineIntel.bin"


@pytest.fixture(scope="module", autouse=True)
def _libraries() -> None:
    try:
        zstd.Decompressor()
        lz4.Decompressor()
    except libraries.Missing as error:
        pytest.skip(str(error))


def names(image: bytes) -> tuple[str, ...]:
    return initramfs.names(image, PATH)


def refused(image: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        names(image)
    assert caught.value.path == PATH
    assert caught.value.why.isascii()
    assert "|" not in caught.value.why
    return caught.value


class Counted(io.BytesIO):
    """Counts what was read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "all at once"
        found = super().read(size)
        self.count += len(found)
        return found


# what a whole image holds


@pytest.mark.parametrize("form", PACK)
def test_every_compression_holds_the_same_names(form: str) -> None:
    assert names(PACK[form](archive("init", *DRIVERS))) == ("init", *sorted(DRIVERS))


@pytest.mark.parametrize("form", PACK)
def test_early_archives_stand_before_the_main_one(form: str) -> None:
    early = archive(MICROCODE) + archive("kernel/x86/microcode/AuthenticAMD.bin") + archive(DRIVERS[0]) + bytes(1024)
    found = names(early + PACK[form](archive("init", DRIVERS[1])))
    assert found == tuple(sorted(("init", *DRIVERS, MICROCODE, "kernel/x86/microcode/AuthenticAMD.bin")))


@pytest.mark.parametrize("first", COMPRESSED)
@pytest.mark.parametrize("second", PACK)
def test_compressed_parts_stand_one_behind_the_other(first: str, second: str) -> None:
    part = PACK[first](archive("a"))
    image = part + bytes(4 + -len(part) % 4) + PACK[second](archive("b"))
    assert names(image) == ("a", "b")


@pytest.mark.parametrize("form", [name for name in COMPRESSED if name != "lz4"])
@pytest.mark.parametrize("zeros", range(4))
def test_a_compressed_part_may_begin_anywhere(form: str, zeros: int) -> None:
    part = PACK[form](archive("a"))
    assert names(part + bytes(zeros) + part + bytes(zeros) + PACK["gzip"](archive("b"))) == ("a", "b")


@pytest.mark.parametrize("zeros", range(9))
def test_lz4_ends_at_the_end_of_the_image_or_at_zeros(zeros: int) -> None:
    assert names(lz4_literals(archive("a")) + bytes(zeros)) == ("a",)


def test_lz4_may_give_its_magic_again() -> None:
    whole = archive("a", "b")
    assert names(lz4_literals(whole[:100]) + lz4_literals(whole[100:])) == ("a", "b")


def test_names_are_told_once_without_what_leads_to_the_root() -> None:
    image = b"".join(
        (
            entry(".", mode=DIRECTORY),
            entry("./usr/lib", mode=DIRECTORY),
            entry("./usr/lib/b", b"1"),
            entry("/usr//lib/./a", b"23"),
            entry("usr/lib/b", b""),
            entry("lib", b"usr/lib", mode=SYMLINK),
            entry("dev/console", mode=DEVICE),
            entry(b"etc/\xff\xfe", b"x"),
            entry(b"etc/padded\0\0\0\0\0", b"x"),
            entry("etc/checked", b"abc", magic=b"070702"),
            entry("./", b"not a name"),
            TRAILER,
        )
    )
    found = ("dev/console", "etc/\ufffd\ufffd", "etc/checked", "etc/padded", "lib", "usr/lib/a", "usr/lib/b")
    assert names(image) == tuple(sorted(found))


def test_padding_need_not_be_zeros() -> None:
    assert names(entry("ab", b"12345")[:-3] + b"xyz" + TRAILER) == ("ab",)


def test_an_archive_without_an_end_mark_may_be_followed_by_one_that_has_it() -> None:
    """The kernel does not insist on the mark."""
    assert names(entry("a") + bytes(8) + entry("b") + PACK["gzip"](archive("c"))) == ("a", "b", "c")
    assert names(PACK["gzip"](entry("a")) + PACK["xz"](archive("c"))) == ("a", "c")


@pytest.mark.parametrize("form", PACK)
@pytest.mark.parametrize("pad", range(4))
def test_a_boot_configuration_may_be_behind_it_all(form: str, pad: int) -> None:
    configuration = b"ftrace.event = on\n" + bytes(pad)
    tail = len(configuration).to_bytes(4, "little") + (1234).to_bytes(4, "little") + b"#BOOTCONFIG\n"
    assert names(PACK[form](archive("init")) + configuration + tail) == ("init",)


def test_a_boot_configuration_larger_than_the_image_is_none() -> None:
    image = archive("init")
    tail = (len(image) + 1).to_bytes(4, "little") + bytes(4) + b"#BOOTCONFIG\n"
    raw = Counted(image + tail)
    with pytest.raises(Malformed, match="begins nothing that the kernel knows"):
        initramfs.names_of(raw, len(image + tail), PATH)


# cut short


@pytest.mark.parametrize("form", PACK)
def test_an_image_that_is_cut_off_anywhere_is_not_whole(form: str) -> None:
    image = PACK[form](b"".join(entry(name, b"content") for name in DRIVERS) + TRAILER)
    for size in range(len(image)):
        error = refused(image[:size])
        assert isinstance(error, Malformed)
        assert UNFINISHED in error.why or (size == 1 and "is damaged" in error.why)


@pytest.mark.parametrize("form", PACK)
def test_zeros_in_the_place_of_the_end_are_not_whole(form: str) -> None:
    """What a crash leaves of a file that was being written: its size is right."""
    image = PACK[form](b"".join(entry(name, b"content") for name in DRIVERS) + TRAILER)
    whole, told = names(image), 0
    for size in range(len(image) - 8):
        try:
            assert names(image[:size] + bytes(len(image) - size)) == whole
        except Malformed:
            told += 1
    assert told >= len(image) - 16  # lzma's coder does not need its last bytes, and zeros may have been zeros before


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (b"", "holds nothing; it was not written completely"),
        (bytes(4096), "holds nothing but zero bytes; it was not written completely"),
        (archive("a")[:200], "the archive ends in the middle of a file; it was not written completely"),
        (entry("a"), "ends without the end mark of its archive (TRAILER!!!); it was not written completely"),
        (
            gzip.compress(entry("a")),
            "ends without the end mark of its archive (TRAILER!!!); it was not written completely",
        ),
        (gzip.compress(archive("a"))[:-1], "ends in the middle of its gzip data; it was not written completely"),
        (archive("a") + gzip.compress(b""), "its gzip data holds nothing; it was not written completely"),
        (archive("a") + lz4.MAGIC, "its lz4 data holds nothing; it was not written completely"),
        (
            gzip.compress(archive("a")[:100]) + archive("b"),
            "its gzip data ends in the middle of a file; it was not written completely",
        ),
    ],
)
def test_what_is_missing_is_said(image: bytes, why: str) -> None:
    error = refused(image)
    assert (type(error), error.why) == (Malformed, why)


# damaged


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (b"\x7fELF" + bytes(400), "is damaged: at byte 0 begins nothing that the kernel knows"),
        (archive("a") + b"x", "is damaged: at byte 512 begins nothing that the kernel knows"),
        (archive("a") + b"0x0000" * 30, "the archive is damaged: no entry begins at byte 512"),
        (archive("a") + b"\0" + archive("b"), "the archive is damaged: no entry begins at byte 513"),
        (b"0707012" + archive("a")[7:], None),
        (entry("a").replace(b"6553F100", b"6553 100"), "the entry at byte 0 has a header without numbers"),
        (entry("a").replace(b"6553F100", b"+0x553F1"), "the entry at byte 0 has a header without numbers"),
        (entry("a", name_size=0) + TRAILER, "the entry at byte 0 has a name of 0 bytes"),
        (entry("a" * 4096) + TRAILER, "the entry at byte 0 has a name of 4097 bytes"),
        (entry("a", name_size=0xFFFFFFFF) + TRAILER, "the entry at byte 0 has a name of 4294967295 bytes"),
        (entry("abc", name_size=3) + TRAILER, "the entry at byte 0 has no name"),
        (entry(b"\0\0\0") + TRAILER, "the entry at byte 0 has no name"),
        (entry("a", magic=b"070707") + TRAILER, "the archive is cpio of a form that no kernel takes"),
        (gzip.compress(archive("a") + b"junk"), "its gzip data is damaged: no entry begins at byte 512"),
        (gzip.compress(b"junk"), "its gzip data is damaged: no entry begins at byte 0"),
        (
            gzip.compress(archive("a") + gzip.compress(archive("b"))),
            "its gzip data is damaged: no entry begins at byte 512",
        ),
        (gzip.compress(archive("a"))[:-8] + b"crc!size", "its gzip data is damaged (Error -3"),
        (b"\x28\xb5\x2f\xfe" + bytes(90), "its zstd data is damaged ("),
        (zstd_raw(archive("a"))[:6] + b"\7" * 90, "its zstd data is damaged ("),
        (b"\xfd7zXX" + bytes(90), "its xz data is damaged ("),
        (b"BZh0" + bytes(90), "its bzip2 data is damaged ("),
        (b"\x5d\0\0\x80\0" + b"\xff" * 90, "its lzma data is damaged ("),
        (lz4.MAGIC + b"\xff\xff\xff\x7f" + bytes(90), "its lz4 data is damaged (a block of 2147483647 bytes)"),
        (lz4.MAGIC + b"\4\0\0\0\xff\xff\xff\xff" + bytes(90), "its lz4 data is damaged (a block that is not lz4)"),
        (lz4.MAGIC * (lz4.WORDS + 1) + b"\1", "its lz4 data is damaged (more than 16384 blocks)"),
        (b"\x02\x21XX" + bytes(90), "its lz4 data is damaged (another magic)"),
        (b"\x04\x22\x4d\x18" + bytes(90), "is compressed by lz4 in a form that no kernel takes (lz4 -l makes"),
    ],
)
def test_what_is_damaged_is_said(image: bytes, why: str | None) -> None:
    if why is None:  # a digit more in a number that nobody needs
        assert names(image) == ("a",)
        return
    error = refused(image)
    assert isinstance(error, Malformed)
    assert why in error.why


@pytest.mark.parametrize("form", ["gzip", "xz", "bzip2"])
def test_any_byte_that_has_changed_is_noticed_where_there_is_a_checksum(form: str) -> None:
    image = PACK[form](archive("init", *DRIVERS))
    found = [outcome(image[:at] + bytes([image[at] ^ 0xFF]) + image[at + 1 :]) for at in range(10, len(image))]
    unnoticed = [one for one in found if not isinstance(one, Malformed)]
    assert unnoticed in ([], [names(image)])  # bzip2 has bits that nothing needs


# what this program does not read: it says nothing of whether the image is whole


def test_lzo_is_not_read() -> None:
    error = refused(archive(MICROCODE) + b"\x89LZO\0\r\n\x1a\n" + bytes(90))
    assert (type(error), error.code) == (Unreadable, "EOPNOTSUPP")
    assert error.why == "is compressed by lzo, which this program cannot read"


@pytest.fixture
def format_of() -> Iterator[Callable[[Callable[[], decompress.Made]], None]]:
    """Sets how gzip is decompressed."""
    before = decompress.FORMATS

    def put(make: Callable[[], decompress.Made]) -> None:
        decompress.FORMATS = (Format("gzip", b"\x1f\x8b", make),)

    yield put
    decompress.FORMATS = before


def test_a_missing_library_is_named_with_its_package(
    format_of: Callable[[Callable[[], decompress.Made]], None],
) -> None:
    def lacking() -> decompress.Made:
        libraries.load("libnone.so.7", "libnone7")
        raise AssertionError

    format_of(lacking)
    error = refused(gzip.compress(archive("a")))
    assert (type(error), error.code) == (Unreadable, "ENOPKG")
    assert error.why == "is compressed by gzip, and libnone.so.7 is missing: apt install libnone7"


def test_a_part_of_python_that_is_missing_is_named(format_of: Callable[[Callable[[], decompress.Made]], None]) -> None:
    def lacking() -> decompress.Made:
        raise ModuleNotFoundError("No module named '_lzma'")

    format_of(lacking)
    error = refused(gzip.compress(archive("a")))
    assert (type(error), error.code) == (Unreadable, "ENOPKG")
    assert error.why == "is compressed by gzip, and No module named '_lzma'"


def test_memory_that_is_not_there_is_no_damage(format_of: Callable[[Callable[[], decompress.Made]], None]) -> None:
    def full() -> decompress.Made:
        raise MemoryError

    format_of(full)
    error = refused(gzip.compress(archive("a")))
    assert (type(error), error.code) == (Unreadable, "ENOMEM")


# limits


@pytest.fixture
def small() -> Iterator[None]:
    """Limits that a small image exceeds."""
    before = (cpio.ENTRIES, cpio.ALL_NAMES_BYTES, initramfs.FILE_LIMIT, initramfs.UNPACKED_LIMIT, initramfs.PARTS_LIMIT)
    memory = decompress.LZMA_MEMORY
    cpio.ENTRIES, cpio.ALL_NAMES_BYTES, initramfs.FILE_LIMIT = 50, 4096, 1 << 16
    initramfs.UNPACKED_LIMIT, initramfs.PARTS_LIMIT, decompress.LZMA_MEMORY = 1 << 20, 5, 1 << 20
    yield
    cpio.ENTRIES, cpio.ALL_NAMES_BYTES, initramfs.FILE_LIMIT, initramfs.UNPACKED_LIMIT, initramfs.PARTS_LIMIT = before
    decompress.LZMA_MEMORY = memory


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (archive(*map(str, range(49)), content=b""), archive(*map(str, range(50)), content=b"")),
        (entry("d", mode=DIRECTORY) * 49 + TRAILER, entry("d", mode=DIRECTORY) * 50 + TRAILER),
        (entry("n" * 4000) + entry("m" * 96) + TRAILER, entry("n" * 4000) + entry("m" * 97) + TRAILER),
        (padded(archive("a"), 1 << 16), padded(archive("a"), 1 << 16) + b"\0"),
        (zeros_behind(7) + zstd_raw(archive("a")), zeros_behind(4) * 2 + zstd_raw(archive("a"))),
        (zeros_behind(7), zeros_behind(1000)),
        (gzip.compress(archive("a")) * 4, gzip.compress(archive("a")) * 5),
    ],
    ids=["entries", "directories", "names", "file", "unpacked", "bomb", "parts"],
)
def test_beyond_a_limit_is_said_to_be_too_large(within: bytes, beyond: bytes) -> None:
    assert isinstance(outcome(within), tuple)
    error = refused(beyond)
    assert (type(error), error.code) == (Unreadable, "EFBIG")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("form", ["xz", "lzma"])
def test_a_dictionary_beyond_the_limit_is_no_damage(form: str) -> None:
    error = refused(PACK[form](archive("a")))  # xz -6 has one of 8 MiB
    assert (type(error), error.code) == (Unreadable, "ENOMEM")
    assert error.why == f"more memory is needed for its {form} data than this program takes"


def test_a_window_beyond_the_limit_is_no_damage() -> None:
    assert names(zstd_raw(archive("a"), window=0x88)) == ("a",)  # 128 MiB
    error = refused(zstd_raw(archive("a"), window=0x90))
    assert (type(error), error.code) == (Unreadable, "ENOMEM")


def test_what_lies_in_an_uncompressed_archive_is_passed_over() -> None:
    image = archive("a", "b", "c", content=bytes(4 << 20))
    raw = Counted(image)
    assert initramfs.names_of(raw, len(image), PATH) == ("a", "b", "c")
    assert raw.count < 1 << 20


@pytest.mark.parametrize("form", ["gzip", "xz", "zstd"])
def test_no_more_than_a_piece_is_in_memory(form: str) -> None:
    whole = archive("a", "b", content=bytes(4 << 20))
    image = lzma.compress(whole, preset=0) if form == "xz" else PACK[form](whole)  # whose dictionary is small
    raw = io.BytesIO(image)
    tracemalloc.start()
    try:
        assert initramfs.names_of(raw, len(image), PATH) == ("a", "b")
        assert tracemalloc.get_traced_memory()[1] < 16 * stream.PIECE
    finally:
        tracemalloc.stop()


# pieces of any size


class Dribble(io.RawIOBase):
    """Gives as many bytes at a time as it is told, over and over; all of them where they are asked for."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        super().__init__()
        self._inner, self._sizes, self._turn = io.BytesIO(content), sizes, 0

    def read(self, size: int = -1, /) -> bytes:
        self._turn += 1
        most = self._sizes[self._turn % len(self._sizes)]
        return self._inner.read(size if size < 0 else min(size, most))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._inner.seek(offset, whence)


LAYOUT = archive(MICROCODE) + bytes(512)
WHOLE = {form: LAYOUT + pack(archive("init", *DRIVERS)) for form, pack in PACK.items()}
SIZES = st.lists(st.integers(1, 700), min_size=1, max_size=9)


FEWER = settings(max_examples=30)


@pytest.mark.parametrize("form", PACK)
@FEWER
@given(SIZES)
@example([1])
def test_pieces_of_any_size_give_the_same_names(form: str, sizes: list[int]) -> None:
    image = WHOLE[form]
    assert initramfs.names_of(Dribble(image, sizes), len(image), PATH) == tuple(sorted((MICROCODE, "init", *DRIVERS)))


@pytest.mark.parametrize("form", PACK)
@FEWER
@given(SIZES, st.integers(0, 2**16))
@example([1], 1)
@example([1], 24540)
def test_a_file_that_is_shorter_than_it_was_is_cut_off(form: str, sizes: list[int], at: int) -> None:
    image = LAYOUT + PACK[form](entry("init", b"x") + TRAILER)
    needed = len(image) - (TRAILER_PADDING if form == "none" else 0)
    raw = Dribble(image[: len(LAYOUT) + 1 + at % (needed - len(LAYOUT) - 1)], sizes)
    with pytest.raises(Malformed):
        initramfs.names_of(raw, len(image), PATH)


MAKERS: dict[str, Callable[[], decompress.Made]] = {known.name: known.make for known in decompress.FORMATS}
MAKERS["libzstd"] = lambda: (zstd.Decompressor(), libraries.Damaged)
CONTENT = st.builds(operator.mul, st.binary(max_size=90), st.integers(1, 90))


@pytest.mark.parametrize("form", MAKERS)
@FEWER
@given(CONTENT, st.binary(max_size=50), SIZES, st.integers(1, 9000))
@example(b"a" * 3000, b"\xff" * 9, [7], 1)
def test_a_decompressor_gives_all_and_leaves_what_is_behind(
    form: str, content: bytes, behind: bytes, sizes: list[int], most: int
) -> None:
    packed = PACK[form.removeprefix("lib")](content) + (bytes(4) if form == "lz4" else b"")
    decompressor, _ = MAKERS[form]()
    source, found = Dribble(packed + behind, sizes), b""
    while not decompressor.eof:
        piece = decompressor.decompress(source.read(90_000) if decompressor.needs_input else b"", most)
        assert len(piece) <= most or form == "lz4"
        found += piece
    assert found == content
    assert decompressor.unused_data + source.read(-1) == behind


@pytest.mark.parametrize("form", PACK)
def test_a_part_that_unpacks_to_many_pieces_takes_none_of_the_next(form: str) -> None:
    noise = random.Random(1).randbytes(3 * stream.PIECE)
    part = zeros_behind(9) if form == "zstd" else PACK[form](archive("a", content=bytes(9 * stream.PIECE)))
    assert names(part + bytes(4 + -len(part) % 4) + archive("b", content=noise) + part) == ("a", "b")


# hostile bytes


@given(
    st.binary(max_size=600), st.sampled_from([b"", LAYOUT, archive("a")[:-512], *(f.magic for f in decompress.FORMATS)])
)
@example(b"", b"\x28\xb5")
def test_any_bytes_are_names_or_refused(content: bytes, before: bytes) -> None:
    answers(before + content)


@pytest.mark.parametrize("form", PACK)
@FEWER
@given(
    st.lists(st.tuples(st.integers(0, 2**16), st.binary(max_size=6), st.integers(0, 40)), min_size=1, max_size=5),
)
def test_any_change_to_an_image_gives_names_or_is_refused(form: str, changes: list[tuple[int, bytes, int]]) -> None:
    image = WHOLE[form]
    for place, put, gone in changes:
        at = place % (len(image) + 1)
        image = image[:at] + put + image[at + gone :]
    answers(image)


@given(st.sampled_from(COMPRESSED), st.binary(max_size=900))
def test_any_archive_in_a_compression_gives_names_or_is_refused(form: str, content: bytes) -> None:
    answers(PACK[form](content))
    answers(PACK[form](archive("a") + content))


def outcome(image: bytes) -> tuple[str, ...] | SourceError:
    try:
        return names(image)
    except SourceError as error:
        return error


def answers(image: bytes) -> None:
    """The image has names of the right form, or is refused in words."""
    found = outcome(image)
    if isinstance(found, SourceError):
        assert found.path == PATH
        assert found.code in ("MALFORMED", "EFBIG", "ENOMEM", "EOPNOTSUPP")
        assert found.why.isascii()
    else:
        assert list(found) == sorted(set(found))
        assert all(name and not name.startswith(("/", "./")) and "\0" not in name for name in found)


NAMES = st.lists(st.text(min_size=1, max_size=40).map(lambda name: name.replace("\0", "-")))


@given(NAMES, st.binary(max_size=40), st.sampled_from(sorted(PACK)))
def test_any_names_come_back(given_names: list[str], content: bytes, form: str) -> None:
    given_names = [name for name in given_names if name != "TRAILER!!!"]
    plain = {"/".join(part for part in name.split("/") if part not in ("", ".")) for name in given_names} - {""}
    assert names(PACK[form](archive(*given_names, content=content))) == tuple(sorted(plain))


# on disk, and through a Host


def test_a_file_is_read_through_a_link(tmp_path: pathlib.Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / PATH).write_bytes(WHOLE["zstd"])
    (tmp_path / "initrd.img").symlink_to(PATH)
    before = len(os.listdir("/proc/self/fd"))
    assert LiveHost(str(tmp_path)).initramfs("initrd.img") == tuple(sorted((MICROCODE, "init", *DRIVERS)))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("gone", Absent, "ENOENT"),
        ("a-file/below", Absent, "ENOTDIR"),
        ("fifo", Unreadable, "EFTYPE"),
        ("directory", Unreadable, "EISDIR"),
        ("loop", Unreadable, "ELOOP"),
        ("large", Unreadable, "EFBIG"),
        ("cut", Malformed, "MALFORMED"),
    ],
)
def test_what_is_no_whole_image_is_refused(
    tmp_path: pathlib.Path, name: str, kind: type[SourceError], code: str
) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "cut").write_bytes(WHOLE["xz"][:-1])
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(initramfs.FILE_LIMIT + 1)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(kind) as caught:
        initramfs.read_names(str(tmp_path / name), "boot/initrd.img")
    assert (caught.value.path, caught.value.code) == ("boot/initrd.img", code)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_disk_that_cannot_be_read_is_no_damage() -> None:
    with pytest.raises(Unreadable) as caught:
        initramfs.read_names("/proc/self/mem", PATH)  # whose first page is not mapped
    assert (caught.value.path, caught.value.code) == (PATH, "EIO")


@pytest.mark.parametrize("form", PACK)
def test_a_snapshot_that_holds_the_image_tells_the_same(form: str) -> None:
    tree = MemoryTree()
    tree.add(PATH, WHOLE[form])
    tree.add("initrd.img", PATH)
    assert SnapshotHost(tree).initramfs("initrd.img") == tuple(sorted((MICROCODE, "init", *DRIVERS)))
    tree.add(PATH, WHOLE[form][:-5])
    if form != "none":  # whose last bytes are padding
        with pytest.raises(Malformed):
            SnapshotHost(tree).initramfs("initrd.img")


# the programs that make them

PROGRAMS = {
    "gzip": ["gzip", "-9n"],
    "xz": ["xz", "--check=crc32", "-1"],
    "bzip2": ["bzip2", "-1"],
    "lzma": ["xz", "--format=lzma", "-1"],
    "zstd": ["zstd", "-q", "-1"],
    "lz4": ["lz4", "-q", "-l", "-1"],
    "none": ["cat"],
}


def run(command: list[str], given_bytes: bytes, directory: pathlib.Path) -> bytes:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, input=given_bytes, stdout=subprocess.PIPE, check=True, cwd=directory).stdout


@pytest.mark.subprocess
@pytest.mark.parametrize("form", PROGRAMS)
def test_what_the_programs_make_is_read(tmp_path: pathlib.Path, form: str) -> None:
    """Of 9 MB, which are two blocks of lz4 and many of zstd, with an early archive before it."""
    chance = random.Random(20261121)
    modules = tmp_path / "usr" / "lib" / "modules"
    modules.mkdir(parents=True)
    for number in range(300):
        (modules / f"m{number}.ko").write_bytes(chance.randbytes(chance.randrange(1, 4_000)) + bytes(30_000))
    (tmp_path / "lib").symlink_to("usr/lib")
    os.link(modules / "m0.ko", modules / "hard.ko")
    listed = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir() or path.is_symlink()
    )
    given_names = "".join(f"./{path.relative_to(tmp_path)}\n" for path in sorted(tmp_path.rglob("*"))).encode()
    packed = run(["cpio", "--quiet", "-o", "-H", "newc"], given_names, tmp_path)
    assert len(packed) > lz4.BLOCK
    image = archive(MICROCODE) + run(PROGRAMS[form], packed, tmp_path)
    assert names(image) == tuple(sorted([MICROCODE, *listed]))
    error = refused(image[: len(image) // 2])
    assert UNFINISHED in error.why
