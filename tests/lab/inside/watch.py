"""The daemon's life while dom0 changes the guest under it.

dom0 marks each finished change in xenstore; each scrape is kept under the
mark that stood before it was taken, so it must show that change.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from . import examine

PAUSE_SECONDS = 2
LIMIT_SECONDS = 1500
LAST = "disturbed"


def watch(into: Path, mailbox: str) -> None:
    scrapes = into / "scrapes"
    scrapes.mkdir(parents=True)
    kept: list[dict[str, object]] = []
    with open(into / "watched.log", "wb") as log:
        line = [examine.AGENT, "--serve", "--web.listen-address", examine.ADDRESS]
        daemon = subprocess.Popen(line, stdout=log, stderr=log)
        until = time.monotonic() + LIMIT_SECONDS
        mark = ""
        while mark != LAST and time.monotonic() < until and daemon.poll() is None:
            mark = _mark(mailbox)
            kept.append(_look(scrapes, len(kept), mark, daemon))
            time.sleep(PAUSE_SECONDS)
        daemon.terminate()
        ended = examine.end(daemon)
    (into / "watched.json").write_text(json.dumps({"exit": ended, "scrapes": kept}, indent=1))


def _look(scrapes: Path, number: int, mark: str, daemon: subprocess.Popen[bytes]) -> dict[str, object]:
    file = scrapes / f"{number:04}.prom"
    answer = examine.scrape("metrics", file, daemon)
    return {
        "file": file.name,
        "mark": mark,
        "answer": answer,
        "clock": time.time(),
        "open_files": len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())),
        "disks": sorted(p.name for p in Path("/sys/block").glob("xvd*")),
        "nics": sorted(p.parent.name for p in Path("/sys/class/net").glob("*/device")),
    }


def _mark(mailbox: str) -> str:
    done = subprocess.run(["xenstore-read", mailbox], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()
