"""The service's life: started, scraped, frozen, reloaded, restarted."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

from . import commands, ledger
from .commands import SERVICE, Wrong, shown
from .package import CONFIGURATION

ACTIVE_SECONDS = 10.0
STARTS = 3
ADDRESS = "http://127.0.0.1:10480"
OUTSIDE_PORT = 10481
WARNING = 4  # journald: this and lower numbers want to be read
FROZEN_SECONDS = 120
QUIET_LINES = 2  # a finding may come or go while we scrape
BY_CLOCK = "by the machine's clock, its processor emulated"
NEWS = ("the status changed", "a finding came")  # of the guest, at the level that they deserve
# Names of this machine that a stranger without password has no business with.
IDENTIFIERS = ("7d1c0ffe-e0a1-4b2c-8d3e-4f5a6b7c8d9e", "vol07d1c0ffee", "vm-root-7d1", "52:54:00:7d:1c:0f")

_outside: dict[str, Any] = {}
_lines_of_scrapes: list[str] = []


def is_active() -> str:
    """From the start of the main process to READY=1; the best of some starts, for other work slows the emulation."""
    told = shown(SERVICE, "ActiveState", "Type", "StatusText")
    if told["ActiveState"] != "active":
        lines = commands.texts(commands.journal("", f"--unit={SERVICE}"))
        raise Wrong(f"{told['ActiveState']}; journal: {' / '.join(lines[-6:])}")
    if not told["Type"].startswith("notify"):
        raise Wrong(f"Type={told['Type']}")
    starts = [_seconds_to_ready()]
    while starts[-1] > ACTIVE_SECONDS and len(starts) < STARTS:
        commands.restarted()
        starts.append(_seconds_to_ready())
    seconds = ", ".join(f"{start:.1f}" for start in starts)
    seen = f"READY=1 after {seconds} s {BY_CLOCK}; status: {told['StatusText'] or 'none'}"
    if min(starts) > ACTIVE_SECONDS:
        raise Wrong(f"{seen}; {ACTIVE_SECONDS:.0f} s are allowed, load {os.getloadavg()[0]:.1f}")
    return seen


def _seconds_to_ready() -> float:
    begun, ready = "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"
    told = shown(SERVICE, begun, ready)
    return (int(told[ready]) - int(told[begun])) / 1e6


def is_scraped() -> str:
    """The host asks through QEMU's port while we look what the journal gets."""
    since = commands.cursor()
    with socket.create_server(("", OUTSIDE_PORT)) as listener:
        listener.settimeout(240)
        ledger.tell("scrape")
        connection, _ = listener.accept()
        with connection:
            _outside.update(json.loads(b"".join(iter(lambda: connection.recv(65536), b""))))
    _lines_of_scrapes.extend(commands.texts(commands.journal(since, f"--unit={SERVICE}")))
    for path, answer in _outside.items():
        ledger.keep(f"outside{path.replace('/', '_')}.txt", json.dumps(answer, indent=1))
    codes = {path: answer[0] for path, answer in _outside.items() if path.startswith("/")}
    wanted = dict.fromkeys(codes, 200) | {"/nothing": 404}
    if codes != wanted:
        raise Wrong(f"{codes}")
    scrapes = _outside["scrapes"]
    if scrapes["codes"] != [200] or not scrapes["ended"]:
        raise Wrong(f"scrapes: {scrapes}")
    return f"{' '.join(codes)}; then 20 scrapes, {scrapes['seconds']} s each"


def is_discreet() -> str:
    """Identifiers go to loopback alone."""
    inside = get("/check") + get("/")
    outside = f"{_outside['/check'][1]}{_outside['/'][1]}"
    ledger.keep("inside-check.txt", inside)
    told = [word for word in IDENTIFIERS if word in outside]
    if told:
        raise Wrong(f"told to a client that is not on loopback: {' '.join(told)}")
    return f"none of {len(IDENTIFIERS)} identifiers outside, {sum(w in inside for w in IDENTIFIERS)} on loopback"


def is_quiet() -> str:
    if "scrapes" not in _outside:
        raise Wrong("nobody scraped")
    if len(_lines_of_scrapes) > QUIET_LINES:
        raise Wrong(f"{len(_lines_of_scrapes)} lines: {' / '.join(_lines_of_scrapes[:4])}")
    return f"{len(_lines_of_scrapes)} lines in the journal of some 25 requests"


def survives_freezing() -> str:
    """SIGSTOP: no ping, so systemd ends the process and starts another."""
    since, process = commands.cursor(), commands.main_process()
    os.kill(process, signal.SIGSTOP)
    try:
        seconds = commands.wait("the watchdog's restart", FROZEN_SECONDS, lambda: _is_another(process))
    finally:
        if commands.main_process() == process:
            os.kill(process, signal.SIGCONT)
    told = commands.texts(commands.journal(since, f"--unit={SERVICE}"))
    if not any("atchdog" in line for line in told):
        raise Wrong(f"restarted, but not by the watchdog: {' / '.join(told[:5])}")
    get("/-/healthy")
    allowed = shown(SERVICE, "WatchdogUSec")["WatchdogUSec"]
    return f"frozen; ended by the watchdog ({allowed}) and active again after {seconds:.0f} s"


