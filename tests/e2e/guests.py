"""The guests of the run: known machines in directories, which their agents read anew at each scrape; and their illnesses."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from tests import corpus, machines
from virt_collectors.host.tree import MemoryTree

ZONE = "use1-az4"
_ZONE_PATH = "/latest/meta-data/placement/availability-zone-id"
_EC2_DISK = "sys/devices/vbd-51712/block/xvda"
_IDLE = {f"{_EC2_DISK}/inflight": "       0        0\n", f"{_EC2_DISK}/stat": "41 0 9 1 7 0 8 1 0 3 2\n"}

DATABASE, OLD, NITRO, QUIET, EMULATED = "database", "old", "nitro", "quiet", "emulated"
IN_ZONE = tuple(f"zone-{number}" for number in range(1, 6))
# Guest: machine of the corpus
MACHINES = {
    DATABASE: "pvhvm",
    OLD: "pv",
    NITRO: "nitro-like",
    QUIET: "pvh",
    EMULATED: "hvm-nopv",  # ill from the start, in a way that can wait
    **dict.fromkeys(IN_ZONE, "D07-ec2-t2micro-xen-on-nitro"),
}


class Illness(NamedTuple):
    """What other texts in files of one guest make of it."""

    guest: str
    files: Mapping[str, str]


_STALLED = "       2       12\n"
CLOSED_FRONTEND = Illness(
    DATABASE,
    {"sys/devices/vbd-832/state": "Closed\n", "sys/devices/vbd-832/block/xvdb/inflight": _STALLED},
)
STALLED_DISK = Illness(OLD, {"sys/devices/vbd-51728/block/xvdb/inflight": _STALLED})
STALLED_ZONE = tuple(Illness(guest, {f"{_EC2_DISK}/inflight": _STALLED}) for guest in IN_ZONE)
DEAD_CONTROLLER = Illness(NITRO, {"sys/devices/pci0000:00/0000:00:03.0/nvme/nvme1/state": "dead\n"})
UNREADABLE = Illness(QUIET, {"sys/devices/vif-0/state": "neither up nor down\n"})


def lay_out(above: pathlib.Path) -> dict[str, pathlib.Path]:
    """Each guest's directory."""
    return {guest: _lay_out(guest, above / guest) for guest in MACHINES}


def _lay_out(guest: str, directory: pathlib.Path) -> pathlib.Path:
    tree = corpus.copy(MACHINES[guest])
    if guest in IN_ZONE:
        for path, text in _IDLE.items():
            tree.add(path, text.encode())
        _move_to_zone(tree)
    files: dict[str, machines.Entry] = {}
    for path, entry in tree._entries.items():
        if path and not isinstance(entry, bool):
            files[path] = machines.Link(entry) if isinstance(entry, str) else entry
    return machines.write(directory, dict(sorted(files.items())))


def _move_to_zone(tree: MemoryTree) -> None:
    path = "virt-agent/imds.json"
    answers = json.loads(tree.content(path, 1 << 20))
    answers["responses"][_ZONE_PATH] = {"status": 200, "body": ZONE}
    tree.add(path, json.dumps(answers).encode())


class Patients:
    """Guests that fall ill and are mended."""

    def __init__(self, directories: Mapping[str, pathlib.Path]) -> None:
        self._directories = directories
        self._healthy: dict[pathlib.Path, bytes] = {}

    def fall_ill(self, illness: Illness) -> None:
        for path, text in illness.files.items():
            file = self._directories[illness.guest] / path
            self._healthy.setdefault(file, file.read_bytes())
            _exchange(file, text.encode())

    def mend(self, illness: Illness) -> None:
        for path in illness.files:
            file = self._directories[illness.guest] / path
            _exchange(file, self._healthy[file])


def _exchange(file: pathlib.Path, content: bytes) -> None:
    """At once: no scrape sees half a file."""
    beside = file.with_name(".exchanged")
    beside.write_bytes(content)
    os.replace(beside, file)
