"""Pins, audit and docs/dependencies.md: each library is pinned, asked about, and accounted for."""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import re
import runpy
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply import audit, costs

TOP = pathlib.Path(__file__).parents[1]
RENEW: dict[str, Any] = runpy.run_path(str(TOP / "packaging" / "pins.py"))
WANTED: dict[str, list[str]] = RENEW["wanted"](RENEW["tomllib"].loads((TOP / "pyproject.toml").read_text()))
PINS = {path.stem: path.read_text().splitlines() for path in sorted((TOP / "packaging" / "pins").glob("*.txt"))}
LINE = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [a-z_]+ .*)?")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PAGE = (TOP / "docs" / "dependencies.md").read_text()
CONTROL = (TOP / "packaging" / "debian" / "control").read_text()


def world(python: str) -> dict[str, str]:
    """What markers ask about, as that Python on this system would tell it."""
    return {"python_version": python, "python_full_version": f"{python}.1", "extra": ""}


def pinned(python: str, files: Sequence[str] = tuple(PINS)) -> dict[str, str]:
    """The versions by name that hold for a Python; no name has two."""
    found: dict[str, str] = {}
    for line in (line for file in files for line in PINS[file][1:]):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(world(python)):
            version = str(requirement.specifier).removeprefix("==")
            assert found.setdefault(requirement.name, version) == version, line
    return found


def test_there_is_a_file_for_each_purpose() -> None:
    assert set(PINS) == set(WANTED) == set(RENEW["TOLD"])


@pytest.mark.parametrize("file", PINS)
def test_each_line_is_one_exact_version(file: str) -> None:
    head, *lines = PINS[file]
    assert head.startswith("# Written by `make pins`: ")
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert "://" not in "\n".join(PINS[file])


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_that_is_asked_for_is_pinned_for_each_python(python: str) -> None:
    versions = pinned(python)
    for requirement in (Requirement(text) for texts in WANTED.values() for text in texts):
        if requirement.marker is None or requirement.marker.evaluate(world(python)):
            version = versions.get(canonicalize_name(requirement.name), "none")
            assert requirement.specifier.contains(version), f"{requirement}: {version}; run `make pins`"


def test_what_the_tools_pull_in_is_pinned_too() -> None:
    here = ".".join(map(str, sys.version_info[:2]))
    versions = pinned(here, ("libraries", "tools"))
    for name in ("hypothesis", "jsonschema", "pytest", "psutil", "requests"):
        assert set(costs.closure(name)) <= {*versions, "chardet"}, name  # of older requests


def test_tools_hold_for_the_libraries_of_every_release() -> None:
    """`make test-versions` pins libraries itself: the tools' file must name none of them."""
    for path in (TOP / "packaging" / "versions").glob("*.txt"):
        names = [
            Requirement(line.partition("#")[0]).name
            for line in path.read_text().splitlines()
            if line[:1] not in ("", "#")
        ]
        libraries = {str(canonicalize_name(name)) for name in names} - {"hypothesis", "jsonschema", "pytest"}
        assert libraries
        assert not libraries & set(pinned("3.12", ("tools",)))


def test_renewing_passes_on_what_was_resolved_before() -> None:
    asked = []

    def resolve(requirements: Sequence[str], known: Sequence[str]) -> list[str]:
        asked.append((list(requirements), list(known)))
        return [*known, *(f"{each}==1" for each in requirements), "colorama==1 ; sys_platform == 'win32'"]

    found = RENEW["pinned"]({"libraries": ["a"], "tools": ["b"], "slow": ["c", "d"]}, resolve)
    assert found == {"libraries": ["a==1"], "tools": ["b==1"], "slow": ["c==1", "d==1"]}
    assert asked == [(["a"], []), (["b"], ["a==1"]), (["c", "d"], ["a==1", "b==1"])]


def test_every_extra_has_its_file() -> None:
    project = {
        "build-system": {"requires": ["s"]},
        "project": {
            "dependencies": ["a"],
            "optional-dependencies": {"web": ["w"], "dev": ["d"], "x": ["x1"], "y": ["y1"]},
        },
    }
    assert RENEW["wanted"](project) == {"libraries": ["a", "w"], "tools": ["s", "d"], "slow": ["x1", "y1"]}


# the audit


def told(*packages: tuple[str, str, list[str]], skipped: Sequence[str] = ()) -> str:
    """pip-audit's JSON."""
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "version": version,
            "vulns": [{"id": each, "fix_versions": ["9"], "aliases": []} for each in ids],
        }
        for name, version, ids in packages
    ]
    return json.dumps(
        {"dependencies": [*found, *({"name": name, "skip_reason": "404"} for name in skipped)], "fixes": []}
    )


