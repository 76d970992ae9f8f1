"""Where a snapshot's files lie: in a directory, or in a tar held in memory.

A tree knows single entries and follows no link; `SnapshotHost` follows them, inside the tree.
"""

from __future__ import annotations

import os
import stat

from ..errors import DamagedSnapshot, SourceError, from_os, refusal
from .live import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    import gzip
    import lzma
    import tarfile
    from io import BufferedReader

    from typing_extensions import Self

# A real guest's snapshot unpacks to 2-6 MB in 500 to 2,000 entries; these stop a bomb.
TAR_BYTES = 256 << 20
TAR_ENTRIES = 200_000
ENTRY_BYTES = 32 << 20
# Of a path, and of a link's text; the longest in a snapshot have some 120. Each folder on the way is an entry of its own,
# so that 10,000 of them in one name of 20 KB would take 100 MB, and ten times as many a hundred times that.
NAME_LETTERS = 1024

FILE, DIRECTORY, LINK, OTHER = "file", "directory", "link", "other"


class Tree:
    """Entries by path without leading slash; "" is the root."""

    def kind(self, path: str) -> str | None:
        """FILE, DIRECTORY, LINK or OTHER; None where nothing is."""
        raise NotImplementedError(path)

    def content(self, path: str, limit: int) -> bytes:
        """A file's bytes; EFBIG beyond limit."""
        raise NotImplementedError(path)

    def names(self, path: str) -> list[str]:
        """What the directory holds."""
        raise NotImplementedError(path)

    def target(self, path: str) -> str:
        """Where the link points, as written."""
        raise NotImplementedError(path)


class DirectoryTree(Tree):
    """A directory on this machine's disk."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") + "/"

    def kind(self, path: str) -> str | None:
        try:
            mode = os.lstat(self._root + path).st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None  # ValueError: a NUL or a lone surrogate, which are in no name
        except OSError as error:
            raise from_os(path, error) from None
        if stat.S_ISLNK(mode):
            return LINK
        return FILE if stat.S_ISREG(mode) else DIRECTORY if stat.S_ISDIR(mode) else OTHER

    def content(self, path: str, limit: int) -> bytes:
        return read(self._root + path, path, limit, once=False)

    def names(self, path: str) -> list[str]:
        try:
            return os.listdir(self._root + path)
        except OSError as error:
            raise from_os(path, error) from None

    def target(self, path: str) -> str:
        try:
            return os.readlink(self._root + path)
        except OSError as error:
            raise from_os(path, error) from None


class MemoryTree(Tree):
    """Entries in a dict: bytes for a file, str for a link's target, None for a directory, False for a device."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes | str | bool | None] = {"": None}
        self._children: dict[str, set[str]] = {}

    def add(self, path: str, entry: bytes | str | bool | None) -> None:
        """Put an entry in, with the directories above it. A later entry replaces an earlier one."""
        if path:
            self._entries[path] = entry
        while path:
            path, _, name = path.rpartition("/")
            self._children.setdefault(path, set()).add(name)
            self._entries.setdefault(path, None)

    @property
    def size(self) -> int:
        """How many entries it has, with its root."""
        return len(self._entries)

    def kind(self, path: str) -> str | None:
        if path not in self._entries:
            return None
        entry = self._entries[path]
        if isinstance(entry, bool):
            return OTHER
        return DIRECTORY if entry is None else LINK if isinstance(entry, str) else FILE

    def below(self, top: str) -> MemoryTree:
        """The part of the tree under one directory."""
        part = MemoryTree()
        for path, entry in self._entries.items():
            if path.startswith(top + "/"):
                part.add(path[len(top) + 1 :], entry)
        return part

    def content(self, path: str, limit: int) -> bytes:
        entry = self._entries[path]
        if not isinstance(entry, bytes):
            raise refusal(path, "EISDIR")
        if len(entry) > limit:
            raise refusal(path, "EFBIG")
        return entry

    def names(self, path: str) -> list[str]:
        if self._entries[path] is not None:
            raise refusal(path, "ENOTDIR")
        return list(self._children.get(path, ()))

    def target(self, path: str) -> str:
        entry = self._entries[path]
        if not isinstance(entry, str):
            raise refusal(path, "EINVAL")
        return entry


