"""A snapshot's tar, unpacked into memory: nothing is written, nothing outside is looked at.

Whoever made it may be hostile. What it may take in memory and in time is bounded, and DamagedSnapshot says, in one line,
what is wrong with one that is refused: too large, too slow, cut off, an entry that leads out.
"""

from __future__ import annotations

from time import monotonic

from ..errors import DamagedSnapshot
from .tree import FILE, MemoryTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from io import BufferedReader
    from typing import Protocol

    from typing_extensions import Self

    class Raw(Protocol):
        """What tarfile and the decompressors need of a file."""

        def read(self, size: int, /) -> bytes: ...


# A real guest's snapshot unpacks to 2-6 MB in 500 to 2,000 entries, within a second; these stop a bomb.
TAR_BYTES = 256 << 20  # of contents and paths
TAR_ENTRIES = 200_000  # with the directories that only a path names
ENTRY_BYTES = 32 << 20
HEADER_BYTES = 64 << 10  # of one entry's, with its long names
# Of a path, and of a link's text; the longest in a snapshot have some 120. Each folder on the way is an entry of its own,
# so that 10,000 of them in one name of 20 KB would take 100 MB, and ten times as many a hundred times that.
NAME_LETTERS = 1024
TAR_SECONDS = 60.0
_EMPTY_READS = 100  # at the end of a file, where tarfile would pass over what is not there, piece by piece


def unpack(path: str) -> MemoryTree:
    """The entries of a .tar, .tar.gz or .tar.xz; DamagedSnapshot says why not."""
    import lzma
    import tarfile
    import zlib

    # RecursionError: tarfile calls itself for each header that stands before another one
    broken = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error, ValueError, RecursionError)
    try:
        with open(path, "rb") as file:
            timely = _Timely(path, file)
            stream = _Bounded(path, _decompressed(timely), timely)
            header = _strict_header(stream)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=header) as archive:  # type: ignore[call-overload]
                tree = _entries(path, archive)
            while stream.read(1 << 16):
                pass  # to the checksum at the end
            return tree
    except MemoryError:
        raise _too_large(path) from None
    except broken as error:
        raise DamagedSnapshot(f"{path}: not a readable .tar, .tar.gz or .tar.xz ({error}); copy it again") from None


class _Timely:
    """The file's own bytes, for so long: a decompressor may take in millions of empty parts at one read."""

    def __init__(self, path: str, file: BufferedReader) -> None:
        self._path = path
        self._file = file
        self._until = monotonic() + TAR_SECONDS
        self.begins = file.read(6)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        self.check()
        return self._file.read(size)

    def check(self) -> None:
        """DamagedSnapshot where the time is up."""
        if monotonic() > self._until:
            raise DamagedSnapshot(
                f"{self._path}: takes more than {TAR_SECONDS:.0f} s to unpack; that is no snapshot of virt-agent"
            )


def _decompressed(file: _Timely) -> Raw:
    import gzip
    import lzma

    if file.begins.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(mode="rb", fileobj=file)  # type: ignore[call-overload,no-any-return]
    return lzma.LZMAFile(file) if file.begins == b"\xfd7zXZ\0" else file  # type: ignore[arg-type]


class _Bounded:
    """A stream that ends a bomb while it is unpacked.

    tarfile takes in whole what stands before an entry (long names, pax records, the map of a sparse file), searches it
    by patterns that take quadratic time, and goes on reading behind the end where an entry claims to be longer.
    """

    def __init__(self, path: str, stream: Raw, timely: _Timely) -> None:
        self._path = path
        self._stream = stream
        self._timely = timely
        self._left, self._header, self._empty = TAR_BYTES, 0, 0
        self._in_header = False

    def head(self, begins: bool) -> bool:
        """From now on it is an entry's head that is read, or no more; whether it was so before."""
        before, self._in_header = self._in_header, begins
        self._header = self._header if before else HEADER_BYTES
        return before

    def read(self, size: int) -> bytes:
        self._timely.check()
        content = self._stream.read(size)
        self._left -= len(content)
        self._header -= len(content) if self._in_header else 0
        self._empty += not content
        if self._left < 0 or self._header < 0:
            raise _too_large(self._path)
        if self._empty > _EMPTY_READS:
            raise EOFError("it ends in the middle of an entry")
        return content


def _too_large(path: str) -> DamagedSnapshot:
    return DamagedSnapshot(
        f"{path}: unpacks to more than {TAR_BYTES >> 20} MiB or {TAR_ENTRIES} entries;"
        " that is no snapshot of virt-agent"
    )


def _strict_header(stream: _Bounded) -> type[tarfile.TarInfo]:
    """Headers that may not be cut off or broken: tarfile takes any but the first one for the regular end."""
    import tarfile

    class Header(tarfile.TarInfo):
        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
            outer = stream.head(begins=True)  # it calls itself for what stands before an entry
            try:
                return super().fromtarfile(archive)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                raise
            except tarfile.HeaderError as error:
                raise tarfile.ReadError(str(error)) from None
            finally:
                stream.head(begins=outer)

    return Header


def _entries(path: str, archive: tarfile.TarFile) -> MemoryTree:
    tree, size = MemoryTree(), 0
    for count, member in enumerate(archive, 1):
        name = _inside(path, member)
        # the path of each directory above is kept too
        size += max(member.size, 0) + len(member.name) * (member.name.count("/") + 1)
        if size > TAR_BYTES or member.size > ENTRY_BYTES or count > TAR_ENTRIES:
            raise _too_large(path)
        if tree.kind(name) is None or not member.isdir():
            tree.add(name, _entry(archive, member, tree))
        if tree.size > TAR_ENTRIES:  # with the folders that no entry of the archive names
            raise _too_large(path)
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
    return tree


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: MemoryTree) -> bytes | str | bool | None:
    if member.isfile():
        content = archive.extractfile(member)
        return content.read() if content else b""
    if member.issym():
        return member.linkname
    if member.islnk():
        original = _plain(member.linkname)
        known = original is not None and tree.kind(original) == FILE
        return tree.content(original, ENTRY_BYTES) if known and original else False
    return None if member.isdir() else False


def _inside(path: str, member: tarfile.TarInfo) -> str:
    """The entry's path; DamagedSnapshot where no snapshot has such an entry."""
    name, shown = _plain(member.name), f"{path}: entry {member.name[:100]!r}"
    if name is None:
        raise DamagedSnapshot(f"{shown} leads out of the archive; do not trust this file")
    if max(len(member.name), len(member.linkname)) > NAME_LETTERS:
        raise DamagedSnapshot(
            f"{path}: an entry's name is longer than {NAME_LETTERS} letters; that is no snapshot of virt-agent"
        )
    if member.size < 0:
        raise DamagedSnapshot(f"{shown} has a size below zero; copy the file again")
    if member.issparse():
        raise DamagedSnapshot(f"{shown} is a sparse file; pack it again without --sparse")
    return name


def _plain(name: str) -> str | None:
    """A path without "./" and leading "/" (tar strips it too); None where it would leave the archive."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)
