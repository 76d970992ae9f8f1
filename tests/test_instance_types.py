"""--instance-type, the way on from old types, and the script that writes the list anew."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import present
from virt_agent import instance_types
from virt_agent.__main__ import main
from virt_agent.instance_types import InstanceType, has_82599, has_ebs_nvme, lookup
from virt_agent.modes.instance_type import is_pattern, matching
from virt_agent.options import UsageError, parse
from virt_agent.render.instance_type import as_document, listed, render, render_table
from virt_agent.successors import PATHS, has_aged, obstacles, successors
from virt_collectors.record import replace

TOP = pathlib.Path(__file__).parent.parent
SCRIPT = TOP / "packaging/instance_types.py"
TYPES = instance_types.every()
LIST = pathlib.Path(instance_types.path())


def kind_of(name: str) -> InstanceType:
    return present(lookup(name))


def rows_of(text: str) -> dict[str, str]:
    """The lines of a report by their heading; a line without one goes on with the last."""
    found: dict[str, str] = {}
    heading = ""
    for line in text.splitlines()[2:]:
        heading = line[2:17].strip() or heading
        found[heading] = f"{found.get(heading, '')} {line[18:]}".strip()
    return found


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


# What a type can do

NO_NVME = "no; EBS volumes are xvd* disks (xen-blkfront)"
XEN = "Xen; if on Nitro hardware, only the metadata service tells"


@pytest.mark.parametrize(("name", "told"), [
    ("t1.micro", {"Hypervisor": XEN, "Image": "HVM or PV", "Generation": "previous", "Processors": "1 vCPU, i386 or x86_64",
                  "Memory": "0.61 GiB", "ENA": "no", "IPv6": "no", "Instance store": "no", "EBS IOPS": "not told by EC2",
                  "Network": "Very Low", "Root disk": "EBS", "or": "t4g.micro: 2 vCPUs, arm64, 1 GiB, Nitro"}),
    ("m1.small", {"Image": "HVM or PV", "Root disk": "EBS or instance store", "Instance store": "yes, not NVMe",
                  "EBS optimised": "no", "NVMe": NO_NVME, "Move to": "m7i.large: 2 vCPUs, x86_64, 8 GiB, Nitro"}),
    ("m3.medium", {"Image": "HVM or PV", "Memory": "3.75 GiB", "Boot": "legacy BIOS", "ixgbevf": "no", "EFA": "no",
                   "Move to": "m7i.large: 2 vCPUs, x86_64, 8 GiB, Nitro"}),
    ("m4.16xlarge", {"Image": "HVM", "ENA": "yes, where EnaSupport is set", "ixgbevf": "no", "EBS optimised": "always",
                     "EBS IOPS": "65000 (each volume has its own limit, too)", "IPv6": "yes"}),
    ("m4.10xlarge", {"ENA": "no", "ixgbevf": "yes (Intel 82599 VF), for HVM, where sriovNetSupport is set",
                     "Move to": "m7i.12xlarge: 48 vCPUs, x86_64, 192 GiB, Nitro"}),
    ("i3.large", {"Generation": "current", "Instance store": "yes, NVMe",
                  "NVMe": "the instance store's alone; EBS volumes are xvd* disks (xen-blkfront)",
                  "Move to": "i4i.large: 2 vCPUs, x86_64, 16 GiB, Nitro", "or": "i4g.large: 2 vCPUs, arm64, 16 GiB, Nitro"}),
    ("c5.large", {"Hypervisor": "Nitro (KVM)", "Boot": "legacy BIOS or UEFI", "NVMe": "yes: EBS volumes are nvme* disks",
                  "EBS IOPS": "4000, in bursts 20000 (each volume has its own limit, too)", "ENA": "yes, always",
                  "ENA Express": "no", "Burstable": "no"}),
    ("i3.metal", {"Hypervisor": "none, bare metal", "NVMe": "yes: EBS volumes are nvme* disks", "Instance store": "yes, NVMe",
                  "ENA Express": "not told by EC2", "Move to": "i4i.metal: 128 vCPUs, x86_64, 1024 GiB, bare metal"}),
    ("a1.medium", {"Boot": "UEFI", "Processors": "1 vCPU, arm64", "Move to": "c7g.medium: 1 vCPU, arm64, 2 GiB, Nitro"}),
    ("hs1.8xlarge", {"Processors": "not told by EC2, x86_64", "Memory": "not told by EC2", "Root disk": "not told by EC2",
                     "IPv6": "not told by EC2", "Instance store": "not told by EC2", "ENA": "no",
                     "Move to": "d3.8xlarge: 32 vCPUs, x86_64, 256 GiB, Nitro"}),
    ("t3.micro", {"Burstable": "yes, by CPU credits", "Move to": "no need: current generation, not on Xen"}),
    ("m7i.48xlarge", {"ENA Express": "yes", "EFA": "yes"}),
])  # fmt: skip
def test_what_a_type_can_do(capsys: pytest.CaptureFixture[str], name: str, told: dict[str, str]) -> None:
    code, out, err = run(capsys, "--instance-type", name)
    assert (code, err) == (0, "")
    found = rows_of(out)
    assert {heading: found.get(heading) for heading in told} == told


@pytest.mark.parametrize(("name", "first"), [
    ("m3.medium", "m3.medium: Xen, HVM or PV, previous generation"), ("c5.large", "c5.large: Nitro, HVM, previous generation"),
    ("i3.metal", "i3.metal: bare metal, previous generation"), ("t2.micro", "t2.micro: Xen, HVM, current generation"),
])  # fmt: skip
def test_the_first_line(name: str, first: str) -> None:
    assert render(kind_of(name), TYPES).splitlines()[0] == first


def test_every_type_fits_into_80_columns() -> None:
    for kind in TYPES:
        lines = render(kind, TYPES).splitlines()
        assert max(map(len, lines)) <= 80, kind.name
        assert all(line.isascii() and line.isprintable() and "|" not in line for line in lines), kind.name
        assert len(rows_of("\n".join(lines))) >= 18, kind.name


def test_the_table_of_all_types_fits_into_80_columns_uncut() -> None:
    lines = render_table(TYPES, TYPES).splitlines()
    assert max(map(len, lines)) <= 80
    for kind, line in zip(TYPES, lines[1:], strict=False):
        words = line.split()
        first = next(iter(successors(kind, TYPES)), None)
        assert words[0] == kind.name
        assert words[-1] == (first.name if first else "-"), kind.name


def test_ixgbevf_and_nvme_of_the_families() -> None:
    assert {kind.family for kind in TYPES if has_82599(kind)} == {"c3", "c4", "d2", "i2", "m4", "r3"}
    assert [kind.name for kind in TYPES if kind.family == "m4" and not has_82599(kind)] == ["m4.16xlarge"]
    assert {has_ebs_nvme(kind) for kind in TYPES if kind.hypervisor == "xen"} == {False}
    assert {has_ebs_nvme(kind) for kind in TYPES if kind.hypervisor != "xen"} == {True}


def test_a_word_that_ec2_may_have_one_day_is_told_as_it_is() -> None:
    kind = replace(kind_of("c5.large"), ena="preferred", ebs_optimized="", generation="next", boot_modes=("uefi-only",))
    found = rows_of(render(kind, TYPES))
    assert (found["ENA"], found["EBS optimised"]) == ("preferred", "not told by EC2")
    assert (found["Generation"], found["Boot"]) == ("next", "uefi-only")


@pytest.mark.parametrize(("name", "line"), [
    ("t2.micro", "t2.micro is Xen, HVM, current generation; network vif, EBS volumes xvd* disks"),
    ("c5.large", "c5.large is Nitro, HVM, previous generation; network ena, EBS volumes nvme* disks"),
    ("c4.large", "c4.large is Xen, HVM, previous generation; network ixgbevf, EBS volumes xvd* disks"),
    ("t99.mega", "t99.mega is not in this agent's list (P06)"), (None, None),
])  # fmt: skip
def test_the_line_in_a_guests_report(name: str | None, line: str | None) -> None:
    assert listed(name) == line


# What to move to


def test_every_type_that_has_aged_has_a_way_on() -> None:
    aged = [kind for kind in TYPES if has_aged(kind)]
    assert len(aged) > 150
    for kind in aged:
        found = successors(kind, TYPES)
        assert found, kind.name
        assert all(lookup(to.name) == to and not has_aged(to) for to in found), kind.name
        assert all(to.bare_metal == kind.bare_metal for to in found), kind.name
        if "arm64" not in kind.architectures:
            assert "x86_64" in found[0].architectures, kind.name
        assert [to for to in found[1:] if "arm64" not in to.architectures] == [], kind.name


def test_the_successor_is_as_large_or_said_to_be_smaller() -> None:
    smaller = set()
    for kind in TYPES:
        for to in successors(kind, TYPES):
            fits = (to.vcpus or 0) >= (kind.vcpus or 0) and (to.memory_mib or 0) >= (kind.memory_mib or 0)
            assert fits != any("smaller than the old type" in sentence for sentence in obstacles(kind, to)), kind.name
            smaller |= set() if fits else {kind.name}
    assert smaller == {"d2.8xlarge", "h1.16xlarge"}


def test_no_smaller_type_of_the_family_would_do() -> None:
    for name in ("m4.10xlarge", "c4.8xlarge", "m2.4xlarge", "r4.large"):
        kind = kind_of(name)
        to = successors(kind, TYPES)[0]
        for other in TYPES:
            if other.family == to.family and not other.bare_metal and (other.vcpus or 0) < (to.vcpus or 0):
                assert (other.vcpus or 0) < (kind.vcpus or 0) or (other.memory_mib or 0) < (kind.memory_mib or 0), (
                    other.name
                )


def test_current_types_on_nitro_need_none() -> None:
    assert all(successors(kind, TYPES) == () for kind in TYPES if not has_aged(kind))


def test_the_families_of_the_paths_exist() -> None:
    known = {kind.family for kind in TYPES}
    assert {family for row in PATHS.values() for families in row for family in families.split()} <= known
    assert set(PATHS) <= known


def test_a_family_that_has_aged_since_is_passed_over() -> None:
    refreshed = [replace(kind, generation="old") if kind.family == "m7i" else kind for kind in TYPES]
    assert [to.name for to in successors(kind_of("m3.large"), refreshed)] == ["m8i.large", "m7g.large"]


def test_a_family_without_a_path_is_told() -> None:
    kind = replace(kind_of("m5.large"), name="q1.large", family="q1")
    assert rows_of(render(kind, TYPES))["Move to"] == "this agent knows no successor of the family q1"
    assert render_table([kind], TYPES).splitlines()[1].split()[-1] == "?"


@pytest.mark.parametrize(("name", "to", "words"), [
    ("m3.medium", 0, ("PV", "--readiness hvm", "--readiness nitro", "instance store cannot be stopped", "new type has none")),
    ("m1.small", 0, ("32-bit image",)),
    ("t2.micro", 0, ("32-bit image", "EnaSupport")),
    ("i3.large", 0, ("lost when the instance stops.",)),
    ("i3.large", 1, ("i4g.large is arm64",)),
    ("p3.2xlarge", 0, ("GPUs and FPGAs",)),
    ("hs1.8xlarge", 0, ("how large the old type is",)),
    ("d2.8xlarge", 0, ("d3.8xlarge is the largest of its family",)),
])  # fmt: skip
def test_what_stands_in_the_way(name: str, to: int, words: tuple[str, ...]) -> None:
    kind = kind_of(name)
    said = " ".join(obstacles(kind, successors(kind, TYPES)[to]))
    assert all(word in said for word in words), said


@pytest.mark.parametrize("name", ["c5.large", "m6i.metal", "a1.medium"])
def test_nothing_stands_in_the_way_from_nitro_to_nitro(name: str) -> None:
    kind = kind_of(name)
    assert obstacles(kind, successors(kind, TYPES)[0]) == ()


def test_the_obstacles_are_numbered_and_the_commands_name_the_type(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--instance-type", "m3.medium")
    assert [number for number in range(1, 7) if f" {number}. " in out] == [1, 2, 3, 4, 5]
    assert "                      --instance-type Value=m7i.large\n" in out


# Wildcards and JSON


@pytest.mark.parametrize(("pattern", "names"), [
    ("m3.*", ["m3.medium", "m3.large", "m3.xlarge", "m3.2xlarge"]), ("c[34].large", ["c3.large", "c4.large"]),
    ("t?.nano", ["t2.nano", "t3.nano"]), ("i3.m*l", ["i3.metal"]), ("M1.S*", ["m1.small"]), ("zz*", []), ("[", []),
    ("[!a-z]*", []),
])  # fmt: skip
def test_wildcards(pattern: str, names: list[str]) -> None:
    assert is_pattern(pattern)
    assert [kind.name for kind in matching(pattern, TYPES)] == names


def test_a_wildcard_gives_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--instance-type", "m3.*")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["TYPE", "ON", "PV", "CPU", "GIB", "NIC", "IOPS", "MOVE", "TO"],
        ["m3.medium", "xen", "pv", "1", "3.75", "vif", "?", "m7i.large"],
        ["m3.large", "xen", "pv", "2", "7.5", "vif", "?", "m7i.large"],
    ]
    assert "4 types." in out
    assert len(run(capsys, "--instance-type", "*.metal")[1].splitlines()) > 50


def test_everything_matches_a_star(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--instance-type", "*", "--json")
    assert code == 0
    assert {each["name"] for each in json.loads(out)["types"]} == set(instance_types.names())


def test_json_of_one_type(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--instance-type", "i3.large", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == 1
    assert [each["name"] for each in document["types"]] == ["i3.large"]
    told = document["types"][0]
    assert {key: told[key] for key in ("hypervisor", "ebs_nvme", "ixgbevf", "vcpus", "ena", "instance_store_nvme")} == {
        "hypervisor": "xen", "ebs_nvme": False, "ixgbevf": False, "vcpus": 2, "ena": "supported",
        "instance_store_nvme": "required"}  # fmt: skip
    assert [way["name"] for way in told["successors"]] == ["i4i.large", "i4g.large"]
    assert told["successors"][1]["obstacles"][-1].startswith("i4g.large is arm64")


def test_json_tells_null_for_what_ec2_does_not_tell() -> None:
    told = as_document(kind_of("hs1.8xlarge"), TYPES)
    assert [told[key] for key in ("vcpus", "ipv6", "network", "root_device_types", "instance_store")] == [None] * 5
    assert as_document(kind_of("i3.metal"), TYPES)["hypervisor"] == "none"
    keys = set(told)
    assert all(set(as_document(kind, TYPES)) == keys for kind in TYPES)


# Unknown


@pytest.mark.parametrize(("name", "told"), [
    ("m3.mediun", "did you mean m3.medium"), ("m3", "did you mean m3.*?"), ("m3.", "did you mean m3.*?"),
    ("zz*", "is 'zz*'."), ("", "is ''."), ("t2.micro,xen", "is 't2.micro,xen'"), ("x" * 5000, "..."),
])  # fmt: skip
def test_unknown_types(capsys: pytest.CaptureFixture[str], name: str, told: str) -> None:
    for words in (["--instance-type", name], ["--instance-type", name, "--json"]):
        code, out, err = run(capsys, *words)
        assert (code, out) == (3, "")
        assert told in err
        assert str(LIST) in err
        assert f"the {len(TYPES)} types" in err
        assert "docs/instance-types.md" in err
        assert len(err) < 600


@given(st.text(max_size=200) | st.text("*?[]!-abm0123.", max_size=70))
def test_any_name_is_answered_or_refused(name: str) -> None:
    found = matching(name, TYPES)
    assert all(kind in TYPES for kind in found)
    if not found:
        from virt_agent.modes.instance_type import instance_type

        with pytest.raises(UsageError) as refusal:
            instance_type(parse([f"--instance-type={name}"]))
        assert str(refusal.value).replace(str(LIST), "").isascii()
        assert str(refusal.value).isprintable()


LOADED = """
import sys
sys.path[:0] = {roots!r}
from virt_agent.__main__ import main
main(["--instance-type", "m3.medium"])
print("\\n".join(sorted(sys.modules)))
"""


@pytest.mark.subprocess
def test_no_machine_is_read_and_nothing_needless_is_loaded() -> None:
    code = LOADED.format(roots=[str(TOP / "agent"), str(TOP / "collectors")])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "virt_agent.successors" in loaded
    needless = {
        "virt_collectors.host.live",
        "virt_agent.observe",
        "requests",
        "difflib",
        "fnmatch",
        "json",
        "re",
        "typing",
    }
    assert loaded & needless == set()


# The script that writes the list anew


def _script() -> Any:
    spec = present(importlib.util.spec_from_file_location("refresh_instance_types", SCRIPT))
    module = importlib.util.module_from_spec(spec)
    present(spec.loader).exec_module(module)
    return module


REFRESH = _script()


def flag(field: str) -> bool | None:
    return {"true": True, "false": False}.get(field)


def number(field: str) -> int | None:
    return int(field) if field else None


def answer(line: str) -> dict[str, Any]:
    """What EC2 would say for a line of the list, with what it leaves out and with things that we do not read."""
    told = dict(zip(REFRESH.COLUMNS, line.split(","), strict=True))
    ec2 = {
        "InstanceType": told["instance_type"],
        "CurrentGeneration": told["generation"] == "current",
        "FreeTierEligible": False,
        "SupportedRootDeviceTypes": told["root_device_types"].split("|") if told["root_device_types"] else None,
        "SupportedVirtualizationTypes": told["virt_types"].split("|")[::-1],
        "SupportedBootModes": told["boot_modes"].split("|") if told["boot_modes"] else None,
        "BareMetal": told["bare_metal"] == "true",
        "Hypervisor": None if told["hypervisor"] == "none" else told["hypervisor"],
        "ProcessorInfo": {"SupportedArchitectures": told["arch"].split("|"), "SustainedClockSpeedInGhz": 2.3},
        "VCpuInfo": {"DefaultVCpus": number(told["vcpus"])},
        "MemoryInfo": {"SizeInMiB": number(told["memory_mib"])},
        "InstanceStorageSupported": flag(told["instance_store"]),
        "BurstablePerformanceSupported": flag(told["burstable"]),
        "EbsInfo": {
            "NvmeSupport": told["nvme"],
            "EbsOptimizedSupport": told["ebs_optimized"] or None,
            "EbsOptimizedInfo": {
                "MaximumIops": number(told["ebs_max_iops"]),
                "BaselineIops": number(told["ebs_base_iops"]),
            },
        },
        "NetworkInfo": {
            "NetworkPerformance": told["net_perf"] or None,
            "EnaSupport": told["ena"],
            "EfaSupported": flag(told["efa"]),
            "EnaSrdSupported": flag(told["ena_srd"]),
            "Ipv6Supported": flag(told["ipv6"]),
            "NetworkCards": [{"DefaultEnaQueueCountPerInterface": number(told["ena_queues"])}] if told["ena_queues"] else [],
        },
    }  # fmt: skip
    if told["instance_store_nvme"]:
        ec2["InstanceStorageInfo"] = {"NvmeSupport": told["instance_store_nvme"], "TotalSizeInGB": 475}
    return {key: value for key, value in ec2.items() if value is not None}


SHIPPED = LIST.read_text().splitlines()
SOME = [line for line in SHIPPED if line.startswith(("m3.", "i3.", "c5.large", "t2.micro"))]
HEAD = SHIPPED[0]


@pytest.fixture
def table(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "list.csv"
    path.write_text("\n".join([HEAD, *SOME]) + "\n")
    path.chmod(0o644)
    return path


def refresh(table: pathlib.Path, *answers: str | bytes, words: tuple[str, ...] = ()) -> int:
    paths = []
    for place, text in enumerate(answers):
        path = table.parent / f"answer{place}.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        paths.append(str(path))
    code: int = REFRESH.main(["--table", str(table), *words, *paths])
    return code


def page(*answers: dict[str, Any], token: str | None = None) -> str:
    return json.dumps({"InstanceTypes": list(answers), **({"NextToken": token} if token else {})}, indent=2)


def test_the_columns_are_those_of_the_list() -> None:
    assert ",".join(REFRESH.COLUMNS) == HEAD
    assert SHIPPED[1:] == sorted(SHIPPED[1:], key=lambda line: line.partition(",")[0])


def test_ec2s_answer_for_the_shipped_list_gives_that_list(tmp_path: pathlib.Path) -> None:
    told = [line for line in SHIPPED[1:] if not line.startswith("hs1.8xlarge,")]  # of which EC2 no longer tells enough
    table = tmp_path / "list.csv"
    table.write_text(HEAD + "\n")
    assert refresh(table, page(*map(answer, told))) == 0
    assert table.read_text().splitlines() == [HEAD, *told]


def test_new_changed_and_retired_types(table: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = {**answer(SOME[0]), "InstanceType": "m9.large", "CurrentGeneration": True}
    changed = [answer(line) for line in SOME if not line.startswith("t2.micro")]
    changed[0]["NetworkInfo"]["EnaSrdSupported"] = True
    assert refresh(table, page(new, *changed)) == 0
    lines = table.read_text().splitlines()
    assert lines[0] == HEAD
    assert lines[1:] == sorted(lines[1:], key=lambda line: line.partition(",")[0])
    assert len(lines) == len(SOME) + 2
    found = {line.partition(",")[0]: instance_types.parse_line(line) for line in lines[1:]}
    assert found["m9.large"].generation == "current"
    assert found["t2.micro"] == replace(kind_of("t2.micro"), generation="old")
    assert found[changed[0]["InstanceType"]].ena_srd is True
    out = capsys.readouterr().out
    assert "new: 1 (m9.large)" in out
    assert "no longer named, now old: 1 (t2.micro)" in out
    assert "changed: 1 (" in out
    assert table.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in table.parent.iterdir()) == ["answer0.json", "list.csv"]


def test_pages_one_after_another_in_one_file_or_several(table: pathlib.Path) -> None:
    before = table.read_text()
    half = len(SOME) // 2
    first, second = page(*map(answer, SOME[:half]), token="x"), page(*map(answer, SOME[half:]))
    for answers in (
        [first + "\n" + second],
        [first + second],
        [first, second],
        [json.dumps([answer(one) for one in SOME])],
    ):
        assert refresh(table, *answers) == 0
        assert table.read_text() == before


def test_an_answer_for_a_few_types_is_refused_but_as_partial(
    table: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_text()
    new = {**answer(SOME[0]), "InstanceType": "m9.large"}
    assert refresh(table, page(new)) == 1
    assert table.read_text() == before
    assert f"names 0 of the {len(SOME)} types" in capsys.readouterr().err
    assert refresh(table, page(new), words=("--partial",)) == 0
    assert len(table.read_text().splitlines()) == len(before.splitlines()) + 1
    assert "no longer named, now old: 0" in capsys.readouterr().out


@pytest.mark.subprocess
def test_standard_input_and_a_table_elsewhere(table: pathlib.Path) -> None:
    command = [sys.executable, "-I", str(SCRIPT), "--table", str(table), "-"]
    done = subprocess.run(command, input=page(*map(answer, SOME)), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == [
        f"{table}: as it was",
        f"{len(SOME)} types, {len(SOME)} of them named by EC2 now",
    ]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in answer(SOME[0]).items() if name != key}


DAMAGED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "names no instance type"),
    "no JSON": ("{", "no JSON"),
    "cut off": (page(answer(SOME[0]))[:-20], "no JSON in the document that begins in line 1"),
    "rest": (page(answer(SOME[0])) + " x", "no JSON"),
    "no text": (b"\xff\xfe", "it is no text"),
    "another answer": ('{"Reservations": []}', 'lacks "InstanceTypes"'),
    "a number": ("7", 'lacks "InstanceTypes"'),
    "empty": (page(), "names no instance type"),
    "no type": ('{"InstanceTypes": [7]}', "no instance type: '7'"),
    "no name": (page(without("InstanceType")), "no instance type"),
    "hostile name": (page({**answer(SOME[0]), "InstanceType": "a.b\n,c"}), "no instance type"),
    "no generation": (page(without("CurrentGeneration")), "lacks generation"),
    "no processors": (page(without("VCpuInfo")), "lacks vcpus"),
    "strange hypervisor": (page({**answer(SOME[0]), "Hypervisor": "hyperv"}), "Hypervisor is 'hyperv'"),
    "no hypervisor": (page(without("Hypervisor")), "Hypervisor is None"),
    "comma": (page({**answer(SOME[0]), "VCpuInfo": {"DefaultVCpus": "1,2"}}), "does not fit into the list"),
    "separator": (page({**answer(SOME[0]), "SupportedBootModes": ["a|b"]}), "does not fit into the list"),
    "umlaut": (page({**answer(SOME[0]), "SupportedBootModes": ["\u00fc"]}), "does not fit into the list"),
    "a list in a list": (page({**answer(SOME[0]), "SupportedBootModes": [[]]}), "does not fit into the list"),
    "deep": ("[" * 100_000, "no JSON"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_answer_is_told_and_changes_nothing(
    table: pathlib.Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text, told = DAMAGED[name]
    before = table.read_bytes()
    whole = page(*map(answer, SOME[1:]), {**answer(SOME[0]), "InstanceType": "m9.large"})
    assert refresh(table, whole, text) == 1
    assert table.read_bytes() == before
    err = capsys.readouterr().err
    assert told in err
    assert "answer1.json: " in err
    assert err.endswith("; nothing was changed\n")
    assert sorted(path.name for path in table.parent.iterdir()) == ["answer0.json", "answer1.json", "list.csv"]


@pytest.mark.parametrize(("content", "told"), [
    ("", "no list of instance types"), ("a,b\n1,2\n", "no list of instance types"), (f"{HEAD}\nt2.micro,xen\n", "line 2 has 2 fields"),
])  # fmt: skip
def test_a_table_that_is_none_is_left_alone(
    table: pathlib.Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    table.write_text(content)
    assert refresh(table, page(*map(answer, SOME))) == 1
    assert told in capsys.readouterr().err
    assert table.read_text() == content


def test_files_that_are_not_there(table: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert REFRESH.main(["--table", str(table), str(table.parent / "none.json")]) == 1
    assert "none.json: No such file or directory" in capsys.readouterr().err
    assert REFRESH.main(["--table", "/nowhere/list.csv", str(table)]) == 1
    assert "--table names the list" in capsys.readouterr().err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*answer(SOME[0]), "NvmeSupport"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps({"InstanceTypes": [value]}).encode()))
def test_any_answer_is_taken_or_refused(content: bytes) -> None:
    try:
        rows = [REFRESH.row(told) for told in REFRESH.types_in(content.decode("utf-8", "replace"))]
    except REFRESH.Unfit:
        return
    assert all(len(fields) == len(REFRESH.COLUMNS) for fields in rows)


@given(st.dictionaries(st.sampled_from(sorted(answer(SOME[0]))), JSON, max_size=4))
def test_a_type_with_strange_values_gives_a_line_that_the_agent_reads(changes: dict[str, Any]) -> None:
    try:
        fields = REFRESH.row({**answer(SOME[0]), **changes})
    except REFRESH.Unfit:
        return
    line = ",".join(fields)
    assert line.isascii()
    assert line.isprintable()
    kind = instance_types.parse_line(line)
    assert kind.name == fields[0]
    assert max(map(len, render(kind, [*TYPES, kind]).splitlines())) <= 80
