"""The two packages that the machine gets: the tree's own, and one that passes for its predecessor."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
PREVIOUS = "0.0.9~previous"
ENTRY = """\
virt-agent ({version}) unstable; urgency=medium

  * A version to upgrade from.

 -- virt-agent developers <virt-agent@example.org>  Thu, 01 Jan 2026 12:00:00 +0000
"""
OLDER_LINE = "# A line that the next version no longer has.\n"


def build(tree: Path, into: Path) -> dict[str, Path]:
    """Both packages, by the name that they get in the machine."""
    return {"previous.deb": _built(older(tree, into / "tree"), into / "0"), "current.deb": _built(tree, into / "1")}


def older(tree: Path, copy: Path) -> Path:
    """The same program under a lower version, and with another configuration file, so that the upgrade meets both."""
    runpy.run_path(str(tree / "packaging/build.py"))["copy"](tree, copy)
    changelog = copy / "packaging/debian/changelog"
    changelog.write_text(ENTRY.format(version=PREVIOUS))
    configuration = copy / "packaging/config.toml"
    configuration.write_text(configuration.read_text() + OLDER_LINE)
    return copy


def _built(tree: Path, into: Path) -> Path:
    command = [sys.executable, str(tree / "packaging/build.py"), "deb", str(into)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
    (package,) = into.glob("*.deb")
    return package
