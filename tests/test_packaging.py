"""What the packages say of themselves agrees with the tree; their maintainer scripts keep to what is ours."""

from __future__ import annotations

import os
import pathlib
import re
import runpy
import stat
import subprocess
from fnmatch import fnmatch
from itertools import pairwise
from typing import Any

import pytest

from virt_agent import __version__
from virt_agent.serve.web import document, settings

TOP = pathlib.Path(__file__).parents[1]
DEBIAN = TOP / "packaging" / "debian"
PROJECT = (TOP / "pyproject.toml").read_text()
VERSIONS = sorted((TOP / "packaging" / "versions").glob("*.txt"))
LIBRARIES = ("prometheus-client", "psutil", "py-cpuinfo", "requests")
BUILD: dict[str, Any] = runpy.run_path(str(TOP / "packaging" / "build.py"))


def pins(path: pathlib.Path) -> dict[str, tuple[int, ...]]:
    lines = [line.partition("==") for line in path.read_text().splitlines() if "==" in line]
    return {name: tuple(map(int, version.split("."))) for name, _, version in lines}


def test_one_version() -> None:
    first = (DEBIAN / "changelog").read_text().split("\n")[0]
    assert first.startswith(f"virt-agent ({__version__}) ")
    assert f'\nversion = "{__version__}"\n' in PROJECT


def test_debian_is_packaging_debian() -> None:
    assert (TOP / "debian").is_symlink()
    assert (TOP / "debian").resolve() == DEBIAN


def test_debhelper_finds_every_unit() -> None:
    units = {path.name for path in (TOP / "systemd").iterdir() if path.suffix in {".service", ".timer"}}
    links = {path.resolve().name for path in DEBIAN.glob("virt-agent.*") if path.is_symlink()}
    assert links == units | {"virt-agent.sysusers"}
    rules = (DEBIAN / "rules").read_text()
    assert {re.sub(r"\.\w+$", "", unit) for unit in units} == set(re.findall(r"dh_installsystemd --name=(\S+)", rules))


@pytest.mark.parametrize("list_", ["install", "docs", "examples", "manpages"])
def test_what_is_installed_is_there(list_: str) -> None:
    sources = [line.split()[0] for line in (DEBIAN / f"virt-agent.{list_}").read_text().splitlines()]
    assert sources
    for source in sources:
        # debian/made is what the build writes; tests/packages sees that it comes out
        assert source.startswith("debian/made/") or list(TOP.glob(source)), source


def test_the_web_example_is_understood() -> None:
    path = TOP / "packaging" / "examples" / "web.yml"
    web = settings.Reader(str(path)).web(document.parse(str(path), path.read_text()))
    assert web.tls is not None
    assert web.tls.certificate.path == str(path.with_name("web.crt"))
    assert web.users == {}, "a password that everybody knows"


def test_every_dependency_of_the_wheel_is_one_of_the_package() -> None:
    listed = re.findall(r'"([a-z-]+)>=[^"]*"', PROJECT.partition("\ndependencies = [")[2].partition("\n]")[0])
    depends = (DEBIAN / "control").read_text().partition("\nDepends:")[2].partition("\nRecommends:")[0]
    assert sorted(listed) == sorted([*LIBRARIES, "tomli"])
    for name in listed:
        assert f"python3-{name.removeprefix('py-')}" in re.split(r"[\s,]+", depends), name


