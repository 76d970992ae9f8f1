"""The ethtool ioctls, on a kernel that is played and on the live one beside ethtool(8)."""

from __future__ import annotations

import errno
import pathlib
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable

import pytest

from virt_collectors.errors import Absent, Unreadable
from virt_collectors.host import Ethtool, ethtool
from virt_collectors.host.live import LiveHost

DRVINFO, RING, SG, STRINGS, STATS, CHANNELS = 0x03, 0x10, 0x18, 0x1B, 0x1D, 0x3C


class Kernel:
    """net/ethtool/ioctl.c in small: it fills buffers in its own form, and refuses what `refused` says."""

    def __init__(self, counters: dict[str, int] | None = None, refused: dict[int, int] | None = None) -> None:
        self.counters = counters or {}
        self.refused = refused or {}
        self.asked: list[int] = []
        self.before: Callable[[int], None] = lambda _command: None

    def __call__(self, buffer: array[int]) -> None:
        command = buffer[0]
        self.asked.append(command)
        self.before(command)
        if command in self.refused:
            raise OSError(self.refused[command], "refused")
        {DRVINFO: self._driver, STRINGS: self._strings, STATS: self._stats}.get(command, self._words)(buffer)

    def _driver(self, buffer: array[int]) -> None:
        assert len(buffer) * 4 == 196  # sizeof(struct ethtool_drvinfo)
        texts = b"".join(text.ljust(32, b"\0") for text in (b"ena", b"2.13.3g", b"N/A", b"0000:00:05.0", b""))
        put(buffer, 4, texts)
        buffer[45] = len(self.counters)  # n_stats, at byte 180

    def _strings(self, buffer: array[int]) -> None:
        assert buffer[1] == 1  # ETH_SS_STATS
        buffer[2] = len(self.counters)
        put(buffer, 12, b"".join(name.encode().ljust(32, b"\0")[:32] for name in self.counters))

    def _stats(self, buffer: array[int]) -> None:
        buffer[1] = len(self.counters)
        put(buffer, 8, b"".join(value.to_bytes(8, sys.byteorder) for value in self.counters.values()))

    def _words(self, buffer: array[int]) -> None:
        words = {CHANNELS: (0, 0, 0, 8, 0, 0, 0, 2), RING: (16384, 0, 0, 1024, 1024, 0, 0, 512), SG: (1,)}[buffer[0]]
        assert len(buffer) == len(words) + 1
        buffer[1:] = array("I", words)


def put(buffer: array[int], at: int, raw: bytes) -> None:
    memoryview(buffer).cast("B")[at : at + len(raw)] = raw


def test_the_kernels_structures_become_one_answer() -> None:
    counters = {"wd_expired": 1, "queue_0_tx_bytes": 2**64 - 1, "a" * 32: 7}
    assert ethtool.report(Kernel(counters)) == Ethtool(
        driver="ena",
        version="2.13.3g",
        bus_info="0000:00:05.0",
        firmware=None,
        statistics=counters,
        channels={"combined": 2, "max_combined": 8},
        ring={"rx": 1024, "max_rx": 16384, "tx": 512, "max_tx": 1024},
        scatter_gather=True,
    )


def test_what_a_driver_does_not_offer_is_empty_and_costs_nothing_else() -> None:
    kernel = Kernel({"a": 1}, dict.fromkeys((STRINGS, RING, CHANNELS, SG), errno.EOPNOTSUPP))
    answer = ethtool.report(kernel)
    assert (answer.driver, answer.statistics, answer.ring, answer.channels, answer.scatter_gather) == (
        *("ena", {}, {}, {}),
        None,
    )
    assert STRINGS not in (none := Kernel()).asked
    assert ethtool.report(none).statistics == {}
    assert STRINGS not in none.asked  # the kernel warns in its log when asked for no strings


def test_a_setting_without_a_maximum_is_told() -> None:
    kernel = Kernel()

    def without_maxima(buffer: array[int]) -> None:
        kernel(buffer)
        if buffer[0] == RING:
            buffer[1:5] = array("I", (0, 0, 0, 0))

    assert ethtool.report(without_maxima).ring == {"rx": 1024, "max_rx": 0, "tx": 512, "max_tx": 0}