def reloads() -> str:
    """A good configuration is taken by the same process."""
    process, since = commands.main_process(), commands.cursor()
    commands.systemctl("reload", SERVICE).must("systemctl reload")
    told = _reloaded(since, "read again")
    if commands.main_process() != process or commands.state() != "active":
        raise Wrong(f"pid {process} became {commands.main_process()}, {commands.state()}")
    return f"same process; journal: {told}; {_last_reload(1)}"


def keeps_old_configuration() -> str:
    """A bad one is refused by name, and the process goes on."""
    process, since, good = commands.main_process(), commands.cursor(), CONFIGURATION.read_text()
    CONFIGURATION.write_text('[log]\nlevel = "loud"\n')
    try:
        commands.systemctl("reload", SERVICE)
        seen = f"journal: {_reloaded(since, 'loud')}; {_last_reload(0)}"
    finally:
        CONFIGURATION.write_text(good)
    if commands.main_process() != process or commands.state() != "active":
        raise Wrong(f"pid {process} became {commands.main_process()}, {commands.state()}")
    since = commands.cursor()
    commands.systemctl("reload", SERVICE)
    _reloaded(since, "read again")
    return f"{seen}; {_last_reload(1)} with the good one again"


def _reloaded(since: str, word: str) -> str:
    """The daemon's own line with this word; Wrong with what it said instead."""
    try:
        commands.wait(f"a line with {word!r}", 30, lambda: _told(since, word))
    except Wrong as wrong:
        raise Wrong(f"{wrong}; journal: {' / '.join(_told(since, ''))}") from None
    return " / ".join(_told(since, word))


def restarts() -> str:
    process, since = commands.main_process(), commands.cursor()
    seconds = commands.restarted()
    told = commands.journal(since, f"--unit={SERVICE}")
    bad = [entry.text for entry in told if entry.priority <= WARNING and not entry.text.startswith(NEWS)]
    if commands.main_process() == process or bad:
        raise Wrong(f"pid {process}, then {commands.main_process()}: {' / '.join(bad)}")
    return f"{seconds:.1f} s with its stop; {len(told)} lines in the journal, none a warning but what the guest itself gives rise to"


def has_no_complaints() -> str:
    """What systemd itself thinks of the units: unknown keys, refused options, failures."""
    told = [entry for entry in commands.journal("", "_PID=1") if _concerns(entry)]
    ledger.keep("systemd-of-units.txt", "\n".join(f"<{entry.priority}> {entry.text}" for entry in told))
    checked = commands.run("systemd-analyze", "verify", "--man=no", SERVICE, "virt-agent-privileged.service")
    ledger.keep("systemd-verify.txt", checked.complaints)
    lines = [entry.text for entry in told if entry.priority <= WARNING]
    lines += [line for line in checked.complaints.splitlines() if "virt-agent" in line]
    bad = sorted({line for line in lines if not _is_of_its_age(line)})
    if bad:
        raise Wrong(" / ".join(bad[:8]))
    told_of = f"{len(lines)} lines, all of OpenFile=, which this systemd does not know" if lines else "none"
    return f"by systemd and systemd-analyze verify: {told_of}"


def is_exposed() -> str:
    """The level of exposure, as this systemd measures it."""
    told = []
    for unit, limit in ((SERVICE, 1.2), ("virt-agent-privileged.service", 3.0)):
        output = commands.run("systemd-analyze", "security", "--no-pager", unit).output
        ledger.keep(f"security-{unit}.txt", output)
        level = float(output.rstrip().splitlines()[-1].split(":")[1].split()[0])
        told.append(f"{unit} {level}")
        if level > limit:
            raise Wrong(f"{unit}: {level}, allowed {limit}")
    return ", ".join(told)


def get(path: str) -> str:
    with urllib.request.urlopen(ADDRESS + path, timeout=120) as answer:
        return str(answer.read().decode())


def metric(name: str) -> float | None:
    """The value of a series by its name with labels."""
    for line in get("/metrics").splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return None


def _is_another(process: int) -> bool:
    return commands.state() == "active" and commands.main_process() not in (0, process)


def _is_of_its_age(line: str) -> bool:
    """The one key that systemd learned after Debian 12, 253, and that the unit has on purpose."""
    return "OpenFile" in line and int(commands.systemctl("--version").output.split()[1]) < 253


def _concerns(entry: commands.Entry) -> bool:
    return "virt-agent" in entry.unit or "virt-agent" in entry.text


def _told(since: str, word: str) -> list[str]:
    return [line for line in commands.texts(commands.journal(since, f"--unit={SERVICE}")) if word in line]


def _last_reload(wanted: float) -> str:
    name = "virt_agent_config_last_reload_successful"
    if metric(name) != wanted:
        raise Wrong(f"{name} {metric(name)}, not {wanted}")
    return f"{name} {wanted:.0f}"


def wait_for_boot() -> str:
    """Nothing else may be starting while we measure."""
    began = time.monotonic()
    told = commands.systemctl("is-system-running", "--wait").output.strip()
    failed = commands.systemctl("--failed", "--plain", "--no-legend").output.split("\n")[0]
    ledger.keep("boot.txt", commands.run("systemd-analyze", "blame").output)
    version = commands.systemctl("--version").output.split("\n")[0]
    if Path("/proc/1/comm").read_text().strip() != "systemd":
        raise Wrong("process 1 is not systemd")
    return f"{version}; {told} {failed}; waited {time.monotonic() - began:.0f} s"
