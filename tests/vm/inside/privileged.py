"""What root leaves for the daemon: the static file of its start, and the NVMe pages of the helper and its timer."""

from __future__ import annotations

import json
from pathlib import Path

from . import commands, ledger
from .commands import SERVICE, Wrong
from .life import get

HELPER = "virt-agent-privileged.service"
TIMER = "virt-agent-privileged.timer"
DIRECTORY = Path("/run/virt-agent")
UUID = "7d1c0ffe-e0a1-4b2c-8d3e-4f5a6b7c8d9e"
MODEL = "Amazon Elastic Block Store"
CLAIM = Path("/run/nvme-model")
# The daemon's own eyes, as its user and in its mount namespace.
EYES = "nsenter --target {process} --mount setpriv --reuid {user} --regid {group} --groups {groups} cat {file}"


def static_is_read() -> str:
    """Written before the daemon's start, by root in a sandbox; believed by the daemon."""
    document = json.loads(as_daemon("static.json"))
    ledger.keep("static.json", json.dumps(document, indent=1))
    mode = commands.run("stat", "-c", "%A %U:%G", str(DIRECTORY / "static.json")).output.strip()
    lost = {"sys/class/dmi/id/product_uuid", "sys/class/dmi/id/product_serial"} - set(document["files"])
    if lost:
        raise Wrong(f"static.json has no {', '.join(sorted(lost))}")
    return f"{mode}, {len(document['files'])} firmware files, CPUID by {document.get('cpuid', {}).get('method')}"


def nvme_is_read() -> str:
    """QEMU's controller under Amazon's name: its log page does not exist, so the refusal must be the drive's own."""
    claimed = claim()
    commands.systemctl("start", HELPER)
    told = commands.shown(HELPER, "Result", "ExecMainStatus")
    lines = commands.texts(commands.journal("", f"--unit={HELPER}"))
    if told["Result"] != "success":
        raise Wrong(f"{HELPER}: {told}: {' / '.join(lines[-5:])}")
    document = json.loads(as_daemon("nvme.json"))
    ledger.keep("nvme.json", json.dumps(document, indent=1))
    found = document["controllers"].get("nvme0", {})
    if found.get("error") in (None, "EPERM", "EACCES", "ENOENT", "ENODEV"):
        raise Wrong(f"nvme0 of {claimed}: {found or 'nothing'}; {' / '.join(lines[-3:])}")
    mode = commands.run("stat", "-c", "%A %U:%G", str(DIRECTORY / "nvme.json")).output.strip()
    return f"{mode}; asked the controller, which refused a page it does not have: {found}"


def timer_writes() -> str:
    """Enabled as an admin does it; the daemon's restart must not take the file away."""
    commands.systemctl("enable", "--now", TIMER).must("enabling the timer")
    (DIRECTORY / "nvme.json").unlink(missing_ok=True)
    seconds = commands.wait("the timer's file", 150, (DIRECTORY / "nvme.json").exists)
    commands.restarted()
    as_daemon("nvme.json")
    commands.systemctl("disable", "--now", TIMER).must("disabling the timer")
    return f"written by the timer within {seconds:.0f} s; still there after a restart of the daemon"


def kernel_log_is_seen() -> str:
    """By OpenFile= where systemd has it; elsewhere the drop-in that the package brings as an example."""
    version = int(commands.systemctl("--version").output.split()[1])
    outcome = _kernel_log()
    if version >= 253:
        if outcome != "1":
            raise Wrong(f"systemd {version} has OpenFile=, and the daemon cannot read the kernel log: {_why()}")
        return f"systemd {version}: read by OpenFile="
    if outcome == "1":
        raise Wrong(f"systemd {version} has no OpenFile=, and the daemon reads the kernel log without the drop-in")
    why = _why()
    with_drop_in = _with_drop_in()
    return f"systemd {version}: not read ({why}); with {with_drop_in} it is"


def _with_drop_in() -> str:
    examples = Path("/usr/share/doc/virt-agent/examples")
    found = sorted(examples.rglob("*kernel-log*.conf")) or sorted(examples.rglob("*kmsg*.conf"))
    if not found:
        raise Wrong(f"no drop-in for the kernel log among the examples in {examples}")
    target = Path(f"/etc/systemd/system/{SERVICE}.d/kernel-log.conf")
    commands.write(str(target), found[0].read_text())
    try:
        commands.systemctl("daemon-reload")
        commands.restarted()
        if _kernel_log() != "1":
            raise Wrong(f"with {found[0].name}: {_why()}")
    finally:
        target.unlink()
        target.parent.rmdir()
        commands.systemctl("daemon-reload")
        commands.restarted()
    return found[0].name


def _kernel_log() -> str:
    for line in get("/metrics").splitlines():
        if line.startswith("virt_kernel_log_lost_records_total "):
            return "1"
    return "0"


def _why() -> str:
    lines = [line.strip() for line in get("/check").splitlines() if "kernel log" in line or "kmsg" in line]
    return " / ".join(lines)[:300] or "the report says nothing of it"


def claim() -> str:
    """A mount over the model's file in sysfs, seen by who starts afterwards."""
    CLAIM.write_text(f"{MODEL:40}\n")
    file = Path("/sys/class/nvme/nvme0/model").resolve()
    was = file.read_text().strip()
    if was != MODEL:
        commands.run("mount", "--bind", str(CLAIM), str(file)).must("mounting over the model")
    return f"{was} as {MODEL}"


def unclaim() -> None:
    commands.run("umount", str(Path("/sys/class/nvme/nvme0/model").resolve()))
    CLAIM.unlink(missing_ok=True)


def as_daemon(name: str) -> str:
    """A file of the shared directory, read as the running daemon could."""
    process = commands.main_process()
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    command = EYES.format(
        process=process,
        user=lines["Uid"].split()[0],
        group=lines["Gid"].split()[0],
        groups=",".join(lines["Groups"].split()) or lines["Gid"].split()[0],
        file=DIRECTORY / name,
    )
    return commands.run(*command.split()).must(f"the daemon cannot read {name}").output
