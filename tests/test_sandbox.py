"""What systemd hides from a service, by the mounts that it made; the lines are those of systemd 252 and 257."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, strategies

from virt_collectors.host import given as handed_in
from virt_collectors.sandbox import Sandbox, Veil, parse_unit, parse_veils

SHUT_ROOT = "58 43 0:43 / / ro,nosuid,relatime shared:1 - ext4 /dev/vda1 rw"
HOME = "66 58 0:48 /systemd/inaccessible/dir /home ro,nosuid,noexec,relatime shared:17 - tmpfs tmpfs rw,mode=755"
MODULES = "67 58 0:48 /systemd/inaccessible/dir /usr/lib/modules ro,nosuid - tmpfs tmpfs rw,mode=755"
FSTAB = "68 58 0:48 /systemd/inaccessible/reg /etc/fstab ro,nosuid - tmpfs tmpfs rw,mode=755"
PRIVATE_DEV = "70 58 0:39 / /dev ro,nosuid,noexec shared:14 - tmpfs tmpfs rw,size=4096k,nr_inodes=65536,mode=755"
CONTAINERS_DEV = "70 58 0:39 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755"
MACHINES_DEV = "24 27 0:6 / /dev rw,nosuid - devtmpfs udev rw,size=4096k,mode=755"
INVISIBLE = "59 58 0:40 / /proc rw,nosuid,nodev,noexec,relatime shared:18 - proc proc rw,hidepid=invisible"
SUBSET = "59 58 0:40 / /proc rw,nosuid - proc proc rw,hidepid=noaccess,subset=pid"
OLD_NUMBER = "59 58 0:40 / /proc rw - proc proc rw,hidepid=2"
OPEN_PROC = "22 27 0:21 / /proc rw,relatime - proc proc rw"
HOME_OF_TMPFS = "69 58 0:39 / /home rw,nosuid,relatime shared:13 - tmpfs tmpfs rw"


@pytest.mark.parametrize(
    ("line", "path", "why"),
    [
        (HOME, "home/anna/.ssh", "ProtectHome=yes"),
        (HOME_OF_TMPFS, "home/anna", "ProtectHome=tmpfs"),
        (MODULES, "usr/lib/modules/6.1.0/modules.builtin", "ProtectKernelModules=yes"),
        (MODULES, "lib/modules/6.1.0/modules.builtin", "ProtectKernelModules=yes"),
        (FSTAB, "etc/fstab", "InaccessiblePaths=/etc/fstab"),
        (PRIVATE_DEV, "dev/nvme0", "PrivateDevices=yes"),
        (INVISIBLE, "proc/1/cgroup", "ProtectProc=invisible"),
        (OLD_NUMBER, "proc/1/environ", "ProtectProc=2"),
        (SUBSET, "proc/cpuinfo", "ProcSubset=pid"),
        (SUBSET, "proc/1/cgroup", "ProtectProc=noaccess"),
    ],
)
def test_who_hides_a_path(line: str, path: str, why: str) -> None:
    veils = parse_veils(f"{SHUT_ROOT}\n{line}\n")
    assert Sandbox("nrpe.service", veils).hides(path) == f"not visible under {why} of nrpe.service"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (SHUT_ROOT, "etc/fstab"),  # shut against writing hides nothing
        (CONTAINERS_DEV, "dev/nvme0"),
        (MACHINES_DEV, "dev/nvme0"),
        (OPEN_PROC, "proc/1/cgroup"),
        (HOME, "homes/anna"),
        (FSTAB, "etc/fstab.d"),
        (MODULES, "usr/lib/modules-load.d/x.conf"),
        (INVISIBLE, "proc/12/cgroup"),
        (SUBSET, "proc/self/cgroup"),
        (PRIVATE_DEV, "sys/dev/block"),
    ],
)
def test_what_nobody_hides(line: str, path: str) -> None:
    assert Sandbox("nrpe.service", parse_veils(line)).hides(path) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/virt-agent.service\n", "virt-agent.service"),
        ("9:name=systemd:/system.slice/nrpe.service\n8:pids:/\n0::/\n", "nrpe.service"),
        ("0::/system.slice/docker.service/payload/system.slice/virt-agent.service\n", "virt-agent.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", None),
        ("4:memory:/system.slice/virt-agent.service\n", None),  # others may put a process there
        ("", None),
    ],
)
def test_which_service_a_process_is(text: str, unit: str | None) -> None:
    assert parse_unit(text) == unit


WORDS = strategies.sampled_from(
    [
        "0:1",
        "/",
        "/dev",
        "/proc",
        "/systemd/inaccessible/dir",
        "ro",
        "rw,hidepid=",
        "subset=pid",
        "-",
        "tmpfs",
        "proc",
        "\\040",
        "\udcff",
    ]
)
LINES = strategies.lists(strategies.lists(WORDS | strategies.text(max_size=5), max_size=12).map(" ".join)).map(
    "\n".join
)


@given(LINES | strategies.text(), strategies.text())
def test_any_text_hides_something_or_nothing(text: str, path: str) -> None:
    veils = parse_veils(text)
    assert len(veils) <= 2 * (text.count("\n") + 1)
    assert all(isinstance(veil, Veil) and "=" in veil.option for veil in veils)
    why = Sandbox("x.service", veils).hides(path)
    assert why is None or why.endswith(" of x.service")


@given(strategies.text())
def test_any_text_names_a_service_or_none(text: str) -> None:
    unit = parse_unit(text)
    assert unit is None or (unit in text and len(unit) <= 256)


HANDED_IN = """
from virt_collectors.host import given
print(given.reopened("proc/self/mountinfo"), given.reopened("proc/1/mountinfo"), given.device(1, 3), given.device(1, 5))
"""


def ask(standard_input: str | None) -> str:
    path = pathlib.Path(handed_in.__file__).parents[2]
    with open(standard_input or os.devnull) as opened:
        done = subprocess.run(
            [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{HANDED_IN}"],
            stdin=opened,
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout.strip()


@pytest.mark.subprocess
def test_standard_input_is_taken_for_what_it_is() -> None:
    assert ask("/proc/1/mountinfo") == "None /proc/self/fd/0 None None"
    null = ask(None).split()
    assert null[:2] == ["None", "None"]
    assert int(null[2]) > 2  # /dev/null is 1:3: a descriptor of its own
    assert null[3] == "None"


@pytest.mark.subprocess
def test_a_closed_standard_input_is_nothing() -> None:
    program = f"import os, sys; os.close(0); sys.path.insert(0, {str(pathlib.Path(handed_in.__file__).parents[2])!r})\n{HANDED_IN}"
    done = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None None None None"
