"""Disks, their drivers, and which disk carries which mount."""

from __future__ import annotations

import pathlib

import pytest

from tests import corpus
from tests.machines import Entry, Link, device, disk, machine, present, problems
from virt_collectors.block import BlockDevice, read_block_devices
from virt_collectors.facts import Facts
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DirectoryTree
from virt_collectors.mounts import Mount, disks_below, parse_line, read_mounts
from virt_collectors.source import Source

Files = dict[str, Entry]
NVME = "pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"
STAT = "     199        0    16454     3440        7        0        0        0        0     3508     3440\n"


def disks(directory: pathlib.Path, files: Files, errors: dict[str, str] | None = None) -> dict[str, BlockDevice]:
    source = Source(machine(directory, files, errors))
    found = read_block_devices(source)
    assert problems(source) == []
    return {one.name: one for one in found or ()}


def ebs() -> Files:
    return {
        **device("pci0000:00/0000:00:04.0", "nvme", "pci"),
        **disk("nvme0n1", NVME, {"inflight": "1 2\n", "stat": STAT, "ro": "0\n", "queue/scheduler": "[none] kyber\n"}),
        f"sys/devices/{NVME}/device": Link("../../nvme0"),
        "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/model": "Amazon Elastic Block Store              \n",
        "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/serial": "vol0123456789abcdef0\n",
        "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/state": "live\n",
        f"sys/devices/{NVME}/queue/io_timeout": "4294967295\n",
    }


def test_an_ebs_volume(tmp_path: pathlib.Path) -> None:
    assert disks(tmp_path, ebs())["nvme0n1"] == BlockDevice(
        name="nvme0n1",
        driver="nvme",
        bus="pci",
        path=f"sys/devices/{NVME}",
        size_bytes=8 << 30,
        read_only=False,
        model="Amazon Elastic Block Store",
        serial="vol0123456789abcdef0",
        scheduler="none",
        io_timeout_ms=4294967295,
        in_flight=3,
        completed=206,
        state="live",
        volume_id="vol-0123456789abcdef0",
    )


@pytest.mark.parametrize(
    ("model", "serial", "volume"),
    [
        ("Amazon Elastic Block Store", "vol-0123", "vol-0123"),
        ("Amazon EC2 NVMe Instance Storage", "AWS0123", None),
        ("QEMU NVMe Ctrl", "vol0123456789abcdef0", None),
        ("Amazon Elastic Block Store", "", None),
        ("Amazon Elastic Block Store", "AWS1", None),
        ("Amazon Elastic Block Store", "vol", None),
    ],
)
def test_volume_ids(tmp_path: pathlib.Path, model: str, serial: str, volume: str | None) -> None:
    above = "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0"
    files = {**ebs(), f"{above}/model": f"{model}\n", f"{above}/serial": f"{serial}\n"}
    assert disks(tmp_path, files)["nvme0n1"].volume_id == volume


def test_a_multipath_nvme_disk_is_one_disk(tmp_path: pathlib.Path) -> None:
    head = "virtual/nvme-subsystem/nvme-subsys0/nvme0n1"
    path = "pci0000:00/0000:00:04.0/nvme/nvme0/nvme0c0n1"
    files = {
        **device("pci0000:00/0000:00:04.0", "nvme", "pci"),
        **disk("nvme0n1", head, parts={"nvme0n1p1": "259:1"}),
        **disk("nvme0c0n1", path, {"hidden": "1\n"}),
        f"sys/devices/{head}/device": Link("../../nvme-subsys0"),
        "sys/devices/virtual/nvme-subsystem/nvme-subsys0/serial": "vol0123\n",
        "sys/devices/virtual/nvme-subsystem/nvme-subsys0/model": "Amazon Elastic Block Store\n",
        "proc/self/mountinfo": "22 1 259:1 / / rw - xfs /dev/nvme0n1p1 rw\n",
    }
    found = disks(tmp_path, files)
    assert list(found) == ["nvme0n1"]
    assert (found["nvme0n1"].driver, found["nvme0n1"].state, found["nvme0n1"].volume_id) == ("nvme", None, "vol-0123")
    assert present(read_mounts(Source(machine(tmp_path / "again", files))))[0].disks == ("nvme0n1",)


def scsi(name: str, host: str, target: str, driver: str = "sd") -> Files:
    at = f"{host}/target{target.rpartition(':')[0]}/{target}"
    return {**device(at, driver, "scsi", {"model": "QEMU HARDDISK   \n"}), **disk(name, f"{at}/block/{name}")}


