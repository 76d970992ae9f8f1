"""The root disk frozen from outside under the running service, and thawed: what it answered, said and kept meanwhile.

What happens is in `frost.py`, a program that needs no disk, and in the host's tests/vm/frozen_disk.py. Here it is made
ready, waited for and judged.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import commands, frost, ledger, life
from .commands import SERVICE, Wrong

HOME = Path(frost.HOME)
ANSWER_SECONDS = 3.0  # or twice the slowest before, where other work slows the emulation
LEAST = 20  # answers of each kind while frozen
STALLED_SECONDS = 30.0
LIMIT_SECONDS = 900.0
OFTEN = ("/metrics", "/check", "/metrics kept", "/check kept", "/-/healthy")
CODES = {"POST /metrics": 405, "/nothing": 404}
# So that the log cannot be written either: journald's own default where the folder exists.
JOURNAL = Path("/etc/systemd/journald.conf.d/zz-frost.conf")
# A service that gives no sign of life: systemd must end it meanwhile, or its watchdog of our service proves nothing.
SENTINEL = "frost-sentinel.service"
SENTINEL_UNIT = """\
[Service]
Type=exec
ExecStart=/bin/sleep 900
WatchdogSec=40s
LimitCORE=0
"""
_KEPT_OF_PYTHON = {"__pycache__", "collections", "encodings", "importlib", "json", "lib-dynload", "re"}

Timed = tuple[str, int, float]  # kind, status, seconds

_facts: dict[str, Any] = {}


def happens() -> str:
    """The whole of it; the promises after this one judge what was seen."""
    copy_python()
    since = make_ready()
    try:
        process, restarts = _life()
        journal = commands.main_process("systemd-journald.service")
        with (HOME / "log").open("w") as log:
            frozen = subprocess.Popen(program(process, journal), stdout=log, stderr=log, env=environment(), cwd=HOME)
        began = time.monotonic()
        while frozen.poll() is None and time.monotonic() - began < LIMIT_SECONDS:
            time.sleep(0.5)
        if frozen.returncode != 0:
            frozen.kill()
            raise Wrong(f"exit code {frozen.returncode}: {commands.last_words((HOME / 'log').read_text())}")
        _facts.update(json.loads((HOME / "facts.json").read_text()))
        _facts["life"] = {"before": [process, restarts], "after": list(_life())}
        _facts["sentinel"] = commands.shown(SENTINEL, "Result", "ExecMainExitTimestampMonotonic")
        _facts["log"] = commands.texts(commands.journal(since, f"--unit={SERVICE}"))
    finally:
        clear_away()
        ledger.keep("frozen-disk.json", json.dumps(_facts, indent=1))
    return _course(_facts)


def copy_python() -> None:
    """This Python with its libraries on a tmpfs: what frost.py imports, no more."""
    shutil.rmtree(HOME, ignore_errors=True)
    library = HOME / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(Path(os.__file__).parent, library, ignore=_left_out, ignore_dangling_symlinks=True)
    shutil.copy(Path(sys.executable).resolve(), HOME / "python")
    listed = commands.run("ldd", sys.executable).must("ldd").output
    for path in re.findall(r"(/\S+) \(0x", listed):
        shutil.copy(path, HOME / Path(path).name)
    shutil.copy(Path(frost.__file__), HOME / "frost.py")


def _left_out(folder: str, names: list[str]) -> list[str]:
    inner = Path(folder) != Path(os.__file__).parent
    return [name for name in names if not (inner or name.endswith(".py") or name in _KEPT_OF_PYTHON)]


def program(*words: int) -> list[str]:
    (loader,) = HOME.glob("ld-linux*")
    return [str(loader), "--library-path", str(HOME), str(HOME / "python"), "-s", "-S", "frost.py", *map(str, words)]


def environment() -> dict[str, str]:
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "1"}  # C.UTF-8 maps a file of the disk
    return {"PYTHONHOME": str(HOME), "PYTHONDONTWRITEBYTECODE": "1", **locale}


def make_ready() -> str:
    """The journal on the disk, a file that the daemon cannot read, a new process, and --check in the page cache."""
    commands.write(str(JOURNAL), "[Journal]\nStorage=persistent\n")
    Path("/var/log/journal").mkdir(exist_ok=True)
    commands.systemctl("restart", "systemd-journald").must("restarting journald")
    commands.run("journalctl", "--flush").must("journalctl --flush")
    since = commands.cursor()
    os.chmod(frost.SHUT, 0)
    commands.restarted()
    life.get("/check")
    commands.run(*frost.CHECK)
    commands.write(f"/run/systemd/system/{SENTINEL}", SENTINEL_UNIT)
    commands.systemctl("daemon-reload")
    commands.systemctl("start", SENTINEL).must("starting the sentinel")
    return since


def clear_away() -> None:
    os.chmod(frost.SHUT, 0o644)
    commands.systemctl("stop", SENTINEL)
    commands.systemctl("reset-failed", SENTINEL)
    Path(f"/run/systemd/system/{SENTINEL}").unlink(missing_ok=True)
    commands.systemctl("daemon-reload")
    JOURNAL.unlink(missing_ok=True)
    commands.systemctl("restart", "systemd-journald")
    for file in Path(frost.LOAD).parent.glob(f"{Path(frost.LOAD).name}.*"):
        file.unlink()
    shutil.rmtree(HOME, ignore_errors=True)


def _life() -> tuple[int, int]:
    """The service's process, and how often systemd restarted it."""
    told = commands.shown(SERVICE, "MainPID", "NRestarts")
    return int(told["MainPID"]), int(told["NRestarts"])


