"""Names that people give to places: devices, volumes, labels, directories.

The kernel's own names (xvda1, nvme0n1, dm-0, md0) stay, for findings speak of them; what an administrator
chose gets a pseudonym, part by part, so that a path keeps its depth.
"""

from __future__ import annotations

import re

from .pseudonyms import UUID, Pseudonyms
from .tables import words

_DISK = re.compile(
    r"(?:(?:sd|hd|xvd|vd|dasd|ubd)[a-z]+\d*|(?:nvme\d+(?:c\d+)?(?:n\d+)?|mmcblk\d+(?:boot\d+)?|loop\d+|nbd\d+|pmem\d+)(?:p\d+)?"
    r"|(?:md|ram|zram|sr|scd|fd|st|drbd|rbd|bcache|zd|md_d)\d+(?:p\d+)?|dm-\d+|root|nfs|cdrom|null|zero|u?random)"
)
_NUMBERED = ("cciss", "ida", "md", "input", "net", "vfio")
# Filesystem Hierarchy Standard 3.0, and what distributions and container managers always call the same.
_PARTS = words(
    "bin boot dev efi etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var data"
    " log cache spool local share lost+found lock mail crash backup backups snap snapd core core18 core20 core22"
    " core24 lxd amazon-ssm-agent shm pts mqueue hugepages fs cgroup unified systemd cpu cpuacct cpuset memory"
    " devices freezer blkio pids net_cls net_prio perf_event hugetlb rdma misc kernel security debug tracing"
    " config pstore bpf fuse connections firmware efivars binfmt_misc nfsd user docker containers overlay overlay2"
    " merged containerd kubelet volumes lxc lxcfs machines mysql postgresql www html ephemeral0 swapfile"
    " swap.img swap @ @home @rootfs init process_api initrd.img ns net mnt pid uts ipc grub .snapshots"
)
_NO_DEVICE = words(
    "none proc sysfs tmpfs devtmpfs devpts cgroup cgroup2 mqueue hugetlbfs debugfs tracefs securityfs configfs"
    " pstore bpf binfmt_misc fusectl efivarfs ramfs overlay shm nsfs rpc_pipefs sunrpc nfsd xenfs udev swap rootfs"
    " systemd-1 lxcfs gpt-auto fstab autofs selinuxfs gvfsd-fuse fuse -"
)
# The labels that images come with: Ubuntu's and Debian's cloud images, Amazon Linux's, Fedora's.
_LABELS = frozenset(("cloudimg-rootfs", "UEFI", "BOOT", "EFI", "/", "boot", "root", "swap"))
_TAGS = ("UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=")


def device(names: Pseudonyms, text: str) -> str:
    """What root=, fstab and mountinfo name as a source: a tag, a path below /dev, a remote, a word."""
    for tag in _TAGS:
        if text.startswith(tag):
            value = text[len(tag) :].strip('"')
            return tag + (label(names, value) if "LABEL" in tag else identity(names, value))
    if text.startswith("/dev/"):
        return "/dev/" + _below_dev(names, text[len("/dev/") :])
    if text in _NO_DEVICE or _DISK.fullmatch(text) or re.fullmatch(r"\d+:\d+", text):
        return text
    if text.startswith("ZFS="):
        return "ZFS=" + names.word("source", text[len("ZFS=") :])
    if text.startswith("/") and not text.startswith("//"):
        return directory(names, text)
    return names.word("source", text) if text else text


def _below_dev(names: Pseudonyms, name: str) -> str:
    first, _, rest = name.partition("/")
    if not rest:
        return name if _DISK.fullmatch(name) or name in _PARTS else names.word("device", name)
    if first == "mapper":
        return f"mapper/{mapped(names, rest)}"
    if first == "disk":
        return f"disk/{_link(names, rest)}"
    if first in _NUMBERED and re.fullmatch(r"[a-z]{0,4}[0-9]+(?:[a-z][0-9]+)*", rest):
        return name
    if "/" in rest or first in (*_NUMBERED, "zvol", "shm", "pts"):
        return f"{first if first in (*_NUMBERED, 'zvol', 'shm', 'pts') else names.part(first)}/{names.word('device', rest)}"
    return f"{_group(names, first)}/{_volume(names, rest)}"


