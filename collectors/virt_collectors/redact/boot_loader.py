"""GRUB's files: the kernels that would boot and their command lines; passwords and everything else go."""

from __future__ import annotations

import re

from . import names as called
from .cmdline import CommandLine
from .identifiers import Scrubber
from .tables import words

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
_STATEMENTS = words(
    "if then else elif fi for while until do done function { } return menuentry submenu hiddenentry set unset export"
    " search insmod load_env save_env blscfg source configfile increment decrement"  # grub.cfg
    " default fallback timeout title root uuid chainloader"  # menu.lst
    " version machine-id id sort-key"  # boot/loader/entries
)
_LOADED = ("linux", "linux16", "linuxefi", "kernel", "module", "module2", "multiboot", "multiboot2")
_ASSIGNMENT = re.compile(r"(menuentry_id_option|saved_entry|next_entry|default|fallback|timeout)=\S*")
_ENVIRONMENT = (
    *("saved_entry", "next_entry", "prev_entry", "prev_saved_entry", "initrdfail", "recordfail", "kernelopts"),
    *("boot_success", "boot_counter", "boot_indeterminate", "menu_auto_hide"),
)


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
    parts = line.split()
    if not parts:
        return None
    if parts[0] in _LOADED and len(parts) > 1:
        parts = [parts[0], *(word for word in parts[1:] if not word.startswith("--"))]
        image = called.image(scrubber.names, "".join(parts[1:2]))
        name = " placeholder" if parts[2:3] == ["placeholder"] else ""
        return f"{indent}{parts[0]} {image}{name} {command_line.line(' '.join(parts[2:]))}".rstrip()
    if parts[0] == "options":
        kept = [word for word in parts if word in ("$kernelopts", "$tuned_params")]
        return f"options {' '.join(kept)} {command_line.line(' '.join(parts[1:]))}"
    if parts[0] in ("initrd", "initrd16", "initrdefi") and len(parts) > 1:
        return f"{indent}{parts[0]} {' '.join(called.image(scrubber.names, word) for word in parts[1:])}"
    plain = parts[0].rstrip(";") in _STATEMENTS or (len(parts) == 1 and _ASSIGNMENT.fullmatch(parts[0]))
    return scrubber.text(line) if plain else None


def environment(scrubber: Scrubber, command_line: CommandLine, text: str) -> str:
    """GRUB's environment block."""
    found = ["# GRUB Environment Block\n"]
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name in _ENVIRONMENT:
            found.append(f"{name}={command_line.line(value) if name == 'kernelopts' else scrubber.text(value)}\n")
    return "".join(found)
