"""Files that name disks and network cards, and hold secrets beside them: what names a device stays, the rest goes."""

from __future__ import annotations

from .identifiers import Scrubber
from .tables import words

_STANZAS = words("auto iface rename mapping source source-directory hwaddress")


def interfaces(scrubber: Scrubber, text: str) -> str:
    """interfaces(5): what names cards; other options go, for keys of wireless networks are among them."""
    lines = [line for line in text.splitlines() if line.split()]
    kept = [line for line in lines if line.split()[0] in _STANZAS or line.split()[0].startswith("allow-")]
    return "".join(scrubber.text(line) + "\n" for line in kept)


def devices(scrubber: Scrubber, text: str) -> str:
    """lvm.conf(5), lvmdevices(8), mdadm.conf(5), smartd.conf(5), hdparm.conf: lines with a device; no mail address, no id of a volume."""
    lines = [line for line in text.splitlines() if "/dev/" in line or line.startswith(("ARRAY", "DEVICE"))]
    return "".join(scrubber.text(" ".join(word for word in line.split() if _is_plain(word))) + "\n" for line in lines)


def _is_plain(word: str) -> bool:
    return "@" not in word and not word.startswith(("PVID=", "name="))
