"""What holds of the parsers for any input: no exception, and answers of the right shape."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.machines import collect
from virt_collectors.boot import parse_cmdline
from virt_collectors.cpu import parse_cpuinfo
from virt_collectors.devicetree import parse_strings
from virt_collectors.dmi import parse_vm_bit
from virt_collectors.drivers import parse_modules, parse_paths
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.memory import parse_pressure
from virt_collectors.mounts import parse_line
from virt_collectors.network import parse_ipv6_route, parse_route
from virt_collectors.pci import parse_proc
from virt_collectors.processor import parse_processor
from virt_collectors.record import Record
from virt_collectors.source import whole

TABLE = st.lists(
    st.sampled_from(["0", "00", "1", "eth0", "0" * 32, "00000000", "0003", "x", "lo", "-1", "\t", "é", ":"])
)
LINES = st.lists(TABLE.map(" ".join), max_size=5)


@given(st.text(alphabet="0123456789abcdefxXo_-+ .\u0663", max_size=8))
def test_whole_numbers_are_exactly_the_kernels_forms(text: str) -> None:
    decimal = re.fullmatch(r"-?[0-9]+", text)
    hexadecimal = re.fullmatch(r"-?(0[xX])?[0-9a-fA-F]+", text)
    assert whole(text) == (int(text) if decimal else None)
    assert whole(text, 16) == (int(text, 16) if hexadecimal else None)


@given(st.integers(-(10**39), 10**39))
def test_every_whole_number_is_read_back(number: int) -> None:
    assert whole(str(number)) == number
    assert whole(hex(number), 16) == number


@given(st.text())
@example("processor: 0\nflags")
def test_any_cpuinfo(text: str) -> None:
    cpu = parse_cpuinfo(text)
    assert cpu is None or cpu.processors >= 1


@given(st.lists(st.from_regex(r"[a-z_.]{1,8}(=[a-z0-9/,]{0,8})?", fullmatch=True), max_size=6))
def test_plain_parameters_come_back_as_they_were(words: list[str]) -> None:
    assert parse_cmdline(" ".join(words) + "\n") == tuple(words)


@given(st.text(alphabet='ab= "\t-'))
def test_any_command_line_gives_words_without_quotes(text: str) -> None:
    assert all(word and '"' not in word for word in parse_cmdline(text))


@given(st.binary(max_size=64))
def test_any_smbios_table(table: bytes) -> None:
    assert parse_vm_bit(table) in (True, False, None)


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda part: b"\0" not in part and part.strip() == part)))
def test_a_property_of_the_device_tree_is_split_at_nul(parts: list[bytes]) -> None:
    found = parse_strings(b"".join(part + b"\0" for part in parts))
    assert len(found) == len(parts)


@given(LINES)
def test_any_routing_table_names_an_interface_of_its_own(lines: list[str]) -> None:
    for found in (parse_route(lines), parse_ipv6_route(lines)):
        assert found is None or any(found in line.split() for line in lines)


@given(st.lists(st.text(alphabet="0123456789abcdef\t-z", max_size=40), max_size=4))
def test_any_pci_table_gives_possible_functions(lines: list[str]) -> None:
    for function in parse_proc(lines):
        assert re.fullmatch(r"0000:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", function.address)
        assert 0 <= function.vendor <= 0xFFFF
        assert 0 <= function.device <= 0xFFFF


@given(st.text(alphabet="somefulavg10=. \n"))
def test_any_pressure_is_a_percentage_that_is_not_negative(text: str) -> None:
    assert all(value is None or value >= 0 for value in parse_pressure(text))


@given(st.text(alphabet=" -:/\\0134a"))
def test_any_mount_line_is_a_mount_or_none(line: str) -> None:
    found = parse_line(line)
    assert found is None or ":" in found[0]


POINTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@given(POINTS, POINTS)
def test_any_mount_point_is_read_back(point: str, device: str) -> None:
    def mangled(text: str) -> str:  # fs/seq_file.c, seq_escape
        return "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\#" else sign for sign in text)

    found = parse_line(f"22 1 8:1 / /{mangled(point)} rw shared:1 - ext4 {mangled(device)} rw")
    assert found == ("8:1", f"/{point}", "rw", "ext4", device)


@given(st.lists(st.text(max_size=12)), st.binary())
def test_any_list_of_modules(lines: list[str], content: bytes) -> None:
    assert all(" " not in name for name in parse_modules(lines))
    assert parse_paths(content) is not None


@given(st.text(alphabet="processrmdlna\t: \n0159.KMGHz(),"))
def test_any_text_for_py_cpuinfo(text: str) -> None:
    pytest.importorskip("cpuinfo")
    found = parse_processor(text)
    assert found is None or found.frequency_hz is None or found.frequency_hz >= 0


PATHS = (
    "proc/cpuinfo", "proc/cmdline", "proc/uptime", "proc/meminfo", "proc/stat", "proc/pressure/io", "proc/modules",
    "proc/self/mountinfo", "proc/net/route", "proc/net/ipv6_route", "proc/bus/pci/devices", "proc/1/environ",
    "proc/1/cgroup", "proc/xen/capabilities", "proc/device-tree/compatible", "proc/sys/kernel/arch",
    "proc/sys/kernel/osrelease", "proc/sys/kernel/hostname",
    "sys/hypervisor/type", "sys/hypervisor/version/major", "sys/hypervisor/version/minor",
    "sys/hypervisor/version/extra", "sys/hypervisor/properties/features", "sys/hypervisor/start_flags/initdomain",
    "sys/class/dmi/id/sys_vendor", "sys/firmware/dmi/tables/DMI", "sys/firmware/dmi/entries/0-0/raw",
    "sys/bus/xen/devices/vbd-51712/state", "sys/bus/virtio/devices/virtio0/status",
    "sys/bus/pci/devices/0000:00:01.0/vendor", "sys/bus/pci/devices/0000:00:01.0/device",
    "sys/block/vda/size", "sys/block/vda/stat", "sys/block/vda/inflight", "sys/block/vda/queue/scheduler",
    "sys/block/nvme0n1/device/serial", "sys/class/net/eth0/device/x", "sys/class/net/eth0/mtu",
    "sys/class/net/eth0/carrier", "sys/class/net/eth0/address", "sys/class/net/eth0/operstate",
    "sys/block/nvme0n1/device/state", "sys/hypervisor/guest_type", "sys/hypervisor/uuid", "proc/device-tree/model",
    "sys/block/vda/device/model", "sys/hypervisor/properties/capabilities", "sys/devices/system/clocksource/clocksource0/current_clocksource",
    "sys/devices/system/xen_memory/xen_memory0/target_kb", "run/systemd/container", "etc/os-release",
    "virt-agent/kernel.log",
)  # fmt: skip
CONTENTS = st.binary(max_size=30) | st.text(alphabet="0123456789abcdef \t\n:./=x-", max_size=40).map(str.encode)


@given(st.dictionaries(st.sampled_from(PATHS), CONTENTS | st.none(), max_size=len(PATHS)))
@example(dict.fromkeys(PATHS, b""))
@example(dict.fromkeys(PATHS, b"\n"))
@example(dict.fromkeys(PATHS, b"\xff"))
@example(dict.fromkeys(PATHS, None))
def test_no_content_of_any_file_is_an_internal_error(files: dict[str, bytes | None]) -> None:
    tree = MemoryTree()
    for path, content in files.items():
        tree.add(path, content)
    collection = collect(SnapshotHost(tree))
    assert not [found for found in collection.outcomes if "internal error" in (found.reason or "")]
    assert all(found.outcome in ("ok", "absent", "failed") for found in collection.outcomes)


def texts(value: object, place: str = "facts") -> list[str]:
    """The places of empty texts in facts."""
    if isinstance(value, Record):
        return [found for field in type(value).fields for found in texts(getattr(value, field), f"{place}.{field}")]
    if isinstance(value, tuple):
        return [found for item in value for found in texts(item, place)]
    return [place] if value == "" else []


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\0"])
def test_an_empty_file_is_no_answer(content: bytes) -> None:
    tree = MemoryTree()
    for path in PATHS:
        tree.add(path, content)
    # an empty /proc/xen/capabilities is an answer: mounted, and not dom0's
    assert texts(collect(SnapshotHost(tree)).facts) == ["facts.hypervisor.proc_xen_capabilities"]
