"""Around another Host: passes every question on and notes the answer for a snapshot.

What is noted is what was looked at, and nothing else: files at their real paths with the
links that led there, refusals with their errno, and directories by the names they hold.
"""

from __future__ import annotations

from ..errors import Absent, Malformed, NoService, SourceError
from . import FILE_LIMIT, Ethtool, Host, Metadata, NvmeLog, Registers, Space, Uname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = "virt-agent"  # where a snapshot keeps the answers that are no files

# Links of procfs whose target is a process id: the snapshot keeps the path that was asked for.
_MAGIC = frozenset({"proc/self", "proc/thread-self"})


class Recording:
    """The answers noted so far."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.directories: set[str] = set()
        self.errors: dict[str, str] = {}
        self.cpuid_method: str | None = None
        self.cpuid: dict[int, Registers] = {}
        self.metadata: dict[str, Metadata] = {}
        self.metadata_state = "ok"
        self.ethtool: dict[str, Ethtool] = {}
        self.nvme_logs: dict[str, bytes] = {}
        self.nvme_device_names: dict[str, str] = {}
        self.initramfs: dict[str, tuple[str, ...]] = {}
        self.heads: dict[str, tuple[bytes, int]] = {}
        self.space: dict[str, Space] = {}
        self.kernel_log: str | None = None
        self.uname: Uname | None = None
        self.time: float | None = None
        self.suspended: float | None = None
        self.clock_read: float | None = None
        self.privileged: bool | None = None


class Recorder(Host):
    """A Host that writes down what another one says."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.live = host.live
        self.recording = Recording()
        self._walked: dict[str, str] = {"": ""}

    def attribute(self, path: str) -> bytes:
        return self._read(path, lambda: self._host.attribute(path))

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        return self._read(path, lambda: self._host.file(path, limit))

    def _read(self, path: str, ask: Callable[[], bytes]) -> bytes:
        real = self._walk(path)
        try:
            content = ask()
        except SourceError as error:
            self._refused(real, error)
            raise
        self.recording.files[real] = content
        self.recording.errors.pop(real, None)
        return content

    def _refused(self, real: str, error: SourceError) -> None:
        if error.code == "EISDIR":
            self.recording.directories.add(real)
        elif error.code == "ELOOP" or (error.code == "EFBIG" and self.recording.files.get(real)):
            pass  # the links say it; too large for an attribute, but read as a file before
        elif not isinstance(error, Absent) or error.code in ("ENODEV", "ENXIO") or real in self.recording.errors:
            # Absent and noted: listed, and then not there, as a uuid without its xenstore node.
            self.recording.errors[real] = error.code

    def head(self, path: str, limit: int) -> tuple[bytes, int]:
        real = self._walk(path)
        try:
            head, size = self._host.head(path, limit)
        except SourceError as error:
            self._refused(real, error)
            raise
        if real not in self.recording.files:
            self.recording.errors.setdefault(real, "ENODATA")  # there, and the rest of it is not in the snapshot
        self.recording.heads[real] = head, size
        return head, size

    def names(self, path: str) -> list[str]:
        real = self._walk(path)
        try:
            found = self._host.names(path)
        except SourceError as error:
            self._refused(real, error)
            raise
        self.recording.directories.add(real)
        for name in found:
            self._entry(f"{real}/{name}".lstrip("/"))
        return found

    def _entry(self, path: str) -> None:
        """Note that something is listed: a link, a directory, or a file nobody read so far."""
        real = self._walk(path)
        if real == path and path not in self.recording.links:
            try:
                self._host.names(path)
                self.recording.directories.add(real)
            except SourceError as error:
                if real not in self.recording.files:
                    code = "ENODATA" if isinstance(error, Absent) else error.code
                    self.recording.errors.setdefault(real, code)

    def link(self, path: str) -> str:
        above, _, name = path.rpartition("/")
        entry = f"{self._walk(above)}/{name}".lstrip("/")
        try:
            text = self._host.link(path)
        except SourceError as error:
            if error.code == "EINVAL":  # there, and no link
                self._exists(entry)
            raise
        if entry not in _MAGIC:
            self.recording.links[entry] = text
        return text

    def real(self, path: str) -> str:
        walked = self._walk(path)
        real = self._host.real(path)
        self._exists(walked)
        return real

    def exists(self, path: str) -> bool:
        try:
            found = self._host.exists(path)
        except SourceError as error:
            self._refused(self._walk(path), error)
            raise
        if found:
            self._exists(self._walk(path))
        return found

    def _exists(self, real: str) -> None:
        try:
            self._host.names(real)
            self.recording.directories.add(real)
        except SourceError as error:
            if error.code == "ENOTDIR":
                self.recording.files.setdefault(real, b"")
            elif not isinstance(error, Absent):
                self.recording.errors.setdefault(real, error.code)

    def _walk(self, path: str) -> str:
        """The real path, noting each link on the way; the path as far as it goes where it ends in nothing."""
        if path not in self._walked:
            above, _, name = path.rpartition("/")
            entry = f"{self._walk(above)}/{name}".lstrip("/")
            self._walked[path] = self._walked[entry] = self._target(entry)
        return self._walked[path]

    def _target(self, entry: str) -> str:
        """Where an entry of a real directory leads, itself where it is no link."""
        if entry in _MAGIC:
            return entry
        try:
            text = self._host.link(entry)
        except SourceError:
            return entry
        self.recording.links[entry] = text
        self._walked.setdefault(entry, entry)  # where a loop ends
        real = "" if text.startswith("/") else entry.rpartition("/")[0]
        for part in text.split("/"):
            if part == "..":
                real = real.rpartition("/")[0]
            elif part not in ("", "."):
                real = self._walk(f"{real}/{part}".lstrip("/"))
        try:
            self._host.real(entry)
        except SourceError:
            return entry  # a dangling link or a loop
        return real

    # answers that are no files

    def cpuid_method(self) -> str:
        self.recording.cpuid_method = self._host.cpuid_method()
        return self.recording.cpuid_method

    def cpuid(self, leaf: int) -> Registers:
        self.recording.cpuid[leaf] = self._host.cpuid(leaf)
        return self.recording.cpuid[leaf]

    def hidden(self, path: str) -> str | None:
        return self._host.hidden(path)

    def metadata_wanted(self) -> bool | None:
        return self._host.metadata_wanted()

    def metadata(self, path: str) -> Metadata:
        try:
            self.recording.metadata[path] = self._host.metadata(path)
        except NoService as error:
            self.recording.metadata_state = error.state
            raise
        except SourceError:
            self.recording.metadata.clear()  # beside some answers, what is missing would replay as a 404
            raise
        return self.recording.metadata[path]

    def begin_metadata(self, seconds: float) -> None:
        self._host.begin_metadata(seconds)

    def metadata_requests(self) -> dict[str, int]:
        return self._host.metadata_requests()

    def ethtool(self, interface: str) -> Ethtool:
        try:
            self.recording.ethtool[interface] = self._host.ethtool(interface)
        except SourceError as error:
            self._no_answer(f"ethtool/{interface}.json", error)
            raise
        return self.recording.ethtool[interface]

    def nvme_log(self, controller: str) -> NvmeLog:
        try:
            log = self._host.nvme_log(controller)
        except SourceError as error:
            self._no_answer(f"nvme/{controller}.d0", error)
            raise
        self.recording.nvme_logs[controller] = log.page
        return log

    def nvme_device_name(self, controller: str) -> str:
        name = self._host.nvme_device_name(controller)
        self.recording.nvme_device_names[controller] = name
        return name

    def initramfs(self, path: str) -> tuple[str, ...]:
        real = self._walk(path)
        self._exists(real)
        try:
            names = self._host.initramfs(path)
        except Malformed:
            raise  # an empty file replays as damaged too
        except SourceError as error:
            self._refused(real, error)
            raise
        self.recording.initramfs[real] = names
        return names

    def space(self, path: str) -> Space:
        self.recording.space[path] = self._host.space(path)
        return self.recording.space[path]

    def kernel_log(self) -> str:
        try:
            text = self._host.kernel_log()
        except SourceError as error:
            self._no_answer("kernel.log", error)
            raise
        self.recording.kernel_log = (self.recording.kernel_log or "") + text
        return text

    def kernel_journal(self) -> str:
        text = self._host.kernel_journal()
        self.recording.kernel_log = text
        self.recording.errors.pop(f"{ANSWERS}/kernel.log", None)
        return text

    def _no_answer(self, name: str, error: SourceError) -> None:
        if not isinstance(error, Absent):
            self.recording.errors[f"{ANSWERS}/{name}"] = error.code

    def uname(self) -> Uname:
        self.recording.uname = self._host.uname()
        return self.recording.uname

    def time(self) -> float | None:
        self.recording.time = self._host.time()
        return self.recording.time

    def suspended(self) -> float | None:
        self.recording.suspended = self._host.suspended()
        return self.recording.suspended

    def clock_read(self) -> float | None:
        self.recording.clock_read = self._host.clock_read()
        return self.recording.clock_read

    def damage(self) -> list[SourceError]:
        return self._host.damage()

    def privileged(self) -> bool | None:
        self.recording.privileged = self._host.privileged()
        return self.recording.privileged
