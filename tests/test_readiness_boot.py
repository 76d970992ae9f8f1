"""Which menu counts, what a changed command line does to disks, what a name leads to, and how answers are weighed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from tests.machines import present
from tests.readiness_guests import (
    DATA_UUID,
    KVM,
    MAC,
    NITRO,
    OLDER,
    PV,
    RELEASE,
    ROOT_UUID,
    XEN,
    Change,
    ask,
    boots,
    entry,
    fact,
    facts,
    fstab_entry,
    grub,
    guest,
    kernel,
    menu_lst,
    mounting,
    names,
    told,
    without_driver,
)
from virt_agent import readiness
from virt_agent.observe import reading_of
from virt_agent.readiness import names as disk_names
from virt_agent.readiness.drivers import has, worst
from virt_agent.readiness.form import BLOCKER, OK, TARGETS, UNKNOWN, WARNING, Readiness, Result
from virt_agent.readiness.modules import numbers
from virt_agent.readiness.next_boot import remaining
from virt_agent.rules.xen.unplug import switches
from virt_collectors.block import BlockDevice
from virt_collectors.boot import Boot
from virt_collectors.boot_loader import BootEntry, BootLoader
from virt_collectors.configuration import Configuration
from virt_collectors.device_names import DeviceNames
from virt_collectors.facts import Facts
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernels import BUILTIN, DRIVERS, MISSING, MODULE, InstalledKernel, read_kernels
from virt_collectors.mounts import Mount
from virt_collectors.network import Network, NetworkDevice
from virt_collectors.record import replace
from virt_collectors.source import Source
from virt_collectors.system import System

# What boots next


@pytest.mark.parametrize(
    ("kind", "target", "menu"),
    [(PV, "reboot", "boot/grub/menu.lst"), (PV, "hvm", "boot/grub/grub.cfg"), (PV, "nitro", "boot/grub/grub.cfg"),
     (XEN, "reboot", "boot/grub/grub.cfg"), (KVM, "nitro", "boot/grub/grub.cfg")],
)  # fmt: skip
def test_pv_on_ec2_boots_menu_lst_and_all_others_grub_cfg(kind: str, target: str, menu: str) -> None:
    loader = BootLoader(grub(entry(RELEASE)), menu_lst(entry(RELEASE)))
    assert present(ask(kind, target, fact(boot_loader=loader)).next_boot.menu).path == menu


def test_where_there_is_no_grub_cfg_menu_lst_boots_an_hvm_guest() -> None:
    """Amazon Linux 1 and RHEL 6 have GRUB legacy on HVM too."""
    found = ask(XEN, "nitro", fact(boot_loader=BootLoader(None, menu_lst())))
    assert present(found.next_boot.menu).path == "boot/grub/menu.lst"
    assert found.answer == "ready"


def test_a_menu_that_is_root_s_alone_says_so() -> None:
    found = ask(XEN, "reboot", fact(boot_loader=None, unreadable={"boot/grub/grub.cfg": "EACCES"}))
    said = told(found, "R-10")[0]
    assert said.evidence == ("/boot/grub/grub.cfg is root's alone",)
    assert said.remedy == ("sudo virt-agent --readiness reboot",)


@pytest.mark.parametrize("path", ["boot/vmlinuz-" + RELEASE, "vmlinuz-" + RELEASE])
def test_the_kernel_is_found_by_its_file_name(path: str) -> None:
    """With /boot on a file system of its own, GRUB writes the path from there."""
    chosen = BootEntry("Ubuntu", path, f"initrd.img-{RELEASE}", entry().parameters)
    assert ask(XEN, "reboot", fact(boot_loader=BootLoader(grub(chosen)))).answer == "ready"


@pytest.mark.parametrize("path", ["vmlinuz", "boot/vmlinuz-0-rescue-0123", "ostree/x/vmlinuz-6.1"])
def test_a_kernel_that_is_no_plain_file_of_boot_is_unknown_and_not_missing(path: str) -> None:
    chosen = BootEntry("other", path, "initrd", entry().parameters)
    found = ask(XEN, "reboot", fact(boot_loader=BootLoader(grub(chosen))))
    assert found.answer == "unknown"
    assert told(found, "R-21")[0].state == UNKNOWN


def test_the_fault_of_the_only_kernel_counts_where_the_menu_is_not_told() -> None:
    short = replace(kernel(), complete=False)
    assert ask(XEN, "reboot", fact(kernels=(short,), boot_loader=None)).answer == "would not boot"
    assert ask(XEN, "reboot", fact(kernels=(short, kernel(OLDER)), boot_loader=None)).answer == "unknown"


def test_a_kernel_that_does_not_boot_next_may_be_unread() -> None:
    other = replace(kernel(OLDER), complete=None, in_initramfs=None, initramfs_problem="needs root", drivers={})
    unread = {other.image: "EACCES", str(other.initramfs): "EACCES"}
    found = ask(XEN, "reboot", fact(kernels=(kernel(), other), unreadable=unread))
    assert found.answer == "ready"
    assert {result.state for result in found.results if OLDER in result.subject} == {"info"}


@pytest.mark.parametrize(
    ("without", "left"),
    [(("xen_nopv",), "ro xen_emul_unplug=never"), (("xen-nopv",), "ro xen_emul_unplug=never"), (("ro",), "xen_nopv xen_emul_unplug=never"),
     (("xen_emul_unplug",), "ro xen_nopv"), (("xen_emul_unplug=never",), "ro xen_nopv"),
     (("xen_emul_unplug=all",), "ro xen_nopv xen_emul_unplug=never"), (("xen_nopv", "xen_emul_unplug"), "ro"), ((), "ro xen_nopv xen_emul_unplug=never")],
)  # fmt: skip
def test_parameters_are_taken_away_by_name_or_by_value(without: tuple[str, ...], left: str) -> None:
    given = ("ro", "xen_nopv", "xen_emul_unplug=never")
    assert set(remaining(given, without)) == set(left.split())


# Xen HVM guests with and without PV drivers


def nopv(line: str, *changes: Change, root: str = "sda1") -> Facts:
    """The lab's guest that runs with xen_nopv, on an emulated disk; its next command line is `line`."""
    found = facts(XEN)
    running = corpus.facts(corpus.host("hvm-nopv"))
    found = replace(
        running,
        system=System("build-3", RELEASE, "x86_64", True),
        boot=Boot((f"root=UUID={ROOT_UUID}", "xen_nopv")),
        block_devices=(BlockDevice("sda", "ata_piix", "pci"),),
        mounts=(Mount("/", f"/dev/{root}", "ext4", False, root, ("sda",)),),
        network=Network((NetworkDevice("ens4", "8139cp", "pci", address=MAC, default_route=True),), "ens4"),
        kernels=found.kernels,
        boot_loader=BootLoader(grub(entry(RELEASE, line), entry(OLDER))),
        device_names=names(root),
        space=found.space,
        configuration=Configuration(fstab=(fstab_entry(f"UUID={ROOT_UUID}", "/"),)),
        unreadable={},
    )
    for change in changes:
        found = change(found)
    return found


