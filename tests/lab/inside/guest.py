"""The second stage of a guest: its process 1.

It finds the guest's orders in /lab/plan.json, makes itself at home (mounts,
udev, network), runs the agent, sends the results away and powers off.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import examine, watch

RESULTS = Path("/lab/results")
MAILBOX = "data/lab"  # in xenstore, writable by the guest
MAIL_SECONDS = 240
STEP_SECONDS = 150
LINKS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}  # Xen's scripts want them
FOLDERS = ("/run", "/tmp", "/dev/pts", "/dev/shm")
BEGIN, END = "lab: results begin", "lab: results end"


def main() -> None:
    plan: dict[str, Any] = json.loads(Path("/lab/plan.json").read_text())
    as_process_one(lambda: stay(plan))


def stay(plan: dict[str, Any]) -> None:
    make_home(plan)
    shutil.rmtree(RESULTS, ignore_errors=True)  # dom0 serves one root disk to guest after guest
    connect(plan["address"], plan["gateway"])
    report(f"up {plan['name']}")
    if plan["disturbed"]:
        await_disturbance(watched=plan["watched"])
    if plan["ask"]:
        examine.ask(plan["ask"], RESULTS)
    else:
        examine.examine(RESULTS)
    deliver(os.environ["LAB_COURIER"])


def as_process_one(work: Callable[[], None]) -> None:
    """Whatever happens, a guest tells it and powers off; process 1 must not end."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - process 1 ends the machine, whatever it was
        report("broken " + traceback.format_exc().replace("\n", "\nlab: "))
    # No sync: it would wait for the disk that a disturbance has killed.
    run("umount", "/srv/data")
    run("mount", "-o", "remount,ro", "/")
    os.execv("/bin/busybox", ["poweroff", "-n", "-f"])


def make_home(plan: dict[str, Any]) -> None:
    socket.sethostname(plan["name"])
    for name, target in LINKS.items():
        if not Path("/dev", name).is_symlink():
            os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")
    for folder in FOLDERS:
        Path(folder).mkdir(exist_ok=True)
        kind = "devpts" if folder == "/dev/pts" else "tmpfs"
        run("mount", "-t", kind, kind, folder)
    run("mount", "-o", "remount,rw", "/")
    run("/lib/systemd/systemd-udevd", "--daemon")
    run("udevadm", "trigger", "--type=subsystems", "--action=add")
    run("udevadm", "trigger", "--type=devices", "--action=add")
    run("udevadm", "settle", "--timeout=120")
    run("mount", "-a")
    run("python3", "-m", "compileall", "-q", "/usr/share/virt-agent")


def connect(address: str, gateway: str) -> None:
    run("ip", "link", "set", "lo", "up")
    cards = sorted(p.name for p in Path("/sys/class/net").iterdir() if (p / "device").exists())
    for card in cards:
        run("ip", "link", "set", card, "up")
    if cards:
        run("ip", "address", "add", address, "dev", cards[0])
        run("ip", "route", "add", "default", "via", gateway, "dev", cards[0])


def await_disturbance(watched: bool) -> None:
    """Tell dom0 that the guest is well, and wait until it has done its worst."""
    run("xenstore-write", MAILBOX, "well")
    if watched:
        watch.watch(RESULTS, MAILBOX)
    until = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < until:
        if output("xenstore-read", MAILBOX) == "disturbed":
            return
        time.sleep(0.5)
    raise TimeoutError("dom0 never answered in xenstore")


def deliver(courier: str) -> None:
    """Results leave as a tar on a raw disk; over the console where there is none."""
    if not courier.startswith("/dev/"):
        text = base64.encodebytes(gzip.compress(pack(RESULTS))).decode()
        print(f"\n{BEGIN}\n{text}{END}", flush=True)
        return
    with open(courier, "r+b") as disk:
        disk.write(pack(RESULTS))
        os.fsync(disk.fileno())


def pack(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, arcname=".")
    return packed.getvalue()


def report(sentence: str) -> None:
    print(f"lab: {sentence}", flush=True)


def run(*command: str) -> int:
    """A step that some guests cannot do; its failure is told and no more."""
    step = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        ended = step.wait(STEP_SECONDS)
    except subprocess.TimeoutExpired:
        ended = -1  # it may hang in state D on a dead disk: leave it there
    if ended:
        report(f"note {' '.join(command)}: {ended}")
    return ended


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()


if __name__ == "__main__":
    main()
