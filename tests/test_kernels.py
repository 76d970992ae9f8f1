"""Installed kernels: which there are, whether they are whole, which drivers they have, and where."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.machines import Files, Link, machine, present, problems, recorded
from virt_collectors.collect import choose
from virt_collectors.errors import Malformed, SourceError, Unreadable
from virt_collectors.host import Space
from virt_collectors.host.archive import entries
from virt_collectors.host.helped import Helped
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernels import (
    BUILTIN,
    DRIVERS,
    MISSING,
    MODULE,
    InstalledKernel,
    find_images,
    is_complete,
    parse_dependencies,
    read_kernels,
    read_space,
)
from virt_collectors.redact import redact
from virt_collectors.source import Source
from virt_collectors.versions import debian_key, rpm_key

AWS, GENERIC = "6.8.0-1069-aws", "6.8.0-149-generic"


def image(setup_sectors: int = 4, paragraphs: int = 64, missing: int = 0) -> bytes:
    """A bzImage: boot sector with header, setup code, and the rest in units of 16 bytes."""
    head = bytearray(0x210)
    head[0x1F1] = setup_sectors
    head[0x1F4:0x1F8] = struct.pack("<I", paragraphs)
    head[0x1FE:0x206] = b"\x55\xaa\xeb\x6aHdrS"
    size = ((setup_sectors or 4) + 1) * 512 + paragraphs * 16
    return bytes(head).ljust(size, b"\x90")[: size - missing]


def modules_dep(*paths: str, **needs: str) -> str:
    """modules.dep; `needs` gives the rest of a module's line by its name."""
    stems = {path: path.rpartition("/")[2].partition(".")[0].replace("-", "_") for path in paths}
    return "".join(f"{path}: {needs.get(stems[path], '')}".rstrip() + "\n" for path in paths)


def tree(files: Files, **answers: object) -> SnapshotHost:
    """A snapshot in memory; answers by name, as initramfs={path: names}."""
    made = MemoryTree()
    for path, content in files.items():
        text = content.target if isinstance(content, Link) else content
        made.add(path, content.encode() if isinstance(content, str) else text)
    for name, answer in answers.items():
        made.add(f"virt-agent/{name}.json", json.dumps(answer).encode())
    return SnapshotHost(made)


SOME = "kernel/lib/crypto/libsha256.ko\n"  # what every modules.builtin has some of
NVME = "kernel/drivers/nvme/host/nvme.ko.zst"
NVME_CORE = "kernel/drivers/nvme/host/nvme-core.ko.zst"
ENA = "kernel/drivers/net/ethernet/amazon/ena/ena.ko.zst"
UBUNTU: Files = {
    f"boot/vmlinuz-{AWS}": image(),
    f"boot/initrd.img-{AWS}": "x",
    f"boot/vmlinuz-{GENERIC}": image(),
    f"boot/initrd.img-{GENERIC}": "x",
    f"boot/config-{GENERIC}": "x",
    "boot/vmlinuz": Link(f"vmlinuz-{AWS}"),
    f"lib/modules/{AWS}/modules.dep": modules_dep(ENA, "kernel/drivers/net/ethernet/intel/ixgbevf/ixgbevf.ko.zst"),
    f"lib/modules/{AWS}/modules.builtin": "kernel/drivers/block/xen-blkfront.ko\nkernel/drivers/nvme/host/nvme.ko\n"
    "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/md/dm-mod.ko\n",
    f"lib/modules/{GENERIC}/modules.dep": modules_dep(NVME, NVME_CORE, ENA, nvme=NVME_CORE),
    f"lib/modules/{GENERIC}/modules.builtin": "kernel/drivers/block/xen-blkfront.ko\nkernel/drivers/nvmem/nvmem.ko\n",
    "lib/modules/6.8.0-31-generic/modules.dep": modules_dep(NVME),  # removed, and its modules left behind
}
INITRAMFS = {
    f"boot/initrd.img-{AWS}": ["bin/sh", "init", "kernel/x86/microcode/GenuineIntel.bin"],
    f"boot/initrd.img-{GENERIC}": [
        "init",
        *(f"usr/lib/modules/{GENERIC}/{path}" for path in (NVME, NVME_CORE, "kernel/drivers/md/dm-mod.ko.zst")),
    ],
}


