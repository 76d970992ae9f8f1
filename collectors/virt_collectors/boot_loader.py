"""What boots next: GRUB's grub.cfg and grubenv, and the menu.lst of PV guests.

Both may lie on one disk: HVM guests boot by the first, PV guests of EC2 by the second. The menus name files as the boot
loader sees them; here they have the paths under which the running system has them. systemd-boot's menu is not read.
"""

from __future__ import annotations

from .boot import Boot
from .record import Record
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_INITRAMFS_TOOLS = "etc/initramfs-tools"


class BootEntry(Record):
    """One menu entry, with paths as the running system has them where /boot has such a file, else as they are written.

    They are without the leading slash. `initramfs` is the one it loads; where `tries_without_initramfs` is True it does that only after a boot without one
    failed (Ubuntu's cloud images). `hypervisor` is the Xen that is started first.
    """

    title: str
    kernel: str
    initramfs: str | None = None
    parameters: tuple[str, ...] = ()
    tries_without_initramfs: bool = False
    hypervisor: str | None = None

    def value(self, key: str) -> str | None:
        """The value of key=value on its command line, "" for a bare key, None where it is not given."""
        return Boot(self.parameters).value(key)


class Menu(Record):
    """One boot loader's menu: the entries that boot Linux, also those of submenus.

    `default` is what it boots next, None where that cannot be told: `why` says so.
    """

    path: str
    entries: tuple[BootEntry, ...] = ()
    default: BootEntry | None = None
    why: str | None = None


class BootLoader(Record):
    """GRUB 2's menu (what HVM guests, and PV guests by pygrub or pvgrub2, boot) and menu.lst (PV-GRUB of EC2)."""

    grub: Menu | None = None
    menu_lst: Menu | None = None
    initramfs_modules: str | None = None  # MODULES= of initramfs-tools: most, dep, list, netboot


def read_boot_loader(source: Source) -> BootLoader | None:
    """None where no menu is there."""
    from .grub.find import read_grub
    from .grub.legacy import read_menu_lst

    place = _placing(source)
    grub, menu_lst = read_grub(source, place), read_menu_lst(source, place)
    return BootLoader(grub, menu_lst, _read_initramfs_modules(source)) if grub or menu_lst else None


def _placing(source: Source) -> Callable[[str], str]:
    """Turns "(hd0,1)/vmlinuz-6.8.0" into "boot/vmlinuz-6.8.0" where /boot has a file of that name."""
    listed = frozenset(source.names("boot"))

    def place(path: str) -> str:
        written = path.partition(")")[2] if path.startswith("(") else path
        name = written.rpartition("/")[2]
        return f"boot/{name}" if name in listed else written.lstrip("/")

    return place


def _read_initramfs_modules(source: Source) -> str | None:
    """MODULES= of initramfs.conf; a file of conf.d is read later and wins (initramfs.conf(5))."""
    found = None
    names = [name for name in source.names(f"{_INITRAMFS_TOOLS}/conf.d") if ".dpkg-" not in name]
    for path in ("initramfs.conf", *(f"conf.d/{name}" for name in names)):
        for line in source.lines(f"{_INITRAMFS_TOOLS}/{path}") or ():
            found = parse_modules(line) or found
    return found


def parse_modules(line: str) -> str | None:
    """The word that a line of shell gives to MODULES."""
    name, _, value = line.strip().removeprefix("export ").partition("=")
    word = value.partition("#")[0].strip().strip("\"'")
    return word if name == "MODULES" and word.isascii() and word.isalpha() else None