def asked(found: Facts, *without: str) -> Readiness:
    return readiness.answer(reading_of(found), "reboot", without)


BY_UUID, BY_NAME = f"root=UUID={ROOT_UUID} xen_nopv", "root=/dev/sda1 xen_nopv"


def test_without_xen_nopv_pv_drivers_take_over() -> None:
    found = asked(nopv(BY_UUID), "xen_nopv")
    assert found.answer == "ready"
    assert found.needs.root == ("xen-blkfront", "ext4")
    assert found.needs.network == ("xen-netfront",)
    assert "sda becomes xvda" in told(found, "R-16")[0].summary


def test_as_it_is_the_emulated_disk_stays() -> None:
    found = asked(nopv(BY_NAME))
    assert found.answer == "ready"
    assert found.needs.root == ("ata_piix", "sd_mod", "ext4")
    assert told(found, "R-16") == []


@pytest.mark.parametrize("without", [("xen_nopv",), ()])
def test_a_name_that_is_gone_with_the_driver_stops_the_boot(without: tuple[str, ...]) -> None:
    """Without --without, where GRUB's next line has lost the parameter already."""
    line = BY_NAME if without else "root=/dev/sda1"
    found = asked(nopv(line), *without)
    assert found.answer == "would not boot"
    assert found.results[0].code == "R-07"
    assert "no disk for root=/dev/sda1" in found.reason


def test_the_name_that_comes_with_the_driver_is_there() -> None:
    found = asked(nopv("root=/dev/xvda1 xen_nopv", mounting(fstab_entry("/dev/xvda1", "/"))), "xen_nopv")
    assert found.answer == "ready"