def kernels(host: SnapshotHost, *expected_problems: str) -> tuple[InstalledKernel, ...]:
    source = Source(host)
    found = read_kernels(source)
    assert problems(source) == list(expected_problems)
    return present(found)


def only(files: Files, release: str = "6.1.0", **answers: object) -> InstalledKernel:
    """One kernel with these files of lib/modules/RELEASE."""
    host = tree({f"boot/vmlinuz-{release}": image(), **files}, **answers)
    (found,) = kernels(host)
    return found


# Which there are


def test_two_kernels_of_an_ubuntu_guest() -> None:
    aws, generic = kernels(tree(UBUNTU, initramfs=INITRAMFS))
    assert (aws.release, aws.image, aws.initramfs) == (AWS, f"boot/vmlinuz-{AWS}", f"boot/initrd.img-{AWS}")
    assert (aws.complete, aws.in_initramfs, aws.initramfs_problem) == (True, (), None)
    assert {name for name in DRIVERS if aws.drivers[name] == BUILTIN} == {
        "xen-blkfront",
        "nvme",
        "virtio_pci",
        "dm_mod",
    }
    assert {name for name in DRIVERS if aws.drivers[name] == MODULE} == {"ena", "ixgbevf"}
    assert {name for name in DRIVERS if aws.drivers[name] == MISSING} == set(DRIVERS) - {
        *("xen-blkfront", "nvme", "virtio_pci", "dm_mod", "ena", "ixgbevf"),
    }
    assert (generic.release, generic.in_initramfs) == (GENERIC, ("nvme", "dm_mod"))
    assert (generic.drivers["nvme"], generic.drivers["ena"], generic.out_of_tree) == (MODULE, MODULE, ())


def test_a_container_and_an_empty_boot_have_none() -> None:
    for files in ({"etc/hostname": "a"}, {"boot": None}, {"boot/grub/grub.cfg": "x"}):
        source = Source(tree(files))
        assert read_kernels(source) is None
        assert problems(source) == []


def test_a_boot_that_may_not_be_listed_is_no_empty_one() -> None:
    source = Source(tree({"boot": None}, errors={"boot": "EACCES"}))
    assert read_kernels(source) is None
    assert problems(source) == ["boot EACCES"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["vmlinuz", "vmlinuz.old", "vmlinux", "initrd.img-6.1.0", "config-6.1.0", "System.map-6.1.0", "vmlinuz-"], {}),
        (["vmlinuz-6.1.0", "vmlinuz-6.1.0.old", "vmlinuz-6.1.0.efi.signed"], {"6.1.0": "vmlinuz-6.1.0"}),
        (["vmlinuz-6.1.0.dpkg-tmp", "vmlinuz-6.1.0.dpkg-new", "vmlinuz-6.1.0~"], {}),
        (["vmlinux-6.1.0"], {"6.1.0": "vmlinux-6.1.0"}),
        (["vmlinuz-6.4.0-default", "vmlinux-6.4.0-default.gz"], {"6.4.0-default": "vmlinuz-6.4.0-default"}),
        (["vmlinuz-6.1.0", "vmlinux-6.1.0"], {"6.1.0": "vmlinuz-6.1.0"}),
        (["vmlinuz-0-rescue-0123456789abcdef0123456789abcdef"], {}),
        ([".vmlinuz-5.14.0-1.el9.x86_64.hmac", "vmlinuz-5.14.0-1.el9.x86_64"], {"5.14.0-1.el9.x86_64": "vmlinuz-5.14.0-1.el9.x86_64"}),
    ],
)  # fmt: skip
def test_images(listed: list[str], expected: dict[str, str]) -> None:
    assert find_images(listed) == expected