@pytest.mark.parametrize("command", [DRVINFO, STRINGS, STATS, RING, CHANNELS, SG])
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENODEV, errno.EIO])
def test_any_other_refusal_is_no_answer(command: int, number: int) -> None:
    with pytest.raises(OSError, match="refused") as caught:
        ethtool.report(Kernel({"a": 1}, {command: number}))
    assert caught.value.errno == number


def test_a_driver_that_gets_more_queues_meanwhile_is_asked_again() -> None:
    """The kernel writes what there is, whatever was announced: the buffer has room, names and values stay together."""
    kernel = Kernel({f"queue_{n}": n for n in range(40)})

    def grow(command: int) -> None:
        if command == STATS and len(kernel.counters) == 40:
            kernel.counters = {f"queue_{n}": n for n in range(4000)}

    kernel.before = grow
    assert ethtool.report(kernel).statistics == kernel.counters
    assert kernel.asked.count(STATS) == 2


def test_a_number_that_never_stands_still_or_cannot_be_true_is_refused() -> None:
    kernel = Kernel({"a": 1})

    def change(command: int) -> None:
        if command == STATS:
            kernel.counters[f"b{len(kernel.counters)}"] = 1

    kernel.before = change
    with pytest.raises(OSError, match="keeps changing"):
        ethtool.report(kernel)
    with pytest.raises(OSError, match="too many"):
        ethtool.report(Kernel(dict.fromkeys((str(n) for n in range(65_537)), 0)))


def test_a_kernel_that_writes_nothing_where_the_number_was_wrong_is_asked_again() -> None:
    """Since the end of 2025: n_stats 0 where the announced number is not the driver's."""
    kernel = Kernel({"a": 1, "b": 2})
    wrong = iter([True])

    def shrink(buffer: array[int]) -> None:
        kernel(buffer)
        if buffer[0] == STATS and next(wrong, False):
            buffer[1] = 0

    assert ethtool.report(shrink).statistics == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", ["", "x" * 16, "x" * 4000, "no-such-card"])
def test_an_interface_that_cannot_be_is_absent(name: str) -> None:
    with pytest.raises(Absent) as caught:
        LiveHost().ethtool(name)
    assert (caught.value.path, caught.value.code) == (f"ethtool:{name}", "ENODEV")


def test_the_loopback_interface_has_no_ethtool_driver() -> None:
    with pytest.raises(Unreadable) as caught:
        LiveHost().ethtool("lo")
    assert (caught.value.path, caught.value.code) == ("ethtool:lo", "EOPNOTSUPP")


# beside ethtool(8)

TOOL = shutil.which("ethtool") or (shutil.which("ethtool", path="/usr/sbin:/sbin"))


def cards() -> list[str]:
    root = pathlib.Path("/sys/class/net")
    return sorted(path.name for path in root.iterdir() if (path / "device").exists()) if root.is_dir() else []


def told_by_tool(option: str, interface: str) -> dict[str, str]:
    assert TOOL is not None
    told = subprocess.run([TOOL, option, interface], capture_output=True, text=True, check=False, timeout=30)
    pairs = (line.partition(":") for line in told.stdout.splitlines()[option != "-i" :])
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip()}


@pytest.mark.subprocess
@pytest.mark.skipif(TOOL is None or not cards(), reason="needs ethtool(8) and an interface with a device")
@pytest.mark.parametrize("interface", cards())
def test_ethtool_says_the_same(interface: str) -> None:
    ours = LiveHost().ethtool(interface)
    driver = told_by_tool("-i", interface)
    assert (ours.driver, ours.version, ours.bus_info) == (driver["driver"], driver["version"], driver.get("bus-info"))
    assert ours.firmware == driver.get("firmware-version")
    theirs = {name: int(value) for name, value in told_by_tool("-S", interface).items()}
    again = LiveHost().ethtool(interface)
    assert list(ours.statistics) == list(theirs)
    assert all(ours.statistics[name] <= value <= again.statistics[name] for name, value in theirs.items())
    features = told_by_tool("-k", interface)
    assert ours.scatter_gather == features["scatter-gather"].startswith("on")
    for option, settings in (("-l", ours.channels), ("-g", ours.ring)):
        now = {key.lower(): int(value) for key, value in told_by_tool(option, interface).items() if value.isdecimal()}
        assert {key: value for key, value in now.items() if value} == {
            key: value for key, value in settings.items() if not key.startswith("max_") and value
        }