def _link(names: Pseudonyms, text: str) -> str:
    """The links that udev makes: disk/by-uuid/…; a partition keeps its number."""
    kind, _, value = text.partition("/")
    if kind in ("by-uuid", "by-partuuid"):
        return f"{kind}/{identity(names, value)}"
    if kind in ("by-label", "by-partlabel"):
        return f"{kind}/{label(names, value)}"
    known = kind if kind in ("by-id", "by-path", "by-diskseq", "by-dname", "azure") else names.part(kind)
    stem, dash, part = value.rpartition("-part")
    whole = names.word("disk-id", stem if dash else value)
    return f"{known}/{whole}{dash}{part if part.isdecimal() else names.part(part)}" if dash else f"{known}/{whole}"


def mapped(names: Pseudonyms, name: str) -> str:
    """A device-mapper name. LVM's are GROUP-VOLUME, dashes inside them doubled (lvm(8), dm_build_dm_name)."""
    if name in ("", "control"):
        return name
    if name.startswith("luks-") and UUID.fullmatch(name[len("luks-") :]):
        return "luks-" + names.uuid(name[len("luks-") :])
    parts = [part.replace("--", "-") for part in re.split(r"(?<!-)-(?!-)", name)]
    if len(parts) == 2 and all(parts):
        found = f"{_group(names, parts[0])}-{_volume(names, parts[1])}"
    else:
        found = names.give("mapping", name, lambda number: f"map{number}")
    names.know(name, found)
    return found


def _group(names: Pseudonyms, name: str) -> str:
    return names.give("volume group", name, lambda number: f"vg{number}")


def _volume(names: Pseudonyms, name: str) -> str:
    return names.give("logical volume", name, lambda number: f"lv{number}")


def identity(names: Pseudonyms, value: str) -> str:
    """The id of a file system or a partition, in each form that blkid prints."""
    if UUID.fullmatch(value):
        return names.uuid(value)
    if re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", value):  # FAT
        return _known(names, value, lambda number: f"{number >> 16:04X}-{number & 0xFFFF:04X}")
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{2}", value):  # a partition of an MBR
        return f"{names.give('disk id', value[:8], lambda number: f'{number:08x}')}{value[8:]}"
    if re.fullmatch(r"[0-9A-F]{16}", value):  # NTFS
        return _known(names, value, lambda number: f"{number:016X}")
    return names.word("id", value) if value else value


def _known(names: Pseudonyms, value: str, form: object) -> str:
    assert callable(form)
    found = names.give("file system id", value, form)
    names.know(value, found)
    return found


def label(names: Pseudonyms, value: str) -> str:
    """The label of a file system or a partition."""
    return value if value in _LABELS or not value else names.word("label", value)


def directory(names: Pseudonyms, path: str) -> str:
    """A path with the parts that are a person's or a program's own replaced."""
    parts = path.split("/")
    return "/".join(_part(names, part, above) for part, above in zip(parts, ["", *parts], strict=False))


def _part(names: Pseudonyms, part: str, above: str) -> str:
    if above == "home" and part:
        return names.word("user", part)
    if part in ("", ".", "..") or part in _PARTS or _DISK.fullmatch(part):
        return part
    return names.part(part)


def image(names: Pseudonyms, path: str) -> str:
    """A kernel or its initrd: the file's own name stays where it is one of the usual."""
    above, slash, name = path.rpartition("/")
    usual = re.fullmatch(r"(?:vmlinu[xz]|xen|linux|kernel|bzImage|initrd|initramfs)[\w.+-]{0,80}", name, re.ASCII)
    disk, bracket, rest = above.partition(")")
    grub = re.fullmatch(r"\([a-z0-9,]+", disk) and bracket
    folder = f"{disk})" + directory(names, rest) if grub else directory(names, above)
    return f"{folder}{slash}{name if usual else 'redacted'}"