@pytest.mark.parametrize(
    ("name", "files", "driver", "bus", "xenbus"),
    [
        ("sda", {**device("pci0000:00/0000:00:01.1", "ata_piix", "pci"),
                 **scsi("sda", "pci0000:00/0000:00:01.1/ata1/host0", "0:0:0:0")}, "ata_piix", "pci", None),
        ("sr0", {**device("pci0000:00/0000:00:01.1", "ata_piix", "pci"),
                 **scsi("sr0", "pci0000:00/0000:00:01.1/ata2/host1", "1:0:0:0", "sr")}, "ata_piix", "pci", None),
        ("sda", {**device("pci0000:00/0000:00:06.0", "virtio-pci", "pci"),
                 **device("pci0000:00/0000:00:06.0/virtio2", "virtio_scsi", "virtio"),
                 **scsi("sda", "pci0000:00/0000:00:06.0/virtio2/host6", "6:0:0:0")}, "virtio_scsi", "virtio", None),
        ("vda", {**device("pci0000:00/0000:00:05.0", "virtio-pci", "pci"),
                 **device("pci0000:00/0000:00:05.0/virtio1", "virtio_blk", "virtio"),
                 **disk("vda", "pci0000:00/0000:00:05.0/virtio1/block/vda")}, "virtio_blk", "virtio", None),
        ("xvda", {**device("vbd-51712", "vbd", "xen"), **disk("xvda", "vbd-51712/block/xvda")},
         "xen-blkfront", "xen", "vbd-51712"),
        ("xvda", {"sys/devices/vbd-51712/driver": Link("../../bus/xen/drivers/vbd"),
                  **disk("xvda", "vbd-51712/block/xvda")}, "xen-blkfront", "xen", "vbd-51712"),
        ("fd0", {**device("platform/floppy.0", "floppy", "platform"), **disk("fd0", "platform/floppy.0/block/fd0")},
         "floppy", "platform", None),
        ("sda", scsi("sda", "LNXSYSTM:00/VMBUS:00/host0", "0:0:0:0") | device("LNXSYSTM:00/VMBUS:00", "hv_storvsc", "vmbus"),
         "hv_storvsc", "vmbus", None),
        ("pmem0", disk("pmem0", "virtual/block/pmem0"), None, None, None),
    ],
    ids=["ata_piix", "cd drive", "virtio-scsi", "virtio-blk", "xvda", "xvda without subsystem", "floppy", "hyper-v", "none"],
)  # fmt: skip
def test_the_driver_that_serves_a_disk(
    tmp_path: pathlib.Path, name: str, files: Files, driver: str | None, bus: str | None, xenbus: str | None
) -> None:
    found = disks(tmp_path, files)[name]
    assert (found.driver, found.bus, found.xenbus) == (driver, bus, xenbus)


@pytest.mark.parametrize("name", ["loop0", "ram0", "zram0", "dm-0", "md127", "nbd0", "rbd0", "bcache0", "drbd0"])
def test_devices_on_other_devices_are_no_disks(tmp_path: pathlib.Path, name: str) -> None:
    assert disks(tmp_path, disk(name, f"virtual/block/{name}")) == {}


def test_no_block_devices_are_none(tmp_path: pathlib.Path) -> None:
    assert read_block_devices(Source(machine(tmp_path, {"sys/block": None}))) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [("size", "large"), ("inflight", "1"), ("inflight", "a b"), ("stat", "1 2 3"), ("ro", ""), ("size", "0x10")],
)
def test_a_file_without_its_form_is_a_problem_and_costs_that_value_only(
    tmp_path: pathlib.Path, file: str, text: str
) -> None:
    source = Source(machine(tmp_path, disk("vda", "virtual/vda", {"queue/scheduler": "none\n", file: text})))
    (found,) = present(read_block_devices(source))
    assert problems(source) == [f"sys/block/vda/{file} MALFORMED"]
    assert found.scheduler == "none"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pv", {"xvda": "xen-blkfront", "xvdb": "xen-blkfront"}),
        ("pvhvm", {"xvda": "xen-blkfront", "xvdb": "xen-blkfront", "xvdc": "xen-blkfront"}),
        ("hvm-nopv", {"sda": "ata_piix", "sdb": "ata_piix", "sdc": "ata_piix"}),
        ("nitro-like", {"nvme0n1": "nvme", "nvme1n1": "nvme", "sda": "virtio_scsi", "vda": "virtio_blk"}),
        ("qemu-pc-emulated", {"fd0": "floppy", "sda": "ata_piix", "sdb": "ata_piix", "sr0": "ata_piix"}),
        ("dom0", {"fd0": "floppy", "sr0": "ata_piix", "vda": "virtio_blk"}),
    ],
)
def test_drivers_in_real_guests(name: str, expected: dict[str, str]) -> None:
    found = present(corpus.facts(corpus.host(name)).block_devices)
    assert {one.name: one.driver for one in found} == expected


