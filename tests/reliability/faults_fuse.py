"""A directory shown through FUSE, whose files fall ill when they are told to.

The kernel asks over /dev/fuse (include/uapi/linux/fuse.h, protocol 7.31) and a thread of ours answers with what lies in
the directory. A question that the server has taken and does not answer keeps its asker in the kernel, deaf to every
signal, SIGKILL too: what a read from a frozen disk does. Closing /dev/fuse ends all of them, so nothing hangs for good.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .promise import CannotRun

DEVICE = "/dev/fuse"
_REQUEST = struct.Struct("<IIQQIIIHH")  # length, opcode, unique, node, uid, gid, pid, extensions, padding
_ANSWER = struct.Struct("<IiQ")  # length, minus errno, unique
_INIT_OUT = struct.Struct("<IIIIHHIIHHI7I")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_ENTRY = struct.Struct("<QQQQII")  # before the attributes: node, generation, and for how long it may be remembered
_REMEMBER = struct.Struct("<QII")
_OPENED = struct.Struct("<QIi")
_READ = struct.Struct("<QQII")  # handle, offset, size, flags
_NAME = struct.Struct("<QQII")  # inode, next offset, length, type
_VERSION = (7, 31)
_DIRECT = 1  # FOPEN_DIRECT_IO: read to the end, whatever the size says, as in sysfs
_LARGEST = 1 << 20
_AGAIN = (errno.EPERM, errno.EAGAIN, errno.EINTR, errno.ENOENT)  # not mounted so far; nothing there; its asker gave up
_MOUNTING_SECONDS = 0.01

LOOKUP, FORGET, GETATTR, READLINK, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 5, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET = 25, 26, 27, 28, 29, 36, 38, 42
_SILENT = (FORGET, BATCH_FORGET, INTERRUPT, DESTROY)
# What a program does with a file: looks whether it is there, opens and reads it, lists it.
LOOKS, OPENS, READS, LISTS = frozenset((LOOKUP, GETATTR, READLINK)), frozenset((OPEN,)), frozenset((READ,)), frozenset(
    (OPENDIR, READDIR)
)  # fmt: skip


class Illness(NamedTuple):
    """Of a path and all below it: what happens to these operations. Without code, seconds and content they hang."""

    operations: frozenset[int]
    code: int = 0
    seconds: float = 0.0
    content: Callable[[int, int], bytes] | None = None  # by offset and size


class _Asked(NamedTuple):
    opcode: int
    unique: int
    node: int
    body: bytes


class SickFiles:
    """What lies below `directory`, answered to whoever mounts `descriptor`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._paths = {1: ""}
        self._nodes = {"": 1}
        self._illnesses: dict[str, Illness] = {}
        self._held: list[_Asked] = []
        self._lock = threading.Lock()
        self.descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._bell, self._rope = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, name="fuse", daemon=True)

    def sicken(self, path: str, illness: Illness) -> None:
        """From now on; `path` has no slash in front."""
        with self._lock:
            self._illnesses[path] = illness

    def heal(self) -> None:
        """All of it; what was held is answered."""
        with self._lock:
            self._illnesses.clear()
        self.release()

    def release(self) -> None:
        """What was held is asked anew, as things are now."""
        with self._lock:
            held, self._held = self._held, []
        for asked in held:
            self._handle(asked)

    @property
    def holding(self) -> int:
        """How many askers are stuck now."""
        return len(self._held)

    def start(self) -> None:
        """Answer, until `close`."""
        self._thread.start()

    def close(self) -> None:
        """End all questions; the kernel answers the open ones with an error."""
        os.write(self._rope, b"\0")
        self._thread.join()
        for descriptor in (self.descriptor, self._bell, self._rope):
            os.close(descriptor)

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.descriptor, self._bell], [], [])
            if self._bell in ready:
                return
            try:
                content = os.read(self.descriptor, _LARGEST + 4096)
            except OSError as error:
                if error.errno not in _AGAIN:
                    return  # unmounted
                time.sleep(_MOUNTING_SECONDS if error.errno == errno.EPERM else 0)
                continue
            _, opcode, unique, node, *_ = _REQUEST.unpack_from(content)
            self._handle(_Asked(opcode, unique, node, content[_REQUEST.size :]))

    def _handle(self, asked: _Asked) -> None:
        if asked.opcode in _SILENT:
            return
        illness = self._illness(asked)
        if illness is None:
            self._answer(asked, self._result)
        elif illness.code:
            self._send(asked, -illness.code, b"")
        elif illness.content is not None:
            self._answer(asked, lambda told: _made(told, illness.content))
        elif illness.seconds:
            threading.Timer(illness.seconds, self._answer, (asked, self._result)).start()
        else:
            with self._lock:
                self._held.append(asked)

    def _illness(self, asked: _Asked) -> Illness | None:
        path = self._paths.get(asked.node, "")
        if asked.opcode == LOOKUP:
            path = _below(path, asked.body.rstrip(b"\0").decode())
        with self._lock:
            for sick, illness in self._illnesses.items():
                if asked.opcode in illness.operations and (path == sick or path.startswith(sick + "/")):
                    return illness
        return None

    def _answer(self, asked: _Asked, result: Callable[[_Asked], bytes]) -> None:
        try:
            self._send(asked, 0, result(asked))
        except OSError as error:
            self._send(asked, -(error.errno or errno.EIO), b"")

    def _send(self, asked: _Asked, code: int, content: bytes) -> None:
        with contextlib.suppress(OSError):  # its asker has gone, or all is unmounted
            os.write(self.descriptor, _ANSWER.pack(_ANSWER.size + len(content), code, asked.unique) + content)

    def _result(self, asked: _Asked) -> bytes:
        answers: dict[int, Callable[[_Asked], bytes]] = {
            INIT: self._init,
            LOOKUP: self._lookup,
            GETATTR: lambda told: _REMEMBER.pack(0, 0, 0) + self._attributes(self._paths[told.node]),
            READLINK: lambda told: os.fsencode(os.readlink(self._full(told))),
            OPEN: lambda _told: _OPENED.pack(0, _DIRECT, 0),
            OPENDIR: lambda _told: _OPENED.pack(0, 0, 0),
            READ: self._read,
            READDIR: self._names,
            RELEASE: lambda _told: b"",
            RELEASEDIR: lambda _told: b"",
            FLUSH: lambda _told: b"",
        }
        answer = answers.get(asked.opcode)
        if answer is None:
            raise OSError(errno.ENOSYS, "not offered")
        return answer(asked)

    def _full(self, asked: _Asked) -> str:
        return f"{self._directory}/{self._paths[asked.node]}"

    def _init(self, _asked: _Asked) -> bytes:
        return _INIT_OUT.pack(*_VERSION, 0, 0, 64, 48, 4096, 1, 0, 0, 0, *(0,) * 7)

    def _lookup(self, asked: _Asked) -> bytes:
        path = _below(self._paths[asked.node], asked.body.rstrip(b"\0").decode())
        attributes = self._attributes(path)
        return _ENTRY.pack(self._node(path), 0, 0, 0, 0, 0) + attributes

    def _node(self, path: str) -> int:
        number = self._nodes.setdefault(path, len(self._nodes) + 1)
        self._paths[number] = path
        return number

    def _attributes(self, path: str) -> bytes:
        found = os.lstat(f"{self._directory}/{path}")
        times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime), 0, 0, 0)
        owner = (found.st_mode, found.st_nlink, 0, 0, 0, 4096, 0)
        return _ATTRIBUTES.pack(self._node(path), found.st_size, 0, *times, *owner)

    def _read(self, asked: _Asked) -> bytes:
        _, offset, size, _ = _READ.unpack_from(asked.body)
        with open(self._full(asked), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def _names(self, asked: _Asked) -> bytes:
        _, offset, size, _ = _READ.unpack_from(asked.body)
        made = b""
        for number, entry in enumerate(sorted(os.scandir(self._full(asked)), key=lambda one: one.name)):
            name = os.fsencode(entry.name)
            kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) >> 12
            record = _NAME.pack(number + 2, number + 1, len(name), kind) + name
            record += bytes(-len(record) % 8)
            if len(made) + len(record) > size:
                break
            made += record if number >= offset else b""
        return made


def _made(asked: _Asked, content: Callable[[int, int], bytes] | None) -> bytes:
    assert content
    _, offset, size, _ = _READ.unpack_from(asked.body)
    return content(offset, size)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


@contextlib.contextmanager
def showing(directory: str) -> Iterator[SickFiles]:
    """The directory behind /dev/fuse, well for now."""
    try:
        files = SickFiles(directory)
    except OSError as error:
        raise CannotRun(f"{DEVICE}: {error.strerror}; needs root and the fuse module") from None
    files.start()
    try:
        yield files
    finally:
        files.heal()
        files.close()
