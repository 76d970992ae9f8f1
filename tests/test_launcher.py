"""The packaged command, started as its first line says, from a directory of its own."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

from tests import corpus

ROOT = corpus.HERE.parent


@pytest.fixture
def command(tmp_path: pathlib.Path) -> pathlib.Path:
    """The command beside its private directory, as the Debian package has them."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "share" / "virt-agent").mkdir(parents=True)
    for package in ("agent/virt_agent", "collectors/virt_collectors"):
        (tmp_path / "share" / "virt-agent" / pathlib.Path(package).name).symlink_to(ROOT / package)
    made: str = shutil.copy(str(ROOT / "packaging" / "bin" / "virt-agent"), str(tmp_path / "bin" / "virt-agent"))
    return pathlib.Path(made)


@pytest.mark.subprocess
def test_a_check_needs_nothing_that_is_installed_beside_python(command: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first, options = command.read_text().splitlines()[0].split(" ")
    assert first == "#!/usr/bin/python3"
    (tmp_path / "virt_agent.py").write_text("raise SystemExit('a stranger was imported')")
    words = [sys.executable, options, str(command), "--check", "--root", corpus.archive("pvhvm")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VIRT-AGENT OK: Xen PVHVM guest, nothing wrong\n")


@pytest.mark.subprocess
def test_libraries_come_from_the_distribution_and_after_our_own(command: pathlib.Path) -> None:
    told = command.read_text().replace("from virt_agent.__main__ import run\n\nrun()", "print(*sys.path, sep='\\n')")
    command.write_text(told)
    paths = subprocess.run([sys.executable, "-IS", command], capture_output=True, text=True, check=True).stdout.split()
    assert pathlib.Path(paths[0]).resolve() == (command.parent.parent / "share" / "virt-agent").resolve()
    assert paths[-1] == "/usr/lib/python3/dist-packages"
    assert not any("site-packages" in path for path in paths)