def _course(facts: dict[str, Any]) -> str:
    squeezed, dropped, held = facts["squeezed"], facts["dropped"], facts["held"]["after"]
    return (
        f"frozen for {facts['thawed'] - facts['frozen']:.0f} s with writes under way; page cache {_mb(dropped['before'])}"
        f" dropped to {_mb(dropped['after'])}; then memory squeezed: file pages {_mb(squeezed['before'])} to"
        f" {_mb(squeezed['after'])}; the daemon holds {_mb(held['RssFile'])} of files, {_mb(held['VmLck'])} locked"
    )


def _mb(kilobytes: int) -> str:
    return f"{kilobytes / 1024:.0f} MB"


def is_answered() -> str:
    """/metrics and /check by new connections and by one that is kept, and what this process was never asked before."""
    seen = _seen()
    phases = {name: seen[name]["answers"] for name in ("never before", "frozen", "squeezed")}
    frozen = [answer for answers in phases.values() for answer in answers]
    few = [kind for kind in OFTEN if sum(kind == each for each, _, _ in frozen) < LEAST]
    bad = wrong(frozen, seen["before"]["answers"])
    if few or bad:
        raise Wrong(f"{'; '.join(bad[:8])}; fewer than {LEAST} of: {', '.join(few) or 'none'}")
    times = [
        f"{name} {longest(answers):.2f} s" for name, answers in (("before", seen["before"]["answers"]), *phases.items())
    ]
    return f"{len(frozen)} answers; the slowest {', '.join(times)}, {life.BY_CLOCK}"


def wrong(answers: Iterable[Timed], before: Iterable[Timed] = ()) -> list[str]:
    """Those that came late, or with another status than they should."""
    limit = max(ANSWER_SECONDS, 2 * longest(before))
    return [
        f"{kind}: {code} after {seconds} s"
        for kind, code, seconds in answers
        if code != CODES.get(kind, 200) or seconds > limit
    ]


def longest(answers: Iterable[Timed]) -> float:
    return max((seconds for _, _, seconds in answers), default=0.0)


def is_told() -> str:
    """By the report, the page and the metrics: the rule with what is in flight, and what was not read and why."""
    seen, disk = _seen(), root_disk()
    metrics, page = seen["squeezed"]["bodies"].get("/metrics", ""), seen["never before"]["bodies"].get("/", "")
    check = _facts["inside"].partition("\r\n\r\n")[2]
    lacking = [*untold(check, disk), *unmeasured(metrics, disk), *["B07 on the page"] * ("B07" not in page)]
    if lacking:
        raise Wrong(f"not told: {'; '.join(lacking)}; it says: {check.splitlines()[:1]} {_unread(check)}")
    return f"{check.splitlines()[0]}; {' '.join(_unread(check))}; stalled for {_stalled(metrics, disk):.0f} s"


def root_disk() -> str:
    """Disks are probed side by side: their names tell nothing."""
    status = os.stat("/")
    return Path(f"/sys/dev/block/{os.major(status.st_dev)}:{os.minor(status.st_dev)}").resolve().name


