"""Boot phases and load: what is made of the answers of systemd, the kernel log and /proc."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import machine
from virt_agent.measure import boot, busy
from virt_collectors.errors import SourceError
from virt_collectors.memory import Memory

# Boot

SYSTEMD = """FirmwareTimestampMonotonic=0
LoaderTimestampMonotonic=0
InitRDTimestampMonotonic=1802000
UserspaceTimestampMonotonic=3104000
FinishTimestampMonotonic=15604000
SoftRebootsCount=0
"""


def read(text: str, log: str = "", container: str | None = None) -> dict[str, float | str | None]:
    found = boot.read(lambda: text, lambda: log, container)
    assert tuple(found) == boot.NAMES
    return {name: each.values[0] if each.values else each.reason for name, each in found.items()}


def test_the_phases_of_a_guest_with_a_bios() -> None:
    untold = "only EFI firmware tells it, by a boot loader that passes it on"
    assert read(SYSTEMD) == {"boot_firmware": untold, "boot_loader": untold, "boot_kernel": 1.802,
                             "boot_initrd": 1.302, "boot_userspace": 12.5}  # fmt: skip


def test_the_phases_of_an_efi_guest() -> None:
    efi = SYSTEMD.replace("FirmwareTimestampMonotonic=0", "FirmwareTimestampMonotonic=4000000").replace(
        "LoaderTimestampMonotonic=0", "LoaderTimestampMonotonic=1500000"
    )
    found = read(efi)
    assert (found["boot_firmware"], found["boot_loader"], found["boot_kernel"]) == (2.5, 1.5, 1.802)


@pytest.mark.parametrize(
    ("before", "after", "phase", "told"),
    [
        ("InitRDTimestampMonotonic=1802000", "InitRDTimestampMonotonic=0", "boot_kernel", 3.104),
        ("InitRDTimestampMonotonic=1802000\n", "", "boot_initrd", "systemd ran in no initrd, if there was one"),
        ("FinishTimestampMonotonic=15604000", "FinishTimestampMonotonic=0", "boot_userspace", "the boot is not finished: a unit still starts"),
        ("SoftRebootsCount=0", "SoftRebootsCount=1", "boot_kernel", "user space was rebooted alone since (systemctl soft-reboot)"),
        ("UserspaceTimestampMonotonic=3104000", "UserspaceTimestampMonotonic=", "boot_kernel", "systemd does not tell"),
        ("=3104000", "=1000", "boot_initrd", "systemd's times are not in order"),
    ],
)  # fmt: skip
def test_what_systemd_may_say(before: str, after: str, phase: str, told: float | str) -> None:
    assert before in SYSTEMD
    assert read(SYSTEMD.replace(before, after))[phase] == told


LOG = (
    "[    0.000000] Linux version\n[    0.580123] Run /init as init process\n[    2.0] Run /sbin/init as init process\n"
)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (FileNotFoundError(2, "No such file"), "no systemctl"),
        (subprocess.TimeoutExpired("systemctl", 2), "not within 2 s"),
        (subprocess.CalledProcessError(1, "systemctl", stderr="System has not been\nbooted with systemd. Oh."), "System has not been booted with systemd"),
        (subprocess.CalledProcessError(4, "systemctl"), "systemctl exits 4"),
    ],
)  # fmt: skip
def test_without_systemd_the_kernel_log_knows_the_kernels_part(error: Exception, why: str) -> None:
    def fail() -> str:
        raise error

    def unreadable() -> str:
        raise SourceError("dev/kmsg", "operation not permitted (EPERM)", "EPERM")

    found = boot.read(fail, lambda: LOG, None)
    assert found["boot_kernel"].values == (0.580123,)
    assert found["boot_userspace"].reason == f"systemd does not answer ({why})"
    assert boot.read(fail, lambda: "", None)["boot_kernel"].reason == f"systemd does not answer ({why})"
    reason = boot.read(fail, unreadable, None)["boot_kernel"].reason
    assert reason == f"systemd does not answer ({why}), and the kernel log: operation not permitted (EPERM)"


def test_a_container_is_not_booted() -> None:
    assert set(read(SYSTEMD, container="docker").values()) == {"a container (docker) is not booted"}


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(SYSTEMD.split()), st.text(max_size=30)))
def test_any_text_gives_a_value_or_a_reason(text: str, changed: dict[str, str]) -> None:
    answer = SYSTEMD
    for line, value in changed.items():
        answer = answer.replace(line, f"{line.partition('=')[0]}={value}")
    for found in (read(text), read(answer), read(text + answer)):
        assert all(isinstance(each, str) or (each is not None and each >= 0) for each in found.values())
    boot.first_process(text)


@pytest.mark.subprocess
def test_this_machine_answers_one_way_or_the_other() -> None:
    for each in boot.read(boot.ask_systemd, lambda: "", None).values():
        assert bool(each.values) is not bool(each.reason)


# Load


def loaded(directory: pathlib.Path, **files: str) -> busy.Load:
    paths = {"loadavg": "proc/loadavg", "cpu": "proc/pressure/cpu", "io": "proc/pressure/io"}
    return busy.read(machine(directory, {paths[name]: content for name, content in files.items()}))[0]


PRESSURE = "some avg10={} avg60=0.10 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


@pytest.mark.parametrize(
    ("files", "stolen", "told"),
    [
        ({}, None, []),
        ({"loadavg": "1.99 9.00 9.00 1/100 4711\n"}, 1.0, []),
        ({"loadavg": "2.01 0.00 0.00 1/100 4711\n"}, None, ["load 2.0 on 2 CPUs"]),
        ({"cpu": PRESSURE.format("20.00"), "io": PRESSURE.format("19.90")}, 9.9, []),
        ({"cpu": PRESSURE.format("20.60")}, None, ["tasks waited for a CPU 21 % of the last 10 s"]),
        ({"io": PRESSURE.format("55.00")}, None, ["tasks waited for I/O 55 % of the last 10 s"]),
        ({"loadavg": "junk"}, 40.0, ["the host takes 40 % of the CPU time (steal)"]),
        ({"loadavg": "7 7 7", "io": PRESSURE.format("99.00")}, None,
         ["load 7.0 on 2 CPUs", "tasks waited for I/O 99 % of the last 10 s"]),
    ],
)  # fmt: skip
def test_busy(tmp_path: pathlib.Path, files: dict[str, str], stolen: float | None, told: list[str]) -> None:
    assert busy.reasons(loaded(tmp_path, **files), 2, stolen) == told


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        ((100.0, 1.0), (110.0, 3.5), 25.0),
        ((100.0, 1.0), (110.0, 1.0), 0.0),
        ((100.0, 1.0), (100.0, 1.0), None),
        ((100.0, 5.0), (110.0, 1.0), 0.0),
        ((100.0, 1.0), (101.0, 9.0), 100.0),
        ((None, None), (101.0, 9.0), None),
    ],
)
def test_steal(before: tuple[float, float], after: tuple[float, float], percent: float | None) -> None:
    one, other = (Memory(cpu_seconds=cpu, steal_seconds=stolen) for cpu, stolen in (before, after))
    assert busy.steal(one, other) == percent


@given(st.text(max_size=60))
def test_any_loadavg_is_a_number_or_none(text: str) -> None:
    value = busy.parse_loadavg(text)
    assert value is None or value >= 0
