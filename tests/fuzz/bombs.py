"""Snapshots that are made to harm, in their full size: what each does to the command, in time and in memory.

They are made when they are needed, a few hundred kilobytes each, and opened by a process that may take so much memory
and no more. It must end within the time that is promised, in one line that says why, or in a report.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, NamedTuple

TOP = Path(__file__).parents[2]
SECONDS = 75.0  # 60 of unpacking, and what one header takes
MEMORY_MIB = 1536  # of address space: 256 of contents, what Python needs for 200,000 entries, JSON
_END = bytes(1024)
_MIB = 1 << 20
_LATE = -99


class Bomb(NamedTuple):
    """What it is, how its file is made, and the mode in which it is opened."""

    name: str
    make: Callable[[], bytes]
    mode: str = "--check"


class Felt(NamedTuple):
    """What it did."""

    seconds: float
    peak_mib: int
    code: int
    said: str


def campaign() -> int:
    """All of them; the exit code is 1 where one did what it must not."""
    print(f"at most {SECONDS:.0f} s and {MEMORY_MIB} MiB of address space each")
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for bomb in BOMBS:
            path = Path(folder) / "bomb.tar.gz"
            path.write_bytes(bomb.make())
            felt = opened(path, bomb.mode)
            wrong = list(complaints(felt))
            broken += bool(wrong)
            size = f"{path.stat().st_size / 1024:.0f} KiB"
            print(
                f"{'BROKEN' if wrong else 'kept':<7}{bomb.name:<44}{size:>10}{felt.seconds:7.1f} s{felt.peak_mib:6} MiB  {felt.said}"
            )
            print("".join(f"       {complaint}\n" for complaint in wrong), end="", flush=True)
    return int(broken > 0)


def opened(path: Path, mode: str) -> Felt:
    """By a process of its own, whose memory is bounded."""
    asked = (mode, str(path)) if mode == "--list" else ("--root", str(path), mode)
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [sys.executable, "-m", "virt_agent", *asked],
            cwd=TOP,
            env=_environment(),
            stdout=out,
            stderr=err,
            preexec_fn=_bounded,  # noqa: PLW1509 - no other thread runs here
        )
        code, peak = _ended(child, began + SECONDS)
        told, complained = (_first_line(file, last) for file, last in ((out, mode == "--list"), (err, False)))
    return Felt(time.monotonic() - began, peak, code, "it did not end" if code == _LATE else complained or told)


def _ended(child: subprocess.Popen[bytes], until: float) -> tuple[int, int]:
    """Its exit code, and the most memory that it had, in MiB; it is ended where the time is up."""
    found, status, used = os.wait4(child.pid, os.WNOHANG)
    while not found and time.monotonic() < until:
        time.sleep(0.02)
        found, status, used = os.wait4(child.pid, os.WNOHANG)
    if not found:
        os.kill(child.pid, signal.SIGKILL)
        _, _, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status) if found else _LATE
    return child.returncode, used.ru_maxrss // 1024


def _first_line(file: IO[bytes], last: bool) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").strip().split("\n")
    return lines[-2] if last and len(lines) > 1 else lines[0]


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MIB * _MIB, MEMORY_MIB * _MIB))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{TOP / 'agent'}:{TOP / 'collectors'}"}


def complaints(felt: Felt) -> Iterable[str]:
    """What is promised and was not kept."""
    if felt.code not in (0, 1, 2, 3):
        yield f"exit code {felt.code}"
    if "internal error" in felt.said or "Traceback" in felt.said:
        yield "an internal error"
    if not felt.said or not felt.said.isprintable() or len(felt.said) > 500:
        yield f"it is not told in one line: {felt.said[:200]!r}"


def _header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    made = tarfile.TarInfo(name)
    made.size, made.type = size, kind
    return made.tobuf(tarfile.GNU_FORMAT)


def _packed(pieces: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return b"".join([*map(packer.compress, pieces), packer.compress(_END), packer.flush()])


def _file(name: str, content: bytes) -> bytes:
    return _header(name, len(content)) + content + bytes(-len(content) % 512)


def _by_ratio() -> bytes:
    return _packed([_header("sys/a", 8 << 30), *[bytes(_MIB)] * 300])


def _by_many_large() -> bytes:
    return _packed(piece for at in range(12) for piece in (_header(f"sys/{at}", 30 * _MIB), *[bytes(_MIB)] * 30))


def _by_xz() -> bytes:
    return lzma.compress(b"".join([_header("sys/a", 31 * _MIB), bytes(31 * _MIB)] * 9) + _END, preset=1)


def _by_count() -> bytes:
    return _packed(b"".join(_header(f"sys/{at}/{each}") for each in range(1000)) for at in range(1000))


def _by_depth() -> bytes:
    return _packed(_longname("/".join([f"{at}", *["a"] * 2000])) + _header("x") for at in range(2000))


def _longname(name: str) -> bytes:
    content = name.encode() + b"\0"
    return _header("././@LongLink", len(content), tarfile.GNUTYPE_LONGNAME) + content + bytes(-len(content) % 512)


def _by_members() -> bytes:
    return gzip.compress(b"", mtime=0) * 1_000_000


def _by_pax_digits() -> bytes:
    digits = b"1" * 60_000
    pax = _header("x", len(digits), tarfile.XHDTYPE) + digits + bytes(-len(digits) % 512)
    return _packed([pax + _header("sys/a")] * 1000)


def _by_seeking() -> bytes:
    made = bytearray(_header("sys/a", kind=tarfile.REGTYPE))
    made[124:136] = b"\x80" + (1 << 60).to_bytes(11, "big")
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return gzip.compress(bytes(made) + _END)


def _answers(content: bytes, *names: str) -> bytes:
    folder = io.BytesIO()
    with tarfile.open(fileobj=folder, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return folder.getvalue()


_JSONS = tuple(f"virt-agent/{name}.json" for name in ("meta", "errors", "cpuid", "imds", "initramfs", "heads", "space"))


def _by_wide_json() -> bytes:
    return _answers(b'{"a": [' + b"{}," * (5 * _MIB // 4) + b"1]}", *_JSONS, "proc/uptime")


def _by_deep_json() -> bytes:
    return _answers(b'{"a": ' * 10_000 + b"1" + b"}" * 10_000, *_JSONS)


def _by_refusals() -> bytes:
    return _answers(
        json.dumps({f"sys/block/{at}": "EIO" for at in range(150_000)}).encode(),
        "virt-agent/errors.json",
        "sys/block/a/size",
    )


def _by_devices() -> bytes:
    return _packed(
        _file(f"sys/block/sd{at}/size", b"1\n") + _file(f"sys/class/net/e{at}/mtu", b"1\n") for at in range(20_000)
    )


def _by_log() -> bytes:
    line = b"[    1.000000] blkfront: xvda: I/O error, dev xvda, sector 1 op 0x0:(READ) flags 0x0\n"
    return _packed([_file("virt-agent/kernel.log", line * (15 * _MIB // len(line)))])


BOMBS = (
    Bomb("one entry of 8 GiB of zeros", _by_ratio),
    Bomb("twelve entries of 30 MiB", _by_many_large),
    Bomb("nine entries of 31 MiB, by xz", _by_xz),
    Bomb("a million entries", _by_count),
    Bomb("two thousand paths of two thousand levels", _by_depth),
    Bomb("a million empty gzip members", _by_members),
    Bomb("a thousand headers of 60,000 digits", _by_pax_digits),
    Bomb("an entry that ends a billion gigabytes on", _by_seeking),
    Bomb("seven answers of a million objects", _by_wide_json),
    Bomb("seven answers of 10,000 levels", _by_deep_json),
    Bomb("150,000 refusals", _by_refusals),
    Bomb("20,000 disks and 20,000 cards", _by_devices),
    Bomb("20,000 disks and 20,000 cards, listed", _by_devices, "--list"),
    Bomb("a kernel log of 15 MiB of faults", _by_log),
)