STACK: Files = {
    **disk("vda", "virtio0/block/vda", parts={"vda1": "254:1", "vda2": "254:2"}),
    **disk("vdb", "virtio1/block/vdb", parts={"vdb1": "254:17"}),
    **disk("dm-0", "virtual/block/dm-0", {"dm/name": "luks\n", "slaves/vda2": Link("../../../../virtio0/block/vda/vda2")}),
    **disk("dm-1", "virtual/block/dm-1", {"dm/name": "vg-root\n", "slaves/dm-0": Link("../../dm-0")}),
    **disk("md0", "virtual/block/md0", {
        "slaves/vda1": Link("../../../../virtio0/block/vda/vda1"), "slaves/vdb1": Link("../../x")}),
    **disk("dm-2", "virtual/block/dm-2", {"dm/name": "on-both\n", "slaves/md0": Link("../../md0"),
        "slaves/vda2": Link("../../x")}),
    "sys/dev/block/253:1": Link("../../devices/virtual/block/dm-1"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        ("22 1 254:1 / /boot rw - ext4 /dev/vda1 rw", ("/boot", "vda1", ("vda",))),
        ("22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw", ("/", "dm-1", ("vda",))),
        ("22 1 9:0 / /md rw - xfs /dev/md0 rw", ("/md", "md0", ("vda", "vdb"))),
        ("22 1 9:9 / /dm2 rw - xfs /dev/mapper/on-both rw", ("/dm2", "dm-2", ("vda", "vdb"))),
        ("22 1 0:31 /@ / rw - btrfs /dev/mapper/vg-root rw,subvol=/@", ("/", "dm-1", ("vda",))),
        ("22 1 0:32 / /b rw - btrfs /dev/vdb1 rw", ("/b", "vdb1", ("vdb",))),
        (
            "22 1 0:33 / /b\\040c\\134d\\043 ro master:1 propagate_from:2 - btrfs /dev/vdb rw",
            ("/b c\\d#", "vdb", ("vdb",)),
        ),
        ("22 1 254:1 / /a\u2028b\x0cc\x85 rw - ext4 /dev/vda1 rw", ("/a\u2028b\x0cc\x85", "vda1", ("vda",))),
        ("22 1 0:5 / /proc rw - proc proc rw", None),
        ("22 1 0:5 / /x rw - nfs4 server:/dev/vda rw", None),
        ("22 1 0:5 / /y rw - overlay overlay rw,upperdir=/dev/vda", None),
        ("22 1 0:6 / /z rw - btrfs /dev/gone rw", None),
        ("22 1 0:7 / /w rw - btrfs /dev/mapper/nothing rw", None),
        ("22 1 0:7 / /u rw - fuse /dev/fuse/deep rw", None),
    ],
)
def test_the_disks_below_a_mount(
    tmp_path: pathlib.Path, line: str, mount: tuple[str, str, tuple[str, ...]] | None
) -> None:
    source = Source(machine(tmp_path, {**STACK, "proc/self/mountinfo": f"{line}\n"}))
    found = present(read_mounts(source))
    assert [(one.point, one.device, one.disks) for one in found] == ([mount] if mount else [])
    assert problems(source) == []


def test_read_only_is_the_mounts_own_option(tmp_path: pathlib.Path) -> None:
    lines = "22 1 254:1 / /a ro,noatime - ext4 /dev/vda1 rw\n23 1 254:2 / /b rw,errors=ro - ext4 /dev/vda2 ro\n"
    found = present(read_mounts(Source(machine(tmp_path, {**STACK, "proc/self/mountinfo": lines}))))
    assert found[0] == Mount("/a", "/dev/vda1", "ext4", True, "vda1", ("vda",))
    assert not found[1].read_only


class Counting(SnapshotHost):
    """Notes how often it is asked for anything but a file."""

    asked = 0

    def link(self, path: str) -> str:
        self.asked += 1
        return super().link(path)

    def exists(self, path: str) -> bool:
        self.asked += 1
        return super().exists(path)

    def names(self, path: str) -> list[str]:
        self.asked += 1
        return super().names(path)