RELEASES = (
    "3.13.0-170-generic", "5.4.0-216-generic", "5.4.0-1146-aws", "6.1.0-9-amd64", "6.1.0-56-amd64",
    "6.1.0-56-cloud-amd64", "6.8.0-rc7", "6.8.0", "6.8.0-149-generic", "6.8.0-1069-aws", "6.12.117+deb13-amd64", "7.0.0-1017-aws",
)  # fmt: skip


def test_the_newest_comes_first() -> None:
    files: dict[str, bytes] = {f"boot/vmlinuz-{release}": image() for release in sorted(RELEASES)}
    assert [kernel.release for kernel in kernels(tree(files))] == list(reversed(RELEASES))


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.0~rc1", "1.0"), ("1~~", "1~"), ("1.0", "1.0a"), ("1.0a", "1.0+"), ("1.09", "1.10"), ("1" * 5000, "1" * 5001)],
)
def test_debians_order(older: str, newer: str) -> None:
    assert debian_key(older) < debian_key(newer)


def test_leading_zeros_do_not_count() -> None:
    assert debian_key("6.08") == debian_key("6.8")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("6.1.9", "6.1.10"), ("1.0~rc1", "1.0"), ("1.0", "1.0a"), ("1.0a", "1.0.1"), ("362.el9", "362.8.1.el9")],
)
def test_rpms_order(older: str, newer: str) -> None:
    assert rpm_key(older) < rpm_key(newer)


@given(st.lists(st.text(alphabet="019~+-.abz\u0661\u00e9", max_size=12), min_size=3, max_size=3))
def test_both_orders_are_orders(names: list[str]) -> None:
    for key in (debian_key, rpm_key):
        assert len({*map(key, names)}) <= 3
        for a, b in itertools.permutations(names, 2):
            assert (key(a) < key(b)) + (key(b) < key(a)) + (key(a) == key(b)) == 1


# Whole or cut short


def zboot(offset: int, size: int) -> bytes:
    return (b"MZ\0\0zimg" + struct.pack("<II", offset, size)).ljust(0x210, b"\x01")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (image(), True),
        (image() + b"signature", True),
        (image(missing=1), False),
        (image(setup_sectors=0), True),
        (image(setup_sectors=0, missing=1), False),
        (image(setup_sectors=39, paragraphs=500_000), True),
        (image(setup_sectors=39, paragraphs=500_000, missing=4096), False),
        (b"", False),
        (b"\x7fELF", False),
        (bytes(8 << 20), False),  # the file's length reached the disk, its content did not
        (zboot(0x210, 1000) + bytes(1000), True),
        (zboot(0x210, 1000) + bytes(999), False),
        (b"MZ".ljust(0x38, b"\x01") + b"ARM\x64" + bytes(2000), None),
        (b"\x1f\x8b\x08" + b"\x01" * 2000, None),
        (b"\x7fELF" + b"\x01" * 2000, None),
    ],
)
def test_whether_an_image_is_complete(content: bytes, expected: bool | None) -> None:
    (kernel,) = kernels(tree({"boot/vmlinuz-6.1.0": content}))
    assert kernel.complete is expected


@given(st.binary(max_size=600), st.integers(min_value=0, max_value=1 << 40))
def test_any_image_is_judged(head: bytes, size: int) -> None:
    judged = is_complete(head, size)
    assert judged in (True, False, None)
    assert judged is False or (size >= 528 and any(head))


@pytest.mark.parametrize(("code", "noted"), [("EACCES", []), ("EPERM", []), ("EIO", ["boot/vmlinuz-6.1.0 EIO"])])
def test_an_image_that_cannot_be_read_is_not_judged(code: str, noted: list[str]) -> None:
    host = tree({"boot/vmlinuz-6.1.0": ""}, errors={"boot/vmlinuz-6.1.0": code})
    source = Source(host)
    (kernel,) = present(read_kernels(source))
    assert kernel.complete is None
    assert problems(source) == noted
    assert source.unreadable == {"boot/vmlinuz-6.1.0": code}


