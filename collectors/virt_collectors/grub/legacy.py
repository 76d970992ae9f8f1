"""The menu of GRUB legacy, which EC2's PV-GRUB reads from a PV guest's disk (user guide, User provided kernels).

PV-GRUB takes the first of boot/grub/menu.lst and grub/menu.lst on the disk or its first partitions; the second is
/boot/grub/menu.lst where /boot is a partition. Ubuntu's update-grub-legacy-ec2 keeps its own settings in lines that are
comments. HVM guests boot by grub.cfg and do not look at it, though images have both.
"""

from __future__ import annotations

from ..boot import parse_cmdline
from ..boot_loader import BootEntry, Menu
from ..errors import Absent, Denied, SourceError
from ..source import Source, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Place = Callable[[str], str]
    Lines = list[tuple[str, str]]

_PATHS = ("boot/grub/menu.lst", "grub/menu.lst", "boot/grub/grub.conf")  # the last is Red Hat's name for it
_LIMIT = 1 << 20


def read_menu_lst(source: Source, place: Place) -> Menu | None:
    """The first of them. `place` gives the path under which a file of the menu is found in the running system."""
    for path in _PATHS:
        try:
            return parse_menu(path, source.host.file(path, _LIMIT).decode("utf-8", "replace"), place)
        except Absent:
            continue
        except SourceError as error:
            source.note(error, ("EACCES", "EPERM"))
            return Menu(path, why="needs root" if isinstance(error, Denied) else error.why)
    return None


def parse_menu(path: str, text: str, place: Place) -> Menu:
    """Entries that boot Linux. What stands before the first title is about the menu; "=" is as good as a blank there."""
    before, sections = _sections(text)
    entries = [_entry(title, lines, place) for title, lines in sections]
    number, why = _default(before, len(entries))
    chosen = entries[number] if number is not None else None
    if number is not None and not chosen:
        why = f'the default entry "{sections[number][0]}" starts no Linux kernel'
    return Menu(path, tuple(entry for entry in entries if entry), chosen, why)


def _sections(text: str) -> tuple[Lines, list[tuple[str, Lines]]]:
    """Command and rest of each line: those before the first title, and those of each title."""
    before: Lines = []
    sections: list[tuple[str, Lines]] = []
    for line in text.split("\n"):
        words = line.strip().replace("\t", " ").replace("=", " ", 0 if sections else 1).split(" ", 1)
        command, rest = words[0], "".join(words[1:]).strip()
        if command == "title":
            sections.append((rest, []))
        elif command and not command.startswith("#"):
            (sections[-1][1] if sections else before).append((command, rest))
    return before, sections


def _default(before: Lines, count: int) -> tuple[int | None, str | None]:
    """The number of the default entry, or why it is not known."""
    given = dict(before)
    number = whole(given.get("default", "0"))
    if "configfile" in given:
        return None, f"the menu hands over to {given['configfile']}"
    if not count:
        return None, "the menu is empty"
    if number is None:
        return None, f'the default entry is "{given["default"]}", which the boot loader keeps elsewhere'
    return (number, None) if 0 <= number < count else (None, f"the default entry is number {number} of {count}, from 0")


def _entry(title: str, lines: Lines, place: Place) -> BootEntry | None:
    """Xen's own kernel comes first, and Linux and its initramfs are its modules."""
    kernels = [words for command, rest in lines if command == "kernel" and (words := _words(rest))]
    modules = [words for command, rest in lines if command in ("module", "initrd") and (words := _words(rest))]
    if not kernels:
        return None
    xen = kernels[-1] if "xen" in kernels[-1][0].rpartition("/")[2] and modules else None
    kernel, *others = [modules[0], *modules[1:]] if xen else [kernels[-1], *modules]
    path = place(kernel[0])
    if not path:  # "kernel /"
        return None
    return BootEntry(
        title=title,
        kernel=path,
        initramfs=place(others[0][0]) if others else None,
        parameters=parse_cmdline(" ".join(kernel[1:])),
        hypervisor=place(xen[0]) if xen else None,
    )


def _words(rest: str) -> list[str]:
    words = rest.split()
    while words and words[0].startswith("--"):
        words.pop(0)
    return words
