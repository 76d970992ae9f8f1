"""The machines with a known answer: `cases/` written down by hand, `guests/` recorded in real guests.

A case is JSON: `files` (path → text, {"hex"}, {"symlink"} or null for a directory), `errors` (path →
errno's name), `cpuid`, `imds`, `kernel_log`, and `expect`, the verdict; a list there means that either is
right, a key that is missing is not judged. `guests/NAME.expect.json` also says which findings must be there
(`want`) or may be (`allow`).
"""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

from virt_collectors.collect import Runner, choose
from virt_collectors.facts import Facts
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree, Tree, open_tree

HERE = pathlib.Path(__file__).parent
CASES = sorted(path.stem for path in (HERE / "cases").glob("*.json"))
GUESTS = sorted(path.name.partition(".tar.")[0] for path in (HERE / "guests").glob("*.tar.*"))
MACHINES = CASES + GUESTS
PATIENCE = 60.0  # seconds; a deadline has no part in what is tested with these


def expectation(name: str) -> dict[str, Any]:
    """The verdict that a machine must have."""
    answer: dict[str, Any] = _answers(name)["expect"]
    return answer


def findings(name: str) -> dict[str, list[str]]:
    """Codes of severity warning and above that a guest must (`want`) or may (`allow`) have."""
    given: dict[str, list[str]] = _answers(name).get("findings", {"want": [], "allow": []})
    return given


def _answers(name: str) -> dict[str, Any]:
    path = HERE / ("cases" if name in CASES else "guests") / f"{name}{'' if name in CASES else '.expect'}.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@functools.cache
def tree(name: str) -> Tree:
    """The machine's files; not to be changed."""
    return case_tree(_answers(name)) if name in CASES else open_tree(archive(name))


def copy(name: str) -> MemoryTree:
    """The machine's files, to be changed."""
    made, original = MemoryTree(), tree(name)
    assert isinstance(original, MemoryTree)
    for path, entry in original._entries.items():
        if path:
            made.add(path, entry)
    return made


def case_tree(case: dict[str, Any]) -> MemoryTree:
    """A case as a snapshot in memory."""
    made = MemoryTree()
    for path, content in case["files"].items():
        made.add(path.rstrip("/"), _entry(content))
    for name in ("cpuid", "imds", "errors"):
        if case.get(name):
            made.add(f"virt-agent/{name}.json", json.dumps(case[name]).encode())
    if case.get("kernel_log"):
        made.add("virt-agent/kernel.log", case["kernel_log"].encode())
    return made


def _entry(content: Any) -> bytes | str | None:
    if isinstance(content, dict):
        return str(content["symlink"]) if "symlink" in content else bytes.fromhex(content["hex"])
    return None if content is None else str(content).encode()


def archive(name: str) -> str:
    """The recorded guest's tar file."""
    return str(next((HERE / "guests").glob(f"{name}.tar.*")))


def host(name: str) -> SnapshotHost:
    """The machine to ask."""
    return SnapshotHost(tree(name))


def facts(asked: SnapshotHost, without: tuple[str, ...] = ()) -> Facts:
    """All facts of a machine but those of some collectors."""
    return Runner(asked, PATIENCE).collect(choose(without=without), PATIENCE).facts
