"""`python -m tests.promtool`: Prometheus' own linter over the exposition of every known machine and of this one.

Needs promtool (Debian: prometheus); `tests/slow.sh` installs it.
"""

from __future__ import annotations

import subprocess
import sys

from tests import corpus
from virt_agent import metrics, observe
from virt_agent.metrics.definition import Watched
from virt_agent.selection import Selection
from virt_collectors.host.live import LiveHost


def main() -> int:
    """1 where promtool has anything to say."""
    failed = 0
    for name in [*corpus.MACHINES, "this machine"]:
        host = LiveHost() if name == "this machine" else corpus.host(name)
        report = observe.observe(host, Selection())
        stalled = {disk.name: 0.0 for disk in report.reading.facts.block_devices or ()}
        complaints = lint(metrics.render(report, Watched(stalled, {"virt_agent_process_cpu_seconds_total": 1.0})))
        if complaints:
            failed += 1
            print(f"{name}: {complaints}")
    print(f"promtool: {len(corpus.MACHINES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


def lint(exposition: bytes) -> str:
    """What `promtool check metrics` says; "" where it is content."""
    done = subprocess.run(["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode() if done.returncode or done.stdout or done.stderr else ""


if __name__ == "__main__":
    sys.exit(main())
