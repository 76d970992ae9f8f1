"""The kernel's ring buffer: records, gaps, what programs wrote, the device, and the boot lines about the hypervisor."""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import machine
from virt_collectors.errors import Absent, Denied, SourceError
from virt_collectors.host import kmsg
from virt_collectors.host.live import LiveHost
from virt_collectors.kernel_log import KernelLog, parse_log, read_kernel_log
from virt_collectors.source import Source

LOST = kmsg.LOST.decode()


def reading(answers: Iterable[bytes | int]) -> Callable[[], bytes]:
    """Records, and errnos in between, as read(2) gives them; EAGAIN at the end."""
    rest = iter(answers)

    def read() -> bytes:
        answer = next(rest, errno.EAGAIN)
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        return answer

    return read


def lines(*answers: bytes | int) -> list[str]:
    return kmsg.Reader(reading(answers)).news().splitlines()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # Documentation/ABI/testing/dev-kmsg
        (b"7,160,424069,-;pci_root PNP0A03:00: host bridge window\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
         ["[    0.424069] pci_root PNP0A03:00: host bridge window"]),
        (b"6,339,5140900,-,caller=T1;NET: Registered protocol family 10\n",
         ["[    5.140900] NET: Registered protocol family 10"]),
        (b"6,700,3284000000123,-; vda: vda1 vda2\n", ["[3284000.000123]  vda: vda1 vda2"]),
        (b"6,1,0,-;a;b,c\n", ["[    0.000000] a;b,c"]),
        (b"4,2,1,-;caf\xc3\xa9 \xff\n", ["[    0.000001] caf\xe9 \ufffd"]),
        (b"6,1,0,-;\n", []),
        (b"6,1,0,-", []),
        (b"6,1;text", []),
        (b"6,1,x,-;text", []),
        (b"6,1,-5,-;text", []),
        (b"6,x,5,-;text", []),
        (b"6,1," + b"9" * 5000 + b",-;text", []),
        (b"6," + b"9" * 5000 + b",1,-;text", []),
    ],
)  # fmt: skip
def test_records(record: bytes, expected: list[str]) -> None:
    assert lines(record) == expected


@pytest.mark.parametrize(
    "record",
    [
        b"12,5,1000000,-;EXT4-fs error (device xvda1): ext4_lookup: feigned\n",  # echo '<4>…' > /dev/kmsg: facility user
        b"30,5,5690716,-;udevd[80]: starting version 181\n",
        b"8,5,1000000,-;Buffer I/O error on dev xvda, logical block 1\n",
    ],
)
def test_what_programs_write_is_left_out(record: bytes) -> None:
    assert lines(record) == []
    assert lines(b"6,4,1,-;a\n", record, b"6,6,2,-;b\n") == ["[    0.000001] a", "[    0.000002] b"], "and is no gap"


def test_systemds_word_on_the_hypervisor_stays() -> None:
    assert lines(b"30,340,5690716,-;systemd[1]: Detected virtualization xen.\n") == [
        "[    5.690716] systemd[1]: Detected virtualization xen."
    ]


@given(st.lists(st.one_of(st.binary(max_size=80), st.just(errno.EPIPE)), max_size=20))
def test_any_bytes_are_lines_with_a_stamp(answers: list[bytes | int]) -> None:
    text = kmsg.Reader(reading(answers)).news()
    assert text == "" or text.endswith("\n")
    for line in text.split("\n")[:-1]:
        stamp, bracket, _ = line.partition("] ")
        assert stamp.startswith("[")
        assert bracket


@given(
    st.integers(0, 1 << 60),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1),
)
def test_time_and_message_are_kept(microseconds: int, message: str) -> None:
    text = kmsg.Reader(reading([f"6,1,{microseconds},-;{message}\n KEY=value\n".encode()])).news()
    stamp, _, said = text.removesuffix("\n").partition("] ")
    assert said == message
    assert int(stamp[1:].strip().replace(".", "")) == microseconds


def test_an_overrun_is_survived_and_measured() -> None:
    """EPIPE: the ring ran over what we were to read next; the sequence numbers tell how much."""
    ring = kmsg.Reader(reading([b"6,10,1000000,-;a\n", errno.EPIPE, b"6,15,2000000,-;b\n", b"6,16,3000000,-;c\n"]))
    assert ring.news().splitlines() == [
        "[    1.000000] a",
        f"[    2.000000] {LOST}4",
        "[    2.000000] b",
        "[    3.000000] c",
    ]


