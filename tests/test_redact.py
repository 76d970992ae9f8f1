"""Redaction: secrets are gone, the same value has the same pseudonym, and the verdict stays."""

from __future__ import annotations

import gzip
import ipaddress
import json
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from virt_agent import observe, report
from virt_agent.selection import Selection
from virt_agent.verdict import Verdict, texts
from virt_collectors.boot import Boot, parse_cmdline
from virt_collectors.device_names import read_device_names
from virt_collectors.dmi import parse_vm_bit
from virt_collectors.host import Host, Metadata, Uname, archive
from virt_collectors.host.recorder import Recorder, Recording
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree, open_tree
from virt_collectors.kernel_log import parse_log
from virt_collectors.mounts import parse_line
from virt_collectors.network import parse_ipv6_route, parse_route
from virt_collectors.record import plain
from virt_collectors.redact import boot_loader, firmware, mounts, names, network, process, redact
from virt_collectors.redact import network as redacted_network
from virt_collectors.redact.cmdline import CommandLine
from virt_collectors.redact.files import Files
from virt_collectors.redact.identifiers import Scrubber
from virt_collectors.redact.kernel_log import kernel_log
from virt_collectors.redact.pseudonyms import Pseudonyms, swapped
from virt_collectors.source import Source

# The machines


def look(host: Host) -> report.Report:
    return observe.observe(host, Selection(), seconds=corpus.PATIENCE, sample=0.0)


def words(verdict: Verdict) -> object:
    """The verdict with the values of its evidence left aside."""
    found = plain(verdict)
    for sign in found["evidence"]:
        del sign["value"]
    return found


def replayed(recording: Recording, path: pathlib.Path, redaction: dict[str, int] | None) -> report.Report:
    archive.write(str(path), archive.pack(archive.entries(recording, "1", redaction)))
    return look(SnapshotHost(open_tree(str(path))))


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_verdict_and_findings_of_a_machine_stay(name: str, tmp_path: pathlib.Path) -> None:
    recorder = Recorder(corpus.host(name))
    seen = look(recorder)
    clean, counts = redact(recorder.recording)
    found = replayed(clean, tmp_path / "x.tar.gz", counts)
    assert words(found.reading.verdict) == words(seen.reading.verdict)
    assert (found.status, found.states) == (seen.status, seen.states)
    assert [(one.code, one.severity) for one in found.findings] == [(one.code, one.severity) for one in seen.findings]
    assert [(one.name, one.outcome) for one in found.outcomes] == [(one.name, one.outcome) for one in seen.outcomes]


# A machine full of secrets

HOST, DOMAIN, USER = "zanzibar-db7", "kumquat.example", "rosalind"
MAC, UUID, ROOT_UUID = (
    "0a:1b:2c:d4:e5:f6",
    "ec2b71d3-9a4e-4c0d-8f1a-35c2de90ab17",
    "9f1c3a52-7b64-4d0e-8a1f-6612de90ab99",
)
VOLUME, INSTANCE, ACCOUNT = "0a9b8c7d6e5f40312", "i-0c1d2e3f4a5b69788", "481516234299"
IPV4, IPV6, SERIAL, PASSWORD = "10.77.13.9", "2a05:d018:77:abcd::9", "SN-PAPAYA-0042", "hunter2-marmalade"
LABEL, GROUP, VOLUME_NAME, FAT = "PAYROLL2024", "treasury", "ledger-db", "7C1D-99AF"

