"""Files that name disks and network cards, and hold secrets beside them: what names a device stays, the rest goes."""

from __future__ import annotations

import re

from . import names
from .identifiers import Scrubber
from .tables import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..named_devices.block_yaml import Node

_STANZAS = words("auto iface rename mapping source source-directory hwaddress")
_MATCHED = words("Name OriginalName MACAddress PermanentMACAddress Driver Type Path")
_SHELL = re.compile(r"\s*(?:export\s+)?(MODULES|RESUME)=([^#]*)")
_NOT_READ = "network: *redacted\n"  # an alias is beyond the reader, so it says of the file what it said before


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


def networkd(scrubber: Scrubber, text: str) -> str:
    """systemd.network(5), systemd.link(5): which cards are meant, and their names; keys of tunnels go, and addresses."""
    from ..device_names import joined

    kept = (_networkd_line(scrubber, line.strip()) for _, line in joined(text.split("\n")))
    return "".join(line + "\n" for line in kept if line)


def _networkd_line(scrubber: Scrubber, line: str) -> str | None:
    if line.startswith("["):
        return line if re.fullmatch(r"\[[A-Za-z0-9]{1,40}\]", line) else "[Unknown]"
    key, equals, value = (part.strip() for part in line.partition("="))
    if key not in _MATCHED or not equals:
        return None
    if "MACAddress" in key:
        return f"{key}={' '.join(_mac(scrubber, word) for word in value.split())}"
    return scrubber.text(f"{key}={value}")


def _mac(scrubber: Scrubber, word: str) -> str:
    """With colons: the forms that systemd takes beside them would not be known in free text."""
    from ..named_devices.interfaces import address

    found = address(word.strip("\"'"))
    return scrubber.names.mac(found) if re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", found) else "redacted"


def cloud_config(text: str) -> str:
    """etc/cloud/cloud.cfg.d: whether cloud-init leaves the network alone; all else goes, for passwords are among it."""
    from ..errors import Malformed
    from ..named_devices.block_yaml import parse

    try:
        network = _below(parse("", text.removeprefix("\ufeff").split("\n")), "network")
        config = None if network is None else _below(network, "config")
    except Malformed:
        return _NOT_READ
    return "network: {config: disabled}\n" if config is not None and config.value == "disabled" else ""


def _below(node: Node, key: str) -> Node | None:
    """A mapping's value; Malformed where it is no mapping, as the reader of these files has it."""
    from ..errors import Malformed

    if node.why is not None or not (isinstance(node.value, dict) or node.value == ""):
        raise Malformed("", "is no mapping")
    return node.value.get(key) if isinstance(node.value, dict) else None


def initramfs_tools(scrubber: Scrubber, text: str) -> str:
    """initramfs.conf(5): which modules it gets, and what a hibernated system resumes from."""
    found = (match.groups() for match in map(_SHELL.match, text.splitlines()) if match)
    return "".join(f"{key}={_shell_value(scrubber, key, value.strip())}\n" for key, value in found)


def _shell_value(scrubber: Scrubber, key: str, value: str) -> str:
    if key == "MODULES":
        return value if value in ("most", "dep", "list", "netboot") else scrubber.text(value)
    bare = value.strip("\"'")
    return bare if bare in ("none", "auto") else names.device(scrubber.names, bare)
