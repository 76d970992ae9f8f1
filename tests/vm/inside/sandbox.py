"""Which option of the unit's sandbox takes which reading away, and whether the agent says so. Needs systemd and root.

    python3 sandbox.py    one JSON object a line: {"option", "lost": [...], "told"}; exit 0 where all is as it must be

The collectors run in units made for the purpose: without any sandbox, then with options of virt-agent.service. Options
are tried together and, where something is lost, in halves until the one is found. What is lost must be named by the
agent with the option that hides it; with all options together and what systemd hands in beside them, the facts must
be those of the unshut process. Options that the unit leaves out on purpose are tried too: each must be seen to take
something, or this program sees nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVICE = Path("/lib/systemd/system/virt-agent.service")
UNITS = Path("/run/systemd/system")
RESULT = "/run/virt-agent-look.json"
LOOK = "virt-agent-look.service"
WAIT_SECONDS = 300
# Not of the sandbox: how it starts, lives and is limited. StandardInput=, OpenFile= and DeviceAllow= give, they do not take.
NOT_OF_IT = {
    *("Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec", "TimeoutStartSec", "TimeoutStopSec"),
    *("TimeoutAbortSec", "WatchdogSec", "OOMScoreAdjust", "ManagedOOMPreference", "MemoryMax", "TasksMax", "LimitCORE"),
    *("StandardInput", "OpenFile", "DeviceAllow", "Group", "ReadWritePaths", "SystemCallErrorNumber", "LimitMEMLOCK"),
}
# What says something only together with another one.
TOGETHER = ({"IPAddressDeny", "IPAddressAllow"}, {"SystemCallFilter", "SystemCallArchitectures"})
# Not what the unit does, and what each must be seen to take: a path, or facts where there are any.
CONTROLS = (
    (("ProtectKernelModules=yes",), "/usr/lib/modules"),
    (("ProcSubset=pid",), "/proc/cpuinfo"),
    (("InaccessiblePaths=/etc/fstab",), "/etc/fstab"),
    (("ProtectSystem=strict", "ProtectProc=invisible"), "facts.mounts"),  # without the table that systemd hands in
)
GIVEN = ("StandardInput=file:/proc/1/mountinfo",)
AS_NOBODY_MUCH = ("User=daemon",)  # base-passwd's, without any right

# Run as the service would: what was read of each path, what the facts say, and the collectors' words.
PROGRAM = """
import json, sys
from contextlib import suppress
sys.path[:0] = ["/usr/share/virt-agent"]
sys.path.append("/usr/lib/python3/dist-packages")
from virt_collectors.collect import Runner, choose
from virt_collectors.errors import SourceError
from virt_collectors.host.helped import Helped
from virt_collectors.host.live import LiveHost
from virt_collectors.host.recorder import Recorder
from virt_collectors.record import plain

def told(value, at):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from told(one, at + "." + str(key))
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            name = isinstance(one, dict) and (one.get("point") or one.get("name") or one.get("driver"))
            yield from told(one, at + "[" + str(name or (one if isinstance(one, str) else number)) + "]")
    elif value is not None:
        yield at, "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)[:80]

host = Recorder(Helped(LiveHost(), "/run/virt-agent"))
wanted = [one for one in choose(optional=("boot_loader", "device_names", "space")) if one.name != "imds"]
found = Runner(host, 120).collect(wanted, 240)
for name in host.names("boot"):  # not the collector of kernels, which unpacks an initramfs: slow where it is emulated
    with suppress(SourceError):
        host.head("boot/" + name, 16)
kept = host.recording
read = [path for path in (*kept.files, *kept.links, *kept.directories, *kept.heads) if path not in kept.errors]
words = ["%s: %s" % (one.name, one.reason) for one in found.outcomes if one.reason]
failed = [one.name for one in found.outcomes if one.outcome in ("failed", "stuck")]
with open(1, "w") as out:
    facts = {name: value for name, value in plain(found.facts).items() if name != "unreadable"}
    json.dump({"read": read, "facts": dict(told(facts, "facts")), "words": words, "failed": failed}, out)