SECRETS = [
    *(HOST, DOMAIN, USER, MAC, MAC.replace(":", ""), UUID, swapped(UUID), ROOT_UUID, ROOT_UUID.replace("-", "")),
    *(VOLUME, INSTANCE, ACCOUNT, IPV4, IPV6, SERIAL, PASSWORD, LABEL, GROUP, "ledger", FAT, "090d4d0a", "nocloud"),
    *("secretkey", "wifi-pass", "d4:e5:f6", "private comment", "2a05d018", "buildmaster", "skeleton"),
]
CMDLINE = (
    f"BOOT_IMAGE=/boot/vmlinuz-6.1.0 root=UUID={ROOT_UUID} ro console=ttyS0 xen_emul_unplug=never password={PASSWORD}"
    f" ds=nocloud;seedfrom=http://{IPV4}/ ip={IPV4}::10.77.13.1 resume=/dev/mapper/treasury-ledger--db quiet"
    f" -- --token {PASSWORD}"
)
LOG = f"""\
[    0.000000] Linux version 6.1.0 (buildmaster@{HOST}) (gcc 12) #1 SMP
[    0.000000] Command line: {CMDLINE}
[    0.000000] Hypervisor detected: Xen HVM
[    0.000000] Unknown kernel command line parameters "password={PASSWORD}", will be passed to user space.
[    0.010000] Booting paravirtualized kernel on Xen HVM
[    0.100000] xen_netfront: eth0 has {MAC} at {IPV4} and {IPV6}
[    0.200000]   with environment:
[    0.200001]     password={PASSWORD}
[    1.000000] systemd[1]: Hostname set to <{HOST}.{DOMAIN}>.
[    1.100000] systemd[1]: Detected virtualization xen.
[    2.000000] EXT4-fs (xvda1): mounted filesystem {ROOT_UUID} r/w at /home/{USER}/skeletons
[    3.000000] nvme nvme0: serial {SERIAL} volume vol{VOLUME} account {ACCOUNT} instance {INSTANCE}
[    4.000000] nfs: server {HOST}.{DOMAIN} not responding, timed out
[    5.000000] [UFW BLOCK] IN=eth0 OUT= MAC={MAC}:{MAC}:08:00 SRC={IPV4}
"""
FILES = {
    "proc/cmdline": CMDLINE + "\n",
    "proc/sys/kernel/hostname": f"{HOST}\n",
    "proc/1/environ": f"HOME=/home/{USER}\0container=lxc\0PASSWORD={PASSWORD}\0",
    "proc/self/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eth0\t00000000\t090D4D0A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
    "proc/self/net/ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 {ipaddress.IPv6Address(IPV6).packed.hex()}"
    " 00000400 00000001 00000000 00000003     eth0\n",
    "proc/self/mountinfo": f"22 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 rw,errors=remount-ro\n"
    f"23 22 253:0 / /home/{USER}/skeletons rw - ext4 /dev/mapper/treasury-ledger--db rw\n"
    f"24 22 0:40 / /mnt/{USER} rw - cifs //{HOST}/share rw,username={USER},password={PASSWORD},vers=3.0\n",
    "proc/1/cgroup": f"0::/user.slice/{USER}.scope\n",
    "etc/fstab": f"# private comment\nUUID={ROOT_UUID} / ext4 defaults 0 1\nLABEL={LABEL} /home/{USER} ext4 noatime 0 2\n"
    f"UUID={FAT} /boot/efi vfat umask=0077 0 1\n/dev/treasury/ledger-db /data ext4 defaults 0 2\n"
    f"//{HOST}/share /mnt/{USER} cifs username={USER},password={PASSWORD} 0 0\n",
    "etc/crypttab": f"ledger UUID={ROOT_UUID} /home/{USER}/skeleton luks,discard,header=/home/{USER}/x\n",
    "etc/netplan/50-cloud-init.yaml": f"network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      match:\n"
    f'        macaddress: "{MAC}"\n      addresses: [{IPV4}/24, "{IPV6}/64"]\n      set-name: eth0\n  wifis:\n    wlan0:\n'
    '      access-points:\n        "skeleton":\n          password: "wifi-pass"\n',
    "etc/default/grub": f'# private comment\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="root=UUID={ROOT_UUID} pw={PASSWORD}"\n',
    "etc/cloud/cloud.cfg.d/50-network.cfg": f'password: "{PASSWORD}"\nchpasswd:\n  list: |\n    {USER}:{PASSWORD}\n',
    "etc/systemd/network/10-wg.network": f"[Match]\nMACAddress={MAC.upper()}\n[Network]\nDomains={DOMAIN}\nPrivateKey={PASSWORD}\n",
    "etc/initramfs-tools/conf.d/x": f"RESUME=/dev/treasury/ledger-db\nDROPBEAR_OPTIONS={PASSWORD}\n",
    "boot/grub/grub.cfg": f"password_pbkdf2 {USER} secretkey\nmenuentry 'Debian' {{\n  search --fs-uuid {ROOT_UUID}\n"
    f"  linux /boot/vmlinuz-6.1.0 root=UUID={ROOT_UUID} ro password={PASSWORD}\n  initrd /boot/initrd.img-6.1.0\n}}\n",
    "sys/class/dmi/id/product_uuid": f"{swapped(UUID).upper()}\n",
    "sys/class/dmi/id/product_serial": f"{UUID}\n",
    "sys/class/dmi/id/board_serial": f"{SERIAL}\n",
    "sys/class/dmi/id/board_asset_tag": f"{INSTANCE}\n",
    "sys/class/dmi/id/chassis_asset_tag": "Amazon EC2\n",
    "sys/hypervisor/uuid": f"{UUID}\n",
    "sys/devices/vif-0/net/eth0/address": f"{MAC}\n",
    "sys/devices/pci0000:00/0000:00:1f.0/net/eth1/address": f"{MAC}\n",
    "sys/devices/nvme/nvme0/serial": f"vol{VOLUME}\n",
    "sys/devices/nvme/nvme1/serial": f"{SERIAL}   \n",
    "sys/devices/virtual/block/dm-0/dm/name": "treasury-ledger--db\n",
}
IDENTITY = {"accountId": ACCOUNT, "instanceId": INSTANCE, "privateIp": IPV4, "region": "eu-west-1", "tags": PASSWORD}


