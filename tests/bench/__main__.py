"""One table of what the agent costs; exit 1 where a stated target is missed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.generate import Guest, write

from . import daemon, exporter, metadata, startup
from .rows import Row, absent, ratio, table
from .run import Sample, cpu_seconds, idle, in_turn, peak_bytes

ROOT = Path(__file__).parents[2]
MEGABYTE = 1 << 20
SCALE_RUNS = 5
SIZES = (
    ("disks", [Guest(disks=count) for count in (64, 256, 1024)]),
    ("nics", [Guest(nics=count) for count in (4, 16, 64)]),
    ("cpus", [Guest(cpus=count) for count in (12, 48, 192)]),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as above:
        staged = stage(Path(above))
        rows = list(measure(staged, Path(above), options.runs))
    missed = [row for row in rows if row.missed]
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [row.plain() for row in rows]}, indent=2))
    else:
        print(f"{machine()}\n\n{table(rows)}\n\n{len(missed)} targets missed")
    return int(bool(missed))


def python() -> str:
    """The interpreter of the packaged command, and of its peer."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def stage(above: Path) -> Path:
    """The tree as the Debian package lays it out, byte-compiled; the path of the command."""
    command = above / "bin" / "virt-agent"
    command.parent.mkdir()
    shutil.copy(ROOT / "packaging" / "bin" / "virt-agent", command)
    for package in ("agent/virt_agent", "collectors/virt_collectors"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, above / "share" / "virt-agent" / Path(package).name, ignore=skipped)
    for interpreter in {python(), sys.executable}:
        subprocess.run([interpreter, "-m", "compileall", "-q", above / "share"], check=True)
    return command


def measure(staged: Path, above: Path, runs: int) -> Iterator[Row]:
    agent = [python(), "-IS", str(staged)]  # as its first line has it
    yield from against_peers(agent, runs)
    check = [*agent, "--check", "--sample", "0"]
    peak = in_turn({"check": check}, min(runs, 5), peak_bytes)["check"]
    yield Row("--check, most memory", Sample(tuple(value / MEGABYTE for value in peak.values)), "MB", target=25)
    serving = [sys.executable, "-I", str(staged)]
    yield from metadata.rows(serving, runs)
    yield from daemon.rows(serving)
    yield from exporter.rows(serving, above, runs)
    for what, guests in SIZES:
        yield from growth(what, guests, agent, above)
    yield from startup.rows(python(), str(above / "share" / "virt-agent"), runs)


def against_peers(agent: list[str], runs: int) -> Iterator[Row]:
    commands = {
        "python3 -I -c pass": [python(), "-I", "-c", "pass"],
        "--detect": [*agent, "--detect"],
        "--check": [*agent, "--check", "--sample", "0"],
    }
    peers = {name: path for name in ("virt-what", "systemd-detect-virt") if (path := installed(name))}
    samples = in_turn({**commands, **{name: [path] for name, path in peers.items()}}, runs)
    for what, against, target in (
        ("--detect", "python3 -I -c pass", 3.0),
        ("--check", "python3 -I -c pass", None),
        ("--check", "virt-what", 1.0),
        ("--detect", "virt-what", None),
        ("--check", "systemd-detect-virt", None),
        ("--detect", "systemd-detect-virt", None),
    ):
        yield ratio(what, against, samples, target) if against in samples else absent(what, against)


def installed(name: str) -> str | None:
    """Where a peer lies; as root it is installed first."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    package = {"systemd-detect-virt": "systemd"}.get(name, name)
    subprocess.run(["apt-get", "install", "--yes", "--quiet=2", package], stdout=subprocess.DEVNULL, check=False)
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


def growth(what: str, guests: list[Guest], agent: list[str], above: Path) -> Iterator[Row]:
    """CPU time and cost of one more device at three sizes; sixteen times the devices cost at most sixteen times as much."""
    counts = [int(getattr(guest, what)) for guest in guests]
    commands = {}
    for count, guest in zip(counts, guests, strict=True):
        root = str(above / f"{what}-{count}")
        write(guest, root)
        commands[str(count)] = [*agent, "--check", "--sample", "0", "--root", root]
    samples = in_turn(commands, SCALE_RUNS, cpu_seconds)
    small, medium, large = (samples[str(count)] for count in counts)
    for less, more, one, other in ((counts[0], counts[1], small, medium), (counts[1], counts[2], medium, large)):
        each = [(b - a) * 1000 / (more - less) for a, b in zip(one.values, other.values, strict=True)]
        yield Row(f"--check, CPU for each of {what} {less} to {more}", Sample(tuple(each)), "ms", mine=other.median)
    over = large.over(small)
    target = counts[-1] / counts[0]
    yield Row(
        f"--check, CPU, {counts[-1]} {what}", over, "x", f"{counts[0]} {what}", large.median, small.median, target
    )


def machine() -> str:
    """What all this was measured on, and with which versions."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    versions = [_version([python(), "--version"]), _version(["virt-what", "--version"])]
    versions.append(_version(["systemd-detect-virt", "--version"]))
    hardware = f"{model.partition(': ')[2] or platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
    return f"{hardware}, load {idle()}; {', '.join(filter(None, versions))}"


def _version(command: list[str]) -> str:
    path = installed(Path(command[0]).name) if "/" not in command[0] else command[0]
    if not path:
        return ""
    said = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False).stdout
    words = " ".join(said.split()[:3])
    name = Path(command[0]).name
    return words if words.lower().startswith(("python", "systemd")) else f"{name} {words}"


if __name__ == "__main__":
    sys.exit(main())
