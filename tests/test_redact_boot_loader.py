"""A redacted snapshot boots the same kernel by the same menu entry, and its images are as complete."""

from __future__ import annotations

import pytest

from tests.grub_configurations import MACHINE, MENU_LST, ROOT, debian, environment, ubuntu_cloud
from tests.machines import Files, present, recorded
from tests.test_boot_loader import AMAZON, amazon
from tests.test_kernels import INITRAMFS, UBUNTU, tree
from virt_collectors.boot_loader import BootLoader, read_boot_loader
from virt_collectors.collect import choose
from virt_collectors.host.archive import entries
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernels import read_kernels
from virt_collectors.redact import redact
from virt_collectors.source import Source

NEW, OLD = "6.8.0-1069-aws", "6.8.0-149-generic"
SAVED = f"gnulinux-advanced-{ROOT}>gnulinux-{OLD}-advanced-{ROOT}"
XEN = """menuentry 'With Xen' {
\tmultiboot2 /boot/xen-4.17-amd64.gz placeholder dom0_mem=2G
\tmodule2 /boot/vmlinuz-6.1.0-9-amd64 placeholder root=UUID=@ ro
\tmodule2 --nounzip /boot/initrd.img-6.1.0-9-amd64
}
""".replace("@", ROOT)
CUSTOM = "set default=mine\nGRUB2_PASSWORD=geheim\nmenuentry mine {\n linux /boot/vmlinuz-6.1 password=geheim\n}\n"
MACHINES: list[Files] = [
    {
        "boot/grub/grub.cfg": debian(NEW, OLD, default="${saved_entry}"),
        "boot/grub/grubenv": environment(saved_entry=SAVED),
    },
    {**UBUNTU, "boot/grub/grub.cfg": ubuntu_cloud(NEW, OLD), "boot/grub/grubenv": environment(next_entry="1>1")},
    {**amazon(*AMAZON, saved_entry=f"{MACHINE}-{AMAZON[1]}"), "boot/grub2/user.cfg": "GRUB2_PASSWORD=geheim\n"},
    {"boot/grub/menu.lst": "password --md5 geheim\n" + MENU_LST},
    {"boot/grub/grub.cfg": XEN},
    {"boot/grub/grub.cfg": debian(NEW, OLD), "boot/grub/custom.cfg": CUSTOM},
]


def told(loader: BootLoader | None) -> list[object]:
    menus = [menu for menu in (present(loader).grub, present(loader).menu_lst) if menu]
    defaults = [present(menu.default) for menu in menus]
    return [
        [(item.kernel, item.initramfs) for menu in menus for item in menu.entries],
        [(default.kernel, default.initramfs, default.hypervisor, default.value("ro")) for default in defaults],
    ]


@pytest.mark.parametrize("files", MACHINES)
def test_redacted_the_same_boots(files: Files) -> None:
    host = tree(files, initramfs=INITRAMFS)
    _, recording = recorded(host, choose(optional=("boot_loader", "kernels")))
    clean, _ = redact(recording)
    made = MemoryTree()
    for path, entry in entries(clean, "1", {}).items():
        made.add(path, entry)
    assert told(read_boot_loader(Source(SnapshotHost(made)))) == told(read_boot_loader(Source(host)))
    assert read_kernels(Source(SnapshotHost(made))) == read_kernels(Source(host))
    everything = b"".join(clean.files.values()).decode()
    assert ROOT not in everything
    assert "geheim" not in everything
