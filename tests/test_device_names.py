"""Who calls disks and network cards by names that change with the driver."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.machines import Entry, Link, collect, present, problems, recorded, replay
from virt_collectors import device_names
from virt_collectors.collect import COLLECTORS
from virt_collectors.device_names import DeviceNames, NameUse, Netplan, read_device_names
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.named_devices import disks as disk_names
from virt_collectors.named_devices import interfaces as interface_names
from virt_collectors.source import Source

Files = Mapping[str, Entry]


def host(files: Files, errors: Mapping[str, str] | None = None) -> SnapshotHost:
    tree = MemoryTree()
    for path, entry in files.items():
        tree.add(path, entry.target if isinstance(entry, Link) else entry.encode() if isinstance(entry, str) else entry)
    if errors:
        tree.add("virt-agent/errors.json", json.dumps(errors).encode())
    return SnapshotHost(tree)


def read(files: Files, errors: Mapping[str, str] | None = None) -> DeviceNames:
    source = Source(host(files, errors))
    found = read_device_names(source)
    assert problems(source) == []
    return found


def disks(files: Files) -> list[tuple[int, str]]:
    """Line and name of each use; all is readable."""
    found = read(files)
    assert found.problems == ()
    assert {use.path for use in found.disks} <= set(files)
    return [(use.line, use.device) for use in found.disks]


def cards(files: Files) -> list[tuple[int, str]]:
    found = read(files)
    assert found.problems == ()
    return [(use.line, use.device) for use in found.interfaces]


def plans(files: Files) -> list[Netplan]:
    found = read(files)
    assert found.problems == ()
    return list(found.netplan)


def test_a_machine_without_any_of_it() -> None:
    assert read({"proc/uptime": "1 1\n"}) == DeviceNames()


# disks


@pytest.mark.parametrize(
    ("path", "text", "uses"),
    [
        ("etc/crypttab", "# /dev/xvda\ndata /dev/xvdf none luks\nswap UUID=1 /dev/urandom swap\n", [(2, "/dev/xvdf")]),
        ("etc/crypttab", "a /dev/mapper/x none\nb /dev/disk/by-id/nvme-x none luks,header=/dev/nvme1n1p2\n", [(2, "/dev/nvme1n1p2")]),
        ("etc/mdadm/mdadm.conf", "DEVICE partitions\nARRAY /dev/md0 UUID=1:2\nMAILADDR root\n", []),
        ("etc/mdadm/mdadm.conf", "dev /dev/sd[bc]1\t# /dev/sdz\n   /dev/xvdf\nMAILADDR x\n /dev/sdy\n", [(1, "/dev/sd[bc]1"), (2, "/dev/xvdf")]),
        ("etc/mdadm.conf", "ARRAY /dev/md/0 metadata=1.2\n  devices=/dev/xvdf,/dev/xvdg1\n", [(2, "/dev/xvdf"), (2, "/dev/xvdg1")]),
        ("etc/mdadm.conf", "DE /dev/sda\nPROGRAM /dev/sdb\n", []),
        ("etc/mdadm/mdadm.conf.d/x.conf", "DEVICE /dev/hda\n", [(1, "/dev/hda")]),
        ("etc/mdadm/mdadm.conf.d/x.bak", "DEVICE /dev/hda\n", []),
        ("etc/initramfs-tools/conf.d/resume", "RESUME=/dev/xvdb\n", [(1, "/dev/xvdb")]),
        ("etc/initramfs-tools/conf.d/resume", "RESUME=UUID=6f2a2a33\n#RESUME=/dev/sda5\n", []),
        ("etc/default/grub", 'GRUB_TIMEOUT=0 # /dev/sda\nGRUB_CMDLINE_LINUX_DEFAULT="root=/dev/xvda1 quiet resume=/dev/xvdb"\n',
         [(2, "/dev/xvda1"), (2, "/dev/xvdb")]),
        ("etc/default/grub", "GRUB_DEVICE=/dev/sda1\n#GRUB_CMDLINE_LINUX=root=/dev/sdb\nGRUB_CMDLINE_LINUX=\n", [(1, "/dev/sda1")]),
        ("etc/default/grub", 'GRUB_CMDLINE_LINUX="root=UUID=1 \\\n resume=/dev/vdb"\n', [(1, "/dev/vdb")]),
        ("etc/default/grub.d/50-x.cfg", 'export GRUB_CMDLINE_LINUX="root=/dev/nvme0n1p1"\n', [(1, "/dev/nvme0n1p1")]),
        ("etc/hdparm.conf", "#/dev/hdb {\n/dev/sda {\n  apm = 254\n}\n", [(2, "/dev/sda")]),
        ("etc/smartd.conf", "DEVICESCAN -a\n/dev/sdb -a -m root # /dev/sdc\n/dev/nvme0 -d nvme\n", [(2, "/dev/sdb"), (3, "/dev/nvme0")]),
        ("etc/smartmontools/smartd.conf", "/dev/sdb -a\n", [(1, "/dev/sdb")]),
    ],
)  # fmt: skip
def test_files_that_call_disks_by_name(path: str, text: str, uses: list[tuple[int, str]]) -> None:
    assert disks({path: text}) == uses


LVM = "etc/lvm/lvm.conf"
LISTED = "# LVM uses devices listed in this file.\nVERSION=1.1.2\nIDTYPE=devname IDNAME=/dev/vda2 DEVNAME=/dev/vda2 PVID=x PART=2\nIDTYPE=sys_wwid IDNAME=nvme.1 DEVNAME=/dev/nvme1n1 PVID=y\n"


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ('devices {\n\tfilter = [ "a|/dev/xvd.*|", "r|.*|" ]\n}\n', [(2, "/dev/xvd.*")]),
        ('devices { global_filter = ["a|^/dev/sda2$|",\n "r#/dev/sdb#", # "/dev/sdc"\n\n"a|/dev/sd[ab]|"]\n scan = "/dev/sdd"\n}',
         [(1, "/dev/sda2"), (2, "/dev/sdb"), (4, "/dev/sd[ab]")]),
        ('devices/filter="a/\\/dev\\/sda/"\nother = "/dev/sdb"\n', [(1, "/dev/sda")]),
        ('# filter = [ "a|/dev/sda|" ]\n filter = [ "a|.*|" ]\n types = [ "/dev/sdc" ]\n', []),
        ('filter = [ "a|/dev/vda/lv|", "a|/dev/vdata|", "a|/dev/mapper/x|", "r|/dev/cdrom|", "a|/dev/vg/sda|" ]\n', []),
        ('filter = [ "a|/dev/(sda|sdb)$|", "a|/dev/nvme.*|", "a|/dev/sda', [(1, "/dev/nvme.*"), (1, "/dev/sda")]),
        ('types = [ "x" ]\nfilter = "a|/dev/sda|"\nother = "/dev/sdb"\n', [(2, "/dev/sda")]),
        ("\\\"'\\", []),
    ],
)  # fmt: skip
def test_the_filters_of_lvm(text: str, uses: list[tuple[int, str]]) -> None:
    assert disks({LVM: text}) == uses


@pytest.mark.parametrize(
    ("setting", "uses"),
    [
        ("", [(1, "/dev/xvdf"), (3, "/dev/vda2")]),  # whether it is used by default was chosen when LVM was built
        ("# use_devicesfile = 0\n", [(1, "/dev/xvdf"), (3, "/dev/vda2")]),
        ("use_devicesfile = 1\n", [(3, "/dev/vda2")]),
        ("use_devicesfile=0\n", [(1, "/dev/xvdf")]),
    ],
)
def test_the_devices_file_of_lvm_takes_the_place_of_its_filters(setting: str, uses: list[tuple[int, str]]) -> None:
    filters = f'filter = [ "a|/dev/xvdf|" ]\n{setting}'
    assert disks({LVM: filters, "etc/lvm/devices/system.devices": LISTED}) == uses


def test_without_a_devices_file_the_filters_count() -> None:
    assert disks({LVM: 'use_devicesfile=1\nfilter = "a|/dev/xvdf|"\n'}) == [(2, "/dev/xvdf")]


@pytest.mark.parametrize(
    "word",
    ["xvda", "xvda1", "xvdba15", "sda", "sdaa1", "vdb2", "hda1", "nvme0n1", "nvme10n1p12", "sd*", "xvd[a-f]", "vd?1", "sd[bc]1", "xvd.*",
     "nvme.*", "nvme0n*", "hd(a", "sda.*"],
)  # fmt: skip
def test_names_of_the_kernel(word: str) -> None:
    assert disk_names.names(f"x=/dev/{word} /dev/{word}") == [f"/dev/{word}"]


@pytest.mark.parametrize(
    "word",
    ["vdata", "vda/x", "sd", "nvme", "xvd", "sdata1/x", "md0", "dm-0", "sr0", "disk/by-uuid/sda", "mapper/sda", "hdab", "vdabc", "sda1x",
     "nvme0n1p", "loop0", "SDA", "sd-x"],
)  # fmt: skip
def test_names_that_are_no_disks_of_the_kernel(word: str) -> None:
    assert disk_names.names(f"x=/dev/{word}") == []


def test_a_line_is_told_in_short_and_in_one_line() -> None:
    (use,) = read({"etc/crypttab": "data\t/dev/xvdf   " + "x" * 300}).disks
    assert use == NameUse("etc/crypttab", 1, "/dev/xvdf", "data /dev/xvdf " + "x" * 105)


# ifupdown

INTERFACES = "etc/network/interfaces"
MAC = "02:ab:cd:ef:00:01"


@pytest.mark.parametrize(
    ("text", "found", "uses"),
    [
        ("auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n",
         [Netplan(INTERFACES, "eth0")], [(4, "eth0")]),
        ("allow-hotplug ens5\niface ens5 inet dhcp\n  hwaddress ether 02:ab:cd:ef:00:01\n  mtu 9001\n",
         [Netplan(INTERFACES, "ens5")], [(2, "ens5"), (3, "ens5")]),
        (f"auto /mac/{MAC.upper()}=lan\niface lan inet dhcp\n", [Netplan(INTERFACES, "lan", MAC)], []),
        (f"rename /mac/{MAC}=lan0\niface lan0 inet dhcp\n", [Netplan(INTERFACES, "lan0", MAC, "lan0")], []),
        ("rename eth0=lan\niface lan inet dhcp\n", [Netplan(INTERFACES, "eth0", None, "lan")], [(1, "eth0")]),
        ("auto /en*=dhcp\niface dhcp inet dhcp\n", [Netplan(INTERFACES, "en*", matches_any=True)], []),
        ("auto /ens*=dhcp\niface dhcp inet dhcp\n", [Netplan(INTERFACES, "ens*")], []),
        ("iface br0 inet dhcp\n bridge_ports eth0 \\\n  eth1\nauto eth1\n", [], [(2, "eth0"), (2, "eth1")]),
        ("iface eth0:1 inet static\niface eth0.100 inet static\nauto eth0\n",
         [Netplan(INTERFACES, "eth0")], [(1, "eth0")]),
        ("mapping eth0\n  script x\n# iface eth1 inet dhcp\nup ip link set enX0 up\niface\nhwaddress x\n", [], [(1, "eth0"), (4, "enX0")]),
        ("iface eth0 inet dhcp \\", [Netplan(INTERFACES, "eth0")], [(1, "eth0")]),
        ("iface \\\n# c\neth0 inet dhcp\n", [Netplan(INTERFACES, "eth0")], [(1, "eth0")]),
    ],
)  # fmt: skip
def test_interfaces_of_ifupdown(text: str, found: list[Netplan], uses: list[tuple[int, str]]) -> None:
    assert plans({INTERFACES: text}) == found
    assert cards({INTERFACES: text}) == uses


def test_further_files_are_read_where_they_are_named() -> None:
    more: Files = {
        f"{INTERFACES}.d/50-cloud-init": "iface eth0 inet dhcp\n",
        f"{INTERFACES}.d/.swp": "iface eth1 inet dhcp\n",
        f"{INTERFACES}.d/x.cfg": "iface eth2 inet dhcp\n",
    }
    assert plans(more) == []
    for line, names in (
        ("source /etc/network/interfaces.d/*", ["eth0", "eth2"]),
        ("source-directory interfaces.d/", ["eth0", "eth2"]),
        ("source interfaces.d/*.cfg\nsource interfaces.d/*", ["eth2", "eth0"]),
        ("source", []),
        ("#source interfaces.d/*", []),
        ("source-directory /run/network/interfaces.d\nsource-directory interfaces.d", ["eth0", "eth2"]),
        ("source /run/network/interfaces.d/*", []),
    ):
        assert [plan.name for plan in plans({INTERFACES: line, **more})] == names
    told = read({INTERFACES: "iface eth0 inet dhcp\nsource /opt/net/*\n", **more})
    assert told.problems == ("/etc/network/interfaces:2: names /opt/net/*, which is not read",)
    assert [plan.name for plan in told.netplan] == ["eth0"]


# systemd-networkd

NETWORK, LINK = "etc/systemd/network/10-x.network", "etc/systemd/network/10-x.link"


@pytest.mark.parametrize(
    ("text", "found", "uses"),
    [
        ("[Match]\nName=eth0\n[Network]\nDHCP=yes\nName=eth9\n", [Netplan(NETWORK, "eth0")], [(2, "eth0")]),
        ("[Match]\nName=ens5 eth*\nName = en*\n",
         [Netplan(NETWORK, "ens5"), Netplan(NETWORK, "eth*", matches_any=True), Netplan(NETWORK, "en*", matches_any=True)], [(2, "ens5")]),
        ("[Match]\nName=eth0\nName=\nName='e*'\n", [Netplan(NETWORK, "e*", matches_any=True)], [(2, "eth0")]),
        (f"[Match]\nMACAddress={MAC} 02-AB-CD-EF-00-02\n", [Netplan(NETWORK, "10-x.network", MAC),
                                                            Netplan(NETWORK, "10-x.network", "02:ab:cd:ef:00:02")], []),
        (f"[Match]\nName=eth0\nPermanentMACAddress={MAC}\n", [Netplan(NETWORK, "eth0", MAC)], [(2, "eth0")]),
        ("[Match]\nDriver=ena\n", [Netplan(NETWORK, "*", drivers=("ena",))], []),
        ("[Match]\nDriver=ena vif\nName=e*\n", [Netplan(NETWORK, "e*", matches_any=True, drivers=("ena", "vif"))], []),
        ("[Match]\nName=e*\nDriver=xen*\n", [Netplan(NETWORK, "e*", drivers=("xen*",))], []),
        ("[Match]\nType=ether\n", [Netplan(NETWORK, "*", matches_any=True)], []),
        ("[Match]\nName=!lo !docker*\n", [Netplan(NETWORK, "!lo !docker*", matches_any=True)], []),
        ("[Match]\nName=br0 veth* lo wg0\n[Network]\nx", [], []),
        ("[Match]\nPath=pci-0000:00:05.0\nType=wlan\n", [], [(2, "pci-0000:00:05.0")]),
        ("; [Match]\n#[Match]\n[Match\n;Name=eth0\n=\n", [], []),
    ],
)  # fmt: skip
def test_networks_of_systemd(text: str, found: list[Netplan], uses: list[tuple[int, str]]) -> None:
    assert plans({NETWORK: text}) == found
    assert cards({NETWORK: text}) == uses


@pytest.mark.parametrize(
    ("text", "found", "uses"),
    [
        (f"[Match]\nMACAddress={MAC}\n[Link]\nName=lan0\n", [Netplan(LINK, "lan0", MAC, "lan0")], []),
        ("[Match]\nOriginalName=eth0\n[Link]\nName=lan0\n", [Netplan(LINK, "eth0", None, "lan0")], [(2, "eth0")]),
        ("[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel\n", [], []),
    ],
)
def test_links_of_systemd(text: str, found: list[Netplan], uses: list[tuple[int, str]]) -> None:
    assert plans({LINK: text}) == found
    assert cards({LINK: text}) == uses


VENDORS = "usr/lib/systemd/network"
AMAZON_LINUX = "[Match]\nDriver=ena ixgbevf vif\n\n[Link]\nMTUBytes=9001\n\n[Network]\nDHCP=yes\n"


def test_the_network_of_amazon_linux_2023() -> None:
    path = f"{VENDORS}/80-ec2.network"
    expected = Netplan(path, "*", matches_any=True, drivers=("ena", "ixgbevf", "vif"))
    assert plans({path: AMAZON_LINUX}) == [expected]
    etc: Files = {"etc/systemd/network/90-x.network": "[Match]\nName=eth0\n"}
    assert [plan.name for plan in plans({path: AMAZON_LINUX, **etc})] == ["*", "eth0"]


@pytest.mark.parametrize("instead", ["", "[Match]\nName=eth1\n", Link("/dev/null")])
def test_a_file_in_etc_takes_the_place_of_the_vendors(instead: Entry) -> None:
    files: Files = {f"{VENDORS}/10-x.network": "[Match]\nName=eth0\n", NETWORK: instead, "dev/null": ""}
    assert [use.device for use in read(files).interfaces] == (["eth1"] if isinstance(instead, str) and instead else [])


def test_files_that_systemd_brings_along_name_no_card() -> None:
    files: Files = {
        f"{VENDORS}/73-usb-net-by-mac.link": "[Match]\nPath=*-usb-*\n\n[Link]\nNamePolicy=mac\n",
        f"{VENDORS}/80-container-host0.network": "[Match]\nKind=veth\nName=host0\nVirtualization=container\n",
        f"{VENDORS}/80-container-ve.network": "[Match]\nName=ve-*\nDriver=veth\n",
        f"{VENDORS}/99-default.link": "[Match]\nOriginalName=*\n\n[Link]\nNamePolicy=keep kernel database onboard slot path\n",
    }
    assert read(files) == DeviceNames()


def test_a_network_does_not_rename() -> None:
    (found,) = plans({NETWORK: "[Match]\nName=eth0\n[Link]\nName=lan0\n"})
    assert found.set_name is None


# udev

RULES = "etc/udev/rules.d/70-persistent-net.rules"


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        (f'SUBSYSTEM=="net", ATTR{{address}}=="{MAC}", NAME="eth0"\n', [(1, "eth0")]),
        ('# NAME="eth0"\nKERNEL=="eth*", \\\n  NAME:="lan0"\n', [(2, "lan0")]),
        ('NAME=="eth0", RUN+="x"\nENV{NAME}="eth0"\nID_NAME="eth0"\nNAME="$result"\nNAME="eth%n"\nNAME=""\n', []),
    ],
)
def test_rules_that_name_cards(text: str, uses: list[tuple[int, str]]) -> None:
    assert cards({RULES: text}) == uses
    assert cards({"etc/udev/rules.d/70-disk.rules": text}) == []


@pytest.mark.parametrize("path", ["etc/udev/rules.d/80-net-setup-link.rules", NETWORK, LINK, "etc/netplan/x.yaml"])
def test_a_file_that_is_masked_is_no_file(path: str) -> None:
    assert read({path: Link("/dev/null"), "dev/null": False}) == DeviceNames()  # type: ignore[dict-item]


# names and patterns of cards


@pytest.mark.parametrize("name", ["eth0", "eth10", "ens5", "enp0s3", "eno1", "enX0", "enP2p0s4f1", "end0", "ens5f0np0"])
def test_names_that_come_from_driver_and_place(name: str) -> None:
    assert interface_names.is_name(name)


@pytest.mark.parametrize(
    "name", ["lo", "lan0", "br0", "bond0", "veth0", "ethernet", "en", "eth", "enx02abcdef0001", "eth0.1", "", "eth*"]
)
def test_names_that_do_not(name: str) -> None:
    assert not interface_names.is_name(name)


@pytest.mark.parametrize(
    ("pattern", "drivers", "fits"),
    [
        ("en*", (), True),
        ("eth*", (), True),
        ("eth[0-9]", (), True),
        ("e*", (), True),
        ("*", (), True),
        ("ens*", (), False),
        ("enp*", (), False),
        ("eth0*", (), False),
        ("eth0", (), False),
        ("e*", ("ena",), False),
        ("e*", ("vif",), False),
        ("e*", ("ena", "xen_netfront"), True),
        ("e*", ("*",), True),
        ("eth0", ("*",), False),
    ],
)
def test_what_fits_any_card(pattern: str, drivers: tuple[str, ...], fits: bool) -> None:
    assert interface_names.fits_any(pattern, drivers) is fits


@pytest.mark.parametrize(
    ("text", "told"),
    [("02-AB-CD-EF-00-01", MAC), ("02ab.cdef.0001", MAC), (MAC.upper(), MAC), ("Nonsense", "nonsense"), ("", "")],
)
def test_addresses_in_every_spelling(text: str, told: str) -> None:
    assert interface_names.address(text) == told


# netplan

YAML = "etc/netplan/50-cloud-init.yaml"
CLOUD_INIT = f"""# This file is generated from information provided by the datasource.
network:
    ethernets:
        ens5:
            dhcp4: true
            dhcp4-overrides: &overrides
                route-metric: 100
            match:
                macaddress: {MAC}
            set-name: ens5
    version: 2
