"""The privileged helper: what it leaves, who believes it, and what an unprivileged agent tells with it."""

from __future__ import annotations

import inspect
import json
import os
import pathlib
import shutil
import stat
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import ebs_page
from tests.ebs_page import Fields
from tests.machines import Entry, Link, collect, machine, present, recorded, replay, signed
from tests.test_nvme import controller
from virt_agent import observe
from virt_agent.modes import privileged as helper
from virt_agent.options import UsageError, parse
from virt_agent.selection import Selection
from virt_collectors.collect import COLLECTORS, Runner
from virt_collectors.errors import Absent, Denied, Malformed, SourceError, refusal
from virt_collectors.host import Host, NvmeLog, Registers
from virt_collectors.host import privileged as files
from virt_collectors.host.helped import Helped
from virt_collectors.host.privileged import BOOT_ID, DEVICE, Answers, PrivilegedFile
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DirectoryTree
from virt_collectors.record import values

BOOT = "88633236-9031-44e8-8e3c-756f0460590a"
UUID = "sys/class/dmi/id/product_uuid"
SMBIOS = bytes.fromhex("00180000010200e80300800008000000000001100100ffff") + b"Amazon EC2\0\0"
XEN = {0x40000000: signed("XenVMMXenVMM", 0x40000004), 0x40000001: Registers(4 << 16 | 17, 0, 0, 0),
       0x40000002: Registers(1, 0x40000000, 1, 0), 0x40000004: Registers(1 << 4, 0, 7, 0), 1: Registers(0, 0, 1 << 31, 0)}  # fmt: skip
FILES: dict[str, Entry] = {
    BOOT_ID: BOOT + "\n",
    UUID: "ec2cecdd-c1c8-7a71-0ea8-aef580c9f845\n",
    "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "sys/class/dmi/id/product_serial": "ec2cecdd\n",
    "sys/firmware/dmi/tables/DMI": SMBIOS,
    "sys/block/nvme0n1": Link("../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"),
    **controller(),
}
REFUSED = {UUID: "EACCES", "sys/class/dmi/id/product_serial": "EACCES", "sys/firmware/dmi/tables/DMI": "EACCES",
           "virt-agent/nvme/nvme0.d0": "EACCES"}  # fmt: skip


class Live(SnapshotHost):
    """A snapshot that passes for a live machine."""

    live = True


def root(tmp_path: pathlib.Path, page: bytes | None = None, **more: Any) -> Host:
    """The machine as root sees it."""
    log: dict[str, Entry] = {"virt-agent/nvme/nvme0.d0": ebs_page.page(Fields(queue=9)) if page is None else page,
                             "virt-agent/nvme/names.json": '{"nvme0": "sdf"}'}  # fmt: skip
    shutil.rmtree(tmp_path / "root", ignore_errors=True)
    machine(tmp_path / "root", FILES | log, meta={"time": "2026-11-20T12:00:00Z", "privileged": True}, **more)
    return Live(DirectoryTree(str(tmp_path / "root")))


def nobody(tmp_path: pathlib.Path, errors: Mapping[str, str] = REFUSED, **more: Any) -> Helped:
    """The same machine as nobody sees it, with the helper's files beside it."""
    shutil.rmtree(tmp_path / "nobody", ignore_errors=True)
    machine(tmp_path / "nobody", FILES, errors, meta={"time": "2026-11-20T12:01:00Z", "privileged": False}, **more)
    return Helped(Live(DirectoryTree(str(tmp_path / "nobody"))), str(tmp_path / "run"))


def leave(tmp_path: pathlib.Path, host: Host | None = None) -> None:
    for name in ("static", "nvme"):
        helper.write(str(tmp_path / "run"), name, host or root(tmp_path), 60.0)


def document(**changes: Any) -> bytes:
    whole = {"schema": 1, "time": 1.0, "boot_id": BOOT, "files": {UUID: "eA=="}, "controllers": {}}
    return json.dumps({**whole, **changes}).encode()


# the whole way


def test_nobody_with_the_helper_knows_what_root_knows(tmp_path: pathlib.Path) -> None:
    leave(tmp_path, root(tmp_path, cpuid=XEN, method=DEVICE))
    facts = collect(nobody(tmp_path)).facts
    whole = collect(root(tmp_path, cpuid=XEN, method=DEVICE)).facts
    assert (facts.dmi, facts.cpuid) == (whole.dmi, whole.cpuid)
    assert present(facts.dmi).vm_bit is True
    (seen,), (known,) = present(facts.nvme), present(whole.nvme)
    assert seen.statistics == known.statistics
    assert present(seen.statistics).queue_length == 9
    assert seen.statistics_time == 1795176000.0, "when the helper read it, and not now"
    assert (seen.device_name, known.device_name) == ("sdf", "sdf")
    assert not {path for path, code in facts.unreadable.items() if code == "EACCES"}


