"""CPUID: the machine code, its two ways in, and what the collector makes of the leaves."""

from __future__ import annotations

import os
import pathlib
import platform
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import NO_REGISTERS, machine, present, signed
from virt_collectors.cpuid import Cpuid, Signature, read_cpuid, signature
from virt_collectors.errors import Absent, SourceError
from virt_collectors.host import Registers
from virt_collectors.host import cpuid as asking
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.source import Source

DEVICE = "/dev/cpu/0/cpuid"
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="CPUID is an x86 instruction")
BIT = 1 << 31


def read(directory: pathlib.Path, leaves: dict[int, Registers]) -> Cpuid:
    return present(read_cpuid(Source(machine(directory, {}, cpuid=leaves))))


def test_the_code_file_is_its_commented_source() -> None:
    source = pathlib.Path(asking.CODE).with_suffix(".s").read_text()
    commented = re.findall(r"^    [a-z]+.*?# ((?:[0-9a-f]{2} ?)+)", source, flags=re.MULTILINE)
    code = pathlib.Path(asking.CODE).read_bytes()
    assert code == bytes.fromhex("".join(commented))
    assert len(code) == 27
    assert code.count(bytes.fromhex("0fa2")) == 1


@x86_64
def test_the_instruction_gives_the_vendor_that_the_kernel_shows() -> None:
    leaf = asking.Instruction().read(0)
    vendor = b"".join(value.to_bytes(4, "little") for value in (leaf.ebx, leaf.edx, leaf.ecx)).decode()
    assert f"vendor_id\t: {vendor}\n" in pathlib.Path("/proc/cpuinfo").read_text()


@x86_64
@pytest.mark.skipif(not os.access(DEVICE, os.R_OK), reason=f"{DEVICE} cannot be read here")
def test_instruction_and_device_agree() -> None:
    device, instruction = asking.Device(DEVICE), asking.Instruction()
    assert (device.method, instruction.method) == (DEVICE, "instruction")
    for leaf in (0, *range(0x40000000, 0x40000003), 0x80000000, 0x80000002):
        assert device.read(leaf) == instruction.read(leaf), hex(leaf)
    assert device.read(1).ecx & BIT == instruction.read(1).ecx & BIT
    assert device.read(1).eax == instruction.read(1).eax


@x86_64
def test_the_bit_is_the_kernels_flag() -> None:
    flagged = re.search(r"^flags.*\bhypervisor\b", pathlib.Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    answer = present(read_cpuid(Source(LiveHost())))
    assert answer.hypervisor_bit is (flagged is not None)
    assert bool(answer.signatures) or not flagged


IN_A_SANDBOX = """
import ctypes, mmap, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("the sandbox does not hold")
except PermissionError:
    pass
from virt_collectors.host.cpuid import Instruction
print(Instruction().read(0x40000000))
"""


@x86_64
@pytest.mark.subprocess
def test_the_instruction_runs_where_memory_is_never_writable_and_executable() -> None:
    root = pathlib.Path(asking.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", IN_A_SANDBOX],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (before 6.3)")
    assert (done.stdout, done.stderr) == (f"{asking.Instruction().read(0x40000000)}\n", "")


@pytest.mark.parametrize("place", ["file", "directory", "fifo"])
def test_what_stands_in_the_devices_place_cannot_lie_or_hang(tmp_path: pathlib.Path, place: str) -> None:
    path = tmp_path / "dev/cpu/0/cpuid"
    path.parent.mkdir(parents=True)
    if place == "file":
        path.touch()
    elif place == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    host = LiveHost(str(tmp_path))
    with pytest.raises(SourceError):
        host.cpuid(1)


@x86_64
def test_without_the_device_the_instruction_answers(tmp_path: pathlib.Path) -> None:
    host = LiveHost(str(tmp_path))
    assert host.cpuid_method() == "instruction"
    assert host.cpuid(0) == asking.Instruction().read(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("XenVMMXenVMM", "XenVMMXenVMM"),
        ("KVMKVMKVM", "KVMKVMKVM"),
        ("TCGTCGTCGTCG", "TCGTCGTCGTCG"),
        ("Microsoft Hv", "Microsoft Hv"),
        ("VMwareVMware", "VMwareVMware"),
        ("bhyve bhyve ", "bhyve bhyve "),
        (" lrpepyh  vr", " lrpepyh  vr"),
        ("ACRNACRNACRN", "ACRNACRNACRN"),
        ("", ""),
        ("abc", ""),
        ("\x01\x02\x03\x04", ""),
        ("Xen\0MMXenVMM", ""),
        ("Xe\xe9VMM", ""),
    ],
)
def test_signatures(text: str, expected: str) -> None:
    assert signature(signed(text)) == expected


