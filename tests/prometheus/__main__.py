"""`python -m tests.prometheus`: what is shipped for Prometheus, held against the real Prometheus and Alertmanager.

Needs promtool and amtool (Debian: prometheus, prometheus-alertmanager); `tests/slow.sh` installs them. No service is
needed; an Alertmanager is started on loopback and ended.
"""

from __future__ import annotations

import shutil
import sys
import time

from . import configurations, expositions, inhibitions, machines, mutants

_STEPS = {
    "expositions": expositions.check,
    "rules": configurations.rules,
    "alerts": configurations.alerts,
    "recording rules": configurations.recorded,
    "alerts of the known machines": machines.check,
    "mistakes in the rules": mutants.check,
    "scrape examples": configurations.scrapes,
    "routes": configurations.routes,
    "inhibitions": inhibitions.check,
}
_NEEDED = {"prometheus": "promtool", "prometheus-alertmanager": "amtool"}  # Debian's package, the program looked for


def main() -> int:
    """1 where something is wrong or missing."""
    missing = [package for package, program in _NEEDED.items() if not shutil.which(program)]
    if missing:
        print(f"tests.prometheus: not run, for this is missing: apt-get install {' '.join(missing)}")
        return 1
    failed = 0
    for name, check in _STEPS.items():
        began = time.monotonic()
        complaints = check()
        failed += bool(complaints)
        print(f"{'FAILED' if complaints else 'passed'}  {time.monotonic() - began:5.1f} s  {name}", flush=True)
        for complaint in complaints:
            print(f"        {complaint}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
