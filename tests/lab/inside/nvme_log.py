"""Ask each NVMe controller for Amazon's log page, as the agent asks EBS volumes alone; QEMU's must refuse."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, "/usr/share/virt-agent")

from virt_collectors.errors import SourceError
from virt_collectors.host.nvme import read_log

for name in sorted(entry.name for entry in Path("/sys/class/nvme").glob("nvme*")):
    try:
        print(name, "gave", len(read_log(f"/dev/{name}", f"dev/{name}")), "bytes")
    except SourceError as error:
        print(name, "refused", error.code, Path(f"/sys/class/nvme/{name}/state").read_text().strip())