def test_nobody_without_the_helper_is_refused_as_ever(tmp_path: pathlib.Path) -> None:
    host = nobody(tmp_path)
    facts = collect(host).facts
    assert present(facts.dmi).product_uuid is None
    assert present(facts.nvme)[0].statistics_state == "denied"
    assert present(facts.nvme)[0].device_name is None
    assert facts.unreadable[UUID] == "EACCES"
    assert host.damage() == []


def test_the_files_belong_to_the_group_of_their_directory_and_others_cannot_read_them(tmp_path: pathlib.Path) -> None:
    group = max(os.getgroups() or [os.getegid()])
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", -1, group)
    old = os.umask(0o077)
    leave(tmp_path)
    os.umask(old)
    for name in ("static.json", "nvme.json"):
        status = (tmp_path / "run" / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, group)
    assert sorted(os.listdir(tmp_path / "run")) == ["nvme.json", "static.json"], "no temporary file is left"


def test_a_missing_directory_is_made_and_closed_to_others(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) & 0o027 == 0


def test_it_says_what_it_wrote_and_what_it_could_not_read(tmp_path: pathlib.Path) -> None:
    host = root(tmp_path, b"short", errors={"sys/class/dmi/id/product_serial": "EIO"})
    static, lost = helper.write(str(tmp_path / "run"), "static", host, 60.0)
    assert static.startswith(f"{tmp_path}/run/static.json: ")
    assert "mode 0640; class/dmi/id/product_uuid, firmware/dmi/tables/DMI; CPUID by nothing" in static
    assert lost == "not read: /sys/class/dmi/id/product_serial: input/output error (EIO)"
    lines = helper.write(str(tmp_path / "run"), "nvme", host, 60.0)
    assert lines[0].endswith("; nvme0 ok")
    assert lines[1].startswith("not read: nvme failed: /dev/nvme0: log page 0xD0 has 5 bytes")


def test_a_refusal_that_root_got_is_passed_on(tmp_path: pathlib.Path) -> None:
    machine(tmp_path / "root", FILES, {"virt-agent/nvme/nvme0.d0": "EOPNOTSUPP"}, meta={"time": "2026-11-20T12:00:00Z"})
    leave(tmp_path, Live(DirectoryTree(str(tmp_path / "root"))))
    (found,) = present(collect(nobody(tmp_path), "nvme").facts.nvme)
    assert found.statistics_state == "unsupported"


def test_a_refused_page_costs_no_name(tmp_path: pathlib.Path) -> None:
    names: dict[str, Entry] = {"virt-agent/nvme/names.json": '{"nvme0": "sdf", "nvme7": "sdg"}'}
    errors = {"virt-agent/nvme/nvme0.d0": "EOPNOTSUPP"}
    machine(tmp_path / "root", FILES | names, errors, meta={"time": "2026-11-20T12:00:00Z"})
    leave(tmp_path, Live(DirectoryTree(str(tmp_path / "root"))))
    left = json.loads((tmp_path / "run" / "nvme.json").read_bytes())["controllers"]
    assert left == {"nvme0": {"state": "refused", "error": "EOPNOTSUPP", "device_name": "sdf"}}
    assert present(collect(nobody(tmp_path), "nvme").facts.nvme)[0].device_name == "sdf"


def test_a_file_of_before_there_were_names_is_read_as_ever(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    path = tmp_path / "run" / "nvme.json"
    left = json.loads(path.read_bytes())
    del left["controllers"]["nvme0"]["device_name"]
    path.write_text(json.dumps(left))
    (found,) = present(collect(nobody(tmp_path), "nvme").facts.nvme)
    assert (found.statistics_state, found.device_name) == ("ok", None)


def test_where_it_cannot_write_it_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "no" / "such", tmp_path / "file"):
        with pytest.raises(UsageError, match="--collect-privileged: "):
            helper.write(str(directory), "static", root(tmp_path), 60.0)
    (tmp_path / "run" / "static.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a directory"):
        helper.write(str(tmp_path / "run"), "static", root(tmp_path), 60.0)


def test_without_a_boot_id_nothing_is_written(tmp_path: pathlib.Path) -> None:
    machine(tmp_path / "root", {"sys/x": ""})
    with pytest.raises(UsageError, match="boot_id"):
        helper.write(str(tmp_path / "run"), "static", Live(DirectoryTree(str(tmp_path / "root"))), 60.0)
    assert not (tmp_path / "run").exists()


