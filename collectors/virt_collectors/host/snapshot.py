"""Another machine's answers: its files at their own paths, and `virt-agent/` for what is no file.

A bare tree without `virt-agent/` is as good. Links are followed here, inside the tree only:
an absolute one starts at its root, ".." stops there, and after 40 of them it is a loop
(what the kernel allows, MAXSYMLINKS).
"""

from __future__ import annotations

from ..errors import Absent, Malformed, NoService, SourceError, refusal
from . import ATTRIBUTE_LIMIT, FILE_LIMIT, NAMES_LIMIT, Ethtool, Host, Metadata, NvmeLog, Registers, Space, Uname
from .recorder import ANSWERS
from .tree import DIRECTORY, FILE, LINK, OTHER, Tree

_LINKS = 40
_ANSWER_LIMIT = 16 << 20  # bytes of a log or page
_JSON_LIMIT = 4 << 20  # which takes up to 25 times as much memory
_IMAGE_LIMIT = 32 << 20  # bytes of a kernel
_STATE_LIMIT = 32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SnapshotHost(Host):
    """Replays a tree. Damaged answer files make the question fail that needed them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._answers: dict[str, dict[str, Any] | SourceError] = {}
        self._refusals: dict[str, str] | None = None
        self._refused_names: dict[str, set[str]] = {}  # by the directory that they are in

    # files

    def attribute(self, path: str) -> bytes:
        return self.file(path, ATTRIBUTE_LIMIT)

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        real = self._permitted(path)
        kind = self._tree.kind(real)
        if kind != FILE:
            raise refusal(path, "EISDIR" if kind == DIRECTORY else "EFTYPE")
        return self._tree.content(real, limit)

    def head(self, path: str, limit: int) -> tuple[bytes, int]:
        """What was recorded of it; else the file itself."""
        real = self.real(path)
        try:
            recorded = self._answer("heads").get(real)
        except Absent:
            recorded = None
        if recorded is None:
            content = self.file(path, _IMAGE_LIMIT)
            return content[:limit], len(content)
        try:
            head, size = bytes.fromhex(recorded["head"]), int(recorded["size"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed(f"{ANSWERS}/heads.json", f'{path} needs a size and a head as "7f45..."') from None
        return head[:limit], size

    def names(self, path: str) -> list[str]:
        try:
            real = self._permitted(path)
        except SourceError as error:
            if error.code != "ENODATA":
                raise
            raise refusal(path, "ENOTDIR") from None  # listed and never read: only files are recorded so
        if self._tree.kind(real) != DIRECTORY:
            raise refusal(path, "ENOTDIR")
        found = set(self._tree.names(real)) | self._refused_names.get(real, set())
        if len(found) > NAMES_LIMIT:
            raise refusal(path, "EFBIG")
        return sorted(found)

    def link(self, path: str) -> str:
        above, _, name = path.rpartition("/")
        entry = f"{self.real(above)}/{name}" if above else name
        kind = self._tree.kind(entry)
        if kind is None and not self._listed(entry):
            raise refusal(path, "ENOENT")
        if kind != LINK:
            raise refusal(path, "EINVAL")
        return self._tree.target(entry)

    def real(self, path: str) -> str:
        waiting, done, links = path.split("/")[::-1], "", 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            entry = f"{done}/{part}" if done else part
            kind = self._tree.kind(entry)
            if kind is None and not self._listed(entry):
                raise refusal(path, "ENOENT")
            if kind in (FILE, OTHER) and waiting:
                raise refusal(path, "ENOTDIR")
            if kind != LINK:
                done = entry
                continue
            links += 1
            if links > _LINKS:
                raise refusal(path, "ELOOP")
            target = self._tree.target(entry)
            done = "" if target.startswith("/") else done
            waiting.extend(target.split("/")[::-1])
        return done

    def exists(self, path: str) -> bool:
        try:
            self.real(path)
        except SourceError:
            return self._listed(path)
        return True

    def _listed(self, path: str) -> bool:
        """True where the snapshot tells of a refusal by something that is there."""
        return self._refused().get(path, "ENOENT") != "ENOENT"

    def _permitted(self, path: str) -> str:
        """The real path, unless the snapshot recorded that reading it fails."""
        refused = self._refused()
        if path in refused:
            raise refusal(path, refused[path])
        real = self.real(path)
        if real in refused:
            raise refusal(path, refused[real])
        return real

    def _refused(self) -> dict[str, str]:
        if self._refusals is None:
            self._refusals = {}  # none while errors.json itself is looked for
            try:
                recorded = self._answer("errors")
            except SourceError:
                recorded = {}  # told by damage(), once, and not by every reader
            self._refusals = {path.strip("/"): code for path, code in recorded.items() if isinstance(code, str)}
            for path in self._refusals:
                above, _, name = path.rpartition("/")
                self._refused_names.setdefault(above, set()).add(name)
        return self._refusals

    # answers that are no files

    def damage(self) -> list[SourceError]:
        """What is wrong with the files that belong to no collector: meta.json and errors.json."""
        found = []
        for name in ("meta", "errors"):
            try:
                answer = self._answer(name)
                _check(name, answer)
            except Absent:
                continue
            except SourceError as error:
                found.append(error)
        return found

    def cpuid_method(self) -> str:
        return str(self._answer("cpuid").get("method") or "instruction")

    def cpuid(self, leaf: int) -> Registers:
        path = f"{ANSWERS}/cpuid.json"
        leaves = self._answer("cpuid").get("leaves")
        if not isinstance(leaves, dict):
            raise Malformed(path, 'has no object under "leaves"')
        registers = leaves.get(f"0x{leaf:08x}")
        if registers is None:
            raise Absent(path, f"leaf 0x{leaf:08x} was not recorded", "ENOENT")
        try:
            return Registers(*(int(registers[name], 16) & 0xFFFFFFFF for name in ("eax", "ebx", "ecx", "edx")))
        except (KeyError, TypeError, ValueError):
            raise Malformed(path, f'leaf 0x{leaf:08x} needs eax, ebx, ecx, edx as "0x…"') from None

    def metadata(self, path: str) -> Metadata:
        name = f"{ANSWERS}/imds.json"
        answer = self._answer("imds")
        responses, state = answer.get("responses"), answer.get("state")
        if state == "ok" and responses is None:
            raise Absent(path, "the metadata service did not answer", "ENOENT")
        if responses is not None and not isinstance(responses, dict):
            raise Malformed(name, 'has no object under "responses"')
        if state != "ok" and path not in (responses or {}):
            raise NoService(path, str(state)[:_STATE_LIMIT], f"the metadata service was {str(state)[:_STATE_LIMIT]}")
        responses = responses or {}
        response = responses.get(path, {"status": 404, "body": ""})
        try:
            return Metadata(int(response["status"]), str(response["body"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed(name, f"{path} needs a status and a body") from None

    def ethtool(self, interface: str) -> Ethtool:
        name = f"ethtool/{interface}"
        if f"{ANSWERS}/{name}.json" in self._refused():
            raise refusal(f"ethtool:{interface}", self._refused()[f"{ANSWERS}/{name}.json"])
        return recorded_ethtool(f"{ANSWERS}/{name}.json", self._answer(name))

    def nvme_log(self, controller: str) -> NvmeLog:
        path = f"{ANSWERS}/nvme/{controller}.d0"
        if path in self._refused():
            raise refusal(f"dev/{controller}", self._refused()[path])
        return NvmeLog(self.file(path, _ANSWER_LIMIT))

    def nvme_device_name(self, controller: str) -> str:
        name = self._answer("nvme/names").get(controller)
        if not isinstance(name, str):
            raise Absent(f"dev/{controller}", "its name was not recorded", "ENOENT")
        return name

    def initramfs(self, path: str) -> tuple[str, ...]:
        """The recorded names; where the tree has the file itself, what is in there."""
        real, recorded = self._permitted(path), f"{ANSWERS}/initramfs.json"
        try:
            names = self._answer("initramfs").get(real)
        except Absent:
            names = None
        if names is None:
            from . import initramfs

            return initramfs.names(self.file(path, initramfs.FILE_LIMIT), path)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Malformed(recorded, f"{path} needs a list of names")
        return tuple(names)

    def space(self, path: str) -> Space:
        found = self._answer("space").get(path)
        if found is None:
            raise Absent(path, "how full it is was not recorded", "ENOENT")
        try:
            return Space(int(found["total"]), int(found["free"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed(f"{ANSWERS}/space.json", f"{path} needs total and free") from None

    def kernel_log(self) -> str:
        path = f"{ANSWERS}/kernel.log"
        if path in self._refused():
            raise refusal("dev/kmsg", self._refused()[path])  # where the machine refused it
        return self.file(path, _ANSWER_LIMIT).decode("utf-8", "replace")

    def uname(self) -> Uname:
        words = self._meta().get("uname")
        if not isinstance(words, list) or len(words) != 5 or not all(isinstance(word, str) for word in words):
            raise Absent(f"{ANSWERS}/meta.json", "uname was not recorded", "ENOENT")
        return Uname(*words)

    def time(self) -> float | None:
        stamp = self._meta().get("time")
        return parse_time(stamp) if isinstance(stamp, str) else None

    def kernel_journal(self) -> str:
        raise Absent(f"{ANSWERS}/kernel.log", "a snapshot has one kernel log", "ENOENT")

    def suspended(self) -> float | None:
        return self._seconds("suspended_seconds")

    def clock_read(self) -> float | None:
        return self._seconds("clock_read_seconds")

    def _seconds(self, key: str) -> float | None:
        value = self._meta().get(key)
        return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e12 else None

    def privileged(self) -> bool | None:
        value = self._meta().get("privileged")
        return value if isinstance(value, bool) else None

    def _meta(self) -> dict[str, Any]:
        try:
            return self._answer("meta")
        except SourceError:
            return {}

    def _answer(self, name: str) -> dict[str, Any]:
        if name not in self._answers:
            answer = self._load(name)
            if not name.startswith("ethtool/"):  # of which a snapshot may have any number
                self._answers[name] = answer
        else:
            answer = self._answers[name]
        if isinstance(answer, SourceError):
            raise answer
        return answer

    def _load(self, name: str) -> dict[str, Any] | SourceError:
        import json

        path = f"{ANSWERS}/{name}.json"
        try:
            real = self.real(path)
            if self._tree.kind(real) != FILE:
                return refusal(path, "EISDIR" if self._tree.kind(real) == DIRECTORY else "EFTYPE")
            answer = json.loads(self._tree.content(real, _JSON_LIMIT))
        except SourceError as error:
            return error
        except (ValueError, RecursionError) as error:
            return Malformed(path, f"is not JSON ({error}); the snapshot is damaged")
        if not isinstance(answer, dict):
            return Malformed(path, "is not a JSON object; the snapshot is damaged")
        return answer


def recorded_ethtool(path: str, answer: dict[str, Any]) -> Ethtool:
    """The form of virt-agent/ethtool/IFACE.json; what is missing there was not offered."""
    given = {key: answer[key] for key in Ethtool.fields if answer.get(key) is not None}
    for key, value in given.items():
        if key in ("statistics", "channels", "ring"):
            if not isinstance(value, dict) or not all(_is_counter(number) for number in value.values()):
                raise Malformed(path, f"{key!r} must give a whole number of at most 64 bits for each name")
        elif not isinstance(value, bool if key == "scatter_gather" else str):
            raise Malformed(path, f"{key!r} must be {'true or false' if key == 'scatter_gather' else 'a text'}")
    return Ethtool(**given)


def _is_counter(number: object) -> bool:
    return type(number) is int and 0 <= number < 1 << 64


def _check(name: str, answer: dict[str, Any]) -> None:
    path = f"{ANSWERS}/{name}.json"
    if name == "errors" and not all(isinstance(code, str) for code in answer.values()):
        raise Malformed(path, "must give an errno's name for each path")
    if name == "meta" and answer.get("schema", 1) != 1:
        raise Malformed(path, f"schema {answer['schema']!r} is not known to this version; it knows 1")
    if name == "meta" and isinstance(answer.get("time"), str) and parse_time(answer["time"]) is None:
        raise Malformed(path, f"time {answer['time'][:40]!r} is not ISO 8601")


def parse_time(stamp: str) -> float | None:
    """Seconds since 1970 for an ISO 8601 time in UTC, None where it is none."""
    from datetime import datetime, timezone

    try:
        time = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
