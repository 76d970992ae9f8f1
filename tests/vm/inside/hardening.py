"""The sandbox in force: what the kernel says of the running process, and what a program in its place can do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from pathlib import Path

from . import commands, ledger
from .commands import SERVICE, Wrong
from .life import metric

PROBE = Path("/root/inside/probe.py")
INSTALLED_PROBE = "/usr/local/lib/virt-agent-probe.py"
DROP_IN = f"/run/systemd/system/{SERVICE}.d/probe.conf"
ADDRESSES = ("169.254.169.254/32", "192.0.2.10/32", "fd00:ec2::254/128", "2001:db8::10/128")
PORT = 10490
STATUS = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2}

HIDDEN = ("list /home", "list /root", "others' processes")  # nothing to be seen there
OWN = ("/tmp ", "/var/tmp ", "/run/virt-agent ")  # private, or the daemon's by the unit's word
KERNEL = (
    "(proc)",
    "(sysfs)",
    "(cgroup2)",
    "(devpts)",
    "(pstore)",
    "(securityfs)",
    "(binfmt_misc)",
    "(autofs)",
    "(bpf)",
)
DONE = "done"
REFUSED = "refused"
# What the sandbox promises: by mount namespace, user and network filter, so also for who joins the process ...
HELD_BY_NAMESPACES = {
    "make ": REFUSED,
    "change ": REFUSED,
    "read ": REFUSED,
    "connect loopback": DONE,
    "connect own network": DONE,
    "connect metadata": DONE,
    "connect metadata IPv6": DONE,
    "connect elsewhere": REFUSED,
    "connect elsewhere IPv6": REFUSED,
    "become root": REFUSED,
    "mount": REFUSED,
    "set host name": REFUSED,
    "set the clock": REFUSED,
    "trace process 1": REFUSED,
}
# ... and by seccomp, which only the service's own processes have.
HELD_BY_SECCOMP = {
    "packet socket": REFUSED,
    "new user namespace": REFUSED,
    "new mount namespace": REFUSED,
    "set-user-id file": REFUSED,
    "writable code": REFUSED,
    "other personality": REFUSED,
}


def prepare() -> None:
    """Addresses to be let through and to be held back, all of them reachable for who is free."""
    commands.run("ip", "link", "set", "lo", "up")
    commands.wait("a network card", 120, _cards)
    commands.run("udevadm", "settle", "--timeout=120")  # it gets its last name by udev
    for card in _cards():
        commands.run("ip", "link", "set", card, "up")
        commands.run("ip", "address", "add", "10.0.2.15/24", "dev", card).must("the machine's address")
        commands.run("ip", "route", "add", "default", "via", "10.0.2.2")
    for address in ADDRESSES:
        commands.run("ip", "address", "add", address, "dev", "lo")
    listener = socket.create_server(("", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=_greet, args=(listener,), daemon=True).start()


def _cards() -> list[str]:
    return [card.name for card in Path("/sys/class/net").iterdir() if (card / "device").exists()]


def _greet(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"hello")


def status_of_process() -> str:
    """/proc/PID/status of the running daemon, each thread of it."""
    process = commands.main_process()
    tasks = sorted(Path(f"/proc/{process}/task").iterdir())
    for task in tasks:
        lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found = {name: int(lines[name], 16) for name in STATUS}
        users = set(lines["Uid"].split())
        if found != STATUS or "0" in users:
            raise Wrong(f"thread {task.name}: {found}, uid {' '.join(sorted(users))}")
    filters = lines.get("Seccomp_filters", "?").strip()
    return f"{len(tasks)} threads: no capability, NoNewPrivs 1, Seccomp 2 ({filters} filters), uid {lines['Uid'].split()[0]}"


def mounts_of_process() -> str:
    """In the daemon's mount namespace nothing but its own and the kernel's interfaces can be written to."""
    process = commands.main_process()
    text = Path(f"/proc/{process}/mountinfo").read_text()
    ledger.keep("mountinfo.txt", text)
    last: dict[str, tuple[list[str], str]] = {}  # a later mount hides the one before
    for line in text.splitlines():
        words = line.split()
        last[words[4]] = words[5].split(","), words[words.index("-") + 1]
    writable = [f"{target} ({kind})" for target, (options, kind) in last.items() if "rw" in options]
    bad = [name for name in writable if not name.startswith(OWN) and not name.endswith(KERNEL)]
    if bad:
        raise Wrong(f"writable, but for the user's rights: {' '.join(bad)}")
    return f"writable: {' '.join(writable)}"


def tries_in_its_place() -> str:
    """The very unit with every option it has, and the probe for its program."""
    commands.write(INSTALLED_PROBE, PROBE.read_text())
    lines = ("[Service]", "Type=oneshot", "WatchdogSec=0", "Restart=no", "ExecReload=", "ExecStart=")
    commands.write(DROP_IN, "\n".join([*lines, f"ExecStart=/usr/bin/python3 -IS {INSTALLED_PROBE}", ""]))
    try:
        commands.systemctl("daemon-reload")
        commands.systemctl("stop", SERVICE)
        since = commands.cursor()
        commands.systemctl("start", SERVICE)
        told = commands.texts(commands.journal(since, f"--unit={SERVICE}"))
    finally:
        os.unlink(DROP_IN)
        os.unlink(INSTALLED_PROBE)
        os.rmdir(os.path.dirname(DROP_IN))
        commands.systemctl("daemon-reload")
        commands.systemctl("start", SERVICE)
    answers = [line for line in told if line.startswith("probe ")]
    if not answers:
        raise Wrong(f"the probe did not run: {' / '.join(told[-6:])}")
    return judge("in-its-place", json.loads(answers[0].removeprefix("probe ")), HELD_BY_NAMESPACES | HELD_BY_SECCOMP)


def tries_beside_it() -> str:
    """A program that joined the running daemon's namespaces, control group and user, without its seccomp filter."""
    process = commands.main_process()
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    user, group = lines["Uid"].split()[0], lines["Gid"].split()[0]
    control_group = Path(f"/proc/{process}/cgroup").read_text().strip().rpartition(":")[2]
    join = (
        f"echo $$ > /sys/fs/cgroup{control_group}/cgroup.procs && exec setpriv --clear-groups nsenter --target {process} --all "
        f"setpriv --reuid {user} --regid {group} --keep-groups --inh-caps -all --bounding-set -all --no-new-privs "
        "python3 -IS -"
    )
    done = commands.run("sh", "-c", join, given=PROBE.read_text()).must("joining the daemon")
    return judge("beside-it", json.loads(done.output.strip().removeprefix("probe ")), HELD_BY_NAMESPACES)