def secretive() -> Recording:
    recording = Recording()
    recording.files = {path: text.encode() for path, text in FILES.items()}
    recording.files["sys/firmware/dmi/tables/DMI"] = (
        b"\x01\x08\0\0" + bytes.fromhex(UUID.replace("-", ""))[:4] + SERIAL.encode() + b"\0\0"
        b"\0\x18\0\0" + bytes(15) + b"\x10" + bytes(4) + b"skeleton\0\0"
    )
    recording.links = {
        f"dev/disk/by-uuid/{ROOT_UUID}": "../../xvda1",
        f"dev/disk/by-label/{LABEL}": "../../xvdb",
        "dev/mapper/treasury-ledger--db": "../dm-0",
    }
    recording.metadata = {
        "/latest/meta-data/services/domain": Metadata(200, DOMAIN),
        "/latest/meta-data/instance-id": Metadata(200, INSTANCE),
        "/latest/user-data": Metadata(200, PASSWORD),
        "/latest/dynamic/instance-identity/document": Metadata(200, json.dumps(IDENTITY)),
    }
    recording.kernel_log = LOG
    recording.uname = Uname("Linux", f"{HOST}.{DOMAIN}", "6.1.0", "#1", "x86_64")
    return recording


def unpacked() -> bytes:
    clean, counts = redact(secretive())
    return gzip.decompress(archive.pack(archive.entries(clean, "1", counts)))


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_stands_nowhere_in_the_archive(secret: str) -> None:
    assert secret.lower().encode() not in unpacked().lower()


def test_neither_does_the_uuid_in_the_bytes_of_smbios() -> None:
    assert bytes.fromhex(UUID.replace("-", ""))[:4] not in unpacked()


def clean_files() -> dict[str, str]:
    clean, _ = redact(secretive())
    return {path: content.decode("utf-8", "replace") for path, content in clean.files.items()}


def test_one_uuid_has_one_pseudonym_everywhere() -> None:
    found, (clean, _) = clean_files(), redact(secretive())
    root = re.search("root=UUID=(.{36}) ", found["proc/cmdline"])
    assert root is not None
    for path in ("etc/fstab", "etc/crypttab", "etc/default/grub", "boot/grub/grub.cfg"):
        assert root[1] in found[path]
    assert f"mounted filesystem {root[1]}" in (clean.kernel_log or "")
    assert clean.links[f"dev/disk/by-uuid/{root[1]}"] == "../../xvda1"


def test_both_byte_orders_of_a_uuid_stay_each_other_s() -> None:
    found = clean_files()
    uuid = found["sys/hypervisor/uuid"].strip()
    assert uuid.startswith("ec2")
    assert found["sys/class/dmi/id/product_serial"].strip() == uuid
    assert found["sys/class/dmi/id/product_uuid"].strip() == swapped(uuid).upper()