def test_an_overrun_between_two_readings_is_measured_too() -> None:
    again = reading([b"6,10,1,-;a\n", errno.EAGAIN, errno.EPIPE, b"6,111,2,-;b\n"])
    ring = kmsg.Reader(again)
    assert ring.news() == "[    0.000001] a\n"
    log = parse_log(ring.news())
    assert (log.lost, log.lines) == (100, 2)


def test_what_the_ring_overwrote_before_we_came_is_no_loss() -> None:
    assert parse_log("\n".join(lines(b"6,5000,1,-;a\n"))).lost == 0


def test_an_endless_overrun_ends() -> None:
    asked = []

    def read() -> bytes:
        asked.append(1)
        raise OSError(errno.EPIPE, "")

    assert kmsg.Reader(read).news() == ""
    assert len(asked) <= kmsg.RECORDS


def test_a_flood_gives_the_latest_lines_in_bounded_space() -> None:
    filler = b"x" * 7000
    count = 3 * kmsg.TEXT // len(filler)
    records = (b"6,%d,%d,-;%d %s\n" % (number, number, number, filler) for number in range(count))
    text = kmsg.Reader(reading(records)).news()
    assert kmsg.TEXT - 8192 < len(text) <= kmsg.TEXT + 200
    log = parse_log(text)
    assert f" {count - 1} xx" in text[-8000:]
    assert log.lost + log.lines - 1 == count, "told and lost are all there was"


def test_any_other_error_is_told() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        kmsg.Reader(reading([b"6,1,1,-;a\n", errno.EIO])).news()


def test_the_device_stays_open_and_is_read_on(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "kmsg")  # gives one write a read where we read between them
    writer = os.open(tmp_path / "kmsg", os.O_RDWR)
    ring = kmsg.Ring(str(tmp_path / "kmsg"))
    try:
        os.write(writer, b"6,1,1000000,-;first\n KEY=1\n")
        assert ring.news() == "[    1.000000] first\n"
        assert ring.news() == ""
        os.write(writer, b"6,9,2000000,-;second\n")
        assert ring.news() == f"[    2.000000] {LOST}7\n[    2.000000] second\n"
    finally:
        os.close(writer)


def test_a_host_follows_its_ring(tmp_path: pathlib.Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/kmsg")
    writer = os.open(tmp_path / "dev/kmsg", os.O_RDWR)
    host = LiveHost(str(tmp_path))
    try:
        os.write(writer, b"6,1,1,-;a\n")
        assert host.kernel_log() == "[    0.000001] a\n"
        assert host.kernel_log() == ""
    finally:
        os.close(writer)


def test_a_descriptor_that_systemd_passed_on_is_used(tmp_path: pathlib.Path) -> None:
    """The device itself would refuse to be opened: it is not there."""
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(reader - 2), "LISTEN_FDNAMES": ""}
    environment["LISTEN_FDNAMES"] = ":".join(["other"] * (reader - 3) + ["kmsg"])
    ring = kmsg.Ring(str(tmp_path / "nothing"), environment)
    try:
        os.write(writer, b"6,1,1,-;a\n")
        assert ring.news() == "[    0.000001] a\n"
        assert ring.news() == "", "and does not block"
        assert not os.get_inheritable(reader)
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "kmsg"}, 3),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "web:tls:kmsg"}, 5),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "kmsg"}, None),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web:kmsg"}, None),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "unknown"}, None),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x", "LISTEN_FDNAMES": "kmsg"}, None),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "9" * 5000, "LISTEN_FDNAMES": "kmsg"}, None),
        ({"LISTEN_PID": "7", "LISTEN_FDNAMES": "kmsg"}, None),
        ({}, None),
    ],
)
def test_which_descriptor_was_passed_on(environment: dict[str, str], expected: int | None) -> None:
    assert kmsg.passed_on(environment, 7) == expected


def test_no_device_is_absent_and_a_directory_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Absent):
        kmsg.Ring(str(tmp_path / "kmsg")).news()
    with pytest.raises(SourceError, match="EISDIR"):
        kmsg.Ring(str(tmp_path)).news()


def test_this_machines_log_is_read_or_denied() -> None:
    host = LiveHost()
    try:
        text = host.kernel_log()
    except (Absent, Denied):
        return
    assert all(line.startswith("[") for line in text.splitlines())
    assert len(host.kernel_log()) < len(text) or not text


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
