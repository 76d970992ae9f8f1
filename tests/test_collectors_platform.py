"""The collectors that read short files: hypervisor, firmware, buses, clock, memory, drivers, names, metadata."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping

import pytest

from tests.machines import Entry, Link, device, imds_answer, machine, present, problems
from virt_collectors.boot import Boot, read_boot
from virt_collectors.clock import Clock, read_clock
from virt_collectors.cpu import read_cpu
from virt_collectors.devicetree import DeviceTree, read_device_tree
from virt_collectors.dmi import Dmi, read_dmi
from virt_collectors.drivers import ABSENT, AVAILABLE, BUILTIN, LOADED, read_running_drivers
from virt_collectors.host.recorder import Recorder
from virt_collectors.hypervisor import Hypervisor, read_hypervisor
from virt_collectors.imds import PARTS, Imds, read_imds
from virt_collectors.memory import Memory, read_memory
from virt_collectors.pci import PciDevice, read_pci
from virt_collectors.processor import read_processor
from virt_collectors.record import Record
from virt_collectors.source import Source
from virt_collectors.system import System, read_os, read_system
from virt_collectors.virtio import VirtioDevice, read_virtio
from virt_collectors.xenbus import Xenbus, XenDevice, read_xenbus

Files = Mapping[str, Entry]
Errors = Mapping[str, str]
Reader = Callable[[Source], object]
XEN = "sys/hypervisor"
DMI = "sys/class/dmi/id"
CLOCK = "sys/devices/system/clocksource/clocksource0"
BALLOON = "sys/devices/system/xen_memory/xen_memory0"
STAT = "cpu  100 0 50 800 7 0 3 40 9 9\ncpu0 1 2 3\n"

TABLE: list[tuple[str, Reader, Files, Errors, object, list[str]]] = [
    ("no xen", read_hypervisor, {XEN: None}, {}, None, []),
    ("xen", read_hypervisor,
     {f"{XEN}/type": "xen\n", f"{XEN}/guest_type": "HVM\n", f"{XEN}/version/major": "4\n", f"{XEN}/version/minor": "11\n",
      f"{XEN}/version/extra": ".amazon\n", f"{XEN}/properties/features": "00002705\n",
      f"{XEN}/start_flags/initdomain": "0\n", "proc/xen": None, "proc/xen/capabilities": ""},
     {f"{XEN}/uuid": "EBUSY"},
     Hypervisor("xen", "HVM", None, "4.11.amazon", 0x2705, None, False, True, ""), []),
    ("xen withholds", read_hypervisor,
     {f"{XEN}/type": "xen", f"{XEN}/version/major": "4", f"{XEN}/version/minor": "17",
      f"{XEN}/version/extra": "<denied>\n", f"{XEN}/properties/capabilities": "<denied>"}, {f"{XEN}/uuid": "ENOENT"},
     Hypervisor(type="xen", version="4.17"), []),
    ("dom0", read_hypervisor, {"proc/xen/capabilities": "control_d\n"}, {},
     Hypervisor(proc_xen=True, proc_xen_capabilities="control_d"), []),
    ("broken features", read_hypervisor, {f"{XEN}/properties/features": "zz\n"}, {}, Hypervisor(),
     [f"{XEN}/properties/features MALFORMED"]),
    ("no firmware", read_dmi, {}, {}, None, []),
    ("firmware", read_dmi, {f"{DMI}/sys_vendor": "Amazon EC2\n", f"{DMI}/board_asset_tag": "i-0123\n",
                            f"{DMI}/product_serial": "\n", f"{DMI}/bios_date": b"\xff\xff\xff\n"}, {},
     Dmi(sys_vendor="Amazon EC2", board_asset_tag="i-0123"), []),
    ("firmware, not root", read_dmi, {}, {f"{DMI}/product_uuid": "EACCES", "sys/firmware/dmi/tables/DMI": "EACCES"},
     Dmi(), []),
    ("vm bit", read_dmi, {"sys/firmware/dmi/tables/DMI": bytes([0, 0x18]) + bytes(17) + b"\x10" + bytes(8)}, {},
     Dmi(vm_bit=True, vm_bit_path="sys/firmware/dmi/tables/DMI"), []),
    ("an old table", read_dmi, {"sys/firmware/dmi/tables/DMI": bytes([0, 0x12]) + bytes(18)}, {}, None, []),
    ("a cut table", read_dmi, {"sys/firmware/dmi/tables/DMI": bytes([0, 0x18]) + bytes(9)}, {}, Dmi(),
     ["sys/firmware/dmi/tables/DMI MALFORMED"]),
    ("no device tree", read_device_tree, {}, {}, None, []),
    ("device tree", read_device_tree,
     {"proc/device-tree": Link("/sys/firmware/devicetree/base"), "sys/firmware/devicetree/base/compatible": "a,b\0c\0",
      "sys/firmware/devicetree/base/hypervisor/compatible": "xen,xen-4.17\0xen,xen\0"}, {},
     DeviceTree(("a,b", "c"), ("xen,xen-4.17", "xen,xen")), []),
    ("no xen bus", read_xenbus, {}, {}, None, []),
    ("empty xen bus", read_xenbus, {"sys/bus/xen/devices": None}, {}, Xenbus((), 0, True), []),
    ("xen bus", read_xenbus,
     {**device("vbd-51712", "vbd", "xen", {"state": "Connected\n"}), "sys/devices/vif-0/state": "Initialising\n",
      "sys/bus/xen/devices/vbd-51712": Link("../../../devices/vbd-51712"),
      "sys/bus/xen/devices/vif-0": Link("../../../devices/vif-0"), "sys/bus/xen/devices/vkbd-0": None,
      "sys/bus/xen-backend/devices/vbd-7-51712": None, "sys/bus/xen-backend/devices/vif-7-0": None}, {},
     Xenbus((XenDevice("vbd-51712", "vbd", "Connected", "vbd"), XenDevice("vif-0", "vif", "Initialising", None),
             XenDevice("vkbd-0", "vkbd", None, None)), 2, True), []),
    ("strange states", read_xenbus,
     {"sys/bus/xen/devices/vbd-1/state": "INVALID\n", "sys/bus/xen/devices/vbd-2/state": "Happy\n"}, {},
     Xenbus((XenDevice("vbd-1", "vbd", "Unknown"), XenDevice("vbd-2", "vbd")), 0, True),
     ["sys/bus/xen/devices/vbd-2/state MALFORMED"]),
    ("no virtio", read_virtio, {"sys/bus/virtio/devices": None}, {}, None, []),
    ("virtio", read_virtio,
     {**device("virtio0", "virtio_net", "virtio", {"device": "0x0001\n", "status": "0x0000000f\n"}),
      "sys/bus/virtio/devices/virtio0": Link("../../../devices/virtio0"),
      "sys/bus/virtio/devices/virtio1/device": "0x0002\n"}, {},
     (VirtioDevice("virtio0", 1, "virtio_net", 15), VirtioDevice("virtio1", 2)), []),
    ("no pci", read_pci, {}, {}, None, []),
    ("pci", read_pci,
     {**device("pci0000:00/0000:00:05.0", "ena", "pci", {"vendor": "0x1d0f\n", "device": "0xec20\n", "class": "0x020000"}),
      "sys/bus/pci/devices/0000:00:05.0": Link("../../../devices/pci0000:00/0000:00:05.0"),
      "sys/bus/pci/devices/0000:00:06.0/vendor": "0x5853\n", "sys/bus/pci/devices/0000:00:07.0/vendor": "0x1\n",
      "sys/bus/pci/devices/0000:00:06.0/device": "0x0001\n", "proc/bus/pci/devices": "0010\t80867010\n"}, {},
     (PciDevice("0000:00:05.0", 0x1D0F, 0xEC20, 0x20000, "ena"), PciDevice("0000:00:06.0", 0x5853, 1)), []),
    ("pci by procfs", read_pci, {"proc/bus/pci/devices": "0010\t58530001\t0\n"}, {},
     (PciDevice("0000:00:02.0", 0x5853, 1),), []),
    ("clock", read_clock,
     {f"{CLOCK}/current_clocksource": "xen\n", f"{CLOCK}/available_clocksource": "xen tsc hpet acpi_pm \n",
      "proc/uptime": "3283.89 4946.35\n"}, {}, Clock("xen", ("xen", "tsc", "hpet", "acpi_pm"), 3283.89, None), []),
    ("no clock", read_clock, {}, {}, Clock(), []),
    ("clock broken", read_clock, {"proc/uptime": "1.2.3 4\n"}, {}, Clock(), ["proc/uptime MALFORMED"]),
    ("memory", read_memory,
     {"proc/meminfo": "MemFree: 1 kB\nMemTotal:       24684084 kB\n", "proc/stat": STAT,
      f"{BALLOON}/target_kb": "2048\n", f"{BALLOON}/info/current_kb": "1024\n",
      "proc/pressure/io": "some avg10=1.50 avg60=0\nfull avg10=0.25 avg60=0\n"}, {},
     Memory(24684084 * 1024, 2048 * 1024, 1024 * 1024, 10.0, 0.4, 1.5, 0.25), []),
    ("no memory", read_memory, {}, {"proc/pressure/io": "EOPNOTSUPP"}, Memory(), []),
    ("memory broken", read_memory, {"proc/meminfo": "MemTotal: much kB\n", "proc/stat": "cpu 1 2\n"}, {}, Memory(),
     ["proc/stat MALFORMED", "proc/meminfo MALFORMED"]),
    ("no command line", read_boot, {}, {}, None, []),
    ("boot", read_boot, {"proc/cmdline": "a=b c\n", "sys/firmware/efi/x": ""}, {}, Boot(("a=b", "c"), True), []),
    ("empty boot", read_boot, {"proc/cmdline": ""}, {}, Boot((), False), []),
    ("names by procfs", read_system,
     {"proc/sys/kernel/hostname": "web\n", "proc/sys/kernel/osrelease": "6.1\n", "proc/sys/kernel/arch": "s390x\n"}, {},
     System("web", "6.1", "s390x"), []),
    ("architecture by form", read_system, {"proc/cpuinfo": "processor: 0\nCPU implementer : 0x41\n"}, {},
     System(architecture="aarch64"), []),
    ("no names", read_system, {}, {}, System(), []),
    ("os", read_os, {"etc/os-release": Link("../usr/lib/os-release"),
                     "usr/lib/os-release": "# PRETTY_NAME=no\nNAME=x\nPRETTY_NAME='Debian GNU/Linux 12'\n"}, {},
     "Debian GNU/Linux 12", []),
    ("os in usr", read_os, {"usr/lib/os-release": 'PRETTY_NAME="Amazon Linux 2"'}, {}, "Amazon Linux 2", []),
    ("os without name", read_os, {"etc/os-release": 'ID=x\nPRETTY_NAME=""\n'}, {}, None, []),
    ("no os", read_os, {}, {}, None, []),
    ("cpu without kvm", read_cpu, {}, {}, None, []),
    ("no processor", read_processor, {}, {}, None, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "files", "errors", "expected", "failing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_reader(
    tmp_path: pathlib.Path, reader: Reader, files: Files, errors: Errors, expected: object, failing: list[str]
) -> None:
    source = Source(machine(tmp_path, files, errors))
    found = reader(source)
    assert found == expected
    assert type(found) is type(expected)
    assert problems(source) == failing


def test_kvm_is_seen_beside_the_processor(tmp_path: pathlib.Path) -> None:
    files = {"proc/cpuinfo": "processor : 0\nflags : vmx\n", "dev/kvm": ""}
    assert present(read_cpu(Source(machine(tmp_path, files)))).kvm_device


@pytest.mark.parametrize("path", [f"{XEN}/type", f"{DMI}/sys_vendor", "proc/uptime", f"{CLOCK}/current_clocksource"])
@pytest.mark.parametrize("code", ["EIO", "EAGAIN", "EINVAL", "EACCES"])
def test_a_refusal_is_kept_as_evidence_and_is_loud(tmp_path: pathlib.Path, path: str, code: str) -> None:
    source = Source(machine(tmp_path, {XEN: None}, {path: code}))
    for reader in (read_hypervisor, read_dmi, read_clock):
        assert isinstance(reader(source), Record | None)
    assert source.unreadable == {path: code}
    assert problems(source) == [f"{path} {code}"]


@pytest.mark.parametrize(
    ("files", "name", "expected"),
    [
        ({"proc/modules": "xen_netfront 1 0 - Live 0x0\n"}, "xen-netfront", LOADED),
        ({"proc/modules": "xen_netfront 1 0 - Live 0x0\n"}, "ena", None),
        ({"lib/modules/6.1/modules.builtin": "kernel/xen-blkfront.ko\n"}, "xen-blkfront", BUILTIN),
        ({"usr/lib/modules/6.1/modules.builtin": "kernel/xen-blkfront.ko\n"}, "xen-blkfront", BUILTIN),
        ({"lib/modules/6.1/modules.builtin": "", "sys/module/nvme/parameters/x": ""}, "nvme", BUILTIN),
        ({"lib/modules/6.1/modules.builtin": "", "sys/module/nvme/parameters/x": "", "sys/module/nvme/initstate": "live",
          "lib/modules/6.1/modules.dep": "kernel/nvme.ko:\n"}, "nvme", AVAILABLE),
        ({"lib/modules/6.1/modules.builtin": "", "lib/modules/6.1/modules.dep": "kernel/nvme.ko:\n"}, "ena", ABSENT),
        ({"lib/modules/6.1/modules.builtin": ""}, "ena", None),
    ],
)  # fmt: skip
def test_where_a_driver_is(tmp_path: pathlib.Path, files: Files, name: str, expected: str | None) -> None:
    source = Source(machine(tmp_path, {"proc/sys/kernel/osrelease": "6.1\n", **files}))
    assert present(read_running_drivers(source)).of(name) == expected
    assert problems(source) == []


@pytest.mark.parametrize("release", ["", "../../..", "a/b", "6.1"])
def test_drivers_are_unknown_without_any_list(tmp_path: pathlib.Path, release: str) -> None:
    files = {"proc/sys/kernel/osrelease": f"{release}\n", "modules.builtin": "kernel/ena.ko\n"}
    assert read_running_drivers(Source(machine(tmp_path, files))) is None


META = "/latest/meta-data"
DOCUMENT = "/latest/dynamic/instance-identity/document"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({f"{META}/system": "xen-on-nitro\n", f"{META}/services/domain": "amazonaws.com", f"{META}/instance-type": " t2.micro "},
         Imds("ok", domain="amazonaws.com", system="xen-on-nitro", instance_type="t2.micro", requests=22, parts=PARTS)),
        ({DOCUMENT: '{"instanceId": "i-1", "instanceType": "m3.medium", "imageId": null}'},
         Imds("ok", instance_type="m3.medium", instance_id="i-1", identity_document=True, requests=19, parts=PARTS)),
        ({DOCUMENT: '{"instanceType": "m3.medium"}', f"{META}/instance-type": "c5.large"},
         Imds("ok", instance_type="m3.medium", requests=21, parts=PARTS)),
        ({f"{META}/system": "x" * 5000, f"{META}/profile": "  "}, Imds("ok", system="x" * 256, requests=22, parts=PARTS)),
        ({"/other": "x"}, Imds("ok", requests=22, parts=PARTS)),
    ],
    ids=["answers", "document", "the document goes first", "too long and empty", "nothing"],
)  # fmt: skip
def test_the_metadata_service(tmp_path: pathlib.Path, answers: Mapping[str, str], expected: Imds) -> None:
    source = Source(machine(tmp_path, {}, imds=answers))
    assert read_imds(source) == expected
    assert problems(source) == []


@pytest.mark.parametrize("document", ["[]", "<html>", '"x"', "[" * 5000])
def test_a_document_that_is_none_is_a_problem(tmp_path: pathlib.Path, document: str) -> None:
    source = Source(machine(tmp_path, {}, imds={DOCUMENT: document, f"{META}/system": "nitro"}))
    assert present(read_imds(source)).system == "nitro"
    assert problems(source) == [f"imds:{DOCUMENT} MALFORMED"]


def test_a_service_that_refuses_all_is_disabled(tmp_path: pathlib.Path) -> None:
    recorder = Recorder(machine(tmp_path / "asks", {}, imds={"/": ""}))
    read_imds(Source(recorder))
    answer = imds_answer(dict.fromkeys(recorder.recording.metadata, (403, "no")))
    host = machine(tmp_path, {"virt-agent/imds.json": json.dumps(answer)})
    assert read_imds(Source(host)) == Imds("disabled", requests=22)


def test_a_service_that_gives_nothing_says_why(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"virt-agent/imds.json": '{"state": "unreachable"}'})
    assert read_imds(Source(host)) == Imds("unreachable")


def test_a_service_that_was_not_asked_is_absent(tmp_path: pathlib.Path) -> None:
    assert read_imds(Source(machine(tmp_path / "b", {}))) is None