def untold(check: str, disk: str) -> list[str]:
    """What the report does not say of a root disk that hangs."""
    first, unread = check.partition("\n")[0], " ".join(_unread(check))
    told = {
        "B07 in the first line": "B07" in first and first.startswith("VIRT-AGENT CRITICAL"),
        "requests in flight": re.search(rf"{disk} is stalled: \d+ requests in flight", check) is not None,
        "which collector was not read, and why": "os stuck" in unread
        and ("the root disk may hang" in unread or "has not returned" in unread),
    }
    return [what for what, holds in told.items() if not holds]


def unmeasured(metrics: str, disk: str) -> list[str]:
    told = {
        "virt_check_status 2": "\nvirt_check_status 2" in metrics,
        f"stalled for {STALLED_SECONDS:.0f} s": _stalled(metrics, disk) >= STALLED_SECONDS,
        "the collector's success 0": '\nvirt_agent_collector_success{collector="os"} 0' in metrics,
    }
    return [what for what, holds in told.items() if not holds]


def _unread(check: str) -> list[str]:
    """The report's lines of what was not read, with those that they go on in."""
    found: list[str] = []
    within = False
    for line in check.splitlines():
        within = line.startswith("  Unread ") or (within and line.startswith(" " * 12))
        found += [line.strip()] if within else []
    return found


def _stalled(metrics: str, disk: str) -> float:
    found = re.search(rf'^virt_block_device_stalled_seconds{{device="{disk}"}} (\S+)', metrics, re.MULTILINE)
    return float(found[1]) if found else -1.0


def lives() -> str:
    """Not ended by systemd, which ends another whose watchdog runs out meanwhile, though the journal is on that disk."""
    _seen()
    life_of, sentinel, log = _facts["life"], _facts["sentinel"], _facts["log"]
    died = int(sentinel["ExecMainExitTimestampMonotonic"]) / 1e6
    if life_of["before"] != life_of["after"]:
        raise Wrong(f"process and restarts {life_of['before']} before, {life_of['after']} after")
    if sentinel["Result"] != "watchdog" or not _facts["frozen"] < died < _facts["thawed"]:
        raise Wrong(f"systemd's watchdog was not at work: {sentinel}, frozen from {_facts['frozen']:.0f} s")
    said = [line for line in log if "B07" in line or "cannot be read yet" in line or "lines of this log" in line]
    if not any("B07" in line for line in said):
        raise Wrong(f"the log does not have it in the end: {' / '.join(log[-6:])}")
    waits = {name: f"{states.get('D', 0)} of {sum(states.values())}" for name, states in _facts["states"].items()}
    return (
        f"same process; another service without a sign of life was ended {died - _facts['frozen']:.0f} s into it;"
        f" of all looks, journald hung in {waits['journald']}, systemd in {waits['systemd']}, the daemon in"
        f" {waits['daemon']}; written since: {' / '.join(said[:4])}"
    )


def starts_anew() -> str:
    """--check started on a frozen root disk: with all it needs in the page cache, and without."""
    _seen()
    warm, cold = _facts["warm"], _facts["cold"]
    if warm["spoke"] is None or "B07" not in warm["output"]:
        raise Wrong(f"with its files in the page cache: {warm}")
    if cold["output"]:
        raise Wrong(f"without its files it spoke: {cold}")
    over = "left its shell waiting" if warm["ended"] is None else f"ended after {warm['ended']:.1f} s"
    first = next(line for line in warm["output"].splitlines() if line.startswith("VIRT-AGENT"))
    return (
        f"in the page cache: spoke after {warm['spoke']:.1f} s, {over}: {first}; else nothing (state {cold['state']})"
    )


def recovers() -> str:
    """The findings go and what was not read is read, by itself."""
    thawed = _seen()["thawed"]
    check, metrics = (thawed["bodies"].get(kind, "") for kind in ("/check", "/metrics"))
    now = check.split("CHANGES")[0]
    left = ["B07"] * ("B07" in now) + ["os"] * any("os " in line for line in _unread(check))
    stalled = _stalled(metrics, root_disk())
    if left or stalled != 0:
        raise Wrong(f"left: {' '.join(left)}, stalled {stalled} s; {' / '.join(check.splitlines()[:3])}")
    return f"after {thawed['seconds']} s: {check.splitlines()[0]}; {len(thawed['answers'])} answers since the thaw"


def _seen() -> dict[str, Any]:
    if "seen" not in _facts:
        raise Wrong("the disk was not frozen and thawed")
    seen: dict[str, Any] = _facts["seen"]
    return seen