def test_the_next_round_sees_the_next_page(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    host = nobody(tmp_path)
    lengths = []
    for queue in (9, 10, 11):
        helper.write(str(tmp_path / "run"), "nvme", root(tmp_path, ebs_page.page(Fields(queue=queue))), 60.0)
        (found,) = present(collect(host, "nvme").facts.nvme)
        lengths.append(present(found.statistics).queue_length)
    assert lengths == [9, 10, 11]


def test_a_snapshot_of_nobodys_holds_the_helpers_answers(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    collection, recording = recorded(nobody(tmp_path))
    again = collect(replay(recording), "dmi").facts
    assert again.dmi == collection.facts.dmi
    assert recording.nvme_logs == {"nvme0": ebs_page.page(Fields(queue=9))}


# who is believed


def held(tmp_path: pathlib.Path, content: bytes, boot: str = BOOT) -> Answers | None:
    (tmp_path / "static.json").write_bytes(content)
    os.chmod(tmp_path / "static.json", 0o640)
    return PrivilegedFile(str(tmp_path), "static", lambda: boot).answers()


def test_a_file_in_its_form_is_believed(tmp_path: pathlib.Path) -> None:
    assert present(held(tmp_path, document())).files == {UUID: b"x"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"schema": 1', "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (document(schema=2), "schema '2' is not known"),
        (document(boot_id="another"), "another boot"),
        (document(boot_id=None), "another boot"),
        (document(time="noon"), "form"),
        (document(time=-1), "form"),
        (document(time=float("nan")), "form"),
        (document(files=[]), "form"),
        (document(files={UUID: "not base64!"}), "form"),
        (document(files={UUID: "eA"}), "form"),
        (document(files={UUID: 5}), "form"),
        (document(cpuid={"method": DEVICE}), "form"),
        (document(cpuid={"method": DEVICE, "leaves": {"x": {}}}), "form"),
        (document(cpuid={"method": DEVICE, "leaves": {"0x1": {"eax": "0x0"}}}), "form"),
        (document(controllers={"nvme0": {"state": "ok"}}), "form"),
        (document(controllers={"nvme0": 7}), "form"),
        (document(controllers={"nvme0": {"error": "EIO", "device_name": 7}}), "form"),
        (document(controllers={"nvme0": {"error": "EIO", "device_name": "x" * 65}}), "form"),
    ],
)  # fmt: skip
def test_what_has_not_the_form_is_not_believed(tmp_path: pathlib.Path, content: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        held(tmp_path, content)


def test_a_boot_whose_id_is_unknown_believes_nothing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Malformed, match="another boot"):
        held(tmp_path, document(boot_id=""), boot="")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))  # fmt: skip


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("schema", "time", "boot_id", "files", "cpuid", "controllers"), JSON)
    )
)
def test_any_document_is_answers_or_malformed(changes: dict[str, Any]) -> None:
    try:
        found = files.parse("x", document(**changes), BOOT)
    except Malformed:
        return
    assert all(isinstance(content, bytes) for content in (*found.files.values(), *found.pages.values()))


@given(st.binary(max_size=200))
def test_any_bytes_are_answers_or_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        files.parse("x", content, BOOT)


@pytest.mark.parametrize("mode", [0o660, 0o646, 0o666])
def test_a_file_that_others_may_write_is_not_believed(tmp_path: pathlib.Path, mode: int) -> None:
    held(tmp_path, document())
    os.chmod(tmp_path / "static.json", mode)
    with pytest.raises(Malformed, match="may be written by others"):
        PrivilegedFile(str(tmp_path), "static", lambda: BOOT).answers()


def test_another_users_file_is_not_believed(tmp_path: pathlib.Path) -> None:
    held(tmp_path, document())
    mine = os.stat(tmp_path / "static.json")
    files.believable("x", mine)
    theirs = os.stat_result((mine.st_mode, 0, 0, 1, os.geteuid() + 4711, 0, 10, 0, 0, 0))
    with pytest.raises(Malformed, match="not to root"):
        files.believable("x", theirs)
    files.believable("x", os.stat_result((mine.st_mode, 0, 0, 1, 0, 0, 10, 0, 0, 0)))


