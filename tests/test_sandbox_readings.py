"""What collectors make of a machine that is seen from inside a systemd service's sandbox."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.machines import present
from virt_collectors.collect import ABSENT, FAILED, OK, Collector, choose, run
from virt_collectors.container import read_container
from virt_collectors.host import Host
from virt_collectors.host.helped import Helped
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.mounts import read_mounts
from virt_collectors.source import Source

SERVICE = "0::/system.slice/virt-agent.service\n"
SESSION = "0::/user.slice/user-0.slice/session-3.scope\n"
OURS = (
    "58 43 202:1 / / ro,nosuid,relatime shared:1 - ext4 /dev/xvda1 rw\n"
    "59 58 0:40 / /proc rw,nosuid - proc proc rw,hidepid=invisible\n"
    "70 58 0:39 / /dev ro,nosuid,noexec - tmpfs tmpfs rw,size=4096k,mode=755\n"
    "67 58 0:48 /systemd/inaccessible/dir /usr/lib/modules ro,nosuid - tmpfs tmpfs rw,mode=755\n"
)
FIRST = "22 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 ro\n"
DISK = {"sys/class/block/xvda/size": "1\n", "sys/class/block/xvda1/partition": "1\n"}


def seen(folder: pathlib.Path, files: dict[str, str]) -> LiveHost:
    for path, text in {**DISK, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return LiveHost(str(folder))


def named(name: str) -> Collector:
    return next(one for one in choose(optional=(name,)) if one.name == name)


def test_a_missing_device_is_refused_and_named(tmp_path: pathlib.Path) -> None:
    host = seen(tmp_path, {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS})
    ended = run(host, named("kernel_log"))
    assert ended.outcome.outcome == ABSENT
    assert ended.outcome.reason == "/dev/kmsg: not visible under PrivateDevices=yes of virt-agent.service"
    assert ended.unreadable == {"dev/kmsg": "EACCES"}


def test_hidden_modules_are_a_failure(tmp_path: pathlib.Path) -> None:
    files = {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS, "proc/modules": "xen_netfront 1 0 - Live 0\n"}
    ended = run(seen(tmp_path, {**files, "proc/sys/kernel/osrelease": "6.8.0\n"}), named("drivers"))
    assert ended.outcome.outcome == FAILED
    assert "not visible under ProtectKernelModules=yes of virt-agent.service" in present(ended.outcome.reason)


@pytest.mark.parametrize("cgroup", [SESSION, "", None])
def test_outside_of_a_service_absent_is_absent(tmp_path: pathlib.Path, cgroup: str | None) -> None:
    files = {"proc/self/mountinfo": OURS} | ({} if cgroup is None else {"proc/self/cgroup": cgroup})
    ended = run(seen(tmp_path, files), named("kernel_log"))
    assert (ended.outcome.outcome, ended.outcome.reason, ended.unreadable) == (ABSENT, None, {})


def test_a_sandbox_that_could_not_be_read_is_read_again(tmp_path: pathlib.Path) -> None:
    host = seen(tmp_path, {"proc/self/mountinfo": OURS})
    (tmp_path / "proc/self/cgroup").mkdir()  # EISDIR, as EMFILE would be
    assert host.hidden("dev/kmsg") is None
    (tmp_path / "proc/self/cgroup").rmdir()
    (tmp_path / "proc/self/cgroup").write_text(SERVICE)
    assert host.hidden("dev/kmsg") == "not visible under PrivateDevices=yes of virt-agent.service"


def test_what_is_there_is_read(tmp_path: pathlib.Path) -> None:
    files = {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS, "proc/1/cgroup": "0::/init.scope\n"}
    source = Source(seen(tmp_path, files))
    assert source.lines("proc/1/cgroup") == ["0::/init.scope"]
    assert source.hidden is None


@pytest.mark.parametrize(
    "around", [Recorder, lambda host: Helped(host, "/nowhere"), lambda host: Recorder(Helped(host, "/x"))]
)
def test_hosts_around_the_machine_pass_it_on(tmp_path: pathlib.Path, around: Callable[[Host], Host]) -> None:
    host = around(seen(tmp_path, {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS}))
    assert host.hidden("dev/nvme0") == "not visible under PrivateDevices=yes of virt-agent.service"
    assert host.hidden("etc/fstab") is None


def test_mounts_are_the_machines_not_the_sandboxs(tmp_path: pathlib.Path) -> None:
    files = {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS, "proc/1/mountinfo": FIRST}
    root = present(read_mounts(Source(seen(tmp_path, files))))[0]
    assert (root.point, root.read_only, root.halted) == ("/", False, "ro")  # stopped by an error: B03


def test_mounts_of_another_root_are_not_ours(tmp_path: pathlib.Path) -> None:
    files = {"proc/self/mountinfo": OURS, "proc/1/mountinfo": FIRST.replace("202:1", "202:2")}
    assert present(read_mounts(Source(seen(tmp_path, files))))[0].read_only


def test_mounts_of_a_shell_are_its_own(tmp_path: pathlib.Path) -> None:
    own = "22 1 202:1 / / rw,relatime - ext4 /dev/xvda1 rw\n23 22 202:1 / /snap ro - ext4 /dev/xvda1 ro\n"
    found = present(read_mounts(Source(seen(tmp_path, {"proc/self/mountinfo": own, "proc/1/mountinfo": FIRST}))))
    assert [mount.point for mount in found] == ["/", "/snap"]


def test_without_the_first_table_ours_is_used_and_that_is_told(tmp_path: pathlib.Path) -> None:
    ended = run(seen(tmp_path, {"proc/self/cgroup": SERVICE, "proc/self/mountinfo": OURS}), named("mounts"))
    assert ended.outcome.outcome == OK
    assert ended.outcome.reason == "/proc/1/mountinfo: not visible under ProtectProc=invisible of virt-agent.service"


def test_our_own_group_stands_in_for_the_first_ones(tmp_path: pathlib.Path) -> None:
    group = "0::/docker/0123/system.slice/virt-agent.service\n"
    found = read_container(Source(seen(tmp_path, {"proc/self/cgroup": group, "proc/self/mountinfo": OURS})))
    assert (found.kind, found.mark) == ("docker", "proc/self/cgroup")
