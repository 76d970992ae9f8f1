"""NVMe: the ioctl, Amazon's log page, the controllers of sysfs."""

from __future__ import annotations

import ctypes
import errno
import os
import pathlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import corpus, ebs_page
from tests.ebs_page import Fields
from tests.machines import Entry, Link, machine, present, problems
from virt_agent import metrics, observe
from virt_agent.selection import Selection
from virt_collectors import nvme, nvme_pages
from virt_collectors.errors import Absent, Denied, Malformed, SourceError, Unreadable, refusal
from virt_collectors.facts import Facts
from virt_collectors.host import Host, NvmeLog, archive
from virt_collectors.host import nvme as ioctls
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.nvme import NvmeController, disks_of, read_nvme
from virt_collectors.record import replace
from virt_collectors.source import Source

COUNTER = st.integers(0, 2**64 - 1)

# the ioctl


class Controller:
    """What stands behind the ioctl: it notes the commands, and answers each with a page, a status or an errno."""

    def __init__(self, *answers: bytes | int | OSError) -> None:
        self.answers = list(answers)
        self.commands: list[tuple[int, ...]] = []

    def __call__(self, descriptor: int, request: int, command: bytearray) -> int:
        assert os.fstat(descriptor).st_rdev == os.stat(os.devnull).st_rdev
        assert (request, len(command)) == (0xC0484E41, 72)
        self.commands.append(struct.unpack("<BBHIIIQQIIIIIIIIII", command))
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, int):
            return answer
        ctypes.memmove(self.commands[-1][7], answer, 4096)
        return 0


@pytest.fixture
def device(tmp_path: pathlib.Path) -> str:
    """A character device that anybody may open."""
    (tmp_path / "nvme0").symlink_to(os.devnull)
    return str(tmp_path / "nvme0")


def test_the_page_is_what_the_controller_put_at_the_address(device: str) -> None:
    page = ebs_page.page(Fields(read_ops=7))
    controller = Controller(page)
    assert ioctls.read_log(device, "dev/nvme0", controller) == page
    (command,) = controller.commands
    opcode, flags, _, namespace, _, _, metadata, _, metadata_length, length, log_and_size, *rest = command
    assert (opcode, flags, namespace, metadata, metadata_length, length) == (0x02, 0, 1, 0, 0, 4096)
    assert log_and_size == 0x03FF00D0
    assert set(rest) == {0}, "no time limit of ours: at its end the driver would reset the controller"


def test_the_wrong_namespace_is_followed_by_all(device: str) -> None:
    page = ebs_page.page()
    controller = Controller(0x400B, page)
    assert ioctls.read_log(device, "dev/nvme0", controller) == page
    assert [command[3] for command in controller.commands] == [1, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ([0x4002, 0x4002], Unreadable, "EOPNOTSUPP"),
        ([0x109], Unreadable, "EOPNOTSUPP"),
        ([0x4001], Unreadable, "EOPNOTSUPP"),
        ([OSError(errno.EACCES, "")], Denied, "EACCES"),
        ([OSError(errno.EPERM, "")], Denied, "EPERM"),
        ([OSError(errno.EIO, "")], Unreadable, "EIO"),
        ([OSError(errno.ENODEV, "")], Absent, "ENODEV"),
    ],
)
def test_refusals(device: str, answers: list[Any], kind: type[SourceError], code: str) -> None:
    controller = Controller(*answers)
    with pytest.raises(SourceError) as caught:
        ioctls.read_log(device, "dev/nvme0", controller)
    assert (type(caught.value), caught.value.code, caught.value.path) == (kind, code, "dev/nvme0")
    assert controller.answers == []


def test_a_device_that_is_no_controller_refuses_the_real_ioctl(device: str) -> None:
    with pytest.raises(Unreadable, match="ENOTTY"):
        ioctls.read_log(device, "dev/nvme0")


def test_only_character_devices_are_opened(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(ebs_page.page())
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "fifo", "."):
        with pytest.raises(Unreadable, match="EFTYPE"):
            ioctls.read_log(str(tmp_path / name), f"dev/{name}", Controller())
    with pytest.raises(Absent):
        ioctls.read_log(str(tmp_path / "nothing"), "dev/nothing", Controller())


