"""Parsers of text and bytes, on lines from real machines and on broken ones."""

from __future__ import annotations

import pytest

from tests.machines import present
from virt_collectors.block import is_nvme_path
from virt_collectors.boot import Boot, parse_cmdline
from virt_collectors.cpu import parse_cpuinfo
from virt_collectors.devicetree import parse_strings
from virt_collectors.dmi import parse_vm_bit
from virt_collectors.drivers import parse_modules, parse_paths
from virt_collectors.memory import parse_pressure
from virt_collectors.pci import PciDevice, parse_proc
from virt_collectors.processor import parse_processor
from virt_collectors.source import whole
from virt_collectors.xenbus import disk_number


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("0", 10, 0), ("42", 10, 42), ("-1", 10, -1), ("007", 10, 7), ("0x1d0f", 16, 0x1D0F), ("0XFF", 16, 255),
        ("00000705", 16, 0x705), ("f", 16, 15), ("-0x10", 16, -16), ("0b1", 16, 0xB1),
        ("", 10, None), ("-", 10, None), ("--1", 10, None), ("+1", 10, None), ("1_000", 10, None), (" 1", 10, None),
        ("1 ", 10, None), ("1.5", 10, None), ("0x10", 10, None), ("0x", 16, None), ("0x0x10", 16, None),
        ("1f", 10, None), ("\u0663", 10, None), ("\xb2", 10, None), ("9" * 41, 10, None), ("9" * 5000, 10, None),
    ],
)  # fmt: skip
def test_whole_numbers(text: str, base: int, expected: int | None) -> None:
    assert whole(text, base) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  \n", ()),
        ("BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n", ("BOOT_IMAGE=/vmlinuz", "root=/dev/vda1", "ro", "quiet")),
        ('dyndbg="file a.c +p" quiet', ("dyndbg=file a.c +p", "quiet")),
        ('"a b"=c', ("a b=c",)),
        ('open="not closed at all', ("open=not closed at all",)),
        ("xen_nopv -- single xen_emul_unplug=never", ("xen_nopv",)),
        ("a\tb\nc", ("a", "b", "c")),
    ],
)
def test_the_command_line(text: str, expected: tuple[str, ...]) -> None:
    assert parse_cmdline(text) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [("xen_nopv", ""), ("xen-nopv", ""), ("root", "UUID=1=2"), ("console", "hvc0"), ("nothing", None), ("xen", None)],
)
def test_a_parameters_value(key: str, value: str | None) -> None:
    boot = Boot(parse_cmdline("console=tty0 root=UUID=1=2 xen_nopv console=hvc0"))
    assert boot.value(key) == value


X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 62
model name\t: Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz
stepping\t: 4
cpu MHz\t\t: 2500.042
cache size\t: 25600 KB
flags\t\t: fpu vme hypervisor vmx
bugs\t\t:

processor\t: 1
vendor_id\t: Other
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes
CPU implementer\t: 0x41
CPU architecture: 8

