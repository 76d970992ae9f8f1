"""How this kernel was booted: /proc/cmdline, and by which firmware.

`xen_nopv` and `nopv` keep a Xen HVM guest from using PV drivers, `xen_emul_unplug=never` keeps
the emulated disks and network cards beside them (Documentation/admin-guide/kernel-parameters.txt).
"""

from __future__ import annotations

from .record import Record
from .source import Source


class Boot(Record):
    """Parameters in their order; `efi` is True where the firmware is UEFI."""

    parameters: tuple[str, ...] = ()
    efi: bool = False

    def value(self, key: str) -> str | None:
        """The value of key=value, "" for a bare key, None where it is not given. The last one counts."""
        found = None
        for parameter in self.parameters:
            name, _, value = parameter.partition("=")
            found = value if name.replace("-", "_") == key.replace("-", "_") else found
        return found


def read_boot(source: Source) -> Boot | None:
    """None where the command line cannot be read."""
    lines = source.lines("proc/cmdline")
    if lines is None:
        return None
    return Boot(parse_cmdline(lines[0] if lines else ""), source.exists("sys/firmware/efi"))


def parse_cmdline(text: str) -> tuple[str, ...]:
    """Parameters as lib/cmdline.c splits them: at blanks, but not inside double quotes; after "--" they are init's."""
    found, word, quoted = [], "", False
    for character in text + " ":
        quoted ^= character == '"'
        if character.isspace() and not quoted:
            found.append(word.replace('"', ""))
            word = ""
        else:
            word += character
    found.append(word.strip().replace('"', ""))
    words = [word for word in found if word]
    return tuple(words[: words.index("--")] if "--" in words else words)