"""


def network(ethernets: str) -> str:
    inside = "".join(f"    {line}\n" for line in ethernets.split("\n"))
    return f"network:\n  version: 2\n  ethernets:\n{inside}"


def test_what_cloud_init_writes() -> None:
    assert read({YAML: CLOUD_INIT}) == DeviceNames(netplan=(Netplan(YAML, "ens5", MAC, "ens5"),))


@pytest.mark.parametrize(
    ("ethernets", "found", "uses"),
    [
        ("eth0:\n  dhcp4: true", [Netplan(YAML, "eth0")], [(4, "eth0")]),
        ("eth0: {}\nlan0:\nlo: {addresses: [10.0.0.1/32]}", [Netplan(YAML, "eth0"), Netplan(YAML, "lan0")], [(4, "eth0")]),
        ("any:\n  match:\n    name: e*", [Netplan(YAML, "e*", matches_any=True)], []),
        ("any:\n  match: {name: ens5}", [Netplan(YAML, "ens5")], [(5, "ens5")]),
        (f"eth0: {{match: {{macaddress: '{MAC.upper()}'}}, set-name: lan0}}", [Netplan(YAML, "eth0", MAC, "lan0")], []),
        (f"x:\n  match:\n    macaddress: {MAC}\n    name: eth0", [Netplan(YAML, "eth0", MAC)], [(7, "eth0")]),
        ("x:\n  match: {driver: ena}", [Netplan(YAML, "x", drivers=("ena",))], []),
        ("x:\n  match:\n    driver: [ena, xen_netfront]", [Netplan(YAML, "x", matches_any=True, drivers=("ena", "xen_netfront"))], []),
        ("x:\n  match:\n    driver:\n    - vif\n    - ena\n    name: en*\n  set-name: x",
         [Netplan(YAML, "en*", None, "x", True, ("vif", "ena"))], []),
        ("x:\n  match: {}", [Netplan(YAML, "*", matches_any=True)], []),
        ("x:\n  match:", [Netplan(YAML, "*", matches_any=True)], []),
        ("", [], []),
    ],
)  # fmt: skip
def test_interfaces_of_netplan(ethernets: str, found: list[Netplan], uses: list[tuple[int, str]]) -> None:
    assert plans({YAML: network(ethernets)}) == found
    assert cards({YAML: network(ethernets)}) == uses


@pytest.mark.parametrize(
    "text",
    ["", "network:\n", "network: {version: 2}\n", "network:\n  bonds: {bond0: {}}\n", "network: {ethernets: {}}"],
)
def test_files_without_interfaces(text: str) -> None:
    assert read({YAML: text}) == DeviceNames()


def test_a_later_file_adds_to_an_earlier_one() -> None:
    more = network("ens5:\n  mtu: 1500\neth1: {}")
    matched = network(f"ens5:\n  match: {{macaddress: {MAC}}}")
    assert plans({YAML: CLOUD_INIT, "etc/netplan/60-x.yaml": more}) == [
        Netplan(YAML, "ens5", MAC, "ens5"),
        Netplan("etc/netplan/60-x.yaml", "eth1"),
    ]
    found = read({"usr/lib/netplan/00-x.yaml": more, "run/netplan/90-x.yaml": matched})
    assert found.netplan == (
        Netplan("run/netplan/90-x.yaml", "ens5", MAC),
        Netplan("usr/lib/netplan/00-x.yaml", "eth1"),
    )
    assert [use.device for use in found.interfaces] == ["eth1"]


def test_a_file_in_run_takes_the_place_of_one_in_etc() -> None:
    files = {f"{folder}/netplan/x.yaml": network(f"{name}: {{}}") for folder, name in
             (("usr/lib", "eth0"), ("etc", "eth1"), ("run", "eth2"))}  # fmt: skip
    assert [plan.name for plan in plans(files)] == ["eth2"]
    del files["run/netplan/x.yaml"]
    assert [plan.name for plan in plans(files)] == ["eth1"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("network:\n\tversion: 2\n", ": line 2 is indented by a tab"),
        ("network: &x\n  ethernets: {}\n", ":1: begins with '&'; not read"),
        ("network:\n  ethernets: many\n", ":2: is no mapping; not read"),
        ("network:\n- ethernets\n", ":1: is no mapping; not read"),
        ("- network\n", ":1: is no mapping; not read"),
        (network("eth0: *x"), ":4: begins with '*'; not read"),
        (network("eth0:\n  match: *x"), ":5: begins with '*'; not read"),
        (network("eth0:\n  match:\n    name: [eth0, eth1]"), ":6: is no word; not read"),
        (network("eth0:\n  match:\n    driver: {a: b}"), ":6: is no word; not read"),
        (network("eth0:\n  match:\n    path: x"), ":6: 'path' is not known to be matched; not read"),
        (network("eth0:\n  set-name: !x y"), ":5: begins with '!'; not read"),
        (network("eth0: {}\neth0: {}"), ":5: 'eth0' is there twice; not read"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_not_guessed(text: str, problem: str) -> None:
    found = read({YAML: text})
    assert found.problems == (f"/{YAML}{problem}",)
    assert (found.netplan, found.interfaces) == ((), ())


def test_one_interface_that_cannot_be_read_costs_no_other() -> None:
    found = read({YAML: network("eth0: *x\neth1: {}"), "etc/netplan/60.yaml": network("eth0: {mtu: 1500}")})
    assert [plan.name for plan in found.netplan] == ["eth1"]
    assert len(found.problems) == 1


def test_what_does_not_matter_may_be_beyond_the_reader() -> None:
    text = network('eth0:\n  routes: &r\n  - to: default\n    via: 10.0.0.1\n  x: !!int "3"\n  y: |\n    z: {\n')
    assert plans({YAML: text}) == [Netplan(YAML, "eth0")]


# cloud-init


@pytest.mark.parametrize(
    ("name", "text", "off"),
    [
        ("99-disable-network-config.cfg", "network: {config: disabled}\n", True),
        ("subiquity-disable-cloudinit-networking.cfg", "network:\n  config: disabled\n", True),
        ("90-network.cfg", "network:\n  version: 1\n  config:\n  - type: physical\n    name: eth0\n", False),
        ("90-network.cfg", "#cloud-config\ndatasource: {}\n", False),
        ("90-dpkg.cfg", "network: {config: disabled}\n", False),
    ],
)
def test_cloud_init_may_be_told_to_leave_the_network_alone(name: str, text: str, off: bool) -> None:
    path = f"etc/cloud/cloud.cfg.d/{name}"
    assert read({path: text}) == DeviceNames(cloud_network_off=path if off else None)


def test_a_file_of_cloud_inits_that_cannot_be_read_is_told() -> None:
    path = "etc/cloud/cloud.cfg.d/90-network.cfg"
    assert read({path: "network: *x\n"}).problems == (f"/{path}:1: begins with '*'; not read",)
    assert read({path: "network: {"}).problems == (f"/{path}: line 1 ends inside a bracket",)


# links


def test_names_below_dev_disk() -> None:
    links: Files = {
        "dev/disk/by-uuid/6f2a2a33-0a9e": Link("../../xvda1"),
        "dev/disk/by-label/cloudimg-rootfs": Link("../../xvda1"),
        "dev/disk/by-label/my\\x20data\\x2fa": Link("../../dm-0"),
        "dev/disk/by-partuuid/1234-01": Link("../../nvme0n1p1"),
        "dev/disk/by-partlabel/EFI": Link("../../sda15/"),
        "dev/disk/by-id/nvme-x": Link("../../nvme0n1"),
    }
    assert read(links).disk_links == {
        "by-uuid/6f2a2a33-0a9e": "xvda1",
        "by-label/cloudimg-rootfs": "xvda1",
        "by-label/my data/a": "dm-0",
        "by-partuuid/1234-01": "nvme0n1p1",
        "by-partlabel/EFI": "sda15",
    }


def test_what_is_no_link_is_told() -> None:
    found = read({"dev/disk/by-uuid/x": "", "dev/disk/by-uuid/y": Link("/")})
    assert found.disk_links == {}
    assert found.problems == tuple(f"/dev/disk/by-uuid/{name}: is no link to a disk" for name in "xy")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a\\x20b", "a b"),
        ("\\x2fboot", "/boot"),
        ("\\xc3\\xa4", "ä"),
        ("\\x2", "\\x2"),
        ("\\xzz", "\\xzz"),
        ("a\\", "a\\"),
        ("ä", "ä"),
        ("", ""),
    ],
)
def test_labels_as_udev_writes_them(name: str, label: str) -> None:
    assert device_names.decoded(name) == label


# what is refused, and what is too much


@pytest.mark.parametrize("code", ["EACCES", "EPERM"])
def test_a_file_that_only_root_may_read_is_told_and_no_failure(code: str) -> None:
    refused = dict.fromkeys((YAML, "etc/crypttab", INTERFACES), code)
    source = Source(host({YAML: "x"}, refused))
    found = read_device_names(source)
    assert [problem.partition(":")[0] for problem in found.problems] == ["/etc/crypttab", f"/{YAML}", f"/{INTERFACES}"]
    assert problems(source) == []
    assert source.unreadable == refused


def test_a_file_that_fails_makes_the_collector_fail_and_costs_no_other() -> None:
    collection = collect(host({"etc/mdadm.conf": "DEVICE /dev/sda\n", YAML: "x"}, {YAML: "EIO"}), "device_names")
    (outcome,) = collection.outcomes
    assert (outcome.outcome, outcome.reason) == ("failed", f"/{YAML}: input/output error (EIO)")
    found = present(collection.facts.device_names)
    assert [use.device for use in found.disks] == ["/dev/sda"]
    assert found.problems == (f"/{YAML}: input/output error (EIO)",)


def test_folders_in_the_place_of_files_and_files_in_the_place_of_folders() -> None:
    found = read_device_names(
        Source(host({"etc/crypttab/x": "", "etc/netplan": "", "dev/disk/by-uuid": "", f"{NETWORK}/x": ""}))
    )
    assert [problem.partition(":")[0] for problem in found.problems] == ["/etc/crypttab", f"/{NETWORK}"]


def test_a_folder_of_many_files_is_read_in_part() -> None:
    files = {f"etc/netplan/{number:03}.yaml": network(f"eth{number}: {{}}") for number in range(70)}
    found = read(files)
    assert len(found.netplan) == 64
    assert found.problems == ("/etc/netplan: holds more than 64 files; those after 063.yaml are not read",)


def test_a_file_of_many_names_is_told_in_part() -> None:
    found = read({"etc/crypttab": "a /dev/sda\n" * 50_000, NETWORK: "[Match]\n" + "Name=eth0\n" * 100})
    assert (len(found.disks), len(found.interfaces), len(found.netplan)) == (64, 64, 64)
    assert [problem.partition(": ")[2] for problem in found.problems] == [
        "has names in more than 64 places; only the first are told",
        "has more than 64 interfaces; only the first are told",
        "has names in more than 64 places; only the first are told",
    ]


def test_interfaces_beyond_number_are_told_in_part() -> None:
    found = read({YAML: network("\n".join(f"eth{number}: {{}}" for number in range(70)))})
    assert len(found.netplan) == 64
    assert found.problems == (f"/{YAML}: is one of files with more than 64 interfaces; not all are told",)


def test_links_beyond_number_are_told_in_part() -> None:
    found = read({f"dev/disk/by-uuid/{number:04}": Link("../../sda") for number in range(600)})
    assert len(found.disk_links) == 512
    assert len(found.problems) == 1


def test_a_file_of_netplans_that_is_far_too_large_is_refused() -> None:
    source = Source(host({YAML: b"#" * (257 << 10)}))
    assert read_device_names(source).problems == (f"/{YAML}: is far larger than such a file can be (EFBIG)",)


# as the agent reads it


def test_it_runs_where_it_is_asked_for_alone() -> None:
    (mine,) = (collector for collector in COLLECTORS if collector.name == "device_names")
    assert (mine.late, mine.optional, mine.changes) == (True, True, False)


def test_a_recording_gives_the_same_answers() -> None:
    files: Files = {
        YAML: CLOUD_INIT,
        "etc/crypttab": "data /dev/xvdf none\n",
        "etc/udev/rules.d/80-net-setup-link.rules": Link("/dev/null"),
        NETWORK: "[Match]\nName=eth0\n",
        "dev/disk/by-uuid/1-2": Link("../../xvda1"),
        "dev/xvda1": "",
    }
    (mine,) = (collector for collector in COLLECTORS if collector.name == "device_names")
    collection, recording = recorded(host(files), [mine])
    found = present(collection.facts.device_names)
    assert found.problems == ()
    assert (len(found.netplan), len(found.disks), found.disk_links) == (2, 1, {"by-uuid/1-2": "xvda1"})
    assert collect(replay(recording), "device_names").facts.device_names == found


# any files

PATHS = st.sampled_from([
    "etc/crypttab", "etc/mdadm.conf", LVM, "etc/lvm/devices/system.devices", "etc/default/grub", INTERFACES, f"{INTERFACES}.d/x", NETWORK,
    LINK, RULES, YAML, "run/netplan/x.yaml", "etc/cloud/cloud.cfg.d/x-network.cfg", "dev/disk/by-label/x",
])  # fmt: skip
LINES = st.lists(
    st.sampled_from([
        "/dev/sda", "/dev/xvd[", "filter=[", '"', "'", "|", "DEVICE ", "IDTYPE=devname ", "GRUB_DEVICE=", "iface ", "eth0", "source interfaces.d/*",
        "rename ", "/mac/", "=", "[Match]", "[Link]", "Name=", "MACAddress=", "Path=", "!", "NAME=", "network:", "ethernets:", "match:", "name: ",
        "driver: ", "set-name: ", "{", "}", "\n", "\n  ", "\n    ", "\\\n", "#", " ", "\0", "é", MAC,
    ]),
    max_size=30,
).map("".join)  # fmt: skip


@given(st.dictionaries(PATHS, LINES.map(str.encode) | st.binary(max_size=80), max_size=4))
@example({YAML: b"\xef\xbb\xbf" + CLOUD_INIT.encode()})
def test_any_files_are_names_or_problems(files: dict[str, bytes]) -> None:
    source = Source(host(files))
    found = read_device_names(source)
    assert problems(source) == []
    for use in (*found.disks, *found.interfaces):
        assert use.path in files
        assert 1 <= use.line <= files[use.path].count(b"\n") + 1
        assert use.device
        assert len(use.text) <= 120
        assert "\n" not in use.text
    for plan in found.netplan:
        assert plan.path in files
        assert plan.name
        assert not (plan.matches_any and plan.mac)
    assert all(problem.startswith("/") for problem in found.problems)