def test_no_descriptor_is_left_open(device: str) -> None:
    before = os.listdir("/proc/self/fd")
    for answer in (0x109, OSError(errno.EIO, "")):
        with pytest.raises(SourceError):
            ioctls.read_log(device, "dev/nvme0", Controller(answer))
    assert os.listdir("/proc/self/fd") == before


# the name under which EC2 attached the volume

EBS = b"Amazon Elastic Block Store"


def identified(name: bytes = b"", vendor: int = 0x1D0F, model: bytes = EBS) -> bytes:
    """Identify Controller: vendor id, model at 24, the vendor's bytes from 3072 on."""
    page = bytearray(4096)
    page[0:2], page[24:64] = vendor.to_bytes(2, "little"), model.ljust(40)
    page[3072:3104] = name.ljust(32)
    return bytes(page)


def namespace(name: bytes) -> bytes:
    """Identify Namespace: the vendor's bytes from 384 on."""
    return (bytes(384) + name.ljust(32)).ljust(4096, b"\0")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"sdf", "sdf"),
        (b"/dev/xvda", "xvda"),
        (b"/dev/sda1\0\0", "sda1"),
        (b"  sdg", "sdg"),
        (b"x" * 32, "x" * 32),
    ],
)
def test_the_controller_tells_the_name_of_its_volume(device: str, written: bytes, name: str) -> None:
    asked = Controller(identified(written))
    assert ioctls.read_device_name(device, "dev/nvme0", asked) == name
    ((opcode, _, _, nsid, _, _, _, _, _, length, cns, *rest),) = asked.commands
    assert (opcode, nsid, length, cns) == (0x06, 0, 4096, 1)
    assert set(rest) == {0}, "no time limit of ours"


@pytest.mark.parametrize("written", [b"", b"none", b"\0" * 32, b"/dev/"])
def test_where_the_controller_tells_none_its_namespace_is_asked(device: str, written: bytes) -> None:
    asked = Controller(identified(written), namespace(b"/dev/sdh"))
    assert ioctls.read_device_name(device, "dev/nvme0", asked) == "sdh"
    assert [(command[0], command[3], command[10]) for command in asked.commands] == [(6, 0, 1), (6, 1, 0)]


@pytest.mark.parametrize("second", [namespace(b""), namespace(b"none"), 0x400B])
def test_a_volume_without_a_name_has_none(device: str, second: bytes | int) -> None:
    assert ioctls.read_device_name(device, "dev/nvme0", Controller(identified(), second)) == ""


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (identified(b"sdf", vendor=0x144D), "EOPNOTSUPP"),
        (identified(b"sdf", model=b"Amazon EC2 NVMe Instance Storage"), "EOPNOTSUPP"),
        (identified(b"sdf", model=b"QEMU NVMe Ctrl"), "EOPNOTSUPP"),
        (bytes(4096), "EOPNOTSUPP"),
        (0x4002, "EOPNOTSUPP"),
        (OSError(errno.EACCES, ""), "EACCES"),
        (OSError(errno.EIO, ""), "EIO"),
        (identified(b"sd\xff"), "MALFORMED"),
        (identified(b"sd\nf"), "MALFORMED"),
    ],
)
def test_why_there_is_no_name(device: str, answer: bytes | int | OSError, code: str) -> None:
    asked = Controller(answer)
    with pytest.raises(SourceError) as caught:
        ioctls.read_device_name(device, "dev/nvme0", asked)
    assert (caught.value.code, caught.value.path, len(asked.commands)) == (code, "dev/nvme0", 1)


def test_the_name_is_asked_of_character_devices_and_none_is_left_open(tmp_path: pathlib.Path, device: str) -> None:
    before = os.listdir("/proc/self/fd")
    (tmp_path / "file").write_bytes(identified(b"sdf"))
    with pytest.raises(Unreadable, match="EFTYPE"):
        ioctls.read_device_name(str(tmp_path / "file"), "dev/file", Controller())
    with pytest.raises(Unreadable, match="ENOTTY"):
        ioctls.read_device_name(device, "dev/nvme0")
    assert os.listdir("/proc/self/fd") == before


@given(st.binary(max_size=40))
def test_any_vendors_bytes_are_a_name_or_malformed(raw: bytes) -> None:
    try:
        name = ioctls.device_name("x", raw)
    except Malformed:
        assert not raw[:32].split(b"\0")[0].decode("ascii", "replace").isprintable() or max(raw) > 127
        return
    assert name == name.strip()
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 32


# the page


