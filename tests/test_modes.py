"""The modes as a user runs them: what is printed, and the exit code."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests import corpus
from virt_agent import report
from virt_agent.__main__ import exhausted, main
from virt_agent.rules import registry as rules

PVHVM, NONET = (str(corpus.HERE / "guests" / f"{name}.tar.xz") for name in ("pvhvm", "pvhvm-nonet"))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(("root", "code", "first"), [(PVHVM, 0, "VIRT-AGENT OK: Xen PVHVM guest, nothing wrong"),
                                                     (NONET, 1, "VIRT-AGENT WARNING: nic vif-0 has no driver")])  # fmt: skip
def test_check_exits_with_the_status(capsys: pytest.CaptureFixture[str], root: str, code: int, first: str) -> None:
    given, out, err = run(capsys, "--check", "--root", root)
    assert given == code
    assert out.startswith(first)
    assert err == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("pvhvm", "xen pvhvm"), ("dom0", "xen pv dom0"), ("pvh", "xen pvh"), ("qemu-q35-virtio", "qemu hvm"),
     ("hvm-nopv", "xen hvm")],
)  # fmt: skip
def test_detect_says_words(capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    assert run(capsys, "--detect", "--root", str(corpus.HERE / "guests" / f"{name}.tar.xz")) == (0, words + "\n", "")


def test_detect_and_check_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """--detect leaves collectors out; the words must not depend on them."""
    for name in corpus.GUESTS:
        root = corpus.archive(name)
        short = json.loads(run(capsys, "--detect", "--json", "--root", root)[1])
        whole = json.loads(run(capsys, "--json", "--root", root)[1])["verdict"]
        for key in ("hypervisor", "guest_mode", "role", "cloud", "ec2_system", "layers", "pv_drivers", "confidence"):
            assert short[key] == whole[key], (name, key)


def test_json_alone_exits_0_where_it_could_print_and_beside_check_by_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--json", "--root", NONET)[0] == 0
    code, out, _ = run(capsys, "--check", "--json", "--root", NONET)
    assert code == 1
    assert json.loads(out)["status"] == "warning"


@pytest.mark.parametrize(
    ("wanted", "code", "told"),
    [("guest_mode=pvhvm", 0, "VIRT-AGENT OK"), ("guest_mode=pv", 2, "guest_mode is pvhvm, expected pv"),
     ("cloud=null", 0, "VIRT-AGENT OK"), ("can_host_vms=false", 0, "VIRT-AGENT OK"), ("container=null", 0, "VIRT-AGENT OK"),
     ("mode=pv", 3, "the verdict has no 'mode'")],
)  # fmt: skip
def test_expect(capsys: pytest.CaptureFixture[str], wanted: str, code: int, told: str) -> None:
    given, out, err = run(capsys, "--check", "--root", PVHVM, "--expect", wanted)
    assert given == code
    assert told in out + err


def test_ignore_is_shown_and_changes_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--check", "--root", NONET, "--ignore", "X04,X14")
    assert code == 0
    assert "ignored X04, X14 (by option): 2 rules not judged" in out


def test_quiet_prints_one_line_and_nagios_adds_performance_data(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--check", "-q", "--root", PVHVM)
    assert out == "VIRT-AGENT OK: Xen PVHVM guest, nothing wrong\n"
    _, out, _ = run(capsys, "--check", "-q", "--format", "nagios", "--root", PVHVM)
    head, bar, data = out.partition(" | ")
    assert bar
    assert "|" not in head + data
    pairs = dict(pair.split("=", 1) for pair in data.split())
    assert pairs["rules_warning"] == "0;;;0"
    assert pairs["status"] == "0;;;0"


def test_strict_makes_what_was_not_checked_unknown(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "virt-agent").mkdir()
    (tmp_path / "virt-agent/meta.json").write_text('{"schema": 1, "privileged": false}')
    (tmp_path / "virt-agent/errors.json").write_text('{"virt-agent/kernel.log": "EPERM"}')
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor: 0\nflags: fpu vme hypervisor\n")
    (tmp_path / "virt-agent/cpuid.json").write_text(json.dumps({"method": "instruction", "leaves": {
        "0x00000001": {"eax": "0x0", "ebx": "0x0", "ecx": "0x80000000", "edx": "0x0"},
        "0x40000000": {"eax": "0x0", "ebx": "0x4b4d564b", "ecx": "0x564b4d56", "edx": "0x4d"}}}))  # fmt: skip
    code, out, _ = run(capsys, "--check", "--root", str(tmp_path))
    assert code == 0
    assert "kernel log (3 rules), needs root: sudo virt-agent --check" in out
    code, out, _ = run(capsys, "--check", "--strict", "--root", str(tmp_path))
    assert code == 3
    assert out.startswith("VIRT-AGENT UNKNOWN: not checked, needs root for kernel log; KVM guest")


@pytest.mark.parametrize("words", [["--root", "/nonexistent", "--check"], ["--root", "/dev/null", "--json"]])
def test_a_root_that_is_no_snapshot_is_told_and_exits_3(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (3, "")
    assert err.startswith(f"virt-agent: {words[1]}: ")
    assert "Traceback" not in err


def test_bad_arguments_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--nonsense")[0] == 3


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, "virt-agent 0.1.0\n")
    assert run(capsys, "--help")[0] == 0


def test_rules_lists_every_rule_and_explain_tells_one(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--rules")
    assert [line[:3] for line in out.splitlines() if line[:1].isupper() and line[1:3].isdecimal()] == [
        rule.code for rule in rules.RULES
    ]
    documents = json.loads(run(capsys, "--rules", "--json")[1])
    assert [document["code"] for document in documents] == [rule.code for rule in rules.RULES]
    for rule in rules.RULES:
        code, out, _ = run(capsys, "--explain", rule.code)
        assert code == 0
        assert " ".join(rule.means.split()[:3]) in out
        assert max(map(len, out.splitlines())) <= 80
    code, _, err = run(capsys, "--explain", "X99")
    assert code == 3
    assert "did you mean" in err


def test_diff_tells_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--diff", PVHVM, PVHVM)[:2] == (
        0, "no difference in what the report tells; counters, clock and memory left aside\n")  # fmt: skip
    code, out, _ = run(capsys, "--diff", PVHVM, NONET)
    assert code == 1
    assert "status: ok -> warning" in out
    assert "facts.xenbus.frontends.vif-0.state: Connected -> Initialising" in out
    assert "rules.X04: ok -> warning" in out
    changes = json.loads(run(capsys, "--diff", PVHVM, NONET, "--json")[1])["changes"]
    assert {"path": "verdict.pv_drivers", "before": "all", "after": "some"} in changes


def test_textfile_is_written_whole_and_readable(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "virt.prom"
    path.write_text("old")
    code, out, _ = run(capsys, "--textfile", str(path), "--root", PVHVM)
    assert (code, out) == (0, "")
    assert 'virt_guest_info{cloud="",' in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["no/such/x.prom", "x.txt"])
def test_textfile_that_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, name: str
) -> None:
    code, _, err = run(capsys, "--textfile", str(tmp_path / name), "--root", PVHVM)
    assert code == 3
    assert err.startswith("virt-agent: --textfile ")
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--check", "--root", PVHVM, "--sample", "30", "--timeout", "4")
    assert code == 3
    assert "--sample 30 does not fit into --timeout 4" in err


@pytest.mark.subprocess
@pytest.mark.parametrize("mode", ["--check", "--json", "--detect", "--metrics", "--rules"])
def test_a_full_disk_under_standard_output_is_one_line_and_exit_3(mode: str) -> None:
    command = [sys.executable, "-c", "from virt_agent.__main__ import run; run()", mode, "--root", PVHVM]
    if mode == "--rules":
        command = command[:-2]
    paths = os.pathsep.join(str(corpus.HERE.parent / folder) for folder in ("agent", "collectors"))
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == "virt-agent: cannot write: No space left on device\n"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_what_the_machine_has_no_more_of_is_no_error_of_ours(error: Exception) -> None:
    assert exhausted(error)
    assert not exhausted(RuntimeError("dictionary changed size during iteration"))


@pytest.mark.subprocess
@pytest.mark.parametrize("shut", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_what_is_opened_never_takes_the_place_of_a_standard_descriptor(shut: str) -> None:
    """Else the log, and what is printed, would go into the daemon's sockets."""
    asks = "import os, sys; from virt_agent import __main__; __main__.main = lambda: 3 - os.dup(2); __main__.run()"
    paths = os.pathsep.join(str(corpus.HERE.parent / folder) for folder in ("agent", "collectors"))
    command = ["sh", "-c", f'exec "$@" {shut}', "sh", sys.executable, "-c", asks]
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0


def test_exit_codes_are_those_of_monitoring_plugins() -> None:
    assert report.EXIT_CODES == {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
