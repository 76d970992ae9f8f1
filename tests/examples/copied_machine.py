"""A copy of this machine to install in: overlays in memory over its directories, in a mount namespace of their own.

So the examples can stand at the places that they name, and no package, service, user or file is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .form import EXAMPLES, ROOT, Tool, clean

DIRECTORIES = ("/usr", "/etc", "/var", "/run")
KEPT = ("/etc/resolv.conf", "/etc/hosts")  # a container has its own mounted over the image's
BUILT = Path("/var/cache/virt-agent-examples")
SIZE = "2g"
DEPENDS = ("python3-psutil", "python3-cpuinfo", "python3-prometheus-client", "python3-requests")
CONFIGURATION = Path("/etc/virt-agent/config.toml")


def enter(above: Path) -> None:
    """From here on what is written to the directories stays in memory, mounted at `above`; in a namespace of our own."""
    kept = {path: Path(path).read_bytes() for path in KEPT if Path(path).is_file()}
    _mount("tmpfs", above, f"size={SIZE},mode=755")
    for directory in DIRECTORIES:
        upper, work = (above / kind / directory[1:] for kind in ("upper", "work"))
        for made in (upper, work):
            made.mkdir(parents=True)
        shutil.copymode(directory, upper)
        _mount("overlay", Path(directory), f"lowerdir={directory},upperdir={upper},workdir={work}")
    for path, content in kept.items():
        if not Path(path).is_file() or Path(path).read_bytes() != content:
            Path(path).unlink(missing_ok=True)
            Path(path).write_bytes(content)


def _mount(kind: str, where: Path, options: str) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, where], check=True)


def install(tools: Iterable[Tool]) -> None:
    """What is missing of the tools' packages, named before; no service starts."""
    policy = Path("/usr/sbin/policy-rc.d")
    policy.unlink(missing_ok=True)
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    wanted = {*DEPENDS, *(package for tool in tools for package in tool.packages)}
    missing = sorted(package for package in wanted if not version(package))
    if not missing:
        return
    if not _planned(missing):
        _apt("update", "--quiet=2")
    for package in [package for package in missing if not _planned([package])]:
        print(f"examples: no package {package} here; its tool is not proven", file=sys.stderr)
        missing.remove(package)
    print("examples: installs, in memory:", *_planned(missing), flush=True)
    _apt("install", "--yes", "--quiet=2", "--no-install-recommends", *missing)


def _planned(packages: list[str]) -> list[str]:
    """What would be installed for these; nothing where apt does not know them."""
    words = ("apt-get", "--simulate", "install", "--no-install-recommends", *packages)
    told = subprocess.run(words, capture_output=True, text=True, env=clean(), check=False)
    return [line.split()[1] for line in told.stdout.splitlines() if line.startswith("Inst ")]


def _apt(*words: str) -> None:
    quiet = clean({"DEBIAN_FRONTEND": "noninteractive"})
    done = subprocess.run(("apt-get", *words), capture_output=True, text=True, env=quiet, check=False)
    if done.returncode:
        print(f"examples: apt-get {words[0]} failed:\n{done.stderr[-2000:]}", file=sys.stderr)


def version(package: str) -> str:
    """The installed version, "" without one."""
    words = ("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package)
    state, _, number = subprocess.run(words, capture_output=True, text=True, check=False).stdout.partition(" ")
    return number if state == "installed" else ""


def install_virt_agent() -> None:
    """The working tree as a package, installed."""
    subprocess.run(["dpkg", "--install", build()], check=True, stdout=subprocess.DEVNULL, env=clean())


def build() -> Path:
    """A stand-in for the Debian package, with the same files at the same places but without its scripts and manual."""
    if (made := BUILT / "virt-agent.deb").exists():
        return made
    tree = BUILT / "tree"
    for source, target in _files():
        destination = tree / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, destination)
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        "Package: virt-agent\nVersion: 0.1.0~examples\nArchitecture: all\n"
        f"Depends: {', '.join(DEPENDS)}\n"
        "Maintainer: virt-agent <virt-agent@localhost>\nDescription: stand-in for the tests of the examples\n"
    )
    (control / "conffiles").write_text(f"{CONFIGURATION}\n")
    words = ("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return made


def _files() -> Iterator[tuple[Path, str]]:
    yield ROOT / "packaging" / "bin" / "virt-agent", "usr/bin/virt-agent"
    yield ROOT / "agent" / "virt_agent", "usr/share/virt-agent/virt_agent"
    yield ROOT / "collectors" / "virt_collectors", "usr/share/virt-agent/virt_collectors"
    yield ROOT / "packaging" / "config.toml", str(CONFIGURATION)[1:]
    yield ROOT / "packaging" / "sos" / "virt_agent.py", "usr/lib/python3/dist-packages/sos/report/plugins/virt_agent.py"


def put(example: str, where: str, mode: int = 0o644) -> Path:
    """An example at the place that it names."""
    target = Path(where)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES / example, target)
    os.chown(target, 0, 0)
    target.chmod(mode)
    return target
