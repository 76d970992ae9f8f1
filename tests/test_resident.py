"""The daemon's memory, held: what is locked, where it may be, and that it takes no more than its code."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from tests import corpus
from virt_agent.serve.resident import programs, unlimited

MAPS = """\
00400000-00421000 r--p 00000000 fe:00 1234                               /usr/bin/python3.11
00421000-006b4000 r-xp 00021000 fe:00 1234                               /usr/bin/python3.11
00a60000-00b00000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0000020000 r-xp 00000000 00:00 0 
7f1000000000-7f1000200000 r-xp 00028000 fe:00 77                         /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)
7f2000000000-7f2000010000 r--p 00000000 fe:00 99                         /usr/lib/locale/C.utf8/LC_CTYPE
7f3000000000-7f3000010000 ---p 00010000 fe:00 1234                               /usr/bin/python3.11
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

def unread():
    # kB of the interpreter and its libraries that are not there
    found, name = {{}}, ""
    for fields in map(str.split, pathlib.Path("/proc/self/smaps").read_text().splitlines()):
        if "-" in fields[0]:
            name = fields[5] if len(fields) > 5 and "r" in fields[1] else ""
        elif fields[0] in ("Size:", "Rss:"):
            found[name] = found.get(name, 0) + int(fields[1]) * (1 if fields[0] == "Size:" else -1)
    return sum(size for name, size in found.items() if ".so" in name or "/python" in name)

status = pathlib.Path("/proc/self/status").read_text()
allowed = resident.unlimited(status, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0])
before = kilobytes("VmRSS")
kept = resident.keep()
spare = mmap.mmap(-1, 64 << 20)  # had though it is to be locked, and not there before it is touched
print(json.dumps([allowed, kept, kilobytes("VmLck"), kilobytes("VmRSS") - before, unread()]))
"""


def test_programs_are_the_files_that_are_mapped_to_be_run_with_all_their_pieces() -> None:
    assert programs(MAPS) == [(0x400000, 0x21000), (0x421000, 0x6B4000 - 0x421000), (0x7F1000000000, 0x200000)]
    assert programs("") == []


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
def test_a_limit_locks_nothing_and_none_locks_all_but_reads_only_programs() -> None:
    paths = [str(corpus.HERE.parent / part) for part in ("agent", "collectors")]
    words = [sys.executable, "-I", "-c", _KEEP.format(paths=paths)]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    allowed, kept, locked, grown, unread = told
    assert kept is allowed
    assert locked > 10_000 if allowed else locked == 0
    assert grown < 24 << 10  # the interpreter and its libraries
    assert unread == 0 or not allowed