@given(*[COUNTER] * 11, st.sampled_from([ebs_page.EBS_MAGIC, ebs_page.INSTANCE_STORE_MAGIC]), st.integers(0, 2**32 - 1))
def test_every_page_is_read_back(
    reads: int, writes: int, rb: int, wb: int, rt: int, wt: int, vi: int, vt: int, ii: int, it: int, queue: int,
    magic: int, version: int,
) -> None:  # fmt: skip
    fields = Fields(magic, version, reads, writes, rb, wb, rt, wt, vi, vt, ii, it, queue)
    found = nvme_pages.decode(ebs_page.page(fields), "x")
    ebs = magic == ebs_page.EBS_MAGIC
    assert (found.kind, found.version) == ("ebs" if ebs else "instance_store", version)
    assert (found.read_operations, found.write_operations, found.read_bytes, found.write_bytes) == (
        reads,
        writes,
        rb,
        wb,
    )
    assert (found.read_seconds, found.write_seconds) == (rt / 1e6, wt / 1e6)
    assert found.volume_iops_exceeded_seconds == (vi / 1e6 if ebs else None)
    assert found.volume_throughput_exceeded_seconds == (vt / 1e6 if ebs else None)
    assert (found.instance_iops_exceeded_seconds, found.instance_throughput_exceeded_seconds) == (ii / 1e6, it / 1e6)
    assert found.queue_length == queue


def test_the_fields_stand_where_the_tools_of_amazon_have_them() -> None:
    page = bytearray(4096)
    page[0:4] = (0x3C23B510).to_bytes(4, "little")
    for offset, value in ((8, 1), (24, 3), (40, 5_000_000), (56, 7_000_000), (80, 10_000_000), (88, 11)):
        page[offset : offset + 8] = value.to_bytes(8, "little")
    found = nvme_pages.decode(bytes(page), "x")
    assert (found.read_operations, found.read_bytes, found.read_seconds) == (1, 3, 5.0)
    assert (found.volume_iops_exceeded_seconds, found.instance_throughput_exceeded_seconds) == (7.0, 10.0)
    assert (found.queue_length, found.write_operations) == (11, 0)


@given(
    st.binary(max_size=4200) | st.binary(max_size=80).map(lambda tail: ebs_page.page()[:40] + tail.ljust(4056, b"\xff"))
)
@example(b"")
@example(ebs_page.page()[:-1])
def test_any_bytes_are_statistics_or_malformed(content: bytes) -> None:
    known = len(content) >= 4096 and nvme_pages.kind_of(content) is not None
    for read_page in (nvme_pages.decode, nvme_pages.latencies):
        if known:
            assert read_page(content, "dev/nvme0")
        else:
            with pytest.raises(Malformed, match="dev/nvme0"):
                read_page(content, "dev/nvme0")


@pytest.mark.parametrize(("claimed", "told"), [(None, 2), (0, 0), (64, 64), (65, 64), (2**64 - 1, 64)])
def test_histograms_have_room_for_64_bins_whatever_they_claim(claimed: int | None, told: int) -> None:
    page = ebs_page.page(reads=[(0, 128, 5), (128, 256, 2**32 - 1)], writes=[(0, 1, 9), (1, 2, 8)], bins=claimed)
    reads, writes = nvme_pages.latencies(page, "x")
    assert (len(reads), len(writes)) == (told, told)
    if told:
        assert reads[1] == nvme_pages.LatencyBin(128e-6, 256e-6, 2**32 - 1)
        assert writes[0] == nvme_pages.LatencyBin(0.0, 1e-6, 9)


def test_another_magic_number_is_nobodys() -> None:
    assert nvme_pages.kind_of(b"\0\0\0\0") is None
    assert nvme_pages.kind_of(b"") is None
    with pytest.raises(Malformed, match="0x00000000"):
        nvme_pages.decode(bytes(4096), "dev/nvme0")


# the controllers