def open_tree(path: str) -> Tree:
    """The tree at a path: a directory, or a .tar, .tar.gz or .tar.xz of one."""
    if os.path.isdir(path):
        try:
            top = _only_folder(DirectoryTree(path))
        except SourceError as error:
            raise DamagedSnapshot(f"{path}: {error.why}") from None
        return DirectoryTree(f"{path}/{top}" if top else path)
    if not os.path.exists(path):
        raise DamagedSnapshot(f"{path}: no such file or directory; give a snapshot's directory or tar file")
    if not os.path.isfile(path):
        raise DamagedSnapshot(f"{path}: is neither a directory nor a regular file")
    tree = _unpack(path)
    top = _only_folder(tree)
    return tree.below(top) if top else tree


def _only_folder(tree: Tree) -> str | None:
    """The one folder that holds everything, as in a support archive; None where the machine's own are on top."""
    names = tree.names("")
    if len(names) != 1 or names[0] in ("proc", "sys", "etc", "virt-agent") or tree.kind(names[0]) != DIRECTORY:
        return None
    inside = tree.names(names[0])
    return names[0] if any(name in inside for name in ("proc", "sys", "virt-agent")) else None


def _unpack(path: str) -> MemoryTree:
    import lzma
    import tarfile
    import zlib

    # RecursionError: tarfile calls itself for each header that stands before another one
    broken = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error, ValueError, RecursionError)
    try:
        with _decompressed(path) as file:
            stream = _Bounded(path, file)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_strict_header()) as archive:  # type: ignore[call-overload]
                tree = _entries(path, archive)
            while stream.read(1 << 16):
                pass  # to the checksum at the end
            return tree
    except broken as error:
        raise DamagedSnapshot(f"{path}: not a readable .tar, .tar.gz or .tar.xz ({error}); copy it again") from None


def _decompressed(path: str) -> gzip.GzipFile | lzma.LZMAFile | BufferedReader:
    import gzip
    import lzma

    with open(path, "rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(path)
    return lzma.LZMAFile(path) if magic == b"\xfd7zXZ\0" else open(path, "rb")


class _Bounded:
    """A stream that ends a bomb while it is unpacked: tarfile takes in a header's long name whole."""

    def __init__(self, path: str, stream: gzip.GzipFile | lzma.LZMAFile | BufferedReader) -> None:
        self._path = path
        self._stream = stream
        self._left = TAR_BYTES

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise _too_large(self._path)
        return content


def _too_large(path: str) -> DamagedSnapshot:
    return DamagedSnapshot(
        f"{path}: unpacks to more than {TAR_BYTES >> 20} MiB or {TAR_ENTRIES} entries;"
        " that is no snapshot of virt-agent"
    )


def _strict_header() -> type[tarfile.TarInfo]:
    """Headers that may not be cut off or broken: tarfile takes any but the first one for the regular end."""
    import tarfile

    class Header(tarfile.TarInfo):
        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
            try:
                return super().fromtarfile(archive)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                raise
            except tarfile.HeaderError as error:
                raise tarfile.ReadError(str(error)) from None

    return Header


def _entries(path: str, archive: tarfile.TarFile) -> MemoryTree:
    tree, size = MemoryTree(), 0
    for count, member in enumerate(archive, 1):
        size += max(member.size, 0)
        if size > TAR_BYTES or count > TAR_ENTRIES or member.size > ENTRY_BYTES:
            raise _too_large(path)
        name = _inside(member.name)
        if name is None:
            raise DamagedSnapshot(f"{path}: entry {member.name!r} leads out of the archive; do not trust this file")
        if max(len(name), len(member.linkname)) > NAME_LETTERS:
            raise DamagedSnapshot(
                f"{path}: an entry's name is longer than {NAME_LETTERS} letters; that is no snapshot of virt-agent"
            )
        if tree.kind(name) is None or not member.isdir():
            tree.add(name, _entry(archive, member, tree))
        if tree.size > TAR_ENTRIES:  # with the folders that no entry of the archive names
            raise _too_large(path)
    return tree


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: MemoryTree) -> bytes | str | bool | None:
    if member.isfile():
        content = archive.extractfile(member)
        return content.read() if content else b""
    if member.issym():
        return member.linkname
    if member.islnk():
        original = _inside(member.linkname)
        known = original is not None and tree.kind(original) == FILE
        return tree.content(original, ENTRY_BYTES) if known and original else False
    return None if member.isdir() else False


def _inside(name: str) -> str | None:
    """The entry's path without "./" and leading "/" (tar strips it too); None where it would leave the archive."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)
