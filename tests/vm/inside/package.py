"""The package's own life: installed by apt, upgraded over an edited configuration, removed, purged."""

from __future__ import annotations

import re
from pathlib import Path

from . import commands, ledger, traces
from .commands import SERVICE, Wrong, run

NAME = "virt-agent"
CONFIGURATION = Path("/etc/virt-agent/config.toml")
EDIT = '\n# Edited by the admin of this machine.\n[log]\nlevel = "info"\n'
# How cloud-init and unattended-upgrades answer dpkg's question about an edited file.
AS_UNATTENDED = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
# What apt says of every package file that is not from an archive, and of a machine without a terminal.
USUAL = ("CLI interface", "debconf: ", "Download is performed unsandboxed")
COMPLAINT = re.compile(r"\b(warning|error|W:|E:|failed|cannot)", re.IGNORECASE)

_before: set[str] = set()


def install(file: str, *options: str) -> str:
    """`apt install ./FILE` and what it says that nobody wants to read."""
    done = run("apt", "install", "-y", *options, f"./{file}", limit=600, folder="/srv/packages")
    told = done.output + done.complaints
    ledger.keep(f"apt-{file}.txt", told)
    done.must("apt install")
    odd = [line for line in told.splitlines() if COMPLAINT.search(line) and not any(word in line for word in USUAL)]
    if odd:
        raise Wrong(f"apt install complains: {' / '.join(odd[:5])}")
    return f"version {version()} installed in {done.seconds:.0f} s"


def version() -> str:
    return run("dpkg-query", "-W", "-f", "${Version}", NAME).output


def install_previous() -> str:
    _before.update(traces.seen())
    return install("previous.deb")


def is_enabled() -> str:
    """The service at boot; the privileged helper only where somebody wants it."""
    wanted = {SERVICE: "enabled", "virt-agent-privileged.timer": "disabled"}
    found = {unit: commands.systemctl("is-enabled", unit).output.strip() for unit in wanted}
    if found != wanted:
        raise Wrong(f"{found}")
    timer = commands.state("virt-agent-privileged.timer")
    if timer != "inactive":
        raise Wrong(f"the helper's timer is {timer}")
    return "service enabled, helper's timer disabled and inactive"


def upgrade() -> str:
    """Both the admin and the new version changed the file: the admin's stays, the new one lies beside it."""
    CONFIGURATION.write_text(CONFIGURATION.read_text() + EDIT)
    edited, process = CONFIGURATION.read_text(), commands.main_process()
    seen = install("current.deb", *AS_UNATTENDED)
    if CONFIGURATION.read_text() != edited:
        raise Wrong("the edited configuration was overwritten")
    if commands.state() != "active" or commands.main_process() in (0, process):
        raise Wrong(f"{SERVICE} {commands.state()}, pid {process} before and {commands.main_process()} after")
    beside = sorted(path.name for path in CONFIGURATION.parent.iterdir())
    return f"{seen}; edit kept; service restarted; /etc/virt-agent: {' '.join(beside)}"


def remove() -> str:
    """The program goes, the configuration stays."""
    process = commands.main_process()
    done = run("apt", "remove", "-y", NAME, limit=600)
    ledger.keep("apt-remove.txt", done.output + done.complaints)
    done.must("apt remove")
    if Path(f"/proc/{process}").exists():
        raise Wrong(f"the daemon still runs: {process}")
    if not CONFIGURATION.exists():
        raise Wrong("the configuration went with the program")
    left = sorted(str(path) for path in Path("/usr/share/virt-agent").rglob("*"))
    if left:
        raise Wrong(f"left of the program: {' '.join(left[:5])}")
    return "daemon stopped, no byte code left, configuration kept"


def purge() -> str:
    """Compared with the machine before the first installation."""
    done = run("apt", "purge", "-y", NAME, limit=600)
    ledger.keep("apt-purge.txt", done.output + done.complaints)
    done.must("apt purge")
    commands.systemctl("daemon-reload")
    left = sorted(traces.seen() - _before)
    gone = sorted(_before - traces.seen())
    ledger.keep("left-after-purge.txt", "\n".join([*left, *(f"GONE {line}" for line in gone)]))
    if left or gone:
        raise Wrong(f"left: {', '.join(left[:8]) or 'nothing'}; gone: {', '.join(gone[:8]) or 'nothing'}")
    return f"{len(_before)} files, accounts and units as before the installation"
