"""Containers: each manager's mark, and the namespaces that speak against it."""

from __future__ import annotations

import pathlib

import pytest

from tests.machines import Entry, Link, machine, problems
from virt_collectors.container import Container, read_container
from virt_collectors.source import Source

Files = dict[str, Entry]
ENVIRON = "proc/1/environ"
CGROUP = "proc/1/cgroup"
SERVICE_ACCOUNT: Files = {"var/run/secrets/kubernetes.io/serviceaccount/token": "x"}
FIRST: Files = {
    "proc/self/ns/pid": Link("pid:[4026531836]"),
    "proc/self/ns/uts": Link("uts:[4026531838]"),
    "proc/self/ns/ipc": Link("ipc:[4026531839]"),
}
DOCKER_CGROUP = "12:pids:/docker/8f3c\n0::/system.slice/containerd.service\n"

MARKS: list[tuple[str | None, str | None, Files]] = [
    (None, None, {}),
    ("wsl2", "proc/sys/kernel/osrelease", {"proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2\n"}),
    ("wsl1", "proc/sys/kernel/osrelease", {"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}),
    (None, None, {"proc/sys/kernel/osrelease": "6.5.0-1015-azure\n"}),
    ("openvz", "proc/vz", {"proc/vz": None}),
    (None, None, {"proc/vz": None, "proc/bc": None}),
    ("podman", "run/host/container-manager", {"run/host/container-manager": "podman\n"}),
    ("systemd-nspawn", "run/systemd/container", {"run/systemd/container": "systemd-nspawn\n"}),
    ("other", "run/systemd/container", {"run/systemd/container": "mkosi\n"}),
    ("lxc", ENVIRON, {ENVIRON: "PATH=/bin\0container=lxc\0HOME=/\0"}),
    ("lxd", ENVIRON, {ENVIRON: "container=lxc\0", "dev/lxd/sock": ""}),
    ("docker", ENVIRON, {ENVIRON: f"SERVICES={'x' * 9000}\0container=docker\0"}),
    (None, None, {ENVIRON: "notcontainer=lxc\0mycontainer=docker\0"}),
    (None, None, {ENVIRON: "container=\0"}),
    (None, None, {ENVIRON: ""}),
    ("kubernetes", ENVIRON, {ENVIRON: "container=oci\0", **SERVICE_ACCOUNT}),
    ("other", ENVIRON, {ENVIRON: "container=oci\0"}),
    ("docker", CGROUP, {CGROUP: DOCKER_CGROUP}),
    ("docker", CGROUP, {CGROUP: "0::/system.slice/docker-8f3c.scope\n"}),
    ("kubernetes", CGROUP, {CGROUP: "0::/kubepods.slice/kubepods-pod1.slice/docker-8f.scope\n"}),
    ("kubernetes", CGROUP, {CGROUP: DOCKER_CGROUP, **SERVICE_ACCOUNT}),
    ("podman", CGROUP, {CGROUP: "0::/machine.slice/libpod-1.scope\n"}),
    ("lxc", CGROUP, {CGROUP: "0::/lxc.payload.web/init.scope\n"}),
    ("systemd-nspawn", CGROUP, {CGROUP: "0::/machine.slice/machine-web.scope\n"}),
    (None, None, {CGROUP: "0::/init.scope\n"}),
    ("podman", "run/.containerenv", {"run/.containerenv": ""}),
    ("docker", ".dockerenv", {".dockerenv": ""}),
    ("kubernetes", ".dockerenv", {".dockerenv": "", **SERVICE_ACCOUNT}),
    ("podman", "run/.containerenv", {"run/.containerenv": "", ".dockerenv": ""}),
    (None, None, {".dockerenv": Link("gone")}),
    ("lxc", ENVIRON, {ENVIRON: "container=lxc\0", ".dockerenv": "", CGROUP: DOCKER_CGROUP}),
]


@pytest.mark.parametrize(("kind", "mark", "files"), MARKS)
def test_marks(tmp_path: pathlib.Path, kind: str | None, mark: str | None, files: Files) -> None:
    source = Source(machine(tmp_path, files))
    assert read_container(source) == Container(kind, mark, None)
    assert problems(source) == []


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({}, True),
        ({"pid": Link("pid:[4026532201]")}, False),
        ({"uts": Link("uts:[4026532199]")}, False),
        ({"ipc": Link("ipc:[4026531836]")}, False),
        ({"uts": None}, None),
    ],
    ids=["the machine", "pid", "uts", "ipc", "one unknown"],
)
def test_the_first_namespaces(tmp_path: pathlib.Path, changed: dict[str, Link | None], first: bool | None) -> None:
    files = {**FIRST, **{f"proc/self/ns/{name}": link for name, link in changed.items() if link}}
    for name in [name for name, link in changed.items() if link is None]:
        del files[f"proc/self/ns/{name}"]
    assert read_container(Source(machine(tmp_path, files))).first_namespaces is first


def test_a_mark_does_not_hide_the_first_namespaces(tmp_path: pathlib.Path) -> None:
    found = read_container(Source(machine(tmp_path, {**FIRST, ".dockerenv": ""})))
    assert found == Container("docker", ".dockerenv", True)


def test_an_environment_that_only_root_may_read_is_quiet(tmp_path: pathlib.Path) -> None:
    source = Source(machine(tmp_path, {CGROUP: DOCKER_CGROUP}, errors={ENVIRON: "EACCES"}))
    assert read_container(source).kind == "docker"
    assert problems(source) == []
    assert source.unreadable == {ENVIRON: "EACCES"}