def controller(number: int = 0, model: str = "Amazon Elastic Block Store", state: str = "live",
               disk: str | None = None) -> dict[str, Entry]:  # fmt: skip
    """One in sysfs."""
    name = f"nvme{number}"
    above = f"sys/devices/pci0000:00/0000:00:{number + 4:02x}.0/nvme/{name}"
    return {
        f"{above}/model": f"{model:<40}\n",
        f"{above}/serial": f"vol0{number}\n",
        f"{above}/firmware_rev": "1.0     \n",
        f"{above}/state": f"{state}\n",
        f"{above}/transport": "pcie\n",
        f"{above}/cntrltype": "io\n",
        f"{above}/address": f"0000:00:{number + 4:02x}.0\n",
        f"{above}/ng{number}n1": None,
        f"{above}/hwmon1": None,
        f"{above}/{disk or name + 'n1'}/size": "8\n",
        f"sys/class/nvme/{name}": Link(f"../../devices/pci0000:00/0000:00:{number + 4:02x}.0/nvme/{name}"),
        "sys/module/nvme_core/parameters/max_retries": "5\n",
    }


def read(tmp_path: pathlib.Path, files: dict[str, Entry], errors: dict[str, str] | None = None) -> NvmeController:
    source = Source(machine(tmp_path, files, errors, meta={"time": "2026-11-20T03:12:44+00:00"}))
    (found,) = present(read_nvme(source))
    assert problems(source) == []
    return found


def test_a_volume_with_its_statistics(tmp_path: pathlib.Path) -> None:
    page = ebs_page.page(Fields(read_ops=3, queue=2))
    found = read(tmp_path, controller() | {"virt-agent/nvme/nvme0.d0": page})
    assert (found.name, found.model, found.serial) == ("nvme0", "Amazon Elastic Block Store", "vol00")
    assert (found.firmware, found.state, found.transport, found.type) == ("1.0", "live", "pcie", "io")
    assert (found.address, found.disks, found.volume_id) == ("0000:00:04.0", ("nvme0n1",), "vol-00")
    assert (found.max_retries, found.statistics_state) == (5, "ok")
    assert present(found.statistics).queue_length == 2
    assert present(found.statistics_time) == 1795144364.0


@pytest.mark.parametrize(
    ("page", "error", "state"),
    [
        (None, "EACCES", "denied"),
        (None, "EPERM", "denied"),
        (None, "EOPNOTSUPP", "unsupported"),
        (None, "EAGAIN", "not_asked"),
        (None, None, "not_asked"),
        (b"\xff" * 4096, None, "foreign"),
    ],
)
def test_why_there_are_no_statistics(tmp_path: pathlib.Path, page: bytes | None, error: str | None, state: str) -> None:
    files = controller() | ({"virt-agent/nvme/nvme0.d0": page} if page else {})
    found = read(tmp_path, files, {"virt-agent/nvme/nvme0.d0": error} if error else None)
    assert (found.statistics, found.statistics_state, found.statistics_time) == (None, state, None)


@pytest.mark.parametrize(("page", "error"), [(b"short", None), (None, "EIO")])
def test_a_page_that_cannot_be_used_fails_loudly_and_costs_no_other_fact(
    tmp_path: pathlib.Path, page: bytes | None, error: str | None
) -> None:
    files = controller() | ({"virt-agent/nvme/nvme0.d0": page} if page else {})
    source = Source(machine(tmp_path, files, {"virt-agent/nvme/nvme0.d0": error} if error else None))
    (found,) = present(read_nvme(source))
    assert problems(source) == [f"dev/nvme0 {error or 'MALFORMED'}"]
    assert (found.statistics_state, found.state) == ("failed", "live")


class Counting(SnapshotHost):
    """Notes which controllers are asked for their log page."""

    live = True

    def __init__(self, tree: MemoryTree) -> None:
        super().__init__(tree)
        self.asked: list[str] = []

    def nvme_log(self, name: str) -> NvmeLog:
        self.asked.append(name)
        raise Absent(f"dev/{name}", "does not exist", "ENOENT")


class Working(Counting):
    """Its disks complete a request between any two looks."""

    completed = 0

    def attribute(self, path: str) -> bytes:
        self.completed += path.endswith("/stat")
        return b"%d 0 8 0 0 0 0 0 1 0 0\n" % self.completed if path.endswith("/stat") else super().attribute(path)


@pytest.mark.parametrize(
    ("model", "state", "asked"),
    [
        ("Amazon Elastic Block Store", "live", True),
        ("Amazon EC2 NVMe Instance Storage", "live", True),
        ("Amazon Elastic Block Store", "resetting", False),
        ("QEMU NVMe Ctrl", "live", False),
        ("SAMSUNG MZVL2512", "live", False),
        ("Amazon", "live", False),
    ],
)
def test_only_amazons_live_controllers_are_sent_a_vendors_command(model: str, state: str, asked: bool) -> None:
    host = Counting(tree_of(controller(model=model, state=state)))
    (found,) = present(read_nvme(Source(host)))
    assert host.asked == (["nvme0"] if asked else [])
    assert found.statistics_state == ("denied" if asked else "not_asked"), "a sandbox hides /dev"


