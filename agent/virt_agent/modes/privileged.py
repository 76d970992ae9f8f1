"""--collect-privileged WHAT: what only root may read, left in files for the daemon, which is not root.

Started by hand or by a timer: `static` once after boot, `nvme` once a minute or so. The form of the files, and who
believes them, is in `virt_collectors.host.privileged`.
"""

from __future__ import annotations

import os
import sys

from virt_collectors.collect import Runner, choose
from virt_collectors.cpuid import read_cpuid
from virt_collectors.errors import Absent, SourceError
from virt_collectors.host import Host, archive, privileged
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import ANSWERS, Recorder, Recording
from virt_collectors.source import Source

from .. import __version__, observe
from ..options import Options, UsageError
from ..render.ascii import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Found = tuple[dict[str, Any], list[str]]


def collect_privileged(options: Options) -> int:
    """Writes the files and tells what is in them; 0 where they could be written."""
    if os.geteuid() != 0:
        raise UsageError("--collect-privileged reads what only root may: sudo virt-agent --collect-privileged all")
    what = options.get("collect-privileged")
    directory = options.get("privileged.directory", privileged.DIRECTORY)
    seconds = options.get("timeout", observe.RUN_SECONDS)
    for name in _READERS if what == "all" else (what,):
        for line in write(directory, name, LiveHost(), seconds):
            print(f"virt-agent: {clean(line, 300)}", file=sys.stderr if line.startswith("not read") else sys.stdout)
    return 0


def write(directory: str, name: str, host: Host, seconds: float) -> list[str]:
    """One of the files; the lines tell what it holds, and what could not be read."""
    found, told = _READERS[name](host, seconds)
    document = {"agent_version": __version__, "time": host.time(), "boot_id": _boot_id(host), **found}
    try:
        written = privileged.leave(directory, name, document)
    except archive.Refused as error:
        raise UsageError(f"--collect-privileged: {error}") from None
    return [f"{written}; {told[0]}", *told[1:]]


def _boot_id(host: Host) -> str:
    try:
        return host.attribute(privileged.BOOT_ID).decode("ascii", "replace").strip()
    except SourceError as error:
        raise UsageError(
            f"--collect-privileged: /{error.path}: {error.why}; no reader would believe the files"
        ) from None


def read_static(host: Host, _seconds: float) -> Found:
    """Firmware's serial numbers and tables, and CPUID by the device."""
    files, lost = {}, []
    for path in privileged.FILES:
        try:
            files[path] = _base64(host.file(path))
        except Absent:
            continue  # no such firmware here
        except SourceError as error:
            lost.append(f"not read: /{error.path}: {error.why}")
    recorder = Recorder(host)
    read_cpuid(Source(recorder))
    method, leaves = recorder.recording.cpuid_method, recorder.recording.cpuid
    found: dict[str, Any] = {"files": files}
    if method is not None:
        found["cpuid"] = archive.cpuid_answer(method, leaves)
    names = [path.rpartition("sys/")[2] for path in files]
    return found, [f"{', '.join(names) or 'no firmware tables'}; CPUID by {method or 'nothing'}", *lost]


def read_nvme(host: Host, seconds: float) -> Found:
    """The statistics of Amazon's NVMe controllers and the names of their volumes, as far as they come in time."""
    recorder = Recorder(host)
    chosen = [collector for collector in choose() if collector.name == "nvme"]
    collection = Runner(recorder, seconds).collect(chosen, seconds)
    controllers = _controllers(recorder.recording)
    lost = [f"not read: {outcome.name} {outcome.outcome}: {outcome.reason}" for outcome in collection.outcomes
            if outcome.reason]  # fmt: skip
    told = [f"{name} {controller['state']}" for name, controller in sorted(controllers.items())]
    return {"controllers": controllers}, [", ".join(told) or "no Amazon NVMe controller that is live", *lost]


def _controllers(recording: Recording) -> dict[str, dict[str, str]]:
    """By name: the page, or the errno's name of the refusal; and under which name EC2 attached the volume."""
    prefix = f"{ANSWERS}/nvme/"
    refused = {path: code for path, code in dict(recording.errors).items() if path.startswith(prefix)}
    found = {
        path[len(prefix) :].removesuffix(".d0"): {"state": "refused", "error": code} for path, code in refused.items()
    }
    pages = dict(recording.nvme_logs)
    found |= {name: {"state": "ok", "page": _base64(page)} for name, page in pages.items()}
    called = dict(recording.nvme_device_names)
    return {name: told | ({"device_name": called[name]} if name in called else {}) for name, told in found.items()}


def _base64(content: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(content, newline=False).decode()


_READERS: dict[str, Callable[[Host, float], Found]] = {
    privileged.STATIC: read_static,
    privileged.NVME: read_nvme,
}