def test_links_folders_fifos_and_giants_are_not_believed(tmp_path: pathlib.Path) -> None:
    held(tmp_path, document())
    path = tmp_path / "static.json"
    path.rename(tmp_path / "real.json")
    path.symlink_to("real.json")
    told = [why(tmp_path)]
    path.unlink()
    path.mkdir()
    told.append(why(tmp_path))
    path.rmdir()
    os.mkfifo(path, 0o640)
    told.append(why(tmp_path))
    path.unlink()
    path.touch(0o640)
    os.truncate(path, files.LIMIT + 1)
    told.append(why(tmp_path))
    assert told == [
        "is a link, not a file; not used",
        *["is no regular file; not used"] * 2,
        "is far larger than such a file can be (EFBIG)",
    ]


def why(directory: pathlib.Path) -> str:
    with pytest.raises(SourceError) as caught:
        PrivilegedFile(str(directory), "static", lambda: BOOT).answers()
    assert caught.value.path == f"{directory}/static.json".lstrip("/")
    return caught.value.why


def test_no_file_and_a_file_for_others_are_normal(tmp_path: pathlib.Path) -> None:
    assert PrivilegedFile(str(tmp_path), "static", lambda: BOOT).answers() is None
    assert PrivilegedFile(str(tmp_path / "no"), "static", lambda: BOOT).answers() is None
    if os.geteuid() != 0:
        held(tmp_path, document())
        os.chmod(tmp_path / "static.json", 0)
        assert PrivilegedFile(str(tmp_path), "static", lambda: BOOT).answers() is None


