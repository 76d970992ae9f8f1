"""The kernel's lines as a log daemon kept them, for those who may not read the ring buffer.

systemd's journal is readable for root and for the groups systemd-journal and adm (systemd-journald.service(8)),
rsyslog's kern.log for root and adm. Both are brought into dmesg's form. journald keeps what programs wrote into
/dev/kmsg beside the kernel's own lines, and tells them apart by SYSLOG_FACILITY as the kernel did.
"""

from __future__ import annotations

import os

from ..errors import Denied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = 20_000  # of the journal, the latest
SECONDS = 1.5  # for journalctl; a collector has two
TAIL = 4 << 20  # bytes of kern.log
_JOURNALS = ("run/log/journal", "var/log/journal")
_KERN_LOG = "var/log/kern.log"
_ARGUMENTS = ("-k", "-b", "-o", "short-monotonic", "--no-hostname", "--no-pager", "-q", f"--lines={LINES}")
_ENTRIES = 64  # folders of machine ids that are looked into


def read(root: str) -> str:
    """The lines since this boot, as far as they are kept; Denied where none of the two logs can be read."""
    text = _from_journal(root) or _from_kern_log(root)
    if not text:
        raise Denied("var/log/journal", "needs root, or the group systemd-journal or adm", "EACCES")
    return text


def _from_journal(root: str) -> str:
    """By journalctl, which alone knows the format, and only where it would find something to read."""
    command = f"{root}usr/bin/journalctl"
    if not any(os.access(path, os.R_OK) for path in _journal_files(root)) or not os.access(command, os.X_OK):
        return ""
    import subprocess

    try:
        ended = subprocess.run(  # noqa: S603  a fixed command, its arguments too
            [command, *_ARGUMENTS, "SYSLOG_FACILITY=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(dmesg_form(ended.stdout.decode("utf-8", "replace")))


def _journal_files(root: str) -> Iterator[str]:
    for folder in _JOURNALS:
        try:
            machines = os.listdir(root + folder)
        except OSError:
            continue
        for machine in machines[:_ENTRIES]:
            yield f"{root}{folder}/{machine}/system.journal"


def dmesg_form(text: str) -> list[str]:
    """Lines "[    5.140900] kernel: text" without the word; those of others, and the rest of long ones, are left out."""
    found = []
    for line in text.split("\n"):
        stamp, bracket, rest = line.partition("] ")
        sender, colon, message = rest.partition(": ")
        if bracket and stamp.startswith("[") and colon and sender == "kernel" and message:
            found.append(f"{stamp}] {message}\n")
    return found


def _from_kern_log(root: str) -> str:
    try:
        with open(f"{root}{_KERN_LOG}", "rb", opener=_gently) as log:
            log.seek(max(os.fstat(log.fileno()).st_size - TAIL, 0))
            content = log.read(TAIL)
    except OSError:
        return ""
    return "".join(this_boot(content.decode("utf-8", "replace")))


def _gently(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def this_boot(text: str) -> list[str]:
    """Lines "Nov 20 03:12:44 host kernel: [   12.345678] text" from the last boot on, where the stamps began anew.

    A line without the kernel's stamp is left out: it may be of any boot.
    """
    found: list[str] = []
    latest = 0.0
    for line in text.split("\n"):
        _, sender, message = line.partition(" kernel: [")
        stamp, bracket, _ = message.partition("]")
        digits = stamp.strip()
        if not sender or not bracket or len(digits) > 20 or not digits.replace(".", "", 1).isdecimal():
            continue
        seconds = float(digits)
        # CPUs print side by side, so a stamp may lie a little before the last one
        if seconds < latest - 60 or (seconds < 1 <= latest and "Linux version" in message):
            found.clear()
        latest = seconds
        found.append(f"[{message}\n")
    return found
