"""What can happen to a file of a guest, as a table, and undoing it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

ERRORS = "virt-agent/errors.json"
HUGE = b"all work and no play makes jack a dull boy\n" * (8 * 2**20 // 43 + 1)

# How loud a damage must be told where the agent reads the file. FORM: only where its form is checked.
FAILED, FORM, KNOWN, NOTHING = "failed", "form", "known", "nothing"


class Damage(NamedTuple):
    """`make` does it to the file at root/path; `told` is how loud the agent must be about it."""

    name: str
    make: Callable[[Path, str, Random], None]
    told: str
    answers: bool = True  # may befall the snapshot's own answers too


class Case(NamedTuple):
    """One file of a guest and what happens to it."""

    path: str
    damage: Damage

    def __str__(self) -> str:
        return f"{self.damage.name}:{self.path}"


def _truncated(root: Path, path: str, chance: Random) -> None:
    content = (root / path).read_bytes()
    _write(root / path, content[: chance.randrange(max(len(content), 1))])


def _emptied(root: Path, path: str, _chance: Random) -> None:
    _write(root / path, b"")


def _random_bytes(root: Path, path: str, chance: Random) -> None:
    _write(root / path, chance.randbytes(max((root / path).stat().st_size, 32)))


def _huge(root: Path, path: str, _chance: Random) -> None:
    """A link to one such file beside the guest: written once, however many files become it."""
    shared = root.with_name(f"{root.name}.huge")
    if not shared.exists():
        shared.write_bytes(HUGE)
    (root / path).unlink()
    os.link(shared, root / path)


def _directory(root: Path, path: str, _chance: Random) -> None:
    (root / path).unlink()
    (root / path).mkdir()


def _fifo(root: Path, path: str, _chance: Random) -> None:
    (root / path).unlink()
    os.mkfifo(root / path)


def _loop(root: Path, path: str, _chance: Random) -> None:
    (root / path).unlink()
    (root / path).symlink_to(Path(path).name)


def _no_permission(root: Path, path: str, _chance: Random) -> None:
    (root / path).chmod(0)


def _refused(code: str) -> Callable[[Path, str, Random], None]:
    def make(root: Path, path: str, _chance: Random) -> None:
        file = root / ERRORS
        if file.is_file() or not os.path.lexists(file):  # else it is damaged itself
            _write(file, json.dumps({**_refusals(file), path: code}).encode())

    return make


def _refusals(file: Path) -> dict[str, str]:
    try:
        recorded = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}


def _write(file: Path, content: bytes) -> None:
    """A new file, never through what stands there: a FIFO, a link."""
    if file.is_symlink() or file.exists():
        _remove(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _remove(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink()


DAMAGES = (
    Damage("truncated", _truncated, NOTHING),
    Damage("emptied", _emptied, NOTHING),
    Damage("random", _random_bytes, FORM),
    Damage("directory", _directory, FAILED),
    Damage("fifo", _fifo, FAILED),
    Damage("huge", _huge, FAILED),
    Damage("loop", _loop, FAILED),
    Damage("EACCES", _refused("EACCES"), KNOWN, answers=False),
    Damage("EIO", _refused("EIO"), FAILED, answers=False),
    Damage("mode-000", _no_permission, NOTHING if os.geteuid() == 0 else KNOWN),
)


def cases(paths: Iterable[str]) -> list[Case]:
    """Every damage to every file."""
    return [
        Case(path, damage)
        for path in sorted(paths)
        for damage in DAMAGES
        if damage.answers or not path.startswith("virt-agent/")
    ]


def named(text: str) -> Case:
    """The case that str() wrote."""
    name, _, path = text.partition(":")
    return Case(path, next(damage for damage in DAMAGES if damage.name == name))


@contextmanager
def damaged(root: Path, chosen: Iterable[Case], seed: int) -> Iterator[None]:
    """The guest with these damages, each the same for the same seed; whole again in the end."""
    once = {case.path: case for case in chosen}  # nothing is damaged twice
    before = {path: _content(root / path) for path in (*once, ERRORS)}
    try:
        for case in once.values():
            case.damage.make(root, case.path, Random(f"{seed} {case}"))
        yield
    finally:
        for path, content in before.items():
            _restore(root / path, content)


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _restore(file: Path, content: bytes | None) -> None:
    if content is not None:
        _write(file, content)
    elif file.is_symlink() or file.exists():
        _remove(file)