def test_fstab_and_the_initramfs_count_too() -> None:
    by_name = nopv(BY_UUID, mounting(fstab_entry("/dev/sda2", "/data")))
    assert asked(by_name, "xen_nopv").answer == "would not boot"
    modular = (without_driver(kernel(modules=("xen-blkfront",)), "xen-blkfront", MODULE),)
    assert asked(nopv(BY_UUID, fact(kernels=modular)), "xen_nopv").answer == "would not boot"
    assert asked(nopv(BY_UUID, fact(kernels=modular))).answer == "ready"


def test_a_parameter_that_is_not_there_changes_nothing() -> None:
    found = asked(nopv(BY_UUID), "xen_emul_unplug")
    assert found.answer == "ready"
    assert "xen_emul_unplug is not on the next command line" in told(found, "R-16")[0].summary
    assert found.needs.root[0] == "ata_piix"


def test_pv_drivers_that_will_stay_out_are_told() -> None:
    found = ask(XEN, "reboot", boots(line="root=/dev/xvda1 xen_nopv"))
    assert found.answer == "would not boot"
    assert found.needs.root == ("ata_piix", "sd_mod", "ext4")
    assert any("PV drivers stay out" in result.summary for result in told(found, "R-16"))


@pytest.mark.parametrize(
    ("line", "word"),
    [("xen_nopv", "xen_nopv"), ("nopv", "nopv"), ("xen-nopv", "xen_nopv"), ("xen_emul_unplug=never", "xen_emul_unplug=never"),
     ("xen_emul_unplug=all,unnecessary", "xen_emul_unplug=all,unnecessary"), ("xen_emul_unplug=all", None), ("ro", None)],
)  # fmt: skip
def test_what_keeps_pv_drivers_out(line: str, word: str | None) -> None:
    assert next(switches(Boot((line,))), None) == word


# Names of disks


@pytest.mark.parametrize(
    ("kind", "target", "spec", "fate"),
    [
        (XEN, "reboot", f"UUID={ROOT_UUID}", "there"), (XEN, "reboot", f'UUID="{ROOT_UUID}"', "there"),
        (XEN, "reboot", f"UUID={ROOT_UUID.upper()}", "nowhere"), (XEN, "reboot", "LABEL=Cloudimg rootfs", "nowhere"),
        (XEN, "reboot", "PARTUUID=AA-01", "nowhere"), (XEN, "reboot", "/dev/cdrom", "not told"), (XEN, "nitro", "/dev/sdcard", "not told"),
        (XEN, "reboot", "/dev/disk/by-path/xen-vbd-51712", "not told"), (XEN, "nitro", "/dev/disk/by-path/xen-vbd-51712", "gone"),
        (XEN, "reboot", "/dev/xvdba", "nowhere"), (XEN, "reboot", "/dev/sr0", "nowhere"),
        (XEN, "nitro", f"UUID={ROOT_UUID}", "there"), (XEN, "reboot", "LABEL=cloudimg rootfs", "there"),
        (XEN, "reboot", "/dev/disk/by-label/cloudimg\\x20rootfs", "there"), (XEN, "reboot", "PARTLABEL=x", "nowhere"),
        (XEN, "reboot", f"/dev/disk/by-uuid/{DATA_UUID}", "there"), (XEN, "reboot", "/dev/disk/by-id/x", "not told"),
        (XEN, "reboot", "/dev/xvda", "there"), (XEN, "reboot", "/dev/xvda1", "there"), (XEN, "reboot", "/dev/xvdq", "nowhere"),
        (XEN, "nitro", "/dev/xvda1", "gone"), (XEN, "nitro", "/dev/sdb", "gone"), (XEN, "nitro", "/dev/nvme0n1p1", "movable"),
        (NITRO, "nitro", "/dev/nvme0n1p1", "movable"), (NITRO, "nitro", "/dev/nvme7n1", "nowhere"),
        (PV, "hvm", "/dev/xvda1", "there"), (PV, "hvm", "/dev/sda1", "gone"), (KVM, "hvm", "/dev/vda1", "there"),
        (KVM, "nitro", "/dev/vg/root", "not told"), (KVM, "reboot", "/dev/md0", "not told"),
    ],
)  # fmt: skip
def test_what_a_name_leads_to(kind: str, target: str, spec: str, fate: str) -> None:
    assert disk_names.fate(readiness.make_case(guest(kind), target), spec) == fate


