"""Who calls disks by their kernel names: crypttab(5), mdadm.conf(5), lvm.conf(5), GRUB's settings, smartd, hdparm.

A name counts where its file gives it a meaning, and not in a comment. It may be a pattern: mdadm.conf's DEVICE takes
those of glob(7), lvm.conf's filters are regular expressions in delimiters of their own.
"""

from __future__ import annotations

import re

from ..device_names import Files, NameUse, joined, use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Numbered = list[tuple[int, str]]

# xen-blkfront, SCSI, virtio_blk, the IDE of old, NVMe; for "/dev/vdata/lv" is a volume of LVM.
_TOKEN = re.compile(r"/dev/((?:xvd|[svh]d|nvme)[^\s\"'|,;:={}#%@!~]*)")
_NAME = re.compile(
    r"(?:xvd|sd)[a-z]{1,3}\d{0,3}|vd[a-z]{1,2}\d{0,3}|hd[a-z]\d{0,2}|nvme\d{1,3}(?:n\d{1,3}(?:p\d{1,3})?)?"
)
_PATTERN = re.compile(r"(?:(?:xvd|[svh]d)[a-z]{0,2}\d{0,3}|nvme[\dnp]{0,8})[*?.+(\[][^/]{0,40}")
_GRUB = re.compile(r"\s*(?:export\s+)?(?:GRUB_CMDLINE_LINUX\w{0,20}|GRUB_DEVICE)=")
_LVM_PART = re.compile(r'"(?:[^"\\]|\\.)*"?|#.*|[^"#]+')
_FILTER = re.compile(r"\b(?:global_)?filter\s{0,9}=")
_DEVICES_FILE = re.compile(r"\buse_devicesfile\s{0,9}=\s{0,9}(\d)")
_LVM, _LVM_DEVICES = "etc/lvm/lvm.conf", "etc/lvm/devices/system.devices"


def read(files: Files) -> tuple[NameUse, ...]:
    """All uses, file by file."""
    found: list[NameUse] = []
    for path, meaningful in _FILES:
        found += _uses(files, path, meaningful)
    for folder, pattern, meaningful in _FOLDERS:
        for path in files.below(folder, pattern):
            found += _uses(files, path, meaningful)
    return (*found, *_lvm(files))


def _uses(files: Files, path: str, meaningful: Callable[[Numbered], Iterable[tuple[int, str]]]) -> list[NameUse]:
    lines = joined(files.lines(path))
    return files.bounded(path, (use(path, n, name, text) for n, text in meaningful(lines) for name in names(text)))


def names(text: str) -> list[str]:
    """The kernel's names of disks and partitions in a text, and patterns of such, each with /dev/ and once."""
    tokens = (token.rstrip("/$)") for token in _TOKEN.findall(text))
    return list(dict.fromkeys(f"/dev/{token}" for token in tokens if is_name(token)))


def is_name(word: str) -> bool:
    """Whether a word below /dev is the kernel's name of a disk, or a pattern of such names."""
    return bool(_NAME.fullmatch(word) or _PATTERN.fullmatch(word))


def _all(lines: Numbered) -> Iterable[tuple[int, str]]:
    """Without what a number sign begins."""
    return ((number, _uncommented(text)) for number, text in lines)


def _uncommented(text: str) -> str:
    return text.replace("\t#", " #").partition(" #")[0]


def _mdadm(lines: Numbered) -> Iterable[tuple[int, str]]:
    """DEVICE and ARRAY, which may be short (three letters are enough); what begins with a blank goes on with them."""
    inside = False
    for number, text in lines:
        if text[:1].strip():
            word = text.split()[0].lower()
            inside = len(word) > 2 and any(keyword.startswith(word) for keyword in ("device", "array"))
        if inside:
            yield number, _uncommented(text)


def _grub(lines: Numbered) -> Iterable[tuple[int, str]]:
    """The kernel's command line, with root= and resume=, and the root that grub-mkconfig is to take."""
    return ((number, _uncommented(text)) for number, text in lines if _GRUB.match(text))


def _lvm(files: Files) -> list[NameUse]:
    """The filters, and the devices file that takes their place where it is used: since LVM 2.03.12, not everywhere.

    Whether it is used by default was chosen when LVM was built, so where lvm.conf does not say it both are told. A
    device that is known by name alone (IDTYPE=devname) is looked for under other names, as a rule (lvmdevices(8)).
    """
    filters, used = parse_lvm(files.lines(_LVM))
    devices = files.lines(_LVM_DEVICES) if used is not False else []
    listed = [(n, line) for n, line in enumerate(devices, 1) if "IDTYPE=devname" in line.split()]
    filters = [] if used and devices else filters
    return [
        *files.bounded(_LVM, (use(_LVM, n, name, text) for n, pattern, text in filters for name in names(pattern))),
        *files.bounded(_LVM_DEVICES, (use(_LVM_DEVICES, n, name, text) for n, text in listed for name in names(text))),
    ]


def parse_lvm(lines: list[str]) -> tuple[list[tuple[int, str, str]], bool | None]:
    """The patterns of its filters, with number and text of their lines, and whether the devices file is to be used."""
    found: list[tuple[int, str, str]] = []
    used, inside, listed = None, False, False
    for number, line in enumerate(lines, 1):
        inside = inside and listed  # without brackets a filter has one pattern, on its line
        for part in _LVM_PART.findall(line):
            if part.startswith('"'):
                found += [(number, part.strip('"').replace("\\/", "/"), line)] if inside else []
            elif not part.startswith("#"):
                setting, begun = _DEVICES_FILE.search(part), _FILTER.search(part)
                used = setting[1] != "0" if setting else used
                rest = part[begun.end() :] if begun else part
                listed = "[" in rest if begun else listed
                inside = (inside or bool(begun)) and "]" not in rest
    return found, used


_FILES: tuple[tuple[str, Callable[[Numbered], Iterable[tuple[int, str]]]], ...] = (
    ("etc/crypttab", _all),
    ("etc/mdadm/mdadm.conf", _mdadm),
    ("etc/mdadm.conf", _mdadm),
    ("etc/initramfs-tools/conf.d/resume", _all),
    ("etc/default/grub", _grub),
    ("etc/hdparm.conf", _all),
    ("etc/smartd.conf", _all),
    ("etc/smartmontools/smartd.conf", _all),
)
_FOLDERS = (
    ("etc/mdadm/mdadm.conf.d", "*.conf", _mdadm),
    ("etc/mdadm.conf.d", "*.conf", _mdadm),
    ("etc/default/grub.d", "*.cfg", _grub),
)