def test_the_wheel_has_every_file_of_both_packages() -> None:
    table = PROJECT.partition("[tool.setuptools.package-data]\n")[2].partition("\n\n")[0]
    patterns = {line.split(" = ")[0]: re.findall(r'"([^"]+)"', line) for line in table.splitlines()}
    for package in ("agent/virt_agent", "collectors/virt_collectors"):
        files = [path for path in (TOP / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        for path in files:
            inside = str(path.relative_to(TOP / package))
            shipped = any(fnmatch(inside, pattern) for pattern in patterns[(TOP / package).name])
            assert path.suffix == ".py" or shipped, f"{inside} is not in package-data"


def test_the_lowest_versions_are_those_that_are_tested() -> None:
    lowest = pins(TOP / "packaging" / "versions" / "ubuntu-22.04.txt")
    for name in LIBRARIES:
        assert f'"{name}>={".".join(map(str, lowest[name]))}"' in PROJECT


def test_each_set_names_the_four_libraries_and_goes_up() -> None:
    sets = [pins(path) for path in VERSIONS]
    assert [path.stem for path in VERSIONS] == ["ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"]
    for older, newer in pairwise(sets):
        assert all(older[name] <= newer[name] for name in LIBRARIES)


SCRIPTS = ("prerm", "postrm")


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> pathlib.Path:
    """A root with what an installation leaves, and stubs of the programs that the scripts call."""
    for path in ("run/private/virt-agent", "run/systemd/system", "etc/virt-agent", "etc/other", "bin"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "run" / "virt-agent").symlink_to("private/virt-agent")
    (tmp_path / "run" / "private" / "virt-agent" / "static.json").touch()
    (tmp_path / "etc" / "virt-agent" / "web.yml").touch()
    for program in ("groupdel", "getent", "deb-systemd-invoke"):
        stub = tmp_path / "bin" / program
        stub.write_text(f'#!/bin/sh\necho {program} "$@" >>{tmp_path}/called\n')
        stub.chmod(0o755)
    return tmp_path


def run_script(name: str, machine: pathlib.Path, *words: str) -> str:
    """A maintainer script with its paths moved below another root; the calls of the stubs."""
    text = (DEBIAN / f"virt-agent.{name}").read_text()
    assert "#DEBHELPER#" in text
    moved = re.sub(r"(?<![\w.!/])/(run|etc)/", rf"{machine}/\1/", text)
    assert not re.search(r"rm -rf (?:\S+ )*/(?:run|etc)/", moved), "a path was not moved: this would be the real one"
    path = f"{machine}/bin:{os.defpath}"
    subprocess.run(["/bin/sh", "-c", moved, name, *words], env={"PATH": path}, cwd=machine, check=True)
    called = machine / "called"
    return called.read_text() if called.exists() else ""


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("action", "runtime", "configuration", "called"),
    [
        ("upgrade", True, True, ""),
        ("failed-upgrade", True, True, ""),
        ("abort-install", True, True, ""),
        ("remove", False, True, ""),
        ("purge", False, False, "getent group virt-agent-facts\ngroupdel virt-agent-facts\n"),
    ],
)
def test_what_postrm_takes_away(
    machine: pathlib.Path, action: str, runtime: bool, configuration: bool, called: str
) -> None:
    assert run_script("postrm", machine, action, "1.0") == called
    assert (machine / "run" / "virt-agent").is_symlink() == runtime
    assert (machine / "run" / "private" / "virt-agent" / "static.json").exists() == runtime
    assert (machine / "etc" / "virt-agent" / "web.yml").exists() == configuration
    assert (machine / "etc" / "other").exists()


@pytest.mark.subprocess
def test_purge_goes_through_where_the_group_is_somebodys_first(
    machine: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (machine / "bin" / "groupdel").write_text("#!/bin/sh\nexit 8\n")
    run_script("postrm", machine, "purge")
    assert capfd.readouterr().err == "virt-agent: the group virt-agent-facts stays\n"


@pytest.mark.subprocess
def test_purge_of_what_is_gone_already(machine: pathlib.Path) -> None:
    for _ in range(2):
        run_script("postrm", machine, "purge")
    assert not (machine / "etc" / "virt-agent").exists()


@pytest.mark.subprocess
@pytest.mark.parametrize(("action", "stopped"), [("remove", True), ("upgrade", False), ("deconfigure", False)])
def test_prerm_stops_the_privileged_units_where_systemd_runs(machine: pathlib.Path, action: str, stopped: bool) -> None:
    expected = "deb-systemd-invoke stop virt-agent-privileged.timer virt-agent-privileged.service\n"
    assert run_script("prerm", machine, action) == (expected if stopped else "")
    (machine / "called").unlink(missing_ok=True)
    (machine / "run" / "systemd" / "system").rmdir()
    assert run_script("prerm", machine, action) == ""


def test_the_copy_that_is_built_has_one_date_and_plain_modes(tmp_path: pathlib.Path) -> None:
    tree = BUILD["copy"](TOP, tmp_path / "tree")
    date = BUILD["source_date"](TOP)
    seen = set()
    for path in tree.rglob("*"):
        assert path.lstat().st_mtime == date, path
        assert "__pycache__" not in path.parts
        if not path.is_symlink():
            seen.add(stat.S_IMODE(path.stat().st_mode))
    assert seen == {0o644, 0o755}
    assert (tree / "debian" / "rules").stat().st_mode & 0o100
    assert (tree / "debian" / "virt-agent.service").read_text() == (TOP / "systemd/virt-agent.service").read_text()


def test_the_date_of_a_build_is_the_changelogs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert BUILD["dated"](TOP)["SOURCE_DATE_EPOCH"] == str(BUILD["source_date"](TOP))


def test_make_does_something_for_every_target_that_it_knows() -> None:
    makefile = (TOP / "Makefile").read_text()
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert [name for name in targets.split() if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("words", [[], ["rpm"], ["deb", "a", "b"], ["--help"]])
def test_the_build_names_its_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert BUILD["main"](words) == 2
    assert capsys.readouterr().err == "packaging/build.py deb|wheel [DIRECTORY]\n"


def test_a_changelog_without_date_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "packaging" / "debian").mkdir(parents=True)
    (tmp_path / "packaging" / "debian" / "changelog").write_text("virt-agent (1) unstable; urgency=low\n")
    with pytest.raises(ValueError, match="packaging/debian/changelog: no line with a date"):
        BUILD["source_date"](tmp_path)
