#!/usr/bin/env python3
"""`packaging/build.py deb|wheel [DIRECTORY]`: build the Debian package or the wheel, into dist/ or DIRECTORY.

It builds in a copy, so that the tree stays as it is, dates everything by Debian's changelog, and needs neither git
nor root. The wheel's build fetches setuptools from the package index; the Debian package's fetches nothing.
"""

from __future__ import annotations

import email.utils
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

TOP = Path(__file__).resolve().parents[1]
# What a package is made of, the tests apart.
PARTS = ("agent", "collectors", "debian", "docs", "packaging", "systemd")
PAGES = ("CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "pyproject.toml")
LEFT_BEHIND = ("__pycache__", "*.egg-info", ".mypy_cache", ".ruff_cache")
TOOLS = ("debhelper", "dh-python", "dpkg-dev", "python3")


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in BUILDS or len(arguments) > 2:
        print("packaging/build.py deb|wheel [DIRECTORY]", file=sys.stderr)
        return 2
    target = Path(arguments[1] if len(arguments) == 2 else TOP / "dist").resolve()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="virt-agent-build.") as above:
        tree = copy(TOP, Path(above) / "virt-agent")
        try:
            built = BUILDS[arguments[0]](tree, target)
        except subprocess.CalledProcessError as error:
            print(f"packaging/build.py: {error.cmd[0]} failed with code {error.returncode}", file=sys.stderr)
            return 1
    print(built)
    return 0


def copy(top: Path, tree: Path) -> Path:
    """What the packages are made of, dated by the changelog, with modes that owe nothing to anybody's umask."""
    tree.mkdir()
    for part in PARTS:
        ignored = shutil.ignore_patterns(*LEFT_BEHIND)
        if (top / part).is_symlink():
            (tree / part).symlink_to(os.readlink(top / part))
        elif (top / part).exists():
            shutil.copytree(top / part, tree / part, symlinks=True, ignore=ignored)
    for page in PAGES:
        shutil.copy(top / page, tree / page)
    time = source_date(tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (time, time), follow_symlinks=False)
    return tree


def source_date(tree: Path) -> int:
    """Seconds since 1970 of the changelog's newest entry: its first line that begins with " -- "."""
    for line in (tree / "packaging" / "debian" / "changelog").read_text().splitlines():
        if line.startswith(" -- "):
            return int(email.utils.parsedate_to_datetime(line.partition(">  ")[2]).timestamp())
    raise ValueError("packaging/debian/changelog: no line with a date, ' -- NAME <ADDRESS>  DATE'")


def dated(tree: Path) -> dict[str, str]:
    """The builder's environment with the changelog's date, whatever date was there (dpkg-buildpackage would keep it)."""
    return {**os.environ, "SOURCE_DATE_EPOCH": str(source_date(tree))}


def deb(tree: Path, target: Path) -> Path:
    install_tools()
    # Debian's python3 and tools, whatever else is first in the builder's PATH
    path = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"
    # -d: no compiler is needed, so build-essential need not be there
    run("dpkg-buildpackage", "-b", "-us", "-uc", "-d", directory=tree, environment={**dated(tree), "PATH": path})
    return delivered(tree.parent.glob("virt-agent_*_all.deb"), target)


def wheel(tree: Path, target: Path) -> Path:
    # umask(2): the wheel keeps the modes of what setuptools copies
    os.umask(0o022)
    words = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir", "--wheel-dir", str(tree.parent), ".")
    # One setuptools for all builds, for its version is in the wheel: older pips know it by the first, newer by the second.
    pinned = dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), "packaging/pins/tools.txt")
    run(sys.executable, *words, directory=tree, environment={**dated(tree), **pinned})
    (built,) = tree.parent.glob("virt_agent-*.whl")
    run(sys.executable, "packaging/sbom.py", "wheel", str(built), directory=tree, environment=dated(tree))
    return delivered([built], target)


def install_tools() -> None:
    """Debian's build tools; by apt where root runs this, else the command that would."""
    missing = [tool for tool in TOOLS if not installed(tool)]
    if not missing:
        return
    words = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            f"Debian's build tools are missing. Run this once, then again what you ran:\n    sudo {' '.join(words)}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet=2"], env=environment, check=False)  # noqa: S607  of the builder's PATH
    run(*words, directory=TOP, environment=environment)


def installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        sys.exit("packaging/build.py: there is no dpkg here; the Debian package is built on Debian or Ubuntu")
    asked = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
    return done.stdout == "installed"


def run(*words: str, directory: Path, environment: dict[str, str]) -> None:
    subprocess.run(words, cwd=directory, env=environment, stdout=sys.stderr, check=True)  # noqa: S603  fixed words


def delivered(built: Iterable[Path], target: Path) -> Path:
    (package,) = built
    return Path(shutil.copy(package, target))


BUILDS = {"deb": deb, "wheel": wheel}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
