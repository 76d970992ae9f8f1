"""`python -m tests.fleet`: a simulated fleet under a real Prometheus; prints what it costs, `--write` puts it in docs/scale.md.

    python -m tests.fleet --guests 200 --minutes 1                  # make fleet, four minutes; CI runs half of it
    python -m tests.fleet --guests 1000,5000 --minutes 20 --write   # an hour and a half of a machine with nothing else to do

Needs Debian's prometheus; no service, everything runs on loopback in a directory of its own.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile

from tests.e2e.programs import PROMETHEUS, find

from . import page
from .measure import OWN, Figures, measured

# A scrape that fails, or a panel that nobody waits for, is a failure of the design at that size.
_LEAST_UP = 0.999
_SLOWEST_PANEL_MS = 10_000.0
_BUDGET = (
    200 + OWN + 1
)  # series of a guest with two disks and one card, Prometheus' own, and an illness that comes and goes


def main() -> int:
    """1 where a promise does not hold or Prometheus is missing."""
    options = _options()
    if not find(PROMETHEUS):
        print("tests.fleet: not run, for this is missing: apt-get install prometheus")
        return 1
    all_figures, complaints = [], []
    for guests in options.guests:
        with tempfile.TemporaryDirectory() as directory:
            figures = measured(pathlib.Path(directory), guests, round(options.minutes * 60), options.runs)
        all_figures.append(figures)
        complaints += broken_promises(figures)
        print(f"{guests:,} guests are measured", flush=True)
    blocks = {"measured": page.measured(page.machine(), all_figures), "plan": page.plan(all_figures)}
    print("", *blocks.values(), sep="\n\n")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    if options.write and not complaints:
        page.write(blocks)
    return 1 if complaints else 0


def broken_promises(figures: Figures) -> list[str]:
    """What was promised and is not so at that size."""
    found = (
        []
        if figures.up >= _LEAST_UP
        else [f"of the scrapes of {figures.guests} guests only {figures.up:.2%} were answered in time"]
    )
    for name, kind in figures.by_kind.items():
        found += [f"{name} has {kind.series:.0f} series; its budget is {_BUDGET}"] if kind.series > _BUDGET else []
    slow = [timing for timing in figures.panels if timing.median > _SLOWEST_PANEL_MS]
    return found + [f"panel {one.panel.title} takes {one.median:.0f} ms at {figures.guests} guests" for one in slow]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=lambda text: [int(word) for word in text.split(",")], default=[200])
    parser.add_argument("--minutes", type=float, default=1.0, help="measured at each size, after 45 s to warm up")
    parser.add_argument("--runs", type=int, default=10, help="of each query of the dashboards")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/scale.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
