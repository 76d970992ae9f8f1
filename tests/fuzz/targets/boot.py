"""What lies in /boot: the images of initramfs, and GRUB's menus."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable
from functools import partial
from itertools import product

from tests.grub_configurations import AMAZON_2023, MENU_LST, debian, environment, loader_entry, ubuntu_cloud
from virt_collectors.boot_loader import Menu, read_boot_loader
from virt_collectors.grub import script
from virt_collectors.grub.find import parse_environment, parse_loader_entry
from virt_collectors.grub.legacy import parse_menu
from virt_collectors.host import initramfs as images
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.source import Source
from virt_collectors.versions import debian_key, rpm_key

from ..form import PART, Target, joined, parts, refused, text

_HEADER, _TRAILER, _DIRECTORY = 110, b"TRAILER!!!", 0o040000
_TOLD = 16 << 20  # characters of all parameters that one menu's entries may tell together
_PATHS = (
    "boot/grub/grub.cfg",
    "boot/grub/custom.cfg",
    "boot/grub/grubenv",
    "boot/loader/entries/a-6-1.conf",
    "boot/grub/menu.lst",
)


def initramfs(data: bytes) -> None:
    """Names or a stated refusal; and of plain archives the names that a reader of a few lines finds."""
    ask = partial(images.names, data, "boot/initrd.img-6")
    witness = None if data.endswith(b"#BOOTCONFIG\n") else _plain_names(data)
    error = refused(ask)
    if error is None:
        names = ask()
        assert list(names) == sorted(set(names))
        assert all(name and not name.startswith("/") and "//" not in name for name in names)
        assert witness in (None, names)
    else:
        assert witness is None, f"{witness} refused: {error}"


def _plain_names(data: bytes) -> tuple[str, ...] | None:
    """The names in archives that nothing but zeros stands between; None for anything else, and for what is not whole."""
    at, found, name = 0, set[str](), b""
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        header, magic = data[at + 6 : at + _HEADER], data[at : at + 6]
        if at % 4 or magic not in (b"070701", b"070702") or len(header) < _HEADER - 6 or not header.isalnum():
            return None
        try:
            mode, size, length = (int(header[8 * field : 8 * field + 8], 16) for field in (1, 6, 11))
        except ValueError:
            return None
        raw, at = data[at + _HEADER : at + _HEADER + length], at + _HEADER + length
        at += -at % 4
        name, nul, _ = raw.partition(b"\0")
        if len(raw) < length or not nul or not name or length > 4096 or at + size + -size % 4 > len(data):
            return None
        at += size + -size % 4
        if name != _TRAILER and mode & 0o170000 != _DIRECTORY:
            found.add("/".join(part for part in text(name).split("/") if part not in ("", ".")))
    return tuple(sorted(found - {""})) if name == _TRAILER else None


def compressed(data: bytes) -> None:
    """The first byte chooses what the rest is compressed by: the same names as without, or a refusal on either side."""
    if not data or data[1:].endswith(b"#BOOTCONFIG\n"):
        return
    packed = _PACKED[data[0] % len(_PACKED)](data[1:])
    plain, inside = (partial(images.names, content, "boot/initrd.img-6") for content in (data[1:], packed))
    if refused(inside) is None and data[1:2] in (b"0", b"\0"):
        assert refused(plain) is not None or plain() == inside()


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, check=lzma.CHECK_CRC32, preset=0)


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE, preset=0)


def _zstd(data: bytes) -> bytes:
    """Raw blocks without a checksum (RFC 8878)."""
    pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)] or [b""]
    last = [number == len(pieces) - 1 for number in range(len(pieces))]
    blocks = ((len(piece) << 3 | end).to_bytes(3, "little") + piece for piece, end in zip(pieces, last, strict=True))
    return b"\x28\xb5\x2f\xfd\0\x58" + b"".join(blocks)


def _lz4(data: bytes) -> bytes:
    """Blocks of literals, in the old form."""
    pieces = [data[at : at + 14] for at in range(0, len(data), 14)]
    return b"\x02\x21\x4c\x18" + b"".join(
        (len(piece) + 1).to_bytes(4, "little") + bytes([len(piece) << 4]) + piece for piece in pieces
    )


_PACKED = (_gzip, _xz, _lzma, _zstd, _lz4)


def grub(data: bytes) -> None:
    """Files of GRUB's in the order of _PATHS: menus with a default or the reason why not, and no failed collector."""
    made = MemoryTree()
    for path, content in zip(_PATHS, parts(data, len(_PATHS)), strict=True):
        if content:
            made.add(path, content)
    source = Source(SnapshotHost(made))
    found = read_boot_loader(source)
    assert source.problems == []
    for menu in (found.grub, found.menu_lst) if found else ():
        if menu is not None:
            _judge(menu)


def _judge(menu: Menu) -> None:
    assert (menu.default is None) == bool(menu.why)
    assert menu.default is None or menu.default in menu.entries or menu.path.endswith("grub.cfg")
    assert all(entry.kernel for entry in menu.entries)
    assert sum(len(word) for entry in menu.entries for word in entry.parameters) <= _TOLD