def test_one_name_has_one_pseudonym_everywhere() -> None:
    found, (clean, _) = clean_files(), redact(secretive())
    assert clean.uname is not None
    assert clean.uname.nodename == "host-1.domain-1"
    assert found["proc/sys/kernel/hostname"] == "host-1\n"
    assert "server host-1.domain-1 not responding" in (clean.kernel_log or "")
    assert clean.metadata["/latest/meta-data/services/domain"].body == "domain-1"
    assert found["sys/devices/vif-0/net/eth0/address"] == found["sys/devices/pci0000:00/0000:00:1f.0/net/eth1/address"]
    assert found["sys/devices/vif-0/net/eth0/address"].strip() in found["etc/netplan/50-cloud-init.yaml"]
    assert found["sys/devices/vif-0/net/eth0/address"].startswith(MAC[:8])
    serial = found["sys/devices/nvme/nvme1/serial"].strip()
    assert found["sys/class/dmi/id/board_serial"].strip() == serial
    volume = found["sys/devices/nvme/nvme0/serial"].strip()
    assert f"serial {serial} volume {volume} " in (clean.kernel_log or "")
    identity = json.loads(clean.metadata["/latest/dynamic/instance-identity/document"].body)
    assert identity["instanceId"] == found["sys/class/dmi/id/board_asset_tag"].strip()
    assert f"account {identity['accountId']} instance {identity['instanceId']}" in (clean.kernel_log or "")
    assert f"at {identity['privateIp']} " in (clean.kernel_log or "")


def test_one_volume_has_one_pseudonym_everywhere() -> None:
    found, (clean, _) = clean_files(), redact(secretive())
    name = found["sys/devices/virtual/block/dm-0/dm/name"].strip()
    assert re.fullmatch(r"vg\d+-lv\d+", name)
    assert f"/dev/mapper/{name} " in found["proc/self/mountinfo"]
    assert f"resume=/dev/mapper/{name}" in found["proc/cmdline"]
    assert f"/dev/{name.replace('-', '/')} /data " in found["etc/fstab"]
    assert clean.links[f"dev/mapper/{name}"] == "../dm-0"


def test_what_tables_are_read_for_stays() -> None:
    found = clean_files()
    assert parse_route(found["proc/self/net/route"].splitlines()) == "eth0"
    assert parse_ipv6_route(found["proc/self/net/ipv6_route"].splitlines()) == "eth0"
    assert found["proc/1/environ"] == "container=lxc\0"
    assert found["etc/netplan/50-cloud-init.yaml"].startswith("network:\n  version: 2\n  ethernets:\n    eth0:\n")
    assert "wifis" not in found["etc/netplan/50-cloud-init.yaml"]
    assert Boot(parse_cmdline(found["proc/cmdline"])).value("xen_emul_unplug") == "never"
    lines = [parse_line(line) for line in found["proc/self/mountinfo"].splitlines()]
    assert [line and (line[0], line[3]) for line in lines] == [("202:1", "ext4"), ("253:0", "ext4"), ("0:40", "cifs")]
    assert parse_vm_bit(redact(secretive())[0].files["sys/firmware/dmi/tables/DMI"]) is True


def test_a_second_redaction_changes_no_form() -> None:
    once, _ = redact(secretive())
    twice, _ = redact(once)
    assert list(twice.files) == list(once.files)
    assert twice.files["proc/cmdline"] == once.files["proc/cmdline"]
    assert twice.uname == once.uname


def test_what_was_done_is_counted() -> None:
    _, counts = redact(secretive())
    assert counts["MAC address"] == 1
    assert counts["user"] == 1
    assert counts["kernel parameters dropped"] == 6
    assert counts["metadata answers dropped"] == 1
    assert counts["metadata keys dropped"] == 1


# The verdict's texts


def test_every_asset_tag_that_the_verdict_knows_stays() -> None:
    known = [start for name, start, _ in (*texts._CLOUDS, *texts._HYPERVISORS) if name in firmware.NUMBERED]
    assert known
    for start in known:
        assert firmware.text(Pseudonyms(), "chassis_asset_tag", f"{start}\n") == f"{start}\n"
        assert firmware.text(Pseudonyms(), "chassis_asset_tag", f"{start} 77\n").startswith(start)


