"""`virt-agent --readiness` from files to text: on a guest's tree, as JSON, with exit codes, whatever the files hold."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus, documents
from tests.machines import Entry, Link, lay_out, write
from tests.readiness_guests import (
    KVM,
    OLDER,
    PV,
    XEN,
    Change,
    boots,
    entry,
    fact,
    fstab_entry,
    grub,
    guest,
    kernel,
    mounting,
    without_driver,
)
from virt_agent import readiness
from virt_agent.__main__ import main
from virt_agent.observe import reading_of
from virt_agent.readiness.form import EXIT_CODES, TARGETS
from virt_agent.render import readiness as render
from virt_agent.render.text import Style
from virt_collectors.boot_loader import BootLoader
from virt_collectors.collect import FAILED, OK, STUCK, Outcome
from virt_collectors.kernels import MODULE
from virt_collectors.record import plain, replace
from virt_collectors.system import System

UUID = "5b0a7c1e-6f7d-4a55-9a0e-2f6c1d3e4b01"


# A Xen guest of EC2, file by file


def image(paragraphs: int = 64, size: int | None = None) -> bytes:
    """A bzImage of nothing: two sectors of setup, then so many units of 16 bytes (arch/x86/boot.rst)."""
    head = bytearray(528)
    head[0x1F1] = 1
    head[0x1F4:0x1F8] = paragraphs.to_bytes(4, "little")
    head[0x202:0x206] = b"HdrS"
    return bytes(head).ljust(1024 + paragraphs * 16 if size is None else size, b"\1")


def cpio(*names: str) -> bytes:
    """An archive of empty files in the form newc."""
    made = b""
    for name in (*names, "TRAILER!!!"):
        fields = [0, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        made += header.ljust(-(-len(header) // 4) * 4, b"\0")
    return made


def module(release: str, name: str) -> str:
    return f"usr/lib/modules/{release}/kernel/drivers/{name}.ko.zst"


def installed(release: str, in_initramfs: tuple[str, ...] = ("nvme",), cut: bool = False) -> dict[str, Entry]:
    """A generic kernel: NVMe and ENA are modules, the rest is built in."""
    archive = cpio("init", *(module(release, name) for name in in_initramfs))
    built = ("xen-blkfront", "xen-netfront", "ext4", "sd_mod", "ata_piix", "virtio_pci")
    return {
        f"boot/vmlinuz-{release}": image(),
        f"boot/initrd.img-{release}": archive[: len(archive) // 2] if cut else archive,
        f"lib/modules/{release}/modules.builtin": "".join(f"kernel/drivers/{name}.ko\n" for name in built),
        f"lib/modules/{release}/modules.dep": "kernel/drivers/nvme.ko.zst:\nkernel/drivers/ena.ko.zst:\n",
    }


def grub_cfg(*releases: str, root: str = f"UUID={UUID}") -> str:
    entries = (
        f"menuentry 'Ubuntu, with Linux {release}' {{\n\tlinux\t/boot/vmlinuz-{release} root={root} ro console=ttyS0"
        f" nvme_core.io_timeout=4294967295\n\tinitrd\t/boot/initrd.img-{release}\n}}\n"
        for release in releases
    )
    return 'set default="0"\n' + "".join(entries)


NETPLAN = (
    "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      match:\n"
    '        macaddress: "02:77:00:37:20:93"\n      set-name: eth0\n'
)
GENERIC = "6.8.0-149-generic"
IMAGE, MENU, FSTAB = f"boot/vmlinuz-{GENERIC}", "boot/grub/grub.cfg", "etc/fstab"
DEP, PLAN = f"lib/modules/{GENERIC}/modules.dep", "etc/netplan/50-cloud-init.yaml"
BY_NAME = NETPLAN.replace('macaddress: "02:77:00:37:20:93"', "name: eth0")
DISK = "sys/devices/vbd-51712/block/xvda"
FILES: dict[str, Entry] = {
    **installed(GENERIC),
    MENU: grub_cfg(GENERIC),
    FSTAB: f"UUID={UUID} / ext4 defaults 0 1\n",
    PLAN: NETPLAN,
    f"dev/disk/by-uuid/{UUID}": Link("../../xvda1"),
    f"{DISK}/xvda1/partition": "1\n",
    "sys/class/block/xvda1": Link("../../devices/vbd-51712/block/xvda/xvda1"),
    "sys/dev/block/202:1": Link("../../devices/vbd-51712/block/xvda/xvda1"),
    "proc/self/mountinfo": "22 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 rw\n",
}


def tree(directory: pathlib.Path, changes: dict[str, Entry] | None = None) -> str:
    """The case t2.micro with a disk that has all that a boot takes."""
    case = json.loads((corpus.HERE / "cases" / "D07-ec2-t2micro-xen-on-nitro.json").read_text())
    lay_out(case, directory)
    for path, content in {**FILES, **(changes or {})}.items():
        target = directory / path
        if target.is_symlink() or target.exists():
            target.unlink()
        write(directory, {path: content})
    return str(directory)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["--readiness", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(
    ("target", "changes", "code", "first"),
    [
        ("nitro", {}, 0, f"READY: {GENERIC} has what it needs\n"),
        ("reboot", {}, 0, f"READY: {GENERIC} has what it needs\n"),
        ("hvm", {}, 0, f"READY: {GENERIC} has what it needs\n"),
        ("nitro", installed(GENERIC, ()), 2, f"WOULD NOT BOOT: no nvme in the initramfs of {GENERIC} (R-05)\n"),
        ("nitro", installed(GENERIC, ("nvmem",)), 2, f"WOULD NOT BOOT: no nvme in the initramfs of {GENERIC} (R-05)\n"),
        ("reboot", installed(GENERIC, ()), 0, "READY: "),
        ("reboot", installed(GENERIC, cut=True), 2, f"WOULD NOT BOOT: initramfs is damaged: {GENERIC} (R-22)\n"),
        ("reboot", {IMAGE: image(size=1500)}, 2, f"WOULD NOT BOOT: kernel image is cut short: {GENERIC} (R-21)\n"),
        ("reboot", {IMAGE: ""}, 2, f"WOULD NOT BOOT: kernel image is cut short: {GENERIC} (R-21)\n"),
        ("reboot", {MENU: grub_cfg("6.8.0-150-generic")}, 2, "WOULD NOT BOOT: the next kernel is not there: /boot/vmlinuz... (R-21)\n"),
        ("reboot", {MENU: grub_cfg(GENERIC, root="UUID=other")}, 2, "WOULD NOT BOOT: no disk for root=UUID=other at the next boot (R-07)\n"),
        ("nitro", {MENU: grub_cfg(GENERIC, root="/dev/xvda1")}, 2, "WOULD NOT BOOT: no disk for root=/dev/xvda1 at the next boot (R-07)\n"),
        ("reboot", {MENU: grub_cfg(GENERIC, root="/dev/xvda1")}, 0, "READY: "),
        ("nitro", {FSTAB: "/dev/xvda1 / ext4 defaults 0 1\n"}, 2, "WOULD NOT BOOT: no disk for / at the next boot: /dev/xvda1 (R-06)\n"),
        ("nitro", {DEP: "kernel/drivers/nvme.ko.zst:\n"}, 1, f"NOT READY: no ena for the network in {GENERIC} (R-04)\n"),
        ("nitro", {PLAN: BY_NAME}, 1, "NOT READY: network set up for name eth0, which the next car... (R-08)\n"),
        ("nitro", {PLAN: "network: [\n"}, 3, "UNKNOWN: the network configuration could not be read whole (R-08)\n"),
        ("reboot", {MENU: "menuentry 'x' {\n"}, 3, "UNKNOWN: what boots next cannot be told (R-10)\n"),
    ],
)  # fmt: skip
def test_from_files_to_the_first_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
    target: str,
    changes: dict[str, Entry],
    code: int,
    first: str,
) -> None:
    given, out, err = run(capsys, target, "--root", tree(tmp_path, changes))
    assert out.startswith(f"VIRT-AGENT {first}"), out
    assert given == code
    assert err == ""


def test_json_has_the_whole_answer(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    code, out, _ = run(capsys, "nitro", "--json", "--root", tree(tmp_path, installed(GENERIC, ())))
    found = json.loads(out)
    assert code == found["exit_code"] == 2
    assert found["schema"] == 1
    assert (found["target"], found["answer"], found["without"]) == ("nitro", "would not boot", [])
    assert found["reason"] == f"no nvme in the initramfs of {GENERIC} (R-05)"
    assert found["next_boot"]["release"] == GENERIC
    assert found["next_boot"]["menu"] == MENU
    assert f"root=UUID={UUID}" in found["next_boot"]["parameters"]
    assert found["kernels"] == [
        {"release": GENERIC, "next": True, "image": "complete", "initramfs": "complete",
         "root_drivers": "left out", "network_drivers": "module"},
    ]  # fmt: skip
    first = found["results"][0]
    assert (first["code"], first["state"], first["stops_boot"]) == ("R-05", "blocker", True)
    assert first["remedy"] == [f"sudo update-initramfs -u -k {GENERIC}"]
    assert found["collectors"] == []


def test_a_broken_snapshot_answer_is_told_and_leaves_it_unknown(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    changes: dict[str, Entry] = {"boot/grub/grub.cfg": None}
    code, out, _ = run(capsys, "reboot", "--root", tree(tmp_path, changes))
    assert code == 3
    assert "Unread    boot_loader failed: /boot/grub/grub.cfg: is a directory" in out


def test_without_goes_with_reboot_alone(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path)
    code, out, err = run(capsys, "nitro", "--without", "xen_nopv", "--root", root)
    assert (code, out) == (3, "")
    assert err == "virt-agent: --without goes with --readiness reboot, not with nitro\n"
    code, out, _ = run(capsys, "reboot", "--without", "xen_nopv", "--root", root)
    assert code == 0
    words = " ".join(out.split())
    assert "as if xen_nopv were gone" in words
    assert "R-16 xen_nopv is not on the next command line" in words


def test_quiet_prints_one_line_and_verbose_what_is_fine(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    root = tree(tmp_path)
    assert run(capsys, "nitro", "-q", "--root", root)[1] == f"VIRT-AGENT READY: {GENERIC} has what it needs\n"
    assert "  Fine      R-10 " not in run(capsys, "nitro", "--root", root)[1]
    assert f"  Fine      R-10 /{MENU} boots {GENERIC}\n" in run(capsys, "nitro", "-v", "--root", root)[1]


def test_colour_only_comes_on_top(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path, installed(GENERIC, cut=True))
    plain_text = run(capsys, "reboot", "--root", root)[1]
    coloured = run(capsys, "reboot", "--root", root, "--color", "always")[1]
    assert "\033[1;31mVIRT-AGENT WOULD NOT BOOT:\033[0m" in coloured
    assert "\033[1;31mBLOCKER\033[0m" in coloured
    for code in ("\033[1;31m", "\033[1;33m", "\033[1;35m", "\033[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain_text


# The text of guests of each kind; the reviewer reads the diff

SHORT = replace(kernel(), complete=False)
NO_NVME = without_driver(kernel(OLDER, ("nvme",)), "nvme", MODULE)
SECRET = replace(kernel(), complete=None, in_initramfs=None, initramfs_problem="needs root")
UNREAD = {SECRET.image: "EACCES", str(SECRET.initramfs): "EACCES", "etc/netplan/50-cloud-init.yaml": "EACCES"}
GUESTS: dict[str, tuple[str, str, tuple[Change, ...]]] = {
    "ready": (XEN, "nitro", (boots(line="root=UUID=1b2c console=ttyS0 nvme_core.io_timeout=4294967295"),)),
    "pv-to-hvm": (PV, "hvm", ()),
    "cut-short": (KVM, "reboot", (fact(kernels=(SHORT, kernel(OLDER))),)),
    "no-nvme": (XEN, "nitro", (boots(OLDER, "root=/dev/xvda1 console=hvc0"), fact(kernels=(kernel(), NO_NVME)),
                               mounting(fstab_entry("/dev/xvda1", "/"), fstab_entry("/dev/sdf", "/data", "nofail")))),
    "not-root": (XEN, "reboot", (fact(kernels=(SECRET, kernel(OLDER)), unreadable=UNREAD, system=System("web-1", OLDER, "x86_64", False)),)),
}  # fmt: skip


def printed(name: str, verbosity: int = 1) -> str:
    kind, target, changes = GUESTS[name]
    reading = guest(kind, *changes)
    return render.text(readiness.answer(reading, target), reading, (), Style(verbosity))


@pytest.mark.parametrize("name", GUESTS)
def test_text(name: str) -> None:
    documents.hold(f"tests/goldens/readiness/{name}.txt", printed(name))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", corpus.MACHINES)
def test_every_machine_gets_an_answer_in_80_columns(name: str, target: str) -> None:
    reading = reading_of(corpus.facts(corpus.host(name)))
    found = readiness.answer(reading, target)
    assert_is_clean(render.text(found, reading, (), Style(verbosity=1)))
    document = render.document(found, reading, ())
    assert json.loads(json.dumps(document))["answer"] in EXIT_CODES


def assert_is_clean(text: str) -> None:
    assert text.replace("\n", "").isascii()
    assert text.replace("\n", "").isprintable()
    assert "|" not in text
    assert max(map(len, text.splitlines())) <= 80


hostile = st.text(min_size=1, max_size=120) | st.sampled_from(
    ["\033[31mred", "a|b", "x" * 300, "\u202egpj", "\n\n", "'; rm -rf /"]
)


@given(hostile, hostile, st.sampled_from(TARGETS))
def test_no_text_of_the_machine_s_own_reaches_a_terminal_as_it_is(name: str, other: str, target: str) -> None:
    chosen = replace(
        entry(), title=name, kernel=f"boot/vmlinuz-{name}", parameters=(f"root={other}", f"console={name}")
    )
    changes = fact(
        kernels=(kernel(other), replace(kernel(name), complete=False, initramfs_problem=other, in_initramfs=None)),
        boot_loader=BootLoader(grub(chosen), None, "dep"),
        system=System(name, other, name, True),
    )
    reading = guest(XEN, changes, mounting(fstab_entry(f"/dev/{name}", f"/{other}")))
    found = readiness.answer(reading, target, (other,) if target == "reboot" else ())
    outcomes = (
        Outcome("kernels", FAILED, name, 0.1),
        Outcome("space", STUCK, other, 9.0),
        Outcome("boot", OK, None, 0.1),
    )
    assert_is_clean(render.text(found, reading, outcomes, Style(verbosity=1)))
    told = render.document(found, reading, outcomes)
    assert [outcome["name"] for outcome in told["collectors"]] == ["kernels", "space"]
    assert json.loads(json.dumps(told))["results"] == plain(found.results)
