"""The courier: a small raw disk that is a tar on the way in and on the way out.

In goes the agent of the working tree with the guest's orders, out come its
results. No file system is needed for it, and the cached images stay as they are.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from .inside.guest import BEGIN, END

MARK = "lab-courier"  # the first stage looks for a disk that begins so
SIZE_BYTES = 24 << 20
AGENT_PARTS = {
    "agent/virt_agent": "usr/share/virt-agent/virt_agent",
    "collectors/virt_collectors": "usr/share/virt-agent/virt_collectors",
    "packaging/bin/virt-agent": "usr/bin/virt-agent",
}
INSIDE = Path(__file__).parent / "inside"


class NothingCame(Exception):
    """The guest ended without results: the lab's failure, not the agent's."""


def pack(agent: Path, orders: dict[str, Any], disk: Path) -> Path:
    with tarfile.open(disk, "w") as tar:
        add(tar, MARK, "")
        for source, target in AGENT_PARTS.items():
            tar.add(agent / source, target, filter=as_installed)
        tar.add(INSIDE, "lab/inside", filter=as_installed)
        add(tar, "lab/plan.json", json.dumps(orders))
    with disk.open("r+b") as raw:
        raw.truncate(SIZE_BYTES)
    return disk


def unpack(disk: Path, into: Path) -> None:
    if not disk.exists():
        raise NothingCame("no courier came back")
    _extract(disk.read_bytes(), into)


def unpack_console(console: Path, into: Path) -> None:
    text = console.read_text(errors="replace") if console.exists() else ""
    begin, end = text.rfind(BEGIN), text.rfind(END)
    if not 0 <= begin < end:
        raise NothingCame("no results on the console")
    letters = "".join(text[begin + len(BEGIN) : end].split())
    _extract(gzip.decompress(base64.b64decode(letters)), into)


def _extract(packed: bytes, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        if "./commands.json" not in tar.getnames():
            raise NothingCame("the guest never wrote its results")
        tar.extractall(into, filter="data")


def as_installed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.name.startswith("usr/bin") else 0o644
    return member


def add(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    tar.addfile(member, io.BytesIO(text.encode()))
