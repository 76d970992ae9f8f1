"""GRUB's files: the kernels that would boot and their command lines; passwords and everything else go."""

from __future__ import annotations

import re

from . import names as called
from .cmdline import CommandLine
from .identifiers import Scrubber

_SETTINGS = re.compile(r"\s*(?:export\s+)?(GRUB_[A-Z_0-9]+)=(['\"]?)(.*?)\2\s*(?:#.*)?")
_PLAIN = (
    "GRUB_DEFAULT",
    "GRUB_TIMEOUT",
    "GRUB_TERMINAL",
    "GRUB_HIDDEN",
    "GRUB_RECORDFAIL",
    "GRUB_DISABLE",
    "GRUB_SAVE",
)
_STATEMENTS = ("if", "else", "elif", "fi", "}", "insmod", "load_env", "menuentry", "submenu", "search", "set", "initrd")


def settings(scrubber: Scrubber, command_line: CommandLine, text: str) -> str:
    """etc/default/grub and etc/default/grub.d."""
    found = []
    for line in text.splitlines():
        match = _SETTINGS.fullmatch(line)
        if match is None:
            continue
        name, _, value = match.groups()
        if "CMDLINE" in name:
            # "$GRUB_CMDLINE_LINUX more" is how files of grub.d add to it
            kept = " ".join([word for word in value.split() if re.fullmatch(r"\$\{?GRUB_\w+\}?", word)])
            found.append(f'{name}="{(kept + " " + command_line.line(value)).strip()}"')
        elif name.startswith(_PLAIN):
            found.append(f'{name}="{scrubber.text(value)}"')
    return "".join(line + "\n" for line in found)


def menu(scrubber: Scrubber, command_line: CommandLine, text: str) -> str:
    """grub.cfg and menu.lst."""
    found = (_statement(scrubber, command_line, line) for line in text.splitlines())
    return "".join(line + "\n" for line in found if line)


def _statement(scrubber: Scrubber, command_line: CommandLine, line: str) -> str | None:
    indent = line[: len(line) - len(line.lstrip())]
    words = line.split()
    if not words:
        return None
    if words[0] in ("linux", "linux16", "linuxefi", "kernel", "module", "multiboot") and len(words) > 1:
        parameters = command_line.line(" ".join(words[2:]))
        return f"{indent}{words[0]} {called.image(scrubber.names, words[1])} {parameters}".rstrip()
    if words[0].startswith("initrd") and len(words) > 1:
        return f"{indent}{words[0]} {' '.join(called.image(scrubber.names, word) for word in words[1:])}"
    return scrubber.text(line) if words[0] in _STATEMENTS else None