def test_what_is_not_believed_is_told_once_and_costs_no_fact(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    for name in ("static", "nvme"):
        (tmp_path / "run" / f"{name}.json").write_text("rubbish")
    host = nobody(tmp_path)
    collection = collect(host)
    outcomes = {found.name: found for found in collection.outcomes}
    assert outcomes["snapshot"].outcome == "failed"
    assert "static.json: is not a JSON object; not used (and 1 more)" in present(outcomes["snapshot"].reason)
    assert [name for name, found in outcomes.items() if found.outcome == "failed"] == ["snapshot"]
    assert present(collection.facts.dmi).sys_vendor == "Amazon EC2"
    assert collection.facts.unreadable[UUID] == "EACCES"
    assert present(collection.facts.nvme)[0].statistics_state == "denied"


def test_root_reads_for_itself_and_needs_no_file(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    (tmp_path / "run" / "static.json").write_text("rubbish")
    assert Helped(root(tmp_path), str(tmp_path / "run")).damage() == []


# CPUID


def instruction(found: Host) -> tuple[str, str | None, int | None]:
    cpuid = present(collect(found, "cpuid").facts.cpuid)
    return cpuid.method, cpuid.signatures[0].text if cpuid.signatures else None, cpuid.xen_domid


OUTER = {0x40000000: signed("KVMKVMKVM"), 1: Registers(0, 0, 1 << 31, 0)}
LATER = XEN | {0x40000004: Registers(1 << 4, 0, 8, 0)}


@pytest.mark.parametrize(
    ("recorded_by", "leaves", "ours", "answer"),
    [
        (DEVICE, XEN, OUTER, (DEVICE, "XenVMMXenVMM", 7)),  # inside Xen PV
        (DEVICE, XEN, None, (DEVICE, "XenVMMXenVMM", 7)),  # a sandbox that lets no instruction run
        (DEVICE, XEN, LATER, ("instruction", "XenVMMXenVMM", 8)),  # the same, and newer: restored since
        (DEVICE, OUTER, OUTER, ("instruction", "KVMKVMKVM", None)),
        ("instruction", XEN, OUTER, ("instruction", "KVMKVMKVM", None)),  # the helper knew no better
    ],
)
def test_whose_cpuid_is_taken(
    tmp_path: pathlib.Path,
    recorded_by: str,
    leaves: dict[int, Registers],
    ours: dict[int, Registers] | None,
    answer: Any,
) -> None:
    leave(tmp_path, root(tmp_path, cpuid=leaves, method=recorded_by))
    assert instruction(nobody(tmp_path, cpuid=ours)) == answer


def test_who_may_ask_the_device_asks_it(tmp_path: pathlib.Path) -> None:
    leave(tmp_path, root(tmp_path, cpuid=XEN, method=DEVICE))
    assert instruction(nobody(tmp_path, cpuid=LATER, method=DEVICE)) == (DEVICE, "XenVMMXenVMM", 8)


def test_no_cpuid_at_all_is_absent(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Absent):
        nobody(tmp_path).cpuid_method()


# the Host


class NoDevice(Live):
    """A sandbox without /dev (PrivateDevices=)."""

    def nvme_log(self, name: str) -> NvmeLog:
        raise refusal(f"dev/{name}", "ENOENT")

    def nvme_device_name(self, controller: str) -> str:
        raise refusal(f"dev/{controller}", "ENOENT")


def test_a_sandbox_that_hides_the_device_is_helped_too(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    host = Helped(NoDevice(DirectoryTree(str(tmp_path / "root"))), str(tmp_path / "run"))
    assert host.nvme_log("nvme0").time == 1795176000.0
    assert host.nvme_device_name("nvme0") == "sdf"
    for question in (host.nvme_log, host.nvme_device_name):
        with pytest.raises(Absent):
            question("nvme1")


def test_every_question_is_passed_on() -> None:
    asked = {name for name, member in vars(Host).items() if inspect.isfunction(member)}
    assert asked - {"__init__"} <= set(vars(Helped))


def test_the_answers_are_those_of_the_machine(tmp_path: pathlib.Path) -> None:
    host, machine_itself = nobody(tmp_path), Live(DirectoryTree(str(tmp_path / "nobody")))
    for question in ("uname", "time", "suspended", "clock_read", "privileged"):
        assert told(host, question) == told(machine_itself, question), question
    for question, path in (("names", "sys/class/nvme"), ("link", "sys/class/nvme/nvme0"), ("real", "sys/class/nvme/nvme0"),
                           ("exists", UUID), ("metadata", "/latest"), ("ethtool", "eth0"), ("kernel_log", None),
                           ("kernel_journal", None), ("file", BOOT_ID), ("attribute", BOOT_ID)):  # fmt: skip
        assert told(host, question, path) == told(machine_itself, question, path), question
    assert host.live


def told(host: Host, question: str, path: str | None = None) -> object:
    try:
        return getattr(host, question)(*([path] if path else []))
    except SourceError as error:
        return error.path, error.code


def test_a_content_longer_than_asked_for_is_not_given(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    host = nobody(tmp_path)
    assert host.file("sys/firmware/dmi/tables/DMI") == SMBIOS
    with pytest.raises(Denied):
        host.file("sys/firmware/dmi/tables/DMI", len(SMBIOS) - 1)


# the mode


@pytest.mark.parametrize("what", ["static", "nvme", "all"])
def test_the_mode(what: str) -> None:
    options = parse(["--collect-privileged", what, "--privileged.directory", "/run/x"])
    assert (options.mode, options.get("collect-privileged")) == ("collect-privileged", what)
    assert what == "all" or what in helper._READERS


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--collect-privileged"], "needs WHAT"),
        (["--collect-privileged", "dmi"], "none of static, nvme, all"),
        (["--collect-privileged", "all", "--root", "/x"], "takes no --root"),
        (["--collect-privileged", "all", "--json"], "no JSON form"),
        (["--rules", "--privileged.directory", "/x"], "goes with"),
    ],
)
def test_what_makes_no_sense(words: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse(words)


def test_it_needs_root(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(["--collect-privileged", "all", "--privileged.directory", str(tmp_path / "run")])
    if os.geteuid() != 0:
        with pytest.raises(UsageError, match="sudo"):
            helper.collect_privileged(options)
        return
    assert helper.collect_privileged(options) == 0
    assert capsys.readouterr().out.count("mode 0640") == 2


def test_a_live_look_takes_the_directory(tmp_path: pathlib.Path) -> None:
    host = observe.open_host(None, str(tmp_path))
    assert isinstance(host, Helped)
    (tmp_path / "static.json").write_text("rubbish")
    os.chmod(tmp_path / "static.json", 0o640)
    assert len(host.damage()) == (0 if os.geteuid() == 0 else 1)


def test_the_report_of_nobody_with_the_helper_has_nothing_unchecked_of_it(tmp_path: pathlib.Path) -> None:
    leave(tmp_path)
    with_helper = observe.observe(nobody(tmp_path), Selection(), seconds=60.0, sample=0.0)
    os.unlink(tmp_path / "run" / "nvme.json")
    without = observe.observe(nobody(tmp_path), Selection(), seconds=60.0, sample=0.0)
    assert with_helper.states["V09"] == "ok"
    assert without.states["V09"] == "unknown"
    assert with_helper.status == without.status


def test_the_files_that_are_copied_are_those_that_a_collector_asks_for(tmp_path: pathlib.Path) -> None:
    collectors = [collector for collector in COLLECTORS if collector.name == "dmi"]
    host = nobody(tmp_path, dict.fromkeys(files.FILES, "EACCES"))
    refused = Runner(host, 60.0).collect(collectors, 60.0).facts.unreadable
    assert set(refused) == set(files.FILES)


def test_answers_are_printed_by_value() -> None:
    assert values(Answers(1.0)) == (1.0, {}, None, {}, {}, {}, {})
