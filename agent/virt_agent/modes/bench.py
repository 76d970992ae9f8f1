"""--bench: measure this guest; --bench --compare A B: two such measurements side by side."""

from __future__ import annotations

import os
import ssl
import sys
import time

from virt_collectors.collect import why_root_disk_may_hang
from virt_collectors.record import plain, replace
from virt_collectors.source import Source

from .. import observe
from ..instance_types import name_of
from ..measure import boot, busy, calls, disk, document, faults, rounds, text
from ..measure import compare as comparing
from ..measure.document import Run
from ..measure.told import told
from ..options import Options, UsageError
from ..render.progress import Progress, progress
from ..render.words import headline
from .check import words
from .walk import ToldRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from virt_collectors.facts import Facts
    from virt_collectors.host import Host
    from virt_collectors.memory import Memory

    from ..rules.form import Reading

RUN_SECONDS = 10.0
NICE = 10  # which also makes the reads best-effort, level 6 of 7 (ioprio_set(2))
DIRECTORY = "/var/tmp"  # noqa: S108  a disk's, unlike /tmp on many systems (file-hierarchy(7))
_STEAL_SECONDS = 0.3
_KEPT_SECONDS = 0.5  # for the figures that are no rounds, and for printing
_FILE_LIMIT = 64 << 20
_SILENT = Progress()
_BOOT_ID = "proc/sys/kernel/random/boot_id"  # random(4): another one for each boot
_NOT_NEEDED = (
    "snapshot",
    "network",
    "virtio",
    "kernel_log",
    "kernel_journal",
    "nvme",
    "ethtool",
    "guest_tools",
    "configuration",
)


def bench(options: Options, host: Host | None = None) -> int:
    """0 where it could measure or compare; UsageError where the machine, this one unless another is given, is busy."""
    if options.get("compare"):
        first, second = options.get("compare")
        return _compare(first, second, bool(options.get("json")))
    with progress(options) as line:
        run = _run(options, host or observe.open_host(None), line)
    sys.stdout.write(document.render(run) if options.get("json") else text.render(run, bool(options.get("quiet"))))
    return 0


def _run(options: Options, host: Host, line: Progress) -> Run:
    """A look at the machine and at who else is at work here, then the figures."""
    until = time.monotonic() + options.get("timeout", RUN_SECONDS)
    load, before = busy.read(host)
    began = time.monotonic()
    reading, _ = observe.read(ToldRunner(host, line), (*_NOT_NEEDED, *options.without_collectors), (), until - began)
    line.tell("looking whether this machine is busy")
    time.sleep(max(_STEAL_SECONDS - (time.monotonic() - began), 0.0))
    trouble = busy.reasons(load, _processors(reading.facts), busy.steal(before, busy.read(host)[1]))
    refuse_where_busy(trouble, bool(options.get("force")))
    os.nice(NICE)
    run = measure(host, reading, options.get("directory", DIRECTORY), until - _KEPT_SECONDS, line=line)
    found = {**_load(load), "nice": NICE, "forced": bool(trouble), "busy": "; ".join(trouble) or None}
    return replace(run, conditions={**run.conditions, **found})


def refuse_where_busy(trouble: list[str], force: bool) -> None:
    """A measurement of a busy machine tells of its work, and adds to it."""
    if trouble and not force:
        raise UsageError(f"this machine is busy: {'; '.join(trouble)}. Try later, or --force to measure all the same")


def measure(
    host: Host, reading: Reading, directory: str, until: float, count: int = rounds.ROUNDS, line: Progress = _SILENT
) -> Run:
    """All figures, within the time."""
    facts, began, before = reading.facts, time.monotonic(), busy.read(host)[1]
    machine = facts.system.architecture if facts.system else None
    on = disk.Disk(directory, machine, why_hanging(facts, directory), lambda descriptor: _place(host, descriptor))
    try:
        planned = (*calls.planned(machine), *faults.PLANNED, *on.planned())
        found = rounds.run(told(planned, line, count), until, count)
    finally:
        on.close()
    line.tell("asking how long the boot took")
    container = reading.verdict.layers.container
    found |= boot.read(lambda: _ask_systemd(facts), host.kernel_log, container)
    conditions = _conditions(found, facts, time.monotonic() - began, before, busy.read(host)[1])
    return Run(
        {**_host(facts), "boot_id": Source(host).text(_BOOT_ID)}, _verdict(reading), conditions, _disk(on, facts), found
    )


def _ask_systemd(facts: Facts) -> str:
    """Starting a program reads the root disk."""
    hanging = why_root_disk_may_hang(facts)
    if hanging:
        raise OSError(f"not asked, for the root disk may hang: {hanging}")
    return boot.ask_systemd()


