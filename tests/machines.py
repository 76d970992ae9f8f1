"""Machines for tests: written down as a dict of files, laid out from a case, or replayed from a recording.

machine(tmp_path, {"sys/hypervisor/type": "xen\n", "sys/block/vda": Link("../devices/…/vda")})
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from virt_collectors.collect import COLLECTORS, Collection, Collector, Runner, choose
from virt_collectors.host import Host, Registers
from virt_collectors.host.recorder import Recorder, Recording
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DirectoryTree, MemoryTree
from virt_collectors.record import plain
from virt_collectors.source import Source

T = TypeVar("T")


class Link(NamedTuple):
    """A symbolic link's text."""

    target: str


# A file's text or bytes, a link, or None for a directory.
Entry = str | bytes | Link | None
Files = Mapping[str, Entry]
NO_REGISTERS = Registers(0, 0, 0, 0)


def write(directory: pathlib.Path, files: Files) -> pathlib.Path:
    """The files below directory."""
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            target.mkdir(exist_ok=True)
        elif isinstance(content, Link):
            target.symlink_to(content.target)
        else:
            target.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def machine(
    directory: pathlib.Path,
    files: Files,
    errors: Mapping[str, str] | None = None,
    cpuid: Mapping[int, Registers] | None = None,
    method: str = "instruction",
    imds: Mapping[str, str] | None = None,
    kernel_log: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> SnapshotHost:
    """A snapshot in a directory; `imds` gives bodies by path, `errors` errno names by path."""
    answers: dict[str, Any] = {"errors": errors, "meta": meta}
    if cpuid is not None:
        answers["cpuid"] = cpuid_answer(method, cpuid)
    if imds is not None:
        answers["imds"] = imds_answer({path: (200, body) for path, body in imds.items()})
    write(directory, files)
    write(directory, {f"virt-agent/{name}.json": json.dumps(value) for name, value in answers.items() if value})
    if kernel_log is not None:
        write(directory, {"virt-agent/kernel.log": kernel_log})
    return SnapshotHost(DirectoryTree(str(directory)))


def cpuid_answer(method: str, leaves: Mapping[int, Registers]) -> dict[str, Any]:
    """The form of virt-agent/cpuid.json."""
    named = {
        f"0x{leaf:08x}": {name: f"0x{getattr(registers, name):08x}" for name in ("eax", "ebx", "ecx", "edx")}
        for leaf, registers in leaves.items()
    }
    return {"method": method, "leaves": named}


def imds_answer(responses: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """The form of virt-agent/imds.json."""
    named = {path: {"status": status, "body": body} for path, (status, body) in responses.items()}
    return {"state": "ok", "version": "v2", "responses": named}


def signed(text: str, eax: int = 0) -> Registers:
    """The registers of a CPUID base leaf that carries a hypervisor's name."""
    raw = text.encode("latin-1").ljust(12, b"\0")
    return Registers(eax, *(int.from_bytes(raw[at : at + 4], "little") for at in (0, 4, 8)))


def lay_out(case: Mapping[str, Any], directory: pathlib.Path) -> SnapshotHost:
    """A case of tests/cases as a snapshot in a directory."""
    for path, content in case["files"].items():
        write(directory, {path.rstrip("/"): _case_entry(content)})
    answers = {name: case[name] for name in ("cpuid", "imds", "errors") if case.get(name)}
    write(directory, {f"virt-agent/{name}.json": json.dumps(answer) for name, answer in answers.items()})
    if case.get("kernel_log"):
        write(directory, {"virt-agent/kernel.log": case["kernel_log"]})
    return SnapshotHost(DirectoryTree(str(directory)))


def _case_entry(content: Any) -> Entry:
    if isinstance(content, dict):
        return Link(content["symlink"]) if "symlink" in content else bytes.fromhex(content["hex"])
    return None if content is None else str(content)


def replay(recording: Recording) -> SnapshotHost:
    """A snapshot of what was recorded, in memory."""
    tree = MemoryTree()
    for path in sorted(recording.directories):
        tree.add(path, None)
    for path, content in recording.files.items():
        tree.add(path, content)
    for path, target in recording.links.items():
        tree.add(path, target)
    for name, answer in recorded_answers(recording).items():
        tree.add(f"virt-agent/{name}", answer.encode() if isinstance(answer, str) else json.dumps(answer).encode())
    return SnapshotHost(tree)


def recorded_answers(recording: Recording) -> dict[str, Any]:
    """The files of virt-agent/: kernel.log as text, the others for JSON."""
    meta: dict[str, Any] = {"schema": 1}
    if recording.uname is not None:
        meta["uname"] = [getattr(recording.uname, field) for field in type(recording.uname).fields]
    if recording.time is not None:
        meta["time"] = datetime.datetime.fromtimestamp(recording.time, datetime.timezone.utc).isoformat()
    if recording.privileged is not None:
        meta["privileged"] = recording.privileged
    answers: dict[str, Any] = {"meta.json": meta, "errors.json": recording.errors}
    if recording.cpuid_method is not None:
        answers["cpuid.json"] = cpuid_answer(recording.cpuid_method, recording.cpuid)
    if recording.metadata or recording.metadata_state != "ok":
        asked = {path: (answer.status, answer.body) for path, answer in recording.metadata.items()}
        answers["imds.json"] = {**imds_answer(asked), "state": recording.metadata_state}
    if recording.nvme_device_names:
        answers["nvme/names.json"] = recording.nvme_device_names
    answers["initramfs.json"] = {path: list(names) for path, names in recording.initramfs.items()}
    answers["heads.json"] = {path: {"size": size, "head": head.hex()} for path, (head, size) in recording.heads.items()}
    answers["space.json"] = {path: plain(space) for path, space in recording.space.items()}
    if recording.suspended is not None:
        meta["suspended_seconds"] = recording.suspended
    if recording.clock_read is not None:
        meta["clock_read_seconds"] = recording.clock_read
    answers |= {f"ethtool/{name}.json": plain(answer) for name, answer in recording.ethtool.items()}
    if recording.kernel_log is not None:
        answers["kernel.log"] = recording.kernel_log
    return answers


def collect(host: Host, *names: str, seconds: float = 60.0) -> Collection:
    """One round of the named collectors, or of all but the optional ones."""
    chosen = [collector for collector in COLLECTORS if collector.name in names] if names else choose()
    return Runner(host, collector_seconds=seconds).collect(chosen, seconds)


def recorded(host: Host, collectors: Iterable[Collector] = ()) -> tuple[Collection, Recording]:
    """A round of collectors over a host, and what a recorder noted of it."""
    recorder = Recorder(host)
    collection = Runner(recorder, collector_seconds=60.0).collect(collectors or choose(), 60.0)
    return collection, recorder.recording


def problems(source: Source) -> list[str]:
    """What makes a collector fail, as "path code"."""
    return [f"{error.path} {error.code}" for error in source.problems]


def present(value: T | None) -> T:
    """The value, which must be there."""
    assert value is not None
    return value


def device(at: str, driver: str, bus: str, files: Files | None = None) -> dict[str, Entry]:
    """A device at sys/devices/AT with its driver and bus links."""
    above = f"sys/devices/{at}"
    up = "../" * (at.count("/") + 2)
    return {
        f"{above}/driver": Link(f"{up}bus/{bus}/drivers/{driver}"),
        f"{above}/subsystem": Link(f"{up}bus/{bus}"),
        f"sys/bus/{bus}/drivers/{driver}": None,
        **{f"{above}/{name}": content for name, content in (files or {}).items()},
    }


def disk(name: str, at: str, files: Files | None = None, parts: Mapping[str, str] | None = None) -> dict[str, Entry]:
    """A disk whose directory is sys/devices/AT, with its partitions: name → "major:minor"."""
    real = f"sys/devices/{at}"
    found: dict[str, Entry] = {
        f"{real}/size": "16777216\n",
        f"sys/block/{name}": Link(f"../devices/{at}"),
        f"sys/class/block/{name}": Link(f"../../devices/{at}"),
        **{f"{real}/{path}": content for path, content in (files or {}).items()},
    }
    for part, number in (parts or {}).items():
        found[f"{real}/{part}/partition"] = "1\n"
        found[f"sys/class/block/{part}"] = Link(f"../../devices/{at}/{part}")
        found[f"sys/dev/block/{number}"] = Link(f"../../devices/{at}/{part}")
    return found


def interface(name: str, at: str, files: Files | None = None, over: Iterable[str] = ()) -> dict[str, Entry]:
    """A network interface whose directory is sys/devices/AT/net/NAME, lying over others."""
    real = f"sys/devices/{at}/net/{name}"
    found: dict[str, Entry] = {
        f"{real}/operstate": "up\n",
        f"sys/class/net/{name}": Link(os.path.relpath(real, "sys/class/net")),
        **{f"{real}/{path}": content for path, content in (files or {}).items()},
    }
    if not at.startswith("virtual"):
        found[f"{real}/device"] = Link("../..")
    return found | {f"{real}/lower_{lower}": Link(f"../../../x/net/{lower}") for lower in over}
