"""The bills of materials: what the packages ask for, the same bytes each time, and the wheel whole around its own."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import pathlib
import re
import runpy
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virt_agent import __version__

TOP = pathlib.Path(__file__).parents[1]
DEBIAN = TOP / "packaging" / "debian"
MADE: dict[str, Any] = runpy.run_path(str(TOP / "packaging" / "sbom.py"))
Needed = MADE["Needed"]
METADATA = f"""Metadata-Version: 2.4
Name: virt-agent
Version: {__version__}
Requires-Dist: psutil>=5.9.0
Requires-Dist: prometheus_client>=0.9.0
Requires-Dist: tomli>=1.2.2; python_version < "3.11"
Requires-Dist: pytest>=7.4; extra == "dev"
Requires-Dist: PyYAML; extra == "dev"
Requires-Dist: moto[server]; extra == 'foreign'
Requires-Dist: PyYAML>=5.4.1; extra == "web"

# virt-agent

Requires-Dist: no header, but the readme
"""


def components(made: str) -> dict[str, str]:
    """Scope by name."""
    return {component["name"]: component["scope"] for component in json.loads(made)["components"]}


def test_what_the_debian_package_asks_for() -> None:
    assert components(MADE["of_deb"](DEBIAN)) == {
        "liblz4-1": "optional",
        "libzstd1": "optional",
        "python3": "required",
        "python3-cpuinfo": "required",
        "python3-prometheus-client": "required",
        "python3-psutil": "required",
        "python3-requests": "required",
        "python3-tomli": "required",
        "python3-yaml": "optional",
    }


def test_what_the_wheel_asks_for_without_what_developers_do() -> None:
    expected = {"prometheus-client": "required", "psutil": "required", "pyyaml": "optional", "tomli": "required"}
    assert components(MADE["of_wheel"](METADATA)) == expected


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ("Depends: a", [("a", "required", "Depends: a")]),
        ("Depends: a (>= 1),\n         b | c (>= 2)", [
            ("a", "required", "Depends: a (>= 1)"), ("b", "required", "Depends: b | c (>= 2)"),
            ("c", "required", "Depends: b | c (>= 2)")]),
        ("Depends: ${misc:Depends}, a, ${python3:Depends}", [("a", "required", "Depends: a")]),
        ("Recommends: a\nDescription: b, c\n d, Depends: e", [("a", "optional", "Recommends: a")]),
        ("Suggests: a", []),
        ("Architecture: all", []),
    ],
)  # fmt: skip
def test_relations_of_a_control_file(fields: str, needed: list[tuple[str, str, str]]) -> None:
    control = f"Source: x\nBuild-Depends: debhelper\n\nPackage: x\n{fields}\n"
    assert list(MADE["needed_by_deb"](control)) == [Needed(*each) for each in needed]


@pytest.mark.parametrize("epoch", [None, "1000000000"])
def test_its_form(epoch: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """CycloneDX asks for these; `python -m tests.supply sbom` asks its schema."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if epoch:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    for text, root in (
        (MADE["of_deb"](DEBIAN), f"pkg:deb/debian/virt-agent@{__version__}?arch=all"),
        (MADE["of_wheel"](METADATA), f"pkg:pypi/virt-agent@{__version__}"),
    ):
        made = json.loads(text)
        assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
        assert made["metadata"].get("timestamp") == (epoch and "2001-09-09T01:46:40Z")
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
        assert made["metadata"]["component"]["purl"] == root
        refs = [component["bom-ref"] for component in made["components"]]
        assert made["dependencies"] == [{"ref": root, "dependsOn": refs}]
        assert len(set(refs)) == len(refs)


def test_the_same_tree_gives_the_same_bytes_and_another_one_another_serial_number() -> None:
    first, second = MADE["of_wheel"](METADATA), MADE["of_wheel"](METADATA)
    other = MADE["of_wheel"](METADATA.replace("psutil>=5.9.0", "psutil>=6"))
    assert first == second
    assert json.loads(first)["serialNumber"] != json.loads(other)["serialNumber"]


def test_files_that_are_no_source_are_there_with_their_hashes() -> None:
    files = json.loads(MADE["of_deb"](DEBIAN))["metadata"]["component"]["components"]
    for file in files:
        (path,) = TOP.glob(f"*/{file['name']}")
        assert file["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]
    readable = {".py", ".typed", ".json", ".s", ".pyc"}
    unread = [path for top in MADE["PACKAGES"] for path in top.rglob("*") if path.is_file()]
    assert len(files) == sum(path.suffix not in readable for path in unread) == 4


@pytest.fixture
def wheel(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small one, as pip makes them."""
    path = tmp_path / "virt_agent-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("virt_agent/x.py", "x = 1\n"), ("virt_agent-1.dist-info/METADATA", METADATA)):
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 12, 0, 0)), content)
        record = "virt_agent/x.py,sha256=a,6\nvirt_agent-1.dist-info/METADATA,,\nvirt_agent-1.dist-info/RECORD,,\n"
        archive.writestr(zipfile.ZipInfo("virt_agent-1.dist-info/RECORD", (2026, 11, 20, 12, 0, 0)), record)
    return path


def test_a_wheel_gets_it_and_stays_whole(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        before = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    MADE["into_wheel"](wheel)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        after = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        made = archive.getinfo("virt_agent-1.dist-info/sboms/virt-agent.cdx.json")
        assert archive.namelist()[-1] == "virt_agent-1.dist-info/RECORD"
    assert made.date_time == (2026, 11, 20, 12, 0, 0)
    assert made.external_attr >> 16 == 0o100644
    content = after.pop(made.filename)
    assert content.decode() == MADE["of_wheel"](METADATA)
    record = after.pop("virt_agent-1.dist-info/RECORD").decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    rows = list(csv.reader(io.StringIO(record)))
    assert [made.filename, f"sha256={digest}", str(len(content))] in rows
    assert sorted(row[0] for row in rows) == sorted([*before, made.filename])
    assert after == {name: content for name, content in before.items() if not name.endswith("RECORD")}
    assert [path.name for path in wheel.parent.iterdir()] == [wheel.name]


@settings(max_examples=25)
@given(
    st.lists(
        st.from_regex(
            r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?(\[[a-z]+\])?(>=[0-9.]{1,5})?(; extra == \"(web|dev)\")?",
            fullmatch=True,
        ),
        max_size=4,
    )
)
def test_any_requirements_are_components_once_each(relations: list[str]) -> None:
    made = MADE["of_wheel"]("Version: 1\n" + "".join(f"Requires-Dist: {relation}\n" for relation in relations))
    wanted = {re.split(r"[\[>;]", each)[0] for each in relations if not each.endswith('"dev"')}
    names = [component["name"] for component in json.loads(made)["components"]]
    assert names == sorted({re.sub(r"[-_.]+", "-", name).lower() for name in wanted})


@pytest.mark.parametrize("words", [[], ["deb"], ["rpm", "x"], ["wheel", "a", "b"]])
def test_its_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert MADE["main"](words) == 2
    assert capsys.readouterr().err == "packaging/sbom.py deb DIRECTORY | wheel WHEEL\n"


def test_it_is_written_where_the_package_is_made(tmp_path: pathlib.Path) -> None:
    assert MADE["main"](["deb", str(tmp_path)]) == 0
    assert (tmp_path / "virt-agent.cdx.json").read_text() == MADE["of_deb"](DEBIAN)
