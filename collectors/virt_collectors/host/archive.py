"""A recording as a snapshot: a .tar.gz that only its owner may read, written whole or not at all.

The same recording gives the same bytes: entries in the order of their paths, no times, no owners.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
from contextlib import suppress

from ..cpuid import FIRST, LAST, STEP
from ..record import plain
from .recorder import ANSWERS, Recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import Registers

    Entry = bytes | str | None  # a file's bytes, a link's target, a directory

SCHEMA = 1
_LISTED = "ENODATA"  # the recorder's mark of a file that was seen in a listing and not read


class Refused(Exception):
    """The file cannot be written where it was asked for; the message says which and why."""


def entries(recording: Recording, version: str, redaction: dict[str, int] | None) -> dict[str, Entry]:
    """The snapshot's entries by path. `redaction` counts what was replaced or dropped; None where nothing was."""
    found: dict[str, Entry] = dict.fromkeys(sorted(recording.directories - {""}))
    found.update(recording.files)
    found.update(recording.links)
    refused = {path: code for path, code in recording.errors.items() if _is_refusal(recording, path, code)}
    # A link leads to a refused file only where something lies at its end.
    found.update({path: b"" for path in refused if not path.startswith(f"{ANSWERS}/")})
    for name, answer in _answers(recording, version, redaction, refused).items():
        found[f"{ANSWERS}/{name}.json"] = (json.dumps(answer, indent=1, sort_keys=True) + "\n").encode()
    for controller, page in recording.nvme_logs.items():
        found[f"{ANSWERS}/nvme/{controller}.d0"] = page
    if recording.kernel_log is not None:
        found[f"{ANSWERS}/kernel.log"] = recording.kernel_log.encode("utf-8", "surrogateescape")
    return dict(sorted(found.items()))


def _is_refusal(recording: Recording, path: str, code: str) -> bool:
    """Whether the last word on a path is an error. An empty file may stand for one that was only asked after."""
    if path in recording.directories or path in recording.links:
        return False
    return path not in recording.files or (not recording.files[path] and code != _LISTED)


def _answers(
    recording: Recording, version: str, redaction: dict[str, int] | None, refused: dict[str, str]
) -> dict[str, Any]:
    answers = {"meta": _meta(recording, version, redaction), "errors": refused, "imds": _imds(recording)}
    if recording.cpuid_method is not None:
        answers["cpuid"] = cpuid_answer(recording.cpuid_method, recording.cpuid)
    answers |= {f"ethtool/{name}": plain(answer) for name, answer in recording.ethtool.items()}
    answers["nvme/names"] = recording.nvme_device_names
    answers["initramfs"] = {path: list(names) for path, names in recording.initramfs.items()}
    answers["heads"] = {path: {"size": size, "head": head.hex()} for path, (head, size) in recording.heads.items()}
    answers["space"] = {path: plain(space) for path, space in recording.space.items()}
    return {name: answer for name, answer in answers.items() if answer}


def _meta(recording: Recording, version: str, redaction: dict[str, int] | None) -> dict[str, Any]:
    uname = recording.uname
    meta = {
        "agent_version": version,
        "time": None if recording.time is None else _iso(recording.time),
        "uname": uname and [uname.sysname, uname.nodename, uname.release, uname.version, uname.machine],
        "privileged": recording.privileged,
        "suspended_seconds": recording.suspended,
        "clock_read_seconds": recording.clock_read,
        "redaction": redaction,
    }
    told = {key: value for key, value in meta.items() if value is not None}
    return {"schema": SCHEMA, "redacted": redaction is not None, **told}


def _iso(time: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(time, timezone.utc).isoformat()


def _imds(recording: Recording) -> dict[str, Any]:
    responses = {path: {"status": got.status, "body": got.body} for path, got in recording.metadata.items()}
    if recording.metadata_state == "ok" and not responses:
        return {}
    return {"state": recording.metadata_state, "responses": responses}


def cpuid_answer(method: str, leaves: dict[int, Registers]) -> dict[str, Any]:
    """The form of virt-agent/cpuid.json."""
    told = {f"0x{leaf:08x}": _registers(leaves[leaf]) for leaf in leaves if not _says_nothing(leaf, leaves[leaf])}
    return {"method": method, "leaves": told}


def _says_nothing(leaf: int, registers: Registers) -> bool:
    """Empty leaves at which no hypervisor begins: most of those that are asked."""
    begins = FIRST <= leaf <= LAST and leaf % STEP == 0
    return begins and not (registers.eax or registers.ebx or registers.ecx or registers.edx)


def _registers(registers: Registers) -> dict[str, str]:
    return {name: f"0x{getattr(registers, name):08x}" for name in ("eax", "ebx", "ecx", "edx")}


def pack(found: dict[str, Entry]) -> bytes:
    """The .tar.gz of the entries."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path, entry in found.items():
            member, content = _member(path, entry)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _member(path: str, entry: Entry) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(path)
    member.mode = 0o755 if entry is None else 0o644
    if isinstance(entry, bytes):
        member.size = len(entry)
        return member, entry
    member.type = tarfile.DIRTYPE if entry is None else tarfile.SYMTYPE
    member.linkname = entry or ""
    return member, b""


def check(path: str) -> None:
    """Refuse early what `write` would refuse."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Refused(f"{path}: there is no directory {folder}")
    if not os.path.basename(path) or os.path.isdir(path):
        raise Refused(f"{path}: is a directory; give the name of a file in it")
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise Refused(f"{path}: exists and is no regular file; it stays as it is")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(f"{path}: may not be written, for the directory {folder} is not writable")


def write(path: str, content: bytes, mode: int = 0o600, group: int = -1) -> None:
    """Put the content at path in one step: whoever reads it sees all of it or what was there."""
    check(path)
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".virt-agent-{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        _fill(temporary, content, mode, group)
        os.rename(temporary, path)
    except OSError as error:
        raise Refused(f"{path}: could not be written ({error.strerror})") from None
    finally:
        _remove(temporary)
    _sync(folder)


def _fill(temporary: str, content: bytes, mode: int, group: int) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if group >= 0:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)  # the umask may have taken the owner's own right
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _remove(temporary: str) -> None:
    with suppress(FileNotFoundError):  # renamed, or never made
        os.unlink(temporary)


def _sync(folder: str) -> None:
    """The new name reaches the disk too; some file systems cannot sync a directory."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
