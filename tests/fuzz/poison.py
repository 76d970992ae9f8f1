"""Guests in which every text that somebody else may choose is the same joke: names of devices and files, what firmware,
disks and cards say of themselves, the kernel's log, the metadata, and what stands in configuration files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests import corpus
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernel_patterns import GROUPS

# The nastiest: escape sequences, controls of both kinds, what turns or hides writing, what ends a text in some form, length.
NASTY = (
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31mred\x9b0m\x85\x90q\x9c",
    "a\nVIRT-AGENT OK: fake\r\nvirt_fake 1\n# EOF\n",
    "x" * 5000,
    '"><script>alert(1)</script><img src=x onerror=y>',
    "'\"`--></style></title><!--<![CDATA[&lt;",
    '{"a": "b\\u0000"}\\',
    'v"} 1\nvirt_injected{a="b',
    "| rm -rf / ; $(id) `id` %s %n {0} {x}",
    "\u202eevil\u202c\u2066x\u2069",
    "\u200b\u200d\ufeff\u2060\u00ad",
    "\u2028\u2029\x0b\x0c\x1c\x1d\x1e",
    "\udc80\udcff\ud800",
    "\x00",
    "\x7f\x08\x08\x08",
    " ",
    "..",
    "-rf",
    "=",
    "\ufdfa" * 300 + "\U0001f9e8e\u0301",
    "0" * 400,
    "NaN",
    "[    0.000000] ",
    'a b=c level=error msg="x" <3>',
)  # fmt: skip

_NAMED = (
    "sys/block",
    "sys/class/net",
    "sys/class/block",
    "sys/class/nvme",
    "sys/bus/xen/devices",
    "sys/bus/virtio/devices",
)
_WORDS = re.compile(r"\b(xvd[a-z]\d?|nvme\d(?:n\d)?|sd[a-z]\d?|vd[a-z]\d?|eth\d|ens\d|vbd-\d+|vif-\d)\b")
_LONGEST = 300  # characters of a name
_MAC = "02:00:00:00:00:01"

Change = Callable[[bytes, bytes], bytes]


def _instead(_content: bytes, raw: bytes) -> bytes:
    return raw[:4096]


def _behind(content: bytes, raw: bytes) -> bytes:
    return content.rstrip(b"\n") + b" " + raw + b"\n"


def _model(content: bytes, raw: bytes) -> bytes:
    return re.sub(rb"(model name|vendor_id)(\s*): [^\n]*", lambda found: found[0] + raw.replace(b"\n", b" "), content)


_TEXTS: tuple[tuple[re.Pattern[str], Change], ...] = (
    (re.compile(r"sys/(class/dmi/id|devices/virtual/dmi/id)/[a-z_]+"), _instead),
    (re.compile(r"sys/hypervisor/(version/.*|compilation/.*|properties/capabilities|uuid)"), _instead),
    (re.compile(r".*/(model|serial|firmware_rev|address|nodename|modalias|operstate|wwid|state|version)"), _instead),
    (re.compile(r"sys/devices/system/clocksource/.*"), _behind),
    (re.compile(r"proc/sys/kernel/(hostname|osrelease|version|random/boot_id)"), _instead),
    (re.compile(r"proc/(cmdline|modules|version|swaps|mounts)"), _behind),
    (re.compile(r"proc/cpuinfo"), _model),
)


def poisoned(machine: str, evil: str) -> MemoryTree:
    """One of the known machines with the joke in all these places."""
    original = corpus.copy(machine)
    names = {name for folder in _NAMED if original.kind(folder) for name in original.names(folder)} - {"lo"}
    new = {name: named(evil, number) for number, name in enumerate(sorted(names))}
    made, raw = MemoryTree(), evil.encode("utf-8", "surrogateescape" if "\ud800" not in evil else "surrogatepass")
    for path, entry in original._entries.items():
        if path and isinstance(entry, bytes):
            made.add(_renamed(path, new), _content(path, entry, raw))
        elif path:
            made.add(_renamed(path, new), _renamed(entry, new) if isinstance(entry, str) else entry)
    for path, content in _more(new, evil).items():
        made.add(path, content.encode("utf-8", "surrogatepass") if isinstance(content, str) else raw)
    return made


def named(evil: str, number: int) -> str:
    """A name that a directory could hold: bytes but "/" and NUL, of which those that are no UTF-8 come as U+DC80 to U+DCFF."""
    return re.sub("[/\0\ud800-\udc7f]", "_", evil[:_LONGEST]) + str(number)


def _renamed(path: str, new: dict[str, str]) -> str:
    return "/".join(new.get(part, part) for part in path.split("/"))


def _content(path: str, content: bytes, raw: bytes) -> bytes:
    if path.endswith(".json"):
        return _answer(content, raw)
    return next((change(content, raw) for form, change in _TEXTS if form.fullmatch(path)), content)


def _answer(content: bytes, raw: bytes) -> bytes:
    """The texts at the ends of a JSON document, but for registers and errnos."""
    joke = raw.decode("utf-8", "surrogateescape")

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [changed(each) for each in value]
        plain = not isinstance(value, str) or re.fullmatch("0x[0-9a-f]+|E[A-Z0-9]+|ok|v2", value)
        return value if plain else f"{value}{joke}"

    return json.dumps(changed(json.loads(content))).encode()


def _more(new: dict[str, str], evil: str) -> dict[str, str | None]:
    """Files that the machine need not have; None is the joke alone."""
    some = next(iter(new.values()), named(evil, 0))
    line = evil.replace("\n", " ").replace("\0", " ")
    samples = [sample for group in GROUPS for pattern in group.patterns for sample in pattern.samples[:1]]
    spoken = [_WORDS.sub(lambda _found: line[:60], sample) for sample in samples]
    return {
        "virt-agent/kernel.log": "".join(
            f"[   {number}.000001] {text}\n" for number, text in enumerate([*samples, *spoken])
        ),
        "etc/os-release": f'PRETTY_NAME="{evil}"\n',
        "etc/fstab": f"/dev/{line} /{line} ext4 {line} 0 1\nUUID={line} / ext4 x 0 1\n/dev/xvdf /mnt auto defaults 0 0\n",
        "etc/netplan/a.yaml": f'network:\n  ethernets:\n    eth0: {{match: {{name: "{line}"}}}}\n    "{line}": {{}}\n',
        f"etc/netplan/{named(evil, 1)}.yaml": "network: [",
        "etc/crypttab": f"{line} /dev/xvdb1 {line}\n",
        "etc/udev/rules.d/70-persistent-net.rules": f'ATTR{{address}}=="{_MAC}", NAME="{line}"\n',
        "proc/self/mountinfo": f"22 1 202:1 / / rw - ext4 /dev/{some} rw\n23 22 202:1 / /{line.replace(' ', chr(92) + '040')} rw - {line} /dev/{some} ro\n",
        "boot/grub/grub.cfg": f"set default='{line}'\nmenuentry '{line}' {{ linux /vmlinuz-{line} root={line} ; initrd /{line} }}\n",
        f"boot/vmlinuz-{named(evil, 2)}": "MZ",
        f"boot/initrd.img-{named(evil, 2)}": "0707",
        "proc/1/environ": f"container={evil}\0",
        "run/systemd/container": None,
        "proc/1/cgroup": f"0::/{line}.service\n",
    }
