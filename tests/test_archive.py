"""A recording as a file: what is in it, that it replays, and how it is written."""

from __future__ import annotations

import io
import os
import pathlib
import stat
import tarfile

import pytest

from tests import corpus
from virt_collectors.collect import Runner, choose
from virt_collectors.errors import Absent
from virt_collectors.facts import Facts
from virt_collectors.host import Host, Metadata, Registers, Uname, archive
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder, Recording
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import open_tree
from virt_collectors.record import plain


def look(host: Host) -> tuple[Facts, list[tuple[str, str, str | None]]]:
    found = Runner(host, corpus.PATIENCE).collect(choose(), corpus.PATIENCE)
    return found.facts, [(outcome.name, outcome.outcome, outcome.reason) for outcome in found.outcomes]


def stored(recording: Recording, path: pathlib.Path) -> SnapshotHost:
    archive.write(str(path), archive.pack(archive.entries(recording, "1.2.3", None)))
    return SnapshotHost(open_tree(str(path)))


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_a_full_archive_replays_to_the_same_facts(name: str, tmp_path: pathlib.Path) -> None:
    recorder = Recorder(corpus.host(name))
    facts, outcomes = look(recorder)
    again, outcomes_again = look(stored(recorder.recording, tmp_path / "x.tar.gz"))
    assert plain(again) == plain(facts)
    assert outcomes_again == outcomes


def test_this_machine_replays_to_the_same_facts(tmp_path: pathlib.Path) -> None:
    recorder = Recorder(LiveHost())
    facts, outcomes = look(recorder)
    again, outcomes_again = look(stored(recorder.recording, tmp_path / "x.tar.gz"))
    seen, replayed = plain(facts), plain(again)
    for moving in ("clock", "system"):  # below; and a replay is not live
        del seen[moving], replayed[moving]
    assert seen["kernel_log"].pop("followed") != replayed["kernel_log"].pop("followed")
    assert replayed == seen
    assert [outcome[:2] for outcome in outcomes_again] == [outcome[:2] for outcome in outcomes]
    assert again.clock is not None
    assert facts.clock is not None
    assert again.clock.time == pytest.approx(facts.clock.time, abs=1e-5)


def sample() -> Recording:
    recording = Recording()
    recording.files = {"proc/uptime": b"1.0 2.0\n", "sys/only/asked": b"", "sys/denied/empty": b""}
    recording.links = {"sys/class/x": "../devices/x"}
    recording.directories = {"", "sys/bus/xen"}
    recording.errors = {
        "sys/denied/empty": "EACCES",
        "sys/denied/serial": "EIO",
        "sys/only/asked": "ENODATA",
        "proc/uptime": "EIO",
        "sys/bus/xen": "EISDIR",
        "sys/class/x": "ELOOP",
        "virt-agent/kernel.log": "EPERM",
    }
    recording.cpuid_method = "instruction"
    recording.cpuid = {
        1: Registers(0, 0, 0, 0),
        0x40000000: Registers(1, 2, 3, 4),
        0x40000002: Registers(0, 0, 0, 0),
        0x40000100: Registers(0, 0, 0, 0),
    }
    recording.metadata = {"/latest/meta-data/profile": Metadata(200, "default-hvm")}
    recording.uname, recording.time = Uname("Linux", "host", "6.1", "#1", "x86_64"), 1_700_000_000.25
    recording.privileged = True
    return recording


def test_answers_have_the_form_of_the_design(tmp_path: pathlib.Path) -> None:
    stored(sample(), tmp_path / "x.tar.gz")
    tree = open_tree(str(tmp_path / "x.tar.gz"))
    host = SnapshotHost(tree)
    assert host.uname() == sample().uname
    assert host.time() == 1_700_000_000.25
    assert host.privileged() is True
    assert host.metadata("/latest/meta-data/profile").body == "default-hvm"
    assert host.damage() == []
    assert tree.target("sys/class/x") == "../devices/x"
    assert tree.kind("sys/bus/xen") == "directory"


class Interrupted(SnapshotHost):
    """A metadata service that stops answering at its third path."""

    def __init__(self) -> None:
        super().__init__(corpus.tree("D20-ec2-c5large"))
        self.asked = 0

    def metadata(self, path: str) -> Metadata:
        self.asked += 1
        if self.asked > 2:
            raise Absent(path, "no answer", "ENOENT")
        return super().metadata(path)


def test_a_metadata_service_that_stopped_answering_does_not_replay_as_one_that_has_nothing(
    tmp_path: pathlib.Path,
) -> None:
    recorder = Recorder(Interrupted())
    facts, _ = look(recorder)
    again, _ = look(stored(recorder.recording, tmp_path / "x.tar.gz"))
    assert facts.imds is None
    assert again.imds is None


def test_only_empty_leaves_where_nobody_begins_are_left_out() -> None:
    answer = archive.entries(sample(), "1", None)["virt-agent/cpuid.json"]
    assert isinstance(answer, bytes)
    assert [leaf for leaf in ("0x00000001", "0x40000000", "0x40000002", "0x40000100") if leaf.encode() in answer] == [
        "0x00000001",
        "0x40000000",
        "0x40000002",
    ]


def test_errors_keep_what_could_not_be_read_and_nothing_that_was() -> None:
    found = archive.entries(sample(), "1", None)
    answer = found["virt-agent/errors.json"]
    assert isinstance(answer, bytes)
    kept = [path for path in sample().errors if f'"{path}"'.encode() in answer]
    assert kept == ["sys/denied/empty", "sys/denied/serial", "virt-agent/kernel.log"]
    assert found["sys/denied/serial"] == b""  # so that a link that leads there ends in something
    assert "virt-agent/kernel.log" not in found
    assert found["proc/uptime"] == b"1.0 2.0\n"


def test_the_same_recording_gives_the_same_bytes_in_the_order_of_paths() -> None:
    packed = archive.pack(archive.entries(sample(), "1", {"uuid": 2}))
    assert packed == archive.pack(archive.entries(sample(), "1", {"uuid": 2}))
    with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
        members = opened.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }


def test_only_its_owner_may_read_it_whatever_the_umask(tmp_path: pathlib.Path) -> None:
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            archive.write(str(tmp_path / f"{umask}.tar.gz"), b"x")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{umask}.tar.gz").stat().st_mode) == 0o600


def test_an_older_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(b"old")
    path.chmod(0o644)
    archive.write(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["x.tar.gz"]


def test_a_name_without_folder_is_written_here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    archive.write("x.tar.gz", b"x")
    assert (tmp_path / "x.tar.gz").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["nowhere/x.tar.gz", "folder", "folder/", "fifo", "link", "file/x.tar.gz", ""])
def test_what_cannot_be_written_is_refused_by_name_and_left_as_it_is(name: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("stays")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(archive.Refused) as refused:
        archive.write(f"{tmp_path}/{name}", b"x")
    assert f"{tmp_path}/{name}" in str(refused.value)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "file").read_text() == "stays"


def test_a_name_too_long_leaves_no_temporary_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(archive.Refused, match="File name too long"):
        archive.write(f"{tmp_path}/{'x' * 300}", b"x")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_no_file_is_refused() -> None:
    with pytest.raises(archive.Refused, match="/proc/x"):  # not even root may
        archive.write("/proc/x.tar.gz", b"x")