def test_firmware_texts_by_which_the_verdict_tells_are_none_of_those_that_get_pseudonyms() -> None:
    read = {name for name, _, _ in (*texts._CLOUDS, *texts._HYPERVISORS)}
    assert read & {"product_uuid", *firmware.NUMBERED} == {"chassis_asset_tag"}


@pytest.mark.parametrize("value", ["", "Not Specified", "To Be Filled By O.E.M.", "\udcff\udcff", "0"])
def test_a_serial_number_that_says_nothing_stays(value: str) -> None:
    assert firmware.text(Pseudonyms(), "board_serial", f"{value}\n") == f"{value}\n"


def test_the_switches_that_keep_pv_drivers_out_stay() -> None:
    for line in ("xen_nopv", "nopv=x", "xen-emul-unplug=never,secret/value", 'xen_emul_unplug="a b,unnecessary"'):
        kept, given_ = Boot(parse_cmdline(command_line().line(line))), Boot(parse_cmdline(line))
        for key in ("xen_nopv", "nopv", "xen_emul_unplug"):
            known = {"never", "unnecessary"}
            assert (kept.value(key) is None) == (given_.value(key) is None)
            assert set((kept.value(key) or "").split(",")) & known == set((given_.value(key) or "").split(",")) & known


# Single forms


def scrubber() -> Scrubber:
    return Scrubber(Pseudonyms())


def command_line() -> CommandLine:
    return CommandLine(scrubber())


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mac 02:77:00:37:20:93.", "mac 02:77:00:00:00:01."),
        ("mac:02:77:00:37:20:93", "mac:02:77:00:00:00:01"),
        ("02-77-00-37-20-93", "02-77-00-00-00-01"),
        ("00:00:00:00:00:00 ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff"),
        ("pci 0000:00:04.0: [1d0f:8061] type 00", "pci 0000:00:04.0: [1d0f:8061] type 00"),
        ("from 10.1.2.3, to fe80::277:ff:fe37:2093%eth0", "from 192.0.2.1, to fe80::0:2%eth0"),
        ("2600:1f18::1 ::1 :: ff02::1", "2001:db8::0:1 ::1 :: ff02::1"),
        ("127.0.0.1 0.0.0.0 255.255.240.0 169.254.169.254", "127.0.0.1 0.0.0.0 255.255.240.0 169.254.169.254"),
        ("Xen version 4.17.5 ena v2.11.0.1g 300.1.1.1", "Xen version 4.17.5 ena v2.11.0.1g 300.1.1.1"),
        ("vol-0123456789abcdef0 vol0123456789abcdef0", "vol-00000000000000001 vol00000000000000001"),
        ("i-1a2b3c4d eni-0123456789abcdef0", "i-00000001 eni-00000000000000002"),
        ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("PASSWORD=x db_password:y token=z", "PASSWORD=redacted db_password:redacted token=redacted"),
        ("bypass=1", "bypass=1"),
        ("bob@corp.example.com", "mail-1@example.org"),
        ("b1946ac92492d2347c6235b4d2611184", "00000000000040008000000000000001"),
    ],
)
def test_identifiers_by_their_form(text: str, redacted: str) -> None:
    assert scrubber().text(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("/dev/xvda1", "/dev/xvda1"),
        ("/dev/nvme0n1p1", "/dev/nvme0n1p1"),
        ("/dev/mapper/vg--a-root", "/dev/mapper/vg1-lv1"),
        ("/dev/mapper/control", "/dev/mapper/control"),
        ("/dev/mapper/sda3_crypt", "/dev/mapper/map1"),
        ("/dev/md/0", "/dev/md/0"),
        ("/dev/cciss/c0d0p1", "/dev/cciss/c0d0p1"),
        ("/dev/disk/by-id/ata-QEMU_1234-part1", "/dev/disk/by-id/disk-id-1-part1"),
        ("LABEL=cloudimg-rootfs", "LABEL=cloudimg-rootfs"),
        ("PARTUUID=1a2b3c4d-01", "PARTUUID=00000001-01"),
        ("UUID=0123-ABCD", "UUID=0000-0001"),
        ('UUID="0123456789ABCDEF"', "UUID=0000000000000001"),
        ("/swapfile", "/swapfile"),
        ("nas:/export", "source-1"),
        ("ZFS=rpool/ROOT", "ZFS=source-1"),
        ("tmpfs", "tmpfs"),
    ],
)
def test_sources_of_file_systems(text: str, redacted: str) -> None:
    assert names.device(Pseudonyms(), text) == redacted


