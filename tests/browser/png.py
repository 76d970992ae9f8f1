"""PNG made small: a browser's screenshot has few colours, which a palette holds, and is packed in a hurry.

PNG by RFC 2083: 8 bits of red, green and blue (and alpha) for each pixel come in, indices of a palette go out. The
colours are rounded until 256 are enough; nobody sees that of the edges of letters.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}
_PALETTE = 3


def smaller(data: bytes) -> bytes:
    """The same picture with a palette."""
    chunks = dict(_chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, interlaced) == (8, 0)
    pixels = _pixels(zlib.decompress(chunks[b"IDAT"]), width, height, _CHANNELS[kind])
    indices, colours = _indexed(pixels)
    rows = b"".join(b"\0" + indices[at : at + width] for at in range(0, width * height, width))
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(colours)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each kind once, its contents one after the other."""
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        found[name] = found.get(name, b"") + data[at + 8 : at + 8 + size]
        at += size + 12
    yield from found.items()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _pixels(raw: bytes, width: int, height: int, channels: int) -> list[bytes]:
    """Red, green and blue of each pixel, with the filters of the lines undone."""
    stride, found = width * channels, []
    above = bytearray(stride)
    for at in range(0, height * (stride + 1), stride + 1):
        line = bytearray(raw[at + 1 : at + 1 + stride])
        _unfilter(raw[at], line, above, channels)
        found += [bytes(line[place : place + 3]) for place in range(0, stride, channels)]
        above = line
    return found


def _unfilter(kind: int, line: bytearray, above: bytearray, channels: int) -> None:
    """RFC 2083, 6: none, sub, up, average, Paeth."""
    for place in range(len(line) if kind else 0):
        left = line[place - channels] if place >= channels else 0
        corner = above[place - channels] if place >= channels else 0
        up = above[place]
        guess = (left, up, (left + up) // 2, _paeth(left, up, corner))[kind - 1]
        line[place] = (line[place] + guess) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def _indexed(pixels: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Each pixel as the index of its colour. The commonest colours are kept as they are."""
    counts: dict[bytes, int] = {}
    for pixel in pixels:
        counts[pixel] = counts.get(pixel, 0) + 1
    common = sorted(counts, key=lambda colour: -counts[colour])[:64]
    for step in (1, 4, 8, 16, 32, 64, 128):
        rounded = {colour: bytes(part // step * step + step // 2 for part in colour) for colour in counts}
        rounded |= {colour: colour for colour in common}
        palette = sorted(set(rounded.values()))
        if len(palette) <= 256:
            break
    places = {colour: palette.index(rounded[colour]) for colour in counts}
    return bytes(places[pixel] for pixel in pixels), palette
