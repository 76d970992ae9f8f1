"""GRUB 2's menu: grub.cfg, its environment block grubenv, and the files of boot/loader/entries that blscfg makes entries of.

grub.cfg is a script (grub-mkconfig writes it): Debian and Ubuntu keep it in boot/grub, Red Hat, Amazon Linux and SUSE in
boot/grub2, where it is root's alone. grubenv is what GRUB and grub-reboot, grub-set-default and grub2-editenv tell each
other: next_entry for one boot, saved_entry for all. A path in a menu begins at the file system that holds /boot, so
"/vmlinuz-…" is /boot/vmlinuz-… where that is one of its own.
"""

from __future__ import annotations

from ..boot_loader import BootEntry, Menu
from ..errors import Absent, Denied, SourceError
from ..source import Source
from .menu import Choice, MenuShell, choose, list_entries
from .script import parse
from .shell import LoaderEntry, Lost, Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDERS = ("boot/grub", "boot/grub2")
_EFI = "boot/efi/EFI"
_ENTRIES = "boot/loader/entries"
_LIMIT, _ENTRY_LIMIT, _PATH_LIMIT = 512 << 10, 1 << 16, 256  # ten times a grub.cfg of ten kernels
_PASSWORD = "user.cfg"  # noqa: S105  the file that holds the hash of one, and nothing else
_MOST_ENTRIES = 100
_SIGNATURE = "# GRUB Environment Block"


def read_grub(source: Source, place: Callable[[str], str]) -> Menu | None:
    """The first menu; the EFI partition's where there is no other, to which it would only hand over.

    `place` gives the path under which a file of the menu is found in the running system.
    """
    for folder in _FOLDERS:
        menu = _read_menu(source, folder, place)
        if menu:
            return menu
    try:
        vendors = source.host.names(_EFI)
    except SourceError as error:
        source.note(error, ("EACCES", "EPERM"))
        return None
    menus = (_read_menu(source, f"{_EFI}/{vendor}", place) for vendor in vendors)
    return next((menu for menu in menus if menu), None)


def _read_menu(source: Source, folder: str, place: Callable[[str], str]) -> Menu | None:
    path = f"{folder}/grub.cfg"
    try:
        content = source.host.file(path, _LIMIT).decode("utf-8", "replace")
    except Absent:
        return None
    except SourceError as error:
        return Menu(path, why=_refused(source, error))
    files = _Files(source, folder)
    here = {"prefix": f"/{folder}", "config_directory": f"/{folder}", "config_file": f"/{path}"}
    shell = MenuShell(files, here)
    script, entries = parse(content), list[BootEntry]()
    try:
        shell.run(script.statements, sure=True)
        list_entries(shell, place, entries)
        choice = choose(shell, place, shell.value("default"))
    except Lost as lost:
        choice = Choice(why=f"the script {lost}")
    fault = script.problem or shell.blind
    why = f"the script {fault}" if fault else choice.why and (files.problem or choice.why)
    return Menu(path, tuple(entries), None if why else choice.entry, why)


def _refused(source: Source, error: SourceError) -> str:
    source.note(error, ("EACCES", "EPERM"))
    return "needs root" if isinstance(error, Denied) else error.why


class _Files(Surroundings):
    """What lies beside grub.cfg. `problem` says which file could not be read."""

    def __init__(self, source: Source, folder: str) -> None:
        self._source = source
        self._folder = f"/{folder}/"
        self._loader_entries: tuple[LoaderEntry, ...] | str | None = None
        self.problem: str | None = None

    def has(self, operator: str, path: str) -> bool | None:
        here = self._here(path)
        if here is None:
            return None if self._may_be_there(path) else False
        if operator != "-s":
            return self._source.exists(here)
        content = self._content(here)
        return None if content is None else content != ""

    def _may_be_there(self, path: str) -> bool:
        """False for a path without a device where neither / nor /boot has it."""
        usual = path.startswith("/") and path.isprintable() and len(path) <= _PATH_LIMIT
        return not usual or any(self._source.exists(top + path[1:]) for top in ("", "boot/"))

    def text(self, path: str) -> str | None:
        here = self._here(path)
        return None if here is None else "" if here.endswith(f"/{_PASSWORD}") else self._content(here)

    def environment(self, path: str) -> dict[str, str] | None:
        here = self._here(path)
        content = None if here is None else self._content(here)
        return None if content is None else parse_environment(content)

    def loader_entries(self) -> tuple[LoaderEntry, ...] | str:
        if self._loader_entries is None:
            self._loader_entries = read_loader_entries(self._source)
        return self._loader_entries

    def _here(self, path: str) -> str | None:
        """Where the running system has it: beside this grub.cfg, or in /boot/grub and /boot/grub2."""
        if not path.isprintable() or ".." in path or len(path) > _PATH_LIMIT:
            return None
        if path.startswith(self._folder):
            return path[1:]
        below = path.removeprefix("/boot")
        return f"boot{below}" if below.startswith(("/grub/", "/grub2/")) else None

    def _content(self, here: str) -> str | None:
        try:
            return self._source.host.file(here, _LIMIT).decode("utf-8", "replace")
        except Absent:
            return ""
        except SourceError as error:
            why = _refused(self._source, error)
            self.problem = self.problem or f"it depends on /{here}, which {why}"
            return None


def parse_environment(content: str) -> dict[str, str]:
    """NAME=VALUE lines of an environment block, filled up with "#"; none where it is not signed, as for GRUB."""
    found: dict[str, str] = {}
    first, _, rest = content.partition("\n")
    if first != _SIGNATURE:
        return found
    for line in rest.replace("\\\n", "\0").split("\n"):
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found[name] = value.replace("\0", "\n").replace("\\\\", "\\")
    return found


def read_loader_entries(source: Source) -> tuple[LoaderEntry, ...] | str:
    """boot/loader/entries as GRUB's blscfg sorts them, the newest first; or what keeps them from being read.

    One file each (Boot Loader Specification, type 1); the id is the file's name. Sorted as packages: name, version, release.
    """
    from ..versions import rpm_key

    found = []
    try:
        names = [name for name in source.host.names(_ENTRIES) if name.endswith(".conf")]
        if len(names) > _MOST_ENTRIES:
            return f"takes its entries from /{_ENTRIES}, which holds {len(names)}"
        for name in names:
            content = source.host.file(f"{_ENTRIES}/{name}", _ENTRY_LIMIT).decode("utf-8", "replace")
            found.append(parse_loader_entry(name.removesuffix(".conf"), content))
    except Absent:
        pass
    except SourceError as error:
        return f"takes its entries from /{error.path}, which {_refused(source, error)}"
    return tuple(sorted(found, key=lambda entry: tuple(map(rpm_key, entry.id.rsplit("-", 2))), reverse=True))


def parse_loader_entry(name: str, content: str) -> LoaderEntry:
    """Lines of a key and its value; options and initrd may be given several times."""
    given: dict[str, list[str]] = {}
    for line in content.split("\n"):
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        given.setdefault(key, []).append(value.strip())
    kernel, options = given.get("linux", [""])[-1], " ".join(given.get("options", ()))
    script = f"linux {kernel} {options}\n" if kernel else ""
    script += f"initrd {' '.join(given['initrd'])}\n" if "initrd" in given else ""
    return LoaderEntry(name, given.get("title", [name])[-1], parse(script).statements)
