"""Firmware texts. Vendors and products stay, for they name the hypervisor; serial numbers and asset tags do not."""

from __future__ import annotations

from .pseudonyms import Pseudonyms

# Tags by which clouds and hypervisors make themselves known: cloud-init's ds-identify, systemd's virt.c.
ASSET_TAGS = (
    "7783-7084-3265-9085-8269-3286-77",
    "OracleCloud.com",
    "OpenStack",
    "HUAWEICLOUD",
    "ibmcloud",
    "Amazon EC2",
)
_SERIALS = ("product_serial", "board_serial", "chassis_serial")
_NEVER_SET = frozenset("\udcff.")  # 0xff bytes, undecodable
_TAGS = ("chassis_asset_tag", "board_asset_tag")
NUMBERED = (*_SERIALS, *_TAGS)


def text(names: Pseudonyms, name: str, content: str) -> str:
    """One file of /sys/class/dmi/id."""
    value = content.strip(" \t\n\0")
    if name not in (*_SERIALS, *_TAGS, "product_uuid") or set(value) <= _NEVER_SET:
        return content
    replaced = _asset_tag(names, value) if name in _TAGS else names.serial(value)
    return content.replace(value, replaced)


def _asset_tag(names: Pseudonyms, value: str) -> str:
    known = next((tag for tag in ASSET_TAGS if value.startswith(tag)), None)
    if known is not None:
        return known if value == known else f"{known} {names.word('asset', value)}"
    return names.resource(value) if names.resource(value) != value else names.serial(value)


def smbios(table: bytes) -> bytes:
    """The first type 0 structure without its texts, and an end: what the VM bit is read from.

    The others hold serial numbers, the uuid and what an administrator wrote.
    """
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        if kind == 0:
            return table[at : at + length] + _end_unless_cut(table, at + length)
        end = table.find(b"\0\0", at + length)
        if kind == 127 or length < 4 or end < 0:
            break
        at = end + 2
    return _END if table else b""


_END = b"\x7f\x04\xfe\xff\0\0"


def _end_unless_cut(table: bytes, end: int) -> bytes:
    return b"\0\0" + _END if end <= len(table) else b""
