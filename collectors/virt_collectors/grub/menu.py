"""The menu that a GRUB script makes: its entries, what each would load, and which one comes first.

`default` is an index, a title or an id, and for what lies in a submenu a path of those with ">" between. What is not in
the menu, an empty or unset one too, is the first entry (grub-core/normal/menu.c, get_entry_number). Red Hat's GRUB, which
has blscfg, looks for titles and ids first; others take a number at the beginning of a title for an index.
"""

from __future__ import annotations

import re

from ..boot import parse_cmdline
from ..boot_loader import BootEntry
from ..record import Record, replace
from .script import NESTING, literal
from .shell import Shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .script import Command, Word
    from .shell import Surroundings

_TAKE_A_VALUE = ("--class", "--users", "--hotkey", "--source", "--id")
_PATH = re.compile("(?<!>)>(?!>)")
_INITRAMFS = ("initrd", "initramfs")
_NO_KERNEL = "starts no Linux kernel"
_ONLY_GRUB_KNOWS = "depends on a condition that only GRUB can evaluate"


class Item(Record):
    """One line of a menu, its title or id None where only GRUB knows it. The id is the title where none is given.

    `sure` is False where it is there perhaps; blscfg brought it where it is `from_file`.
    """

    title: str | None
    id: str | None
    submenu: bool
    body: tuple[Record, ...]
    sure: bool
    from_file: bool = False


class Loaded(Record):
    """One file that an entry loads: its path as it is written, without what is not known of it, and its parameters."""

    path: str
    parameters: tuple[str, ...] = ()


class Choice(Record):
    """What boots next, or why that cannot be told."""

    entry: BootEntry | None = None
    why: str | None = None


class MenuShell(Shell):
    """Keeps what menuentry, submenu and blscfg bring, and what linux and initrd load."""

    def __init__(
        self,
        surroundings: Surroundings,
        variables: Mapping[str, str | None],
        above: MenuShell | None = None,
    ) -> None:
        super().__init__(surroundings, variables, above)
        self.items: list[Item] = []
        self.loaded: dict[str, list[Loaded]] = {}

    def inner(self, **variables: str) -> MenuShell:
        """A shell for an entry or a submenu, which leaves this one as it is."""
        return MenuShell(self.surroundings, variables, self)

    def _menuentry(self, command: Command, sure: bool) -> bool | None:
        named: dict[str, str | None] = {}
        given: list[str | None] = []
        waiting = ""
        for text in self.expand(command.words[1:]):
            option, sign, value = (text or "").partition("=")
            if waiting:
                named[waiting], waiting = text, ""
            elif option in _TAKE_A_VALUE:
                named[option], waiting = value, "" if sign else option
            elif text is None or not text.startswith("--"):
                given.append(text)
        submenu = literal(command.words[0]) == "submenu"
        title = given[0] if given else ""
        self.items.append(Item(title, named.get("--id", title), submenu, command.block or (), sure))
        return None

    def _blscfg(self, _command: Command, sure: bool) -> bool | None:
        found = self.surroundings.loader_entries()
        if isinstance(found, str):
            self.hide(found)
            return None
        self.effort.spend(len(found))
        self.items += [Item(entry.title, entry.id, False, entry.script, sure, from_file=True) for entry in found]
        return None

    def _kernel(self, command: Command, sure: bool) -> bool | None:
        self._begin(("kernel", "initrd"), sure)
        return self._load("kernel", command.words[1:])

    def _hypervisor(self, command: Command, sure: bool) -> bool | None:
        self._begin(("hypervisor", "module"), sure)
        return self._load("hypervisor", command.words[1:])

    def _module(self, command: Command, _sure: bool) -> bool | None:
        return self._load("module", command.words[1:])

    def _initrd(self, command: Command, sure: bool) -> bool | None:
        self._begin(("initrd",), sure)
        for word in command.words[1:]:
            self._load("initrd", (word,))
        return None

    def _begin(self, kinds: tuple[str, ...], sure: bool) -> None:
        """What surely runs takes the place of what was loaded before."""
        for kind in kinds if sure else ():
            self.loaded.pop(kind, None)

    def _load(self, kind: str, words: Sequence[Word]) -> bool | None:
        given = [word for word in words if not literal(word).startswith("--")]
        if given:
            path = "".join(text or "" for text in self.expand(given[:1])) or _on_some_device(given[0])
            parameters = tuple(text for text in self.expand(given[1:]) if text is not None)
            self.loaded.setdefault(kind, []).append(Loaded(path, parameters))
        return None

    commands = {
        **Shell.commands,
        "menuentry": _menuentry,
        "submenu": _menuentry,
        "blscfg": _blscfg,
        **dict.fromkeys(("linux", "linux16", "linuxefi", "xen_linux"), _kernel),
        **dict.fromkeys(("initrd", "initrd16", "initrdefi", "xen_initrd"), _initrd),
        **dict.fromkeys(("multiboot", "multiboot2", "xen_hypervisor"), _hypervisor),
        **dict.fromkeys(("module", "module2", "xen_module"), _module),
    }


def _on_some_device(word: Word) -> str:
    """($root)/vmlinuz-6.8 without the device; "" where more than that is not known."""
    return literal(word) if word[0][1].startswith("(") and ")" in word[-1][1] else ""


