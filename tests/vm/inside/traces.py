"""All that a package can leave behind: files, users, groups, units that systemd knows, links of its own state."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator

from .commands import run

# What is not the package's: kernel file systems, the course itself, what apt, dpkg, debconf, systemd and
# the journal keep for themselves.
OTHERS = (
    "/dev",
    "/lab",
    "/proc",
    "/root",
    "/run/credentials",
    "/run/log",
    "/run/systemd/ask-password-block",
    "/run/systemd/dynamic-uid",
    "/run/systemd/journal",
    "/run/systemd/unit-private-tmp",
    "/run/systemd/units",
    "/run/udev",
    "/srv/packages",
    "/sys",
    "/tmp",
    "/var/cache/apt",
    "/var/cache/debconf/tmp.ci",
    "/var/cache/ldconfig",
    "/var/lib/apt",
    "/var/lib/dpkg/lock",
    "/var/lib/systemd/random-seed",
    "/var/log",
    "/var/tmp",
)


def seen() -> set[str]:
    return {*_files(), *_accounts(), *_units()}


def _files() -> Iterator[str]:
    stack = ["/"]
    while stack:
        for entry in os.scandir(stack.pop()):
            if entry.path in OTHERS:
                continue
            yield f"file {entry.path}"
            if entry.is_dir(follow_symlinks=False):
                stack.append(entry.path)


def _accounts() -> Iterator[str]:
    yield from (f"user {user.pw_name}" for user in pwd.getpwall())
    yield from (f"group {group.gr_name} {','.join(group.gr_mem)}" for group in grp.getgrall())


def _units() -> Iterator[str]:
    told = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "virt-agent*").output
    yield from (f"unit {line}" for line in told.splitlines())
