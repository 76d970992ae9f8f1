"""Archives byte by byte, with headers that no tar would write."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from itertools import pairwise

END = bytes(1024)
_SIZE, _CHECKSUM = slice(124, 136), slice(148, 156)
_REAL_SIZE = slice(483, 495)  # of an old GNU sparse file


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def header(name: str = "sys/a", size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One header in GNU's form; a size that octal digits cannot say is written to the base of 256."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return _with(made.tobuf(tarfile.GNU_FORMAT), _SIZE, number(size))


def number(value: int) -> bytes:
    """A field of twelve bytes: octal, or base 256 for what is negative or large."""
    if 0 <= value < 8**11:
        return b"%011o\0" % value
    return (b"\x80" if value >= 0 else b"\xff") + value.to_bytes(11, "big", signed=True)


def _with(made: bytes, field: slice, content: bytes) -> bytes:
    """The header with another field, and the checksum that belongs to it."""
    raw = bytearray(made)
    raw[field], raw[_CHECKSUM] = content, b" " * 8
    raw[_CHECKSUM] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def file(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    return header(name, len(content), kind) + padded(content)


def pax(*records: tuple[str, str], kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A header with such records, "LENGTH KEY=VALUE\\n", for the entry behind it."""
    return raw_pax("".join(_record(key, value) for key, value in records).encode("utf-8", "surrogateescape"), kind)


def raw_pax(content: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return file("pax", content, kind)


def _record(key: str, value: str) -> str:
    rest = len(f" {key}={value}\n".encode("utf-8", "surrogateescape"))
    length = rest + len(str(rest))
    length += len(str(length)) > len(str(rest))
    return f"{length} {key}={value}\n"


def sparse(packed: int, real: int) -> bytes:
    """An old GNU sparse file that claims so many bytes, in the archive and unpacked."""
    return _with(header("sys/sparse", packed, tarfile.GNUTYPE_SPARSE), _REAL_SIZE, number(real))


def flood(entry: bytes, times: int) -> bytes:
    """A .tar.gz of one entry again and again: 200 bytes for each, if that."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block, rest = divmod(times, 1000)
    made = [packer.compress(entry * 1000) for _ in range(block)]
    return b"".join([*made, packer.compress(entry * rest + END), packer.flush()])


def members(content: bytes, *cuts: int) -> bytes:
    """Concatenated gzip members, cut at these places."""
    ends = [0, *cuts, len(content)]
    return b"".join(gzip.compress(content[at:end], mtime=0) for at, end in pairwise(ends))