def test_paths_keep_their_depth_and_the_parts_that_all_systems_have() -> None:
    assert names.directory(Pseudonyms(), "/var/lib/acme/data") == "/var/lib/dir-1/data"
    assert names.directory(Pseudonyms(), "/home/data/acme") == "/home/user-1/dir-1"
    assert [names.directory(Pseudonyms(), path) for path in ("/", "/boot/efi", "")] == ["/", "/boot/efi", ""]


def test_a_control_group_keeps_the_mark_of_its_manager() -> None:
    text = f"4:memory:/docker/{'ab' * 32}\n0::/machine.slice/machine-acme.scope\n1:cpu:/kubepods/burstable/podacme\n"
    assert process.cgroup(scrubber(), text) == (
        "4:memory:/docker/group-1\n0::/machine.slice/machine-group-2\n1:cpu:/kubepods/burstable/group-3\n"
    )


def test_a_z_machine_and_a_power_partition_keep_their_hypervisor_and_lose_their_names() -> None:
    files = Files(scrubber())
    text = (
        b"Sequence Code: 00000000000A1B2C\nLPAR Name: ACME01\nVM00 Name: PAYROLL\nVM00 Control Program: z/VM    7.2.0\n"
    )
    assert files.content("proc/sysinfo", text) == b"VM00 Control Program: z/VM    7.2.0\n"
    assert files.content("proc/device-tree/ibm,partition-name", b"payroll\0") == b"partition-1\0"


CLOUD = "etc/cloud/cloud.cfg.d/90-network.cfg"


def kept(path: str, text: str) -> str:
    return Files(scrubber()).content(path, text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("network: {config: disabled}\n", "network: {config: disabled}\n"),
        ("# why\nnetwork:\n  config: disabled\n", "network: {config: disabled}\n"),
        ('password: "hunter2"\nchpasswd:\n  list: |\n    root:hunter2\n  users: [{name: a, password: hunter2}]\n', ""),
        ("network:\n  version: 1\n  config:\n  - type: physical\n    wakey: hunter2\n", ""),
        ("password: hunter2\nnetwork: {config: disabled, x: hunter2}\n", "network: {config: disabled}\n"),
        ("", ""),
        ("network: *x\npassword: hunter2\n", "network: *redacted\n"),
        ("password: {hunter2\n", "network: *redacted\n"),
        ("- hunter2\n", "network: *redacted\n"),
    ],
)
def test_of_cloud_inits_files_its_switch_alone_stays(text: str, redacted: str) -> None:
    assert kept(CLOUD, text) == redacted
    for content in (text, redacted):
        tree = MemoryTree()
        tree.add(CLOUD, content.encode())
        found = read_device_names(Source(SnapshotHost(tree)))
        assert (found.cloud_network_off, bool(found.problems)) == (
            CLOUD if "disabled" in text else None,
            "*" in redacted,
        )


@pytest.mark.parametrize("folder", ["etc", "usr/lib"])
def test_of_systemds_networks_what_names_cards_stays(folder: str) -> None:
    text = (
        f"# {PASSWORD}\n[Match]\nMACAddress={MAC} 0A-1B-2C-D4-E5-F6 \\\n 0a1b.2cd4.e5f6\nName = en* eth0\nDriver=ena\nType=ether\n"
        f";Path={PASSWORD}\n[WireGuard]\nPrivateKey={PASSWORD}\n[{PASSWORD}\n[Network]\nAddress={IPV4}/24\nDomains={DOMAIN}\n"
    )
    mac = "0a:1b:2c:00:00:01"
    assert kept(f"{folder}/systemd/network/10-x.network", text) == (
        f"[Match]\nMACAddress={mac} {mac} {mac}\nName=en* eth0\nDriver=ena\nType=ether\n[WireGuard]\n[Unknown]\n[Network]\n"
    )
    assert kept(f"{folder}/systemd/network/10-x.link", "[Link]\nName=lan0\nMACAddress=hunter2\n") == (
        "[Link]\nName=lan0\nMACAddress=redacted\n"
    )


