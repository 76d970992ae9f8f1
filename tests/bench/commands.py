"""--detect and --check beside the programs that admins ask the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .debian import installed
from .rows import Row, absent, ratio
from .run import Sample, in_turn, peak_bytes
from .staged import Staged, python

DETECT, CHECK = "--detect", "--check"
BARE = "python3 -I -c pass"
PEERS = {
    # one word on the hypervisor; all of facter would ask a metadata service too
    "facter virtual": ("facter", "virtual"),
    "lscpu": ("lscpu",),
    "systemd-detect-virt": ("systemd-detect-virt",),
    "virt-what": ("virt-what",),
}
_MEGABYTE = 1 << 20
_PEAK_RUNS, _PEAK_LIMIT = 5, 25


class Compared(NamedTuple):
    what: str
    against: str
    aim: float | None = None


TABLE = (
    Compared(DETECT, BARE, 2.5),
    Compared(CHECK, BARE),
    Compared(CHECK, "virt-what", 0.8),
    Compared(DETECT, "virt-what"),
    *(Compared(what, peer) for peer in PEERS if peer != "virt-what" for what in (DETECT, CHECK)),
)


def rows(staged: Staged, runs: int) -> Iterator[Row]:
    check = [*staged.agent, CHECK, "--sample", "0"]
    commands = {BARE: [python(), "-I", "-c", "pass"], DETECT: [*staged.agent, DETECT], CHECK: check}
    peers = {name: [path, *words[1:]] for name, words in PEERS.items() if (path := installed(words[0]))}
    samples = in_turn({**commands, **peers}, runs)
    for what, against, aim in TABLE:
        yield ratio(what, against, samples, aim) if against in samples else absent(what, against)
    peak = in_turn({CHECK: check}, min(runs, _PEAK_RUNS), peak_bytes)[CHECK]
    yield Row(f"{CHECK}, most memory", Sample(peak.values).times(1 / _MEGABYTE), "MB", limit=_PEAK_LIMIT)