@pytest.mark.parametrize(
    ("root", "fate"),
    [("PARTUUID=AA-01", "there"), ("PARTUUID=aa-02", "nowhere"), (f"UUID={ROOT_UUID.upper()}", "nowhere")],
)
def test_the_kernel_alone_takes_a_tag_in_any_case(root: str, fate: str) -> None:
    assert disk_names.fate_of_root(readiness.make_case(guest(XEN), "reboot"), root) == fate


def test_a_partition_is_not_missed_where_no_partitions_are_told() -> None:
    case = readiness.make_case(guest(XEN, fact(device_names=DeviceNames())), "reboot")
    assert [disk_names.fate(case, name) for name in ("/dev/xvda", "/dev/xvda3")] == ["there", "not told"]


@pytest.mark.parametrize(("spec", "is_one"), [("UUID=1", True), ("/dev/xvda1", True), ("tmpfs", False), ("nas:/vol", False), ("//nas/vol", False), ("proc", False)])  # fmt: skip
def test_what_is_a_disk(spec: str, is_one: bool) -> None:
    assert disk_names.is_disk_name(spec) is is_one


# Drivers


@pytest.mark.parametrize(
    ("presence", "initramfs", "inside", "word"),
    [(BUILTIN, "i", (), "builtin"), (MODULE, "i", ("nvme",), "initramfs"), (MODULE, "i", (), "left out"),
     (MODULE, "i", None, "not known"), (MODULE, None, None, "left out"), (MISSING, "i", (), "missing"), (MISSING, "i", None, "missing")],
)  # fmt: skip
def test_where_a_driver_is(presence: str, initramfs: str | None, inside: tuple[str, ...] | None, word: str) -> None:
    given_kernel = InstalledKernel("1", "boot/vmlinuz-1", True, initramfs, inside, None, {"nvme": presence})
    assert has(given_kernel, "nvme") == word
    assert has(replace(given_kernel, drivers={}), "ext4") == "not known"


def test_the_worst_of_several_stands_for_all() -> None:
    assert worst(["builtin", "missing", "initramfs"]) == "missing"
    assert worst(["builtin", "not known", "initramfs"]) == "not known"
    assert worst([]) == "not known"


def test_what_lies_between_disk_and_file_system_is_needed_too() -> None:
    disk = BlockDevice(
        "sda", "virtio_scsi", "virtio", path="sys/devices/pci0000:00/virtio0/host0/sda", holders=("dm-0",)
    )
    mounts = (Mount("/", "/dev/mapper/vg-root", "xfs", False, "dm-0", ("sda",)),)
    changed = fact(block_devices=(disk,), mounts=mounts)
    found = ask(KVM, "reboot", changed)
    assert found.needs.root == ("virtio_scsi", "sd_mod", "virtio_pci", "dm_mod", "xfs")
    assert found.answer == "ready"
    for driver in found.needs.root:
        lacking = (without_driver(kernel(), driver, MODULE),)
        assert ask(KVM, "reboot", changed, fact(kernels=lacking)).answer == "would not boot", driver


@pytest.mark.parametrize(("device", "answer"), [("vda1", "ready"), ("md0", UNKNOWN), ("dm-0", UNKNOWN)])
def test_an_array_counts_where_the_root_may_lie_on_it(device: str, answer: str) -> None:
    """Its level is not read: no driver is asked for, and nothing is called ready."""
    disk = replace(present(facts(KVM).block_devices)[0], holders=("md0",))
    changed = fact(block_devices=(disk,), mounts=(Mount("/", f"/dev/{device}", "ext4", False, device, ("vda",)),))
    found = ask(KVM, "reboot", changed, fact(kernels=(without_driver(kernel(), "raid1", MISSING),)))
    assert found.answer == answer
    assert "raid1" not in found.needs.root


@pytest.mark.parametrize("kind", ["ext2", "ext3", "ext4"])
def test_each_file_system_has_its_driver(kind: str) -> None:
    mounts = (Mount("/", "/dev/vda1", kind, False, "vda1", ("vda",)),)
    assert ask(KVM, "reboot", fact(mounts=mounts)).needs.root[-1] == kind


@pytest.mark.parametrize(
    ("builtin", "presence"),
    [("kernel/fs/ext4/ext4.ko", (BUILTIN, BUILTIN, BUILTIN)), ("kernel/fs/ext3/ext3.ko", (MISSING, BUILTIN, MISSING)), ("kernel/fs/xfs/xfs.ko", (MISSING,) * 3)],
)  # fmt: skip
def test_ext4_serves_the_older_two_and_not_the_other_way_round(builtin: str, presence: tuple[str, ...]) -> None:
    tree = MemoryTree()
    tree.add("boot/vmlinuz-1", b"")
    tree.add("lib/modules/1/modules.dep", b"kernel/drivers/net/tun.ko:\n")
    tree.add("lib/modules/1/modules.builtin", builtin.encode())
    found = present(read_kernels(Source(SnapshotHost(tree))))[0]
    assert tuple(found.drivers[name] for name in ("ext4", "ext3", "ext2")) == presence