def test_of_initramfs_tools_the_modules_and_the_resume_stay() -> None:
    text = f'# {PASSWORD}\nexport MODULES=dep # why\nKEYMAP=n\nDROPBEAR="{PASSWORD}"\n'
    assert kept("etc/initramfs-tools/initramfs.conf", text) == "MODULES=dep\n"
    for value, redacted in (
        (f"UUID={ROOT_UUID}", "UUID=00000000-0000-4000-8000-000000000001"),
        ("/dev/xvdb", "/dev/xvdb"),
        ("/dev/mapper/treasury-ledger--db", "/dev/mapper/vg1-lv1"),
        ("none", "none"),
        ("auto", "auto"),
        ("", ""),
    ):
        assert kept("etc/initramfs-tools/conf.d/resume", f"RESUME={value}\n#x\n") == f"RESUME={redacted}\n"


def test_a_file_of_grub_d_keeps_its_reference() -> None:
    text = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0 mine=1"\n'
    found = boot_loader.settings(scrubber(), command_line(), text)
    assert found == 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0"\n'


def test_a_host_called_like_a_hypervisor_changes_no_banner() -> None:
    log = "Hypervisor detected: Xen HVM\nBooting paravirtualized kernel on Xen HVM\nxen: xen_nopv\n"
    for name in ("Xen", "Booting", "HVM", "kernel", "xen"):
        called = Pseudonyms()
        called.host(name)
        asked = Scrubber(called)
        assert parse_log(kernel_log(asked, CommandLine(asked), log)).banners == parse_log(log).banners


def test_lines_of_the_kernel_log_bring_two_around_them() -> None:
    lines = [f"[    {at}.000000] line{at} of no use" for at in range(9)]
    lines[4] = "[    4.000000] xenbus_probe_frontend: Device with no driver: device/vbd/1"
    asked = scrubber()
    assert kernel_log(asked, CommandLine(asked), "\n".join(lines) + "\n").splitlines() == lines[2:7]
    assert asked.names.dropped == {"kernel log lines": 4}


# What holds for any text

