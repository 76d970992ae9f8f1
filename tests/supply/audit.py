"""Known vulnerabilities in what users install and in what this is developed with, by pip-audit.

It asks PyPI and, where that does not tell, OSV; words behind `audit` go to pip-audit instead, for another service
(--vulnerability-service osv --osv-url URL). An index that mirrors files alone answers 404, for which pip-audit says that
nothing is known: so a service is believed only where it knows of an old vulnerability, and knows each package.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PINS = Path(__file__).parents[2] / "packaging" / "pins"
SERVICES = (["--vulnerability-service", "pypi"], ["--vulnerability-service", "osv"])
KNOWN = "requests==2.19.1"  # CVE-2018-18074
SECONDS = 15  # for an answer
NONE_KNOWN, SOME_KNOWN, NOT_ASKED = range(3)


class Unreachable(Exception):
    """Nothing was told of the packages; the message says why."""


class Found(NamedTuple):
    """Of one file: how many versions were looked at, and a line for each vulnerability."""

    versions: int
    lines: tuple[str, ...]


Ask = Callable[[Sequence[str], Sequence[str]], str]


def main(words: list[str]) -> int:
    for service in [words] if words else SERVICES:
        try:
            found = of_files(service, pip_audit)
        except Unreachable as error:
            print(f"audit: {' '.join(service)}: {error}", file=sys.stderr)
            continue
        for name, (versions, lines) in found.items():
            print("\n".join([f"{name}: {versions} versions, {len(lines)} known vulnerabilities", *lines]))
        return SOME_KNOWN if any(lines for _, lines in found.values()) else NONE_KNOWN
    print("audit: nobody could be asked; whether a vulnerability is known is open", file=sys.stderr)
    return NOT_ASKED


def of_files(service: Sequence[str], ask: Ask) -> dict[str, Found]:
    """What a service knows of each file's pins, once it has shown that it knows anything."""
    if not vulnerabilities(ask([KNOWN], service)):
        raise Unreachable(f"knows of nothing wrong with {KNOWN}, so it is not believed")
    found = {}
    for path in sorted(PINS.glob("*.txt")):
        asked = list(rounds(path.read_text()))
        lines = [line for versions in asked for line in vulnerabilities(ask(versions, service))]
        found[path.stem] = Found(sum(map(len, asked)), tuple(lines))
    return found


def rounds(pins: str) -> Iterator[list[str]]:
    """The pins without their markers, for all Pythons are meant; a package with two versions comes in two rounds."""
    left = [line.partition(";")[0].strip() for line in pins.splitlines() if "==" in line]
    while left:
        chosen: dict[str, str] = {}
        for version in left:
            chosen.setdefault(version.partition("==")[0], version)
        left = [version for version in left if version not in chosen.values()]
        yield list(chosen.values())


def vulnerabilities(told: str) -> list[str]:
    """A line for each in pip-audit's JSON; Unreachable where it is none, or where packages were passed over."""
    try:
        packages = json.loads(told)["dependencies"]
        unknown = [package["name"] for package in packages if "skip_reason" in package]
        lines = [_line(package, each) for package in packages for each in package.get("vulns", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreachable("pip-audit did not answer in its form") from None
    if unknown:
        raise Unreachable(f"knows nothing of {', '.join(unknown[:5])}{' ...' if unknown[5:] else ''}")
    return lines


def _line(package: dict[str, str], vulnerability: dict[str, list[str]]) -> str:
    repaired = ", ".join(vulnerability.get("fix_versions", ())) or "no version"
    return f"    {package['name']} {package['version']}: {vulnerability['id']}, repaired in {repaired}"


def pip_audit(versions: Sequence[str], service: Sequence[str]) -> str:
    """What it says of these versions, in JSON."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(versions))
        requirements.flush()
        words = ("--requirement", requirements.name, "--no-deps", "--disable-pip", "--format", "json")
        quietly = ("--progress-spinner", "off", "--timeout", str(SECONDS))
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *words, *quietly, *service],
            capture_output=True,
            text=True,
            check=False,
        )
    if not done.stdout.strip():
        raise Unreachable(_reason(done.stderr))
    return done.stdout


def _reason(said: str) -> str:
    """The last line of an error, without where in Python's memory it happened."""
    last = ([line for line in said.splitlines() if line.strip()] or ["pip-audit said nothing"])[-1]
    return re.sub(r" at 0x[0-9a-f]+", "", last)[:300]
