"""Snapshots from strangers: the archive, its answer files, the privileged helper's files, and whole guests."""

from __future__ import annotations

import json
import lzma
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests import corpus, ebs_page
from virt_agent import observe
from virt_agent.modes import diff
from virt_agent.readiness import COLLECTORS as OPTIONAL
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_collectors.collect import FAILED, STUCK, choose, run
from virt_collectors.errors import DamagedSnapshot, Malformed
from virt_collectors.host import Host, privileged
from virt_collectors.host import tar as limits
from virt_collectors.host.archive import entries, pack
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost, parse_time
from virt_collectors.host.tree import DIRECTORY, FILE, LINK, OTHER, MemoryTree, Tree, open_tree
from virt_collectors.record import plain
from virt_collectors.redact import redact

from .. import outputs
from ..form import Target, as_json, files, joined, one_line, parts, refused, tree

_EVERY = (*OPTIONAL, "nvme_latencies")
_DEPTH = 64
_BOOT = "0c2b5a5e-0000-4000-8000-000000000001"


def archive(data: bytes) -> None:
    """A damaged one is refused in one line; whatever another one holds lies inside it."""
    with _small_limits(), tempfile.NamedTemporaryFile(dir=_memory()) as file:
        file.write(data)
        file.flush()
        try:
            made = open_tree(file.name)
        except DamagedSnapshot as error:
            one_line(str(error).removeprefix(file.name))
            return
        for path in _walk(made, "", 0):
            assert ".." not in path.split("/")
            if made.kind(path) == FILE:
                made.content(path, limits.ENTRY_BYTES)
        host = SnapshotHost(made)
        host.damage()
        for path in list(_walk(made, "", 0))[:50]:
            refused(lambda path=path: host.file(path))  # type: ignore[misc]
            refused(lambda path=path: host.real(path))  # type: ignore[misc]


@contextmanager
def _small_limits() -> Iterator[None]:
    """So that a bomb is found one in a moment."""
    before = limits.TAR_BYTES, limits.TAR_ENTRIES, limits.ENTRY_BYTES
    limits.TAR_BYTES, limits.TAR_ENTRIES, limits.ENTRY_BYTES = 4 << 20, 2000, 1 << 20
    try:
        yield
    finally:
        limits.TAR_BYTES, limits.TAR_ENTRIES, limits.ENTRY_BYTES = before


def _memory() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _walk(made: Tree, above: str, depth: int) -> Iterable[str]:
    for name in made.names(above) if depth < _DEPTH else ():
        path = f"{above}/{name}" if above else name
        assert made.kind(path) in (FILE, DIRECTORY, LINK, OTHER), path
        yield path
        if made.kind(path) == DIRECTORY:
            yield from _walk(made, path, depth + 1)


def answers(data: bytes) -> None:
    """The JSON files of virt-agent/, in the order of _ANSWERS: each question has an answer or a stated error."""
    made = MemoryTree()
    for name, content in zip(_ANSWERS, parts(data, len(_ANSWERS)), strict=True):
        if content:
            made.add(f"virt-agent/{name}", content)
    host = SnapshotHost(made)
    for error in host.damage():
        one_line(error.why)
    for ask in _QUESTIONS:
        refused(lambda ask=ask: ask(host))  # type: ignore[misc]
    for answer in (host.time(), host.suspended(), host.clock_read()):
        assert answer is None or isinstance(answer, float)
    _look(made)


_ANSWERS = (
    "meta.json", "errors.json", "cpuid.json", "imds.json", "ethtool/eth0.json", "nvme/names.json", "initramfs.json",
    "heads.json", "space.json", "nvme/nvme0.d0",
)  # fmt: skip
_QUESTIONS: tuple[Callable[[Host], object], ...] = (
    lambda host: host.cpuid_method(),
    lambda host: host.cpuid(0x40000000),
    lambda host: host.metadata("/latest/meta-data/instance-id"),
    lambda host: host.ethtool("eth0"),
    lambda host: host.nvme_device_name("nvme0"),
    lambda host: host.nvme_log("nvme0"),
    lambda host: host.initramfs("boot/initrd.img-6"),
    lambda host: host.head("boot/vmlinuz-6", 528),
    lambda host: host.space("boot"),
    lambda host: host.uname(),
    lambda host: host.names("virt-agent"),
    lambda host: host.kernel_log(),
)


def guest(data: bytes) -> None:
    """A guest of any content: a report in every form, no internal error, and the same report of its own recording."""
    made = tree(data)
    report = _look(made)
    complaints = list(outputs.every(report))
    assert not complaints, complaints[:3]
    recorder = Recorder(SnapshotHost(made))
    for collector in choose(optional=_EVERY):
        run(recorder, collector)
    clean, _ = redact(recorder.recording)
    for recording in (recorder.recording, clean):
        pack(entries(recording, "1", None))


def _look(made: MemoryTree) -> Report:
    report = observe.observe(SnapshotHost(made), Selection(), optional=_EVERY, seconds=60.0, collector_seconds=30.0)
    for outcome in report.outcomes:
        assert outcome.outcome != STUCK, outcome
        assert "internal error" not in (outcome.reason or ""), outcome.reason
        assert outcome.outcome != FAILED or outcome.reason
    return report