# Drivers


def test_usr_lib_modules_is_as_good() -> None:
    files = {f"usr/lib/modules/6.1.0/{name}": f"kernel/{module}.ko:\n" for name, module in (("modules.dep", "ena"),)}
    found = only({**files, "usr/lib/modules/6.1.0/modules.builtin": "kernel/drivers/block/xen-blkfront.ko\n"})
    assert (found.drivers["ena"], found.drivers["xen-blkfront"]) == (MODULE, BUILTIN)


@pytest.mark.parametrize("name", ["modules.dep", "modules.builtin"])
def test_half_of_the_lists_is_no_answer(name: str) -> None:
    """A driver that is in one of them might be in the other."""
    assert only({f"lib/modules/6.1.0/{name}": "kernel/a.ko:\n"}).drivers == {}
    assert only({}).drivers == {}


def test_an_empty_modules_dep_is_an_answer() -> None:
    """depmod did not run: modprobe finds nothing."""
    found = only({"lib/modules/6.1.0/modules.dep": "", "lib/modules/6.1.0/modules.builtin": SOME})
    assert found.drivers == dict.fromkeys(DRIVERS, MISSING)


@pytest.mark.parametrize("content", ["", "\n", "\0" * 4096])
def test_a_blank_modules_builtin_was_not_written(content: str) -> None:
    """That nothing is built in would be said of a kernel that boots."""
    found = only({"lib/modules/6.1.0/modules.dep": modules_dep(NVME), "lib/modules/6.1.0/modules.builtin": content})
    assert found.drivers == {}


def test_a_list_that_cannot_be_read_is_told() -> None:
    path = "lib/modules/6.1.0/modules.dep"
    host = tree(
        {"boot/vmlinuz-6.1.0": image(), path: "", "lib/modules/6.1.0/modules.builtin": ""}, errors={path: "EIO"}
    )
    (found,) = kernels(host, f"{path} EIO")
    assert found.drivers == {}


@pytest.mark.parametrize(
    ("path", "driver"),
    [
        ("kernel/drivers/block/xen-blkfront.ko", "xen-blkfront"),
        ("kernel/drivers/block/xen_blkfront.ko.gz", "xen-blkfront"),
        ("kernel/drivers/md/dm-mod.ko.xz", "dm_mod"),
        ("kernel/drivers/net/ethernet/realtek/8139cp.ko.zst", "8139cp"),
        ("/lib/modules/2.6.16.33-xenU/kernel/drivers/xen/netfront/xennet.ko", "xen-netfront"),
        ("extra/xen-vbd.ko", "xen-blkfront"),
        ("weak-updates/nvme/nvme.ko", "nvme"),
    ],
)
def test_names_of_modules(path: str, driver: str) -> None:
    files = {"lib/modules/6.1.0/modules.dep": f"{path}: kernel/drivers/nvme/host/nvme-core.ko\n"}
    found = only({**files, "lib/modules/6.1.0/modules.builtin": SOME})
    assert {name for name in DRIVERS if found.drivers[name] == MODULE} == {driver}


@pytest.mark.parametrize(
    "path", ["kernel/drivers/nvmem/nvmem.ko", "kernel/drivers/nvme/host/nvme-core.ko", "a/nvme.txt"]
)
def test_another_module_is_not_nvme(path: str) -> None:
    files = {"lib/modules/6.1.0/modules.dep": f"{path}: x/nvme.ko\n", "lib/modules/6.1.0/modules.builtin": path}
    assert only(files).drivers["nvme"] == MISSING


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("updates/dkms/ena.ko", ("ena",)),
        ("extra/ena.ko.xz", ("ena",)),
        ("weak-updates/ena/ena.ko", ("ena",)),
        ("/lib/modules/6.1.0/updates/ena.ko", ("ena",)),
        ("kernel/drivers/amazon/net/ena/ena.ko", ()),
        ("kernel/extra/ena.ko", ()),
    ],
)
def test_modules_out_of_tree(path: str, expected: tuple[str, ...]) -> None:
    assert only({"lib/modules/6.1.0/modules.dep": f"{path}:\n"}).out_of_tree == expected


