"""`python -m tests.packages`: both packages built, held against what is stated of them, installed and removed.

Needs Debian or Ubuntu and, to install the Debian package, root and overlayfs: it goes into a layer above this
machine that is thrown away. What is missing of tools is installed by apt where root runs this; what cannot be had
fails, and says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from . import debian, installed, wheels
from .outcome import Wrong

CHECKS = {**debian.CHECKS, **installed.CHECKS, **wheels.CHECKS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.packages", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="the checks whose name has it")
    chosen = {name: check for name, check in CHECKS.items() if parser.parse_args().only in name}
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="virt-agent-packages.") as above:
        for name, check in chosen.items():
            started = time.monotonic()
            try:
                seen = check(Path(above))
            except Wrong as error:
                wrong += 1
                seen = f"WRONG: {error}"
            print(f"{name:28} {time.monotonic() - started:6.1f} s  {seen}", flush=True)
    print(f"\n{len(chosen) - wrong} right, {wrong} wrong")
    return int(wrong > 0 or not chosen)


if __name__ == "__main__":
    sys.exit(main())
