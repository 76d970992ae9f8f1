"""Daemons that serve a recorded guest on loopback, and what is shown of it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from tests import corpus

_LISTENS = re.compile(r"http://127\.0\.0\.1:\d+/")
PATIENCE = 60.0


@contextlib.contextmanager
def serving(root: str) -> Iterator[str]:
    """The address of a daemon over a guest, ended afterwards."""
    words = [sys.executable, "-m", "virt_agent", "--serve", "--root", root, "--web.listen-address", "127.0.0.1:0"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        found = _LISTENS.search(line)
        if found:
            threading.Thread(target=process.stderr.read, daemon=True).start()  # lest it wait for a reader
            return found[0]
    raise RuntimeError(f"the daemon ended: {''.join(said)}")


@contextlib.contextmanager
def renamed(name: str, **names: str) -> Iterator[str]:
    """The directory of a recorded guest in which devices have other names."""
    with tempfile.TemporaryDirectory(prefix="virt-agent-guest-") as directory:
        for path, entry in corpus.copy(name)._entries.items():
            _write(pathlib.Path(directory, _renamed(path, names)), _renamed(entry, names))
        yield directory


def _renamed(path: Any, names: dict[str, str]) -> Any:
    return "/".join(names.get(part, part) for part in path.split("/")) if isinstance(path, str) else path


def _write(place: pathlib.Path, entry: bytes | str | None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry, bytes):
        place.write_bytes(entry)
    elif isinstance(entry, str):
        place.symlink_to(entry)
    else:
        place.mkdir(exist_ok=True)