@given(st.text(alphabet="nvmexblkfront_-./ko:\n\0\u2028 ", max_size=400))
@example("\n" * 1000)
@example(":" * 1000)
def test_any_text_is_a_modules_dep(content: str) -> None:
    found = parse_dependencies(content)
    assert set(found.paths) == set(found.needs)
    assert len(found.paths) <= content.count("\n") + 1


@given(st.sets(st.sampled_from(DRIVERS)), st.sampled_from(["", ".gz", ".xz", ".zst"]), st.booleans())
def test_each_driver_is_found_wherever_it_lies(chosen: set[str], packed: str, dashes: bool) -> None:
    paths = [f"kernel/a/{name.replace('_', '-') if dashes else name}.ko{packed}" for name in sorted(chosen)]
    found = only({"lib/modules/6.1.0/modules.dep": modules_dep(*paths), "lib/modules/6.1.0/modules.builtin": SOME})
    served = {"ext3", "ext2"} if "ext4" in chosen else set()
    assert {name for name in DRIVERS if found.drivers[name] == MODULE} == chosen | served


BYTES = st.binary(max_size=200)


@given(
    st.dictionaries(
        st.sampled_from(("vmlinuz-a", "modules.dep", "modules.builtin", "initramfs.json", "heads.json")), BYTES
    )
)
def test_no_content_of_any_file_is_an_internal_error(files: dict[str, bytes]) -> None:
    made = MemoryTree()
    made.add("boot/vmlinuz-a", b"")
    made.add("boot/initrd.img-a", b"")
    for name, content in files.items():
        folder = "boot" if name == "vmlinuz-a" else "virt-agent" if name.endswith(".json") else "lib/modules/a"
        made.add(f"{folder}/{name}", content)
    (kernel,) = present(read_kernels(Source(SnapshotHost(made))))
    assert kernel.in_initramfs is None
    assert kernel.initramfs_problem


# Initramfs


@pytest.mark.parametrize("name", ["initrd.img-6.1.0", "initramfs-6.1.0.img", "initrd-6.1.0"])
def test_where_the_initramfs_lies(name: str) -> None:
    inside = {f"boot/{name}": ["init", "lib/modules/6.1.0/kernel/xfs.ko"]}
    found = only({f"boot/{name}": "x"}, initramfs=inside)
    assert (found.initramfs, found.in_initramfs) == (f"boot/{name}", ("xfs",))


def test_no_initramfs() -> None:
    found = only({"boot/initrd.img-6.1.1": "x"})
    assert (found.initramfs, found.in_initramfs, found.initramfs_problem) == (None, None, None)


LISTS = {
    "boot/initrd.img-6.1.0": "x",
    "lib/modules/6.1.0/modules.dep": modules_dep(NVME, NVME_CORE, nvme=NVME_CORE),
    "lib/modules/6.1.0/modules.builtin": "",
}


@pytest.mark.parametrize(
    ("inside", "builtin", "expected"),
    [
        ([NVME, NVME_CORE], "", ("nvme",)),
        ([NVME], "", ()),  # cannot be loaded
        ([NVME], "kernel/drivers/nvme/host/nvme-core.ko\n", ("nvme",)),
        ([NVME_CORE], "", ()),
        ([], "", ()),
        (["kernel/drivers/nvmem/nvmem.ko"], "", ()),
        ([NVME + ".sig", "etc/nvme.ko.conf", "kernel/nvme"], "", ()),
    ],
)
def test_a_driver_is_inside_with_all_that_it_needs(inside: list[str], builtin: str, expected: tuple[str, ...]) -> None:
    files = {**LISTS, "lib/modules/6.1.0/modules.builtin": builtin}
    names = ["init", *(f"usr/lib/modules/6.1.0/{path}" for path in inside)]
    assert only(files, initramfs={"boot/initrd.img-6.1.0": names}).in_initramfs == expected


