"""Who may import whom, what `--check` loads, and that only Host touches the machine."""

from __future__ import annotations

import ast
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

import virt_agent
import virt_collectors
from virt_collectors import collect

COLLECTORS = pathlib.Path(virt_collectors.__file__).parent
AGENT = pathlib.Path(virt_agent.__file__).parent
LIBRARIES = ("psutil", "cpuinfo", "requests", "prometheus_client")

# What would touch the machine behind Host's back, or start a process.
FORBIDDEN_CALLS = {"open", "io.open"} | {
    f"os.{name}"
    for name in ("open", "listdir", "scandir", "walk", "stat", "lstat", "readlink", "statvfs", "popen", "system", "uname")
} | {f"os.path.{name}" for name in ("exists", "lexists", "isfile", "isdir", "islink", "realpath", "getsize")}  # fmt: skip
# Files of our own: the user's configuration, the textfile of --textfile, the snapshot that is written.
OWN_FILES = {"modes/metrics.py", "modes/snapshot.py", "modes/serve.py", "options.py", "__main__.py", "config.py"}
# The file that --bench makes and deletes, and the documents that it compares.
OWN_FILES |= {"modes/bench.py", "measure/disk.py"}
# The configuration's file, which may be missing.
OWN_FILES |= {"modes/check_config.py"}


def modules(root: pathlib.Path) -> dict[str, ast.Module]:
    return {
        str(path.relative_to(root)): ast.parse(path.read_text())
        for path in sorted(root.rglob("*.py"))
        if "__pycache__" not in path.parts
    }


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


def called(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_the_walk_over_the_sources_finds_them() -> None:
    assert {"collect.py", "host/live.py", "host/recorder.py"} <= set(modules(COLLECTORS))
    assert {"__main__.py", "modes/check.py", "verdict/__init__.py"} <= set(modules(AGENT))
    assert "os" in set(imported(modules(COLLECTORS)["host/live.py"]))
    assert "os.listdir" in {name for name, _ in called(modules(COLLECTORS)["host/live.py"])}


def test_the_collectors_know_nothing_of_the_agent() -> None:
    for name, tree in modules(COLLECTORS).items():
        assert not [module for module in imported(tree) if module.split(".")[0] == "virt_agent"], name


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_lives_in_one_module(library: str) -> None:
    users = [
        f"{root.name}/{name}"
        for root in (COLLECTORS, AGENT)
        for name, tree in modules(root).items()
        if any(module.split(".")[0] == library for module in imported(tree))
    ]
    assert len(users) <= 1, users


def test_only_host_touches_the_machine() -> None:
    strays = [
        f"{root.name}/{name}:{line} {call}"
        for root, allowed in ((COLLECTORS, set[str]()), (AGENT, OWN_FILES))
        for name, tree in modules(root).items()
        if not name.startswith(("host/", "serve/")) and name not in allowed
        for call, line in called(tree)
        if call in FORBIDDEN_CALLS
    ]
    assert strays == []


def test_statvfs_which_hangs_with_its_disk_is_called_for_readiness_alone() -> None:
    found = [
        (name, call)
        for root in (COLLECTORS, AGENT)
        for name, tree in modules(root).items()
        for call, _ in called(tree)
        if call == "os.statvfs" or call == "source.host.space"
    ]
    askers = [(name, call) for name, call in found if call != "os.statvfs"]
    assert [name for name, call in found if call == "os.statvfs"] == ["host/live.py"]
    assert askers == [("kernels.py", "source.host.space")]
    (collector,) = (each for each in collect.COLLECTORS if each.name == "space")
    assert collector.optional


HEAVY = (
    "typing", "typing_extensions", "re", "dataclasses", "argparse", "json", "subprocess", "tarfile", "threading",
    "inspect", "socket", "ssl", "logging", "pathlib", "datetime", "tempfile", "shutil", "psutil", "requests",
    "prometheus_client", "cpuinfo", "ctypes", "lzma", "gzip", "collections",
)  # fmt: skip
CHECK_PATH = """
import sys
sys.path[:0] = {roots!r}
import virt_agent.__main__, virt_agent.modes.check, virt_agent.render.text, virt_agent.rules, virt_agent.observe
from virt_collectors import collect
for collector in collect.choose():
    collect.load(collector)
import virt_collectors.host.live, virt_collectors.host.ethtool, virt_collectors.host.nvme, virt_collectors.host.arrays
print("\\n".join(sorted(sys.modules)))
"""


@pytest.mark.subprocess
def test_check_loads_nothing_heavy() -> None:
    roots = [str(AGENT.parent), str(COLLECTORS.parent)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CHECK_PATH.format(roots=roots)], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "virt_collectors.kernel_log" in loaded
    assert "virt_collectors.processor" not in loaded
    assert sorted(loaded & set(HEAVY)) == []


def test_no_packet_leaves_a_test(guard: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, pytest.raises(RuntimeError, match=r"169\.254"):
        client.connect(("169.254.169.254", 80))
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(RuntimeError, match="nowhere"):
        client.connect("/nowhere")
    assert len(guard) == 2
    guard.clear()


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_no_process_starts_in_a_test(guard: list[str]) -> None:
    with pytest.raises(RuntimeError, match="Popen"):
        subprocess.run(["true"], check=True)
    with pytest.raises(RuntimeError, match="system"):
        os.system("true")
    with pytest.raises(RuntimeError, match="posix_spawn"):
        os.posix_spawn("/bin/true", ["true"], {})
    assert len(guard) == 3
    guard.clear()


def test_fork_is_refused(guard: list[str]) -> None:
    with pytest.raises(RuntimeError, match="fork"):
        os.fork()
    guard.clear()
