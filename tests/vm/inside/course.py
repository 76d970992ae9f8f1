"""The course of the test machine: its promises in their order. Started by course.service; powers off at its end."""

from __future__ import annotations

import json
import time
from pathlib import Path

from . import commands, frozen_disk, hardening, ledger, life, package, privileged
from .commands import Wrong

COURSE = (
    ("boots with systemd as process 1", life.wait_for_boot),
    ("apt installs the previous version", package.install_previous),
    ("active within 10 s of its start", life.is_active),
    ("what is enabled", package.is_enabled),
    ("apt upgrades, an edited configuration stays", package.upgrade),
    ("active within 10 s after the upgrade", life.is_active),
    ("systemd has no complaint about the units", life.has_no_complaints),
    ("scraped from outside", life.is_scraped),
    ("no noise in the journal", life.is_quiet),
    ("identifiers for loopback alone", life.is_discreet),
    ("takes a good configuration by reload", life.reloads),
    ("keeps the old one where the new is bad", life.keeps_old_configuration),
    ("restarts without a warning", life.restarts),
    ("frozen, restarted by the watchdog", life.survives_freezing),
    ("the root disk freezes, and thaws", frozen_disk.happens),
    ("root disk frozen: an answer within 3 s", frozen_disk.is_answered),
    ("root disk frozen: report and metrics say so", frozen_disk.is_told),
    ("root disk frozen: no restart", frozen_disk.lives),
    ("root disk frozen: --check started anew", frozen_disk.starts_anew),
    ("root disk thawed: all is as before", frozen_disk.recovers),
    ("the running process has no privilege", hardening.status_of_process),
    ("its mount namespace is read-only", hardening.mounts_of_process),
    ("the probe works without a sandbox", hardening.tries_freely),
    ("refused: a program in the daemon's place", hardening.tries_in_its_place),
    ("refused: a program beside the daemon", hardening.tries_beside_it),
    ("limits of memory and tasks", hardening.memory),
    ("exposure as this systemd measures it", life.is_exposed),
    ("root's static facts reach the daemon", privileged.static_is_read),
    ("the NVMe helper's file reaches the daemon", privileged.nvme_is_read),
    ("the helper's timer", privileged.timer_writes),
    ("the kernel log", privileged.kernel_log_is_seen),
)
LAST = (
    ("remove leaves the configuration alone", package.remove),
    ("purge leaves nothing", package.purge),
)


def sandbox() -> str:
    """What each option of the sandbox takes away, and whether the report says so: one line of JSON an option."""
    program = Path("/root/inside/sandbox.py")
    if not program.exists():
        raise Wrong("sandbox.py is not there")
    done = commands.run("python3", str(program), limit=900)
    ledger.keep("sandbox.jsonl", done.output)
    ledger.keep("sandbox.err", done.complaints)
    told = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    silent = [str(option["option"]) for option in told if option["lost"] and not option["told"]]
    losing = [f"{option['option']} ({len(option['lost'])})" for option in told if option["lost"]]
    if done.code or silent:
        raise Wrong(f"exit code {done.code}; not told: {' '.join(silent)}; {commands.last_words(done.complaints)}")
    return f"{len(told)} options; readings lost, and told, by: {' '.join(losing) or 'none'}"


def main() -> None:
    began = time.monotonic()
    try:
        hardening.prepare()
        for name, check in (*COURSE, ("each option that takes a reading is told", sandbox), *LAST):
            ledger.prove(name, check)
            if check == privileged.timer_writes:
                privileged.unclaim()
        ledger.keep("journal.txt", commands.run("journalctl", "--no-pager", "-o", "short-monotonic").output)
        ledger.deliver()
    finally:
        ledger.tell(f"over after {time.monotonic() - began:.0f} s")
        commands.systemctl("poweroff", "--force")


if __name__ == "__main__":
    main()
