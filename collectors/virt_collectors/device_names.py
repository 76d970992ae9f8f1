"""Who calls disks and network cards by names that change with the driver, beside fstab.

xvda becomes nvme0n1 where a guest goes from Xen to Nitro, eth0 becomes ens5. Files of ordinary file systems, written by
people, installers and cloud-init: read late, for --readiness alone. Some are root's own (netplan's, since 0.107).
"""

from __future__ import annotations

from .errors import Absent, SourceError
from .record import Record
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE_LIMIT = 1 << 20  # lvm.conf with all its comments has 0.1 MB
_FILES_LIMIT, _USES_LIMIT, _TEXT_LIMIT, _LINKS_LIMIT, _PROBLEMS_LIMIT = 64, 64, 120, 512, 64
_MASK = "/dev/null"  # a link to it switches a file of the same name elsewhere off: systemd, udev
_REFUSED = ("EACCES", "EPERM")
_DISKS = "dev/disk"
_KINDS = ("by-uuid", "by-label", "by-partuuid", "by-partlabel")


class NameUse(Record):
    """A line of a configuration file that holds a device's kernel name, or a pattern of such names."""

    path: str  # without the leading slash
    line: int
    device: str  # "/dev/xvdf", "/dev/sd[bc]1", "eth0"
    text: str  # the line, at most 120 characters


class Netplan(Record):
    """One interface of netplan, ifupdown or systemd-networkd: by MAC address, or by a name that the driver may change.

    `name` is the name or pattern that is matched, and where none is, the name that the configuration gives it itself.
    """

    path: str
    name: str
    mac: str | None = None
    set_name: str | None = None
    matches_any: bool = False  # by driver or pattern that fits any card: en*, eth*
    drivers: tuple[str, ...] = ()  # it must have one of these


class DeviceNames(Record):
    """`disks` and `interfaces` are uses by name; `netplan` what the network configuration says of each interface.

    `disk_links` are the names below /dev/disk ("by-uuid/…", "by-label/…", "by-partuuid/…") with the disk or partition they lead to;
    a blank or slash in a label is itself there. `cloud_network_off` is the file that tells cloud-init to leave the
    network alone: it will then write nothing for a new card.
    """

    disks: tuple[NameUse, ...] = ()
    interfaces: tuple[NameUse, ...] = ()
    netplan: tuple[Netplan, ...] = ()
    disk_links: dict[str, str] = {}
    problems: tuple[str, ...] = ()  # files that have not their form, or could not be read, in words
    cloud_network_off: str | None = None


def read_device_names(source: Source) -> DeviceNames:
    """Of crypttab, mdadm.conf, lvm.conf, resume=, GRUB's settings, netplan, interfaces(5), systemd-networkd, udev's rules.

    A file that is missing says nothing; one that was refused is a problem, for what it says is not known.
    """
    from .named_devices import disks as disk_names
    from .named_devices import interfaces as interface_names
    from .named_devices import netplan

    files = Files(source)
    disks = disk_names.read(files)
    planned, by_plan = netplan.read(files)
    configured, by_name = interface_names.read(files)
    return DeviceNames(
        disks=disks,
        interfaces=(*by_plan, *by_name),
        netplan=(*planned, *configured),
        disk_links=_disk_links(files),
        cloud_network_off=netplan.read_cloud(files),
        problems=tuple(files.problems),
    )


class Files:
    """Configuration files, and in words what could not be read of them."""

    def __init__(self, source: Source) -> None:
        self.host = source.host
        self.problems: list[str] = []
        self._source = source

    def tell(self, path: str, why: str, line: int | None = None) -> None:
        """Keep a problem, once, and as long as anybody will read it."""
        problem = f"/{path}{'' if line is None else f':{line}'}: {why}"
        if len(self.problems) < _PROBLEMS_LIMIT and problem not in self.problems:
            self.problems.append(problem)

    def refused(self, error: SourceError) -> None:
        """Keep a refusal; for want of a privilege it is no failure of the collector."""
        if not isinstance(error, Absent):
            self._source.note(error, _REFUSED)
            self.tell(error.path, error.why)

    def lines(self, path: str, limit: int = _FILE_LIMIT) -> list[str]:
        """The file's lines; none where it is missing or cannot be read."""
        try:
            content = self.host.file(path, limit)
        except SourceError as error:
            self.refused(error)
            return []
        return content.decode("utf-8-sig", "replace").split("\n")

    def below(self, folder: str, pattern: str) -> list[str]:
        """Paths of the files of a folder that fit a pattern as of glob(7), without those that are masked."""
        from fnmatch import fnmatchcase

        names = [name for name in self.names(folder) if fnmatchcase(name, pattern) and not name.startswith(".")]
        if len(names) > _FILES_LIMIT:
            self.tell(
                folder, f"holds more than {_FILES_LIMIT} files; those after {names[_FILES_LIMIT - 1]} are not read"
            )
        paths = [f"{folder}/{name}" for name in names[:_FILES_LIMIT]]
        return [path for path in paths if self.link(path) != _MASK]

    def names(self, folder: str) -> list[str]:
        """What a folder holds."""
        try:
            return self.host.names(folder)
        except SourceError as error:
            self.refused(error)
            return []

    def link(self, path: str) -> str | None:
        """A link's text; None where it is none."""
        try:
            return self.host.link(path)
        except SourceError:
            return None  # whoever reads the file is told the same

    def bounded(self, path: str, uses: Iterable[NameUse]) -> list[NameUse]:
        """As many uses as anybody will read."""
        from itertools import islice

        found = list(islice(uses, _USES_LIMIT + 1))
        if len(found) > _USES_LIMIT:
            self.tell(path, f"has names in more than {_USES_LIMIT} places; only the first are told")
        return found[:_USES_LIMIT]


def use(path: str, line: int, device: str, text: str) -> NameUse:
    """One use, its line in short."""
    return NameUse(path, line, device, " ".join(text[: 2 * _TEXT_LIMIT].split())[:_TEXT_LIMIT])


def joined(lines: list[str]) -> list[tuple[int, str]]:
    """Lines that are no comments, each with those that its last backslash adds to it; with the first one's number."""
    found: list[tuple[int, str]] = []
    begun: list[str] = []
    first = 0
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            continue
        first = first if begun else number
        begun.append(line.rstrip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            found.append((first, " ".join(begun)))
            begun = []
    return [*found, (first, " ".join(begun))] if begun else found


def _disk_links(files: Files) -> dict[str, str]:
    """Udev makes them (60-persistent-storage.rules): "../../nvme0n1p1"."""
    found = {}
    for kind in _KINDS:
        folder = f"{_DISKS}/{kind}"
        names = files.names(folder)
        if len(names) > _LINKS_LIMIT:
            files.tell(folder, f"holds more than {_LINKS_LIMIT} names; those after them are not read")
        for name in names[:_LINKS_LIMIT]:
            target = (files.link(f"{folder}/{name}") or "").rstrip("/").rpartition("/")[2]
            if target:
                found[f"{kind}/{decoded(name)}"] = target
            else:
                files.tell(f"{folder}/{name}", "is no link to a disk")
    return found


def decoded(name: str) -> str:
    r"""A label as it is: udev writes "\x20" for a blank, "\x2f" for a slash (udev_util_encode_string)."""
    first, *parts = name.split("\\x")
    raw = first.encode("utf-8", "surrogateescape")
    for part in parts:
        digits, rest = part[:2], part[2:].encode("utf-8", "surrogateescape")
        proper = len(digits) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits)
        raw += bytes([int(digits, 16)]) + rest if proper else b"\\x" + part.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "replace")