def why_hanging(facts: Facts, directory: str) -> str | None:
    """Why a file there might never come back: the disk that carries the directory, judged as a root's is."""
    path = os.path.abspath(directory)
    above = [
        mount
        for mount in facts.mounts or ()
        if mount.point == "/" or f"{path}/".startswith(mount.point.rstrip("/") + "/")
    ]
    nearest = max(above, key=lambda mount: len(mount.point), default=None)
    as_root = replace(facts, mounts=(replace(nearest, point="/"),) if nearest else ())
    return why_root_disk_may_hang(as_root)


def _place(host: Host, descriptor: int) -> disk.Place | None:
    fdinfo = host.attribute(f"proc/self/fdinfo/{descriptor}").decode("ascii", "replace")
    return disk.place_of(fdinfo, host.file("proc/self/mountinfo").decode("utf-8", "replace"))


def _processors(facts: Facts) -> int:
    return facts.cpu.processors if facts.cpu else os.cpu_count() or 1


def _host(facts: Facts) -> dict[str, Any]:
    system = facts.system
    return {
        "hostname": system.hostname if system else None,
        "kernel": system.kernel if system else None,
        "architecture": system.architecture if system else None,
        "os": facts.os,
        "processor": facts.cpu.model_name if facts.cpu else None,
        "cpus": _processors(facts),
        "python": ".".join(map(str, sys.version_info[:3])),
        "openssl": ssl.OPENSSL_VERSION,
        "time": facts.clock.time if facts.clock else None,
        "uptime_seconds": facts.clock.uptime_seconds if facts.clock else None,
    }


def _verdict(reading: Reading) -> dict[str, Any]:
    verdict = reading.verdict
    keys = ("hypervisor", "guest_mode", "role", "cloud", "ec2_system", "confidence")
    return {
        "words": words(verdict.hypervisor, verdict.guest_mode, verdict.role),
        "headline": headline(reading),
        "instance_type": name_of(reading.facts),
        "container": verdict.layers.container,
        **{key: getattr(verdict, key) for key in keys},
    }


def _conditions(
    found: dict[str, rounds.Measured], facts: Facts, seconds: float, before: Memory, after: Memory
) -> dict[str, Any]:
    stolen = busy.steal(before, after)
    return {
        "rounds": max((len(each.values) for each in found.values()), default=0),
        "seconds": round(seconds, 1),
        "steal_percent": None if stolen is None else round(stolen, 1),
        "clocksource": facts.clock.current if facts.clock else None,
    }


def _load(load: busy.Load) -> dict[str, Any]:
    return {"load": load.load, "cpu_wait_percent": load.cpu_percent, "io_wait_percent": load.io_percent}


def _disk(on: disk.Disk, facts: Facts) -> dict[str, Any]:
    """Which disk the file lay on, as far as the mounts tell."""
    place = on.place
    mount = next((m for m in reversed(facts.mounts or ()) if place and m.point == place.point), None)
    below = [each for each in facts.block_devices or () if mount and each.name in mount.disks]
    return {
        "directory": on.directory,
        "file_system": place.type if place else None,
        "device": mount.device if mount else place.source if place else None,
        "driver": " and ".join(dict.fromkeys(str(each.driver) for each in below)) or None,
        "volume_id": " and ".join(each.volume_id for each in below if each.volume_id) or None,
        "file_bytes": on.file.content if on.file else None,
    }


def _compare(first: str, second: str, as_json: bool) -> int:
    """Two files of one or several documents each."""
    a, b = (_runs(path) for path in (first, second))
    found, others = comparing.compare(a, b), comparing.differences(a, b)
    if as_json:
        sys.stdout.write(document.dump(_compared((first, second), (len(a), len(b)), found, others)))
    else:
        names = tuple(f"{path}: {runs[0].verdict.get('headline') or '?'}" for path, runs in ((first, a), (second, b)))
        sys.stdout.write(text.compared((names[0], names[1]), (len(a), len(b)), found, others))
    return 0


def _runs(path: str) -> tuple[Run, ...]:
    try:
        with open(path, "rb") as file:
            content = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"--compare {path}: {error.strerror}") from None
    if len(content) > _FILE_LIMIT:
        raise UsageError(f"--compare {path}: it is far too large to be a document of --bench")
    try:
        return document.parse(content.decode("utf-8", "replace"))
    except document.Unfit as error:
        raise UsageError(f"--compare {path}: {error}") from None


def _compared(
    names: tuple[str, str],
    counts: tuple[int, int],
    found: tuple[comparing.Comparison, ...],
    others: tuple[comparing.Difference, ...],
) -> dict[str, Any]:
    figures = {}
    for each in found:
        told = {"title": each.figure.title, "unit": each.figure.unit, "more_is_better": each.figure.more_is_better}
        figures[each.figure.name] = {
            **told, "a": plain(each.a), "b": plain(each.b), "verdict": each.verdict, "ratio": each.ratio,
        }  # fmt: skip
    return {
        "schema": document.SCHEMA,
        "a": {"file": names[0], "runs": counts[0]},
        "b": {"file": names[1], "runs": counts[1]},
        "differences": plain(others),
        "compare": figures,
    }
