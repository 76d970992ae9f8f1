"""How much the units may do, by systemd's own measure, beside the unit of Debian's node_exporter.

    python -m tests.hardening            verifies the units and every drop-in, and holds the scores to their limits
    python -m tests.hardening --update   and writes the table of docs/service.md anew

Needs systemd-analyze 250 or newer. Debian's unit is taken from the package prometheus-node-exporter: the installed
one, else the one that apt-get downloads.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
UNITS = ROOT / "systemd"
EXAMPLES = UNITS / "examples"
PAGE = ROOT / "docs" / "service.md"
BEGIN, END = "<!-- scores: python -m tests.hardening --update -->\n", "<!-- end of scores -->\n"
SYSTEM_UNITS = Path("/usr/lib/systemd/system")
THEIRS = "prometheus-node-exporter"
OLDEST = 250  # --offline= and --threshold=
FIRST_WITH_OPEN_FILE = 253
WITH_DROP_IN = 1.5  # of the service, whichever example lies beside it

SERVICE = "virt-agent.service"
LIMITS = {SERVICE: 1.2, "virt-agent-privileged.service": 3.0, "virt-agent-static.service": 3.0}


class Scored(NamedTuple):
    unit: str
    with_drop_in: str
    score: float

    def line(self) -> str:
        name = f"`{self.unit}`" + (f" with `{self.with_drop_in}`" if self.with_drop_in else "")
        return f"| {name} | {self.score:.1f} |\n"


class Wrong(Exception):
    """The message says what is not as it must be, or what is missing."""


def main(arguments: list[str]) -> int:
    try:
        version = systemd_version()
        with tempfile.TemporaryDirectory() as folder:
            root = machine(Path(folder))
            complaints = verified(root, version)
            found = scores(root)
        told = table(found, version)
        print(told)
        complaints += [*too_high(found), *page(told, "--update" in arguments)]
    except Wrong as wrong:
        complaints = [str(wrong)]
    for complaint in complaints:
        print(f"hardening: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def systemd_version() -> int:
    if not shutil.which("systemd-analyze"):
        raise Wrong("systemd-analyze is missing (apt-get install systemd)")
    told = run("systemd-analyze", "--version").stdout
    version = int(re.findall(r"\d+", told)[0])
    if version < OLDEST:
        raise Wrong(f"systemd-analyze is {version}, and needs to be {OLDEST} or newer to judge units that do not run")
    return version


def machine(folder: Path) -> Path:
    """A root with our units, the system's, and programs to start."""
    shutil.copytree(SYSTEM_UNITS, folder / "usr/lib/systemd/system", symlinks=True)
    ours = folder / "etc/systemd/system"
    ours.mkdir(parents=True)
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.timer")):
        shutil.copy(unit, ours)
    (ours / f"{THEIRS}.service").write_text(their_unit())
    for program in ("usr/bin/virt-agent", "bin/kill", f"usr/bin/{THEIRS}"):
        stub = folder / program
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    return folder


def their_unit() -> str:
    for installed in (SYSTEM_UNITS / f"{THEIRS}.service", Path(f"/lib/systemd/system/{THEIRS}.service")):
        if installed.is_file():
            return installed.read_text()
    with tempfile.TemporaryDirectory() as folder:
        run("apt-get", "download", THEIRS, folder=folder)
        for package in Path(folder).glob("*.deb"):
            run("dpkg-deb", "-x", str(package), folder)
        for unit in Path(folder).rglob(f"{THEIRS}.service"):
            return unit.read_text()
    raise Wrong(f"the unit of {THEIRS} cannot be had (apt-get install {THEIRS})")


def verified(root: Path, version: int) -> list[str]:
    """What systemd-analyze verify has to say, of the units and then with each drop-in."""
    names = sorted(unit.name for unit in UNITS.iterdir() if unit.suffix in (".service", ".timer"))
    found = verify(root, names, version)
    for example in sorted(EXAMPLES.glob("*.conf")):
        with DropIn(root, example):
            found += [f"with {example.name}: {line}" for line in verify(root, [SERVICE], version)]
    return found


def verify(root: Path, names: list[str], version: int) -> list[str]:
    done = run("systemd-analyze", "verify", "--man=no", f"--root={root}", *names, may_fail=True)
    lines = unexpected([line.replace(str(root), "") for line in done.stderr.splitlines()], version)
    return lines or ([f"verify ends with {done.returncode}"] if done.returncode else [])


def unexpected(lines: list[str], version: int) -> list[str]:
    """All but the warning of a systemd that has no OpenFile= yet; each version words it in its own way."""
    return [line for line in lines if version >= FIRST_WITH_OPEN_FILE or "'OpenFile'" not in line]


class DropIn:
    """Beside the service for a while."""

    def __init__(self, root: Path, example: Path) -> None:
        self.place = root / f"etc/systemd/system/{SERVICE}.d" / example.name
        self.example = example

    def __enter__(self) -> None:
        self.place.parent.mkdir(exist_ok=True)
        shutil.copy(self.example, self.place)

    def __exit__(self, *_: object) -> None:
        self.place.unlink()


def scores(root: Path) -> list[Scored]:
    found = [Scored(unit, "", score(root, unit)) for unit in LIMITS]
    for example in sorted(EXAMPLES.glob("*.conf")):
        with DropIn(root, example):
            found.append(Scored(SERVICE, example.name, score(root, SERVICE)))
    return [*found, Scored(f"{THEIRS}.service", "", score(root, f"{THEIRS}.service"))]


def score(root: Path, unit: str) -> float:
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={root}", unit)
    told = re.search(r"Overall exposure level for \S+ (\d+\.\d+)", done.stdout)
    if told is None:
        raise Wrong(f"{unit}: no score in what systemd-analyze says: {done.stdout[-200:]!r}")
    return float(told[1])


def too_high(found: list[Scored]) -> list[str]:
    """Ours against their limits; the last is theirs, which has none."""
    return [
        f"{one.unit} {one.with_drop_in} scores {one.score}, and may {limit}"
        for one in found[:-1]
        if one.score > (limit := WITH_DROP_IN if one.with_drop_in else LIMITS[one.unit])
    ]


def table(found: list[Scored], version: int) -> str:
    head = f"Measured by `systemd-analyze security` of systemd {version}; 0 is shut, 10 is open.\n\n"
    return head + "| unit | exposure |\n|---|---|\n" + "".join(one.line() for one in found)


def page(told: str, update: bool) -> list[str]:
    """Whether docs/service.md has the table; another systemd measures a little otherwise, and is not asked."""
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    held, end, after = rest.partition(END)
    if not begin or not end:
        return [f"{PAGE.name} has no place for the table: {BEGIN.strip()} … {END.strip()}"]
    if update:
        PAGE.write_text(f"{before}{BEGIN}{told}{END}{after}")
        return []
    same_systemd = held.partition("\n")[0] == told.partition("\n")[0]
    stale = same_systemd and held != told
    return [f"the table of {PAGE.name} is another; python -m tests.hardening --update"] if stale else []


def run(*command: str, folder: str | None = None, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        raise Wrong(f"{command[0]} is missing") from None
    if done.returncode and not may_fail:
        raise Wrong(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")
    return done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