def test_the_table_calls_an_initramfs_of_the_menu_not_read() -> None:
    chosen = replace(entry(), initramfs="boot/custom.img")
    assert ask(XEN, "reboot", fact(boot_loader=BootLoader(grub(chosen)))).kernels[0].initramfs == "not read"


@pytest.mark.parametrize(
    ("release", "found"),
    [("5.4.0-1025-aws", (5, 4, 0, 1025)), ("6.1.0-28-amd64", (6, 1, 0, 28)), ("5.14.0-427.el9.x86_64", (5, 14, 0, 427)), ("rc", ())],
)  # fmt: skip
def test_numbers_of_a_release(release: str, found: tuple[int, ...]) -> None:
    assert numbers(release) == found


# Platforms where the question makes little sense


def test_already_on_nitro_is_said_and_judged_for_its_reboot() -> None:
    found = ask(NITRO, "nitro")
    assert "on Nitro already" in told(found, "R-25")[0].summary
    assert ask(NITRO, "nitro", fact(kernels=(replace(kernel(), complete=False),))).answer == "would not boot"


@pytest.mark.parametrize(
    ("name", "target", "said", "state"),
    [("D27-ec2-i3metal", "nitro", "bare metal of EC2", "info"), ("D16-docker-on-ec2-xen", "reboot", "a container boots nothing", UNKNOWN),
     ("dom0", "reboot", "a dom0 boots Xen first", UNKNOWN), ("qemu-q35-virtio", "nitro", "not on EC2", "info"),
     ("dom0", "nitro", "a dom0 boots Xen first", UNKNOWN), ("pvhvm", "hvm", "on HVM already", "info")],
)  # fmt: skip
def test_the_platform_is_told(name: str, target: str, said: str, state: str) -> None:
    found = readiness.answer(reading_of(corpus.facts(corpus.host(name))), target)
    result = told(found, "R-25")[0]
    assert said in result.summary
    assert result.state == state
    assert found.answer == UNKNOWN, "these machines show no kernels"


def test_a_guest_whose_menu_starts_xen_is_a_dom0_next_time() -> None:
    chosen = replace(entry(), hypervisor="boot/xen-4.17-amd64.gz")
    found = ask(KVM, "reboot", fact(boot_loader=BootLoader(grub(chosen))))
    assert found.answer == UNKNOWN
    assert "boots Xen first" in found.reason


def test_a_guest_that_is_pv_elsewhere_is_its_host_s_to_change() -> None:
    found = readiness.answer(reading_of(corpus.facts(corpus.host("pv"))), "hvm")
    assert "type = 'hvm'" in told(found, "R-01")[0].remedy[0]


def mounted_disk(root: str, fstab: str) -> Facts:
    """A disk that lies below /mnt: no /proc, no /sys, no /dev."""
    whole = facts(XEN)
    return Facts(
        kernels=whole.kernels,
        boot_loader=BootLoader(grub(entry(RELEASE, f"root={root} console=ttyS0"))),
        configuration=Configuration(fstab=(fstab_entry(fstab, "/"),)),
        device_names=replace(present(whole.device_names), disk_links={}),
    )


def test_a_mounted_disk_is_judged_as_if_it_moved() -> None:
    found = readiness.answer(reading_of(mounted_disk("LABEL=root", "LABEL=root")), "nitro")
    assert found.needs.root == ("nvme", "ext4")
    assert "not known (mounted elsewhere?)" in told(found, "R-25")[0].summary
    assert told(found, "R-07")[0].summary == "root=LABEL=root goes with its disk"
    assert told(found, "R-02")[0].state == UNKNOWN
    assert found.answer == "ready"


def test_a_mounted_disk_does_not_tell_of_its_reboot() -> None:
    """On which driver it hangs there, and whether its names lead anywhere."""
    found = readiness.answer(reading_of(mounted_disk("LABEL=root", "LABEL=root")), "reboot")
    undecided = {result.code for result in found.results if result.state == UNKNOWN and result.decides}
    assert undecided == {"R-04", "R-05", "R-06", "R-07"}
    assert found.answer == UNKNOWN


