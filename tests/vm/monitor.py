"""QEMU's monitor (QMP, docs/interop/qmp-intro): a disk is frozen, and thaws.

Frozen: QEMU lets a byte a second through, so that requests wait and none fails, as with a volume of EBS that hangs.
Where the limit goes, what waits is done and completed.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 60.0
_NO_LIMITS = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)


class Refused(Exception):
    """QEMU does not do what it was asked to; the message says why."""


def freeze(monitor: Path, disk: str) -> None:
    """`disk`: the id of its -drive."""
    ask(monitor, "block_set_io_throttle", device=disk, **{**_NO_LIMITS, "bps": 1})


def thaw(monitor: Path, disk: str) -> None:
    ask(monitor, "block_set_io_throttle", device=disk, **_NO_LIMITS)


def ask(monitor: Path, command: str, **arguments: object) -> Any:
    """What the command returns, over a connection of its own."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LIMIT_SECONDS)
        connection.connect(str(monitor))
        with connection.makefile("rw", encoding="utf-8") as lines:
            lines.readline()  # the greeting
            for name, words in (("qmp_capabilities", {}), (command, arguments)):
                lines.write(json.dumps({"execute": name, "arguments": words}) + "\n")
                lines.flush()
                answer = _answer(lines)
            return answer


def _answer(lines: Any) -> Any:
    """The next one that is no event."""
    for line in lines:
        told = json.loads(line)
        if "error" in told:
            raise Refused(told["error"].get("desc", line))
        if "return" in told:
            return told["return"]
    raise Refused("the monitor hung up")