def tree_of(files: dict[str, Entry]) -> MemoryTree:
    tree = MemoryTree()
    for path, entry in files.items():
        tree.add(path, entry.target if isinstance(entry, Link) else entry.encode() if isinstance(entry, str) else entry)
    return tree


def stalled(some: str = "97.20", full: str = "12.00", inflight: str = "       0       14\n") -> dict[str, Entry]:
    """Two volumes of which the second has requests in flight, and tasks that wait."""
    line = "{} avg10={} avg60=0.00 avg300=0.00 total=1\n"
    return {
        **controller(0),
        **controller(1),
        "proc/pressure/io": line.format("some", some) + line.format("full", full),
        "sys/block/nvme0n1/inflight": "       0        0\n",
        "sys/block/nvme0n1/stat": "5 0 8 0 5 0 0 0 0 0 0\n",
        "sys/block/nvme1n1/inflight": inflight,
        "sys/block/nvme1n1/stat": "5 0 8 0 5 0 0 0 14 0 0\n",
    }


def test_a_controller_whose_disk_may_hang_is_not_asked() -> None:
    host = Counting(tree_of(stalled()))
    source = Source(host)
    first, second = present(read_nvme(source))
    assert (host.asked, problems(source)) == (["nvme0"], [])
    assert (first.statistics_state, second.statistics_state, second.state) == ("denied", "busy", "live")


@pytest.mark.parametrize(
    "files",
    [
        stalled(some="49.90"),
        stalled(inflight="       0        0\n"),
        {**stalled(), "proc/pressure/io": "nonsense\n"},
        {path: entry for path, entry in stalled().items() if path != "proc/pressure/io"},
        {path: entry for path, entry in stalled().items() if not path.endswith("inflight")},
    ],
    ids=["tasks run", "nothing in flight", "not pressure", "a kernel without pressure", "no count"],
)
def test_controllers_whose_disks_answer_are_asked(files: dict[str, Entry]) -> None:
    host = Counting(tree_of(files))
    read_nvme(Source(host))
    assert host.asked == ["nvme0", "nvme1"]


def test_a_volume_that_is_slow_at_its_limit_is_asked() -> None:
    host = Working(tree_of(stalled()))
    read_nvme(Source(host))
    assert host.asked == ["nvme0", "nvme1"], "its statistics tell which limit"


class Naming(Counting):
    """Notes which controllers are asked for the name of their volume, and gives an answer or a refusal."""

    def __init__(self, tree: MemoryTree, answer: str | SourceError) -> None:
        super().__init__(tree)
        self.answer = answer
        self.named: list[str] = []

    def nvme_device_name(self, controller: str) -> str:
        self.named.append(controller)
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("model", "state", "asked"),
    [
        ("Amazon Elastic Block Store", "live", True),
        ("Amazon Elastic Block Store", "resetting", False),
        ("Amazon EC2 NVMe Instance Storage", "live", False),
        ("QEMU NVMe Ctrl", "live", False),
    ],
)
def test_only_live_volumes_are_asked_for_their_names(model: str, state: str, asked: bool) -> None:
    host = Naming(tree_of(controller(model=model, state=state)), "sdf")
    (found,) = present(read_nvme(Source(host)))
    assert (host.named, found.device_name) == ((["nvme0"], "sdf") if asked else ([], None))


@pytest.mark.parametrize("name", ["sdf", ""])
def test_the_name_is_asked_for_once(name: str) -> None:
    host = Naming(tree_of(controller()), name)
    first = present(read_nvme(Source(host)))
    again = present(read_nvme(Source(host, Facts(nvme=first))))
    assert (host.named, again[0].device_name) == (["nvme0"], name)


def test_a_controller_that_resets_keeps_the_name_that_is_known() -> None:
    (found,) = present(read_nvme(Source(Naming(tree_of(controller()), "sdf"))))
    later = Naming(tree_of(controller(state="resetting")), "sdg")
    assert present(read_nvme(Source(later, Facts(nvme=(found,)))))[0].device_name == "sdf"
    assert later.named == []