@given(st.builds(Registers, *[st.integers(0, 0xFFFFFFFF)] * 4))
def test_a_signature_is_printable_ascii_or_nothing(registers: Registers) -> None:
    text = signature(registers)
    assert text == "" or (3 < len(text) <= 12 and text.isascii() and text.isprintable())
    assert signature(signed(text)) == text


def test_the_highest_basic_leaf_of_a_bare_machine_is_no_signature(tmp_path: pathlib.Path) -> None:
    # a Xeon answers every unknown leaf with leaf 0x16: base, maximum and bus frequency in MHz
    rubbish = Registers(0x0BB8, 0x0DAC, 0x64, 0)
    found = read(tmp_path, {1: NO_REGISTERS, **dict.fromkeys(range(0x40000000, 0x40010000, 0x100), rubbish)})
    assert found == Cpuid("instruction", False, ())


def test_the_last_base_is_the_one_where_linux_ends(tmp_path: pathlib.Path) -> None:
    named = range(0x40000000, 0x40020000, 0x100)
    found = read(tmp_path, {1: NO_REGISTERS, **dict.fromkeys(named, signed("KVMKVMKVM"))})
    assert found.signatures[-1].base == 0x4000FF00


def test_few_leaves_are_asked_of_a_machine_without_names(tmp_path: pathlib.Path) -> None:
    # each is an exit to the hypervisor, and from /dev/cpu/0/cpuid a switch to another processor
    host = Recorder(
        machine(
            tmp_path, {}, cpuid={1: NO_REGISTERS, **dict.fromkeys(range(0x40000000, 0x40010000, 0x100), NO_REGISTERS)}
        )
    )
    assert read_cpuid(Source(host)) is not None
    assert len(host.recording.cpuid) == 17  # leaf 1 too


def test_the_bases_are_looked_at_in_order_until_none_follows(tmp_path: pathlib.Path) -> None:
    leaves = {
        1: Registers(0, 0, BIT, 0),
        0x40000000: signed("Microsoft Hv"),
        0x40000100: signed("XenVMMXenVMM"),
        0x40000101: Registers(4 << 16 | 17, 0, 0, 0),
        0x40001100: signed("KVMKVMKVM"),  # fifteen places of nothing before it
        0x40002200: signed("beyond"),  # sixteen
        0x40000080: signed("no base"),
    }
    found = read(tmp_path, leaves)
    assert found.hypervisor_bit is True
    assert found.signatures == (
        Signature(0x40000000, "Microsoft Hv"),
        Signature(0x40000100, "XenVMMXenVMM"),
        Signature(0x40001100, "KVMKVMKVM"),
    )
    assert found.xen_version == "4.17"


@pytest.mark.parametrize(
    ("version", "abilities", "identity", "expected"),
    [
        (0x0004000B, 0, Registers(0x18, 0, 7, 0), ("4.11", False, 7)),
        (0x00040011, 1, Registers(0, 0, 0, 0), ("4.17", True, None)),
        (0x00040011, 0, Registers(0x10, 0, 0, 0), ("4.17", False, 0)),
        (0x00040011, 0, Registers(0x08, 3, 9, 0), ("4.17", False, None)),
        (0, 0xFFFFFFFE, None, (None, False, None)),
    ],
    ids=["hvm", "pv", "domid 0", "vcpu id only", "no leaf 4"],
)
def test_xens_own_leaves(
    tmp_path: pathlib.Path, version: int, abilities: int, identity: Registers | None, expected: tuple[object, ...]
) -> None:
    base = 0x40000200
    leaves = {
        base: signed("XenVMMXenVMM", base + 4),
        base + 1: Registers(version, 0, 0, 0),
        base + 2: Registers(1, 0x40000000, abilities, 0),
    }
    found = read(tmp_path, leaves | ({base + 4: identity} if identity else {}))
    assert (found.xen_version, found.xen_pv, found.xen_domid) == expected
    assert found.hypervisor_bit is None


def test_no_answer_is_not_the_answer_no(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path, {}))
    assert read_cpuid(source) is None
    assert source.problems == []


def test_a_damaged_answer_is_a_problem(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path, {"virt-agent/cpuid.json": '{"leaves": []}'}))
    assert read_cpuid(source) is None
    assert [error.code for error in source.problems] == ["MALFORMED"]


@pytest.mark.skipif(platform.machine() == "x86_64", reason="here is CPUID")
def test_other_processors_have_no_cpuid() -> None:
    with pytest.raises(Absent, match="no CPUID"):
        LiveHost().cpuid(1)
