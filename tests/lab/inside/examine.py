"""Run the agent in every mode, and the other tools, and keep what they say."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

AGENT = "virt-agent"
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
HELPED = "setpriv --reuid 65534 --regid 0 --clear-groups"  # may read what --collect-privileged left
LIMIT_SECONDS = 300  # emulation is ten times slower than a real guest
ADDRESS = "127.0.0.1:10480"


class Command(NamedTuple):
    name: str
    line: str
    output: str  # the file its standard output goes to


COMMANDS = (
    Command("check", f"{AGENT} --check", "check.txt"),
    Command("check-verbose", f"{AGENT} --check -v", "check-verbose.txt"),
    Command("check-unprivileged", f"{NOBODY} {AGENT} --check", "check-unprivileged.txt"),
    Command("json", f"{AGENT} --json", "report.json"),
    Command("json-unprivileged", f"{NOBODY} {AGENT} --json", "report-unprivileged.json"),
    Command("detect", f"{AGENT} --detect", "detect.txt"),
    Command("metrics", f"{AGENT} --metrics", "metrics.prom"),
    Command("snapshot", f"{AGENT} --snapshot {{into}}/snapshot.tar.gz", "snapshot.txt"),
    Command("snapshot-full", f"{AGENT} --full --snapshot {{into}}/snapshot-full.tar.gz", "snapshot-full.txt"),
    Command("privileged", f"{AGENT} --collect-privileged all", "privileged.txt"),
    Command("json-helped", f"{HELPED} {AGENT} --json", "report-helped.json"),
)
TOOLS = {
    "systemd-detect-virt": "systemd-detect-virt",
    "systemd-detect-virt --vm": "systemd-detect-virt --vm",
    "systemd-detect-virt --container": "systemd-detect-virt --container",
    "virt-what": "virt-what",
    "lscpu": "lscpu",
}
KERNEL_FILES = {
    "dmesg.txt": "dmesg",
    "xenbus.txt": "grep -H . /sys/bus/xen/devices/*/state /sys/hypervisor/type "
    "/sys/hypervisor/guest_type /sys/hypervisor/properties/features",
    "devices.txt": "ls -l /sys/bus/xen/devices/*/driver /sys/class/net/*/device/driver /sys/block/*/device/driver",
    "mounts.txt": "cat /proc/self/mountinfo",
    "pci.txt": "lspci -nnk",
    "nvme-log.txt": "python3 /lab/inside/nvme_log.py",
}


def examine(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for name, line in KERNEL_FILES.items():
        _run(Command(name, line, name), into)
    outcomes = {command.name: _run(command, into) for command in COMMANDS}
    outcomes["serve"] = serve(into)
    (into / "commands.json").write_text(json.dumps(outcomes, indent=1))
    (into / "tools.json").write_text(json.dumps(tools(), indent=1))


def ask(line: str, into: Path) -> None:
    """The debugging aid: one command of the user's in place of the list."""
    into.mkdir(parents=True, exist_ok=True)
    outcome = _run(Command("asked", line, "asked.txt"), into)
    (into / "commands.json").write_text(json.dumps({"asked": outcome}, indent=1))


def tools() -> dict[str, str]:
    return {name: _words(name, line) for name, line in TOOLS.items()}


def serve(into: Path) -> dict[str, Any]:
    """One daemon's life: start, two scrapes of each page, SIGTERM."""
    began = time.monotonic()
    with open(into / "serve.log", "wb") as log:
        line = [AGENT, "--serve", "--web.listen-address", ADDRESS]
        daemon = subprocess.Popen(line, stdout=log, stderr=log)
        pages = {"metrics": "scrape.prom", "check": "scrape-check.txt"}
        answers = {page: scrape(page, into / file, daemon) for page, file in pages.items()}
        ready = time.monotonic() - began
        answers["metrics again"] = scrape("metrics", into / "scrape-2.prom", daemon)
        daemon.terminate()
        return {"exit": end(daemon), "seconds": round(ready, 2), "answers": answers}


def scrape(page: str, file: Path, daemon: subprocess.Popen[bytes]) -> str:
    """`200`, or why not; a daemon may take its time to begin to listen."""
    trouble = "never tried"
    until = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until and daemon.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}/{page}", timeout=60) as answer:
                file.write_bytes(answer.read())
                return str(answer.status)
        except OSError as error:
            trouble = str(error)
            time.sleep(0.2)
    return f"daemon ended with {daemon.returncode}" if daemon.returncode is not None else trouble


def end(daemon: subprocess.Popen[bytes]) -> int | str:
    try:
        return daemon.wait(30)
    except subprocess.TimeoutExpired:
        daemon.kill()
        return "killed: SIGTERM was not obeyed in 30 s"


def _run(command: Command, into: Path) -> dict[str, Any]:
    line = command.line.replace("{into}", str(into))
    began = time.monotonic()
    with open(into / command.output, "wb") as out, open(into / f"{command.name}.err", "wb") as err:
        try:
            ended: int | str = subprocess.run(
                line, shell=True, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=LIMIT_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            ended = f"killed after {LIMIT_SECONDS} s"
    return {"line": line, "exit": ended, "seconds": round(time.monotonic() - began, 2)}


def _words(name: str, line: str) -> str:
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if name != "lscpu":
        return " ".join(done.stdout.split()) or done.stderr.strip()
    told = ("Hypervisor vendor", "Virtualization type", "Virtualization")
    pairs = (part.partition(":") for part in done.stdout.splitlines())
    found = {key.strip(): value.strip() for key, _, value in pairs}
    return "; ".join(f"{key}: {found[key]}" for key in told if key in found)
