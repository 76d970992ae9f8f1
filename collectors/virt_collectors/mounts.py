"""Which disk carries which mount, and which the root: /proc/self/mountinfo (proc_pid_mountinfo(5)).

The device numbers there lead through /sys/dev/block to the block device; btrfs gives an anonymous
number, and then the source field does. A mount's own options stand before the dash, those of its file system
behind it: one that an error made read-only says "rw" before and "ro" behind, on ext4 since 6.14 "emergency_ro"
or "shutdown" instead (fs/proc_namespace.c, show_mountinfo; fs/ext4/super.c). Where LVM, LUKS or md lie between, /sys/block/NAME/slaves
leads down to the disks.
"""

from __future__ import annotations

from .errors import SourceError
from .record import Record
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Mount(Record):
    """One mounted file system that lies on block devices.

    `read_only` is how it was mounted, `halted` what its file system says of itself: "ro" or an error's word.
    """

    point: str
    source: str
    type: str
    read_only: bool
    device: str | None  # the block device it names: "vda2", "dm-0"; None where that is no more
    disks: tuple[str, ...]  # the disks below that device
    halted: str | None = None


def read_mounts(source: Source) -> tuple[Mount, ...] | None:
    """Mounts with a disk below, and swap areas as mounts on "swap"; None where mountinfo cannot be read."""
    lines = _table(source)
    if lines is None:
        return None
    found = []
    known: dict[tuple[str, str], tuple[str | None, tuple[str, ...], bool]] = {}  # bind mounts of one device abound
    for line in lines:
        fields = parse_line(line)
        if fields is None:
            source.malformed("proc/self/mountinfo", f"{line[:60]!r} is not a mount")
            continue
        number, point, options, kind, device = fields
        if (number, device) not in known:
            known[number, device] = _resolve(source, number, device)
        name, disks, counts = known[number, device]
        if counts:
            read_only = "ro" in options.split(",")
            found.append(Mount(point, device, kind, read_only, name, disks, parse_halted(line)))
    return (*found, *_swaps(source))


def _table(source: Source) -> list[str] | None:
    """Our own table; that of the first process where ours is a sandbox's, whose mounts are read-only by its doing."""
    own = source.lines("proc/self/mountinfo")
    if own is None or not any(_is_shut(line) for line in own):
        return own
    try:
        first = source.host.file("proc/1/mountinfo").decode("utf-8", "replace").removesuffix("\n").split("\n")
    except SourceError as error:
        source.note(error)
        return own
    return first if _root(first) == _root(own) else own  # else it is another's root: docker run --pid=host


def _is_shut(line: str) -> bool:
    """A mount that says "ro" of a file system that says "rw"."""
    if " ro" not in line and ",ro" not in line:  # most, by far
        return False
    fields = parse_line(line)
    return fields is not None and "ro" in fields[2].split(",") and parse_halted(line) is None


def _root(lines: list[str]) -> str | None:
    """The number of the uppermost file system on "/"."""
    mounts = [fields for fields in map(parse_line, lines) if fields is not None and fields[1] == "/"]
    return mounts[-1][0] if mounts else None


def _swaps(source: Source) -> Iterator[Mount]:
    """/proc/swaps (mm/swapfile.c): a head line, then path, type, size, used and priority; files are no disks."""
    for line in (source.lines("proc/swaps") or [])[1:]:
        path = line.split()[0] if line.split() else ""
        name = _block_device(source, "0:0", path)
        if name:
            yield Mount("swap", path, "swap", False, name, disks_below(source, name))


def _resolve(source: Source, number: str, device: str) -> tuple[str | None, tuple[str, ...], bool]:
    """The block device, the disks below it, and whether the mount is one of a disk."""
    name = _block_device(source, number, device)
    if name is None:
        return None, (), _is_gone(source, number, device)
    return name, disks_below(source, name), True


def _is_gone(source: Source, number: str, device: str) -> bool:
    """A block device's number that the kernel no longer lists, where it lists any: pulled while mounted."""
    of_a_disk = device.startswith("/dev/") and not number.startswith("0:")
    if not of_a_disk or source.exists(f"sys/dev/block/{number}"):
        return False
    return bool(source.names("sys/dev/block")) and not source.exists(f"sys/class/block/{device.rpartition('/')[2]}")


def parse_line(line: str) -> tuple[str, str, str, str, str] | None:
    """major:minor, mount point, options, type and source of a line; None where it has not that form."""
    before, separator, after = line.partition(" - ")
    left, right = before.split(" "), after.split(" ")
    if not separator or len(left) < 6 or len(right) < 2 or ":" not in left[2]:
        return None
    return left[2], _unescape(left[4]), left[5], right[0], _unescape(right[1])


def parse_halted(line: str) -> str | None:
    """What the options of the file system itself say against writing: "ro", "emergency_ro", "shutdown"."""
    options = line.rpartition(" ")[2].split(",")
    return next((word for word in ("emergency_ro", "shutdown", "ro") if word in options), None)


def _unescape(text: str) -> str:
    """Blanks, "#" and the backslash stand as octal escapes (fs/proc_namespace.c, mangle)."""
    if "\\" not in text:
        return text
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _block_device(source: Source, number: str, device: str) -> str | None:
    if not number.startswith("0:") and number.replace(":", "").isdecimal():
        name = source.link_name(f"sys/dev/block/{number}")
        if name:
            return name
    if not device.startswith("/dev/"):
        return None
    name = device[len("/dev/") :]
    if name.startswith("mapper/"):
        return _mapped(source, name[len("mapper/") :])
    return name if "/" not in name and source.exists(f"sys/class/block/{name}") else None


def _mapped(source: Source, label: str) -> str | None:
    """The dm-N that carries a device-mapper name."""
    for name in source.names("sys/block"):
        if name.startswith("dm-") and source.text(f"sys/block/{name}/dm/name") == label:
            return name
    return None


def disks_below(source: Source, name: str) -> tuple[str, ...]:
    """The disks under a partition, a mapping or an array, in order, without repeats."""
    found: list[str] = []
    waiting, seen = [name], set[str]()
    while waiting and len(seen) < 1000:
        device = waiting.pop(0)
        if device in seen:
            continue
        seen.add(device)
        slaves = source.names(f"sys/class/block/{device}/slaves")
        waiting.extend(slaves)
        if not slaves:
            found.append(_disk_of(source, device))
    return tuple(dict.fromkeys(found))


def _disk_of(source: Source, device: str) -> str:
    """The disk that a partition lies on: its directory is inside the disk's."""
    real = source.real(f"sys/class/block/{device}")
    if real is None or not source.exists(f"{real}/partition"):
        return device
    return real.split("/")[-2]
