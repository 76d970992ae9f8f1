"""--snapshot and --list as a person runs them, on this machine."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import tarfile

import pytest

from tests import corpus
from virt_agent import __version__
from virt_agent.__main__ import main
from virt_agent.modes.snapshot import list_contents, snapshot
from virt_agent.options import UsageError, parse
from virt_agent.render import document
from virt_collectors.host import archive
from virt_collectors.host.recorder import Recording
from virt_collectors.redact import redact

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    options = parse([*arguments, "--timeout", "60"])
    return snapshot(options) if options.mode == "snapshot" else list_contents(options)


def answer(path: pathlib.Path, name: str) -> dict[str, object]:
    with tarfile.open(path) as opened:
        file = opened.extractfile(f"virt-agent/{name}.json")
        assert file is not None
        found: dict[str, object] = json.load(file)
        return found


def test_one_line_tells_what_was_written(tmp_path: pathlib.Path, capsys: Capture) -> None:
    path = tmp_path / "guest.tar.gz"
    assert run("--snapshot", str(path)) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert told.startswith(f"{path}: ")
    assert "entries, redacted; " in told
    assert f"virt-agent --list {path} shows what is inside; read it before you send it" in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["guest.tar.gz"]


def test_a_redacted_one_says_so_and_does_not_name_this_host(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "guest.tar.gz"
    run("--snapshot", str(path))
    meta = answer(path, "meta")
    uname = meta["uname"]
    assert isinstance(uname, list)
    assert meta["schema"] == 1
    assert (meta["redacted"], meta["agent_version"]) == (True, __version__)
    assert uname[1] in ("host-1", "localhost", "(none)") or uname[1].startswith(("host-1.", "localhost"))
    assert uname[2:3] == [os.uname().release]
    assert meta["privileged"] == (os.geteuid() == 0)


def test_a_full_one_says_so_and_names_it(tmp_path: pathlib.Path, capsys: Capture) -> None:
    path = tmp_path / "guest.tar.gz"
    assert run("--snapshot", str(path), "--full") == 0
    assert "NOT redacted" in capsys.readouterr().out
    meta = answer(path, "meta")
    assert meta["redacted"] is False
    assert meta["uname"] == list(os.uname())


def test_its_replay_gives_the_report_of_this_machine(tmp_path: pathlib.Path, capsys: Capture) -> None:
    path = tmp_path / "guest.tar.gz"
    run("--snapshot", str(path), "--full")
    capsys.readouterr()
    main(["--json", "--root", str(path)])
    replayed = json.loads(capsys.readouterr().out)
    main(["--json", "--sample", "0", "--timeout", "60"])
    live = json.loads(capsys.readouterr().out)
    assert replayed["schema"] == document.SCHEMA
    for key in ("verdict", "rules", "status"):
        assert replayed[key] == live[key]


@pytest.mark.parametrize("name", ["nowhere/x", ".", "fifo"])
def test_a_bad_place_is_refused_with_3_and_leaves_nothing(name: str, tmp_path: pathlib.Path, capsys: Capture) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert main(["--snapshot", f"{tmp_path}/{name}"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"virt-agent: --snapshot: {tmp_path}/{name}: ")
    assert os.listdir(tmp_path) == ["fifo"]


def test_it_refuses_before_it_looks(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        snapshot(parse(["--snapshot", str(tmp_path / "nowhere" / "x")]))


def test_it_takes_no_root(capsys: Capture) -> None:
    assert main(["--snapshot", "x", "--root", "y"]) == 3
    assert "takes no --root" in capsys.readouterr().err


def test_collectors_that_are_switched_off_leave_no_trace(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "guest.tar.gz"
    run("--snapshot", str(path), "--no-collector.kernel_log", "--no-collector.cpuid")
    with tarfile.open(path) as opened:
        assert not {"virt-agent/kernel.log", "virt-agent/cpuid.json"} & set(opened.getnames())


# --list


def listed(path: pathlib.Path, capsys: Capture) -> str:
    assert main(["--list", str(path)]) == 0
    return capsys.readouterr().out


def small(path: pathlib.Path, redacted: bool) -> pathlib.Path:
    recording = Recording()
    recording.files = {
        "proc/sys/kernel/hostname": b"\x1b[2J|web\n",
        "proc/long": b"x" * 5000,
        "proc/binary": b"\0\1\2",
        "sys/class/net/eth0/address": b"02:77:00:37:20:93\n",
        "sys/" + "deep/" * 20 + "file": b"1\n",
    }
    recording.links = {"etc/os-release": "../usr/lib/os-release"}
    recording.directories = {"sys/bus/xen", "sys/class"}
    recording.errors = {"dev/mem": "EACCES", "sys/seen": "ENODATA"}
    clean, counts = redact(recording) if redacted else (recording, None)
    archive.write(str(path), archive.pack(archive.entries(clean, "1", counts)))
    return path


def test_a_list_is_read_by_a_person(tmp_path: pathlib.Path, capsys: Capture) -> None:
    told = listed(small(tmp_path / "x.tar.gz", redacted=True), capsys)
    assert told.isascii()
    assert "proc/long  4.9 KiB\n" in told
    assert "proc/binary  3 B\n" in told
    assert "sys/class/net/eth0/address  18 B  02:77:00:00:00:01\n" in told
    assert "etc/os-release  -> ../usr/lib/os-release\n" in told
    assert "sys/bus/xen/\n" in told
    assert "sys/class/\n" not in told  # something is in it
    assert "dev/mem  could not be read: EACCES\n" in told
    assert "sys/seen" not in told.split("virt-agent/errors.json")[0]
    assert "10 entries; 1 more files were seen in listings and not read.\n" in told
    assert told.endswith("Redacted. Replaced by pseudonyms, or dropped:\n    MAC address: 1\n    host: 1\n")
    assert all(len(line) <= 80 for line in told.splitlines() if "deep" not in line)


def test_hostile_content_reaches_no_terminal(tmp_path: pathlib.Path, capsys: Capture) -> None:
    told = listed(small(tmp_path / "x.tar.gz", redacted=False), capsys)
    assert "proc/sys/kernel/hostname  9 B  ?[2J/web\n" in told
    assert told.endswith("Not redacted: real names, addresses and serial numbers may be in it.\n")


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_every_guest_can_be_listed(name: str, capsys: Capture) -> None:
    path = corpus.archive(name)
    told = listed(pathlib.Path(path), capsys)
    assert told.isascii()
    assert ("Not known to be redacted" if path.endswith(".xz") else "Redacted. Replaced by pseudonyms") in told


def test_a_directory_can_be_listed(tmp_path: pathlib.Path, capsys: Capture) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "uptime").write_text("1.0 2.0\n")
    (tmp_path / "proc" / "denied").mkdir(mode=0)
    os.mkfifo(tmp_path / "proc" / "fifo")
    assert listed(tmp_path, capsys) == (
        "proc/denied/\nproc/fifo  neither file nor link\nproc/uptime  8 B  1.0 2.0\n"
        "\n3 entries.\nNot known to be redacted: real names, addresses and serial numbers may be in it.\n"
    )


@pytest.mark.parametrize("name", ["meta", "errors"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"{}"])
def test_damaged_answers_hide_no_entry(name: str, content: bytes, tmp_path: pathlib.Path, capsys: Capture) -> None:
    answers = tmp_path / "virt-agent"
    answers.mkdir()
    (answers / f"{name}.json").write_bytes(content)
    assert f"virt-agent/{name}.json  {len(content)} B" in listed(tmp_path, capsys)


def test_a_damaged_file_is_told_with_3(tmp_path: pathlib.Path, capsys: Capture) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"no tar")
    assert main(["--list", str(tmp_path / "x.tar.gz")]) == 3
    assert "not a readable" in capsys.readouterr().err
