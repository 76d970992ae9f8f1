"""Addresses in the kernel's routing tables, in netplan's files and in udev's rules.

The tables keep their form and their default route; interfaces keep their names.
"""

from __future__ import annotations

import re

from .identifiers import Scrubber
from .pseudonyms import Pseudonyms
from .tables import words


def route(names: Pseudonyms, text: str) -> str:
    """/proc/net/route: destination and gateway, in hexadecimal, least significant byte first."""
    return "".join(_route_line(names, line) + "\n" for line in text.splitlines())


def _route_line(names: Pseudonyms, line: str) -> str:
    fields = line.split("\t")
    return "\t".join([_hex_ipv4(names, field) if at in (1, 2) else field for at, field in enumerate(fields)])


def _hex_ipv4(names: Pseudonyms, field: str) -> str:
    if not re.fullmatch("[0-9A-Fa-f]{8}", field):
        return field
    found = names.ipv4(".".join(map(str, bytes.fromhex(field)[::-1])))
    return bytes(int(part) for part in found.split("."))[::-1].hex().upper()


def ipv6_route(names: Pseudonyms, text: str) -> str:
    """/proc/net/ipv6_route: every 32 digits are an address."""
    return re.sub(r"\b[0-9a-f]{32}\b", lambda match: _hex_ipv6(names, match[0]), text)


def _hex_ipv6(names: Pseudonyms, digits: str) -> str:
    import ipaddress

    found = names.ipv6(str(ipaddress.IPv6Address(bytes.fromhex(digits))))
    return ipaddress.IPv6Address(found).packed.hex()


# netplan's reference (netplan-yaml.md): keys whose values are words, numbers or addresses.
_PLAIN = words(
    "network version renderer ethernets bonds bridges vlans dummy-devices match macaddress driver set-name"
    " dhcp4 dhcp6 dhcp-identifier dhcp4-overrides dhcp6-overrides use-dns use-ntp use-hostname use-mtu use-domains"
    " use-routes route-metric send-hostname accept-ra addresses gateway4 gateway6 nameservers routes to via from"
    " metric table on-link type scope mtu optional optional-addresses link-local critical wakeonlan emit-lldp"
    " ipv6-privacy ipv6-mtu interfaces parameters mode mii-monitor-interval primary lacp-rate"
    " transmit-hash-policy stp forward-delay hello-time max-age path-cost priority id link routing-policy mark"
    " activation-mode ignore-carrier lifetime label name virtual-function-count embedded-switch-mode"
    " generic-segmentation-offload tcp-segmentation-offload receive-checksum-offload"
)
_BLOCKS = words("ethernets bonds bridges vlans dummy-devices")
_LINE = re.compile(r"(\s*(?:-\s+)*)(?:(['\"]?)([^\s'\":]+)\2\s*:(?=\s|$))?\s*(.*)")
_TOKEN = re.compile(r"[^\s\[\]{},'\"]+")
_KEYS_IN_BRACES = re.compile(r"(['\"])(?P<quoted>[^'\"]*)\1\s*:|(?P<bare>[^\s{},'\":\[\]]+)\s*:(?=[\s{\['\"]|$)")
_INTERFACE = re.compile(r"[a-z][a-z0-9_.@*-]{0,14}")


def netplan(scrubber: Scrubber, text: str) -> str:
    """etc/netplan/*.yaml: known keys with words and addresses; others go with all that is indented below them."""
    kept: list[str] = []
    hidden: int | None = None  # the indentation of a key whose block is left out
    key, blocks = "", {-1: ""}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.split(" #")[0].rstrip())
        if match is None or not match[0].strip() or match[0].lstrip().startswith("#"):
            continue
        indent = len(match[1].expandtabs())
        if hidden is not None and indent > hidden:
            continue
        hidden = None
        above = blocks[max(depth for depth in blocks if depth < indent)] if match[3] else ""
        if match[3] and match[3] not in _PLAIN and not (above in _BLOCKS and _INTERFACE.fullmatch(match[3])):
            scrubber.names.drop("netplan keys")
            hidden = indent
            continue
        if match[3]:
            key = match[3]
            blocks = {depth: name for depth, name in blocks.items() if depth < indent} | {indent: key}
        kept.append(_netplan_line(scrubber, match, key))
    return "".join(line + "\n" for line in kept)


def _netplan_line(scrubber: Scrubber, match: re.Match[str], key: str) -> str:
    given = match[4] if _is_plain_flow(match[4]) else "{}"
    value = _TOKEN.sub(lambda token: _netplan_value(scrubber, key, token[0]), given)
    name = f"{match[2]}{match[3]}{match[2]}:" if match[3] else ""
    return f"{match[1]}{name}{' ' if name and value else ''}{value}"


def _is_plain_flow(value: str) -> bool:
    """No mapping in braces, or one of known keys alone: secrets may stand there on the same line."""
    keys = (found["quoted"] or found["bare"] for found in _KEYS_IN_BRACES.finditer(value))
    return not ("{" in value or "}" in value) or all(key in _PLAIN for key in keys)


def _netplan_value(scrubber: Scrubber, key: str, value: str) -> str:
    replaced = scrubber.forms(value)
    word = re.fullmatch(r"[A-Za-z0-9_.:/@*-]{1,64}", replaced)
    named = re.search("[A-Za-z]{3}", replaced) and "/" in replaced  # a path, not an address with its mask
    return replaced if word and not named and key not in ("label", "search") else "redacted"


_RULE = re.compile(r'(\w+(?:\{\w+\})?)(==|!=|\+=|:?=)"([^"]*)"')
_RULE_KEYS = words("SUBSYSTEM ACTION DRIVERS DRIVER KERNEL KERNELS NAME ATTR{address} ATTR{dev_id} ATTR{type}")


def udev_rules(scrubber: Scrubber, text: str) -> str:
    """udev(7): known keys with addresses and the names of interfaces; comments and programs go."""
    kept = [_rule(scrubber, line) for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "".join(line + "\n" for line in kept if line)


def _rule(scrubber: Scrubber, line: str) -> str:
    found = []
    for key, operator, value in _RULE.findall(line):
        clean = scrubber.forms(value)
        if key in _RULE_KEYS and re.fullmatch(r"[A-Za-z0-9_.:?*|!\[\]-]{0,64}", clean):
            found.append(f'{key}{operator}"{clean}"')
        else:
            scrubber.names.drop("udev keys")
    return ", ".join(found)
