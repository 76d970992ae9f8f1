"""cloud-init itself, in the interpreter that has it: `python3 installed_cloud_init.py DIRECTORY ENDPOINT` prints JSON."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

_PYTHON = "/usr/bin/python3"  # the distribution's, which has what cloud-init imports
DIRECTORY = "/usr/lib/python3/dist-packages"
_SECONDS = 60


def crawl(endpoint: str) -> object:
    """Its crawl, as on a machine that it takes for EC2's; {} where it gives up."""
    source = importlib.import_module("cloudinit.sources.DataSourceEc2")
    helpers = importlib.import_module("cloudinit.helpers")
    settings = {"datasource": {"Ec2": {"metadata_urls": [endpoint], "max_wait": 1, "timeout": 1}}}
    with tempfile.TemporaryDirectory() as directory:
        made = source.DataSourceEc2(settings, object(), helpers.Paths({"run_dir": directory}))
        made._cloud_name = source.CloudNames.AWS
        found = made.crawl_metadata()
    if not found.get("meta-data"):
        return {}
    return {
        "version": found["_metadata_api_version"],
        "user-data": bool(found["user-data"]),
        "meta-data": found["meta-data"],
        "document": found["dynamic"]["instance-identity"]["document"],
    }


def run(endpoint: str, directory: str = DIRECTORY, python: str = _PYTHON) -> object:
    """The same in a process of that interpreter; LookupError where it is not installed."""
    if not Path(directory, "cloudinit").is_dir():
        raise LookupError(f"no cloudinit in {directory}")
    command = [python, __file__, directory, endpoint]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise LookupError(done.stderr.strip().rpartition("\n")[2])
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    print(json.dumps(crawl(sys.argv[2])))