HEX = "0123456789abcdef"
octets = st.lists(st.integers(0, 255), min_size=6, max_size=6).map(
    lambda found: ":".join(f"{one:02x}" for one in found)
)
addresses = st.integers(0, (1 << 32) - 1).map(lambda number: str(ipaddress.IPv4Address(number)))
long_addresses = st.integers(0, (1 << 128) - 1).map(lambda number: str(ipaddress.IPv6Address(number)))
uuids = st.uuids().map(str)
resources = st.tuples(st.sampled_from(["i-", "vol-", "ami-", "vol"]), st.text(HEX, min_size=17, max_size=17)).map(
    "".join
)
FORMS = {
    "mac": (octets, r"([0-9a-f]{2}:){5}[0-9a-f]{2}"),
    "ipv4": (addresses, r"(\d{1,3}\.){3}\d{1,3}"),
    "ipv6": (long_addresses, r"[0-9a-f:.]+"),
    "uuid": (uuids, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "resource": (resources, r"[a-z]+-?[0-9a-f]{17}"),
    "serial": (st.text(min_size=1), r"(?s).+"),
    "host": (st.text(min_size=1), r"(?s).+"),
}


@pytest.mark.parametrize("kind", FORMS)
@given(data=st.data())
def test_a_form_stays_and_no_two_values_become_one(kind: str, data: st.DataObject) -> None:
    strategy, form = FORMS[kind]
    values = data.draw(st.lists(strategy, unique_by=lambda value: value.replace("vol-", "vol"), max_size=20))
    called = Pseudonyms()
    replaced = [getattr(called, kind)(value) for value in values]
    assert all(re.fullmatch(form, value) for value in replaced)
    assert len(set(replaced)) == len(values)
    assert [getattr(called, kind)(value) for value in values] == replaced


@given(uuids)
def test_a_uuid_and_its_swapped_form_stay_a_pair(uuid: str) -> None:
    called = Pseudonyms()
    assert called.uuid(swapped(uuid)) == swapped(called.uuid(uuid))
    assert called.uuid(uuid.upper()) == called.uuid(uuid).upper()


texts_with_forms = st.lists(
    st.one_of(st.text(), octets, uuids, addresses, st.sampled_from([*FILES.values(), LOG]))
).map(" ".join)


@given(st.dictionaries(st.sampled_from([*FILES, "etc/motd", "sys/any"]), st.binary(), max_size=3), texts_with_forms)
def test_no_content_makes_it_fail(files: dict[str, bytes], text: str) -> None:
    recording = Recording()
    recording.files = {**dict.fromkeys([*FILES, "proc/version"], text.encode("utf-8", "surrogatepass")), **files}
    recording.kernel_log = text
    recording.metadata = {path: Metadata(200, text) for path in secretive().metadata}
    recording.links = {"sys/x": text}
    recording.uname = Uname(*[text] * 5)
    redact(recording)


@given(st.lists(octets, min_size=1))
def test_addresses_in_a_text_stay_addresses(values: list[str]) -> None:
    text = " ".join(values)
    found = scrubber().text(text)
    assert [value[:8] for value in found.split(" ")] == [value[:8] for value in values]
    assert all(re.fullmatch(FORMS["mac"][1], value) for value in found.split(" "))


@given(st.text(st.sampled_from('ab= "\t,-/xen_nopv')) | st.text())
def test_a_command_line_only_loses_parameters(text: str) -> None:
    before = [parameter.partition("=")[0] for parameter in parse_cmdline(text)]
    after = [parameter.partition("=")[0] for parameter in parse_cmdline(command_line().line(text))]
    assert [key for key in before if key in after] == after


@given(st.text(st.sampled_from("0123: /-abr,ow\\4")) | st.text())
def test_a_line_of_mountinfo_parses_if_it_did(text: str) -> None:
    line = text.splitlines()[0] if text.splitlines() else ""
    before, after = parse_line(line), parse_line(mounts.mountinfo(scrubber(), line).rstrip("\n") if line else "")
    assert (before is None) == (after is None)
    if before and after:
        assert ("ro" in before[2].split(",")) == ("ro" in after[2].split(","))


@given(st.lists(st.lists(st.sampled_from(["eth0", "00000000", "0101A8C0", "0003", "0", "zz", ""]), max_size=9)))
def test_a_routing_table_keeps_its_default_route(rows: list[list[str]]) -> None:
    lines = ["\t".join(row) for row in rows]
    assert parse_route(network.route(Pseudonyms(), "\n".join(lines)).splitlines()) == parse_route(lines)


@given(
    st.binary() | st.binary().map(lambda rest: b"\0\x18\0\0" + rest) | st.binary().map(lambda rest: b"\1\5\0\0" + rest)
)
def test_the_vm_bit_stays_and_with_it_a_table_that_cannot_be_read(table: bytes) -> None:
    assert parse_vm_bit(firmware.smbios(table)) == parse_vm_bit(table)
    assert bool(firmware.smbios(table)) == bool(table)


@given(st.text())
def test_a_path_is_never_made_another_s(text: str) -> None:
    files = Files(scrubber())
    paths = [f"dev/disk/by-uuid/{text}", f"dev/mapper/{text}", f"sys/devices/{text}/serial"]
    assert len({files.path(path) for path in paths}) == len(paths)


@pytest.mark.parametrize(("line", "kept"), [
    ("network: {ethernets: {eth0: {auth: {password: hunter2}}}}", "network: {}"),
    ('network: {"ethernets": {"eth0": {"auth": {"password":"hunter2"}}}}', "network: {}"),
    ("  match: {driver: ena, name: ens5}", "  match: {driver: ena, name: ens5}"),
    ("  nameservers: {addresses: [10.0.0.2], 'secret':hunter2}", "  nameservers: {}"),
])  # fmt: skip
def test_a_mapping_in_braces_tells_no_secret(line: str, kept: str) -> None:
    assert redacted_network.netplan(scrubber(), line + "\n") == kept + "\n"
