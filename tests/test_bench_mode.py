"""--bench and --bench --compare as a user runs them."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import jsonschema
import pytest

from tests import corpus, documents
from tests.machines import machine
from tests.test_measure_numbers import HVM, PV, SCHEMA, lot
from virt_agent import observe
from virt_agent.__main__ import main
from virt_agent.measure import document, text
from virt_agent.modes import bench
from virt_agent.options import UsageError, parse
from virt_collectors.block import BlockDevice
from virt_collectors.collect import Runner
from virt_collectors.facts import Facts
from virt_collectors.memory import Memory
from virt_collectors.mounts import Mount

PATHS = os.pathsep.join(str(corpus.HERE.parent / folder) for folder in ("agent", "collectors"))


def write(path: pathlib.Path, medians: dict[str, float], count: int, **named: str) -> str:
    path.write_text("".join(document.render(run) for run in lot(medians, count, **named)))
    return str(path)


@pytest.mark.subprocess
def test_a_run_here_leaves_a_document_and_nothing_else(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-c", "from virt_agent.__main__ import run; run()", "--bench", "--json", "--force"]
    done = subprocess.run([*command, "--timeout", "2.5", "--directory", str(tmp_path)], capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": PATHS})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(made)] == []
    assert list(tmp_path.iterdir()) == []
    assert made["bench"]["syscall"]["values"]
    assert made["conditions"]["rounds"] == len(made["bench"]["syscall"]["values"]) >= 1
    assert made["conditions"]["nice"] == 10
    for figure in made["bench"].values():
        assert bool(figure["values"]) is (figure["reason"] is None)
    assert made["disk"]["directory"] == str(tmp_path)
    assert made["host"]["boot_id"]
    page = text.render(document.parse(done.stdout)[0])
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.subprocess
def test_two_rounds_in_this_process(tmp_path: pathlib.Path) -> None:
    host = observe.open_host(None)
    reading, _ = observe.read(Runner(host), ("imds",), (), 60.0)
    run = bench.measure(host, reading, str(tmp_path), 1e18, count=2)
    assert {len(run.figures[name].values) for name in ("work", "clock", "page_fault")} == {2}
    assert run.conditions["rounds"] == 2
    assert list(tmp_path.iterdir()) == []
    assert run.disk["file_system"]


BUSY = {"proc/loadavg": "7.00 3.0 1.0 2/99 1\n", "proc/cpuinfo": "processor\t: 0\nflags\t: fpu hypervisor\n"}


def test_a_busy_machine_is_not_measured(tmp_path: pathlib.Path) -> None:
    nice = os.nice(0)
    with pytest.raises(UsageError) as refused:
        bench.bench(parse(["--bench", "--directory", str(tmp_path / "untouched")]), machine(tmp_path, BUSY))
    assert str(refused.value) == (
        "this machine is busy: load 7.0 on 1 CPU. Try later, or --force to measure all the same"
    )
    assert os.nice(0) == nice


def test_force_measures_all_the_same() -> None:
    bench.refuse_where_busy([], force=False)
    bench.refuse_where_busy(["load 7.0 on 1 CPU"], force=True)
    with pytest.raises(UsageError):
        bench.refuse_where_busy(["load 7.0 on 1 CPU"], force=False)


@pytest.mark.parametrize(
    ("directory", "state", "stalled", "told"),
    [
        ("/var/tmp", "Connected", 0.0, None),
        ("/var/tmp", "Closed", 0.0, "xvda is Closed"),
        ("/data", "Closed", 0.0, None),
        ("/data/deep/down", "Connected", 90.0, "xvdb has 3 requests in flight and tasks stall on I/O 90% of the time"),
        ("/database", "Connected", 90.0, None),
        ("/var/../data", "Connected", 90.0, "xvdb has 3 requests in flight and tasks stall on I/O 90% of the time"),
    ],
)  # fmt: skip
def test_the_disk_below_the_directory_is_the_one_that_is_suspected(
    directory: str, state: str, stalled: float, told: str | None
) -> None:
    facts = Facts(
        mounts=(Mount("/", "/dev/xvda1", "ext4", False, "xvda1", ("xvda",)),
                Mount("/data", "/dev/xvdb", "ext4", False, "xvdb", ("xvdb",))),
        block_devices=(BlockDevice("xvda", "xen-blkfront", "xen", state=state),
                       BlockDevice("xvdb", "xen-blkfront", "xen", state="Connected", in_flight=3)),
        memory=Memory(io_full_percent=stalled),
    )  # fmt: skip
    assert bench.why_hanging(facts, directory) == told
    assert bench.why_hanging(Facts(), directory) is None


def test_no_program_is_started_from_a_disk_that_may_hang() -> None:
    facts = Facts(
        mounts=(Mount("/", "/dev/xvda1", "ext4", False, "xvda1", ("xvda",)),),
        block_devices=(BlockDevice("xvda", "xen-blkfront", "xen", state="Closed"),),
    )
    with pytest.raises(OSError, match="xvda is Closed"):
        bench._ask_systemd(facts)  # the guard of the tests would tell of a process


# --compare


def test_compare_prints_both_and_exits_0(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    pv = write(tmp_path / "pv.json", PV, 6, words="xen pv", instance_type="m1.small")
    hvm = write(tmp_path / "hvm.json", HVM, 6)
    assert main(["--bench", "--compare", pv, hvm]) == 0
    printed = capsys.readouterr().out
    assert "pv.json: Xen PV guest, EC2 m1.small (xen), 6 runs" in printed.replace("\n  ", "")
    assert "disk reads, depth 16, /s" in printed
    assert "A more 1.1" in printed
    assert "B faster" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_compare_as_json(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    pv = write(tmp_path / "pv.json", PV, 1, words="xen pv")
    hvm = write(tmp_path / "hvm.json", HVM, 7)
    assert main(["--bench", "--json", "--compare", pv, hvm]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["a"], found["b"]["runs"]) == (1, {"file": pv, "runs": 1}, 7)
    assert found["compare"]["syscall"]["verdict"] == "B better"
    assert found["compare"]["syscall"]["a"]["count"] == 15
    assert found["compare"]["work"]["verdict"] == "no difference shown"
    assert {"what": "virtualization", "a": "xen pv", "b": "xen pvhvm"} in found["differences"]
    documents.hold("tests/goldens/bench/compare.json", json.dumps({**found, "a": "pv", "b": "hvm"}, indent=2) + "\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b'{"schema": 7, "bench": {}}', "its schema is 7, this virt-agent knows 1"),
        (b'{"schema": 1, "status": "ok"}', "it has no figures; virt-agent --bench --json makes a document that has"),
        (b"\xff\xfe", "no JSON document begins in line 1"),
        (None, "No such file or directory"),
    ],
)
def test_what_cannot_be_compared_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, content: bytes | None, told: str
) -> None:
    good, bad = write(tmp_path / "good.json", PV, 1), tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    assert main(["--bench", "--compare", good, str(bad)]) == 3
    assert capsys.readouterr().err == f"virt-agent: --compare {bad}: {told}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--bench", "--root", "x"], "--bench measures this machine and takes no --root"),
        (["--bench", "--compare", "a"], "--compare needs A B"),
        (["--check", "--force"], "--force goes with --bench"),
        (["--check", "--compare", "a", "b"], "--compare goes with --bench"),
        (["--snapshot", "x", "--directory", "/"], "--directory goes with --bench"),
    ],
)
def test_options(words: list[str], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(words)
    assert told in str(refused.value)
    assert parse(["--bench", "--json"]).mode == "bench"