def test_many_bind_mounts_of_one_device_are_looked_up_once(tmp_path: pathlib.Path) -> None:
    asked = []
    for count in (1, 500):
        one = "22 1 254:1 / /a{0} rw - ext4 /dev/vda1 rw\n23 1 0:33 / /b{0} rw - btrfs /dev/vdb ro\n24 1 0:5 / /c rw - proc proc rw\n"
        lines = "".join(one.format(number) for number in range(count))
        machine(tmp_path / str(count), {**STACK, "proc/self/mountinfo": lines})
        host = Counting(DirectoryTree(str(tmp_path / str(count))))
        found = present(read_mounts(Source(host)))
        assert [mount.disks for mount in found] == [("vda",), ("vdb",)] * count
        assert found[-1].point == f"/b{count - 1}"
        asked.append(host.asked)
    assert asked[0] == asked[1] > 0


def test_slaves_in_a_circle_end(tmp_path: pathlib.Path) -> None:
    files = disk("dm-0", "virtual/block/dm-0", {"slaves/dm-1": None}) | disk(
        "dm-1", "virtual/block/dm-1", {"slaves/dm-0": None}
    )
    assert disks_below(Source(machine(tmp_path, files)), "dm-0") == ()


def test_a_device_without_its_place_in_sysfs_is_its_own_disk(tmp_path: pathlib.Path) -> None:
    # and a file called /partition on the root file system says nothing about it
    assert disks_below(Source(machine(tmp_path, {"partition": "x"})), "xvda1") == ("xvda1",)


@pytest.mark.parametrize(
    "line", ["", "22 1 254:1 / /", "22 1 254 / / rw - ext4 x rw", "22 1 254:1 / / rw ext4 /dev/x rw"]
)
def test_a_line_that_is_no_mount_is_a_problem(tmp_path: pathlib.Path, line: str) -> None:
    assert parse_line(line) is None
    source = Source(machine(tmp_path, {"proc/self/mountinfo": f"{line}\n"}))
    assert read_mounts(source) == ()
    assert problems(source) == ["proc/self/mountinfo MALFORMED"]


def test_without_mountinfo_mounts_are_unknown(tmp_path: pathlib.Path) -> None:
    assert read_mounts(Source(machine(tmp_path, {}))) is None


# what a disk is asked itself

VIRTIO = "pci0000:00/0000:00:03.0/virtio1/block/vda"
SERIAL = "sys/block/vda/serial"


def virtio(serial: str, sectors: int = 2048, diskseq: int = 7) -> Files:
    return disk("vda", VIRTIO, {"serial": f"{serial}\n", "size": f"{sectors}\n", "diskseq": f"{diskseq}\n"})


def again(host: Recorder, before: Facts) -> str | None:
    found = read_block_devices(Source(host, before))
    assert found
    return found[0].serial


@pytest.mark.parametrize("serial", ["a-volume", ""])
def test_a_disk_is_asked_for_its_serial_once(tmp_path: pathlib.Path, serial: str) -> None:
    # each reading is a request to the disk, which may hang by then (drivers/block/virtio_blk.c, virtblk_get_id)
    first, second = (Recorder(machine(tmp_path / name, virtio(serial))) for name in "ab")
    before = read_block_devices(Source(first))
    assert SERIAL in read_of(first)
    assert again(second, Facts(block_devices=before)) == (serial or None)
    assert SERIAL not in read_of(second)


def test_another_disk_is_asked_for_its_own(tmp_path: pathlib.Path) -> None:
    first = read_block_devices(Source(machine(tmp_path / "a", virtio("one"))))
    for name, other in (("larger", virtio("other", 4096)), ("later", virtio("other", diskseq=8))):
        assert again(Recorder(machine(tmp_path / name, other)), Facts(block_devices=first)) == "other"


def test_a_serial_that_could_not_be_read_is_asked_for_again(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path / "a", virtio("one"), {SERIAL: "EIO"}))
    before = Facts(block_devices=read_block_devices(source), unreadable=source.unreadable)
    assert before.unreadable
    assert again(Recorder(machine(tmp_path / "b", virtio("one"))), before) == "one"


def read_of(host: Recorder) -> set[str]:
    """The files that were read, by the paths under which they were asked for."""
    return {path.replace(f"sys/devices/{VIRTIO}", "sys/block/vda") for path in host.recording.files}
