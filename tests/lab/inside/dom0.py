"""The second stage of the outer machine: Xen's dom0.

It reads /mnt/plan.json on the share, starts the tool stack and gives each
domain of the plan its life, one at a time: create, disturb where ordered,
wait for its power-off, and carry its courier disk and console to the share.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import examine
from .guest import MAILBOX, as_process_one, make_home, output, pack, report, run

SHARE = Path("/mnt")
SCRATCH = Path("/run/lab")
CONSOLES = Path("/var/log/xen/console")
DEVICE_MODELS = CONSOLES.parent
BACKENDS = "xen-blkback xen-netback xen-gntalloc loop bridge tun"
BLOCK_SCRIPT = Path("/etc/xen/scripts/block")
BRIDGE = ("labbr", "10.0.2.2/24")
CREATE_SECONDS = 240
STEP_SECONDS = 300
MISSES = 3  # xl list fails now and then under load


def main() -> None:
    as_process_one(host)


def host() -> None:
    make_home({"name": "dom0"})
    run("modprobe", "-a", "9pnet_virtio", "9p")
    run("mount", "-t", "9p", "-o", "trans=virtio,version=9p2000.L,msize=262144", "share", "/mnt")
    plan: dict[str, Any] = json.loads((SHARE / "plan.json").read_text())
    start_toolstack()
    report("up dom0")
    if plan["examine"]:
        look(plan["examine"], plan["ask"])
    for domain in plan["domains"]:
        report(f"begin {domain['name']}")
        report(f"ended {domain['name']}: {live(domain)}")


def start_toolstack() -> None:
    run("modprobe", "-a", *BACKENDS.split())
    for folder in (CONSOLES, SCRATCH):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("block.sh"), BLOCK_SCRIPT)
    os.environ["XENCONSOLED_ARGS"] = "--log=guest"
    run("/etc/init.d/xen", "start")
    run("ip", "link", "set", "lo", "up")
    name, address = BRIDGE
    run("ip", "link", "add", name, "type", "bridge")
    run("ip", "address", "add", address, "dev", name)
    run("ip", "link", "set", name, "up")


def look(name: str, ask: str = "") -> None:
    """Examine dom0 itself, under this name."""
    into = Path("/lab/results") / name
    if ask:
        examine.ask(ask, into)
    else:
        examine.examine(into)
    (SHARE / "results" / f"{name}.tar").write_bytes(pack(into))
    report(f"ended {name}: examined")


def live(domain: dict[str, Any]) -> str:
    name = domain["name"]
    with disks(domain) as paths:
        config = SCRATCH / f"{name}.cfg"
        config.write_text(domain["config"].format(**paths))
        ended = create(config) or attend(domain)
        subprocess.run(["xl", "destroy", name], capture_output=True, timeout=60, check=False)
        bring_home(name)
    return ended or "powered off"


def create(config: Path) -> str:
    try:
        done = subprocess.run(
            ["xl", "create", str(config)], capture_output=True, text=True, timeout=CREATE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"xl create took more than {CREATE_SECONDS} s"
    if done.returncode:
        return done.stderr.strip()
    report(f"created {config.stem}")
    return ""


def attend(domain: dict[str, Any]) -> str:
    """Wait for the domain's end, and disturb it once it says that it is well."""
    until = time.monotonic() + domain["limit"]
    waiting, misses = list(domain["disturb"]), 0
    while misses < MISSES:
        number = number_of(domain["name"])
        misses = 0 if number else misses + 1
        if number and waiting and mail(number) == "well":
            disturb(domain["name"], waiting)
            waiting = []
        if time.monotonic() > until:
            return f"did not power off within {domain['limit']} s"
        time.sleep(1)
    return ""


def disturb(name: str, lines: list[str]) -> None:
    """A line is a command, or `look NAME` at dom0 itself, or `mark NAME` of a finished step."""
    for line in lines:
        verb, _, argument = line.partition(" ")
        if verb == "look":
            look(argument)
        elif verb == "mark":
            mark(name, argument)
        else:
            command(line.format(id=number_of(name), name=name))
    mark(name, "disturbed")


def command(line: str) -> None:
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=STEP_SECONDS, check=False)
    said = " ".join((done.stdout + done.stderr).split())
    report(f"did {line}: {done.returncode} {said[-300:]}")


def mark(name: str, word: str) -> None:
    run("xenstore-write", f"/local/domain/{number_of(name)}/{MAILBOX}", word)


def number_of(name: str) -> str:
    """A restored or migrated domain has a new number."""
    return output("xl", "domid", name)


def mail(number: str) -> str:
    return output("xenstore-read", f"/local/domain/{number}/{MAILBOX}")


@contextmanager
def disks(domain: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The domain's own files, as loop devices, so that blkback serves them."""
    paths: dict[str, str] = {}
    for role, file in domain["files"].items():
        copy = SCRATCH / f"{domain['name']}.{role}"
        shutil.copy(SHARE / file, copy)
        looped = role in ("courier", "data")
        paths[role] = output("losetup", "--find", "--show", str(copy)) if looped else str(copy)
    try:
        yield paths
    finally:
        for role, path in paths.items():
            if path.startswith("/dev/loop"):
                run("losetup", "--detach", path)
            (SCRATCH / f"{domain['name']}.{role}").unlink()


def bring_home(name: str) -> None:
    results = SHARE / "results"
    left = {
        f"{name}.tar": SCRATCH / f"{name}.courier",
        f"{name}.console": CONSOLES / f"guest-{name}.log",
        f"{name}.model": DEVICE_MODELS / f"qemu-dm-{name}.log",
    }
    for target, source in left.items():
        if source.exists():
            shutil.copy(source, results / target)


if __name__ == "__main__":
    main()
