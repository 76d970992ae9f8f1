"""The kernel's ring buffer: records, the device, and the boot lines about the hypervisor."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import machine
from virt_collectors.errors import Absent, Denied, SourceError
from virt_collectors.host import kmsg
from virt_collectors.host.live import LiveHost
from virt_collectors.kernel_log import KernelLog, parse_log, read_kernel_log
from virt_collectors.source import Source


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # Documentation/ABI/testing/dev-kmsg
        (b"7,160,424069,-;pci_root PNP0A03:00: host bridge window\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
         ["[    0.424069] pci_root PNP0A03:00: host bridge window"]),
        (b"6,339,5140900,-,caller=T1;NET: Registered protocol family 10\n",
         ["[    5.140900] NET: Registered protocol family 10"]),
        (b"30,340,5690716,-;udevd[80]: starting version 181\n", ["[    5.690716] udevd[80]: starting version 181"]),
        (b"6,700,3284000000123,-; vda: vda1 vda2\n", ["[3284000.000123]  vda: vda1 vda2"]),
        (b"6,1,0,-;a;b,c\n", ["[    0.000000] a;b,c"]),
        (b"4,2,1,-;caf\xc3\xa9 \xff\n", ["[    0.000001] caf\xe9 \ufffd"]),
        (b"6,1,0,-;\n", []),
        (b"6,1,0,-", []),
        (b"6,1;text", []),
        (b"6,1,x,-;text", []),
        (b"6,1,-5,-;text", []),
        (b"6,1," + b"9" * 5000 + b",-;text", []),
        (b"", []),
    ],
)  # fmt: skip
def test_records(record: bytes, expected: list[str]) -> None:
    assert kmsg.lines(record) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_lines_with_a_stamp(record: bytes) -> None:
    for line in kmsg.lines(record):
        assert line.startswith("[")
        assert "] " in line


@given(st.integers(0, 1 << 60), st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1))
def test_time_and_message_are_kept(microseconds: int, message: str) -> None:
    (line,) = kmsg.lines(f"6,1,{microseconds},-;{message}\n KEY=value\n".encode())
    stamp, _, text = line.partition("] ")
    assert text == message
    assert int(stamp[1:].strip().replace(".", "")) == microseconds


def test_the_device_is_read_until_it_has_no_more(tmp_path: pathlib.Path) -> None:
    # a FIFO gives one write a read where we read between them; all at once is one record here
    os.mkfifo(tmp_path / "kmsg")
    writer = os.open(tmp_path / "kmsg", os.O_RDWR)
    os.write(writer, b"6,1,1000000,-;first\n KEY=1\n")
    try:
        assert kmsg.read(str(tmp_path / "kmsg")) == "[    1.000000] first\n"
        assert kmsg.read(str(tmp_path / "kmsg")) == ""
    finally:
        os.close(writer)


def test_no_device_is_absent_and_a_directory_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Absent):
        kmsg.read(str(tmp_path / "kmsg"))
    with pytest.raises(SourceError, match="EISDIR"):
        kmsg.read(str(tmp_path))


def test_this_machines_log_is_read_or_denied() -> None:
    try:
        text = LiveHost().kernel_log()
    except (Absent, Denied):
        return
    assert all(line.startswith("[") for line in text.splitlines()[:50])


BANNERS = [
    ("[    0.000000] Hypervisor detected: Xen HVM\n", "Hypervisor detected: Xen HVM"),
    ("[    0.000000] Booting paravirtualized kernel on Xen HVM\n", "Booting paravirtualized kernel on Xen HVM"),
    ("[    0.000000] Booting kernel on Xen PVH\n", "Booting kernel on Xen PVH"),
    ("[    0.000000][    T0] Xen version: 4.17.5\n", "Xen version: 4.17.5"),
    ("[    0.000000] Xen version 4.11.amazon.\n", "Xen version 4.11.amazon."),
    ("[    1.2] xen_platform_pci_unplug: 1\n", "xen_platform_pci_unplug: 1"),
    ("[    2.0] systemd[1]: Detected virtualization xen.\n", "systemd[1]: Detected virtualization xen."),
    ("Hypervisor detected: KVM", "Hypervisor detected: KVM"),
]


@pytest.mark.parametrize(("text", "banner"), BANNERS)
def test_banners_lose_their_stamp(text: str, banner: str) -> None:
    assert parse_log(f"[    0.000000] Linux version 6.1\n{text}") == KernelLog((banner,), 2)


def test_banners_are_in_the_order_they_were_printed() -> None:
    log = parse_log("".join(text for text, _ in BANNERS[::-1][1:]))
    assert log.banners == tuple(banner for _, banner in BANNERS[::-1][1:])


def test_a_repeated_banner_does_not_crowd_out_the_others() -> None:
    flood = "".join(f"[    {at}.0] foo: Hypervisor detected: {at}\n" for at in range(100))
    log = parse_log(f"[    0.0] Booting kernel on Xen\n{flood}[  200.0] Xen version 4.2\n")
    assert {"Booting kernel on Xen", "Xen version 4.2"} <= set(log.banners)
    assert len(log.banners) < 50


def test_a_line_with_two_banners_is_told_once() -> None:
    assert parse_log("[ 0.0] Hypervisor detected: Xen version 4\n").banners == ("Hypervisor detected: Xen version 4",)


@given(st.lists(st.sampled_from([text for text, _ in BANNERS] + ["[    0.0] x\n", "\n", "]", "[", "é"])).map("".join))
def test_any_log_gives_short_banners_out_of_it(text: str) -> None:
    log = parse_log(text)
    assert log.lines == len(text.split("\n")) - (text == "" or text.endswith("\n"))
    assert all(banner in text and len(banner) <= 200 and "\n" not in banner for banner in log.banners)


def test_a_snapshot_without_a_log_is_quiet_and_a_denied_one_too(tmp_path: pathlib.Path) -> None:
    nothing = Source(machine(tmp_path / "a", {}))
    denied = Source(machine(tmp_path / "b", {}, errors={"virt-agent/kernel.log": "EPERM"}))
    assert read_kernel_log(nothing) is None
    assert read_kernel_log(denied) is None
    assert (nothing.problems, denied.problems) == ([], [])
    assert (nothing.unreadable, denied.unreadable) == ({}, {"dev/kmsg": "EPERM"})


def test_an_unreadable_log_is_loud(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path, {}, errors={"virt-agent/kernel.log": "EIO"}))
    assert read_kernel_log(source) is None
    assert [error.code for error in source.problems] == ["EIO"]
