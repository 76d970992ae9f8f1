"""What a recorder noted, played back, gives the same facts: of written machines, of real guests, of this one."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import corpus
from tests.machines import (
    Link,
    collect,
    device,
    disk,
    interface,
    lay_out,
    machine,
    present,
    recorded,
    recorded_answers,
    replay,
    signed,
)
from virt_collectors.collect import Collection, choose
from virt_collectors.errors import Absent, Malformed, SourceError, refusal
from virt_collectors.facts import Facts
from virt_collectors.host import Host, Uname, archive
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DirectoryTree, MemoryTree
from virt_collectors.record import plain, replace


def outcomes(collection: Collection) -> dict[str, tuple[str, str | None]]:
    return {outcome.name: (outcome.outcome, outcome.reason) for outcome in collection.outcomes}


def assert_replays(host: Host) -> Facts:
    """Recording costs no fact, and the recording gives the facts, the outcomes and itself again."""
    plainly = collect(host)
    seen, recording = recorded(host)
    assert plain(seen.facts) == plain(plainly.facts)
    assert outcomes(seen) == outcomes(plainly)
    again, once_more = recorded(replay(recording))
    assert plain(again.facts) == plain(seen.facts)
    assert outcomes(again) == outcomes(seen)
    assert once_more.files == recording.files
    assert recorded_answers(once_more) == recorded_answers(recording)
    return seen.facts


SYNTHETIC = {
    **device("pci0000:00/0000:00:05.0", "nvme", "pci", {"vendor": "0x1d0f\n", "device": "0x8061\n", "class": "0x1\n"}),
    **disk("nvme0n1", "pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1", {"inflight": "0 1\n"}, {"nvme0n1p1": "259:1"}),
    "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1/device": Link("../../nvme0"),
    "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0/state": "live\n",
    **device("vif-0", "vif", "xen", {"state": "Connected\n"}),
    "sys/bus/xen/devices/vif-0": Link("../../../devices/vif-0"),
    "sys/bus/pci/devices/0000:00:05.0": Link("../../../devices/pci0000:00/0000:00:05.0"),
    **interface("eth0", "vif-0", {"mtu": "1500\n", "address": "02:00:00:00:00:01\n"}),
    **interface("bond0", "virtual", {}, over=("eth0",)),
    "sys/class/net/bonding_masters": "bond0\n",
    "sys/hypervisor/type": "xen\n",
    "sys/hypervisor/version/major": "4\n",
    "sys/hypervisor/version/minor": "17\n",
    "proc/net": Link("self/net"),
    "proc/self": Link("4711"),
    "proc/4711/net/route": "Iface\nbond0 00000000 00000000 0003 0 0 100 00000000\n",
    "proc/4711/mountinfo": "22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n23 1 0:31 / /b\\040c ro - btrfs /dev/nvme0n1 ro\n",
    "proc/4711/ns/pid": Link("pid:[4026531836]"),
    "proc/4711/ns/uts": Link("uts:[4026531838]"),
    "proc/4711/ns/ipc": Link("ipc:[4026531839]"),
    "proc/uptime": "12.34 5.6\n",
    "proc/cmdline": "root=/dev/nvme0n1p1\n",
    "etc/os-release": Link("../usr/lib/os-release"),
    "usr/lib/os-release": 'PRETTY_NAME="Guest"\n',
    "dangling": Link("nowhere"),
    "dev/kvm": "",
}
ERRORS = {
    "sys/hypervisor/uuid": "ENOENT",
    "sys/devices/vif-0/net/eth0/carrier": "EINVAL",
    "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1/stat": "EIO",
    "sys/class/dmi/id/product_uuid": "EACCES",
    "sys/firmware/dmi/tables/DMI": "EACCES",
    "proc/stat": "EAGAIN",
    "proc/meminfo": "ENODEV",
}


def test_a_written_machine_replays(tmp_path: pathlib.Path) -> None:
    host = machine(
        tmp_path,
        SYNTHETIC,
        ERRORS,
        cpuid={1: replace(signed(""), ecx=1 << 31), 0x40000000: signed("XenVMMXenVMM")},
        imds={"/latest/meta-data/system": "xen"},
        kernel_log="[    0.000000] Booting kernel on Xen\n",
        meta={"time": "2026-11-20T12:00:00Z", "privileged": False, "uname": ["Linux", "n", "6.1", "#1", "x86_64"]},
    )
    facts = assert_replays(host)
    assert facts.clock is not None
    assert facts.clock.time == 1795176000.0
    assert facts.unreadable["sys/block/nvme0n1/stat"] == "EIO"
    assert "sys/hypervisor/uuid" not in facts.unreadable
    assert [disk.disks for disk in facts.mounts or ()] == [("nvme0n1",)] * 2


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_a_known_machine_replays(name: str) -> None:
    assert_replays(corpus.host(name))


@pytest.mark.parametrize("name", corpus.CASES[::6])
def test_a_case_on_disk_is_the_case_in_memory(tmp_path: pathlib.Path, name: str) -> None:
    case = json.loads((corpus.HERE / "cases" / f"{name}.json").read_text())
    assert plain(collect(lay_out(case, tmp_path)).facts) == plain(collect(corpus.host(name)).facts)


def settled(facts: Facts) -> object:
    """The facts that do not move while we look, and that are not about being live."""
    still = plain(facts)
    for moving in ("time", "uptime_seconds", "read_seconds"):
        still["clock"].pop(moving)
    for moving in ("memory", "kernel_log"):
        still.pop(moving)
    still["system"].pop("live")
    for thing in still["block_devices"] or ():
        thing.pop("in_flight")
        thing.pop("completed")
        thing.pop("flushed")
    return still


def test_this_machine_replays() -> None:
    seen, recording = recorded(LiveHost())
    again = collect(replay(recording))
    assert settled(again.facts) == settled(seen.facts)
    assert settled(collect(LiveHost()).facts) == settled(seen.facts)
    live, replayed = outcomes(seen), outcomes(again)
    assert {name for name in live if live[name] != replayed[name]} == set()
    assert plain(again.facts.memory) == plain(seen.facts.memory)
    assert again.facts.kernel_log == replace(present(seen.facts.kernel_log), followed=False)
    assert again.facts.clock is not None
    assert seen.facts.clock is not None
    assert again.facts.clock.time == pytest.approx(seen.facts.clock.time)
    assert again.facts.clock.suspended_seconds == seen.facts.clock.suspended_seconds
    assert again.facts.clock.read_seconds == seen.facts.clock.read_seconds
    assert replace(again.facts.clock, time=None) == replace(seen.facts.clock, time=None)


class Locked(LiveHost):
    """This machine to somebody without privileges."""

    def kernel_log(self) -> str:
        raise refusal("dev/kmsg", "EPERM")

    def attribute(self, path: str) -> bytes:
        if path.endswith(("product_uuid", "current_clocksource")):
            raise refusal(path, "EACCES")
        return super().attribute(path)


def test_this_machine_without_privileges_replays() -> None:
    seen, recording = recorded(Locked())
    again = collect(replay(recording))
    assert again.facts.unreadable == seen.facts.unreadable
    assert settled(again.facts) == settled(seen.facts)
    assert {name for name, how in outcomes(seen).items() if how != outcomes(again)[name]} == set()
    assert outcomes(seen)["kernel_log"] == ("absent", None)
    assert outcomes(seen)["clock"][0] == "failed"


def test_a_recording_holds_what_was_looked_at_and_nothing_else(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"sys/a": "1", "sys/b": "2", "sys/c/d": "3", "sys/l": Link("c"), "etc/shadow": "x"})
    recorder = Recorder(host)
    assert recorder.names("sys") == ["a", "b", "c", "l"]
    assert recorder.attribute("sys/l/d") == b"3"
    recording = recorder.recording
    assert recording.files == {"sys/c/d": b"3"}
    assert recording.links == {"sys/l": "c"}
    again = replay(recording)
    assert again.names("sys") == ["a", "b", "c", "l"]
    assert again.attribute("sys/c/d") == b"3"
    with pytest.raises(SourceError, match="not recorded"):
        again.attribute("sys/a")
    assert recording.errors == {"sys/a": "ENODATA", "sys/b": "ENODATA"}


def test_a_file_read_after_it_was_listed_is_recorded_as_read(tmp_path: pathlib.Path) -> None:
    recorder = Recorder(machine(tmp_path, {"sys/a": "1"}))
    recorder.names("sys")
    recorder.attribute("sys/a")
    assert (recorder.recording.errors, recorder.recording.files) == ({}, {"sys/a": b"1"})


def test_a_listing_through_a_link_is_recorded_whole(tmp_path: pathlib.Path) -> None:
    recorder = Recorder(machine(tmp_path, {"real/dir/file": "1", "real/dir/sub/x": "1", "way": Link("real/dir")}))
    assert recorder.names("way") == ["file", "sub"]
    assert replay(recorder.recording).names("way") == ["file", "sub"]


def test_what_exists_unread_exists_in_the_replay(tmp_path: pathlib.Path) -> None:
    recorder = Recorder(machine(tmp_path, {"dev/kvm": "x", "dir/x": "", "l": Link("dev/kvm"), "no": Link("where")}))
    paths = ("dev/kvm", "dir", "l", "no", "nothing")
    assert [recorder.exists(path) for path in paths] == [True, True, True, False, False]
    assert [replay(recorder.recording).exists(path) for path in paths] == [True, True, True, False, False]
    assert recorder.recording.files["dev/kvm"] == b""


def test_the_recorder_passes_damage_on(tmp_path: pathlib.Path) -> None:
    host = machine(tmp_path, {"virt-agent/meta.json": "{"})
    assert [error.path for error in Recorder(host).damage()] == ["virt-agent/meta.json"]


def test_the_recorder_keeps_what_uname_and_the_clock_say() -> None:
    recorder = Recorder(LiveHost())
    assert recorder.live
    assert replay_of(recorder).uname() == recorder.uname()
    assert isinstance(recorder.recording.uname, Uname)


def replay_of(recorder: Recorder) -> SnapshotHost:
    recorder.uname()
    return replay(recorder.recording)


IMAGE = "boot/initrd.img-6.1.0"


class Initramfs(SnapshotHost):
    """Its images are what they are told to be."""

    error: SourceError | None = None

    def initramfs(self, path: str) -> tuple[str, ...]:
        if self.error:
            raise self.error
        return ("init",)


def initramfs(error: SourceError | None) -> tuple[SnapshotHost, SnapshotHost]:
    """A machine with this image, and what the archive of a snapshot replays of it."""
    tree, made = MemoryTree(), MemoryTree()
    tree.add(IMAGE, b"x")
    host = Initramfs(tree)
    host.error = error
    recorder = Recorder(host)
    recorder.names("boot")
    answer(recorder, "initramfs", IMAGE)
    for path, entry in archive.entries(recorder.recording, "1", None).items():
        made.add(path, entry)
    return host, SnapshotHost(made)


@pytest.mark.parametrize(
    "error", [None, *(refusal(IMAGE, code) for code in ("EACCES", "EPERM", "ENOPKG", "EFBIG", "EIO"))]
)
def test_an_initramfs_that_was_refused_is_refused_again(error: SourceError | None) -> None:
    """Else a want of privilege, or of a library, replays as an image that was not written completely."""
    host, replayed = initramfs(error)
    assert answer(replayed, "initramfs", IMAGE) == answer(host, "initramfs", IMAGE)


def test_a_damaged_initramfs_stays_damaged() -> None:
    _, replayed = initramfs(Malformed(IMAGE, "ends early"))
    assert answer(replayed, "initramfs", IMAGE) == ("Malformed", "MALFORMED")


NAMES = st.sampled_from(["a", "b", "c", "l"])
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    st.none() | st.binary(max_size=3) | st.sampled_from(["a", "../b", "/c", "l", "../../a/b", "b/c", "."]),
    max_size=8,
)
QUESTIONS = st.lists(
    st.tuples(
        st.sampled_from(["attribute", "file", "names", "link", "real", "exists"]),
        st.lists(NAMES, min_size=1, max_size=4).map("/".join),
    ),
    min_size=1,
    max_size=12,
)


def answer(host: Host, method: str, path: str) -> object:
    try:
        return getattr(host, method)(path)
    except SourceError as error:
        return (type(error).__name__, "" if isinstance(error, Absent) else error.code)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@example(tree={"a": ".", "b": b""}, questions=[("names", "b"), ("names", "a")], refused={})
@given(tree=TREES, questions=QUESTIONS, refused=st.dictionaries(NAMES, st.sampled_from(["EIO", "EACCES"]), max_size=2))
def test_every_question_asked_once_gets_its_answer_again(
    tree: dict[str, bytes | str | None], questions: list[tuple[str, str]], refused: dict[str, str]
) -> None:
    made = MemoryTree()
    for path, entry in sorted(tree.items()):
        if all(made.kind(above) in (None, "directory") for above in parents(path)):
            made.add(path, entry)
    # a link refuses as what it leads to
    refused = {path: code for path, code in refused.items() if made.kind(path) != "link"}
    made.add("virt-agent/errors.json", json.dumps(refused).encode())
    recorder = Recorder(SnapshotHost(made))
    before = [answer(recorder, *question) for question in questions]
    again = replay(recorder.recording)
    assert [answer(again, *question) for question in questions] == before


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:at]) for at in range(1, len(parts))]


def test_choose_runs_over_a_directory_tree_too(tmp_path: pathlib.Path) -> None:
    host = SnapshotHost(DirectoryTree(str(machine_directory(tmp_path))))
    assert recorded(host, choose())[0].outcomes[0].name == "snapshot"


def machine_directory(directory: pathlib.Path) -> pathlib.Path:
    machine(directory, SYNTHETIC, ERRORS)
    return directory
