"""What `virt-agent --collect-privileged` leaves for those who may not read it themselves, in two files.

    static.json   "files": {path: content in base64}, "cpuid": {"method", "leaves": {"0x40000000": {"eax": …}}}
    nvme.json     "controllers": {"nvme0": {"state": "ok", "page": base64} or {"state": "refused", "error": errno's name}};
                  either may have "device_name", the name under which EC2 attached the volume

Both have "schema": 1, "time" (seconds since 1970) and "boot_id" (/proc/sys/kernel/random/boot_id). A file is believed
where root or we ourselves wrote it, nobody else can have, and in this boot.
"""

from __future__ import annotations

import os
import stat

from ..errors import Malformed, SourceError, from_os, refusal
from ..record import Record
from . import Registers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DIRECTORY = "/run/virt-agent"
STATIC, NVME = "static", "nvme"
LIMIT = 4 << 20
SCHEMA = 1
DEVICE = "/dev/cpu/0/cpuid"  # the method of CPUID that only root has
BOOT_ID = "proc/sys/kernel/random/boot_id"
# What only root may read and the collectors ask for.
FILES = (
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/product_serial",
    "sys/firmware/dmi/entries/0-0/raw",
    "sys/firmware/dmi/tables/DMI",
)
_MODE, _FOLDER_MODE = 0o640, 0o750
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW
_NOT_FOR_US = ("ENOENT", "ENOTDIR", "EACCES", "EPERM")


class Answers(Record):
    """What a file told: contents by path, CPUID (how, and the leaves); log pages, refusals and names by controller."""

    time: float
    files: dict[str, bytes] = {}
    cpuid_method: str | None = None
    cpuid: dict[int, Registers] = {}
    pages: dict[str, bytes] = {}
    refusals: dict[str, str] = {}
    device_names: dict[str, str] = {}


def leave(directory: str, name: str, document: dict[str, Any]) -> str:
    """Write one of the two files for the directory's group to read, and say so; archive.Refused says why not.

    A directory that is missing is made, open to its owner and group.
    """
    import json

    from .archive import Refused, write

    path, content = f"{directory}/{name}.json", json.dumps({"schema": SCHEMA, **document}, indent=1, sort_keys=True)
    try:
        if not os.path.lexists(directory):
            os.mkdir(directory, _FOLDER_MODE)
        write(path, content.encode() + b"\n", _MODE, os.stat(directory).st_gid)
    except OSError as error:
        raise Refused(f"{directory}: {error.strerror}; give another directory") from None
    return f"{path}: {len(content) + 1} bytes, mode {_MODE:04o}"


class PrivilegedFile:
    """One of the two files; it is read again when it was replaced."""

    def __init__(self, directory: str, name: str, boot_id: Callable[[], str]) -> None:
        self._full = f"{directory}/{name}.json"
        self._path = self._full.lstrip("/")
        self._boot_id = boot_id
        self._seen: tuple[int, ...] = ()
        self._held: Answers | SourceError | None = None

    def answers(self) -> Answers | None:
        """What it tells; None where there is none or it is not for us. SourceError says why it is not believed."""
        try:
            descriptor = os.open(self._full, _FLAGS)
        except OSError as error:
            failed = from_os(self._path, error)
            if failed.code in _NOT_FOR_US:
                return None
            raise (
                Malformed(self._path, "is a link, not a file; not used") if failed.code == "ELOOP" else failed
            ) from None
        try:
            status = os.fstat(descriptor)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._seen, self._held = seen, self._judge(descriptor, status)
        finally:
            os.close(descriptor)
        if isinstance(self._held, SourceError):
            raise self._held
        return self._held

    def _judge(self, descriptor: int, status: os.stat_result) -> Answers | SourceError:
        try:
            believable(self._path, status)
            content = os.read(descriptor, LIMIT + 1)
            return parse(self._path, content, self._boot_id())
        except OSError as error:
            return from_os(self._path, error)
        except SourceError as error:
            return error


def believable(path: str, status: os.stat_result) -> None:
    """Malformed says why a file cannot be root's or our own word."""
    if not stat.S_ISREG(status.st_mode):
        raise Malformed(path, "is no regular file; not used")
    if status.st_uid not in (0, os.geteuid()):
        raise Malformed(path, f"belongs to uid {status.st_uid}, not to root; not used")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Malformed(path, f"may be written by others (mode {stat.S_IMODE(status.st_mode):04o}); not used")
    if status.st_size > LIMIT:
        raise refusal(path, "EFBIG")


def parse(path: str, content: bytes, boot_id: str) -> Answers:
    """The answers; Malformed for what has not the form, and for another boot's."""
    import json

    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Malformed(path, "is not a JSON object; not used")
    if document.get("schema") != SCHEMA:
        raise Malformed(path, f"schema {str(document.get('schema'))[:20]!r} is not known to this version; not used")
    if not boot_id or document.get("boot_id") != boot_id:
        raise Malformed(path, "was written in another boot; not used")
    try:
        return _answers(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Malformed(path, f"has not the form that it must have ({error!r:.60}); not used") from None


def _answers(document: dict[str, Any]) -> Answers:
    cpuid = document.get("cpuid") or {"method": None, "leaves": {}}
    controllers = {_word(name): dict(told) for name, told in document.get("controllers", {}).items()}
    return Answers(
        time=_seconds(document["time"]),
        files={path: _bytes(text) for path, text in document.get("files", {}).items()},
        cpuid_method=None if cpuid["method"] is None else _word(cpuid["method"]),
        cpuid={int(leaf, 16): _registers(told) for leaf, told in cpuid["leaves"].items()},
        pages={name: _bytes(told["page"]) for name, told in controllers.items() if "error" not in told},
        refusals={name: _word(told["error"]) for name, told in controllers.items() if "error" in told},
        device_names={name: _word(told["device_name"]) for name, told in controllers.items() if "device_name" in told},
    )


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise ValueError("time")
    return float(value)


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("a word")
    return value


def _bytes(text: str) -> bytes:
    from binascii import a2b_base64, b2a_base64

    content = a2b_base64(text)
    if b2a_base64(content, newline=False) != text.encode():  # else what is no base64 would be passed over
        raise ValueError("base64")
    return content


def _registers(told: dict[str, str]) -> Registers:
    return Registers(*(int(told[name], 16) & 0xFFFFFFFF for name in ("eax", "ebx", "ecx", "edx")))