processor\t: 1
"""
S390 = """vendor_id       : IBM/S390
# processors    : 2
bogomips per cpu: 3241.00
processor 0: version = 00,  identification = 1A5EA7,  machine = 2964
processor 1: version = 00,  identification = 1A5EA7,  machine = 2964
"""
POWER = "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\nclock\t\t: 2500.000000MHz\n"


def test_an_x86_processor() -> None:
    cpu = present(parse_cpuinfo(X86))
    assert (cpu.processors, cpu.vendor, cpu.family, cpu.model, cpu.stepping) == (2, "GenuineIntel", 6, 62, 4)
    assert cpu.flags == frozenset({"fpu", "vme", "hypervisor", "vmx"})
    assert (cpu.form, cpu.hardware_virtualization) == ("x86", "vmx")


@pytest.mark.parametrize(
    ("text", "processors", "form"), [(ARM, 2, "arm64"), (S390, 2, None), (POWER, 1, None)], ids=["arm", "s390", "power"]
)
def test_other_processors_have_no_x86_flags(text: str, processors: int, form: str | None) -> None:
    cpu = present(parse_cpuinfo(text))
    assert (cpu.processors, cpu.flags, cpu.form, cpu.hardware_virtualization) == (processors, None, form, None)


@pytest.mark.parametrize(("flags", "expected"), [("svm fpu", "svm"), ("svmx vmxx", None), ("", None)])
def test_hardware_virtualization_is_a_whole_flag(flags: str, expected: str | None) -> None:
    assert present(parse_cpuinfo(f"processor : 0\nflags : {flags}\n")).hardware_virtualization == expected


@pytest.mark.parametrize("text", ["", "\n\n", "flags : vmx\n", "processor", "cpu : 1\n"])
def test_a_text_without_processor_is_none(text: str) -> None:
    assert parse_cpuinfo(text) is None


BIOS = "00180000010200e80300800008000000000000000400ffff"  # characteristics at 0x0a, extension byte 2 at 0x13
END = "7f040000"


def table(*structures: str) -> bytes:
    return b"".join(bytes.fromhex(one) + b"text\0\0" for one in structures)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (table(BIOS), False),
        (table(BIOS[:38] + "1c" + BIOS[40:]), True),
        (table(BIOS[:38] + "10" + BIOS[40:]), True),
        (table(BIOS[:38] + "ef" + BIOS[40:]), False),
        (table("01040000", "02060000ffff", BIOS[:38] + "10" + BIOS[40:]), True),
        (table("00120000" + "ff" * 14), None),  # SMBIOS 2.0 has no extension bytes
        (table(END, BIOS), None),
        (table("01040000"), None),
        (table("01020000", BIOS), None),
        (bytes.fromhex(BIOS)[:20], None),
        (b"", None),
        (b"\1\4\0\0", None),
    ],
)
def test_the_vm_bit(content: bytes, expected: bool | None) -> None:
    assert parse_vm_bit(content) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"xen,xen-4.17\0xen,xen\0", ("xen,xen-4.17", "xen,xen")),
        (b"linux,dummy-virt\0", ("linux,dummy-virt",)),
        (b"no end", ("no end",)),
        (b"", ()),
        (b"\0\0 \0", ()),
        (b"\xff\0", ("\ufffd",)),
    ],
)
def test_strings_of_the_device_tree(value: bytes, expected: tuple[str, ...]) -> None:
    assert parse_strings(value) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0010\t58530001\t1c" + "\t0" * 14 + "\txen-platform-pci",
         [PciDevice("0000:00:02.0", 0x5853, 0x0001, None, "xen-platform-pci")]),
        ("0009\t80867010\t0" + "\t0" * 14 + "\t", [PciDevice("0000:00:01.1", 0x8086, 0x7010)]),
        ("ff1f\t1d0fec20\t0", [PciDevice("0000:ff:03.7", 0x1D0F, 0xEC20)]),
        ("0010", []),
        ("", []),
        ("zz\t58530001\t0", []),
        ("0010\txyz", []),
        ("-010\t58530001", []),
        ("0010\t-8530001", []),
        ("0010\t1585300011", []),
        ("10010\t58530001", []),
    ],
)  # fmt: skip
def test_the_pci_table_of_procfs(line: str, expected: list[PciDevice]) -> None:
    assert parse_proc([line]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Documentation/accounting/psi.rst
        ("some avg10=0.18 avg60=0.03 avg300=0.02 total=9154280\nfull avg10=12.50 avg60=0.00 avg300=0.00 total=1\n",
         (0.18, 12.5)),
        ("some avg10=1.00 avg60=0.00 avg300=0.00 total=0\n", (1.0, None)),
        ("", (None, None)),
        ("some\nfull\n", (None, None)),
        ("some avg10= total=1\nfull avg10=a\n", (None, None)),
        ("some avg10=1.2.3\nfull avg10=-1\n", (None, None)),
        (f"some avg10={'9' * 400}\n", (None, None)),
        ("some avg10=. avg60=0\n", (None, None)),
    ],
)  # fmt: skip
def test_pressure(text: str, expected: tuple[float | None, float | None]) -> None:
    assert parse_pressure(text) == expected


def test_modules_in_proc() -> None:
    lines = ["xen_netfront 45056 1 - Live 0x0000000000000000", "ena 98304 0", "", "nvme 1 0 - Live 0x0 (OE)"]
    assert parse_modules(lines) == {"xen_netfront", "ena", "nvme"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, None),
        (b"", set()),
        (b"kernel/drivers/nvmem/nvmem.ko\nkernel/drivers/net/benan.ko\n", set()),
        (b"kernel/drivers/nvme/host/nvme.ko\nkernel/drivers/block/xen-blkfront.ko\n", {"nvme", "xen_blkfront"}),
        (b"kernel/ena.ko.zst: kernel/lib/x.ko.zst\nkernel/virtio_net.ko.xz:\n", {"ena", "virtio_net"}),
        (b"kernel/nvme-core.ko\nkernel/nvme_core.ko\n", set()),
        (b"\xff\xfe\0/ahci.ko\n", {"ahci"}),
    ],
)
def test_modules_on_disk_by_whole_names(content: bytes | None, expected: set[str] | None) -> None:
    assert parse_paths(content) == expected


@pytest.mark.parametrize(
    ("name", "number"),
    [("vbd-51712", 51712), ("vbd-268439552", 268439552), ("vbd-", None), ("vbd", None), ("x-y", None)],
)
def test_the_number_in_a_vbds_name(name: str, number: int | None) -> None:
    assert disk_number(name) == number


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nvme0c0n1", True),
        ("nvme12c3n1", True),
        ("nvme0n1", False),
        ("nvme0", False),
        ("sdc", False),
        ("mmcblk0", False),
    ],
)
def test_paths_of_multipath_nvme(name: str, path: bool) -> None:
    assert is_nvme_path(name) is path


def test_the_processor_by_py_cpuinfo() -> None:
    pytest.importorskip("cpuinfo")
    found = present(parse_processor(X86))
    assert found.brand == "Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz"
    assert (found.family, found.model, found.stepping, found.vendor) == (6, 62, 4, "GenuineIntel")
    assert found.frequency_hz == 2_500_042_000
    assert found.cache_bytes == 25600 * 1024


def test_the_library_is_given_back_as_it_was() -> None:
    library = pytest.importorskip("cpuinfo.cpuinfo")
    before = library.DataSource
    parse_processor(X86)
    parse_processor("rubbish\n")
    assert library.DataSource is before