def test_what_pip_audit_says() -> None:
    assert audit.vulnerabilities(told(("a", "1", []))) == []
    assert audit.vulnerabilities(told(("a", "1", ["CVE-1", "PYSEC-2"]))) == [
        "    a 1: CVE-1, repaired in 9", "    a 1: PYSEC-2, repaired in 9"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (told(("a", "1", []), skipped=["b"]), "knows nothing of b"),
        (told(skipped="abcdefg"), r"knows nothing of a, b, c, d, e \.\.\."),
        ("", "did not answer in its form"),
        ("[]", "did not answer in its form"),
        ('{"dependencies": [{}, {"vulns": [{}]}]}', "did not answer in its form"),
    ],
)
def test_an_answer_that_says_nothing_is_no_health(answer: str, why: str) -> None:
    with pytest.raises(audit.Unreachable, match=why):
        audit.vulnerabilities(answer)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["dependencies", "name", "version", "vulns", "id", "fix_versions"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_answer_is_lines_or_unreachable(answer: object) -> None:
    try:
        lines = audit.vulnerabilities(json.dumps(answer))
    except audit.Unreachable:
        return
    assert all(line.startswith("    ") for line in lines)


def test_every_version_of_every_pin_is_asked_about_once() -> None:
    pins = "# words\na==1 ; python_version < '3.11'\na==2 ; python_version >= '3.11'\nb==3\na==4\n"
    assert list(audit.rounds(pins)) == [["a==1", "b==3"], ["a==2"], ["a==4"]]
    for lines in PINS.values():
        asked = [version for versions in audit.rounds("\n".join(lines)) for version in versions]
        assert sorted(asked) == sorted(line.partition(" ;")[0] for line in lines[1:])


def service(known: str = audit.KNOWN, ill: str = "") -> Any:
    """One that knows of one old vulnerability, and of one of ours perhaps."""

    def ask(versions: Sequence[str], _service: Sequence[str]) -> str:
        names = ((version, *version.split("==")) for version in versions)
        return told(*((name, number, ["CVE-1"] if each in (known, ill) else []) for each, name, number in names))

    return ask


def test_a_service_that_answers() -> None:
    found = audit.of_files([], service())
    assert {name: lines for name, (_, lines) in found.items()} == dict.fromkeys(PINS, ())
    assert found["tools"].versions == len(PINS["tools"]) - 1
    (ill,) = [line for line in PINS["libraries"] if line.startswith("requests==")]
    assert len(audit.of_files([], service(ill=ill))["libraries"].lines) == 1


def test_a_service_that_does_not_know_an_old_vulnerability_is_not_believed() -> None:
    with pytest.raises(audit.Unreachable, match="is not believed"):
        audit.of_files([], service(known=""))


# the page


def test_each_library_is_accounted_for() -> None:
    rows = {row[0]: row for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)}
    part = PAGE.partition("## The libraries")[2].partition("\n### ")[0]
    asked = {canonicalize_name(Requirement(text).name) for text in WANTED["libraries"]}
    for name in asked:
        assert name in part.lower(), name
    for name, module in re.findall(r"^\| ([^|]+) \|.*?\]\(\.\./([^)]+)\)", part, re.MULTILINE):
        source = (TOP / module).read_text()
        words = re.split(r", or |, ", name)
        assert any(
            re.search(rf"(?:import|from|load\(|CDLL\()\W*{IMPORTED.get(word, word)}", source) for word in words
        ), name
    assert len(rows) >= len(asked)


IMPORTED = {"py-cpuinfo": "cpuinfo", "prometheus-client": "prometheus_client", "PyYAML": "yaml"}


def test_each_relation_of_the_debian_package_is_explained() -> None:
    table = PAGE.partition("## The Debian package")[2].partition("\n\n##")[0]
    fields = re.sub(r"\n[ \t]+", " ", CONTROL.partition("\nPackage: ")[2])
    for field in ("Depends", "Recommends", "Suggests", "Enhances"):
        (value,) = re.findall(rf"^{field}: (.*)$", fields, re.MULTILINE)
        rows = [line for line in table.splitlines() if f"| {field} |" in line]
        for name in re.findall(r"[a-z][a-z0-9+.-]+", re.sub(r"\$\{.*?\}|\(.*?\)", "", value)):
            assert any(name in row for row in rows), f"{field}: {name}"


def test_each_tool_is_accounted_for() -> None:
    table = PAGE.partition("| tool | for | licence |")[2]
    for requirement in (Requirement(text) for name in ("tools", "slow") for text in WANTED[name]):
        assert requirement.name in table, requirement.name


def test_the_costs_are_those_of_every_library() -> None:
    table = PAGE.partition(costs.BEGIN)[2].partition(costs.END)[0]
    assert [library.name for library in costs.LIBRARIES if library.name not in table] == []


def test_the_table_is_written_between_its_marks(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{costs.BEGIN}\nold\n{costs.END}\nafter\n")
    costs.write("new", page)
    assert page.read_text() == f"before\n{costs.BEGIN}\n\nnew\n\n{costs.END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match=r"page\.md lacks"):
        costs.write("new", page)


def test_sizes_and_what_comes_along_are_those_of_the_installed_files() -> None:
    assert costs.closure("requests")[0] == "requests"
    assert {"urllib3", "certifi", "idna"} <= set(costs.closure("requests"))
    assert costs.closure("psutil") == ["psutil"]
    source = importlib.metadata.files("psutil") or []
    (init,) = [file for file in source if str(file) == "psutil/__init__.py"]
    assert costs.size("psutil") > pathlib.Path(str(init.locate())).stat().st_size
