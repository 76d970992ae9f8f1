"""What the daemon imports before it is ready: all that its modules import inside their functions."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import corpus

# With the web configuration, when it is first read or by the thread that reads it again; by the first look, where the
# metadata service is asked and for the processor's name; and what is of other Pythons.
ELSEWHERE = {"bcrypt", "yaml", "requests", "urllib3", "cpuinfo", "compression", "tomli", "tomllib"}
_WALK = """
import ast, importlib.util, json, pathlib, sys
import virt_agent.__main__, virt_agent.modes.serve
from virt_agent.serve.preload import preload
preload()
missing = {}
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] not in ("virt_agent", "virt_collectors") or not module.__file__.endswith(".py"):
        continue
    for function in ast.walk(ast.parse(pathlib.Path(module.__file__).read_text())):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            wanted = []
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = module.__name__ if hasattr(module, "__path__") else module.__package__
                above = importlib.util.resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
                parts = [f"{above}.{alias.name}" for alias in node.names]
                wanted = [above, *(part for part in parts if not hasattr(sys.modules.get(above), part.rpartition(".")[2]))]
            for each in wanted:
                if each not in sys.modules:
                    missing.setdefault(each, []).append(f"{name}.{function.name}")
print(json.dumps(missing))
"""
# Called before the daemon is ready, or by other modes alone.
EARLY = ("virt_agent.__main__.", "virt_agent.observe.open_host")


@pytest.mark.subprocess
def test_nothing_is_left_to_import_later() -> None:
    words = [
        sys.executable,
        "-c",
        f"import sys; sys.path[:0] = {[str(corpus.HERE.parent / part) for part in ('agent', 'collectors')]}\n{_WALK}",
    ]
    missing = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    left = {
        name: users
        for name, users in missing.items()
        if name.partition(".")[0] not in ELSEWHERE and not all(user.startswith(EARLY) for user in users)
    }
    assert left == {}