def list_entries(shell: MenuShell, place: Callable[[str], str], found: list[BootEntry], depth: int = 0) -> None:
    """Add all entries that boot Linux to those found, also of submenus. `place` tells where a file is found here."""
    for item in shell.items:
        shell.effort.spend(1)
        if item.submenu and depth < NESTING:
            list_entries(opened(shell, item), place, found, depth + 1)
        entry = None if item.submenu else boot_entry(shell, item, place)
        if isinstance(entry, BootEntry):
            found.append(entry)


def opened(shell: MenuShell, item: Item, **variables: str) -> MenuShell:
    """The shell in which an entry or a submenu was run."""
    inner = shell.inner(**variables)
    inner.run(item.body, sure=True)
    return inner


def boot_entry(shell: MenuShell, item: Item, place: Callable[[str], str]) -> BootEntry | str:
    """What an item boots, or why there is nothing to tell.

    Ubuntu's cloud images first try without an initramfs, with panic=-1; where that fails, GRUB starts the same entry with
    initrdfail=1 (grub-initrd-fallback.service takes it back when all went well).
    """
    loaded = opened(shell, item).loaded
    kernel = _kernel_of(loaded)
    if isinstance(kernel, str):
        return kernel
    path = place(kernel.path)
    if not path:  # "linux /"
        return _NO_KERNEL
    initramfs, again = _initramfs_of(loaded), None
    if initramfs is None:
        loaded = opened(shell, item, initrdfail="1").loaded
        again = _initramfs_of(loaded)
    hypervisor = loaded.get("hypervisor")
    return BootEntry(
        title=item.title or "",
        kernel=path,
        initramfs=place(initramfs or again or "") or None,
        parameters=parse_cmdline(" ".join(map(_requoted, kernel.parameters))),
        tries_without_initramfs=again is not None,
        hypervisor=place(hypervisor[-1].path) if hypervisor else None,
    )


def _kernels(loaded: dict[str, list[Loaded]]) -> list[Loaded]:
    """With a hypervisor its first module is the kernel, after a word that stands for the file's name."""
    modules = loaded.get("module", [])[:1] if "hypervisor" in loaded else []
    return loaded.get("kernel") or [replace(file, parameters=_without_name(file.parameters)) for file in modules]


def _without_name(parameters: tuple[str, ...]) -> tuple[str, ...]:
    return parameters[1:] if parameters[:1] == ("placeholder",) else parameters


def _kernel_of(loaded: dict[str, list[Loaded]]) -> Loaded | str:
    kernels = _kernels(loaded)
    if not kernels:
        return _NO_KERNEL
    if len({file.path for file in kernels}) > 1:
        return f"may start several kernels: which {_ONLY_GRUB_KNOWS}"
    return kernels[-1] if kernels[-1].path else "starts a kernel whose name only GRUB knows"


def _initramfs_of(loaded: dict[str, list[Loaded]]) -> str | None:
    """The one among several, of which others are microcode, that is called so; else the last."""
    modules = loaded.get("module", [])[1:] if "hypervisor" in loaded else []
    paths = [file.path for file in (*loaded.get("initrd", ()), *modules) if file.path]
    named = [path for path in paths if path.rpartition("/")[2].startswith(_INITRAMFS)]
    return named[0] if named else paths[-1] if paths else None


def _requoted(parameter: str) -> str:
    return f'"{parameter}"' if " " in parameter else parameter


def choose(shell: MenuShell, place: Callable[[str], str], default: str | None, depth: int = 0) -> Choice:
    """The entry that `default` names in this menu."""
    if default is None:
        return Choice(why=f"the default entry {_ONLY_GRUB_KNOWS}")
    if not shell.items:
        return Choice(why="the menu is empty" if depth == 0 else "the default entry is an empty submenu")
    first, _, rest = _PATH.sub("\n", default, count=1).partition("\n")
    if first[:1].isdecimal() and not first.isdecimal() and not any(item.from_file for item in shell.items):
        return Choice(why=f'the default entry "{first}" begins with a digit, which some GRUBs take for its number')
    at = _index(shell.items, first.replace(">>", ">"))
    if at is None:
        return Choice(why=f"which entries come before the default {_ONLY_GRUB_KNOWS}")
    item = shell.items[at]
    if item.submenu and depth < NESTING:
        inner = opened(shell, item)
        return Choice(why=f"the script {inner.blind}") if inner.blind else choose(inner, place, rest, depth + 1)
    entry = boot_entry(shell, item, place)
    return Choice(entry) if isinstance(entry, BootEntry) else Choice(why=f'the default entry "{item.title}" {entry}')


def _index(items: list[Item], wanted: str) -> int | None:
    """None where items that are perhaps there, or are called what only GRUB knows, make it unsure."""
    wanted = wanted or "0"
    if wanted.isdecimal() and wanted.isascii() and len(wanted) < 6:
        at = int(wanted) if int(wanted) < len(items) else 0
        return at if all(item.sure for item in items[: at + 1]) else None
    for at, item in enumerate(items):
        if item.title is None or item.id is None:
            return None
        if wanted in (item.title, item.id):
            return at if item.sure else None
    return 0 if items[0].sure else None