def tries_freely() -> str:
    """The same attempts without a sandbox: what is refused there proves something only where this one could."""
    done = subprocess.run(["python3", "-IS", PROBE], capture_output=True, text=True, timeout=300, check=True)
    outcomes = json.loads(done.stdout.removeprefix("probe "))
    ledger.keep("probe-free.json", json.dumps(outcomes, indent=1))
    wanted = ("make ", "change ", "read /home", "list ", "connect ", "packet ", "new ", "mount", "writable", "other p")
    unable = [f"{name}: {told}" for name, told in outcomes.items() if name.startswith(wanted) and DONE not in told]
    if unable:
        raise Wrong(f"the probe itself cannot: {'; '.join(unable)}")
    return f"{sum(DONE in told for told in outcomes.values())} of {len(outcomes)} attempts are possible without it"


def judge(name: str, outcomes: dict[str, str], promises: dict[str, str]) -> str:
    ledger.keep(f"probe-{name}.json", json.dumps(outcomes, indent=1))
    found = broken(outcomes, promises)
    if found:
        raise Wrong("; ".join(found))
    tried = sum(promised(attempt, promises) is not None for attempt in outcomes)
    return f"{tried} attempts as promised; list /home: {outcomes['list /home']}, /dev: {outcomes['list /dev'][:90]}"


def broken(outcomes: dict[str, str], promises: dict[str, str]) -> list[str]:
    """The attempts that went otherwise than promised, and what should have been empty."""
    found = []
    for attempt, outcome in outcomes.items():
        promise = promised(attempt, promises)
        if promise is not None and (outcome.partition(" ")[0] == DONE) != (promise == DONE):
            found.append(f"{attempt}: {outcome}")
    return found + [f"{name}: {outcomes[name]}" for name in HIDDEN if " " in outcomes[name]]


def promised(attempt: str, promises: dict[str, str]) -> str | None:
    """The longest beginning of the attempt's name decides."""
    begins = [begin for begin in promises if attempt.startswith(begin)]
    return promises[max(begins, key=len)] if begins else None


def memory() -> str:
    """Within its limits, and how far from them."""
    told = commands.shown(SERVICE, "MemoryCurrent", "MemoryMax", "TasksCurrent", "TasksMax")
    peak = metric("virt_agent_process_resident_memory_bytes") or 0
    seen = f"{int(told['MemoryCurrent']) >> 20} MiB of {told['MemoryMax']} bytes, {told['TasksCurrent']} of {told['TasksMax']} tasks"
    if told["MemoryMax"] == "infinity" or told["TasksMax"] == "infinity":
        raise Wrong(f"no limit: {seen}")
    return f"{seen}; resident {int(peak) >> 20} MiB"
