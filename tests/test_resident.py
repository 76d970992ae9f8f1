"""The daemon's memory, held: what is locked, where it may be, and that it takes no more than its code."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from tests import corpus
from virt_agent.serve.resident import code, unlimited

MAPS = """\
00400000-00421000 r--p 00000000 fe:00 1234                               /usr/bin/python3.11
00421000-006b4000 r-xp 00021000 fe:00 1234                               /usr/bin/python3.11
00a60000-00b00000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0000020000 r-xp 00000000 00:00 0 
7f1000000000-7f1000200000 r-xp 00028000 fe:00 77                         /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)
7ffd3a5f0000-7ffd3a5f2000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""  # noqa: W291
_KEEP = """
import json, mmap, pathlib, resource, sys
sys.path[:0] = {paths!r}
from virt_agent.serve import resident
import ctypes, ssl

def kilobytes(name):
    line = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])

status = pathlib.Path("/proc/self/status").read_text()
allowed = resident.unlimited(status, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0])
before = kilobytes("VmRSS")
kept = resident.keep()
spare = mmap.mmap(-1, 64 << 20)  # had though it is to be locked, and not there before it is touched
print(json.dumps([allowed, kept, kilobytes("VmLck"), kilobytes("VmRSS") - before]))
"""


def test_code_is_what_is_mapped_from_a_file_to_be_run() -> None:
    assert code(MAPS) == [(0x421000, 0x6B4000 - 0x421000), (0x7F1000000000, 0x200000)]
    assert code("") == []


@pytest.mark.parametrize(
    ("capabilities", "limit", "expected"),
    [
        ("0000000000000000", 8 << 20, False),
        ("0000000000000000", resource.RLIM_INFINITY, True),
        ("0000000000004000", 0, True),
        ("000001ffffffbfff", 8 << 20, False),
    ],
    ids=["a user", "the unit", "CAP_IPC_LOCK", "all but CAP_IPC_LOCK"],
)
def test_who_may_lock_what_he_likes(capabilities: str, limit: int, expected: bool) -> None:
    status = f"Name:\tpython3\nCapPrm:\t000001ffffffffff\nCapEff:\t{capabilities}\nCapBnd:\t000001ffffffffff\n"
    assert unlimited(status, limit) is expected
    assert unlimited("", 0) is False


@pytest.mark.subprocess
def test_a_limit_locks_nothing_and_none_locks_all_but_reads_only_code() -> None:
    paths = [str(corpus.HERE.parent / part) for part in ("agent", "collectors")]
    words = [sys.executable, "-I", "-c", _KEEP.format(paths=paths)]
    allowed, kept, locked, grown = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert kept is allowed
    assert locked > 10_000 if allowed else locked == 0
    assert grown < 24 << 10  # the interpreter's code