def difference(data: bytes) -> None:
    """--diff of two guests: none with itself, and from either side the same places."""
    first, second = (
        diff._flat(_told(_look(tree(part)))) for part in data.split(b"\n====\n", 1) + [b""] * (b"\n====\n" not in data)
    )
    assert list(diff.compare(first, first)) == []
    there, back = list(diff.compare(first, second)), list(diff.compare(second, first))
    assert [(change.path, change.before, change.after) for change in there] == [
        (change.path, change.after, change.before) for change in back
    ]
    for line in diff._told(there):
        assert line.isascii()
        assert line.isprintable()


def _told(report: Report) -> dict[str, Any]:
    return {"facts": plain(report.reading.facts), "rules": report.states}


def helpers_file(data: bytes) -> None:
    """What the privileged helper left: Malformed, or answers whose pages are the bytes that were given."""
    if refused(lambda: privileged.parse("run/virt-agent/static.json", data, _BOOT), Malformed) is not None:
        return
    found = privileged.parse("run/virt-agent/static.json", data, _BOOT)
    assert 0 <= found.time < 1e12
    assert all(len(content) <= len(data) for content in (*found.files.values(), *found.pages.values()))
    assert all(0 <= value < 1 << 32 for each in found.cpuid.values() for value in plain(each).values())
    assert all(len(word) <= 64 for word in (*found.refusals.values(), *found.device_names.values()))


def stamp(data: bytes) -> None:
    """A snapshot's time: seconds or None."""
    seconds = parse_time(data.decode("utf-8", "replace"))
    assert seconds is None or abs(seconds) < 1e12


def _archives() -> Iterable[bytes]:
    host = Recorder(corpus.host("D02-ec2-pv-uuid-enoent"))
    for collector in choose():
        run(host, collector)
    packed = pack(entries(host.recording, "1", None))
    yield packed
    yield lzma.compress(b"".join((b"a".ljust(512, b"\0"), bytes(1024))))


def _answer_seeds() -> Iterable[bytes]:
    yield joined(
        as_json(
            {
                "schema": 1,
                "time": "2026-11-20T12:00:00Z",
                "uname": ["Linux", "n", "6.1", "#1", "x86_64"],
                "privileged": True,
            }
        ),
        as_json({"sys/block": "EACCES", "proc/uptime": "EIO"}),
        as_json(
            {
                "method": "instruction",
                "leaves": {"0x40000000": dict.fromkeys(("eax", "ebx", "ecx", "edx"), "0x40000001")},
            }
        ),
        as_json({"state": "ok", "responses": {"/latest/meta-data/instance-id": {"status": 200, "body": "i-0"}}}),
        as_json(
            {
                "driver": "ena",
                "statistics": {"tx_timeout": 1},
                "channels": {},
                "ring": {"rx": 5},
                "scatter_gather": True,
            }
        ),
        as_json({"nvme0": "sdf"}),
        as_json({"boot/initrd.img-6": ["init", "usr/lib/modules/6/ena.ko"]}),
        as_json({"boot/vmlinuz-6": {"size": 10, "head": "7f45"}}),
        as_json({"boot": {"total": 10, "free": 5}}),
        ebs_page.page(),
    )


def _cases() -> Iterable[bytes]:
    for name in corpus.CASES[::3]:
        case = corpus._answers(name)
        extra = {
            f"virt-agent/{key}.json": json.dumps(case[key]) for key in ("cpuid", "imds", "errors") if case.get(key)
        }
        made = files({**case["files"], **extra, "virt-agent/kernel.log": case.get("kernel_log") or ""})
        if len(made) < 8000:
            yield made


def _pairs() -> Iterable[bytes]:
    cases = list(_cases())
    for one, other in zip(cases[::7], cases[3::7], strict=False):
        yield one + b"\n====\n" + other


def _helpers() -> Iterable[bytes]:
    base = {"schema": 1, "time": 5.0, "boot_id": _BOOT}
    registers = dict.fromkeys(("eax", "ebx", "ecx", "edx"), "0x1")
    yield as_json({**base, "files": {"a": "eA=="}, "cpuid": {"method": "x", "leaves": {"0x40000000": registers}}})
    yield as_json(
        {
            **base,
            "controllers": {"nvme0": {"state": "ok", "page": "eA==", "device_name": "sdf"}, "nvme1": {"error": "EIO"}},
        }
    )


TARGETS = (
    Target("archive", "entries inside the archive, or one line that says why not", archive, _archives, 16384),
    Target("answers", "an answer or a stated error", answers, _answer_seeds),
    Target("guest", "a report in every form, each as its readers take it", guest, _cases, 8192),
    Target("difference", "none with itself, the same from either side", difference, _pairs, 16384),
    Target("helpers_file", "Malformed, or bounded answers", helpers_file, _helpers),
    Target("stamp", "seconds or None", stamp, lambda: (b"2026-11-20T12:00:00+01:00", b"2026-11-20T12:00:00Z"), 64),
)
