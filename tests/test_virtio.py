"""The virtio bus: any guest's from files, and this machine's own, where it has one."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import Entry, Link, machine, present, problems
from virt_collectors.host.live import LiveHost
from virt_collectors.source import Source
from virt_collectors.virtio import VirtioDevice, parse_features, read_virtio

BITS = "0" * 128


def bits(*numbers: int, length: int = 64) -> str:
    """As sysfs shows them: bit 0 first."""
    return "".join("1" if bit in numbers else "0" for bit in range(length))


def device(number: int, kind: int, files: dict[str, Entry], status: int = 0xF, driver: str = "") -> dict[str, Entry]:
    above = f"sys/devices/pci0000:00/0000:00:0{number}.0/virtio{number}"
    link: dict[str, Entry] = {f"{above}/driver": Link(f"../../../../bus/virtio/drivers/{driver}")} if driver else {}
    return link | {
        f"sys/bus/virtio/devices/virtio{number}": Link(
            f"../../../devices/pci0000:00/0000:00:0{number}.0/virtio{number}"
        ),
        f"{above}/device": f"0x{kind:04x}\n",
        f"{above}/status": f"0x{status:08x}\n",
        **{f"{above}/{path}": content for path, content in files.items()},
    }


def test_a_disk_and_a_card_with_features_and_queues(tmp_path: pathlib.Path) -> None:
    files = device(
        0,
        2,
        {"features": bits(2, 9, 13, 29, 32) + "\n", "block/vda/mq/0": None, "block/vda/mq/1": None},
        driver="virtio_blk",
    ) | device(
        1,
        1,
        {
            "features": bits(5, 16, 17, 22, 32, 62) + "\n",
            "net/eth0/queues/rx-0": None,
            "net/eth0/queues/rx-1": None,
            "net/eth0/queues/tx-0": None,
        },
        driver="virtio_net",
    )
    source = Source(machine(tmp_path, files))
    assert present(read_virtio(source)) == (
        VirtioDevice("virtio0", 2, "virtio_blk", 0xF, ("FLUSH", "DISCARD", "VERSION_1"), ("vda",), (), 2),
        VirtioDevice(
            *("virtio1", 1, "virtio_net", 0xF, ("MAC", "STATUS", "CTRL_VQ", "MQ", "VERSION_1", "STANDBY")),
            *((), ("eth0",), 2),
        ),
    )
    assert problems(source) == []


def test_a_device_without_driver_has_no_queues(tmp_path: pathlib.Path) -> None:
    (found,) = present(read_virtio(Source(machine(tmp_path, device(0, 4, {"features": bits() + "\n"}, status=0)))))
    assert found == VirtioDevice("virtio0", 4, None, 0, (), (), (), None)


def test_features_that_are_no_bits_are_a_failure_and_cost_no_other_fact(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path, device(0, 2, {"features": "0120\n"})))
    (found,) = present(read_virtio(source))
    assert (found.features, found.status) == (None, 0xF)
    assert problems(source) == ["sys/bus/virtio/devices/virtio0/features MALFORMED"]


@pytest.mark.parametrize("length", [64, 128])
def test_bit_0_stands_first_whatever_the_length(length: int) -> None:
    assert parse_features(bits(32, 33, 34, 40, length=length), None) == (
        *("VERSION_1", "ACCESS_PLATFORM"),
        *("RING_PACKED", "RING_RESET"),
    )
    assert parse_features(bits(5, length=length), 2) == ("RO",)
    assert parse_features(bits(5, length=length), 1) == ("MAC",)
    assert parse_features(bits(5, length=length), 4) == ()


@given(st.text() | st.text(alphabet="01", max_size=140), st.none() | st.integers(-1, 99))
def test_any_features_are_names_or_none(text: str, kind: int | None) -> None:
    found = parse_features(text, kind)
    assert (found is None) == (not text or bool(set(text) - {"0", "1"}))
    assert found is None or len(found) <= text.count("1")


ON_VIRTIO = os.path.isdir("/sys/bus/virtio/devices") and bool(os.listdir("/sys/bus/virtio/devices"))


@pytest.mark.skipif(not ON_VIRTIO, reason="this machine has no virtio bus")
class TestThisMachine:
    def devices(self) -> dict[str, VirtioDevice]:
        source = Source(LiveHost())
        found = {device.name: device for device in present(read_virtio(source))}
        assert problems(source) == []
        return found

    def test_all_devices_are_told_and_those_with_a_driver_run(self) -> None:
        found = self.devices()
        assert sorted(found) == sorted(os.listdir("/sys/bus/virtio/devices"))
        for name, each in found.items():
            assert bool(each.driver) == os.path.islink(f"/sys/bus/virtio/devices/{name}/driver")
            if each.driver:
                assert present(each.status) & 0xC7 == 0x07, name

    def test_disks_and_interfaces_lead_back_to_their_device(self) -> None:
        for name, each in self.devices().items():
            for disk in each.disks:
                assert f"/{name}/block/{disk}" in os.path.realpath(f"/sys/block/{disk}")
                assert each.queues == len(os.listdir(f"/sys/block/{disk}/mq"))
            for interface in each.interfaces:
                assert f"/{name}/net/{interface}" in os.path.realpath(f"/sys/class/net/{interface}")
                assert each.queues == len([q for q in os.listdir(f"/sys/class/net/{interface}/queues") if q[0] == "r"])

    def test_features_agree_with_what_they_bring_about(self) -> None:
        """FLUSH gives a write cache (queue/write_cache), MAC an address that is not random (addr_assign_type 0)."""
        for each in self.devices().values():
            for disk in each.disks:
                cached = pathlib.Path(f"/sys/block/{disk}/queue/write_cache").read_text().strip() == "write back"
                assert ("FLUSH" in present(each.features)) == cached
            for interface in each.interfaces if "MAC" in (each.features or ()) else ():
                kind = pathlib.Path(f"/sys/class/net/{interface}/addr_assign_type").read_text().strip()
                assert kind in ("0", "3"), "permanent, or set by somebody later"

    def test_the_bus_address_of_a_card_is_the_one_that_ethtool_tells(self) -> None:
        """virtio_net's bus_info is the name of the device above it (drivers/net/virtio_net.c, virtnet_get_drvinfo)."""
        for name, each in self.devices().items():
            for interface in each.interfaces:
                said = LiveHost().ethtool(interface)
                assert said.driver == "virtio_net"
                assert said.bus_info == os.path.realpath(f"/sys/bus/virtio/devices/{name}").split("/")[-2]
