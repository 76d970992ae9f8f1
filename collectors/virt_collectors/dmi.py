"""The firmware's texts, /sys/class/dmi/id (drivers/firmware/dmi-id.c), and the SMBIOS "VM" bit.

The texts are whatever the firmware says, or what somebody passed to `qemu -smbios`. Absent in
Xen PV and PVH guests and in Firecracker. product_uuid and the serial numbers are root's alone.
The VM bit (SMBIOS 3.2, 7.1.2.2: type 0, byte 13h, bit 4) is readable by root, in
/sys/firmware/dmi/tables/DMI always, in entries/0-0/raw where module dmi-sysfs is loaded.
Set, it proves a virtual machine; clear, it proves nothing on x86 (hvmloader and GCE leave it).
"""

from __future__ import annotations

from .record import Record
from .source import Source

ROOT = "sys/class/dmi/id"
_VM_BIT_BYTE, _VM_BIT = 0x13, 0x10


class Dmi(Record):
    """Texts by the kernel's file names; None where not offered, not readable or never set."""

    sys_vendor: str | None = None
    product_name: str | None = None
    product_version: str | None = None
    product_uuid: str | None = None
    product_serial: str | None = None
    product_family: str | None = None
    bios_vendor: str | None = None
    bios_version: str | None = None
    bios_date: str | None = None
    board_vendor: str | None = None
    board_asset_tag: str | None = None
    chassis_vendor: str | None = None
    chassis_asset_tag: str | None = None
    vm_bit: bool | None = None
    vm_bit_path: str | None = None


def read_dmi(source: Source) -> Dmi | None:
    """All the texts and the VM bit; None on a machine without firmware tables."""
    texts = {name: _text(source, name) for name in Dmi.fields if not name.startswith("vm_bit")}
    bit, path = read_vm_bit(source)
    if bit is None and not any(texts.values()) and not source.unreadable:
        return None
    return Dmi(**texts, vm_bit=bit, vm_bit_path=path)


def _text(source: Source, name: str) -> str | None:
    text = source.text(f"{ROOT}/{name}", tolerate=("MALFORMED",))  # some firmware holds rubbish there
    return None if not text or set(text) <= {"\ufffd", "."} else text  # never set: 0xff bytes (cloud-init, dmi.py)


def read_vm_bit(source: Source) -> tuple[bool | None, str | None]:
    """The VM bit and the file it stands in."""
    for path in ("sys/firmware/dmi/entries/0-0/raw", "sys/firmware/dmi/tables/DMI"):
        table = source.raw(path)
        if not table:
            continue
        bit = parse_vm_bit(table)
        if bit is not None:
            return bit, path
        if bios_information(table) is None:
            source.malformed(path, "has no whole SMBIOS type 0 structure")
    return None, None


def parse_vm_bit(table: bytes) -> bool | None:
    """The bit in the first type 0 structure of an SMBIOS table; None where there is none (before SMBIOS 2.3)."""
    structure = bios_information(table)
    if structure is None or len(structure) <= _VM_BIT_BYTE:
        return None
    return bool(structure[_VM_BIT_BYTE] & _VM_BIT)


def bios_information(table: bytes) -> bytes | None:
    """The first type 0 structure without its texts; None where the table has none that is whole."""
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        if kind == 0 and length >= 4 and at + length <= len(table):
            return table[at : at + length]
        if kind in (0, 127) or length < 4:
            return None
        end = table.find(b"\0\0", at + length)
        if end < 0:
            return None
        at = end + 2
    return None
