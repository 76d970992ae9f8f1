"""What people and installers wrote down: fstab(5), udev's rules for interface names, installed guest tools.

Files of ordinary file systems: read late, once, and not at all where the root disk may hang.
`70-persistent-net.rules` ties names to MAC addresses; udev wrote it itself before systemd 197 (2013), today only
people and old images do. After a change of the network card or a copy of the image its names go elsewhere.
"""

from __future__ import annotations

from .record import Record
from .source import Source

FSTAB = "etc/fstab"
PERSISTENT_NET = "etc/udev/rules.d/70-persistent-net.rules"
# Guest tools by the path of their program: xe-guest-utilities (mk/Makefile), xen-guest-agent, QEMU's on Debian and
# on Fedora, Qubes (qubes-core-agent-linux, qrexec), VMware.
TOOLS = (
    ("xe-daemon", ("usr/sbin/xe-daemon",)),
    ("xen-guest-agent", ("usr/sbin/xen-guest-agent", "usr/bin/xen-guest-agent")),
    ("qemu-guest-agent", ("usr/sbin/qemu-ga", "usr/bin/qemu-ga")),
    ("qubes-qrexec-agent", ("usr/lib/qubes/qrexec-agent",)),
)


class FstabEntry(Record):
    """One line: `source` as it is written ("UUID=…", "/dev/xvda1"), `point` "none" or "swap" for swap areas."""

    source: str
    point: str
    type: str
    options: tuple[str, ...]


class Configuration(Record):
    """`fstab` is None where there is no such file; `persistent_net` holds the rules that name a MAC address."""

    fstab: tuple[FstabEntry, ...] | None = None
    persistent_net: tuple[str, ...] = ()
    installed_tools: tuple[str, ...] = ()


def read_configuration(source: Source) -> Configuration:
    """All of it; a file that is missing says nothing."""
    fstab = source.lines(FSTAB)
    return Configuration(
        fstab=None if fstab is None else parse_fstab(fstab),
        persistent_net=parse_persistent_net(source.lines(PERSISTENT_NET) or []),
        installed_tools=tuple(name for name, paths in TOOLS if any(source.exists(path) for path in paths)),
    )


def parse_fstab(lines: list[str]) -> tuple[FstabEntry, ...]:
    """The entries in their order; what libmount would not take for one is left out."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        kind = fields[2] if len(fields) > 2 else "auto"
        options = fields[3] if len(fields) > 3 else "defaults"
        words = tuple(word for word in options.split(",") if word)
        found.append(FstabEntry(unescape(fields[0]), unescape(fields[1]), kind, words))
    return tuple(found)


def unescape(text: str) -> str:
    """Blanks stand as octal escapes (fstab(5), proc_pid_mountinfo(5))."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def parse_persistent_net(lines: list[str]) -> tuple[str, ...]:
    """The rules that tie a name to an address: `ATTR{address}=="…"` and `NAME=`."""
    rules = [line.strip() for line in lines if not line.lstrip().startswith("#")]
    return tuple(rule for rule in rules if "ATTR{address}" in rule and "NAME=" in rule)