@pytest.mark.parametrize(("root", "answer"), [("PARTUUID=aa-01", "ready"), ("LABEL=root", UNKNOWN)])
def test_whether_a_mounted_disk_has_partitions_is_told_by_root(root: str, answer: str) -> None:
    assert readiness.answer(reading_of(mounted_disk(root, "LABEL=root")), "hvm").answer == answer


def test_a_mounted_disk_with_a_fault_would_not_boot() -> None:
    found = readiness.answer(reading_of(mounted_disk("/dev/xvda1", "/dev/xvda1")), "nitro")
    assert found.answer == "would not boot"


# The answer


def result(state: str, stops: bool = False, decides: bool = True) -> Result:
    return Result("R-01", "name", state, "s", "s", (), "", (), stops, decides, False, "")


@pytest.mark.parametrize(
    ("results", "answer"),
    [
        ([result(OK)], "ready"), ([], "ready"), ([result(WARNING), result(OK)], "ready"),
        ([result(UNKNOWN)] + [result(OK)] * 20, "unknown"), ([result(UNKNOWN, decides=False)], "ready"),
        ([result(BLOCKER), result(UNKNOWN)], "not ready"), ([result(BLOCKER, stops=True), result(BLOCKER)], "would not boot"),
        ([result(UNKNOWN), result(BLOCKER, stops=True)], "would not boot"), ([result(WARNING, stops=True)], "ready"),
    ],
)  # fmt: skip
def test_one_unknown_is_not_outvoted(results: list[Result], answer: str) -> None:
    assert readiness.decide(results) == answer


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", [XEN, NITRO, KVM])
@pytest.mark.parametrize("lost", ["kernels", "boot_loader", "device_names", "configuration"])
def test_what_decides_and_is_lost_makes_it_unknown(kind: str, target: str, lost: str) -> None:
    assert ask(kind, target, fact(**{lost: None})).answer == UNKNOWN


@pytest.mark.parametrize("lost", ["mounts", "block_devices", "network"])
def test_a_reboot_needs_to_know_the_devices(lost: str) -> None:
    assert ask(XEN, "reboot", fact(**{lost: None})).answer == UNKNOWN


FIELDS = ("kernels", "boot_loader", "device_names", "configuration", "mounts", "block_devices", "network", "imds", "system", "boot", "space")  # fmt: skip


@given(st.sampled_from([XEN, NITRO, PV, KVM]), st.sampled_from(TARGETS), st.sets(st.sampled_from(FIELDS)))
def test_lost_facts_never_make_it_better(kind: str, target: str, lost: set[str]) -> None:
    """Neither does any combination of them break a check."""
    ill = fact(kernels=(replace(kernel(), complete=False), kernel(OLDER)))
    found = ask(kind, target, ill, fact(**dict.fromkeys(lost)))
    assert found.answer != "ready"


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
specs = st.one_of(
    words,
    st.sampled_from(["UUID=", "LABEL=\x1b[0m", "/dev/", "/dev/xvda1", "/dev/nvme0n1", "/dev/disk/by-uuid/", "//", "="]),
)


@given(st.data())
def test_whatever_the_files_hold_there_is_an_answer(data: st.DataObject) -> None:
    drivers = st.dictionaries(st.sampled_from(DRIVERS), st.sampled_from([BUILTIN, MODULE, MISSING]), max_size=4)
    kernels = st.builds(
        InstalledKernel, words, words, st.sampled_from([True, False, None]), st.none() | words,
        st.none() | st.tuples(st.sampled_from(DRIVERS)), st.none() | words, drivers,
    )  # fmt: skip
    entries = st.builds(BootEntry, words, words, st.none() | words, st.tuples(specs.map("root={}".format), words))
    listed = data.draw(st.lists(entries, min_size=1, max_size=3))
    changes = fact(
        kernels=tuple(data.draw(st.lists(kernels, max_size=3))),
        boot_loader=BootLoader(grub(*listed)),
        configuration=Configuration(fstab=(fstab_entry(data.draw(specs), data.draw(words)),)),
        unreadable=dict.fromkeys(data.draw(st.sets(words, max_size=3)), "EACCES"),
    )
    found = ask(data.draw(st.sampled_from([XEN, NITRO, PV, KVM])), data.draw(st.sampled_from(TARGETS)), changes)
    assert found.answer == readiness.decide(list(found.results))