def test_another_volume_in_the_same_place_is_asked_anew() -> None:
    host = Naming(tree_of(controller()), "sdf")
    (found,) = present(read_nvme(Source(host)))
    before = Facts(nvme=(replace(found, serial="vol77", device_name="sdq"),))
    assert present(read_nvme(Source(host, before)))[0].device_name == "sdf"


@pytest.mark.parametrize("code", ["EACCES", "EPERM", "EOPNOTSUPP", "EAGAIN", "ENOENT"])
def test_a_refused_name_is_unknown_and_no_failure(code: str) -> None:
    host = Naming(tree_of(controller()), refusal("dev/nvme0", code))
    source = Source(host)
    (found,) = present(read_nvme(source))
    assert (found.device_name, problems(source)) == (None, [])
    assert source.unreadable == ({} if code == "ENOENT" else {"dev/nvme0": code})
    read_nvme(Source(host, Facts(nvme=(found,))))
    assert host.named == ["nvme0", "nvme0"], "it may be root's turn next"


def test_a_name_that_is_no_text_fails_loudly() -> None:
    source = Source(Naming(tree_of(controller()), Malformed("dev/nvme0", "is not text")))
    assert present(read_nvme(source))[0].device_name is None
    assert problems(source) == ["dev/nvme0 MALFORMED"]


def test_a_volume_that_may_hang_keeps_the_name_that_is_known() -> None:
    host = Naming(tree_of(stalled()), "sdf")
    first, second = present(read_nvme(Source(host)))
    assert (host.named, first.device_name, second.device_name) == (["nvme0"], "sdf", None)
    known = Facts(nvme=(first, replace(second, device_name="sdg")))
    assert [each.device_name for each in present(read_nvme(Source(host, known)))] == ["sdf", "sdg"]


def test_a_controller_that_failed_is_not_asked_again(tmp_path: pathlib.Path) -> None:
    names = {"virt-agent/nvme/names.json": '{"nvme0": "sdf"}'}
    source = Source(machine(tmp_path, controller() | names, {"virt-agent/nvme/nvme0.d0": "EIO"}))
    assert present(read_nvme(source))[0].device_name is None


def test_a_recorded_name_is_replayed(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, controller() | {"virt-agent/nvme/names.json": '{"nvme0": "sdf"}'})
    recorder = Recorder(host)
    assert present(read_nvme(Source(recorder)))[0].device_name == "sdf"
    written = MemoryTree()
    for path, entry in archive.entries(recorder.recording, "0", None).items():
        written.add(path, entry)
    assert SnapshotHost(written).nvme_device_name("nvme0") == "sdf"


@pytest.mark.parametrize("content", ["[]", "{", '{"nvme1": "sdf"}', '{"nvme0": 7}'])
def test_recorded_names_of_another_form_give_no_name(tmp_path: pathlib.Path, content: str) -> None:
    source = Source(machine(tmp_path, controller() | {"virt-agent/nvme/names.json": content}))
    assert present(read_nvme(source))[0].device_name is None
    assert problems(source) == (["virt-agent/nvme/names.json MALFORMED"] if content in ("[]", "{") else [])


def test_a_recording_of_a_stall_keeps_the_page_that_it_has(tmp_path: pathlib.Path) -> None:
    files = stalled() | {"virt-agent/nvme/nvme1.d0": ebs_page.page()}
    found = present(read_nvme(Source(machine(tmp_path, files))))
    assert [each.statistics_state for each in found] == ["not_asked", "ok"]


def test_controllers_are_in_the_order_of_their_numbers(tmp_path: pathlib.Path) -> None:
    files = controller(10) | controller(2) | {"sys/class/nvme/power": None}
    found = present(read_nvme(Source(machine(tmp_path, files))))
    assert [each.name for each in found] == ["nvme2", "nvme10"]


def test_no_controller_is_nothing(tmp_path: pathlib.Path) -> None:
    assert read_nvme(Source(machine(tmp_path, {"sys/class/net": None}))) is None


def test_a_disk_may_be_named_after_another_number_than_its_controller(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, controller(0, disk="nvme1n1")).disks == ("nvme1n1",)


@pytest.mark.parametrize(
    ("entries", "disks"),
    [
        (["nvme0n1", "nvme0n2", "ng0n1", "state", "hwmon0"], ("nvme0n1", "nvme0n2")),
        (["nvme0c1n1"], ("nvme0n1",)),
        (["nvme", "nvmen", "nvme0n", "nvme0nx", "numa_node"], ()),
    ],
)
def test_disks_of_a_controller(entries: list[str], disks: tuple[str, ...]) -> None:
    assert disks_of(entries) == disks