def grub_script(data: bytes) -> None:
    """Any text is a script, nested no deeper than is said."""
    found = script.parse(text(data))
    assert found.problem is None or found.problem.isprintable()
    assert _depth(found.statements) <= script.NESTING + 2


def _depth(statements: tuple[object, ...]) -> int:
    return 1 + max((_depth(_inside(statement)) for statement in statements), default=0)


def _inside(statement: object) -> tuple[object, ...]:
    if isinstance(statement, script.If):
        return (*statement.otherwise, *(each for branch in statement.branches for part in branch for each in part))
    if isinstance(statement, script.Loop):
        return (*statement.head, *statement.body)
    if isinstance(statement, script.Command):
        return statement.block or ()
    return statement.body if isinstance(statement, script.Function) else ()


def grub_texts(data: bytes) -> None:
    """An environment block, an entry of blscfg's and a menu.lst."""
    block, entry, menu = (text(part) for part in parts(data, 3))
    variables = parse_environment(block)
    assert all("\n" not in name and "=" not in name for name in variables)
    assert not variables or parse_environment(_written(variables)) == variables
    assert _depth(parse_loader_entry("a", entry).script) <= script.NESTING + 2
    _judge(parse_menu("boot/grub/menu.lst", menu, lambda path: path.lstrip("/")))


def _written(variables: dict[str, str]) -> str:
    """As grub-editenv writes them (grub-core/lib/envblk.c)."""
    escaped = (
        f"{name}={value.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + chr(10))}\n"
        for name, value in variables.items()
    )
    return "# GRUB Environment Block\n" + "".join(escaped) + "#" * 20


def versions(data: bytes) -> None:
    """An order: of any three releases the keys can be compared, and equal names are equal."""
    names = [text(part) for part in parts(data, 3)]
    for key in (debian_key, rpm_key):
        keys = [key(name) for name in names]
        backwards = keys[::-1]
        assert sorted(keys) == sorted(backwards)
        for one, other in product(range(3), repeat=2):
            assert (names[one] != names[other]) or keys[one] == keys[other]
            assert (keys[one] < keys[other]) + (keys[other] < keys[one]) + (keys[one] == keys[other]) == 1


def _entry(name: bytes, content: bytes = b"", mode: int = 0o100644) -> bytes:
    raw = name + b"\0"
    numbers = (7, mode, 0, 0, 1, 0, len(content), 8, 1, 0, 0, len(raw), 0)
    made = b"070701" + b"".join(b"%08X" % number for number in numbers) + raw
    return made + bytes(-len(made) % 4) + content + bytes(-len(content) % 4)


def _images() -> Iterable[bytes]:
    plain = (
        _entry(b"init", b"#!/bin/sh\n") + _entry(b"./lib/modules/6/ena.ko", b"x") + _entry(_TRAILER, mode=0) + bytes(8)
    )
    yield plain
    yield from (plain + pack(plain) for pack in _PACKED)
    yield from (pack(plain) for pack in _PACKED)
    yield plain + (4).to_bytes(4, "little") + bytes(4) + b"#BOOTCONFIG\n"


def _numbered() -> Iterable[bytes]:
    plain = next(iter(_images()))
    yield from (bytes([number]) + plain for number in range(len(_PACKED)))


def _menus() -> Iterable[bytes]:
    block = environment(saved_entry="1>0", next_entry="").encode()
    for menu in (debian("6.1.0-28-amd64"), ubuntu_cloud("6.8.0-1069-aws"), AMAZON_2023):
        yield joined(menu.encode(), b"set timeout=1\n", block, loader_entry("6.1.0").encode(), MENU_LST.encode())
    yield joined(
        b"function f { menuentry a { linux /v $1 } }\nf 'b c'\nset default=0\nif [ -f /x -a ! -s $prefix/y ]; then source $prefix/custom.cfg; fi"
    )


def _scripts() -> Iterable[bytes]:
    yield b'for x in a b; do echo "$x ${y}"; done\nwhile true; do break; done\nmenuentry a --id b { linux /v; initrd /i }\n'
    yield from (menu.partition(PART)[0][:4000] for menu in _menus())


def _texts() -> Iterable[bytes]:
    yield joined(environment(saved_entry="a\\\\b").encode(), loader_entry("6.1.0").encode(), MENU_LST.encode())


TARGETS = (
    Target("initramfs", "the names, or why not", initramfs, _images, 8192),
    Target("compressed", "the same names in every compression", compressed, _numbered),
    Target("grub", "a default, or the reason why not", grub, _menus, 16384),
    Target("grub_script", "statements, nested no deeper than is said", grub_script, _scripts),
    Target("grub_texts", "what is written again is read again", grub_texts, _texts),
    Target("versions", "an order", versions, lambda: (joined(b"6.8.0-1069-aws", b"6.8.0~rc1", b"linux-6.1"),), 200),
)
