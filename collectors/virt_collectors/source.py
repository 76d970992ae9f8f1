"""What one collector reads: a Host, with what went wrong kept beside the values.

Readers ask a Source and get None where the machine offers nothing. A refusal that must
not be mistaken for "nothing there" is kept: in `unreadable` for the verdict's evidence,
and in `problems`, which make the collector's outcome "failed", unless it is one of the
refusals that a healthy machine gives (a privilege we lack, EINVAL of a link's speed).
"""

from __future__ import annotations

from .errors import Absent, Denied, Malformed, SourceError
from .host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .facts import Facts

# What only root may read on a healthy machine: drivers.md F, dmi-id.c:41, proc(5).
PRIVILEGED = (
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/product_serial",
    "sys/class/dmi/id/board_serial",
    "sys/class/dmi/id/chassis_serial",
    "sys/firmware/dmi/",
    "proc/xen/",
    "proc/1/",  # environ; all of it under ProtectProc=
    "dev/kmsg",
    "dev/cpu/",
)


class Source:
    """One collector's view of the machine. `before` holds the facts known when this round began."""

    def __init__(self, host: Host, before: Facts | None = None) -> None:
        self.host = host
        self.before = before
        self.problems: list[SourceError] = []
        self.unreadable: dict[str, str] = {}
        self.hidden: str | None = None  # the first thing that a sandbox keeps from us

    def text(self, path: str, tolerate: tuple[str, ...] = ()) -> str | None:
        """A sysfs attribute or short file, stripped; tolerate names the errnos that mean nothing."""
        try:
            text = self.host.attribute(path).decode("utf-8", "replace").strip(" \t\n\0")
        except SourceError as error:
            self.note(error, tolerate)
            return None
        if "\ufffd" in text or not text.replace("\n", " ").replace("\t", " ").isprintable():
            self.note(Malformed(path, f"{text[:20]!r} is not text"), tolerate)
        return text

    def number(self, path: str, tolerate: tuple[str, ...] = (), base: int = 10) -> int | None:
        """A file that holds one whole number."""
        text = self.text(path, tolerate)
        if text is None:
            return None
        value = whole(text, base)
        if value is None:
            self.malformed(path, f"{text[:40]!r} is not a whole number")
        return value

    def raw(self, path: str) -> bytes | None:
        """A longer file's bytes."""
        try:
            return self.host.file(path)
        except SourceError as error:
            self.note(error)
            return None

    def lines(self, path: str) -> list[str] | None:
        """A longer file's lines."""
        content = self.raw(path)
        if not content:
            return None if content is None else []
        # not splitlines(), which takes U+2028 in a mount point for the end of a line
        return content.decode("utf-8", "replace").removesuffix("\n").split("\n")

    def names(self, path: str) -> list[str]:
        """What a directory holds; empty where there is none."""
        try:
            return self.host.names(path)
        except SourceError as error:
            self.note(error)
            return []

    def link_name(self, path: str) -> str | None:
        """The last part of a link's target, as of sysfs's driver and subsystem links."""
        try:
            return self.host.link(path).rstrip("/").rpartition("/")[2]
        except SourceError as error:
            self.note(error)
            return None

    def real(self, path: str) -> str | None:
        """The path with all links followed."""
        try:
            return self.host.real(path)
        except SourceError as error:
            self.note(error)
            return None

    def exists(self, path: str) -> bool:
        """True where something is there."""
        try:
            return self.host.exists(path)
        except SourceError as error:
            self.note(error)
            return True

    def malformed(self, path: str, why: str) -> None:
        """Keep that a file was read and does not have its form."""
        self.note(Malformed(path, why))

    def note(self, error: SourceError, tolerate: tuple[str, ...] = ()) -> None:
        """Keep an error in mind, as far as it says something."""
        error = self._unless_hidden(error)
        if isinstance(error, Absent):
            return
        self.unreadable[error.path] = error.code
        if error.code in tolerate or (isinstance(error, Denied) and error.path.startswith(PRIVILEGED)):
            return
        self.problems.append(error)

    def _unless_hidden(self, error: SourceError) -> SourceError:
        """What only a sandbox makes look absent is refused, not absent."""
        if not isinstance(error, (Absent, Denied)):
            return error
        why = self.host.hidden(error.path)
        if why is None:
            return error
        self.hidden = self.hidden or f"/{error.path}: {why}"
        return Denied(error.path, why, "EACCES")


def whole(text: str, base: int = 10) -> int | None:
    """The number that a text is, None where it is none: int() without its "1_000" and its blanks."""
    digits = text[1:] if text[:1] == "-" else text
    if base == 16 and digits[:2] in ("0x", "0X"):
        digits = digits[2:]
    if not digits or len(digits) > 40 or not digits.isascii() or not digits.isalnum() or digits[1:2] in ("x", "X"):
        return None
    try:
        value = int(digits, base)
    except ValueError:
        return None
    return -value if text[:1] == "-" else value