def test_modules_of_another_release_cannot_be_loaded() -> None:
    names = ["init", *(f"lib/modules/6.1.1/{path}" for path in (NVME, NVME_CORE))]
    assert only(LISTS, initramfs={"boot/initrd.img-6.1.0": names}).in_initramfs == ()


def test_without_modules_dep_a_name_is_enough() -> None:
    names = ["init", f"lib/modules/6.1.0/{NVME}"]
    found = only({"boot/initrd.img-6.1.0": "x"}, initramfs={"boot/initrd.img-6.1.0": names})
    assert (found.in_initramfs, found.drivers) == (("nvme",), {})


@pytest.mark.parametrize(
    "names", [[], ["kernel/x86/microcode/AuthenticAMD.bin"], ["sbin/init", f"lib/modules/6.1.0/{NVME}"]]
)
def test_an_initramfs_without_init_was_cut_off(names: list[str]) -> None:
    """Behind its first archive, which is whole by itself: the microcode's, or Debian 13's of modules."""
    found = only(LISTS, initramfs={"boot/initrd.img-6.1.0": names})
    assert (found.in_initramfs, found.initramfs_problem) == (None, "holds no /init; it was not written completely")


@pytest.mark.parametrize(
    ("code", "problem", "noted"),
    [
        ("EACCES", "needs root", []),
        ("EPERM", "needs root", []),
        ("EIO", "input/output error (EIO)", ["boot/initrd-a EIO"]),
    ],
)
def test_an_initramfs_that_cannot_be_read(code: str, problem: str, noted: list[str]) -> None:
    host = tree({"boot/vmlinuz-a": image(), "boot/initrd-a": ""}, errors={"boot/initrd-a": code})
    (found,) = kernels(host, *noted)
    assert (found.initramfs, found.in_initramfs, found.initramfs_problem) == ("boot/initrd-a", None, problem)


class Broken(SnapshotHost):
    """Its initramfs raises what it is told."""

    error: SourceError

    def initramfs(self, path: str) -> tuple[str, ...]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "noted"),
    [(Malformed("boot/initrd-a", "ends early"), False), (Unreadable("boot/initrd-a", "ends early", "ENOPKG"), False)],
)
def test_an_initramfs_that_is_no_such_thing(error: SourceError, noted: bool) -> None:
    """A damaged file is a fact of the guest; the collector did its work."""
    made = MemoryTree()
    made.add("boot/vmlinuz-a", image())
    made.add("boot/initrd-a", b"x")
    host = Broken(made)
    host.error = error
    source = Source(host)
    (found,) = present(read_kernels(source))
    assert (found.in_initramfs, found.initramfs_problem) == (None, "ends early")
    assert bool(problems(source)) is noted


# Space


def test_space() -> None:
    source = Source(tree({}, space={"": {"total": 8, "free": 3}, "boot": {"total": 2, "free": 1}}))
    assert read_space(source) == {"/": Space(8, 3), "/boot": Space(2, 1)}
    assert problems(source) == []


def test_space_that_is_not_known_is_left_out() -> None:
    source = Source(tree({}, space={"": {"total": 8, "free": 3}, "boot": {"total": "x"}}))
    assert read_space(source) == {"/": Space(8, 3)}
    assert problems(source) == ["virt-agent/space.json MALFORMED"]
    assert read_space(Source(tree({}))) is None


# The head of a file


def test_only_the_head_of_a_file_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"abcdef")
    os.truncate(path, 64 << 30)  # no more of it than a page is on the disk, and no memory would hold it
    assert LiveHost(str(tmp_path)).head("large", 4) == (b"abcd", 64 << 30)


