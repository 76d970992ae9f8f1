"""The Debian package as a file: how it is built, what is in it, what lintian says."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sys
from functools import cache
from pathlib import Path

from .outcome import TOP, Wrong, need, run, same

BUILD = "packaging/build.py"
LINTIAN = ("lintian", "--display-info", "--pedantic", "--allow-root", "--fail-on", "error,warning")
# Tags below warning that stay, and why. No overrides in the package: a lintian that lost a tag calls its override alien.
EXPLAINED = {
    "missing-prerequisite-for-pyproject-backend": "pyproject.toml is for the wheel, Debian's modules are private",
    "out-of-date-standards-version": "newer ones are not known where the oldest release builds it",
    "package-supports-alternative-init-but-no-init.d-script": "without systemd the command and the textfile do",
}
PRIVATE = "./usr/share/virt-agent/"
EXPECTED = (
    "./etc/virt-agent/config.toml",
    "./usr/bin/virt-agent",
    "./usr/lib/python3/dist-packages/sos/report/plugins/virt_agent.py",
    "./usr/share/bash-completion/completions/virt-agent",
    "./usr/share/doc/virt-agent/CHANGELOG.md",
    "./usr/share/doc/virt-agent/README.md",
    "./usr/share/doc/virt-agent/SECURITY.md",
    "./usr/share/doc/virt-agent/changelog.gz",
    "./usr/share/doc/virt-agent/copyright",
    "./usr/share/doc/virt-agent/examples/web.yml",
    "./usr/share/doc/virt-agent/virt-agent.cdx.json",
    "./usr/share/man/man1/virt-agent.1.gz",
    "./usr/share/man/man5/virt-agent.toml.5.gz",
    "./usr/share/man/man7/virt-agent-metrics.7.gz",
    "./usr/share/man/man7/virt-agent-rules.7.gz",
    "./usr/share/zsh/vendor-completions/_virt-agent",
)


@cache
def frozen(above: Path) -> Path:
    """The tree as the build takes it, copied once: all of the checks are about the same."""
    tree = above / "frozen"
    copy(TOP, tree)
    return tree


def copy(top: Path, tree: Path) -> None:
    runpy.run_path(str(TOP / BUILD))["copy"](top, tree)


@cache
def built(above: Path) -> Path:
    """The package, built once."""
    run(sys.executable, frozen(above) / BUILD, "deb", above / "dist")
    (package,) = (above / "dist").glob("*.deb")
    return package


def build(above: Path) -> str:
    package = built(above)
    return f"{package.name}, {package.stat().st_size} bytes"


def lintian(above: Path) -> str:
    """Of the package and of its source."""
    need("lintian", "lintian")
    source = above / "source" / "virt-agent"
    source.parent.mkdir()
    copy(frozen(above), source)
    # in place of the link, which lintian does not follow
    (source / "debian").unlink()
    shutil.copytree(source / "packaging" / "debian", source / "debian")
    shutil.rmtree(source / "packaging" / "debian")
    run("dpkg-source", "--build", source.name, directory=source.parent)
    (description,) = source.parent.glob("*.dsc")
    said = (run(*LINTIAN, built(above)) + run(*LINTIAN, description)).splitlines()
    # "I: virt-agent source: TAG what [where]"
    tags = {re.sub(r"^\w: virt-agent(?: source)?: (\S+).*", r"\1", line) for line in said}
    if tags - set(EXPLAINED):
        raise Wrong("\n    ".join(said))
    left = "; ".join(f"{tag} ({EXPLAINED[tag]})" for tag in sorted(tags))
    return f"{run('lintian', '--version').splitlines()[0].strip()}, beside {left or 'nothing'}"


def reproducible(above: Path) -> str:
    """Elsewhere, at another time, with another umask, time zone and language."""
    elsewhere = above / "elsewhere-and-deeper" / "still"
    elsewhere.mkdir(parents=True)
    before = os.umask(0o077)
    try:
        run(
            sys.executable,
            frozen(above) / BUILD,
            "deb",
            above / "again",
            TMPDIR=str(elsewhere),
            TZ="Asia/Kathmandu",
            LC_ALL="C",
            SOURCE_DATE_EPOCH="1000000000",
        )
    finally:
        os.umask(before)
    same(built(above), above / "again" / built(above).name)
    return "the same bytes from another directory, umask, time zone, language"


def contents(above: Path) -> str:
    """Nothing missing, nothing that does not belong."""
    listed = run("dpkg-deb", "--contents", built(above)).splitlines()
    owned = modules(frozen(above))
    modes = {line.split()[5]: line.split()[0] for line in listed}
    owners = {line.split()[1] for line in listed}
    missing = [path for path in (*EXPECTED, *owned) if path not in modes]
    # /lib/systemd/system before Debian 13, /usr/lib/systemd/system since
    missing += [
        unit for unit in units(frozen(above)) if not any(path.endswith(f"/lib/systemd/system/{unit}") for path in modes)
    ]
    strange = [path for path in modes if path.startswith(PRIVATE) and not path.endswith("/")]
    strange = [path for path in strange if path not in owned]
    loose = [path for path, mode in modes.items() if mode[5] == "w" or mode[8] == "w"]
    if missing or strange or loose or owners != {"root/root"}:
        raise Wrong(f"missing {missing}, too many {strange}, writable {loose}, owners {owners}")
    conffiles = run("dpkg-deb", "--info", built(above), "conffiles").split()
    if conffiles != ["/etc/virt-agent/config.toml"]:
        raise Wrong(f"conffiles are {conffiles}")
    return f"{len(modes)} paths, {len(owned)} of them modules and their data"


def modules(tree: Path) -> set[str]:
    """What the tree's two packages hold, where the Debian package has it."""
    found = set()
    for package in ("agent/virt_agent", "collectors/virt_collectors"):
        for path in (tree / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found.add(f"{PRIVATE}{path.relative_to(tree / package.partition('/')[0])}")
    return found


def units(tree: Path) -> list[str]:
    return [path.name for path in (tree / "systemd").iterdir() if path.suffix in {".service", ".timer"}]


CHECKS = {
    "deb: builds": build,
    "deb: contents": contents,
    "deb: lintian": lintian,
    "deb: reproducible": reproducible,
}
