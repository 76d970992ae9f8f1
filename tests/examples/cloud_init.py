"""cloud-init: the user data fits its schema, and its commands install the package from an address on loopback."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import copied_machine
from .form import EXAMPLES, Said, Tool, Unproven, run

USER_DATA = EXAMPLES / "cloud-init" / "user-data.yaml"
ADDRESS = "https://example.com/virt-agent_0.1.0_all.deb"
SUM = "0" * 64


def prove(directory: Path) -> list[str]:
    told = run("cloud-init", "schema", "--config-file", USER_DATA).expect(0, "Valid cloud-config")
    if "deprecat" in told.all.lower():
        raise Unproven(told.all)
    wanted, script = _read()
    package = copied_machine.build()
    run("dpkg", "--purge", "virt-agent").expect(0)
    copied_machine.CONFIGURATION.parent.mkdir(exist_ok=True)
    copied_machine.CONFIGURATION.write_text(wanted)
    with _served(package.parent) as address:
        script = script.replace(ADDRESS, f"{address}/{package.name}")
        if not _install(script).code or copied_machine.version("virt-agent"):
            raise Unproven("a package with another sum is installed")
        _install(script.replace(SUM, hashlib.sha256(package.read_bytes()).hexdigest())).expect(0)
    if not copied_machine.version("virt-agent") or copied_machine.CONFIGURATION.read_text() != wanted:
        raise Unproven("the package is not installed, or its configuration has replaced the one written before")
    return [
        "cloud-init schema finds it valid, and nothing deprecated",
        "run: the package is taken from an address and installed; the configuration written before stays",
        "a package with another sum is not installed",
        "not run: systemctl enable, for no systemd runs here",
    ]


def _read() -> tuple[str, str]:
    """The configuration it writes, and the script of its first command, read by the YAML of the distribution."""
    read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    data = json.loads(run("/usr/bin/python3", "-c", read, USER_DATA).expect(0).out)
    script = data["runcmd"][0]
    if script[:2] != ["sh", "-euc"] or ADDRESS not in script[2] or SUM not in script[2]:
        raise Unproven(f"the first command is {script!r}")
    return str(data["write_files"][0]["content"]), str(script[2])


def _install(script: str) -> Said:
    return run("sh", "-euc", script)


@contextmanager
def _served(directory: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


TOOL = Tool("cloud-init", ("cloud-init", "curl"), "cloud-init", prove)