def test_a_head_is_of_a_regular_file(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").write_bytes(b"")
    host = LiveHost(str(tmp_path))
    assert host.head("empty", 4) == (b"", 0)
    for path, code in (("fifo", "EFTYPE"), (".", "EISDIR"), ("nothing", "ENOENT")):
        with pytest.raises(SourceError) as refused:
            host.head(path, 4)
        assert refused.value.code == code


def test_a_helper_does_not_change_the_head(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    assert Helped(LiveHost(str(tmp_path)), str(tmp_path / "run")).head("file", 3) == (b"abc", 6)


def snapshot_of(host: SnapshotHost, *names: str) -> SnapshotHost:
    """What a snapshot of these collectors replays, through the files of its archive."""
    _, recording = recorded(host, choose(optional=names))
    made = MemoryTree()
    for path, entry in entries(recording, "1", None).items():
        made.add(path, entry)
    return SnapshotHost(made)


def test_a_snapshot_tells_the_same_without_the_images() -> None:
    host = tree(UBUNTU, initramfs=INITRAMFS, space={"": {"total": 8, "free": 3}})
    replayed = snapshot_of(host, "kernels", "space")
    assert kernels(replayed) == kernels(host)
    assert read_space(Source(replayed)) == read_space(Source(host))
    with pytest.raises(Unreadable):
        replayed.file(f"boot/vmlinuz-{AWS}")


def test_a_snapshot_keeps_refusals() -> None:
    path = f"boot/vmlinuz-{AWS}"
    host = tree(UBUNTU, initramfs=INITRAMFS, errors={path: "EACCES"})
    assert [kernel.complete for kernel in kernels(host)] == [None, True]
    assert kernels(snapshot_of(host, "kernels")) == kernels(host)


def test_a_redacted_snapshot_tells_the_same() -> None:
    host = tree(UBUNTU, initramfs=INITRAMFS)
    _, recording = recorded(host, choose(optional=("kernels",)))
    clean, _ = redact(recording)
    assert {kept for names in clean.initramfs.values() for kept in names if "modules" not in kept} == {"init"}
    made = MemoryTree()
    for path, entry in entries(clean, "1", {}).items():
        made.add(path, entry)
    assert kernels(SnapshotHost(made)) == kernels(host)


def test_a_link_to_an_image_is_recorded_once() -> None:
    recorder = Recorder(tree({"boot/vmlinuz-6.1.0": image(), "boot/vmlinuz-b": Link("vmlinuz-6.1.0")}))
    assert recorder.head("boot/vmlinuz-b", 8) == recorder.head("boot/vmlinuz-6.1.0", 8)
    assert recorder.recording.heads == {"boot/vmlinuz-6.1.0": (image()[:8], len(image()))}
    assert recorder.recording.links == {"boot/vmlinuz-b": "vmlinuz-6.1.0"}
    assert recorder.recording.files == {}


@pytest.mark.parametrize(
    "recorded_head",
    [[], "x", {}, {"size": 1}, {"head": "00", "size": "x"}, {"head": "0", "size": 1}, {"head": 7, "size": 1}],
)
def test_a_damaged_record_of_heads(recorded_head: object) -> None:
    host = tree({"boot/vmlinuz-a": image()}, heads={"boot/vmlinuz-a": recorded_head})
    with pytest.raises(Malformed):
        host.head("boot/vmlinuz-a", 4)
    (found,) = kernels(host, "virt-agent/heads.json MALFORMED")
    assert found.complete is None


def test_a_real_tree_on_a_disk(tmp_path: pathlib.Path) -> None:
    """A kernel that was cut off where the disk was full, beside a whole one, through the live reader."""
    files = {f"boot/vmlinuz-{AWS}": image(missing=2048), f"boot/vmlinuz-{GENERIC}": image()}
    machine(tmp_path, files)
    found = present(read_kernels(Source(LiveHost(str(tmp_path)))))
    assert [(kernel.release, kernel.complete) for kernel in found] == [(AWS, False), (GENERIC, True)]