@given(st.lists(st.text(alphabet="nvmecg019 x", max_size=9)))
def test_any_entries_give_names_of_disks(entries: list[str]) -> None:
    assert all(disk.startswith("nvme") and "n" in disk[4:] for disk in disks_of(entries))


def test_every_word_for_the_state_of_the_statistics_is_told() -> None:
    words = {nvme.OK, nvme.NOT_ASKED, nvme.DENIED, nvme.UNSUPPORTED, nvme.FOREIGN, nvme.FAILED, nvme.BUSY}
    assert len(words) == 7
    assert NvmeController("nvme0").statistics_state in words


# the metrics


def exposition(change: Callable[[MemoryTree], None] = lambda _tree: None) -> str:
    copy = corpus.copy("D20-ec2-c5large")
    change(copy)
    host: Host = SnapshotHost(copy)
    return metrics.render(observe.observe(host, Selection())).decode()


def test_limits_are_counters_by_disk() -> None:
    page = ebs_page.page(Fields(volume_iops=18_200_000, instance_throughput=500_000))
    text = exposition(lambda tree: tree.add("virt-agent/nvme/nvme0.d0", page))
    assert 'virt_ebs_limit_exceeded_seconds_total{device="nvme0n1",limit="volume_iops"} 18.2' in text
    assert 'virt_ebs_limit_exceeded_seconds_total{device="nvme0n1",limit="instance_throughput"} 0.5' in text
    assert 'virt_nvme_controller_info{controller="nvme0",device="nvme0n1",firmware="",model="Amazon' in text
    assert 'virt_nvme_controller_live{controller="nvme0"} 1.0' in text


def test_an_instance_store_disk_has_no_volume_limits() -> None:
    def plant(tree: MemoryTree) -> None:
        tree.add("virt-agent/nvme/nvme0.d0", ebs_page.page(Fields(ebs_page.INSTANCE_STORE_MAGIC, instance_iops=1)))
        tree.add("sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/model", b"Amazon EC2 NVMe Instance Storage\n")

    text = exposition(plant)
    assert text.count("virt_ebs_limit_exceeded_seconds_total{") == 2
    assert 'limit="volume_iops"' not in text


def test_a_disk_costs_no_more_than_eight_series() -> None:
    text = exposition(lambda tree: tree.add("virt-agent/nvme/nvme0.d0", ebs_page.page()))
    of_disk = [line for line in text.splitlines() if 'device="nvme0n1"' in line or 'controller="nvme0"' in line]
    assert len(of_disk) <= 8 - 1, "virt_block_device_stalled_seconds, the daemon's, comes to it"


def test_without_the_privilege_there_are_no_limits_and_the_controller_is_live() -> None:
    text = exposition()
    assert "virt_ebs_limit_exceeded_seconds_total{" not in text
    assert "virt_nvme_statistics_age_seconds" not in text
    assert 'virt_nvme_controller_live{controller="nvme0"} 1.0' in text


def test_latencies_are_a_histogram_only_where_they_are_asked_for() -> None:
    page = ebs_page.page(reads=((0, 100, 4), (100, 1000, 2), (1000, 2**64 - 1, 1)))
    tree = corpus.copy("D20-ec2-c5large")
    tree.add("virt-agent/nvme/nvme0.d0", page)
    plain = metrics.render(observe.observe(SnapshotHost(tree), Selection())).decode()
    assert "latency" not in plain
    asked = observe.observe(SnapshotHost(tree), Selection(), optional=("nvme_latencies",))
    lines = [line for line in metrics.render(asked).decode().splitlines() if 'operation="read"' in line]
    name, mine = "virt_ebs_io_latency_seconds", 'device="nvme0n1",'
    assert lines[0] == f'{name}_bucket{{{mine}le="0.0001",operation="read"}} 4.0'
    assert lines[1] == f'{name}_bucket{{{mine}le="0.001",operation="read"}} 6.0'
    assert f'{name}_bucket{{{mine}le="+Inf",operation="read"}} 7.0' in lines
    assert f'{name}_count{{{mine}operation="read"}} 7.0' in lines
    assert any(line.startswith(f"{name}_sum{{{mine}") for line in lines)
