"""`python -m tests.examples`: every example for another tool, run by that tool; exit 1 where one does not hold.

Root and Debian. What is installed and changed for it goes into a copy of /usr, /etc, /var and /run in memory
(copied_machine.py) that ends with the run, and so do all processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import ansible, cloud_init, copied_machine, icinga, nrpe, sos, sudo
from .form import Tool, Unproven

TOOLS = (sudo.TOOL, nrpe.TOOL, icinga.TOOL, ansible.TOOL, ansible.LINT, cloud_init.TOOL, sos.TOOL)
INSIDE = "--inside"
ENTERING = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def main(arguments: Sequence[str]) -> int:
    """The outer half makes the namespaces, the inner one works in them."""
    if arguments[:1] == [INSIDE]:
        return inside(Path(arguments[1]))
    if subprocess.run([*ENTERING, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        wanted = ", ".join(tool.name for tool in TOOLS)
        print(f"examples: needs root, with the right to mount (unshare); not proven: {wanted}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as above:
        words = [*ENTERING, sys.executable, "-m", "tests.examples", INSIDE, above]
        return subprocess.run(words, check=False).returncode


def inside(above: Path) -> int:
    """Everything, in a mount namespace that ends with this process."""
    try:
        copied_machine.enter(above)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"examples: cannot lay a copy over this machine, nothing proven: {error}", file=sys.stderr)
        return 1
    copied_machine.install(TOOLS)
    copied_machine.install_virt_agent()
    return report()


def report() -> int:
    """The table; 1 where something is missing or wrong."""
    failed = 0
    for tool in TOOLS:
        held, told = _proven(tool)
        failed += not held
        version = copied_machine.version(tool.packages[0]) or "not installed"
        print(f"{'proven' if held else 'FAILED':8}{tool.name:14}{version}", *told, sep="\n          ", flush=True)
    print(f"examples: {len(TOOLS) - failed} of {len(TOOLS)} tools proven")
    return int(bool(failed))


def _proven(tool: Tool) -> tuple[bool, list[str]]:
    if not shutil.which(tool.program):
        return False, [f"{tool.program} is missing: apt-get install {' '.join(tool.packages)}"]
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="virt-agent-examples-") as directory:
        os.chmod(directory, 0o755)  # other users' processes read their files in it
        try:
            return True, tool.prove(Path(directory))
        except (Unproven, subprocess.TimeoutExpired) as error:
            return False, str(error).splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
