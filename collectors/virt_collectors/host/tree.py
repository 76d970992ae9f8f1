"""Where a snapshot's files lie: in a directory, or in a tar held in memory.

A tree knows single entries and follows no link; `SnapshotHost` follows them, inside the tree.
"""

from __future__ import annotations

import os
import stat

from ..errors import DamagedSnapshot, SourceError, from_os, refusal
from .live import read

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
    from .tar import unpack

    tree = unpack(path)
    top = _only_folder(tree)
    return tree.below(top) if top else tree


def _only_folder(tree: Tree) -> str | None:
    """The one folder that holds everything, as in a support archive; None where the machine's own are on top."""
    names = tree.names("")
    if len(names) != 1 or names[0] in ("proc", "sys", "etc", "virt-agent") or tree.kind(names[0]) != DIRECTORY:
        return None
    inside = tree.names(names[0])
    return names[0] if any(name in inside for name in ("proc", "sys", "virt-agent")) else None