"""


class Look:
    """What one run saw."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.read = set(document["read"])
        self.facts: dict[str, str] = document["facts"]
        self.words: list[str] = document["words"]
        self.failed: list[str] = document["failed"]

    def all(self) -> list[str]:
        """Files and facts, as misses() names them."""
        return [*(f"/{path}" for path in self.read), *self.facts]

    def misses(self, base: Look) -> list[str]:
        """Facts that are others or gone, and files that could be read without the sandbox."""
        facts = [key for key, value in base.facts.items() if self.facts.get(key) != value]
        return sorted([f"/{path}" for path in base.read - self.read] + facts)

    def without_what_moves(self, again: Look) -> Look:
        """What two looks in the same conditions agree on."""
        steady = {key: value for key, value in self.facts.items() if again.facts.get(key) == value}
        return Look({"read": self.read & again.read, "facts": steady, "words": self.words, "failed": self.failed})


def main() -> int:
    base = look(AS_NOBODY_MUCH).without_what_moves(look(AS_NOBODY_MUCH))
    unit = options_of(SERVICE.read_text())
    fine = say("(none)", base, base)
    for group in search(unit, base):
        fine &= say(*group)
    for options, takes in CONTROLS:
        if any(one.startswith(takes) for one in base.all()):
            seen = look((*AS_NOBODY_MUCH, *options))
            fine &= say("; ".join(options), seen, base) and any(one.startswith(takes) for one in seen.misses(base))
    whole = look((*(line for option in unit for line in option), *GIVEN))
    fine &= say("(all of the unit, and what systemd hands in)", whole, base)
    changed = [one for one in whole.misses(base) if one.startswith("facts")]
    if changed or whole.failed:
        print(f"sandbox: inside the unit these are others: {changed[:20]}, failed: {whole.failed}", file=sys.stderr)
    return 0 if fine and not changed and not whole.failed else 1


def options_of(text: str) -> list[tuple[str, ...]]:
    """The lines of the sandbox, those that belong together in one."""
    found: list[tuple[str, ...]] = []
    service = text.partition("[Service]\n")[2].partition("\n[")[0]
    for line in service.splitlines():
        key = line.partition("=")[0].strip()
        if not line or line.startswith("#") or key in NOT_OF_IT:
            continue
        kin = next((names for names in TOGETHER if key in names), {key})
        with_kin = next((at for at, one in enumerate(found) if one[0].partition("=")[0] in kin), None)
        if with_kin is None:
            found.append((line,))
        else:
            found[with_kin] = (*found[with_kin], line)
    return found


def search(options: list[tuple[str, ...]], base: Look) -> list[tuple[str, Look, Look]]:
    """Who takes what: groups that take nothing whole, the others by halves."""
    seen = look((*AS_NOBODY_MUCH, *(line for option in options for line in option)))
    if len(options) == 1 or not seen.misses(base):
        return [("; ".join(line for option in options for line in option), seen, base)]
    half = len(options) // 2
    return [*search(options[:half], base), *search(options[half:], base)]


def look(lines: tuple[str, ...]) -> Look:
    """The collectors in a unit with these lines."""
    if "DynamicUser=yes" in lines:
        lines = tuple(line for line in lines if line not in AS_NOBODY_MUCH)
    program = PROGRAM.encode().hex()
    command = f"/usr/bin/python3 -IS -c \"exec(bytes.fromhex('{program}'))\""
    service = ["Type=oneshot", f"ExecStart={command}", f"StandardOutput=truncate:{RESULT}", "StandardError=journal"]
    UNITS.mkdir(parents=True, exist_ok=True)
    unit = UNITS / LOOK
    unit.write_text("\n".join(["[Service]", *service, *lines, ""]))
    try:
        systemctl("daemon-reload")
        Path(RESULT).unlink(missing_ok=True)
        systemctl("start", LOOK)
        return Look(json.loads(Path(RESULT).read_text()))
    finally:
        unit.unlink()
        Path(RESULT).unlink(missing_ok=True)


def systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    if done.returncode:
        log = subprocess.run(
            ["journalctl", "-n", "20", "-o", "cat", "--no-pager"], capture_output=True, text=True, check=False
        )
        raise SystemExit(f"sandbox: systemctl {' '.join(words)}: {done.stderr}\n{log.stdout}")


def say(option: str, seen: Look, base: Look) -> bool:
    """Tell what was lost, and whether the agent told who took it; True where nothing was kept quiet."""
    lost = seen.misses(base)
    names = [word.split("=")[0] for word in option.replace(";", " ").split() if "=" in word]
    told = not lost or any(f"{name}=" in word for word in seen.words for name in names)
    if option.startswith("("):
        told = not lost or any(" under " in word for word in seen.words)
    print(json.dumps({"option": option, "lost": lost[:30], "told": told, "words": seen.words}), flush=True)
    return told


if __name__ == "__main__":
    sys.exit(main())
